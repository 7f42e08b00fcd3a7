/* SPDX-License-Identifier: Apache-2.0 */
/* A message is digested as
 *
 *     16 bytes   the digest of all before it, in XXH's canonical (big-endian) form
 *      8 bytes   length of the header
 *      8 bytes   length of the app_metadata, all bits set when there is none
 *      8 bytes   length of the body           (lengths are little-endian)
 *                header, app_metadata, body
 *
 * and the schema, the first one, by its header alone; what else came with it counts as a message of
 * its own, so that no two sequences of messages feed the same bytes. */
#include "store/digest.h"

#define XXH_STATIC_LINKING_ONLY /* shows the size of XXH3_state_t */
#include <xxhash.h>
/* The library's functions that choose AVX2 or AVX-512 at run time: two to three times faster. It
 * installs their header where it was built with them. */
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>
#endif

_Static_assert(sizeof(XXH3_state_t) <= digest_state_size, "digest_state_size is too small");
_Static_assert(sizeof(XXH128_canonical_t) == digest_size, "a digest has 128 bits");

static XXH3_state_t *state_of(struct digest *digest)
{
    return (XXH3_state_t *)(void *)digest->state;
}

static void add(struct digest *digest, struct slice bytes)
{
    if (bytes.size > 0)
        XXH3_128bits_update(state_of(digest), bytes.data, bytes.size);
}

void digest_schema(struct digest *digest, struct slice header)
{
    XXH3_128bits_reset(state_of(digest));
    add(digest, header);
}

void digest_begin(struct digest *digest, const struct store_message *message, size_t body_bytes)
{
    uint8_t lengths[24];
    store_le64(lengths, message->header.size);
    store_le64(lengths + 8, message->has_app_metadata ? message->app_metadata.size : UINT64_MAX);
    store_le64(lengths + 16, body_bytes);
    XXH3_128bits_reset(state_of(digest));
    add(digest, slice_of(digest->value, sizeof digest->value));
    add(digest, slice_of(lengths, sizeof lengths));
    add(digest, message->header);
    add(digest, message->app_metadata);
}

void digest_body(struct digest *digest, struct slice bytes)
{
    add(digest, bytes);
}

void digest_end(struct digest *digest)
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_of(digest)));
    memcpy(digest->value, canonical.digest, sizeof digest->value);
}

static uint8_t digit_value(char digit)
{
    return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

void digest_resume(struct digest *digest, const char etag[store_etag_size + 1])
{
    for (size_t i = 0; i < digest_size; i++)
        digest->value[i] = (uint8_t)(digit_value(etag[2 * i]) << 4 | digit_value(etag[2 * i + 1]));
}

void digest_text(const struct digest *digest, char ret[store_etag_size + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < digest_size; i++) {
        ret[2 * i] = digits[digest->value[i] >> 4];
        ret[2 * i + 1] = digits[digest->value[i] & 15];
    }
    ret[store_etag_size] = '\0';
}

uint64_t digest_key(struct slice key, uint64_t seed)
{
    return XXH3_64bits_withSeed(key.data, key.size, seed);
}
