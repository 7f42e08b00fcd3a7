/* SPDX-License-Identifier: Apache-2.0 */
/* A block is owned, counted bytes. Whoever holds a reference may read the bytes until giving it
 * back; the last unref calls `free`, on whichever thread that happens. Other counted objects (a
 * stored table, a foreign Arrow array) embed a block to keep slices of themselves alive while the
 * bytes wait to be sent. */
#ifndef BASE_BLOCK_H
#define BASE_BLOCK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/slice.h"

struct block {
    atomic_size_t refs;
    uint8_t *data; /* of block_new: 64-byte aligned, as the Arrow columnar format recommends */
    size_t size;
    void (*free)(struct block *block);
    const struct alloc *alloc;
};

enum { block_alignment = 64 };

/* One reference, uninitialised bytes; NULL when out of memory. */
struct block *block_new(const struct alloc *alloc, size_t size);

/* For embedding: one reference; `free` gets the block when the last one goes. */
void block_init(struct block *block, void *data, size_t size, void (*free)(struct block *block));

struct block *block_ref(struct block *block);
void block_unref(struct block *block); /* NULL is allowed */

/* Whether the caller's is the only reference: then the bytes may be written again. */
bool block_is_mine(const struct block *block);

static inline struct slice block_slice(const struct block *block)
{
    return slice_of(block->data, block->size);
}

#endif
