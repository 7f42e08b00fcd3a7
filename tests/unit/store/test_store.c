/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdlib.h>

#include "store/internal.h"

static void put(struct fixture *f, const char *key, uint64_t seed, size_t batches,
                size_t body_bytes)
{
    struct fkv_error error;
    assert_ok(put_table(f->store, key, seed, batches, body_bytes, NULL, &error));
}

static void a_table_is_found_until_deleted(void **state)
{
    (void)state;
    struct fixture f = fixture_open(alloc_system(), 16 * MIB);
    assert_null(store_get(f.store, slice_text("a")));
    put(&f, "a", 1, 3, 100);
    struct store_table *table = store_get(f.store, slice_text("a"));
    assert_table(table, 1, 3, 100);
    assert_null(store_get(f.store, slice_text("A")));
    assert_null(store_peek(f.store, slice_text("")));
    struct store_table *peeked = store_peek(f.store, slice_text("a"));
    assert_ptr_equal(peeked, table);
    store_table_unref(peeked);
    assert_true(store_delete(f.store, slice_text("a")));
    assert_false(store_delete(f.store, slice_text("a")));
    assert_null(store_peek(f.store, slice_text("a")));
    assert_table(table, 1, 3, 100); /* the reader keeps it */
    assert_int_equal(store_stats(f.store).tables, 1);
    assert_int_equal(store_stats(f.store).keys, 0);
    store_table_unref(table);
    assert_int_equal(store_stats(f.store).tables, 0);
    assert_int_equal(arena_stats(f.arena).used_bytes, 0);
    store_table_unref(NULL);
    fixture_close(&f);
}

static void replacing_leaves_readers_theirs(void **state)
{
    (void)state;
    struct fixture f = fixture_open(alloc_system(), 16 * MIB);
    put(&f, "a", 1, 2, 200 * KIB);
    struct store_table *old = store_get(f.store, slice_text("a"));
    put(&f, "a", 2, 3, 150 * KIB);
    struct store_table *table = store_get(f.store, slice_text("a"));
    assert_table(old, 1, 2, 200 * KIB);
    assert_table(table, 2, 3, 150 * KIB);
    assert_true(table->version > old->version);
    assert_string_not_equal(table->etag, old->etag);
    assert_true(table->created_us >= old->created_us);
    assert_int_equal(store_stats(f.store).keys, 1);
    assert_int_equal(store_stats(f.store).tables, 2);
    store_table_unref(old);
    put(&f, "a", 1, 2, 200 * KIB);
    store_table_unref(table);
    fixture_close(&f);
}

static void a_block_keeps_the_table(void **state)
{
    (void)state;
    struct fixture f = fixture_open(alloc_system(), 16 * MIB);
    put(&f, "a", 1, 1, 100 * KIB);
    struct store_table *table = store_get(f.store, slice_text("a"));
    struct slice body = store_table_message(table, 1).body;
    struct block *block = block_ref(&table->block);
    store_table_unref(table);
    assert_true(store_delete(f.store, slice_text("a")));
    assert_body(body, 1, 100 * KIB);
    block_unref(block);
    assert_int_equal(store_stats(f.store).tables, 0);
    fixture_close(&f);
}

static void stats_count_what_happened(void **state)
{
    (void)state;
    struct fixture f = fixture_open(alloc_system(), 16 * MIB);
    put(&f, "a", 1, 3, 100);
    put(&f, "b", 1, 1, 200 * KIB);
    put(&f, "a", 1, 5, 100);
    struct fkv_error error;
    struct store_put *open;
    assert_ok(store_put_begin(f.store, slice_text("c"), slice_of(NULL, 0), &open, &error));
    store_table_unref(store_get(f.store, slice_text("a")));
    store_table_unref(store_get(f.store, slice_text("a")));
    store_table_unref(store_get(f.store, slice_text("none")));
    store_table_unref(store_peek(f.store, slice_text("none")));
    struct store_stats stats = store_stats(f.store);
    assert_int_equal(stats.keys, 2);
    assert_int_equal(stats.tables, 2);
    assert_int_equal(stats.table_bytes, 500 + 200 * KIB);
    assert_int_equal(stats.puts, 3);
    assert_int_equal(stats.puts_open, 1);
    assert_int_equal(stats.hits, 2);
    assert_int_equal(stats.misses, 1);
    assert_int_equal(stats.deletes, 0);
    assert_int_equal(stats.memory.budget_bytes, 16 * MIB);
    assert_true(stats.memory.used_bytes > stats.table_bytes);
    store_put_abort(open);
    store_delete(f.store, slice_text("b"));
    stats = store_stats(f.store);
    assert_int_equal(stats.puts_aborted, 1);
    assert_int_equal(stats.deletes, 1);
    assert_int_equal(stats.table_bytes, 500);
    fixture_close(&f);
}

