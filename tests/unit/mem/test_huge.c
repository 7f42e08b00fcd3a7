/* SPDX-License-Identifier: Apache-2.0 */
/* The arena where blocks become huge pages. A system without them is made one that has them: all
 * pages of a block are populated at once. */
#include "unit/mem/arena_use.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "mem/pages.h"

#define BLOCK ((size_t)pages_block_bytes)

static bool has_huge_pages;
static bool is_refused; /* though it has some */
static bool can_split;
static unsigned held; /* so many times it can't, though */

int madvise(void *data, size_t size, int advice)
{
    enum { collapse = 25 };
    if (advice == collapse && is_refused) {
        errno = EINVAL;
        return -1;
    }
    if (advice != collapse || !has_huge_pages)
        return (int)syscall(SYS_madvise, data, size, advice);
    if (syscall(SYS_madvise, data, size, advice) != 0)
        for (size_t i = 0; i < size; i += arena_page_bytes)
            ((volatile uint8_t *)data)[i] = 0;
    return 0;
}

/* Where huge pages can't be split, whole ones can be punched all the same. */
int fallocate(int fd, int mode, off_t offset, off_t size)
{
    bool is_held = mode != 0 && held > 0;
    held -= is_held;
    if (mode != 0 && (!can_split || is_held)) {
        off_t from = (offset + (off_t)BLOCK - 1) / (off_t)BLOCK * (off_t)BLOCK;
        off_t to = (offset + size) / (off_t)BLOCK * (off_t)BLOCK;
        return from < to ? (int)syscall(SYS_fallocate, fd, mode, from, to - from) : 0;
    }
    return (int)syscall(SYS_fallocate, fd, mode, offset, size);
}

static uint64_t no_time(void *context)
{
    (void)context;
    return 0;
}

static const struct clock still_clock = {no_time, NULL};

static struct arena *open_huge(size_t budget_bytes, size_t ahead_bytes_max)
{
    has_huge_pages = can_split = true;
    is_refused = false;
    return open_arena((struct arena_options){.budget_bytes = budget_bytes,
                                             .ahead_bytes_max = ahead_bytes_max,
                                             .huge_pages_clock = &still_clock});
}

static void small_extents_share_a_block(void **state)
{
    (void)state;
    struct arena *arena = open_huge(16 * MIB, 0);
    struct arena_extent first = fill(arena, 68 * KIB, 1);
    assert_counts(arena, 68 * KIB, BLOCK - 68 * KIB);
    assert_int_equal(populated_bytes(), BLOCK);
    struct arena_extent second = fill(arena, MIB, 2);
    assert_ptr_equal(second.data, first.data + first.size);
    assert_counts(arena, MIB + 68 * KIB, MIB - 68 * KIB);
    struct arena_extent third = fill(arena, 3 * MIB, 3); /* goes on in the next block */
    assert_ptr_equal(third.data, second.data + second.size);
    assert_counts(arena, 4 * MIB + 68 * KIB, 2 * MIB - 68 * KIB);
    assert_int_equal(populated_bytes(), 3 * BLOCK);
    arena_give(arena, &second);
    arena_give(arena, &third);
    arena_give(arena, &first);
    assert_counts(arena, 0, 3 * BLOCK);
    close_arena(arena);
}

/* Not where there is no room for all of it, where others are behind, or the system has none. */
static void what_can_not_be_a_huge_page_is_small(void **state)
{
    (void)state;
    struct arena *arena = open_huge(3 * MIB, 0);
    struct arena_extent first = fill(arena, BLOCK + MIB / 2, 1);
    assert_counts(arena, BLOCK + MIB / 2, 0);
    assert_int_equal(populated_bytes(), BLOCK + MIB / 2);
    arena_give(arena, &first);
    close_arena(arena);

    struct fkv_error error;
    arena = open_huge(16 * MIB, 0);
    first = take(arena, MIB);
    struct arena_extent second = take(arena, MIB);
    assert_ok(arena_commit(arena, &first, MIB, &error));
    assert_counts(arena, MIB, 0);
    arena_give(arena, &first);
    arena_give(arena, &second);
    close_arena(arena);

    arena = open_huge(16 * MIB, 0);
    has_huge_pages = false;
    first = fill(arena, MIB, 1);
    if (populated_bytes() == MIB) /* else the system has some */
        assert_counts(arena, MIB, 0);
    arena_give(arena, &first);
    close_arena(arena);
}

/* Once they weren't to be had, extents of less than a block try them again, too. */
static void small_extents_try_again(void **state)
{
    (void)state;
    enum { count = 3 };
    struct fkv_error error;
    struct arena *arena = open_huge(16 * MIB, 0);
    struct arena_extent large = take(arena, BLOCK), small[count];
    is_refused = true;
    assert_ok(arena_commit(arena, &large, BLOCK, &error));
    is_refused = false;
    for (size_t i = 0; i < count; i++)
        small[i] = fill(arena, BLOCK / 2, 1);
    assert_counts(arena, BLOCK + count * BLOCK / 2, BLOCK / 2); /* behind the last one */
    for (size_t i = 0; i < count; i++)
        arena_give(arena, &small[i]);
    arena_give(arena, &large);
    close_arena(arena);
}

