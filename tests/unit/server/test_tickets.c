/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "server/tickets.h"

static struct fkv_error error;

#define ETAG "0123456789abcdef0123456789abcdef"

static const struct ticket_part part = {
    .key = {(const uint8_t *)"the key", 7},
    .etag = {(const uint8_t *)ETAG, store_etag_size},
    .first = 3,
    .end = UINT64_C(0x1122334455667788),
    .rows_start = 5,
    .rows_stop = UINT64_MAX,
};

enum { ticket_bytes = 34 + store_etag_size + 7 };

static void encode(const struct ticket_part *what, struct buf *ret)
{
    buf_init(ret, alloc_system(), 1 << 16);
    ticket_encode(what, ret);
    assert_false(ret->failed);
}

static bool is_same(const struct ticket_part *a, const struct ticket_part *b)
{
    return slice_equal(a->key, b->key) && slice_equal(a->etag, b->etag) && a->first == b->first &&
           a->end == b->end && a->rows_start == b->rows_start && a->rows_stop == b->rows_stop;
}

static void what_is_encoded_is_decoded(void **state)
{
    (void)state;
    struct buf ticket;
    struct ticket_part decoded;
    encode(&part, &ticket);
    assert_int_equal(ticket.size, ticket_bytes);
    assert_true(ticket_is_part(buf_slice(&ticket)));
    assert_ok(ticket_decode(buf_slice(&ticket), &decoded, &error));
    assert_true(is_same(&decoded, &part));
    buf_done(&ticket);
    assert_false(ticket_is_part(slice_text("the key")));
    assert_false(ticket_is_part(slice_of(NULL, 0)));
}

static void a_cut_one_is_refused(void **state)
{
    (void)state;
    struct buf ticket;
    encode(&part, &ticket);
    for (size_t size = 0; size < ticket.size; size++) {
        struct ticket_part decoded = {.first = 17};
        enum fkv_status status = ticket_decode(slice_of(ticket.data, size), &decoded, &error);
        bool is_other_key = size > ticket_bytes - 7;
        assert_int_equal(status, is_other_key ? FKV_OK : FKV_INVALID_ARGUMENT);
        assert_true(is_other_key ? decoded.key.size == size - (ticket_bytes - 7)
                                 : decoded.first == 17);
    }
    buf_done(&ticket);
}

/* Each byte says something: with another value it is refused, or for another part. */
static void a_changed_one_is_for_something_else(void **state)
{
    (void)state;
    struct buf ticket;
    encode(&part, &ticket);
    for (size_t i = 0; i < ticket.size; i++) {
        for (unsigned change = 1; change < 256; change++) {
            struct ticket_part decoded;
            ticket.data[i] ^= (uint8_t)change;
            enum fkv_status status = ticket_decode(buf_slice(&ticket), &decoded, &error);
            assert_true(status == FKV_INVALID_ARGUMENT ||
                        (status == FKV_OK && !is_same(&decoded, &part)));
            assert_true(status == FKV_INVALID_ARGUMENT || i >= 2);
            ticket.data[i] ^= (uint8_t)change;
        }
    }
    buf_done(&ticket);
}

static void rows_must_not_stop_before_they_start(void **state)
{
    (void)state;
    struct ticket_part backwards = part, decoded;
    struct buf ticket;
    backwards.rows_stop = 4;
    encode(&backwards, &ticket);
    assert_int_equal(ticket_decode(buf_slice(&ticket), &decoded, &error), FKV_INVALID_ARGUMENT);
    buf_done(&ticket);
}

static void keys_keep_their_rules(void **state)
{
    (void)state;
    static uint8_t key[store_key_bytes_max + 1] = "x";
    struct ticket_part with_key = part, decoded;
    struct buf ticket;
    with_key.key = slice_of(key, store_key_bytes_max);
    encode(&with_key, &ticket);
    assert_ok(ticket_decode(buf_slice(&ticket), &decoded, &error));
    buf_done(&ticket);
    with_key.key = slice_of(key, store_key_bytes_max + 1);
    encode(&with_key, &ticket);
    assert_int_equal(ticket_decode(buf_slice(&ticket), &decoded, &error), FKV_INVALID_ARGUMENT);
    buf_done(&ticket);
    with_key.key = slice_of("\0x", 2);
    encode(&with_key, &ticket);
    assert_int_equal(ticket_decode(buf_slice(&ticket), &decoded, &error), FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "ticket"));
    buf_done(&ticket);
}

