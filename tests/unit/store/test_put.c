/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "mem/heap.h"

static struct store_put *begin(struct fixture *f, const char *key)
{
    struct fkv_error error;
    struct store_put *put = NULL;
    assert_ok(store_put_begin(f->store, slice_text(key), slice_text("form"), &put, &error));
    return put;
}

static void keys_are_checked(void **state)
{
    (void)state;
    struct fkv_error error;
    static char key[store_key_bytes_max + 1];
    memset(key, 'k', sizeof key);
    assert_ok(store_key_check(slice_of(key, store_key_bytes_max), &error));
    assert_ok(store_key_check(slice_of("a\0b", 3), &error));
    assert_int_equal(store_key_check(slice_of(key, sizeof key), &error), FKV_INVALID_ARGUMENT);
    assert_string_equal(error.message, "the key has 4097 bytes, expected 1 to 4096");
    assert_int_equal(store_key_check(slice_of(NULL, 0), &error), FKV_INVALID_ARGUMENT);
    assert_string_equal(error.message, "the key is empty, expected 1 to 4096 bytes");
    assert_int_equal(store_key_check(slice_of("\0a", 2), &error), FKV_INVALID_ARGUMENT);
    assert_string_equal(error.message,
                        "the key begins with a NUL byte, expected any other first byte");
    struct fixture f = fixture_open(alloc_system(), MIB);
    struct store_put *put = NULL;
    assert_int_equal(store_put_begin(f.store, slice_of(NULL, 0), slice_of(NULL, 0), &put, &error),
                     FKV_INVALID_ARGUMENT);
    assert_null(put);
    store_put_abort(NULL);
    fixture_close(&f);
}

/* Every kind of message, with and without each part. */
static const struct {
    struct store_message message;
    size_t body_bytes;
    const char *app_metadata;
} rows[] = {
    {{.kind = STORE_SCHEMA}, 0, "of the schema"},
    {{.kind = STORE_DICTIONARY, .rows = 4}, 4096, NULL},
    {{.kind = STORE_BATCH, .rows = 7}, 0, NULL},
    {{.kind = STORE_BATCH, .rows = 7}, 1, NULL},
    {{.kind = STORE_BATCH, .rows = 7}, 64, "a note"},
    {{.kind = STORE_BATCH, .rows = 7}, 65, NULL},
    {{.kind = STORE_METADATA}, 0, "nothing else"},
    {{.kind = STORE_BATCH, .rows = 9}, 65535, NULL},
    {{.kind = STORE_BATCH, .rows = 9}, 65536, ""},
    {{.kind = STORE_BATCH, .rows = 9}, 70001, NULL},
    {{.kind = STORE_BATCH, .rows = 9}, 3000001, NULL},
    {{.kind = STORE_BATCH, .rows = 9}, 5, "the last"},
};

enum { row_count = sizeof rows / sizeof rows[0] };

/* Three rows after another have equal headers. */
static struct store_message row_message(size_t i)
{
    static const char *const headers[] = {"header 0", "header 1", "header 2", "header 3"};
    struct store_message message = rows[i].message;
    if (message.kind != STORE_METADATA)
        message.header = slice_text(headers[i / 3]);
    message.has_app_metadata = rows[i].app_metadata != NULL;
    if (message.has_app_metadata)
        message.app_metadata = slice_text(rows[i].app_metadata);
    return message;
}

static void assert_row(struct store_message message, size_t i)
{
    struct store_message expected = row_message(i);
    assert_int_equal(message.kind, expected.kind);
    assert_int_equal(message.rows, expected.rows);
    assert_int_equal(message.has_app_metadata, expected.has_app_metadata);
    assert_true(slice_equal(message.header, expected.header));
    assert_true(slice_equal(message.app_metadata, expected.app_metadata));
    assert_body(message.body, i, rows[i].body_bytes);
    assert_int_equal((uintptr_t)message.body.data % 64, 0);
}

