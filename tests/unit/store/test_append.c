/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <pthread.h>

static struct fkv_error error;

static enum fkv_status no_rebase(void *context, struct store_put *put, struct store_table *current,
                                 struct fkv_error *e)
{
    (void)context;
    (void)put;
    (void)current;
    return status_set(e, FKV_FAILED_PRECONDITION, "the base has changed");
}

/* What is appended needs nothing of its base. */
static enum fkv_status any_rebase(void *context, struct store_put *put, struct store_table *current,
                                  struct fkv_error *e)
{
    unsigned *count = context;
    ++*count;
    if (store_put_base(put) == NULL && current != NULL)
        store_put_drop_first(put);
    if (store_put_base(put) == NULL || current != NULL)
        return FKV_OK;
    const struct store_message schema = {.kind = STORE_SCHEMA,
                                         .header = store_put_base(put)->schema};
    return store_put_insert(put, 0, &schema, e);
}

static enum fkv_status begin_append(struct store *store, const char *key, struct store_put **ret)
{
    struct store_put *put = NULL;
    enum fkv_status status =
        store_put_begin(store, slice_text(key), slice_of(NULL, 0), &put, &error);
    if (status != FKV_OK)
        return status;
    struct store_table *base = store_peek(store, slice_text(key));
    if (base != NULL)
        store_put_extend(put, base);
    else
        status = put_schema(put, "schema", &error);
    store_table_unref(base);
    if (status != FKV_OK)
        store_put_abort(put);
    else
        *ret = put;
    return status;
}

static enum fkv_status add_batches(struct store_put *put, uint64_t seed, size_t batches,
                                   size_t body_bytes)
{
    const struct store_message batch = {
        .kind = STORE_BATCH, .rows = 1, .header = slice_text("header of a batch")};
    enum fkv_status status = FKV_OK;
    for (size_t i = 0; i < batches && status == FKV_OK; i++)
        status = put_message(put, &batch, seed + i, body_bytes, 100 * KIB, &error);
    return status;
}

static enum fkv_status append_table(struct store *store, const char *key, uint64_t seed,
                                    size_t batches, size_t body_bytes, struct store_table **ret)
{
    struct store_put *put;
    enum fkv_status status = begin_append(store, key, &put);
    if (status != FKV_OK)
        return status;
    status = add_batches(put, seed, batches, body_bytes);
    if (status == FKV_OK)
        return store_put_append(put, no_rebase, NULL, ret, &error);
    store_put_abort(put);
    return status;
}

/* The same messages in one put and in many have one etag, and come back the same. */
static void appends_make_the_same_table_as_one_put(void **state)
{
    (void)state;
    struct fixture f = fixture_open(alloc_system(), 64 * MIB);
    for (size_t appends = 0; appends < 18; appends++) {
        struct store_table *whole, *table = NULL;
        assert_ok(put_table(f.store, "whole", 1, 1 + 3 * appends, 70000, &whole, &error));
        assert_ok(put_table(f.store, "grown", 1, 1, 70000, &table, &error));
        for (size_t i = 0; i < appends; i++) {
            store_table_unref(table);
            assert_ok(append_table(f.store, "grown", 2 + 3 * i, 3, 70000, &table));
        }
        assert_string_equal(table->etag, whole->etag);
        assert_int_equal(table->batches, whole->batches);
        assert_int_equal(table->rows, whole->rows);
        assert_int_equal(table->body_bytes, whole->body_bytes);
        assert_table(table, 1, 1 + 3 * appends, 70000);
        store_table_unref(table);
        store_table_unref(whole);
    }
    fixture_close(&f);
}

static void a_missing_key_is_made(void **state)
{
    (void)state;
    struct fixture f = fixture_open(alloc_system(), MIB);
    struct store_table *table;
    assert_ok(append_table(f.store, "k", 5, 2, 100, &table));
    assert_table(table, 5, 2, 100);
    store_table_unref(table);
    assert_int_equal(store_stats(f.store).puts, 1);
    fixture_close(&f);
}

/* Old versions stay as they were, and what is charged is what is held. */
static void readers_keep_their_version(void **state)
{
    (void)state;
    enum { versions = 20 };
    struct fixture f = fixture_open(alloc_system(), 16 * MIB);
    struct store_table *tables[versions];
    for (size_t i = 0; i < versions; i++)
        assert_ok(append_table(f.store, "k", i, 1, 1000, &tables[i]));
    assert_int_equal(store_stats(f.store).tables, versions);
    assert_int_equal(store_stats(f.store).table_bytes, versions * 1000);
    for (size_t i = 0; i < versions; i++)
        assert_table(tables[i], 0, i + 1, 1000);
    for (size_t i = 0; i < versions; i += 2)
        store_table_unref(tables[i]);
    assert_true(store_delete(f.store, slice_text("k")));
    for (size_t i = 1; i < versions; i += 2) {
        assert_table(tables[i], 0, i + 1, 1000);
        store_table_unref(tables[i]);
    }
    assert_int_equal(arena_stats(f.arena).used_bytes, 0);
    fixture_close(&f);
}

