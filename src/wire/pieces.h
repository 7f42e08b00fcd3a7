/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of bytes on their way out, as pieces that say who owns them; and the copier, which gives
 * small bytes an owner without an allocation each. */
#ifndef WIRE_PIECES_H
#define WIRE_PIECES_H

#include <stdbool.h>
#include <sys/uio.h>

#include "base/alloc.h"
#include "base/block.h"
#include "base/slice.h"

struct wire_piece {
    struct slice bytes;
    struct block *owner; /* one reference; NULL for static bytes */
};

/* A ring of pieces, oldest first. */
struct wire_pieces {
    const struct alloc *alloc;
    struct wire_piece *ring;
    size_t capacity; /* a power of two, or 0 */
    size_t start;
    size_t count;
    uint64_t bytes; /* of all pieces */
};

void wire_pieces_init(struct wire_pieces *pieces, const struct alloc *alloc);
void wire_pieces_done(struct wire_pieces *pieces);
void wire_pieces_clear(struct wire_pieces *pieces);

/* Takes over one reference to `owner`, also when it fails (out of memory). */
bool wire_pieces_push(struct wire_pieces *pieces, struct slice bytes, struct block *owner);

/* The newest one; NULL when there is none. */
struct wire_piece *wire_pieces_last(struct wire_pieces *pieces);

/* Takes the newest pieces off until `count` are left. */
void wire_pieces_cut(struct wire_pieces *pieces, size_t count);

/* Moves the oldest `bytes` bytes, which must be there. On failure some of them were moved. */
bool wire_pieces_move(struct wire_pieces *from, struct wire_pieces *to, uint64_t bytes);

/* Takes the oldest `bytes` bytes off, which must be there. */
void wire_pieces_drop(struct wire_pieces *pieces, uint64_t bytes);

/* The oldest bytes, at most `bytes_max`; gives the number of entries. */
size_t wire_pieces_iov(const struct wire_pieces *pieces, struct iovec *iov, size_t capacity,
                       uint64_t bytes_max);

enum {
    /* Holds the frame heads, prefixes and message heads of some dozens of frames. */
    wire_copy_block_bytes = 16 << 10,
    /* One is written to while the other waits for the socket. */
    wire_copy_blocks = 2,
};

struct wire_copier {
    const struct alloc *alloc;
    struct block *blocks[wire_copy_blocks];
    unsigned current;
    size_t used; /* of the current block */
};

void wire_copier_init(struct wire_copier *copier, const struct alloc *alloc);
void wire_copier_done(struct wire_copier *copier);

/* Room for `size` bytes; *ret_owner is a reference that keeps them. NULL when out of memory. */
uint8_t *wire_copier_take(struct wire_copier *copier, size_t size, struct block **ret_owner);

#endif
