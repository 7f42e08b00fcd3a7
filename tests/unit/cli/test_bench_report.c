/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <stdlib.h>

#include "base/clock.h"
#include "cli/bench_doc.h"
#include "cli/bench_plot.h"
#include "cli/bench_report.h"

static struct bench_options some_options(void)
{
    return (struct bench_options){
        .shape = {.rows = 32, .columns = 4, .batch_rows = 32},
        .pick = {.keys = 1000, .puts = 1, .gets = 10},
        .distribution = "zipf:0.99",
        .clients = 8,
        .depth = 1,
        .streams = 2,
    };
}

/* Gets of 1 to 1,000 us within half a second, and three samples. */
static struct bench_result *some_result(void)
{
    struct bench_result *result = malloc(sizeof *result);
    assert_non_null(result);
    assert_true(bench_result_init(result));
    for (uint64_t us = 1; us <= 1000; us++)
        histogram_record(result->sums[BENCH_GET].latency, us * 1000);
    result->ns = NS_PER_S / 2;
    result->sums[BENCH_GET].rows = 32000;
    result->sums[BENCH_GET].bytes = 1024000;
    bench_samples_begin(&result->samples);
    for (uint64_t i = 1; i <= 3; i++)
        bench_samples_add(&result->samples, i * 100 * NS_PER_MS, i * 200);
    return result;
}

static void free_result(struct bench_result *result)
{
    bench_result_done(result);
    free(result);
}

static void the_title_says_what_was_done(void **state)
{
    (void)state;
    char title[bench_title_size];
    struct bench_options options = some_options();
    assert_string_equal(bench_title(&options, title),
                        "1,000 keys of 1.0 KiB (32 rows, 4 columns), zipf:0.99, put:get 1:10, 8 "
                        "clients, 2 streams");
    options.pick.keys = options.clients = options.streams = 1;
    options.shape = (struct numbers_options){.rows = 1, .columns = 1, .batch_rows = 1};
    assert_string_equal(bench_title(&options, title),
                        "1 key of 8 B (1 row, 1 column), zipf:0.99, put:get 1:10, 1 client");
    options.depth = 16;
    assert_string_equal(bench_title(&options, title),
                        "1 key of 8 B (1 row, 1 column), zipf:0.99, put:get 1:10, 1 client, "
                        "pipelines of 16");
}

static void json_adds_up(void **state)
{
    (void)state;
    struct bench_options options = some_options();
    struct bench_result *result = some_result();
    struct doc *doc = bench_doc(&options, result, true);
    char *text = doc_text(doc);
    assert_non_null(strstr(text, "\"operations\":1000,\"per_s\":2000.0,"));
    assert_non_null(strstr(text, "\"put\":{\"count\":0,\"rows\":0,\"bytes\":0,\"per_s\":0.0,"
                                 "\"rows_per_s\":0.0,\"bytes_per_s\":0.0},"));
    assert_non_null(strstr(text, "\"rows\":32000,\"bytes\":1024000,\"per_s\":2000.0,"
                                 "\"rows_per_s\":64000.0,\"bytes_per_s\":2048000.0,"));
    assert_non_null(strstr(text, "\"latency\":{\"min_us\":1.0,\"mean_us\":500.5,\"p50_us\":500."));
    assert_non_null(strstr(text, "\"max_us\":1000.0}"));
    assert_non_null(strstr(text, "\"samples\":[{\"seconds\":0.1,\"operations\":200},"));
    assert_null(strstr(text, "\"server\""));
    assert_null(strstr(text, "errors_by_status"));
    doc_text_free(text);
    doc_free(doc);
    free_result(result);
}

static char *plot_of(const struct bench_result *result)
{
    const struct bench_options options = some_options();
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    bench_plot(&options, result, out);
    fclose(out);
    assert_non_null(text);
    return text;
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;
    for (; (text = strstr(text, word)) != NULL; text++)
        count++;
    return count;
}

/* Percentiles to the right as far as there are values, decades of time upwards. */
static void the_picture_has_its_marks(void **state)
{
    (void)state;
    struct bench_result *result = some_result();
    char *text = plot_of(result);
    static const char *const marks[] = {">0 %<",   ">90 %<",   ">99 %<",  ">99.9 %<", ">1 us<",
                                        ">10 us<", ">1.0 ms<", ">2,000<", ">0.3 s<",  ">get<"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        assert_non_null(strstr(text, marks[i]));
    assert_null(strstr(text, ">99.99 %<"));
    assert_null(strstr(text, ">put<"));
    assert_int_equal(count_of(text, "<polyline"), 2);
    free(text);
    free_result(result);
}

/* Nothing was done, or all took the same time: no division by nothing shows. */
static void a_poor_result_is_drawn_all_the_same(void **state)
{
    (void)state;
    for (uint64_t ns = 0; ns <= 1000; ns += 500) {
        struct bench_result result;
        assert_true(bench_result_init(&result));
        if (ns > 0)
            histogram_record(result.sums[BENCH_PUT].latency, ns);
        if (ns == 1000)
            histogram_record(result.sums[BENCH_PUT].latency, ns);
        bench_samples_begin(&result.samples);
        char *text = plot_of(&result);
        assert_null(strstr(text, "nan"));
        assert_null(strstr(text, "inf"));
        assert_int_equal(count_of(text, "<svg"), 1);
        assert_int_equal(count_of(text, "</svg>\n"), 1);
        free(text);
        bench_result_done(&result);
    }
}

static void steps_are_round(void **state)
{
    (void)state;
    for (double most = 0.001; most < 1e9; most *= 1.07) {
        double step = bench_plot_step(most), digit = step;
        assert_true(most / step > 3.99 && most / step < 10.01);
        while (digit > 9.5)
            digit /= 10;
        while (digit < 0.95)
            digit *= 10;
        assert_true((digit > 0.99 && digit < 1.01) || (digit > 1.99 && digit < 2.01) ||
                    (digit > 4.99 && digit < 5.01));
    }
}

static void samples_stay_few_and_even(void **state)
{
    (void)state;
    struct bench_samples *samples = malloc(sizeof *samples);
    assert_non_null(samples);
    bench_samples_begin(samples);
    for (uint64_t tick = 1; tick <= 36000; tick++) /* an hour, each tick a little late */
        bench_samples_add(samples, tick * 100 * NS_PER_MS + tick % 7 * NS_PER_MS, tick);
    assert_true(samples->count > bench_samples_max / 2 && samples->count <= bench_samples_max);
    double step = samples->items[1].seconds;
    for (size_t i = 1; i < samples->count; i++) {
        double passed = samples->items[i].seconds - samples->items[i - 1].seconds;
        assert_true(passed > step - 0.25 && passed < step + 0.25);
        assert_true(samples->items[i].operations > samples->items[i - 1].operations);
    }
    assert_true(samples->items[samples->count - 1].seconds > 3600 - 2 * step);
    free(samples);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(the_title_says_what_was_done), cmocka_unit_test(json_adds_up),
              cmocka_unit_test(the_picture_has_its_marks),
              cmocka_unit_test(a_poor_result_is_drawn_all_the_same),
              cmocka_unit_test(steps_are_round), cmocka_unit_test(samples_stay_few_and_even));
}
