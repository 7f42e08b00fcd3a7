/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/mem/arena_use.h"

static void assert_bytes(const struct arena_extent *extent, size_t from, size_t to, int byte)
{
    for (size_t at = from; at < to; at += arena_page_bytes)
        assert_int_equal(extent->data[at], byte);
}

/* ---- extents ---- */

static void pages_are_charged_as_they_are_committed(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = 64 * MIB});
    struct arena_extent extent = take(arena, 32 * MIB + 1);
    assert_int_equal(extent.size, 32 * MIB + arena_page_bytes);
    assert_int_equal(extent.charged, 0);
    assert_int_equal((uintptr_t)extent.data % arena_page_bytes, 0);
    assert_int_equal(arena_stats(arena).used_bytes, 0);
    assert_ok(arena_commit(arena, &extent, 100, &error));
    assert_true(extent.charged >= 100 && extent.charged <= arena_charge_ahead);
    assert_int_equal(arena_stats(arena).used_bytes, extent.charged);
    memset(extent.data, 1, 100);
    assert_ok(arena_commit(arena, &extent, 3 * MIB, &error));
    assert_true(extent.charged >= 3 * MIB && extent.charged < 3 * MIB + arena_charge_ahead);
    memset(extent.data, 1, 3 * MIB);
    arena_validate(arena);

    arena_shrink(arena, &extent, 68 * KIB);
    assert_int_equal(extent.size, 68 * KIB);
    assert_int_equal(arena_stats(arena).used_bytes, 68 * KIB);
    arena_validate(arena);
    arena_give(arena, &extent);
    assert_int_equal(extent.size, 0);
    arena_give(arena, &extent);
    close_arena(arena);
}

static void a_small_extent_costs_its_pages_only(void **state)
{
    (void)state;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = 64 * MIB});
    struct arena_extent extent = fill(arena, 68 * KIB, 1);
    assert_int_equal(arena_stats(arena).used_bytes, 68 * KIB);
    assert_int_equal(populated_bytes(), 68 * KIB);
    arena_give(arena, &extent);
    close_arena(arena);
}

static void nothing_is_an_extent_too(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = MIB});
    struct arena_extent extent = take(arena, 0);
    assert_int_equal(extent.size, 0);
    assert_ok(arena_commit(arena, &extent, 0, &error));
    arena_shrink(arena, &extent, 0);
    arena_give(arena, &extent);
    close_arena(arena);
}

static void refusals_have_the_numbers(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = 8 * MIB});
    struct arena_extent big = fill(arena, 5 * MIB, 1), other = {.data = NULL};
    assert_int_equal(arena_take(arena, 4 * MIB, &other, &error), FKV_RESOURCE_EXHAUSTED);
    assert_string_equal(error.message,
                        "a body of 4.0 MiB does not fit: stored 0 B, uploads 5.0 MiB, of 8.0 MiB; "
                        "remove keys, or start the server with a larger --memory");
    assert_null(other.data);
    assert_int_equal(arena_take(arena, SIZE_MAX, &other, &error), FKV_RESOURCE_EXHAUSTED);
    assert_int_equal(arena_take(arena, SIZE_MAX, &other, NULL), FKV_RESOURCE_EXHAUSTED);

    /* Two bodies of which only one can come true. */
    other = take(arena, 3 * MIB);
    struct arena_extent third = take(arena, 3 * MIB);
    assert_ok(arena_commit(arena, &other, 1 * MIB, &error));
    assert_int_equal(arena_commit(arena, &third, 3 * MIB, &error), FKV_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.message, "a further 1.0 MiB does not fit: stored 0 B, "));
    assert_non_null(strstr(error.message, "uploads 8.0 MiB, of 8.0 MiB; "));
    arena_note_stored(arena, 5 * MIB); /* the big one's */
    assert_int_equal(arena_commit(arena, &third, 3 * MIB, &error), FKV_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.message, "stored 5.0 MiB, uploads 3.0 MiB, of 8.0 MiB; "));
    arena_forget_stored(arena, 5 * MIB);
    assert_int_equal(third.charged, 2 * MIB);
    assert_int_equal(arena_charge(arena, 1, &error), FKV_RESOURCE_EXHAUSTED);
    arena_validate(arena);
    arena_give(arena, &third);
    assert_ok(arena_commit(arena, &other, 3 * MIB, &error));
    arena_give(arena, &other);
    arena_give(arena, &big);
    close_arena(arena);
}

