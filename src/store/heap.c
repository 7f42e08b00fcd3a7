/* SPDX-License-Identifier: Apache-2.0 */
#include "store/heap.h"

#include "base/block.h"
#include "base/status.h"

/* glibc puts 8 bytes before an allocation, rounds to 16, and an aligned one loses some 24 on
 * average in gaps that fit nothing else. */
enum { malloc_overhead = 32, malloc_rounding = 16 };

size_t heap_cost(size_t size)
{
    return (size + malloc_rounding - 1) / malloc_rounding * malloc_rounding + malloc_overhead;
}

void *heap_get(struct heap *heap, size_t size, struct fkv_error *error)
{
    if (arena_charge(heap->arena, heap_cost(size), error) != FKV_OK)
        return NULL;
    void *pointer = alloc_aligned(heap->alloc, block_alignment, size);
    if (pointer == NULL) {
        arena_discharge(heap->arena, heap_cost(size));
        status_no_memory(error, size);
    }
    return pointer;
}

void *heap_resize(struct heap *heap, void *pointer, size_t old_size, size_t size,
                  struct fkv_error *error)
{
    /* Both may exist while realloc copies, so both are charged meanwhile. */
    if (arena_charge(heap->arena, heap_cost(size), error) != FKV_OK)
        return NULL;
    void *resized = alloc_resize(heap->alloc, pointer, size);
    if (resized == NULL) {
        arena_discharge(heap->arena, heap_cost(size));
        status_no_memory(error, size);
    } else if (pointer != NULL) {
        arena_discharge(heap->arena, heap_cost(old_size));
    }
    return resized;
}

void heap_free(struct heap *heap, void *pointer, size_t size)
{
    if (pointer == NULL)
        return;
    alloc_free(heap->alloc, pointer);
    arena_discharge(heap->arena, heap_cost(size));
}
