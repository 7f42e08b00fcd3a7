/* SPDX-License-Identifier: Apache-2.0 */
#include "store/internal.h"

static void unref_roots(struct part *const *roots, size_t count)
{
    for (size_t i = 0; i < count; i++)
        part_unref(roots[i]);
}

/* What the table is charged with beside its parts. */
static uint64_t own_cost(size_t own_bytes)
{
    return own_bytes > 0 ? heap_cost(own_bytes) : 0;
}

/* A table that lies in its leaf goes with it. */
static void table_free(struct block *block)
{
    struct table *table = table_of((struct store_table *)block);
    struct store *store = table->store;
    if (table->own_bytes == 0) {
        part_unref(table->roots[0]);
    } else {
        unref_roots(table->roots, table->root_count);
        arena_forget_stored(store->heap.arena, own_cost(table->own_bytes));
        heap_free(&store->heap, table, table->own_bytes);
    }
    atomic_fetch_sub(&store->tables, 1);
}

_Static_assert(offsetof(struct table, public) == 0 && offsetof(struct store_table, block) == 0,
               "table_free and table_of cast");

/* ---- making it ---- */

static size_t table_bytes(const struct store_put *put, size_t root_count)
{
    return sizeof(struct table) + root_count * sizeof(struct part *) + put->key.size +
           put->descriptor.size;
}

static struct slice copy(uint8_t *to, struct slice from)
{
    if (from.size > 0)
        memcpy(to, from.data, from.size);
    return slice_of(to, from.size);
}

static uint64_t sum_of_rows(uint64_t a, uint64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static void add_totals(struct store_table *public, const struct store_table *totals)
{
    public->rows = sum_of_rows(public->rows, totals->rows);
    public->batches += totals->batches;
    public->body_bytes += totals->body_bytes;
}

/* Takes the references on the roots over. */
static void fill(struct table *table, const struct store_put *put, struct part *const *roots,
                 size_t root_count, size_t own_bytes)
{
    *table = (struct table){.store = put->store, .own_bytes = own_bytes, .root_count = root_count};
    struct store_table *public = &table->public;
    block_init(&public->block, table, own_bytes, table_free);
    memcpy(table->roots, roots, root_count * sizeof(struct part *));
    uint8_t *bytes = (uint8_t *)(table->roots + root_count);
    public->key = copy(bytes, put->key);
    public->descriptor = copy(bytes + put->key.size, put->descriptor);
    public->memory_bytes = own_cost(own_bytes);
    if (own_bytes > 0)
        arena_note_stored(put->store->heap.arena, public->memory_bytes);
    for (size_t i = 0; i < root_count; i++) {
        public->messages += roots[i]->messages;
        public->memory_bytes += roots[i]->memory_bytes;
    }
    if (put->base != NULL)
        add_totals(public, &put->base->public);
    add_totals(public, &put->totals);
    memcpy(public->etag, put->totals.etag, sizeof public->etag);
    public->schema = store_table_message(public, 0).header;
    public->created_us = clock_wall_us();
    atomic_fetch_add(&put->store->tables, 1);
}

static enum fkv_status new_whole(struct store_put *put, struct table **ret, struct fkv_error *error)
{
    struct part *leaf;
    void *place;
    enum fkv_status status =
        part_new(put->store, &put->draft, table_bytes(put, 1), &leaf, &place, error);
    if (status != FKV_OK)
        return status;
    fill(place, put, &leaf, 1, 0);
    *ret = place;
    return FKV_OK;
}

static enum fkv_status new_appended(struct store_put *put, struct table **ret,
                                    struct fkv_error *error)
{
    struct part *roots[part_roots_max], *leaf;
    size_t count = put->base->root_count;
    void *nothing;
    struct table *table = NULL;
    enum fkv_status status = part_new(put->store, &put->draft, 0, &leaf, &nothing, error);
    if (status != FKV_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        roots[i] = put->base->roots[i];
        block_ref(&roots[i]->block);
    }
    status = part_add(roots, &count, leaf, error);
    size_t size = table_bytes(put, count);
    if (status == FKV_OK)
        table = heap_resize(&put->store->heap, NULL, 0, size, error);
    if (table == NULL) {
        unref_roots(roots, count);
        return FKV_RESOURCE_EXHAUSTED;
    }
    fill(table, put, roots, count, size);
    *ret = table;
    return FKV_OK;
}

enum fkv_status table_new(struct store_put *put, struct table **ret, struct fkv_error *error)
{
    return put->base == NULL ? new_whole(put, ret, error) : new_appended(put, ret, error);
}

/* The newest leaf is at the end of the last root. */
void table_own(struct table *table, struct store_put *put)
{
    struct part *part = table->roots[table->root_count - 1];
    while (part->rank > 0)
        part = part->halves[1];
    part_own(part, &put->draft, put->schema);
    put->schema = NULL;
}

/* ---- reading it ---- */

struct store_message store_table_message(const struct store_table *public, uint64_t index)
{
    const struct table *table = table_of(public);
    size_t i = 0;
    for (; index >= table->roots[i]->messages; i++)
        index -= table->roots[i]->messages;
    return draft_message(part_entry(table->roots[i], index));
}

uint64_t store_table_last_dictionary(const struct store_table *public, uint64_t end)
{
    const struct table *table = table_of(public);
    uint64_t first = 0, found = 0;
    for (size_t i = 0; i < table->root_count && first < end; i++) {
        uint64_t last = part_last_dictionary(table->roots[i], end - first);
        if (last > 0)
            found = first + last - 1;
        first += table->roots[i]->messages;
    }
    return found;
}

void store_table_unref(struct store_table *table)
{
    if (table != NULL)
        block_unref(&table->block);
}
