/* SPDX-License-Identifier: Apache-2.0 */
/* Handshakes: tokens that then go with every call. */
#include <stdlib.h>
#include <strings.h>

#include "base/status.h"
#include "base/text.h"
#include "client/flight_ask.h"

static enum fkv_status shake_hands(struct client_request *request, struct slice payload,
                                   struct fkv_bytes **ret, struct fkv_error *error)
{
    const struct flight_handshake handshake = {.payload = payload};
    struct client_answers answers = {.decode = client_decode_payload};
    void *message;
    enum fkv_status status = flight_handshake_encode(&handshake, &request->bytes, error);
    if (status == FKV_OK)
        status =
            client_request_one(request, CLIENT_PATH("Handshake"), &answers, true, &message, error);
    if (status == FKV_OK && ret != NULL)
        *ret = message;
    else if (status == FKV_OK)
        fkv_flight_free(message);
    return status;
}

enum fkv_status fkv_flight_handshake(struct fkv_client *client, struct fkv_bytes payload,
                                     const struct fkv_flight_call_options *options,
                                     struct fkv_bytes **ret, struct fkv_error *error)
{
    struct client_request request;
    enum fkv_status status = client_request_init(&request, client, options, error);
    if (status == FKV_OK)
        status = shake_hands(&request, exchange_slice(payload), ret, error);
    client_request_done(&request);
    return status;
}

/* Of a handshake that had user and password: that they were to be given is no help. */
static enum fkv_status drop_user_hint(enum fkv_status status, struct fkv_error *error)
{
    if (status == FKV_UNAUTHENTICATED && error != NULL)
        error->hint = FKV_HINT_NONE;
    return status;
}

/* ---- user and password in the payload ---- */

enum fkv_status fkv_flight_authenticate(struct fkv_client *client, const char *user,
                                        const char *password, struct fkv_error *error)
{
    const struct flight_basic_auth auth = {slice_text(user), slice_text(password)};
    struct fkv_bytes *token = NULL;
    struct buf payload;
    buf_init(&payload, client->alloc, SIZE_MAX);
    enum fkv_status status = flight_basic_auth_encode(&auth, &payload, error);
    if (status == FKV_OK)
        status =
            fkv_flight_handshake(client, exchange_bytes(buf_slice(&payload)), NULL, &token, error);
    if (status == FKV_OK && token == NULL)
        status = status_set(error, FKV_UNAUTHENTICATED, "the server's handshake gave no token");
    if (status == FKV_OK)
        status = fkv_flight_client_header(client, "auth-token-bin", *token, error);
    fkv_flight_free(token);
    buf_done(&payload);
    return drop_user_hint(status, error);
}

/* ---- user and password in the headers ---- */

struct bearer {
    struct buf authorization; /* as the server gave it */
    uint64_t *ret_lifetime_ns;
};

static void take_lifetime(struct slice value, uint64_t *ret_ns)
{
    char text[32] = "";
    if (value.size < sizeof text)
        memcpy(text, value.data, value.size);
    text_parse_duration(text, ret_ns); /* else untouched */
}

static void on_header(void *context, struct fkv_bytes name, struct fkv_bytes value)
{
    struct bearer *bearer = context;
    static const char scheme[] = "Bearer ";
    bool is_bearer = slice_is(exchange_slice(name), "authorization") &&
                     value.size > strlen(scheme) &&
                     strncasecmp(value.data, scheme, strlen(scheme)) == 0;
    if (is_bearer && bearer->authorization.size == 0)
        buf_append(&bearer->authorization, value.data, value.size);
    if (slice_is(exchange_slice(name), "flightkv-token-lifetime"))
        take_lifetime(exchange_slice(value), bearer->ret_lifetime_ns);
}

static bool encode_basic(const struct alloc *alloc, const char *user, const char *password,
                         struct buf *ret)
{
    struct buf plain;
    buf_init(&plain, alloc, SIZE_MAX);
    bool is_done = buf_text(&plain, user) && buf_byte(&plain, ':') && buf_text(&plain, password) &&
                   buf_text(ret, "Basic ") && text_base64(ret, buf_slice(&plain), true);
    buf_done(&plain);
    return is_done;
}

enum fkv_status fkv_flight_authenticate_basic(struct fkv_client *client, const char *user,
                                              const char *password, struct fkv_error *error)
{
    uint64_t lifetime_ns;
    return client_authenticate(client, user, password, &lifetime_ns, error);
}

enum fkv_status client_authenticate(struct fkv_client *client, const char *user,
                                    const char *password, uint64_t *ret_lifetime_ns,
                                    struct fkv_error *error)
{
    struct bearer bearer = {.ret_lifetime_ns = ret_lifetime_ns};
    struct buf basic;
    buf_init(&bearer.authorization, client->alloc, SIZE_MAX);
    buf_init(&basic, client->alloc, SIZE_MAX);
    enum fkv_status status = FKV_OK;
    if (!encode_basic(client->alloc, user, password, &basic))
        status = status_no_memory(error, strlen(user) + strlen(password));
    const struct fkv_flight_header header = {"authorization", exchange_bytes(buf_slice(&basic))};
    const struct fkv_flight_call_options options = {.size = sizeof options,
                                                    .headers = &header,
                                                    .header_count = 1,
                                                    .on_header = on_header,
                                                    .context = &bearer};
    if (status == FKV_OK)
        status = fkv_flight_handshake(client, (struct fkv_bytes){NULL, 0}, &options, NULL, error);
    if (status == FKV_OK && bearer.authorization.size == 0)
        status =
            status_set(error, FKV_UNAUTHENTICATED, "the server's handshake gave no bearer token");
    if (status == FKV_OK)
        status = fkv_flight_client_header(client, "authorization",
                                          exchange_bytes(buf_slice(&bearer.authorization)), error);
    buf_done(&basic);
    buf_done(&bearer.authorization);
    return drop_user_hint(status, error);
}
