/* SPDX-License-Identifier: Apache-2.0 */
/* The arena's pages that are populated from the start on. */
#include "unit/mem/arena_use.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>

/* The C library's, but for the arena's calls while memory is scarce. */
static atomic_bool is_memory_scarce;

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    if (atomic_load(&is_memory_scarce) && (mode & FALLOC_FL_PUNCH_HOLE) == 0) {
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_fallocate, fd, mode, offset, size);
}

static void a_reserve_is_ready_from_the_start(void **state)
{
    (void)state;
    struct arena *arena = open_arena(
        (struct arena_options){.budget_bytes = 64 * MIB, .reserve_bytes = 10 * MIB + 3 * KIB});
    wait_for_warm(arena, 10 * MIB);
    wait_for_populated(10 * MIB);
    struct arena_extent extent = fill(arena, 8 * MIB, 1);
    assert_counts(arena, 8 * MIB, 2 * MIB);
    assert_int_equal(populated_bytes(), 10 * MIB);
    for (uint64_t now = 100 * S; now < 900 * S; now += 100 * S)
        arena_trim(arena, now); /* not idle: reserved; but filled up again */
    wait_for_warm(arena, 10 * MIB);
    wait_for_populated(18 * MIB);
    arena_give(arena, &extent);
    assert_counts(arena, 0, 18 * MIB);
    for (uint64_t i = 0; i < 20000 && arena_stats(arena).warm_bytes != 10 * MIB; i++) {
        arena_trim(arena, (1000 + 100 * i) * S);
        usleep(1000); /* the last step may still be on its way */
    }
    assert_counts(arena, 0, 10 * MIB);
    close_arena(arena);
}

/* What comes next lies behind the pages that are warm, so that one body can have all of them. */
static void a_reserve_is_one_stretch(void **state)
{
    (void)state;
    struct arena *arena = open_arena((struct arena_options){
        .budget_bytes = 64 * MIB, .reserve_bytes = 10 * MIB, .ahead_bytes_max = 4 * MIB});
    wait_for_warm(arena, 10 * MIB);
    struct arena_extent extent = fill(arena, 10 * MIB, 1);
    assert_counts(arena, 10 * MIB, 0);
    assert_int_equal(populated_bytes(), 10 * MIB);
    arena_give(arena, &extent);
    close_arena(arena);
}

static void a_reserve_keeps_to_the_budget(void **state)
{
    (void)state;
    struct fkv_error error;
    struct arena *arena =
        open_arena((struct arena_options){.budget_bytes = 8 * MIB, .reserve_bytes = 100 * MIB});
    wait_for_warm(arena, 8 * MIB);
    assert_ok(arena_charge(arena, 5 * MIB + 1, &error)); /* it gives way */
    assert_true(arena_stats(arena).warm_bytes < 3 * MIB);
    uint64_t left = arena_stats(arena).warm_bytes;
    arena_trim(arena, S);
    usleep(5000);
    arena_validate(arena);
    assert_true(arena_stats(arena).warm_bytes <= left + 1 * MIB);
    struct arena_extent extent = fill(arena, 2 * MIB, 1);
    arena_give(arena, &extent);
    arena_discharge(arena, 5 * MIB + 1);
    arena_trim(arena, 2 * S);
    for (unsigned i = 0; i < 20000 && arena_stats(arena).warm_bytes <= 7 * MIB; i++)
        usleep(1000); /* the last step may find too little room */
    assert_true(arena_stats(arena).warm_bytes > 7 * MIB);
    close_arena(arena);
}

static void a_reserve_waits_for_memory(void **state)
{
    (void)state;
    atomic_store(&is_memory_scarce, true);
    struct fkv_error error;
    struct arena *arena =
        open_arena((struct arena_options){.budget_bytes = 8 * MIB, .reserve_bytes = 4 * MIB});
    struct arena_extent extent = take(arena, 1 * MIB);
    assert_int_equal(arena_commit(arena, &extent, 1, &error), FKV_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.message, "the system has no 1.0 MiB of memory to give"));
    wait_for_warm(arena, 0);
    assert_int_equal(populated_bytes(), 0);
    atomic_store(&is_memory_scarce, false);
    assert_ok(arena_commit(arena, &extent, 1, &error));
    arena_trim(arena, S);
    wait_for_warm(arena, 4 * MIB);
    arena_give(arena, &extent);
    close_arena(arena);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(a_reserve_is_ready_from_the_start),
              cmocka_unit_test(a_reserve_is_one_stretch),
              cmocka_unit_test(a_reserve_keeps_to_the_budget),
              cmocka_unit_test(a_reserve_waits_for_memory));
}