/* The last bytes of the budget can be had although a whole step is not left. */
static void the_budget_can_be_used_up(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = MIB});
    assert_ok(arena_charge(arena, MIB - 3 * arena_page_bytes, &error));
    struct arena_extent extent = take(arena, 3 * arena_page_bytes);
    struct arena_extent second = take(arena, 3 * arena_page_bytes);
    assert_ok(arena_commit(arena, &extent, 1, &error));
    assert_int_equal(arena_commit(arena, &second, 1, &error), FKV_RESOURCE_EXHAUSTED);
    arena_shrink(arena, &extent, 1);
    assert_ok(arena_commit(arena, &second, 1, &error));
    assert_ok(arena_commit(arena, &second, arena_page_bytes + 1, &error));
    arena_validate(arena);
    arena_give(arena, &extent);
    arena_give(arena, &second);
    arena_discharge(arena, MIB - 3 * arena_page_bytes);
    close_arena(arena);
}

static void heap_memory_counts(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = MIB});
    assert_ok(arena_charge(arena, MIB, &error));
    assert_int_equal(arena_charge(arena, SIZE_MAX, &error), FKV_RESOURCE_EXHAUSTED);
    assert_int_equal(arena_charge(arena, 5, &error), FKV_RESOURCE_EXHAUSTED);
    assert_non_null(
        strstr(error.message, "a further 5 B does not fit: stored 0 B, uploads 1.0 MiB"));
    arena_discharge(arena, MIB);
    close_arena(arena);
}

/* ---- warm pages ---- */

static void freed_pages_are_handed_out_warm(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = 64 * MIB});
    struct arena_extent extent = fill(arena, 10 * MIB, 1);
    uint8_t *data = extent.data;
    arena_give(arena, &extent);
    assert_int_equal(arena_stats(arena).warm_bytes, 10 * MIB);
    assert_int_equal(arena_stats(arena).used_bytes, 0);
    extent = take(arena, 10 * MIB);
    assert_ptr_equal(extent.data, data);
    assert_counts(arena, 0, 10 * MIB);
    assert_ok(arena_commit(arena, &extent, 10 * MIB, &error));
    assert_counts(arena, 10 * MIB, 0);
    assert_bytes(&extent, 0, 10 * MIB, 1); /* the very pages: new ones would be zero */
    arena_give(arena, &extent);
    /* More than is warm: the warm pages come first. */
    extent = take(arena, 12 * MIB);
    assert_ptr_equal(extent.data, data);
    assert_ok(arena_commit(arena, &extent, 10 * MIB + 1, &error));
    assert_counts(arena, 12 * MIB, 0);
    assert_bytes(&extent, 0, 10 * MIB, 1);
    assert_bytes(&extent, 10 * MIB, 12 * MIB, 0);
    arena_give(arena, &extent);
    close_arena(arena);
}

static void pressure_punches_warm_pages(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = 16 * MIB});
    /* Warm pages in stretches of 1 MiB, with a used page between each. */
    struct arena_extent parts[20];
    for (size_t i = 0; i < 20; i++)
        parts[i] = fill(arena, i % 2 == 0 ? MIB : arena_page_bytes, (int)i);
    for (size_t i = 0; i < 20; i += 2)
        arena_give(arena, &parts[i]);
    assert_int_equal(arena_stats(arena).warm_bytes, 10 * MIB);
    struct arena_extent extent = fill(arena, 12 * MIB, 1);
    arena_validate(arena);
    assert_true(arena_stats(arena).warm_bytes <= 4 * MIB);
    assert_true(populated_bytes() <= 16 * MIB);
    /* Heap memory makes warm pages go as well. */
    assert_ok(arena_charge(arena, 3 * MIB + 512 * KIB, &error));
    arena_validate(arena);
    arena_discharge(arena, 3 * MIB + 512 * KIB);
    for (size_t i = 1; i < 20; i += 2) {
        assert_int_equal(*parts[i].data, i);
        arena_give(arena, &parts[i]);
    }
    arena_give(arena, &extent);
    close_arena(arena);
}

/* ---- lent pages ---- */

/* So much free warm memory, all bytes 7. */
static void warm_up(struct arena *arena, size_t size)
{
    struct arena_extent extent = fill(arena, size, 7);
    arena_give(arena, &extent);
}

