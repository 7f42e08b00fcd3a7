/* SPDX-License-Identifier: Apache-2.0 */
#include "base/block.h"

#include <assert.h>

/* The bytes follow the head in one allocation. */
enum {
    head_size = (sizeof(struct block) + block_alignment - 1) / block_alignment * block_alignment
};

static void block_free_heap(struct block *block)
{
    alloc_free(block->alloc, block);
}

struct block *block_new(const struct alloc *alloc, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    struct block *block = alloc_aligned(alloc, block_alignment, head_size + size);
    if (block == NULL)
        return NULL;
    block_init(block, (uint8_t *)block + head_size, size, block_free_heap);
    block->alloc = alloc;
    return block;
}

void block_init(struct block *block, void *data, size_t size, void (*free)(struct block *block))
{
    atomic_init(&block->refs, 1);
    block->data = data;
    block->size = size;
    block->free = free;
    block->alloc = NULL;
}

struct block *block_ref(struct block *block)
{
    size_t before = atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
    assert(before > 0);
    (void)before;
    return block;
}

void block_unref(struct block *block)
{
    if (block == NULL)
        return;
    size_t before = atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before == 1)
        block->free(block);
}

bool block_is_mine(const struct block *block)
{
    return atomic_load_explicit(&block->refs, memory_order_acquire) == 1;
}
