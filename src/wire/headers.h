/* SPDX-License-Identifier: Apache-2.0 */
/* A list of header fields with the memory for their text, which never moves; and the encodings that
 * gRPC gives to values. */
#ifndef WIRE_HEADERS_H
#define WIRE_HEADERS_H

#include "base/alloc.h"
#include "wire/session.h"

struct wire_headers {
    const struct alloc *alloc;
    struct wire_pair *pairs;
    size_t count;
    size_t capacity;
    struct wire_text *texts; /* a list, newest first */
    size_t list_bytes;       /* as RFC 9113 section 6.5.2 counts */
};

enum { wire_field_overhead_bytes = 32 }; /* of one field, RFC 9113 section 6.5.2 */

/* What a field that came over the wire adds to its list. Values joined by commas count as the
 * fields that they stand for. */
size_t wire_headers_field_bytes(struct slice name, struct slice value);

void wire_headers_init(struct wire_headers *headers, const struct alloc *alloc);
void wire_headers_done(struct wire_headers *headers);
void wire_headers_clear(struct wire_headers *headers); /* invalidates all text */

/* Bytes that live as long as the headers; data NULL when out of memory. */
struct slice wire_headers_text(struct wire_headers *headers, struct slice bytes);

/* Adds a pair whose bytes outlive the headers, or copies of them. False when out of memory. */
bool wire_headers_refer(struct wire_headers *headers, struct slice name, struct slice value);
bool wire_headers_add(struct wire_headers *headers, struct slice name, struct slice value);

/* Adds metadata as it goes over the wire: the name in lower case, the value of a "-bin" name in
 * base64 without padding. INVALID_ARGUMENT for bytes that may not stand in a field. */
enum fkv_status wire_headers_encode(struct wire_headers *headers, struct slice name,
                                    struct slice value, struct fkv_error *error);

/* Adds metadata that came over the wire. A "-bin" value is base64, padded or not, and several
 * values may be joined by commas: each becomes a pair. INTERNAL for what isn't base64. */
enum fkv_status wire_headers_decode(struct wire_headers *headers, struct slice name,
                                    struct slice value, struct fkv_error *error);

static inline struct wire_metadata wire_headers_metadata(const struct wire_headers *headers)
{
    return (struct wire_metadata){headers->pairs, headers->count};
}

/* grpc-timeout: at most 8 digits and a unit, H M S m u n. A time that doesn't fit is for ever. */
bool wire_timeout_parse(struct slice text, uint64_t *ret_ns);
enum { wire_timeout_size = 16 };
void wire_timeout_text(uint64_t timeout_ns, char ret[wire_timeout_size]); /* rounded up */

#endif