static void lent_pages_are_used_step_by_step(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = 16 * MIB});
    warm_up(arena, 5 * MIB / 2);
    struct arena_extent extent = take(arena, 4 * MIB);
    assert_counts(arena, 0, 5 * MIB / 2);
    assert_ok(arena_commit(arena, &extent, 1, &error));
    assert_int_equal(extent.charged, 2 * MIB);
    assert_counts(arena, 2 * MIB, MIB / 2);
    assert_ok(arena_commit(arena, &extent, 5 * MIB / 2, &error));
    assert_counts(arena, 5 * MIB / 2, 0);
    assert_ok(arena_commit(arena, &extent, 4 * MIB, &error));
    assert_counts(arena, 4 * MIB, 0);
    assert_bytes(&extent, 0, 5 * MIB / 2, 7);
    assert_bytes(&extent, 5 * MIB / 2, 4 * MIB, 0);
    arena_give(arena, &extent);
    close_arena(arena);
}

/* One body is announced and never sent; another of its size fits all the same. */
static void an_announced_body_starves_nobody(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = 16 * MIB});
    warm_up(arena, 12 * MIB);
    struct arena_extent stalled = take(arena, 12 * MIB);
    struct arena_extent other = fill(arena, 12 * MIB, 2);
    assert_counts(arena, 12 * MIB, 4 * MIB);
    assert_true(populated_bytes() <= 16 * MIB);
    /* What comes after all has the rest. */
    assert_ok(arena_commit(arena, &stalled, 4 * MIB, &error));
    assert_int_equal(arena_commit(arena, &stalled, 4 * MIB + 1, &error), FKV_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.message, "a further 4.0 KiB does not fit: "));
    assert_non_null(strstr(error.message, "uploads 16.0 MiB, of 16.0 MiB; "));
    assert_bytes(&stalled, 0, 4 * MIB, 7);
    arena_give(arena, &other);
    assert_ok(arena_commit(arena, &stalled, 12 * MIB, &error));
    memset(stalled.data, 3, stalled.size);
    arena_validate(arena);
    arena_give(arena, &stalled);
    close_arena(arena);
}

static void pressure_punches_lent_pages_last(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = 16 * MIB});
    warm_up(arena, 12 * MIB);
    struct arena_extent small = take(arena, 3 * MIB), large = take(arena, 5 * MIB);
    /* 4 MiB were never populated and 4 are warm and free: nothing lent is touched for those. */
    assert_ok(arena_charge(arena, 8 * MIB, &error));
    assert_counts(arena, 8 * MIB, 8 * MIB);
    /* The largest lent run is cut from its end, back to where a huge page would begin. */
    assert_ok(arena_charge(arena, MIB, &error));
    assert_counts(arena, 9 * MIB, 6 * MIB);
    arena_discharge(arena, 9 * MIB);
    assert_ok(arena_commit(arena, &small, 3 * MIB, &error));
    assert_bytes(&small, 0, 3 * MIB, 7);
    assert_ok(arena_commit(arena, &large, 5 * MIB, &error));
    assert_bytes(&large, 0, 3 * MIB, 7);
    assert_bytes(&large, 3 * MIB, 5 * MIB, 0);
    memset(large.data, 8, large.size);
    assert_counts(arena, 8 * MIB, 0);
    arena_give(arena, &small);
    arena_give(arena, &large);
    close_arena(arena);
}

/* Cut in what was committed, in what is lent, in what is cold; and given back half-used. */
static void what_is_still_lent_stays_warm(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = 64 * MIB});
    warm_up(arena, 8 * MIB);
    struct arena_extent extent = take(arena, 10 * MIB);
    assert_ok(arena_commit(arena, &extent, 2 * MIB, &error));
    arena_shrink(arena, &extent, 9 * MIB);
    assert_counts(arena, 2 * MIB, 6 * MIB);
    arena_shrink(arena, &extent, 5 * MIB);
    assert_int_equal(extent.charged, 2 * MIB);
    assert_counts(arena, 2 * MIB, 6 * MIB);
    struct arena_extent tail = take(arena, 3 * MIB); /* warm again, for anybody */
    assert_ptr_equal(tail.data, extent.data + extent.size);
    assert_ok(arena_commit(arena, &extent, 5 * MIB, &error));
    assert_ok(arena_commit(arena, &tail, 3 * MIB, &error));
    assert_counts(arena, 8 * MIB, 0);
    assert_bytes(&extent, 0, 5 * MIB, 7);
    assert_bytes(&tail, 0, 3 * MIB, 7);
    arena_give(arena, &extent);
    arena_give(arena, &tail);

    extent = take(arena, 8 * MIB);
    assert_ok(arena_commit(arena, &extent, 4 * MIB, &error));
    arena_shrink(arena, &extent, 3 * MIB);
    assert_counts(arena, 3 * MIB, 5 * MIB);
    arena_give(arena, &extent);
    extent = take(arena, 8 * MIB);
    assert_ok(arena_commit(arena, &extent, 4 * MIB, &error));
    arena_give(arena, &extent);
    assert_counts(arena, 0, 8 * MIB);
    close_arena(arena);
}