static void the_thread_makes_huge_pages_too(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_huge(40 * MIB, 8 * MIB);
    struct arena_extent extent = take(arena, 11 * MIB);
    assert_ok(arena_commit(arena, &extent, 5 * MIB, &error));
    wait_for_populated(12 * MIB);
    wait_for_warm(arena, 6 * MIB); /* of which 1 MiB is nobody's */
    assert_ok(arena_commit(arena, &extent, 11 * MIB, &error));
    wait_for_warm(arena, MIB);
    assert_int_equal(populated_bytes(), 12 * MIB);
    arena_give(arena, &extent);
    close_arena(arena);
}

/* What can't be punched stays warm, is counted, and goes another time. */
static void parts_that_stay_are_counted(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_huge(8 * MIB, 0);
    struct arena_extent first = fill(arena, MIB, 1), second = fill(arena, 4 * MIB, 2),
                        third = fill(arena, MIB, 3);
    arena_give(arena, &second); /* half a block, a whole one, half a block */
    assert_counts(arena, 2 * MIB, 4 * MIB);
    can_split = false;
    assert_ok(arena_charge(arena, 4 * MIB, &error));
    assert_counts(arena, 6 * MIB, 2 * MIB);
    assert_int_equal(populated_bytes(), 4 * MIB);
    assert_int_equal(arena_charge(arena, MIB, &error), FKV_RESOURCE_EXHAUSTED);
    assert_counts(arena, 6 * MIB, 2 * MIB);
    struct arena_extent other = fill(arena, MIB, 4); /* warm: needs no room */
    assert_counts(arena, 7 * MIB, MIB);
    can_split = true;
    assert_ok(arena_charge(arena, MIB, &error));
    assert_counts(arena, 8 * MIB, 0);
    assert_int_equal(first.data[MIB - 1], 1);
    assert_int_equal(third.data[0], 3);
    assert_int_equal(other.data[0], 4);
    arena_give(arena, &first);
    arena_give(arena, &third);
    arena_give(arena, &other);
    arena_discharge(arena, 5 * MIB);
    close_arena(arena);
}

/* Another process is just mapping the other part of each. */
static void parts_that_are_held_for_a_moment_are_waited_for(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_huge(4 * MIB, 0);
    struct arena_extent first = fill(arena, MIB, 1), second = take(arena, MIB);
    assert_counts(arena, MIB, MIB); /* lent */
    held = 3;
    assert_ok(arena_charge(arena, 3 * MIB, &error));
    assert_int_equal(held, 0);
    assert_counts(arena, 4 * MIB, 0);
    arena_discharge(arena, 3 * MIB);
    arena_give(arena, &second);
    arena_give(arena, &first);

    first = fill(arena, MIB, 1);
    second = fill(arena, 2 * MIB, 2);
    assert_counts(arena, 3 * MIB, MIB);
    held = 3;
    assert_ok(arena_charge(arena, MIB, &error));
    assert_int_equal(held, 0);
    assert_counts(arena, 4 * MIB, 0);
    arena_discharge(arena, MIB);
    arena_give(arena, &second);
    arena_give(arena, &first);
    close_arena(arena);
}

/* The same for pages that are lent: an extent ends in the middle of a block that another has. */
static void lent_parts_that_stay_are_counted(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena = open_huge(8 * MIB, 0);
    struct arena_extent extent = fill(arena, 8 * MIB, 7);
    arena_give(arena, &extent);
    struct arena_extent first = take(arena, 5 * MIB), second = fill(arena, 3 * MIB, 2);
    assert_counts(arena, 3 * MIB, 5 * MIB);
    can_split = false;
    assert_int_equal(arena_charge(arena, MIB, &error), FKV_RESOURCE_EXHAUSTED);
    assert_counts(arena, 3 * MIB, 5 * MIB);
    can_split = true;
    assert_ok(arena_charge(arena, MIB, &error));
    assert_counts(arena, 4 * MIB, 4 * MIB);
    can_split = false;
    assert_ok(arena_charge(arena, 3 * MIB, &error)); /* two whole blocks go */
    assert_counts(arena, 7 * MIB, 0);
    assert_int_equal(second.data[0], 2);
    arena_give(arena, &first);
    arena_give(arena, &second);
    arena_discharge(arena, 4 * MIB);
    close_arena(arena);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(small_extents_share_a_block),
              cmocka_unit_test(what_can_not_be_a_huge_page_is_small),
              cmocka_unit_test(small_extents_try_again),
              cmocka_unit_test(the_thread_makes_huge_pages_too),
              cmocka_unit_test(parts_that_stay_are_counted),
              cmocka_unit_test(parts_that_are_held_for_a_moment_are_waited_for),
              cmocka_unit_test(lent_parts_that_stay_are_counted));
}
