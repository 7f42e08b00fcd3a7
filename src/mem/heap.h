/* SPDX-License-Identifier: Apache-2.0 */
/* Heap memory charged to the arena's budget with what malloc adds to it. Whoever frees says the
 * size again. Any thread. */
#ifndef MEM_HEAP_H
#define MEM_HEAP_H

#include <stdbool.h>

#include "base/alloc.h"
#include "flightkv/status.h"
#include "mem/arena.h"

struct heap {
    const struct alloc *alloc;
    struct arena *arena;
    /* Of a heap from heap_begin_own only, else false and 0. */
    bool is_own;
    size_t ahead_bytes; /* charged already, for what will be asked for */
};

/* A heap on the same budget for one thread at a time, which charges `heap_ahead_bytes` in the
 * beginning and keeps what is freed up to so much, so that what needs some small allocations for a
 * short time meets others at the arena's lock twice and not for each of them. What it gave may be
 * freed by the heap that it was made of. Without room it charges one by one, as others do. */
enum { heap_ahead_bytes = 8 << 10 };
struct heap heap_begin_own(const struct heap *heap);
void heap_end_own(struct heap *own); /* gives back what was charged ahead and isn't in use */

/* What an allocation of `size` bytes is charged with, and an aligned one. */
size_t heap_cost(size_t size);
size_t heap_aligned_cost(size_t size);

/* realloc(3) of memory from here or NULL. NULL: RESOURCE_EXHAUSTED, `pointer` is as it was. */
void *heap_resize(struct heap *heap, void *pointer, size_t old_size, size_t size,
                  struct fkv_error *error);
void heap_free(struct heap *heap, void *pointer, size_t size); /* NULL is allowed */

/* Aligned to block_alignment; to be freed by the second one. NULL: RESOURCE_EXHAUSTED. */
void *heap_get_aligned(struct heap *heap, size_t size, struct fkv_error *error);
void heap_free_aligned(struct heap *heap, void *pointer, size_t size); /* NULL is allowed */

/* An allocator that charges what it gives, for memory that grows as peers want. Up to
 * heap_uncharged_bytes_max an allocation stays out of the budget: a full store must still take a
 * request to delete its longest key, and small ones shall not meet at the arena's lock. Valid as
 * long as `heap`. */
enum { heap_uncharged_bytes_max = 8 << 10 };
struct alloc heap_charging_alloc(struct heap *heap);

#endif
