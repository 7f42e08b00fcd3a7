/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned memory is cut from a larger plain allocation, whose start is noted in the byte before:
 *
 *     | unused ... distance | aligned bytes ... | unused ... |
 *
 * aligned_alloc(3) would cost as much, and glibc can't put what it returns to use again for another
 * request of the same size and alignment: with a put's working memory freed after each table was
 * made, 2 KiB a key were lost.
 *
 * What the charging allocator gives has its size before it, since free(3) isn't told it. */
#include "mem/heap.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

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

/* ---- charging ---- */

static enum fkv_status charge(struct heap *heap, size_t bytes, struct fkv_error *error)
{
    if (bytes == 0)
        return FKV_OK;
    if (!heap->is_own)
        return arena_charge(heap->arena, bytes, error);
    if (heap->ahead_bytes >= bytes) {
        heap->ahead_bytes -= bytes;
        return FKV_OK;
    }
    if (heap->ahead_bytes > 0 && arena_charge(heap->arena, bytes, NULL) == FKV_OK)
        return FKV_OK;
    heap_end_own(heap); /* what is ahead may be what is missing */
    return arena_charge(heap->arena, bytes, error);
}

static void discharge(struct heap *heap, size_t bytes)
{
    if (bytes == 0)
        return;
    if (heap->is_own && bytes <= heap_ahead_bytes - heap->ahead_bytes)
        heap->ahead_bytes += bytes;
    else
        arena_discharge(heap->arena, bytes);
}

struct heap heap_begin_own(const struct heap *heap)
{
    struct heap own = {.alloc = heap->alloc, .arena = heap->arena, .is_own = true};
    if (arena_charge(own.arena, heap_ahead_bytes, NULL) == FKV_OK)
        own.ahead_bytes = heap_ahead_bytes;
    return own;
}

void heap_end_own(struct heap *own)
{
    if (own->ahead_bytes > 0)
        arena_discharge(own->arena, own->ahead_bytes);
    own->ahead_bytes = 0;
}

/* ---- allocating ---- */

void *heap_resize(struct heap *heap, void *pointer, size_t old_size, size_t size,
                  struct fkv_error *error)
{
    /* Both may exist while realloc copies, so both are charged meanwhile. */
    if (charge(heap, heap_cost(size), error) != FKV_OK)
        return NULL;
    void *resized = alloc_resize(heap->alloc, pointer, size);
    if (resized == NULL) {
        discharge(heap, heap_cost(size));
        status_no_memory(error, size);
    } else if (pointer != NULL) {
        discharge(heap, heap_cost(old_size));
    }
    return resized;
}

void heap_free(struct heap *heap, void *pointer, size_t size)
{
    if (pointer == NULL)
        return;
    alloc_free(heap->alloc, pointer);
    discharge(heap, heap_cost(size));
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

/* ---- the charging allocator ---- */

struct sized {
    alignas(max_align_t) size_t size; /* of the bytes behind this */
    size_t head;                      /* bytes from the allocation's begin to them */
};

static struct sized *sized_of(void *pointer)
{
    return pointer == NULL ? NULL : (struct sized *)pointer - 1;
}

static size_t charge_of(const struct sized *sized)
{
    bool is_charged = sized != NULL && sized->size > heap_uncharged_bytes_max;
    return is_charged ? heap_cost(sized->head + sized->size) : 0;
}

/* As in heap_resize, both are charged while both may exist. */
static void *charging_resize(void *context, void *pointer, size_t size)
{
    struct heap *heap = context;
    const struct sized wanted = {.size = size, .head = sizeof wanted};
    struct sized *old = sized_of(pointer);
    size_t old_charge = charge_of(old);
    if (size > SIZE_MAX / 2 || charge(heap, charge_of(&wanted), NULL) != FKV_OK)
        return NULL;
    struct sized *resized = alloc_resize(heap->alloc, old, sizeof *resized + size);
    if (resized == NULL) {
        discharge(heap, charge_of(&wanted));
        return NULL;
    }
    *resized = wanted;
    discharge(heap, old_charge);
    return resized + 1;
}

static void charging_free(void *context, void *pointer)
{
    struct heap *heap = context;
    struct sized *sized = sized_of(pointer);
    if (sized == NULL)
        return;
    size_t charged = charge_of(sized);
    alloc_free(heap->alloc, (uint8_t *)pointer - sized->head);
    discharge(heap, charged);
}

/* The head takes as much as keeps what follows aligned. */
static void *charging_aligned(void *context, size_t alignment, size_t size)
{
    struct heap *heap = context;
    size_t head = alignment > sizeof(struct sized) ? alignment : sizeof(struct sized);
    const struct sized wanted = {.size = size, .head = head};
    if (size > SIZE_MAX / 2 || charge(heap, charge_of(&wanted), NULL) != FKV_OK)
        return NULL;
    uint8_t *start = alloc_aligned(heap->alloc, alignment, head + size);
    if (start == NULL) {
        discharge(heap, charge_of(&wanted));
        return NULL;
    }
    struct sized *sized = (struct sized *)(void *)(start + head) - 1;
    *sized = wanted;
    return start + head;
}

struct alloc heap_charging_alloc(struct heap *heap)
{
    return (struct alloc){charging_resize, charging_free, charging_aligned, heap};
}