/* Neighbours in the address space are lent to two owners. */
static void lent_neighbours_are_kept_apart(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = 16 * MIB});
    warm_up(arena, 8 * MIB);
    struct arena_extent first = take(arena, 4 * MIB), second = take(arena, 4 * MIB);
    assert_ptr_equal(second.data, first.data + first.size);
    assert_ok(arena_commit(arena, &first, 4 * MIB, &error));
    assert_counts(arena, 4 * MIB, 4 * MIB);
    arena_shrink(arena, &first, MIB);
    assert_counts(arena, MIB, 7 * MIB);
    arena_give(arena, &first);
    assert_ok(arena_commit(arena, &second, MIB, &error));
    assert_counts(arena, 2 * MIB, 6 * MIB);
    arena_give(arena, &second);
    assert_counts(arena, 0, 8 * MIB);
    close_arena(arena);
}

/* ---- idle and bounded ---- */

static void idle_warm_memory_goes_back(void **state)
{
    (void)state;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = 64 * MIB});
    struct arena_extent extent = fill(arena, 40 * MIB, 1);
    uint64_t now = 1000 * S;
    arena_trim(arena, now);
    arena_give(arena, &extent);
    for (uint64_t until = now + 59 * S; now < until; now += S)
        arena_trim(arena, now);
    assert_int_equal(arena_stats(arena).warm_bytes, 40 * MIB);
    for (uint64_t until = now + 20 * S; now < until; now += S)
        arena_trim(arena, now);
    assert_int_equal(arena_stats(arena).warm_bytes, 0);
    assert_int_equal(populated_bytes(), 0);
    close_arena(arena);
}

/* However seldom trim is called. */
static void idleness_is_seen_late_too(void **state)
{
    (void)state;
    struct arena *arena =
        open_arena((struct arena_options){.budget_bytes = 64 * MIB, .warm_idle_ns = 10 * S});
    struct arena_extent extent = fill(arena, 8 * MIB, 1);
    arena_give(arena, &extent);
    arena_trim(arena, 500 * S);
    assert_int_equal(arena_stats(arena).warm_bytes, 8 * MIB);
    arena_trim(arena, 509 * S);
    assert_int_equal(arena_stats(arena).warm_bytes, 8 * MIB);
    arena_trim(arena, 530 * S);
    assert_int_equal(arena_stats(arena).warm_bytes, 0);
    close_arena(arena);
}

/* 8 MiB are used now and then, 12 MiB more never again: only those go. */
static void what_is_used_stays_warm(void **state)
{
    (void)state;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = 64 * MIB});
    struct arena_extent extent = fill(arena, 20 * MIB, 1);
    arena_give(arena, &extent);
    for (uint64_t now = 1000 * S; now < 1300 * S; now += S) {
        if (now / S % 10 == 0) {
            extent = take(arena, 8 * MIB);
            arena_give(arena, &extent);
        }
        arena_trim(arena, now);
    }
    assert_int_equal(arena_stats(arena).warm_bytes, 8 * MIB);
    for (uint64_t now = 1300 * S; now < 1400 * S; now += S)
        arena_trim(arena, now);
    assert_int_equal(arena_stats(arena).warm_bytes, 0);
    close_arena(arena);
}