/* memory_bytes of the only version is all that is charged, but for the shared schema. */
static void memory_is_counted_once(void **state)
{
    (void)state;
    struct fixture f = fixture_open(alloc_system(), 64 * MIB);
    struct store_table *table = NULL;
    for (size_t i = 0; i < 100; i++) {
        store_table_unref(table);
        assert_ok(append_table(f.store, "k", i, 1, i % 10 == 0 ? 70000 : 500, &table));
    }
    uint64_t schema = arena_stats(f.arena).used_bytes - table->memory_bytes;
    assert_true(schema <= 100);
    store_table_unref(table);
    fixture_close(&f);
}

static void an_aborted_append_leaves_nothing(void **state)
{
    (void)state;
    struct fixture f = fixture_open(alloc_system(), 16 * MIB);
    struct store_table *table, *same;
    assert_ok(put_table(f.store, "k", 1, 2, 1000, &table, &error));
    uint64_t used = arena_stats(f.arena).used_bytes;
    struct store_put *put;
    assert_ok(begin_append(f.store, "k", &put));
    assert_ok(add_batches(put, 9, 3, 100000));
    store_put_abort(put);
    assert_int_equal(arena_stats(f.arena).used_bytes, used);
    same = store_peek(f.store, slice_text("k"));
    assert_ptr_equal(same, table);
    store_table_unref(same);
    store_table_unref(table);
    fixture_close(&f);
}

static void a_put_of_nothing_gives_the_table(void **state)
{
    (void)state;
    struct fixture f = fixture_open(alloc_system(), MIB);
    struct store_table *table, *same;
    assert_ok(put_table(f.store, "k", 1, 2, 1000, &table, &error));
    assert_ok(append_table(f.store, "k", 0, 0, 0, &same));
    assert_ptr_equal(same, table);
    store_table_unref(same);
    store_table_unref(table);
    fixture_close(&f);
}

/* ---- another version at the commit ---- */

static void what_came_between_is_before(void **state)
{
    (void)state;
    static const bool had_table[] = {true, false};
    for (size_t i = 0; i < 2; i++) {
        struct fixture f = fixture_open(alloc_system(), 16 * MIB);
        struct store_table *table, *whole;
        struct store_put *put;
        unsigned asked = 0;
        if (had_table[i])
            assert_ok(put_table(f.store, "k", 0, 1, 1000, NULL, &error));
        assert_ok(begin_append(f.store, "k", &put));
        assert_ok(add_batches(put, 2, 2, 1000));
        if (!had_table[i])
            assert_ok(put_table(f.store, "k", 0, 1, 1000, NULL, &error));
        assert_ok(append_table(f.store, "k", 1, 1, 1000, &table));
        store_table_unref(table);
        assert_ok(store_put_append(put, any_rebase, &asked, &table, &error));
        assert_int_equal(asked, 1);
        assert_ok(put_table(f.store, "whole", 0, 4, 1000, &whole, &error));
        assert_table(table, 0, 4, 1000);
        assert_string_equal(table->etag, whole->etag);
        store_table_unref(whole);
        store_table_unref(table);
        fixture_close(&f);
    }
}

static void a_deleted_table_is_made_again(void **state)
{
    (void)state;
    struct fixture f = fixture_open(alloc_system(), 16 * MIB);
    struct store_table *table, *whole;
    struct store_put *put;
    unsigned asked = 0;
    assert_ok(put_table(f.store, "k", 0, 1, 1000, NULL, &error));
    assert_ok(begin_append(f.store, "k", &put));
    assert_ok(add_batches(put, 2, 2, 1000));
    assert_true(store_delete(f.store, slice_text("k")));
    assert_ok(store_put_append(put, any_rebase, &asked, &table, &error));
    assert_ok(put_table(f.store, "whole", 2, 2, 1000, &whole, &error));
    assert_table(table, 2, 2, 1000);
    assert_string_equal(table->etag, whole->etag);
    store_table_unref(whole);
    store_table_unref(table);
    fixture_close(&f);
}

