/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned memory is cut from a larger plain allocation, whose start is noted in the byte before:
 *
 *     | unused ... distance | aligned bytes ... | unused ... |
 *
 * aligned_alloc(3) would cost as much, and glibc can't put what it returns to use again for another
 * request of the same size and alignment: with a put's working memory freed after each table was
 * made, 2 KiB a key were lost. */
#include "store/heap.h"

#include "base/block.h"
#include "base/status.h"

/* glibc puts 8 bytes before an allocation and rounds to 16. 16 bytes more stand for whatever points
 * at it, such as a bucket of a map. */
enum { malloc_head = 8, malloc_rounding = 16, pointers = 16 };

size_t heap_cost(size_t size)
{
    return (size + malloc_head + malloc_rounding - 1) / malloc_rounding * malloc_rounding +
           pointers;
}

size_t heap_aligned_cost(size_t size)
{
    return heap_cost(size + block_alignment);
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

void *heap_get_aligned(struct heap *heap, size_t size, struct fkv_error *error)
{
    uint8_t *start = heap_resize(heap, NULL, 0, size + block_alignment, error);
    if (start == NULL)
        return NULL;
    size_t distance = block_alignment - (uintptr_t)start % block_alignment;
    start[distance - 1] = (uint8_t)distance;
    return start + distance;
}

void heap_free_aligned(struct heap *heap, void *pointer, size_t size)
{
    uint8_t *aligned = pointer;
    if (aligned != NULL)
        heap_free(heap, aligned - aligned[-1], size + block_alignment);
}