static void warm_memory_is_bounded(void **state)
{
    (void)state;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = 200 * MIB});
    struct arena_extent extent = fill(arena, 100 * MIB, 1);
    arena_note_table(arena, 90 * MIB, 1000 * S);
    arena_note_table(arena, 5 * MIB, 1001 * S);
    arena_give(arena, &extent);
    arena_trim(arena, 1001 * S);
    assert_int_equal(arena_stats(arena).warm_bytes, 90 * MIB);
    arena_trim(arena, 1060 * S); /* the large table is no longer recent */
    assert_int_equal(arena_stats(arena).warm_bytes, 64 * MIB);
    close_arena(arena);

    arena =
        open_arena((struct arena_options){.budget_bytes = 200 * MIB, .warm_bytes_max = 10 * MIB});
    extent = fill(arena, 100 * MIB, 1);
    arena_note_table(arena, 100 * MIB, 1000 * S);
    arena_give(arena, &extent);
    arena_trim(arena, 1001 * S);
    assert_int_equal(arena_stats(arena).warm_bytes, 10 * MIB);
    assert_int_equal(populated_bytes(), 10 * MIB);
    close_arena(arena);
}

/* ---- the file ---- */

static void others_can_only_read_the_file(void **state)
{
    (void)state;
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = MIB});
    struct arena_extent extent = fill(arena, 100, 42);
    struct stat file;
    int fd = open_file_of_arena(O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0444);
    assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    uint8_t *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(map[99], 42);
    munmap(map, 4096);
    close(fd);
    arena_give(arena, &extent);
    close_arena(arena);
}

static void making_one_can_fail(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = NULL;
    struct test_alloc t;
    test_alloc_init(&t, 1);
    struct arena_options options = {.budget_bytes = MIB};
    assert_int_equal(arena_new(&t.alloc, &options, &arena, &error), FKV_RESOURCE_EXHAUSTED);
    options.budget_bytes = UINT64_MAX;
    assert_int_equal(arena_new(alloc_system(), &options, &arena, &error), FKV_INVALID_ARGUMENT);
    assert_string_equal(error.message,
                        "a memory budget of 16.0 EiB is too large, expected at most 4.0 TiB");
    assert_null(arena);
    arena_free(NULL);
    options.budget_bytes = 64 * GIB; /* address space only */
    assert_ok(arena_new(&t.alloc, &options, &arena, &error));
    arena_free(arena);
    assert_int_equal(t.live, 0);
}

/* ---- random use ---- */

/* xorshift64*, so that the test needs no library's random numbers. */
static uint64_t next_random(uint64_t *x)
{
    *x ^= *x >> 12;
    *x ^= *x << 25;
    *x ^= *x >> 27;
    return *x * UINT64_C(0x2545F4914F6CDD1D);
}

enum { held_most = 40 };

/* Extents that one thread holds; the first `written` bytes of each carry `mark`. */
struct holder {
    struct arena *arena;
    uint64_t seed;
    struct arena_extent extents[held_most];
    size_t written[held_most];
    uint8_t marks[held_most];
    size_t count;
    size_t charged;
    uint64_t now;
    unsigned steps;
    bool is_alone;
};

/* One byte a page shows whether a page was given to somebody else or punched. */
static void write_marks(struct holder *h, size_t i, size_t to)
{
    size_t from = h->written[i] / arena_page_bytes * arena_page_bytes;
    for (size_t at = from; at < to; at += arena_page_bytes)
        h->extents[i].data[at] = h->marks[i];
    h->written[i] = to;
}

static void check_marks(const struct holder *h, size_t i)
{
    for (size_t at = 0; at < h->written[i]; at += arena_page_bytes)
        assert_int_equal(h->extents[i].data[at], h->marks[i]);
}

static void hold_another(struct holder *h, uint64_t dice)
{
    size_t size = (dice >> 16) % (dice & 256 ? 3 * MIB : 100 * KIB);
    size_t i = h->count;
    if (i == held_most || arena_take(h->arena, size, &h->extents[i], NULL) != FKV_OK)
        return;
    h->written[i] = 0;
    h->marks[i] = (uint8_t)(dice >> 40);
    h->count++;
}

static void let_go(struct holder *h, size_t i)
{
    check_marks(h, i);
    arena_give(h->arena, &h->extents[i]);
    size_t last = --h->count;
    h->extents[i] = h->extents[last];
    h->written[i] = h->written[last];
    h->marks[i] = h->marks[last];
}