static void what_tables_cost_is_charged(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fixture f = fixture_open(alloc_system(), 64 * MIB);
    put(&f, "first", 1, 1, 1); /* brings the schema */
    static const size_t sizes[] = {0, 1, 100, 5000, 63 * KIB, 65 * KIB, 300 * KIB, 3 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t before = arena_stats(f.arena).used_bytes;
        struct store_table *table;
        assert_ok(put_table(f.store, "next", i, 3, sizes[i], &table, &error));
        assert_int_equal(arena_stats(f.arena).used_bytes - before, table->memory_bytes);
        store_delete(f.store, slice_text("next"));
        store_table_unref(table);
        assert_int_equal(arena_stats(f.arena).used_bytes, before);
    }
    fixture_close(&f);
}

/* ---- listing ---- */

enum { key_count = 500, volatile_count = 400 };

static void key_name(char ret[32], const char *prefix, size_t i)
{
    snprintf(ret, 32, "%s%zu", prefix, i);
}

static void put_keys(struct fixture *f, const char *prefix, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        char key[32];
        key_name(key, prefix, i);
        put(f, key, i, 1, 8);
    }
}

/* Marks the keys "kN" in seen[N]; the others are of no interest. */
static void note_seen(struct store_table **tables, size_t count, unsigned *seen)
{
    for (size_t i = 0; i < count; i++) {
        char key[32] = "";
        memcpy(key, tables[i]->key.data, tables[i]->key.size);
        if (key[0] == 'k')
            seen[strtoul(key + 1, NULL, 10)]++;
        store_table_unref(tables[i]);
    }
}

static void an_empty_store_lists_nothing(void **state)
{
    (void)state;
    struct fixture f = fixture_open(alloc_system(), MIB);
    struct store_table *table = NULL;
    uint64_t cursor = 0;
    assert_int_equal(store_list(f.store, &cursor, &table, 1), 0);
    assert_int_equal(cursor, 0);
    fixture_close(&f);
}

/* Of any capacity, also smaller than what one bucket holds. */
static void every_key_is_listed_once(void **state)
{
    (void)state;
    struct fixture f = fixture_open(alloc_system(), 16 * MIB);
    put_keys(&f, "k", 0, key_count);
    static const size_t capacities[] = {1, 2, 3, 7, 64, 1000};
    for (size_t c = 0; c < sizeof capacities / sizeof capacities[0]; c++) {
        struct store_table *tables[1000];
        unsigned seen[key_count] = {0};
        uint64_t cursor = 0;
        size_t calls = 0;
        do {
            size_t count = store_list(f.store, &cursor, tables, capacities[c]);
            assert_true(count <= capacities[c]);
            note_seen(tables, count, seen);
            assert_true(++calls <= key_count + 64);
        } while (cursor != 0);
        for (size_t i = 0; i < key_count; i++)
            assert_int_equal(seen[i], 1);
    }
    fixture_close(&f);
}