static void a_part_must_be_one_of_the_table(void **state)
{
    (void)state;
    static const struct {
        uint64_t first, end;
        const char *etag;
        enum fkv_status expected;
    } rows[] = {
        {1, 10, ETAG, FKV_OK},
        {3, 3, ETAG, FKV_OK},
        {10, 10, ETAG, FKV_OK},
        {0, 10, ETAG, FKV_INVALID_ARGUMENT},
        {1, 11, ETAG, FKV_INVALID_ARGUMENT},
        {4, 3, ETAG, FKV_INVALID_ARGUMENT},
        {UINT64_MAX, UINT64_MAX, ETAG, FKV_INVALID_ARGUMENT},
        {1, 10, "0123456789abcdef0123456789abcdee", FKV_NOT_FOUND},
    };
    static const struct store_table table = {.etag = ETAG, .messages = 10};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ticket_part asked = part;
        asked.first = rows[i].first;
        asked.end = rows[i].end;
        asked.etag = slice_text(rows[i].etag);
        assert_int_equal(ticket_check(&asked, &table, &error), rows[i].expected);
        if (rows[i].expected == FKV_NOT_FOUND)
            assert_non_null(strstr(error.message, "has changed, call GetFlightInfo again"));
    }
}

/* ---- cutting ---- */

/* A batch of so many rows and bytes; rows -1: a dictionary. */
static const struct {
    int64_t rows;
    size_t bytes;
} rules[] = {{-1, 100}, {10, 1000}, {0, 0},    {20, 2000}, {-1, 50},
             {30, 10},  {5, 5000},  {-1, 100}, {40, 4000}, {0, 0}};

enum { rule_count = sizeof rules / sizeof rules[0], all_rows = 105, all_bytes = 12260 };

static struct arena *arena;
static struct store *store;

static void put_message(struct store_put *to, enum store_kind kind, int64_t rows, size_t bytes)
{
    const struct store_message message = {
        .kind = kind, .rows = rows, .header = slice_text("header")};
    uint8_t *body;
    assert_ok(store_put_message(to, &message, bytes, &body, &error));
    assert_ok(store_put_room(to, bytes, &error));
    if (bytes > 0)
        memset(body, 0, bytes);
    store_put_filled(to, 0, bytes);
}

static struct store_table *table_open(void)
{
    const struct arena_options options = {.budget_bytes = 1 << 22};
    struct store_put *new;
    struct store_table *table;
    assert_ok(arena_new(alloc_system(), &options, &arena, &error));
    assert_ok(store_new(alloc_system(), arena, clock_system(), &store, &error));
    assert_ok(store_put_begin(store, slice_text("k"), slice_of(NULL, 0), &new, &error));
    put_message(new, STORE_SCHEMA, 0, 0);
    for (size_t i = 0; i < rule_count; i++)
        put_message(new, rules[i].rows < 0 ? STORE_DICTIONARY : STORE_BATCH,
                    rules[i].rows < 0 ? 0 : rules[i].rows, rules[i].bytes);
    assert_ok(store_put_commit(new, &table, &error));
    assert_int_equal(table->rows, all_rows);
    assert_int_equal(table->body_bytes, all_bytes);
    return table;
}

static void table_close(struct store_table *table)
{
    store_table_unref(table);
    store_free(store);
    arena_free(arena);
}

static uint64_t rows_between(const struct store_table *table, uint64_t first, uint64_t end)
{
    uint64_t rows = 0;
    for (uint64_t i = first; i < end; i++)
        rows += (uint64_t)store_table_message(table, i).rows;
    return rows;
}

