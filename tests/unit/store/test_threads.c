/* SPDX-License-Identifier: Apache-2.0 */
/* Several threads put, get, delete and list the same few keys. Every reader must see one table
 * whole: its key's number, the seed and the sizes are in the schema's header, all else follows. */
#include "fixture.h"

#include <pthread.h>
#include <stdlib.h>

enum { threads = 4, steps = 1500, shared_keys = 6, stable_keys = 100 };

struct worker {
    struct store *store;
    struct arena *arena;
    uint64_t seed;
    uint64_t puts, aborted, gets, deletes;
};

static void name_shared(char ret[32], uint64_t dice)
{
    snprintf(ret, 32, "shared %u", (unsigned)(dice % shared_keys));
}

static enum fkv_status append_batches(struct store_put *put, uint64_t seed, size_t batches,
                                      size_t body_bytes)
{
    const struct store_message batch = {.kind = STORE_BATCH, .header = slice_text("batch")};
    enum fkv_status status = FKV_OK;
    for (size_t i = 0; i < batches && status == FKV_OK; i++)
        status = put_message(put, &batch, seed + i, body_bytes, 10000, NULL);
    return status;
}

static void put_one(struct worker *w, uint64_t dice)
{
    static const size_t sizes[] = {10, 900, 5000, 66000};
    char key[32], header[64];
    name_shared(key, dice);
    uint64_t seed = dice >> 8 & 15;
    size_t batches = dice >> 16 & 3, body_bytes = sizes[dice >> 20 & 3];
    snprintf(header, sizeof header, "%s,%u,%zu,%zu", key, (unsigned)seed, batches, body_bytes);
    struct store_put *put;
    if (store_put_begin(w->store, slice_text(key), slice_of(NULL, 0), &put, NULL) != FKV_OK)
        return;
    bool gives_up = (dice >> 24) % 8 == 0;
    if (put_schema(put, header, NULL) != FKV_OK ||
        append_batches(put, seed, batches, body_bytes) != FKV_OK || gives_up) {
        store_put_abort(put);
        w->aborted++;
    } else if (store_put_commit(put, NULL, NULL) == FKV_OK) {
        w->puts++;
    } else {
        w->aborted++;
    }
}

static void check_whole(const struct store_table *table)
{
    char header[64] = "";
    assert_true(table->schema.size < sizeof header);
    memcpy(header, table->schema.data, table->schema.size);
    char *rest = strchr(header, ',');
    assert_non_null(rest);
    *rest++ = '\0';
    assert_true(slice_is(table->key, header));
    uint64_t seed = strtoul(rest, &rest, 10);
    size_t batches = strtoul(rest + 1, &rest, 10);
    size_t body_bytes = strtoul(rest + 1, &rest, 10);
    assert_int_equal(table->messages, 1 + batches);
    for (size_t i = 0; i < batches; i++)
        assert_body(store_table_message(table, 1 + i).body, seed + i, body_bytes);
}

static void get_one(struct worker *w, uint64_t dice)
{
    char key[32];
    name_shared(key, dice);
    struct store_table *table = store_get(w->store, slice_text(key));
    w->gets++;
    if (table != NULL)
        check_whole(table);
    store_table_unref(table);
}

static void list_stable(struct worker *w)
{
    unsigned seen[stable_keys] = {0};
    struct store_table *tables[5];
    uint64_t cursor = 0;
    do {
        size_t count = store_list(w->store, &cursor, tables, 5);
        for (size_t i = 0; i < count; i++) {
            char key[32] = "";
            memcpy(key, tables[i]->key.data, tables[i]->key.size);
            if (strncmp(key, "stable ", strlen("stable ")) == 0)
                seen[strtoul(key + strlen("stable "), NULL, 10)]++;
            store_table_unref(tables[i]);
        }
    } while (cursor != 0);
    for (size_t i = 0; i < stable_keys; i++)
        assert_int_equal(seen[i], 1);
}

static void *work(void *argument)
{
    struct worker *w = argument;
    for (unsigned step = 0; step < steps; step++) {
        uint64_t dice = next_random(&w->seed);
        unsigned kind = (unsigned)(dice >> 58);
        char key[32];
        name_shared(key, dice >> 30);
        if (kind < 24)
            put_one(w, dice);
        else if (kind < 54)
            get_one(w, dice);
        else if (kind < 62)
            w->deletes += store_delete(w->store, slice_text(key));
        else if (kind < 63)
            list_stable(w);
        else
            arena_trim(w->arena, step * NS_PER_S);
    }
    return NULL;
}

static void readers_see_whole_tables(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fixture f = fixture_open(alloc_system(), 4 * MIB);
    for (size_t i = 0; i < stable_keys; i++) {
        char key[32];
        snprintf(key, sizeof key, "stable %zu", i);
        assert_ok(put_table(f.store, key, i, 1, 10, NULL, &error));
    }
    struct worker workers[threads];
    pthread_t ids[threads];
    for (size_t i = 0; i < threads; i++) {
        workers[i] = (struct worker){.store = f.store, .arena = f.arena, .seed = i + 1};
        assert_int_equal(pthread_create(&ids[i], NULL, work, &workers[i]), 0);
    }
    struct store_stats expected = {.puts = stable_keys};
    for (size_t i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        expected.puts += workers[i].puts;
        expected.puts_aborted += workers[i].aborted;
        expected.hits += workers[i].gets;
        expected.deletes += workers[i].deletes;
    }
    arena_validate(f.arena);
    struct store_stats stats = store_stats(f.store);
    assert_int_equal(stats.puts, expected.puts);
    assert_int_equal(stats.puts_aborted, expected.puts_aborted);
    assert_int_equal(stats.hits + stats.misses, expected.hits);
    assert_int_equal(stats.deletes, expected.deletes);
    assert_int_equal(stats.tables, stats.keys);
    assert_int_equal(stats.puts_open, 0);
    for (uint64_t i = 0; i < shared_keys; i++) {
        char key[32];
        name_shared(key, i);
        store_delete(f.store, slice_text(key));
    }
    stats = store_stats(f.store);
    assert_int_equal(stats.keys, stable_keys);
    assert_int_equal(stats.tables, stable_keys);
    assert_int_equal(stats.table_bytes, stable_keys * 10);
    fixture_close(&f);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(readers_see_whole_tables));
}