/* Between two calls others come and go, so many that the maps grow. */
static void a_scan_survives_changes(void **state)
{
    (void)state;
    for (size_t capacity = 1; capacity < 50; capacity = capacity * 2 + 1) {
        struct fixture f = fixture_open(alloc_system(), 64 * MIB);
        put_keys(&f, "k", 0, key_count);
        put_keys(&f, "old", 0, volatile_count);
        struct store_table *tables[50];
        unsigned seen[key_count] = {0};
        uint64_t cursor = 0;
        size_t added = 0, deleted = 0;
        do {
            size_t count = store_list(f.store, &cursor, tables, capacity);
            note_seen(tables, count, seen);
            put_keys(&f, "new", added, added + capacity);
            added += capacity;
            char key[32];
            for (size_t i = 0; i < capacity && deleted < volatile_count; i++) {
                key_name(key, "old", deleted++);
                assert_true(store_delete(f.store, slice_text(key)));
            }
            /* A replaced key is still one key. */
            put_keys(&f, "k", added % key_count, added % key_count + 1);
        } while (cursor != 0);
        for (size_t i = 0; i < key_count; i++)
            assert_int_equal(seen[i], 1);
        fixture_close(&f);
    }
}

static void give_hash(struct store *store, struct store_table *table, uint64_t hash)
{
    struct map_node *node = &table_of(table)->node;
    map_remove(&store->shards[node->hash % store_shard_count].map, node);
    map_insert(&store->shards[hash % store_shard_count].map, node, hash);
}

/* A call that has room for some of the keys of one hash only, leaves all of them to the next. */
static void keys_of_one_hash_are_listed_once(void **state)
{
    (void)state;
    static const uint64_t forged[] = {64, 64, 128, 128, 128, 128};
    enum { keys = 6, capacity = 4 };
    struct fixture f = fixture_open(alloc_system(), MIB);
    struct store_table *tables[keys], *listed[capacity];
    uint64_t hashes[keys], cursor = 0;
    unsigned seen[keys] = {0};
    for (size_t i = 0; i < keys; i++) {
        char key[32];
        key_name(key, "k", i);
        put(&f, key, i, 1, 8);
        tables[i] = store_peek(f.store, slice_text(key));
        hashes[i] = table_of(tables[i])->node.hash;
        give_hash(f.store, tables[i], forged[i]);
    }
    size_t first = store_list(f.store, &cursor, listed, capacity);
    assert_int_equal(first, 2);
    note_seen(listed, first, seen);
    while (cursor != 0)
        note_seen(listed, store_list(f.store, &cursor, listed, capacity), seen);
    for (size_t i = 0; i < keys; i++) {
        assert_int_equal(seen[i], 1);
        give_hash(f.store, tables[i], hashes[i]);
        store_table_unref(tables[i]);
    }
    fixture_close(&f);
}

static void many_keys(void **state)
{
    (void)state;
    enum { many = 20000 };
    struct fixture f = fixture_open(alloc_system(), 64 * MIB);
    put_keys(&f, "k", 0, many);
    static unsigned seen[many];
    memset(seen, 0, sizeof seen);
    struct store_table *tables[64];
    uint64_t cursor = 0;
    do {
        note_seen(tables, store_list(f.store, &cursor, tables, 64), seen);
    } while (cursor != 0);
    for (size_t i = 0; i < many; i++)
        assert_int_equal(seen[i], 1);
    struct store_table *table = store_get(f.store, slice_text("k17000"));
    assert_table(table, 17000, 1, 8);
    store_table_unref(table);
    assert_int_equal(store_stats(f.store).keys, many);
    fixture_close(&f);
}

/* ---- against a naive model ---- */

enum { model_keys = 12, model_held = 10, model_steps = 2500 };

struct model_table {
    bool is_there;
    uint64_t seed;
    size_t batches;
    size_t body_bytes;
};

struct model {
    struct fixture f;
    uint64_t seed;
    struct model_table keys[model_keys];
    struct model_table held[model_held];
    struct store_table *tables[model_held];
    uint64_t puts, deletes, hits, misses;
    unsigned refused;
};

static void model_put(struct model *m, size_t key, uint64_t dice)
{
    static const size_t sizes[] = {0, 8, 700, 20 * KIB, 66 * KIB, 150 * KIB, 700 * KIB};
    struct model_table made = {.is_there = true,
                               .seed = dice % 1000,
                               .batches = (size_t)(dice >> 10) % 6,
                               .body_bytes = sizes[(dice >> 20) % 7]};
    if (made.body_bytes < KIB)
        made.batches *= 50;
    char name[32];
    key_name(name, "k", key);
    struct fkv_error error;
    enum fkv_status status =
        put_table(m->f.store, name, made.seed, made.batches, made.body_bytes, NULL, &error);
    if (status == FKV_OK) {
        m->keys[key] = made;
        m->puts++;
    } else {
        assert_int_equal(status, FKV_RESOURCE_EXHAUSTED);
        m->refused++;
    }
}

