/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "store/draft.h"

struct bench {
    struct arena *arena;
    struct heap heap;
    struct draft draft;
};

/* The draft keeps a pointer to the heap: opened in place. */
static void open_bench(struct bench *b, uint64_t budget_bytes)
{
    struct fkv_error error;
    const struct arena_options options = {.budget_bytes = budget_bytes};
    assert_ok(arena_new(alloc_system(), &options, &b->arena, &error));
    b->heap = (struct heap){.alloc = alloc_system(), .arena = b->arena};
    draft_init(&b->draft, &b->heap);
}

static void close_bench(struct bench *b)
{
    draft_done(&b->draft);
    draft_done(&b->draft);
    arena_validate(b->arena);
    assert_int_equal(arena_stats(b->arena).used_bytes, 0);
    arena_free(b->arena);
}

static uint8_t *append(struct bench *b, const char *header, size_t body_bytes)
{
    struct fkv_error error;
    uint8_t *body = NULL;
    const struct store_message message = {.kind = STORE_BATCH, .header = slice_text(header)};
    assert_ok(draft_append(&b->draft, &message, NULL, body_bytes, &body, &error));
    assert_ok(draft_room(&b->draft, body_bytes, &error));
    fill_body(body, b->draft.entry_count, 0, body_bytes);
    return body;
}

static void check_all(const struct bench *b, const size_t *sizes, size_t count)
{
    assert_int_equal(b->draft.entry_count, count);
    for (size_t i = 0; i < count; i++)
        assert_body(draft_message(&b->draft.entries[i]).body, i + 1, sizes[i]);
}

static void small_messages_stay_in_one_allocation(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, 16 * MIB);
    enum { count = 300 };
    size_t sizes[count];
    for (size_t i = 0; i < count; i++) {
        char header[16];
        snprintf(header, sizeof header, "header %zu", i);
        append(&b, header, sizes[i] = i % 100);
        assert_int_equal((uintptr_t)b.draft.packed % 64, 0);
        assert_true(b.draft.packed_size <= 2 * b.draft.packed_used + draft_packed_least);
    }
    assert_int_equal(b.draft.extent_count, 0);
    check_all(&b, sizes, count); /* they have moved several times */
    for (size_t i = 0; i < count; i++) {
        char header[16];
        snprintf(header, sizeof header, "header %zu", i);
        assert_true(slice_is(draft_message(&b.draft.entries[i]).header, header));
    }
    close_bench(&b);
}

/* The header is found again after `packed` has moved. */
static void equal_headers_are_kept_once(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, 16 * MIB);
    enum { count = 200 };
    size_t sizes[count];
    for (size_t i = 0; i < count; i++)
        append(&b, "a header that every batch has", sizes[i] = 64);
    check_all(&b, sizes, count);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(b.draft.entries[i].header, b.draft.entries[0].header);
        assert_true(
            slice_is(draft_message(&b.draft.entries[i]).header, "a header that every batch has"));
    }
    assert_true(b.draft.packed_used <= 64 * (count + 1));
    close_bench(&b);
}

static void middling_bodies_share_extents(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, 64 * MIB);
    enum { count = 150 };
    size_t sizes[count], bytes = 0, pages = 0;
    for (size_t i = 0; i < count; i++) {
        append(&b, "header", sizes[i] = 65 * KIB + i * 1000);
        bytes += sizes[i];
    }
    draft_close(&b.draft);
    for (size_t i = 0; i < b.draft.extent_count; i++) {
        pages += b.draft.extents[i].size;
        assert_int_equal(b.draft.extents[i].size, b.draft.extents[i].charged);
    }
    assert_true(b.draft.extent_count <= 15);
    assert_true(pages <= bytes + bytes / 200);
    check_all(&b, sizes, count);
    close_bench(&b);
}

