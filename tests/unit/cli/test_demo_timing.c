/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <stdlib.h>

#include "cli/demo_timing.h"

/* Two loops of two calls with means 2 and 4. */
static struct demo_timing two_loops(void)
{
    struct demo_timing timing;
    assert_true(demo_timing_init(&timing, 2, 2));
    const double seconds[] = {1, 3, 3.5, 4.5};
    memcpy(timing.seconds, seconds, sizeof seconds);
    timing.first_s = 9;
    return timing;
}

static void a_loop_counts_by_its_mean(void **state)
{
    (void)state;
    struct demo_timing timing = two_loops();
    struct demo_stats stats = demo_timing_stats(&timing);
    assert_true(stats.best_s == 2);
    assert_true(stats.mean_s == 3);
    assert_true(stats.deviation_s == 1); /* of the population: of a sample it were sqrt(2) */
    assert_true(stats.total_s == 12);
    demo_timing_done(&timing);
}

static void the_lines_are_those_of_timeit(void **state)
{
    (void)state;
    struct demo_timing timing = two_loops();
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    timing.seconds[0] = 1.23456;
    demo_timing_print(&timing, out);
    fclose(out);
    assert_string_equal(text, "First: 9s\n"
                              "Best timing out of 2 loops: 2.117s, avg/stdev: 3.059s/0.9414s, "
                              "total execution time (2 loops 2 times each): 12.23s\n");
    free(text);
    demo_timing_done(&timing);
}

static void json_has_every_call(void **state)
{
    (void)state;
    struct demo_timing timing = two_loops();
    struct doc *doc = demo_timing_doc(&timing);
    char *text = doc_text(doc);
    assert_string_equal(text, "{\"first\":9.0,\"loops\":[[1.0,3.0],[3.5,4.5]]}");
    doc_text_free(text);
    doc_free(doc);
    demo_timing_done(&timing);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(a_loop_counts_by_its_mean),
              cmocka_unit_test(the_lines_are_those_of_timeit),
              cmocka_unit_test(json_has_every_call));
}
