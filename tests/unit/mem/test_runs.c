/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "mem/runs.h"

/* xorshift64*, so that the test needs no library's random numbers. */
static uint64_t next_random(uint64_t *x)
{
    *x ^= *x >> 12;
    *x ^= *x << 25;
    *x ^= *x >> 27;
    return *x * UINT64_C(0x2545F4914F6CDD1D);
}

static void assert_sound(const struct runs *runs)
{
    const char *problem = runs_check(runs);
    if (problem != NULL)
        fail_msg("%s", problem);
}

static void neighbours_of_one_state_merge(void **state)
{
    (void)state;
    struct runs runs;
    struct run all;
    uint32_t warm;
    assert_true(runs_init(&runs, 100));
    assert_true(runs_take(&runs, 100, &all, &warm));
    assert_int_equal(warm, 0);
    runs_give(&runs, (struct run){10, 10}, RUN_COLD);
    runs_give(&runs, (struct run){30, 10}, RUN_COLD);
    struct run got;
    assert_false(runs_take(&runs, 30, &got, &warm));
    runs_give(&runs, (struct run){20, 10}, RUN_COLD);
    assert_sound(&runs);
    assert_true(runs_take(&runs, 30, &got, &warm));
    assert_int_equal(got.first, 10);
    assert_int_equal(runs.free_pages[RUN_COLD], 0);
    runs_done(&runs);
}

static void states_do_not_merge(void **state)
{
    (void)state;
    struct runs runs;
    struct run got;
    uint32_t warm;
    assert_true(runs_init(&runs, 100));
    assert_true(runs_take(&runs, 40, &got, &warm));
    runs_give(&runs, got, RUN_WARM);
    assert_sound(&runs);
    assert_int_equal(runs.free_pages[RUN_WARM], 40);
    /* warm first, exactly */
    assert_true(runs_take(&runs, 40, &got, &warm));
    assert_int_equal(got.first, 0);
    assert_int_equal(warm, 40);
    runs_give(&runs, got, RUN_WARM);
    /* a warm run and the cold pages behind it */
    assert_true(runs_take(&runs, 70, &got, &warm));
    assert_int_equal(got.first, 0);
    assert_int_equal(got.pages, 70);
    assert_int_equal(warm, 40);
    assert_sound(&runs);
    runs_give(&runs, got, RUN_COLD);
    assert_int_equal(runs.free_pages[RUN_COLD], 100);
    runs_done(&runs);
}

/* A warm run of just the size wanted lies behind larger ones of the same bin. */
static void the_best_of_a_bin_is_taken(void **state)
{
    (void)state;
    struct runs runs;
    struct run got;
    uint32_t warm;
    assert_true(runs_init(&runs, 1000));
    assert_true(runs_take(&runs, 1000, &got, &warm));
    runs_give(&runs, (struct run){100, 65}, RUN_WARM);
    runs_give(&runs, (struct run){300, 67}, RUN_WARM);
    runs_give(&runs, (struct run){500, 70}, RUN_WARM);
    assert_true(runs_take(&runs, 66, &got, &warm));
    assert_int_equal(got.first, 300);
    assert_true(runs_take(&runs, 65, &got, &warm));
    assert_int_equal(got.first, 100);
    assert_sound(&runs);
    runs_done(&runs);
}

static void warm_pages_are_cut_from_the_end(void **state)
{
    (void)state;
    struct runs runs;
    struct run got;
    uint32_t warm;
    assert_true(runs_init(&runs, 100));
    assert_int_equal(runs_take_warm(&runs, 10).pages, 0);
    assert_true(runs_take(&runs, 50, &got, &warm));
    runs_give(&runs, got, RUN_WARM);
    got = runs_take_warm(&runs, 10);
    assert_int_equal(got.first, 40);
    assert_int_equal(got.pages, 10);
    runs_give(&runs, got, RUN_COLD);
    assert_sound(&runs);
    got = runs_take_warm(&runs, 1000);
    assert_int_equal(got.first, 0);
    assert_int_equal(got.pages, 40);
    assert_int_equal(runs.free_pages[RUN_WARM], 0);
    runs_done(&runs);
}

/* Against a byte a page: who owns it, and in what state. */
enum { model_pages = 3000, model_held = 200, model_steps = 20000 };

struct model {
    char page[model_pages]; /* 'w', 'c', 'x' = in use */
};

static void model_mark(struct model *model, struct run run, const char *expected, char now)
{
    for (uint32_t i = run.first; i < run.first + run.pages; i++) {
        assert_non_null(strchr(expected, model->page[i]));
        model->page[i] = now;
    }
}

static uint32_t model_count(const struct model *model, char state)
{
    uint32_t count = 0;
    for (size_t i = 0; i < model_pages; i++)
        count += model->page[i] == state;
    return count;
}

static void random_use_agrees_with_a_model(void **state)
{
    (void)state;
    static struct model model;
    static struct run held[model_held];
    size_t count = 0;
    uint64_t seed = 7;
    struct runs runs;
    assert_true(runs_init(&runs, model_pages));
    memset(model.page, 'c', sizeof model.page);
    for (unsigned step = 0; step < model_steps; step++) {
        uint64_t dice = next_random(&seed);
        uint32_t pages = 1 + (uint32_t)(dice >> 8) % (dice & 128 ? 200 : 12);
        struct run run;
        uint32_t warm = 0;
        if (dice % 8 == 0) {
            run = runs_take_warm(&runs, pages);
            model_mark(&model, run, "w", 'c');
            runs_give(&runs, run, RUN_COLD);
        } else if (dice % 2 != 0 && count < model_held) {
            if (!runs_take(&runs, pages, &run, &warm))
                continue;
            assert_int_equal(run.pages, pages);
            model_mark(&model, (struct run){run.first, warm}, "w", 'x');
            model_mark(&model, (struct run){run.first + warm, pages - warm}, "c", 'x');
            held[count++] = run;
        } else if (count > 0) {
            size_t index = (size_t)(dice >> 20) % count;
            run = held[index];
            held[index] = held[--count];
            bool is_warm = (dice >> 50 & 1) != 0;
            model_mark(&model, run, "x", is_warm ? 'w' : 'c');
            runs_give(&runs, run, is_warm ? RUN_WARM : RUN_COLD);
        }
        assert_sound(&runs);
        assert_int_equal(runs.free_pages[RUN_WARM], model_count(&model, 'w'));
        assert_int_equal(runs.free_pages[RUN_COLD], model_count(&model, 'c'));
    }
    runs_done(&runs);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(neighbours_of_one_state_merge),
              cmocka_unit_test(states_do_not_merge), cmocka_unit_test(the_best_of_a_bin_is_taken),
              cmocka_unit_test(warm_pages_are_cut_from_the_end),
              cmocka_unit_test(random_use_agrees_with_a_model));
}
