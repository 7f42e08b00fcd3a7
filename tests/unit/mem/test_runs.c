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
    assert_int_equal(runs.pages_of[RUN_COLD], 0);
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
    assert_int_equal(runs.pages_of[RUN_WARM], 40);
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
    assert_int_equal(runs.pages_of[RUN_COLD], 100);
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
    assert_int_equal(runs_large(&runs, RUN_WARM).pages, 0);
    assert_true(runs_take(&runs, 50, &got, &warm));
    runs_give(&runs, got, RUN_WARM);
    got = runs_cut_end(&runs, runs_large(&runs, RUN_WARM), 10);
    assert_int_equal(got.first, 40);
    assert_int_equal(got.pages, 10);
    runs_give(&runs, got, RUN_COLD);
    assert_sound(&runs);
    got = runs_cut_end(&runs, runs_large(&runs, RUN_WARM), 1000);
    assert_int_equal(got.first, 0);
    assert_int_equal(got.pages, 40);
    assert_int_equal(runs.pages_of[RUN_WARM], 0);
    runs_done(&runs);
}

static void lent_runs_stay_apart(void **state)
{
    (void)state;
    struct runs runs;
    struct run got;
    uint32_t warm;
    assert_true(runs_init(&runs, 100));
    assert_true(runs_take(&runs, 100, &got, &warm));
    runs_give(&runs, (struct run){10, 10}, RUN_LENT);
    runs_give(&runs, (struct run){20, 15}, RUN_LENT);
    runs_give(&runs, (struct run){35, 5}, RUN_WARM);
    assert_sound(&runs);
    assert_int_equal(runs.pages_of[RUN_LENT], 25);
    assert_int_equal(runs.pages_of[RUN_WARM], 5);
    assert_false(runs_take(&runs, 6, &got, &warm));
    assert_int_equal(runs_large(&runs, RUN_WARM).pages, 5);
    assert_int_equal(runs_large(&runs, RUN_LENT).first, 20);
    assert_int_equal(runs_lent(&runs, 10).pages, 10);
    assert_int_equal(runs_lent(&runs, 11).pages, 0);
    assert_int_equal(runs_lent(&runs, 35).pages, 0);
    assert_int_equal(runs_lent(&runs, 100).pages, 0);

    got = runs_cut_front(&runs, runs_lent(&runs, 20), 4);
    assert_int_equal(got.first, 20);
    assert_int_equal(got.pages, 4);
    assert_int_equal(runs_lent(&runs, 20).pages, 0);
    assert_int_equal(runs_lent(&runs, 24).pages, 11);
    got = runs_cut_end(&runs, runs_lent(&runs, 24), 3);
    assert_int_equal(got.first, 32);
    assert_int_equal(runs_lent(&runs, 24).pages, 8);
    got = runs_cut_front(&runs, runs_lent(&runs, 24), 9);
    assert_int_equal(got.pages, 8);
    assert_sound(&runs);
    assert_int_equal(runs.pages_of[RUN_LENT], 10);
    runs_done(&runs);
}

/* Against a byte a page: who owns it, and in what state. */
enum { model_pages = 3000, model_held = 200, model_steps = 20000 };

struct model {
    char page[model_pages]; /* 'w', 'c', 'l', 'x' = in use */
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

/* Takes a run into use, lending what is warm of it; false when there was none. */
static bool model_take(struct model *model, struct runs *runs, uint32_t pages, struct run *ret)
{
    uint32_t warm;
    if (!runs_take(runs, pages, ret, &warm))
        return false;
    assert_int_equal(ret->pages, pages);
    struct run lent = {ret->first, warm}, rest = {ret->first + warm, pages - warm};
    model_mark(model, lent, "w", 'l');
    model_mark(model, rest, "c", 'x');
    runs_give(runs, lent, RUN_LENT);
    return true;
}

/* Takes some of the pages lent to the front of a held run into use. */
static void model_use(struct model *model, struct runs *runs, struct run held, uint32_t pages)
{
    for (uint32_t at = held.first; at < held.first + held.pages; at++) {
        struct run lent = runs_lent(runs, at);
        if (lent.pages == 0)
            continue;
        assert_true(lent.pages <= held.first + held.pages - at);
        model_mark(model, runs_cut_front(runs, lent, pages), "l", 'x');
        return;
    }
}

static void model_give(struct model *model, struct runs *runs, struct run held, bool is_warm)
{
    model_use(model, runs, held, UINT32_MAX);
    model_mark(model, held, "x", is_warm ? 'w' : 'c');
    runs_give(runs, held, is_warm ? RUN_WARM : RUN_COLD);
}

/* Punches the end of a large run; what was free is cold then, what was lent is in use. */
static void model_punch(struct model *model, struct runs *runs, enum run_state state,
                        uint32_t pages)
{
    struct run run = runs_large(runs, state);
    if (run.pages == 0)
        return;
    run = runs_cut_end(runs, run, pages);
    assert_true(run.pages > 0 && run.pages <= pages);
    model_mark(model, run, state == RUN_WARM ? "w" : "l", state == RUN_WARM ? 'c' : 'x');
    if (state == RUN_WARM)
        runs_give(runs, run, RUN_COLD);
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
        size_t index = count == 0 ? 0 : (size_t)(dice >> 20) % count;
        if (dice % 8 == 0) {
            model_punch(&model, &runs, (dice >> 50 & 3) != 0 ? RUN_WARM : RUN_LENT, pages);
        } else if (dice % 2 != 0 && count < model_held) {
            count += model_take(&model, &runs, pages, &held[count]);
        } else if (count > 0 && dice % 8 == 2) {
            model_use(&model, &runs, held[index], pages);
        } else if (count > 0) {
            model_give(&model, &runs, held[index], (dice >> 50 & 1) != 0);
            held[index] = held[--count];
        }
        assert_sound(&runs);
        assert_int_equal(runs.pages_of[RUN_WARM], model_count(&model, 'w'));
        assert_int_equal(runs.pages_of[RUN_COLD], model_count(&model, 'c'));
        assert_int_equal(runs.pages_of[RUN_LENT], model_count(&model, 'l'));
    }
    runs_done(&runs);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(neighbours_of_one_state_merge),
              cmocka_unit_test(states_do_not_merge), cmocka_unit_test(the_best_of_a_bin_is_taken),
              cmocka_unit_test(warm_pages_are_cut_from_the_end),
              cmocka_unit_test(lent_runs_stay_apart),
              cmocka_unit_test(random_use_agrees_with_a_model));
}