static void messages_come_back_as_they_were(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fixture f = fixture_open(alloc_system(), 64 * MIB);
    struct store_put *put = begin(&f, "key");
    uint64_t body_bytes = 0;
    for (size_t i = 0; i < row_count; i++) {
        const struct store_message message = row_message(i);
        assert_int_equal(store_put_count(put), i);
        assert_ok(put_message(put, &message, i, rows[i].body_bytes, 999, &error));
        assert_body(store_put_body(put), i, rows[i].body_bytes);
        for (size_t k = 0; k <= i; k++)
            assert_row(store_put_at(put, k), k);
        body_bytes += rows[i].body_bytes;
    }
    struct store_table *table = NULL;
    assert_ok(store_put_commit(put, &table, &error));
    arena_validate(f.arena);
    for (size_t i = 0; i < row_count; i++)
        assert_row(store_table_message(table, i), i);
    assert_int_equal(table->messages, row_count);
    assert_int_equal(table->batches, 9);
    assert_int_equal(table->rows, 7 * 4 + 9 * 5);
    assert_int_equal(table->body_bytes, body_bytes);
    assert_true(slice_is(table->key, "key"));
    assert_true(slice_is(table->descriptor, "form"));
    assert_true(slice_is(table->schema, "header 0"));
    assert_int_equal(strlen(table->etag), store_etag_size);
    store_table_unref(table);
    fixture_close(&f);
}

/* The chain of test_digest.c. */
static void etag_is_the_chained_digest(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fixture f = fixture_open(alloc_system(), MIB);
    static const char *const expected[] = {"92c6d46aaf2bbda4593a7185cd165d92",
                                           "90ce4a3b22064b37d73dc453d6adfedd",
                                           "0b2326f3f9842a83107c444598da5c41"};
    for (size_t count = 0; count < 3; count++) {
        struct store_put *put = begin(&f, "key");
        struct store_message message = {.kind = STORE_BATCH, .header = slice_text("batch")};
        assert_ok(put_schema(put, "schema", &error));
        if (count > 0) {
            uint8_t *body;
            assert_ok(store_put_message(put, &message, 100, &body, &error));
            assert_ok(store_put_room(put, 100, &error));
            for (size_t i = 0; i < 100; i++)
                body[i] = (uint8_t)i;
            store_put_filled(put, 0, 33);
            store_put_filled(put, 33, 33);
            store_put_filled(put, 33, 100);
        }
        message.has_app_metadata = true;
        if (count > 1)
            assert_ok(put_message(put, &message, 0, 0, 1, &error));
        struct store_table *table;
        assert_ok(store_put_commit(put, &table, &error));
        assert_string_equal(table->etag, expected[count]);
        store_table_unref(table);
    }
    /* A schema that came with app_metadata differs from one without. */
    struct store_put *put = begin(&f, "key");
    const struct store_message schema = {.kind = STORE_SCHEMA,
                                         .header = slice_text("schema"),
                                         .app_metadata = slice_text("note"),
                                         .has_app_metadata = true};
    assert_ok(put_message(put, &schema, 0, 0, 1, &error));
    struct store_table *table;
    assert_ok(store_put_commit(put, &table, &error));
    assert_string_equal(table->etag, "70b001519e852a0b2800f405161fc175");
    store_table_unref(table);
    fixture_close(&f);
}

static void a_put_out_of_order_is_refused(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fixture f = fixture_open(alloc_system(), MIB);
    uint8_t *body = NULL;
    struct store_table *table = NULL;
    const struct store_message batch = {.kind = STORE_BATCH, .header = slice_text("batch")};

    assert_int_equal(store_put_commit(begin(&f, "key"), &table, &error), FKV_FAILED_PRECONDITION);
    assert_string_equal(error.message, "the put has no message, expected a schema at least");

    struct store_put *put = begin(&f, "key");
    assert_int_equal(store_put_message(put, &batch, 0, &body, &error), FKV_INVALID_ARGUMENT);
    assert_string_equal(error.message, "the first message is of kind 3, expected a schema");
    assert_ok(put_schema(put, "schema", &error));
    assert_ok(store_put_message(put, &batch, 100, &body, &error));
    assert_int_equal(store_put_room(put, 101, &error), FKV_INVALID_ARGUMENT);
    assert_string_equal(error.message, "the body has 101 bytes or more, expected 100 as announced");
    assert_ok(store_put_room(put, 60, &error));
    memset(body, 0, 60);
    store_put_filled(put, 0, 60);
    assert_int_equal(store_put_message(put, &batch, 0, &body, &error), FKV_FAILED_PRECONDITION);
    assert_string_equal(error.message,
                        "the last message's body has 60 of its 100 bytes, expected all");
    assert_int_equal(store_put_commit(put, &table, &error), FKV_FAILED_PRECONDITION);
    assert_null(table);
    assert_int_equal(store_stats(f.store).puts_aborted, 2);
    assert_int_equal(store_stats(f.store).puts_open, 0);
    assert_int_equal(store_stats(f.store).keys, 0);
    assert_int_equal(arena_stats(f.arena).used_bytes, 0);
    fixture_close(&f);
}

