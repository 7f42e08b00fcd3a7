/* SPDX-License-Identifier: Apache-2.0 */
#include "service/memory.h"

#include <stdatomic.h>

#include "base/block.h"
#include "base/status.h"
#include "mem/heap.h"

struct service_memory {
    const struct alloc *alloc;
    const struct clock *clock;
    struct arena *arena;
    struct heap heap;
    struct alloc charging; /* over `heap` */
    struct alloc counting; /* over `charging`, with a reference for each allocation */
    atomic_size_t refs;
};

static void ref(struct service_memory *memory)
{
    atomic_fetch_add_explicit(&memory->refs, 1, memory_order_relaxed);
}

static void unref(struct service_memory *memory)
{
    if (atomic_fetch_sub_explicit(&memory->refs, 1, memory_order_acq_rel) != 1)
        return;
    arena_free(memory->arena);
    alloc_free(memory->alloc, memory);
}

/* ---- the heap ---- */

static void *counting_resize(void *context, void *pointer, size_t size)
{
    struct service_memory *memory = context;
    void *resized = alloc_resize(&memory->charging, pointer, size);
    if (pointer == NULL && resized != NULL)
        ref(memory);
    return resized;
}

static void counting_free(void *context, void *pointer)
{
    struct service_memory *memory = context;
    if (pointer == NULL)
        return;
    alloc_free(&memory->charging, pointer);
    unref(memory);
}

static void *counting_aligned(void *context, size_t alignment, size_t size)
{
    struct service_memory *memory = context;
    void *pointer = alloc_aligned(&memory->charging, alignment, size);
    if (pointer != NULL)
        ref(memory);
    return pointer;
}

const struct alloc *service_memory_alloc(struct service_memory *memory)
{
    return &memory->counting;
}

/* ---- bodies ---- */

/* Smaller ones follow their head: an extent is of whole pages. */
enum { extent_bytes_least = 64 << 10 };

struct body {
    struct block block;
    struct service_memory *memory;
    struct arena_extent extent; /* data NULL: none */
};

enum {
    head_size = (sizeof(struct body) + block_alignment - 1) / block_alignment * block_alignment
};

static size_t heap_size(size_t size)
{
    return size < extent_bytes_least ? head_size + size : head_size;
}

static void free_body(struct block *block)
{
    struct body *body = (struct body *)(void *)block;
    struct service_memory *memory = body->memory;
    if (body->extent.data != NULL)
        arena_give(memory->arena, &body->extent);
    heap_free_aligned(&memory->heap, body, heap_size(block->size));
    unref(memory);
}

static enum fkv_status get_body(void *context, size_t size, struct block **ret,
                                struct fkv_error *error)
{
    struct service_memory *memory = context;
    struct arena_extent extent = {.data = NULL};
    enum fkv_status status = FKV_OK;
    if (size >= extent_bytes_least)
        status = arena_take(memory->arena, size, &extent, error);
    if (status != FKV_OK)
        return status;
    struct body *body = heap_get_aligned(&memory->heap, heap_size(size), error);
    if (body == NULL) {
        if (extent.data != NULL)
            arena_give(memory->arena, &extent);
        return FKV_RESOURCE_EXHAUSTED;
    }
    ref(memory);
    body->memory = memory;
    body->extent = extent;
    uint8_t *data = extent.data != NULL ? extent.data : (uint8_t *)body + head_size;
    block_init(&body->block, data, size, free_body);
    *ret = &body->block;
    return FKV_OK;
}

static enum fkv_status fill_body(void *context, struct block *block, size_t bytes,
                                 struct fkv_error *error)
{
    struct service_memory *memory = context;
    struct body *body = (struct body *)(void *)block;
    if (body->extent.data == NULL || bytes <= body->extent.charged)
        return FKV_OK;
    return arena_commit(memory->arena, &body->extent, bytes, error);
}

struct exchange_memory service_memory_bodies(struct service_memory *memory)
{
    return (struct exchange_memory){get_body, fill_body, memory};
}

/* ---- the whole ---- */

enum fkv_status service_memory_new(const struct alloc *alloc, const struct clock *clock,
                                   const struct fkv_server_config *config, bool has_threads,
                                   struct service_memory **ret, struct fkv_error *error)
{
    const struct arena_options options = {.budget_bytes = config->memory_bytes,
                                          .warm_bytes_max = config->warm_bytes,
                                          .warm_idle_ns = config->warm_idle_ns,
                                          .holders = "what clients have sent",
                                          .ahead_bytes_max = has_threads ? arena_ahead_bytes : 0,
                                          .reserve_bytes = has_threads ? config->warm_bytes : 0,
                                          .huge_pages_clock =
                                              config->huge_pages != 0 ? clock : NULL};
    struct service_memory *memory = alloc_zero(alloc, sizeof *memory);
    if (memory == NULL)
        return status_no_memory(error, sizeof *memory);
    enum fkv_status status = arena_new(alloc, &options, &memory->arena, error);
    if (status != FKV_OK) {
        alloc_free(alloc, memory);
        return status;
    }
    memory->alloc = alloc;
    memory->clock = clock;
    memory->heap = (struct heap){.alloc = alloc, .arena = memory->arena};
    memory->charging = heap_charging_alloc(&memory->heap);
    memory->counting = (struct alloc){counting_resize, counting_free, counting_aligned, memory};
    atomic_init(&memory->refs, 1);
    *ret = memory;
    return FKV_OK;
}

void service_memory_close(struct service_memory *memory)
{
    if (memory != NULL)
        unref(memory);
}

void service_memory_trim(void *context)
{
    struct service_memory *memory = context;
    arena_trim(memory->arena, clock_now_ns(memory->clock));
}

struct arena_stats service_memory_stats(struct service_memory *memory)
{
    return arena_stats(memory->arena);
}