static void change_one(struct holder *h, size_t i, uint64_t dice)
{
    struct arena_extent *extent = &h->extents[i];
    size_t to = extent->size == 0 ? 0 : (size_t)(dice >> 16) % (extent->size + 1);
    if (dice % 16 < 4) {
        arena_shrink(h->arena, extent, to);
        if (h->written[i] > extent->size)
            h->written[i] = extent->size;
        check_marks(h, i);
    } else if (dice % 16 < 12) {
        if (to > h->written[i] && arena_commit(h->arena, extent, to, NULL) == FKV_OK)
            write_marks(h, i, to);
    } else {
        let_go(h, i);
    }
}

static void use_heap(struct holder *h, uint64_t dice)
{
    size_t bytes = (size_t)(dice >> 16) % (MIB / 2);
    if (h->charged > 0) {
        arena_discharge(h->arena, h->charged);
        h->charged = 0;
    } else if (arena_charge(h->arena, bytes, NULL) == FKV_OK) {
        h->charged = bytes;
    }
}

static void random_step(struct holder *h)
{
    uint64_t dice = next_random(&h->seed);
    unsigned kind = (unsigned)(dice >> 58);
    if (kind < 16)
        hold_another(h, dice);
    else if (kind < 18)
        use_heap(h, dice);
    else if (kind < 20)
        arena_trim(h->arena, h->now += S);
    else if (h->count > 0)
        change_one(h, (size_t)(dice >> 30) % h->count, dice);
}

/* What the thread was promised is all that is counted as used, if there are no other threads. */
static void check_used(const struct holder *h)
{
    size_t used = h->charged;
    for (size_t i = 0; i < h->count; i++)
        used += h->extents[i].charged;
    assert_int_equal(arena_stats(h->arena).used_bytes, used);
}

static void *use_at_random(void *argument)
{
    struct holder *h = argument;
    for (unsigned step = 0; step < h->steps; step++) {
        random_step(h);
        if (h->is_alone)
            check_used(h);
        if (h->is_alone || step % 1000 == 0)
            arena_validate(h->arena);
    }
    while (h->count > 0)
        let_go(h, 0);
    if (h->charged > 0)
        arena_discharge(h->arena, h->charged);
    return NULL;
}

static void keep_the_invariants(size_t budget_bytes, size_t ahead_bytes_max, size_t reserve_bytes,
                                const struct clock *huge_pages_clock)
{
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = budget_bytes,
                                                            .warm_bytes_max = 8 * MIB,
                                                            .warm_idle_ns = 20 * S,
                                                            .ahead_bytes_max = ahead_bytes_max,
                                                            .reserve_bytes = reserve_bytes,
                                                            .huge_pages_clock = huge_pages_clock});
    static struct holder holder;
    holder = (struct holder){.arena = arena, .seed = 11, .steps = 1500, .is_alone = true};
    use_at_random(&holder);
    arena_trim(arena, holder.now + 100 * S);
    arena_trim(arena, holder.now + 200 * S);
    wait_for_warm(arena, reserve_bytes);
    wait_for_populated(reserve_bytes);
    close_arena(arena);
}

static void random_use_keeps_the_invariants(void **state)
{
    (void)state;
    const struct clock *const clocks[] = {NULL, clock_system()};
    for (size_t i = 0; i < 2; i++) {
        keep_the_invariants(24 * MIB, 0, 0, clocks[i]);
        keep_the_invariants(7 * MIB, 0, 0, clocks[i]); /* so little that what is lent is punched */
        keep_the_invariants(24 * MIB, 2 * MIB, 0, clocks[i]);
        keep_the_invariants(7 * MIB, 2 * MIB, 0, clocks[i]);
        keep_the_invariants(7 * MIB, 0, 3 * MIB, clocks[i]);
        keep_the_invariants(24 * MIB, 2 * MIB, 9 * MIB, clocks[i]);
    }
}