static void what_the_rebase_refuses_changes_nothing(void **state)
{
    (void)state;
    struct fixture f = fixture_open(alloc_system(), 16 * MIB);
    struct store_put *put;
    assert_ok(put_table(f.store, "k", 0, 1, 1000, NULL, &error));
    assert_ok(begin_append(f.store, "k", &put));
    assert_ok(add_batches(put, 2, 2, 1000));
    assert_ok(put_table(f.store, "k", 7, 1, 1000, NULL, &error));
    uint64_t aborted = store_stats(f.store).puts_aborted;
    struct store_table *table = NULL;
    assert_int_equal(store_put_append(put, no_rebase, NULL, &table, &error),
                     FKV_FAILED_PRECONDITION);
    assert_null(table);
    assert_int_equal(store_stats(f.store).puts_aborted, aborted + 1);
    table = store_peek(f.store, slice_text("k"));
    assert_table(table, 7, 1, 1000);
    store_table_unref(table);
    fixture_close(&f);
}

/* ---- taking back, and dictionaries ---- */

static void what_is_taken_back_leaves_no_trace(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 100, 5000, 70000, 300000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct fixture f = fixture_open(alloc_system(), 16 * MIB);
        struct store_table *table, *whole;
        struct store_put *put;
        const struct store_message dictionary = {.kind = STORE_DICTIONARY,
                                                 .header = slice_text("a dictionary's header")};
        assert_ok(put_table(f.store, "k", 0, 1, 66000, NULL, &error));
        assert_ok(begin_append(f.store, "k", &put));
        for (size_t round = 0; round < 3; round++) {
            assert_ok(put_message(put, &dictionary, 1, sizes[i], 100 * KIB, &error));
            store_put_undo(put);
            assert_ok(add_batches(put, 1 + round, 1, 66000));
        }
        assert_ok(store_put_append(put, no_rebase, NULL, &table, &error));
        assert_ok(put_table(f.store, "whole", 0, 4, 66000, &whole, &error));
        assert_table(table, 0, 4, 66000);
        assert_string_equal(table->etag, whole->etag);
        assert_int_equal(table->body_bytes, whole->body_bytes);
        assert_int_equal(store_table_last_dictionary(table, table->messages), 0);
        store_table_unref(whole);
        store_table_unref(table);
        fixture_close(&f);
    }
}

static void the_last_dictionary_is_found_across_parts(void **state)
{
    (void)state;
    enum { appends = 25 };
    struct fixture f = fixture_open(alloc_system(), 16 * MIB);
    struct store_table *table = NULL;
    const struct store_message dictionary = {.kind = STORE_DICTIONARY,
                                             .header = slice_text("dictionary")};
    for (size_t i = 0; i < appends; i++) {
        struct store_put *put;
        assert_ok(begin_append(f.store, "k", &put));
        assert_ok(add_batches(put, i, i % 3, 10));
        if (i % 4 == 1)
            assert_ok(put_message(put, &dictionary, i, 20, 100, &error));
        assert_ok(add_batches(put, i, 2, 10));
        store_table_unref(table);
        assert_ok(store_put_append(put, no_rebase, NULL, &table, &error));
    }
    uint64_t expected = 0;
    for (uint64_t end = 0; end <= table->messages; end++) {
        assert_int_equal(store_table_last_dictionary(table, end), expected);
        if (end < table->messages && store_table_message(table, end).kind == STORE_DICTIONARY)
            expected = end;
    }
    assert_int_not_equal(expected, 0);
    store_table_unref(table);
    fixture_close(&f);
}

/* ---- many, at once, without memory ---- */

static void many_appends_cost_what_they_add(void **state)
{
    (void)state;
    enum { appends = 10000 };
    struct fixture f = fixture_open(alloc_system(), 64 * MIB);
    struct store_table *table = NULL;
    for (size_t i = 0; i < appends; i++) {
        store_table_unref(table);
        assert_ok(append_table(f.store, "k", i, 1, 64, &table));
    }
    print_message("%d appends of 64 bytes: %" PRIu64 " bytes charged each\n", appends,
                  table->memory_bytes / appends);
    assert_true(table->memory_bytes <= appends * 700);
    assert_table(table, 0, appends, 64);
    store_table_unref(table);
    fixture_close(&f);
}

struct appender {
    struct store *store;
    uint64_t seed;
    unsigned asked;
};

enum { appenders = 3, appends_each = 300 };

