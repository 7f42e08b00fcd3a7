/* SPDX-License-Identifier: Apache-2.0 */
#include "store/internal.h"

static void table_free(struct block *block)
{
    struct table *table = table_of((struct store_table *)block);
    struct store *store = table->store;
    struct heap *heap = &store->heap;
    arena_forget_table(heap->arena, table->public.memory_bytes);
    for (size_t i = 0; i < table->extent_count; i++)
        arena_give(heap->arena, &table->extents[i]);
    schemas_unref(&store->schemas, table->schema);
    heap_free_aligned(heap, table, table->home_size);
    atomic_fetch_sub(&store->tables, 1);
}

_Static_assert(offsetof(struct table, public) == 0 && offsetof(struct store_table, block) == 0,
               "table_free and table_of cast");

/* ---- laying it out ---- */

struct layout {
    size_t entries, extents, key, descriptor, packed; /* offsets */
    size_t size;
};

static struct layout layout_of(const struct table_parts *parts)
{
    const struct draft *draft = parts->draft;
    struct layout layout = {.entries = sizeof(struct table)};
    layout.extents = layout.entries + draft->entry_count * sizeof *draft->entries;
    layout.key = layout.extents + draft->extent_count * sizeof *draft->extents;
    layout.descriptor = layout.key + parts->key.size;
    layout.packed = layout.descriptor + parts->descriptor.size;
    layout.packed = (layout.packed + block_alignment - 1) / block_alignment * block_alignment;
    layout.size = layout.packed + draft->packed_used;
    return layout;
}

_Static_assert(sizeof(struct table) % 8 == 0 && sizeof(struct entry) % 8 == 0 &&
                   alignof(struct table) <= 8,
               "entries and extents lie aligned behind the table");

static struct slice copy(uint8_t *to, const void *from, size_t size)
{
    if (size > 0)
        memcpy(to, from, size);
    return slice_of(to, size);
}

static void fill(struct table *table, const struct table_parts *parts, struct layout layout)
{
    struct draft *draft = parts->draft;
    uint8_t *home = (uint8_t *)table;
    struct entry *entries = (struct entry *)(void *)(home + layout.entries);
    copy((uint8_t *)entries, draft->entries, draft->entry_count * sizeof *entries);
    copy(home + layout.packed, draft->packed, draft->packed_used);
    draft_rebase(entries, draft->entry_count, draft->packed, draft->packed_used,
                 home + layout.packed);
    table->entries = entries;
    table->extents = (struct arena_extent *)(void *)(home + layout.extents);
    table->extent_count = draft->extent_count;
    copy((uint8_t *)table->extents, draft->extents, draft->extent_count * sizeof *draft->extents);
    struct store_table *public = &table->public;
    public->key = copy(home + layout.key, parts->key.data, parts->key.size);
    public->descriptor =
        copy(home + layout.descriptor, parts->descriptor.data, parts->descriptor.size);
    public->schema = draft_message(&entries[0]).header;
    public->messages = draft->entry_count;
    public->memory_bytes = heap_aligned_cost(layout.size);
    for (size_t i = 0; i < table->extent_count; i++)
    public->memory_bytes += table->extents[i].charged;
}

enum fkv_status table_new(struct store *store, const struct table_parts *parts, struct table **ret,
                          struct fkv_error *error)
{
    struct layout layout = layout_of(parts);
    struct table *table = heap_get_aligned(&store->heap, layout.size, error);
    if (table == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    *table = (struct table){.store = store, .schema = parts->schema, .home_size = layout.size};
    struct store_table *public = &table->public;
    block_init(&public->block, table, layout.size, table_free);
    memcpy(public->etag, parts->totals->etag, sizeof public->etag);
    public->rows = parts->totals->rows;
    public->batches = parts->totals->batches;
    public->body_bytes = parts->totals->body_bytes;
    public->created_us = clock_wall_us();
    fill(table, parts, layout);
    parts->draft->extent_count = 0;
    atomic_fetch_add(&store->tables, 1);
    *ret = table;
    return FKV_OK;
}

/* ---- reading it ---- */

struct store_message store_table_message(const struct store_table *table, uint64_t index)
{
    return draft_message(&table_of(table)->entries[index]);
}

void store_table_unref(struct store_table *table)
{
    if (table != NULL)
        block_unref(&table->block);
}
