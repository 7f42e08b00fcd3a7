/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <math.h>
#include <stdlib.h>

#include "base/histogram.h"

enum { value_count = 20000 };

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 11;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* Over all magnitudes, as latencies with a long tail are. */
static uint64_t *random_values(void)
{
    uint64_t state = 1, *values = malloc(value_count * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < value_count; i++)
        values[i] = next_random(&state) & ((UINT64_C(1) << next_random(&state) % 42) - 1);
    return values;
}

static struct histogram *filled(const uint64_t *values, size_t count)
{
    struct histogram *histogram = histogram_new();
    assert_non_null(histogram);
    for (size_t i = 0; i < count; i++)
        histogram_record(histogram, values[i]);
    return histogram;
}

static void percentiles_are_within_a_thousandth(void **state)
{
    (void)state;
    uint64_t *values = random_values();
    struct histogram *histogram = filled(values, value_count);
    qsort(values, value_count, sizeof *values, compare);
    for (int i = 1; i <= 10000; i++) {
        double percentile = i / 100.0;
        size_t at = (size_t)ceil(percentile / 100 * value_count - 1e-6);
        uint64_t exact = values[at > 0 ? at - 1 : 0];
        uint64_t found = histogram_percentile(histogram, percentile);
        assert_true(found >= exact);
        assert_true((double)(found - exact) <= (double)exact / 1000);
    }
    assert_int_equal(histogram_count(histogram), value_count);
    assert_int_equal(histogram_min(histogram), values[0]);
    assert_int_equal(histogram_max(histogram), values[value_count - 1]);
    histogram_free(histogram);
    free(values);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    struct histogram *histogram = histogram_new();
    for (uint64_t value = 0; value < 1000; value++)
        histogram_record(histogram, value);
    assert_int_equal(histogram_percentile(histogram, 50), 499);
    assert_int_equal(histogram_percentile(histogram, 99.9), 998);
    assert_int_equal(histogram_percentile(histogram, 100), 999);
    assert_int_equal(histogram_percentile(histogram, 0), 0);
    assert_true(histogram_mean(histogram) == 499.5);
    assert_true(fabs(histogram_deviation(histogram) - 288.675) < 0.001);
    histogram_free(histogram);
}

static void the_edges_of_steps_hold_their_values(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 42; bit++) {
        for (int64_t beside = -1; beside <= 1; beside++) {
            uint64_t value = (UINT64_C(1) << bit) + (uint64_t)beside;
            struct histogram *histogram = filled(&value, 1);
            assert_int_equal(histogram_percentile(histogram, 50), value);
            histogram_record(histogram, HISTOGRAM_VALUE_MAX); /* nothing cuts the step now */
            uint64_t found = histogram_percentile(histogram, 50);
            assert_true(found >= value && found - value <= value / 1000);
            histogram_free(histogram);
        }
    }
}

static void what_is_too_large_counts_as_the_largest(void **state)
{
    (void)state;
    const uint64_t values[] = {UINT64_MAX, HISTOGRAM_VALUE_MAX + 1};
    struct histogram *histogram = filled(values, 2);
    assert_int_equal(histogram_count(histogram), 2);
    assert_int_equal(histogram_max(histogram), HISTOGRAM_VALUE_MAX);
    assert_int_equal(histogram_percentile(histogram, 1), HISTOGRAM_VALUE_MAX);
    histogram_free(histogram);
}

static void an_empty_one_says_nothing(void **state)
{
    (void)state;
    struct histogram *histogram = histogram_new(), *other = histogram_new();
    histogram_add(histogram, other);
    assert_int_equal(histogram_count(histogram), 0);
    assert_int_equal(histogram_percentile(histogram, 99), 0);
    assert_int_equal(histogram_min(histogram), 0);
    assert_true(histogram_mean(histogram) == 0 && histogram_deviation(histogram) == 0);
    histogram_free(histogram);
    histogram_free(other);
    histogram_free(NULL);
}