static void model_check(const struct model_table *expected, const struct store_table *table)
{
    assert_int_equal(table != NULL, expected->is_there);
    if (table != NULL)
        assert_table(table, expected->seed, expected->batches, expected->body_bytes);
}

static void model_hold(struct model *m, size_t key, size_t slot)
{
    if (m->tables[slot] != NULL)
        model_check(&m->held[slot], m->tables[slot]);
    store_table_unref(m->tables[slot]);
    char name[32];
    key_name(name, "k", key);
    m->tables[slot] = store_get(m->f.store, slice_text(name));
    m->held[slot] = m->keys[key];
    *(m->tables[slot] != NULL ? &m->hits : &m->misses) += 1;
    model_check(&m->keys[key], m->tables[slot]);
}

static void model_delete(struct model *m, size_t key)
{
    char name[32];
    key_name(name, "k", key);
    bool was_there = store_delete(m->f.store, slice_text(name));
    assert_int_equal(was_there, m->keys[key].is_there);
    m->deletes += was_there;
    m->keys[key] = (struct model_table){.is_there = false};
}

static void model_compare(const struct model *m)
{
    arena_validate(m->f.arena);
    struct store_stats stats = store_stats(m->f.store);
    uint64_t keys = 0, bytes = 0;
    for (size_t i = 0; i < model_keys; i++) {
        keys += m->keys[i].is_there;
        bytes += m->keys[i].batches * m->keys[i].body_bytes;
    }
    assert_int_equal(stats.keys, keys);
    assert_int_equal(stats.table_bytes, bytes);
    assert_int_equal(stats.puts, m->puts);
    assert_int_equal(stats.puts_aborted, m->refused);
    assert_int_equal(stats.puts_open, 0);
    assert_int_equal(stats.deletes, m->deletes);
    assert_int_equal(stats.hits, m->hits);
    assert_int_equal(stats.misses, m->misses);
    assert_true(stats.tables >= keys && stats.tables <= keys + model_held);
}

static void random_use_agrees_with_a_model(void **state)
{
    (void)state;
    static struct model m;
    m = (struct model){.f = fixture_open(alloc_system(), 6 * MIB), .seed = 5};
    for (unsigned step = 0; step < model_steps; step++) {
        uint64_t dice = next_random(&m.seed);
        size_t key = (size_t)(dice >> 32) % model_keys;
        if (dice >> 56 < 90)
            model_put(&m, key, dice);
        else if (dice >> 56 < 170)
            model_hold(&m, key, (size_t)(dice >> 40) % model_held);
        else if (dice >> 56 < 230)
            model_delete(&m, key);
        else
            arena_trim(m.f.arena, step * NS_PER_S);
        model_compare(&m);
    }
    assert_true(m.refused > 0 && m.puts > m.refused);
    for (size_t slot = 0; slot < model_held; slot++) {
        if (m.tables[slot] != NULL)
            model_check(&m.held[slot], m.tables[slot]);
        store_table_unref(m.tables[slot]);
    }
    fixture_close(&m.f);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(a_table_is_found_until_deleted),
              cmocka_unit_test(replacing_leaves_readers_theirs),
              cmocka_unit_test(a_block_keeps_the_table),
              cmocka_unit_test(stats_count_what_happened),
              cmocka_unit_test(what_tables_cost_is_charged),
              cmocka_unit_test(an_empty_store_lists_nothing),
              cmocka_unit_test(every_key_is_listed_once), cmocka_unit_test(a_scan_survives_changes),
              cmocka_unit_test(keys_of_one_hash_are_listed_once), cmocka_unit_test(many_keys),
              cmocka_unit_test(random_use_agrees_with_a_model));
}