/* A large body between small ones gets its own pages, and they go on where they were. */
static void the_open_extent_stays_open(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, 64 * MIB);
    static const size_t sizes[] = {400 * KIB, 100 * KIB, 5 * MIB, 100 * KIB, 70 * KIB, 6 * MIB};
    enum { count = sizeof sizes / sizeof sizes[0] };
    uint8_t *bodies[count];
    for (size_t i = 0; i < count; i++)
        bodies[i] = append(&b, "header", sizes[i]);
    assert_ptr_equal(bodies[3], bodies[1] + 100 * KIB);
    assert_ptr_equal(bodies[4], bodies[3] + 100 * KIB);
    assert_int_equal(b.draft.extent_count, 4);
    draft_close(&b.draft);
    size_t pages = 0, bytes = 0;
    for (size_t i = 0; i < b.draft.extent_count; i++)
        pages += b.draft.extents[i].size;
    for (size_t i = 0; i < count; i++)
        bytes += sizes[i];
    assert_int_equal(pages, (bytes + arena_page_bytes - 1) / arena_page_bytes * arena_page_bytes);
    check_all(&b, sizes, count);
    close_bench(&b);
}

/* However much is warm, a draft takes no more than about twice what it was given. */
static void warm_memory_is_not_hoarded(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, 64 * MIB);
    append(&b, "header", 32 * MIB);
    draft_done(&b.draft);
    assert_int_equal(arena_stats(b.arena).warm_bytes, 32 * MIB);
    size_t given = 0;
    for (size_t i = 0; i < 60; i++) {
        append(&b, "header", 66 * KIB);
        given += 66 * KIB;
        assert_true(arena_stats(b.arena).used_bytes <= 2 * given + 20 * KIB);
    }
    close_bench(&b);
}

/* Near the end of the budget a shared extent may be as small as its first body. */
static void the_last_bytes_can_be_had(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, 2 * MIB);
    append(&b, "header", MIB);
    append(&b, "header", 900 * KIB);
    struct fkv_error error;
    uint8_t *body;
    const struct store_message message = {.kind = STORE_BATCH, .header = slice_text("header")};
    assert_int_equal(draft_append(&b.draft, &message, NULL, 200 * KIB, &body, &error),
                     FKV_RESOURCE_EXHAUSTED);
    append(&b, "header", 80 * KIB);
    assert_int_equal(b.draft.entry_count, 3);
    close_bench(&b);
}

/* Metadata too large for `packed` is held in pages, and stays whole. */
static void long_metadata(void **state)
{
    (void)state;
    struct bench b;
    struct fkv_error error;
    open_bench(&b, 16 * MIB);
    static char app[200000], header[100000];
    memset(app, 'a', sizeof app);
    memset(header, 'h', sizeof header);
    const struct store_message message = {.kind = STORE_BATCH,
                                          .header = slice_of(header, sizeof header),
                                          .app_metadata = slice_of(app, sizeof app),
                                          .has_app_metadata = true};
    for (size_t i = 0; i < 3; i++) {
        uint8_t *body;
        assert_ok(draft_append(&b.draft, &message, NULL, 10, &body, &error));
        assert_ok(draft_room(&b.draft, 10, &error));
        fill_body(body, i, 0, 10);
    }
    draft_close(&b.draft);
    for (size_t i = 0; i < 3; i++) {
        struct store_message got = draft_message(&b.draft.entries[i]);
        assert_true(slice_equal(got.header, message.header));
        assert_true(slice_equal(got.app_metadata, message.app_metadata));
        assert_body(got.body, i, 10);
    }
    close_bench(&b);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(small_messages_stay_in_one_allocation),
              cmocka_unit_test(equal_headers_are_kept_once),
              cmocka_unit_test(middling_bodies_share_extents),
              cmocka_unit_test(the_open_extent_stays_open),
              cmocka_unit_test(warm_memory_is_not_hoarded),
              cmocka_unit_test(the_last_bytes_can_be_had), cmocka_unit_test(long_metadata));
}
