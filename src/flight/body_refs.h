/* SPDX-License-Identifier: Apache-2.0 */
/* Where a message's body lies in the server's arena, as FlightData's body_refs says it: entries of
 * three little-endian numbers, ascending and apart in the body. What no entry is for comes as
 * data_body, in order.
 *
 *     body        | ref 0        | data_body | ref 1  | ref 2       | data_body |
 *     body_refs   | body offset, arena offset, size | ...            8 bytes each
 */
#ifndef FLIGHT_BODY_REFS_H
#define FLIGHT_BODY_REFS_H

#include "base/buf.h"
#include "base/slice.h"
#include "flightkv/status.h"

struct flight_ref {
    uint64_t body_offset;
    uint64_t arena_offset;
    uint64_t size;
};

enum { flight_ref_bytes = 24 };

bool flight_refs_add(struct buf *refs, const struct flight_ref *ref);

/* Checks what a server sent: every entry inside a map of `map_bytes`, and inside the body that the
 * entries make together with `inline_bytes` of data_body, whose size is *ret_bytes.
 * INVALID_ARGUMENT says what is wrong. */
enum fkv_status flight_refs_check(struct slice refs, uint64_t map_bytes, uint64_t inline_bytes,
                                  uint64_t *ret_bytes, struct fkv_error *error);

static inline size_t flight_refs_count(struct slice refs)
{
    return refs.size / flight_ref_bytes;
}

struct flight_ref flight_refs_at(struct slice refs, size_t index);

#endif
