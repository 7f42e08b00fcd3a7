/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "mem/ahead.h"

static void assert_taken(struct ahead *ahead, uint32_t first, uint32_t pages)
{
    struct run run = ahead_take(ahead, 4);
    assert_int_equal(run.pages, pages);
    if (pages > 0)
        assert_int_equal(run.first, first);
}

static void extents_take_turns(void **state)
{
    (void)state;
    struct ahead ahead = {.count = 0};
    assert_taken(&ahead, 0, 0);
    ahead_add(&ahead, (struct run){100, 9});
    ahead_add(&ahead, (struct run){201, 5});
    assert_taken(&ahead, 100, 4);
    assert_taken(&ahead, 201, 3); /* steps end at a multiple */
    assert_taken(&ahead, 104, 4);
    assert_taken(&ahead, 204, 2);
    assert_taken(&ahead, 108, 1);
    assert_taken(&ahead, 0, 0);
}

static void one_extent_is_forgotten(void **state)
{
    (void)state;
    struct ahead ahead = {.count = 0};
    ahead_add(&ahead, (struct run){99, 1});
    ahead_add(&ahead, (struct run){100, 3});
    ahead_add(&ahead, (struct run){109, 1});
    ahead_add(&ahead, (struct run){110, 3});
    ahead_forget(&ahead, (struct run){100, 10});
    assert_taken(&ahead, 99, 1);
    assert_taken(&ahead, 110, 2);
    assert_taken(&ahead, 112, 1);
    assert_taken(&ahead, 0, 0);
}

static void too_many_are_left_out(void **state)
{
    (void)state;
    struct ahead ahead = {.count = 0};
    for (uint32_t i = 0; i < ahead_runs_max + 2; i++)
        ahead_add(&ahead, (struct run){i * 12, 5});
    for (uint32_t i = 0; i < ahead_runs_max; i++)
        assert_taken(&ahead, i * 12, 4);
    for (uint32_t i = 0; i < ahead_runs_max; i++)
        assert_taken(&ahead, i * 12 + 4, 1);
    assert_taken(&ahead, 0, 0);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(extents_take_turns), cmocka_unit_test(one_extent_is_forgotten),
              cmocka_unit_test(too_many_are_left_out));
}
