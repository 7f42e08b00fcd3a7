/* SPDX-License-Identifier: Apache-2.0 */
/* What tables cost beyond their bytes; printed, and held to a bound. */
#include "fixture.h"

#include "store/draft.h"

static uint64_t cost_of(size_t batches, size_t body_bytes, const char *header_of_batch)
{
    struct fkv_error error;
    struct fixture f = fixture_open(alloc_system(), 256 * MIB);
    struct store_put *put;
    struct store_table *table;
    assert_ok(store_put_begin(f.store, slice_text("a key of usual length"), slice_of(NULL, 0), &put,
                              &error));
    assert_ok(put_schema(put, "schema", &error));
    const struct store_message batch = {
        .kind = STORE_BATCH, .rows = 1, .header = slice_text(header_of_batch)};
    for (size_t i = 0; i < batches; i++)
        assert_ok(put_message(put, &batch, i, body_bytes, MIB, &error));
    assert_ok(store_put_commit(put, &table, &error));
    uint64_t used = arena_stats(f.arena).used_bytes; /* the schema too */
    store_table_unref(table);
    fixture_close(&f);
    uint64_t body = (uint64_t)batches * body_bytes;
    print_message("%6zu batches of %8zu bytes: %11" PRIu64 " charged, %8" PRIu64
                  " (%.2f %%) beyond the bodies\n",
                  batches, body_bytes, used, used - body,
                  100.0 * (double)(used - body) / (double)body);
    return used - body;
}

static void overheads_are_small(void **state)
{
    (void)state;
    static char header[201];
    memset(header, 'h', sizeof header - 1);
    assert_true(cost_of(1, KIB, header) <= KIB);
    assert_true(cost_of(10000, 64, header) <= 10000 * 48);
    assert_true(cost_of(10000, 8, header) <= 10000 * (48 + 56));
    assert_true(cost_of(1000, 3000, header) <= 1000 * 3000 / 20);
    assert_true(cost_of(1000, 20000, header) <= 1000 * 20000 / 100);
    assert_true(cost_of(1, 40000, header) <= KIB);
    assert_true(cost_of(500, 66 * KIB + 1, header) <= 500 * 66 * KIB / 100);
    assert_true(cost_of(100, 300001, header) <= 100 * 300001 / 100);
    assert_true(cost_of(10, 5000001, header) <= 10 * 5000001 / 100);
    assert_true(cost_of(1, 65537, header) <= 5000);
    assert_true(cost_of(1, 100 * KIB, header) <= 1000);
    assert_true(cost_of(1, MIB, header) <= 1000);
}

/* 2 GiB in bodies of 64 MiB, placed but never touched. */
static void large_bodies_cost_their_pages(void **state)
{
    (void)state;
    enum { bodies = 32 };
    struct fkv_error error;
    struct arena *arena;
    const struct arena_options options = {.budget_bytes = 4096 * MIB};
    assert_ok(arena_new(alloc_system(), &options, &arena, &error));
    struct heap heap = {.alloc = alloc_system(), .arena = arena};
    struct draft draft;
    draft_init(&draft, &heap);
    const struct store_message batch = {.kind = STORE_BATCH, .header = slice_text("batch")};
    uint8_t *body;
    for (size_t i = 0; i < bodies; i++)
        assert_ok(draft_append(&draft, &batch, NULL, 64 * MIB, &body, &error));
    draft_close(&draft);
    size_t pages = 0;
    for (size_t i = 0; i < draft.extent_count; i++)
        pages += draft.extents[i].size;
    print_message("    32 bodies of 64 MiB: %zu extents, %zu bytes of pages beyond the bodies, "
                  "%zu of index\n",
                  draft.extent_count, pages - bodies * 64 * MIB,
                  bodies * sizeof *draft.entries + draft.extent_count * sizeof *draft.extents);
    assert_int_equal(pages, bodies * 64 * MIB);
    assert_int_equal(draft.extent_count, bodies);
    draft_done(&draft);
    arena_validate(arena);
    assert_int_equal(arena_stats(arena).used_bytes, 0);
    arena_free(arena);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(overheads_are_small),
              cmocka_unit_test(large_bodies_cost_their_pages));
}