/* Two halves added are the whole; the whole without one half is the other. */
static void halves_add_up_and_come_apart(void **state)
{
    (void)state;
    enum { half = value_count / 2 };
    uint64_t *values = random_values();
    struct histogram *whole = filled(values, value_count);
    struct histogram *first = filled(values, half), *second = filled(values + half, half);
    struct histogram *sum = histogram_new();
    histogram_add(sum, first);
    histogram_add(sum, second);
    assert_int_equal(histogram_min(sum), histogram_min(whole));
    assert_int_equal(histogram_max(sum), histogram_max(whole));
    assert_true(histogram_mean(sum) == histogram_mean(whole));
    histogram_subtract(sum, first);
    assert_int_equal(histogram_count(sum), half);
    for (double percentile = 1; percentile < 100; percentile++) {
        uint64_t exact = histogram_percentile(second, percentile);
        assert_int_equal(histogram_percentile(sum, percentile), exact);
    }
    histogram_clear(whole);
    histogram_add(whole, second);
    assert_int_equal(histogram_count(whole), half);
    assert_int_equal(histogram_percentile(whole, 50), histogram_percentile(second, 50));
    histogram_free(whole);
    histogram_free(first);
    histogram_free(second);
    histogram_free(sum);
    free(values);
}

static void check_point(void *context, const struct histogram_point *point)
{
    struct histogram_point *last = context;
    assert_true(point->percentile > last->percentile || last->count == 0);
    assert_true(point->value >= last->value && point->count >= last->count);
    assert_true((double)point->count >= point->percentile / 100 * value_count - 1e-6);
    *last = *point;
}

static void the_walk_ends_at_the_maximum(void **state)
{
    (void)state;
    uint64_t *values = random_values();
    struct histogram *histogram = filled(values, value_count);
    struct histogram_point last = {0};
    histogram_walk(histogram, check_point, &last);
    assert_true(last.percentile == 100);
    assert_int_equal(last.count, value_count);
    assert_int_equal(last.value, histogram_max(histogram));
    histogram_free(histogram);
    free(values);
}

/* In the form of HdrHistogram's outputPercentileDistribution(out, 5, 10.0), which would give 500.3
 * for the last value: ours keeps the maximum as it is. */
static void the_text_is_that_of_hdr_histogram(void **state)
{
    (void)state;
    static const char wanted[] = "       Value     Percentile TotalCount 1/(1-Percentile)\n"
                                 "\n"
                                 "       1.000 0.000000000000          1           1.00\n"
                                 "       1.000 0.100000000000          1           1.11\n"
                                 "       1.000 0.200000000000          1           1.25\n"
                                 "       2.000 0.300000000000          2           1.43\n"
                                 "       2.000 0.400000000000          2           1.67\n"
                                 "       2.000 0.500000000000          2           2.00\n"
                                 "       3.000 0.550000000000          3           2.22\n"
                                 "       3.000 0.600000000000          3           2.50\n"
                                 "       3.000 0.650000000000          3           2.86\n"
                                 "       3.000 0.700000000000          3           3.33\n"
                                 "       3.000 0.750000000000          3           4.00\n"
                                 "     500.000 0.775000000000          4           4.44\n"
                                 "     500.000 1.000000000000          4\n"
                                 "#[Mean    =      126.500, StdDeviation   =      215.706]\n"
                                 "#[Max     =      500.000, Total count    =            4]\n"
                                 "#[Buckets =           32, SubBuckets     =         2048]\n";
    const uint64_t values[] = {10, 20, 30, 5000};
    struct histogram *histogram = filled(values, 4);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_true(histogram_print(histogram, 10, out));
    fclose(out);
    assert_string_equal(text, wanted);
    free(text);
    histogram_free(histogram);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(percentiles_are_within_a_thousandth),
              cmocka_unit_test(small_values_are_exact),
              cmocka_unit_test(the_edges_of_steps_hold_their_values),
              cmocka_unit_test(what_is_too_large_counts_as_the_largest),
              cmocka_unit_test(an_empty_one_says_nothing),
              cmocka_unit_test(halves_add_up_and_come_apart),
              cmocka_unit_test(the_walk_ends_at_the_maximum),
              cmocka_unit_test(the_text_is_that_of_hdr_histogram));
}