static void share_among_threads(size_t ahead_bytes_max, size_t reserve_bytes,
                                const struct clock *huge_pages_clock)
{
    enum { threads = 4 };
    struct arena *arena = open_arena((struct arena_options){.budget_bytes = 24 * MIB,
                                                            .warm_bytes_max = 4 * MIB,
                                                            .warm_idle_ns = 20 * S,
                                                            .ahead_bytes_max = ahead_bytes_max,
                                                            .reserve_bytes = reserve_bytes,
                                                            .huge_pages_clock = huge_pages_clock});
    static struct holder holders[threads];
    pthread_t ids[threads];
    for (size_t i = 0; i < threads; i++) {
        holders[i] = (struct holder){.arena = arena, .seed = 100 + i, .steps = 3000};
        assert_int_equal(pthread_create(&ids[i], NULL, use_at_random, &holders[i]), 0);
    }
    for (size_t i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    close_arena(arena);
}

static void threads_share_an_arena(void **state)
{
    (void)state;
    share_among_threads(0, 0, NULL);
    share_among_threads(2 * MIB, 0, NULL);
    share_among_threads(2 * MIB, 9 * MIB, NULL);
    share_among_threads(0, 0, clock_system());
    share_among_threads(2 * MIB, 9 * MIB, clock_system());
}

/* ---- populated ahead ---- */

static void pages_are_populated_ahead(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena =
        open_arena((struct arena_options){.budget_bytes = 40 * MIB, .ahead_bytes_max = 4 * MIB});
    struct arena_extent extent = take(arena, 21 * MIB);
    assert_int_equal(arena_stats(arena).warm_bytes, 0);
    assert_ok(arena_commit(arena, &extent, 1, &error));
    wait_for_warm(arena, 2 * MIB); /* as much again */
    wait_for_populated(4 * MIB);
    assert_ok(arena_commit(arena, &extent, 6 * MIB, &error));
    wait_for_warm(arena, 4 * MIB); /* the most */
    memset(extent.data, 7, 6 * MIB);
    assert_ok(arena_commit(arena, &extent, 19 * MIB, &error));
    wait_for_warm(arena, 1 * MIB); /* not beyond the extent */
    assert_int_equal(extent.data[6 * MIB - 1], 7);
    assert_int_equal(extent.data[6 * MIB], 0);
    arena_give(arena, &extent);
    assert_counts(arena, 0, 21 * MIB);
    close_arena(arena);
}

static void what_is_populated_ahead_gives_way(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena =
        open_arena((struct arena_options){.budget_bytes = 8 * MIB, .ahead_bytes_max = 4 * MIB});
    struct arena_extent extent = take(arena, 6 * MIB);
    assert_ok(arena_commit(arena, &extent, 2 * MIB, &error));
    wait_for_warm(arena, 2 * MIB);
    assert_ok(arena_charge(arena, 4 * MIB, &error));
    assert_counts(arena, 6 * MIB, 2 * MIB);
    assert_ok(arena_charge(arena, 2 * MIB, &error));
    assert_counts(arena, 8 * MIB, 0);
    assert_int_equal(arena_commit(arena, &extent, 3 * MIB, &error), FKV_RESOURCE_EXHAUSTED);
    arena_discharge(arena, 6 * MIB);
    assert_ok(arena_commit(arena, &extent, 3 * MIB, &error));
    wait_for_warm(arena, 2 * MIB);
    arena_shrink(arena, &extent, 4 * MIB);
    assert_counts(arena, 4 * MIB, 2 * MIB);
    arena_give(arena, &extent);
    close_arena(arena);
}

int main(void)
{
    RUN_TESTS(
        cmocka_unit_test(pages_are_charged_as_they_are_committed),
        cmocka_unit_test(a_small_extent_costs_its_pages_only),
        cmocka_unit_test(nothing_is_an_extent_too), cmocka_unit_test(refusals_have_the_numbers),
        cmocka_unit_test(the_budget_can_be_used_up), cmocka_unit_test(heap_memory_counts),
        cmocka_unit_test(freed_pages_are_handed_out_warm),
        cmocka_unit_test(pressure_punches_warm_pages),
        cmocka_unit_test(lent_pages_are_used_step_by_step),
        cmocka_unit_test(an_announced_body_starves_nobody),
        cmocka_unit_test(pressure_punches_lent_pages_last),
        cmocka_unit_test(what_is_still_lent_stays_warm),
        cmocka_unit_test(lent_neighbours_are_kept_apart),
        cmocka_unit_test(pages_are_populated_ahead),
        cmocka_unit_test(what_is_populated_ahead_gives_way),
        cmocka_unit_test(idle_warm_memory_goes_back), cmocka_unit_test(idleness_is_seen_late_too),
        cmocka_unit_test(what_is_used_stays_warm), cmocka_unit_test(warm_memory_is_bounded),
        cmocka_unit_test(others_can_only_read_the_file), cmocka_unit_test(making_one_can_fail),
        cmocka_unit_test(random_use_keeps_the_invariants),
        cmocka_unit_test(threads_share_an_arena));
}
