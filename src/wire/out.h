/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of one call that wait for their DATA frames: each a 5-byte prefix (0, then the
 * length, big-endian) and its bytes. The prefix is written when the length is known, at the end. */
#ifndef WIRE_OUT_H
#define WIRE_OUT_H

#include "wire/pieces.h"
#include "wire/session.h"

struct wire_out {
    struct wire_pieces pieces;
    struct wire_copier *copier; /* the session's */
    uint8_t *prefix;            /* of the message being built; NULL when none is */
    size_t start_count;         /* pieces before that message */
    uint64_t start_bytes;
    uint64_t messages; /* completed */
    bool has_failed;
};

enum { wire_prefix_bytes = 5 };

void wire_out_init(struct wire_out *out, const struct alloc *alloc, struct wire_copier *copier);
void wire_out_done(struct wire_out *out);
void wire_out_clear(struct wire_out *out); /* as after init; the pieces' memory stays */

/* Drops the message being built. */
void wire_out_abort(struct wire_out *out);

#endif