/* Whether the parts are these rows, each once and in order; each part has some of them. */
static void expect_cut(const struct store_table *table, const struct ticket_cut *cut,
                       uint64_t start, uint64_t stop)
{
    uint64_t next = start;
    for (size_t i = 0; i < cut->count; i++) {
        const struct ticket_part *p = &cut->parts[i];
        uint64_t before = rows_between(table, 1, p->first);
        uint64_t rows = rows_between(table, p->first, p->end);
        uint64_t part_stop = p->rows_stop < rows ? p->rows_stop : rows;
        assert_ok(ticket_check(p, table, &error));
        assert_true(p->rows_start <= part_stop || start == stop);
        if (start == stop)
            continue;
        assert_int_equal(before + p->rows_start, next);
        next = before + part_stop;
        assert_true(cut->count == 1 || part_stop > p->rows_start);
    }
    assert_int_equal(next, stop);
    assert_int_equal(cut->rows, stop - start);
}

static void parts_have_the_rows_asked_for(void **state)
{
    (void)state;
    static struct ticket_cut cut;
    struct store_table *table = table_open();
    for (uint64_t start = 0; start <= all_rows + 2; start++) {
        for (uint64_t stop = start; stop <= all_rows + 3; stop++) {
            uint64_t last = stop < all_rows ? stop : all_rows;
            uint64_t first = start < last ? start : last;
            for (size_t wanted = 1; wanted <= 9; wanted += 2) {
                ticket_cut(table, wanted, (struct ticket_rows){start, stop}, &cut);
                assert_in_range(cut.count, 1, wanted);
                expect_cut(table, &cut, first, last);
            }
        }
        if (start == 0)
            continue; /* all of it, with the batches without rows */
        ticket_cut(table, 4, (struct ticket_rows){start, UINT64_MAX}, &cut);
        expect_cut(table, &cut, start < all_rows ? start : all_rows, all_rows);
    }
    table_close(table);
}

static void all_of_a_table_is_cut_between_batches(void **state)
{
    (void)state;
    static struct ticket_cut cut;
    struct store_table *table = table_open();
    for (size_t wanted = 1; wanted <= endpoints_max; wanted++) {
        uint64_t next = 1;
        ticket_cut(table, wanted, (struct ticket_rows){0, UINT64_MAX}, &cut);
        assert_in_range(cut.count, 1, wanted < 7 ? wanted : 7); /* there are 7 batches */
        assert_int_equal(cut.bytes, all_bytes);
        assert_int_equal(cut.rows, all_rows);
        for (size_t i = 0; i < cut.count; i++) {
            assert_int_equal(cut.parts[i].first, next);
            assert_int_equal(cut.parts[i].rows_start, 0);
            assert_true(cut.parts[i].rows_stop == UINT64_MAX);
            next = cut.parts[i].end;
            assert_int_equal(store_table_message(table, next - 1).kind, STORE_BATCH);
        }
        assert_int_equal(next, table->messages);
    }
    assert_int_equal(cut.count, 7);
    table_close(table);
}

/* By rows, a batch counts as far as its rows are asked for. */
static void parts_are_about_as_large(void **state)
{
    (void)state;
    static struct ticket_cut cut;
    struct store_table *table = table_open();
    ticket_cut(table, 2, (struct ticket_rows){0, UINT64_MAX}, &cut);
    assert_int_equal(cut.count, 2);
    assert_int_equal(rows_between(table, 1, cut.parts[0].end), 65); /* 8160 bytes and 4100 */
    ticket_cut(table, 2, (struct ticket_rows){5, 50}, &cut);
    assert_int_equal(cut.bytes, 100 + 500 + 2000 + 50 + 6);
    assert_int_equal(cut.count, 2);
    assert_int_equal(rows_between(table, 1, cut.parts[0].end), 30);
    table_close(table);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(what_is_encoded_is_decoded), cmocka_unit_test(a_cut_one_is_refused),
              cmocka_unit_test(a_changed_one_is_for_something_else),
              cmocka_unit_test(rows_must_not_stop_before_they_start),
              cmocka_unit_test(keys_keep_their_rules),
              cmocka_unit_test(a_part_must_be_one_of_the_table),
              cmocka_unit_test(parts_have_the_rows_asked_for),
              cmocka_unit_test(all_of_a_table_is_cut_between_batches),
              cmocka_unit_test(parts_are_about_as_large));
}