static void *append_often(void *context)
{
    struct appender *appender = context;
    struct fkv_error mine;
    for (size_t i = 0; i < appends_each; i++) {
        struct store_put *put;
        const struct store_message batch = {
            .kind = STORE_BATCH, .rows = 1, .header = slice_text("header of a batch")};
        struct store_table *base = store_peek(appender->store, slice_text("k"));
        assert_int_equal(
            store_put_begin(appender->store, slice_text("k"), slice_of(NULL, 0), &put, &mine),
            FKV_OK);
        store_put_extend(put, base);
        store_table_unref(base);
        assert_int_equal(put_message(put, &batch, appender->seed, 200, 100, &mine), FKV_OK);
        assert_int_equal(store_put_append(put, any_rebase, &appender->asked, NULL, &mine), FKV_OK);
    }
    return NULL;
}

static void *read_often(void *context)
{
    struct appender *reader = context;
    for (uint64_t last = 0; last < 1 + appenders * appends_each;) {
        struct store_table *table = store_get(reader->store, slice_text("k"));
        assert_true(table->batches >= last && table->messages == table->batches + 1);
        struct store_message message = store_table_message(table, table->messages - 1);
        assert_int_equal(message.body.size, 200);
        last = table->batches;
        store_table_unref(table);
    }
    return NULL;
}

static void appends_at_once_all_land(void **state)
{
    (void)state;
    struct fixture f = fixture_open(alloc_system(), 64 * MIB);
    struct appender actors[appenders + 1] = {{0}};
    pthread_t threads[appenders + 1];
    assert_ok(put_table(f.store, "k", 0, 1, 200, NULL, &error));
    for (size_t i = 0; i <= appenders; i++) {
        actors[i] = (struct appender){.store = f.store, .seed = i};
        assert_int_equal(pthread_create(&threads[i], NULL,
                                        i < appenders ? append_often : read_often, &actors[i]),
                         0);
    }
    for (size_t i = 0; i <= appenders; i++)
        pthread_join(threads[i], NULL);
    struct store_table *table = store_peek(f.store, slice_text("k"));
    size_t of[appenders] = {0};
    for (uint64_t i = 2; i < table->messages; i++)
        for (size_t k = 0; k < appenders; k++)
            of[k] += store_table_message(table, i).body.data[0] == body_byte(k, 0);
    for (size_t k = 0; k < appenders; k++)
        assert_int_equal(of[k], appends_each);
    store_table_unref(table);
    fixture_close(&f);
}

/* A base, an append whose base is replaced before it ends, and a plain one. */
static void scenario(struct fixture *f)
{
    struct store_put *put;
    unsigned asked = 0;
    if (put_table(f->store, "k", 0, 1, 70000, NULL, &error) != FKV_OK)
        return;
    if (begin_append(f->store, "k", &put) != FKV_OK)
        return;
    enum fkv_status status = add_batches(put, 1, 2, 70000);
    if (status != FKV_OK) {
        store_put_abort(put);
        return;
    }
    struct store_table *table = NULL;
    append_table(f->store, "k", 9, 1, 100, &table);
    store_table_unref(table);
    store_put_append(put, any_rebase, &asked, NULL, &error);
}

static void a_failed_allocation_leaves_nothing(void **state)
{
    (void)state;
    size_t n = 1;
    for (;; n++) {
        struct test_alloc t;
        test_alloc_init(&t, 0);
        struct fixture f = fixture_open(&t.alloc, 16 * MIB);
        size_t before = t.requests;
        t.fail_at = before + n;
        scenario(&f);
        struct store_table *table = store_peek(f.store, slice_text("k"));
        if (table != NULL)
            assert_true(table->batches == 1 || table->batches == 2 || table->batches == 3 ||
                        table->batches == 4);
        store_table_unref(table);
        bool is_over = t.requests < before + n;
        assert_int_equal(store_stats(f.store).puts_open, 0);
        fixture_close(&f);
        assert_int_equal(t.live, 0);
        if (is_over)
            break;
    }
    assert_true(n > 10);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(appends_make_the_same_table_as_one_put),
              cmocka_unit_test(a_missing_key_is_made), cmocka_unit_test(readers_keep_their_version),
              cmocka_unit_test(memory_is_counted_once),
              cmocka_unit_test(an_aborted_append_leaves_nothing),
              cmocka_unit_test(a_put_of_nothing_gives_the_table),
              cmocka_unit_test(what_came_between_is_before),
              cmocka_unit_test(a_deleted_table_is_made_again),
              cmocka_unit_test(what_the_rebase_refuses_changes_nothing),
              cmocka_unit_test(what_is_taken_back_leaves_no_trace),
              cmocka_unit_test(the_last_dictionary_is_found_across_parts),
              cmocka_unit_test(many_appends_cost_what_they_add),
              cmocka_unit_test(appends_at_once_all_land),
              cmocka_unit_test(a_failed_allocation_leaves_nothing));
}