static void oversized_parts_are_refused(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fixture f = fixture_open(alloc_system(), MIB);
    uint8_t *body = NULL;
    struct store_put *put = begin(&f, "key");
    /* The lengths are looked at before the bytes. */
    struct store_message message = {.kind = STORE_SCHEMA,
                                    .header = slice_of("x", (size_t)UINT32_MAX + 1)};
    assert_int_equal(store_put_message(put, &message, 0, &body, &error), FKV_INVALID_ARGUMENT);
    assert_string_equal(error.message,
                        "a message header has 4294967296 bytes, expected at most 4.0 GiB");
    message = (struct store_message){.kind = STORE_SCHEMA,
                                     .header = slice_text("schema"),
                                     .app_metadata = slice_of("x", 1 << 28),
                                     .has_app_metadata = true};
    assert_int_equal(store_put_message(put, &message, 0, &body, &error), FKV_INVALID_ARGUMENT);
    assert_string_equal(error.message,
                        "app_metadata has 268435456 bytes, expected at most 256.0 MiB");
    /* A body that can't fit, and one that can after all. */
    message = (struct store_message){.kind = STORE_SCHEMA, .header = slice_text("schema")};
    assert_int_equal(store_put_message(put, &message, 2 * MIB, &body, &error),
                     FKV_RESOURCE_EXHAUSTED);
    assert_int_equal(store_put_count(put), 0);
    assert_ok(put_schema(put, "schema", &error));
    message = (struct store_message){.kind = STORE_BATCH, .header = slice_text("batch")};
    assert_int_equal(store_put_message(put, &message, SIZE_MAX, &body, &error),
                     FKV_RESOURCE_EXHAUSTED);
    assert_int_equal(store_put_message(put, &message, 2 * MIB, &body, &error),
                     FKV_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.message, "a body of 2.0 MiB does not fit: "));
    assert_non_null(strstr(error.message, ", of 1.0 MiB; remove keys"));
    assert_ok(put_message(put, &message, 5, 100 * KIB, 100, &error));
    struct store_table *table;
    assert_ok(store_put_commit(put, &table, &error));
    assert_body(store_table_message(table, 1).body, 5, 100 * KIB);
    store_table_unref(table);
    fixture_close(&f);
}

/* A peer that claims many gigabytes and sends few bytes. */
static void a_claimed_length_is_not_charged(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fixture f = fixture_open(alloc_system(), 64 * MIB);
    struct store_put *puts[4];
    uint8_t *body;
    const struct store_message batch = {.kind = STORE_BATCH, .header = slice_text("batch")};
    for (size_t i = 0; i < 4; i++) {
        puts[i] = begin(&f, "key");
        assert_ok(put_schema(puts[i], "schema", &error));
        assert_ok(store_put_message(puts[i], &batch, 50 * MIB, &body, &error));
        assert_ok(store_put_room(puts[i], 100, &error));
        memset(body, 1, 100);
        store_put_filled(puts[i], 0, 100);
    }
    assert_true(arena_stats(f.arena).used_bytes <=
                4 * (arena_charge_ahead + heap_ahead_bytes + 8 * KIB));
    for (size_t i = 0; i < 4; i++)
        store_put_abort(puts[i]);
    assert_int_equal(store_stats(f.store).puts_aborted, 4);
    assert_int_equal(arena_stats(f.arena).used_bytes, 0);
    fixture_close(&f);
}

static void rows_do_not_overflow(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fixture f = fixture_open(alloc_system(), MIB);
    struct store_put *put = begin(&f, "key");
    assert_ok(put_schema(put, "schema", &error));
    const struct store_message batch = {
        .kind = STORE_BATCH, .rows = INT64_MAX, .header = slice_text("batch")};
    for (size_t i = 0; i < 3; i++)
        assert_ok(put_message(put, &batch, 0, 0, 1, &error));
    struct store_table *table;
    assert_ok(store_put_commit(put, &table, &error));
    assert_int_equal(table->rows, INT64_MAX);
    assert_int_equal(store_table_message(table, 3).rows, INT64_MAX);
    store_table_unref(table);
    fixture_close(&f);
}

