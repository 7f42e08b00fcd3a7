/* SPDX-License-Identifier: Apache-2.0 */
#include "server/credentials.h"

#include <strings.h>

#include "base/buf.h"
#include "base/status.h"
#include "base/text.h"
#include "flight/messages.h"

/* Decoding a BasicAuth needs memory for two small structs. */
enum { handshake_memory_max = 64 << 10 };

static bool copy_text(char *to, size_t bytes_max, struct slice text)
{
    if (text.size > bytes_max || (text.size > 0 && memchr(text.data, 0, text.size) != NULL))
        return false;
    if (text.size > 0)
        memcpy(to, text.data, text.size);
    to[text.size] = '\0';
    return true;
}

static void set(struct credentials *ret, struct slice name, struct slice password)
{
    *ret = (struct credentials){0};
    if (!copy_text(ret->password, password_bytes_max, password) ||
        !copy_text(ret->name, user_name_bytes_max, name))
        ret->name[0] = '\0';
}

static struct slice behind_scheme(struct slice authorization, const char *scheme)
{
    size_t size = strlen(scheme);
    if (authorization.size <= size || authorization.data[size] != ' ' ||
        strncasecmp((const char *)authorization.data, scheme, size) != 0)
        return slice_of(NULL, 0);
    while (size < authorization.size && authorization.data[size] == ' ')
        size++;
    return slice_part(authorization, size, authorization.size - size);
}

struct slice credentials_of_scheme(struct wire_metadata metadata, const char *scheme)
{
    struct slice rest = slice_of(NULL, 0);
    for (size_t i = 0; i < metadata.count && rest.data == NULL; i++)
        if (slice_is(metadata.pairs[i].name, "authorization"))
            rest = behind_scheme(metadata.pairs[i].value, scheme);
    return rest;
}

enum fkv_status credentials_from_basic(struct slice encoded, struct credentials *ret,
                                       struct fkv_error *error)
{
    struct buf decoded;
    buf_init(&decoded, alloc_system(), encoded.size);
    bool is_base64 = text_unbase64(&decoded, encoded);
    struct slice pair = buf_slice(&decoded);
    const uint8_t *colon = pair.size > 0 ? memchr(pair.data, ':', pair.size) : NULL;
    bool is_pair = is_base64 && colon != NULL;
    if (is_pair) {
        struct slice name = slice_take(&pair, (size_t)(colon - pair.data));
        slice_take(&pair, 1);
        set(ret, name, pair);
    }
    if (decoded.data != NULL)
        explicit_bzero(decoded.data, decoded.capacity);
    buf_done(&decoded);
    return is_pair ? FKV_OK
                   : status_set(error, FKV_INVALID_ARGUMENT,
                                "what follows 'authorization: Basic' is not the base64 of "
                                "NAME:PASSWORD");
}

enum fkv_status credentials_from_handshake(struct slice message, struct credentials *ret,
                                           struct fkv_error *error)
{
    struct flight_memory memory;
    flight_memory_init(&memory, alloc_system(), handshake_memory_max);
    struct flight_handshake handshake;
    struct flight_basic_auth auth;
    enum fkv_status status = flight_handshake_decode(&memory, message, &handshake, error);
    if (status == FKV_OK && handshake.payload.size == 0)
        status = status_set(error, FKV_UNAUTHENTICATED,
                            "the handshake has no credentials, expected a BasicAuth as its payload "
                            "or 'authorization: Basic'");
    if (status == FKV_OK &&
        (status = flight_basic_auth_decode(&memory, handshake.payload, &auth, error)) != FKV_OK)
        status_prefix(error, status, "the handshake's payload must be a BasicAuth message");
    if (status == FKV_OK)
        set(ret, auth.username, auth.password);
    flight_memory_done(&memory);
    return status;
}