static uint64_t cost_of(struct fixture *f, const char *key, const char *schema)
{
    struct fkv_error error;
    uint64_t before = arena_stats(f->arena).used_bytes;
    struct store_put *put = begin(f, key);
    assert_ok(put_schema(put, schema, &error));
    assert_ok(store_put_commit(put, NULL, &error));
    return arena_stats(f->arena).used_bytes - before;
}

static void equal_schemas_are_kept_once(void **state)
{
    (void)state;
    static char long_schema[10000];
    memset(long_schema, 's', sizeof long_schema - 1);
    struct fixture f = fixture_open(alloc_system(), MIB);
    uint64_t first = cost_of(&f, "a", long_schema), second = cost_of(&f, "b", long_schema);
    assert_true(first >= 10000 && second < 1000);
    long_schema[9998] = 't';
    assert_true(cost_of(&f, "c", long_schema) >= 10000);
    struct store_table *a = store_get(f.store, slice_text("a"));
    struct store_table *b = store_get(f.store, slice_text("b"));
    assert_ptr_equal(a->schema.data, b->schema.data);
    assert_true(store_delete(f.store, slice_text("a")));
    store_table_unref(a);
    assert_int_equal(b->schema.data[9998], 's');
    store_table_unref(b);
    fixture_close(&f);
}

/* Every failing allocation leaves nothing behind. */
static void allocations_may_fail(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct fkv_error error;
        struct test_alloc t;
        test_alloc_init(&t, n);
        t.fail_forever = n % 2 == 0;
        struct arena *arena;
        struct store *store = NULL;
        const struct arena_options options = {.budget_bytes = 64 * MIB};
        assert_ok(arena_new(alloc_system(), &options, &arena, &error));
        enum fkv_status status = store_new(&t.alloc, arena, clock_system(), &store, &error);
        for (size_t i = 0; i < 20 && status == FKV_OK; i++) {
            char key[16];
            snprintf(key, sizeof key, "key %zu", i % 15);
            status =
                put_table(store, key, i, 1 + i % 6, i % 3 == 0 ? 70 * KIB : 3 * KIB, NULL, &error);
        }
        assert_true(status == FKV_OK || status == FKV_RESOURCE_EXHAUSTED);
        if (store != NULL)
            assert_int_equal(store_stats(store).puts_open, 0);
        store_free(store);
        assert_int_equal(t.live, 0);
        assert_int_equal(arena_stats(arena).used_bytes, 0);
        arena_free(arena);
        if (t.requests < n)
            break;
    }
}

/* Whatever the budget, a put that doesn't fit it leaves what was there and nothing else. */
static void budgets_of_any_size_hold(void **state)
{
    (void)state;
    bool has_failed = false, has_worked = false;
    for (size_t budget = 1000; budget < 2 * MIB; budget += budget / 7) {
        struct fkv_error error;
        struct fixture f = fixture_open(alloc_system(), budget);
        enum fkv_status kept = put_table(f.store, "kept", 1, 2, 100, NULL, &error);
        uint64_t used = arena_stats(f.arena).used_bytes;
        enum fkv_status status = put_table(f.store, "big", 2, 20, 30 * KIB, NULL, &error);
        if (status == FKV_OK)
            status = put_table(f.store, "bigger", 2, 7, 90 * KIB, NULL, &error);
        else
            assert_int_equal(arena_stats(f.arena).used_bytes, used);
        assert_true(status == FKV_OK || status == FKV_RESOURCE_EXHAUSTED);
        arena_validate(f.arena);
        struct store_table *table = store_get(f.store, slice_text("kept"));
        assert_int_equal(table != NULL, kept == FKV_OK);
        if (table != NULL)
            assert_table(table, 1, 2, 100);
        store_table_unref(table);
        has_failed |= status != FKV_OK;
        has_worked |= status == FKV_OK;
        fixture_close(&f);
    }
    assert_true(has_failed && has_worked);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(keys_are_checked), cmocka_unit_test(messages_come_back_as_they_were),
              cmocka_unit_test(etag_is_the_chained_digest),
              cmocka_unit_test(a_put_out_of_order_is_refused),
              cmocka_unit_test(oversized_parts_are_refused),
              cmocka_unit_test(a_claimed_length_is_not_charged),
              cmocka_unit_test(rows_do_not_overflow), cmocka_unit_test(equal_schemas_are_kept_once),
              cmocka_unit_test(allocations_may_fail), cmocka_unit_test(budgets_of_any_size_hold));
}
