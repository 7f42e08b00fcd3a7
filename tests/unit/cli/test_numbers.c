/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: that they are normal, that a seed says all of them, that the stream's memory is
 * its consumer's until released. */
#include "harness/test.h"

#include <math.h>
#include <stdlib.h>

#include "cli/normal.h"
#include "cli/numbers.h"

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Kolmogorov and Smirnov: the largest distance between the numbers' distribution and the normal
 * one. For a fixed seed this is one number, not a matter of luck. */
static void are_normal(void **state)
{
    (void)state;
    enum { count = 1000000 };
    struct normal_table *table = malloc(sizeof *table);
    double *values = malloc(count * sizeof *values), worst = 0;
    struct normal normal;
    assert_non_null(table);
    assert_non_null(values);
    normal_table_init(table);
    normal_init(&normal, table, 0, 0);
    normal_fill(&normal, values, count);
    qsort(values, count, sizeof *values, compare);
    for (int i = 0; i < count; i++) {
        double expected = 0.5 * erfc(-values[i] / sqrt(2));
        double distance = fabs(expected - (i + 0.5) / count);
        worst = distance > worst ? distance : worst;
    }
    assert_true(worst * sqrt(count) < 1.63);           /* passed by 1 % of all seeds */
    assert_true(values[0] < -4.4 && values[0] > -6.5); /* the tails are there */
    assert_true(values[count - 1] > 4.4 && values[count - 1] < 6.5);
    free(values);
    free(table);
}

/* All rows, column by column behind one another. */
static double *collect(const struct numbers_options *options, int64_t *ret_batches)
{
    struct fkv_error error;
    struct ArrowArrayStream stream;
    double *values = calloc((size_t)(options->rows * options->columns), sizeof *values);
    assert_non_null(values);
    assert_ok(numbers_stream(options, &stream, &error));
    int64_t row = 0, batches = 0;
    for (;;) {
        struct ArrowArray batch;
        assert_int_equal(stream.get_next(&stream, &batch), 0);
        if (batch.release == NULL)
            break;
        assert_true(batch.length <= options->batch_rows);
        for (int64_t i = 0; i < options->columns; i++)
            memcpy(values + i * options->rows + row, batch.children[i]->buffers[1],
                   (size_t)batch.length * sizeof *values);
        row += batch.length;
        batches++;
        batch.release(&batch);
    }
    assert_int_equal(row, options->rows);
    stream.release(&stream);
    *ret_batches = batches;
    return values;
}

static void seed_says_all(void **state)
{
    (void)state;
    struct numbers_options options = {.rows = 1000, .columns = 3, .batch_rows = 1000, .seed = 7};
    size_t size = 3000 * sizeof(double);
    int64_t batches;
    double *once = collect(&options, &batches);
    assert_int_equal(batches, 1);
    options.batch_rows = 300;
    double *pieces = collect(&options, &batches);
    assert_int_equal(batches, 4);
    assert_memory_equal(once, pieces, size);
    options.seed = 8;
    double *other = collect(&options, &batches);
    assert_memory_not_equal(once, other, size);
    assert_memory_not_equal(once, once + 1000, 1000 * sizeof(double)); /* nor two columns alike */
    free(once);
    free(pieces);
    free(other);
}

static void arrays_outlive_the_stream(void **state)
{
    (void)state;
    struct fkv_error error;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray first, second;
    struct numbers_options options = {.rows = 20, .columns = 2, .batch_rows = 10};
    assert_ok(numbers_stream(&options, &stream, &error));
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_string_equal(schema.children[1]->name, "c1");
    assert_int_equal(stream.get_next(&stream, &first), 0);
    assert_int_equal(stream.get_next(&stream, &second), 0);
    assert_ptr_not_equal(first.children[0]->buffers[1], second.children[0]->buffers[1]);
    stream.release(&stream);
    double kept = ((const double *)first.children[1]->buffers[1])[9];
    second.release(&second);
    assert_true(((const double *)first.children[1]->buffers[1])[9] == kept);
    first.release(&first);
    schema.release(&schema);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(are_normal), cmocka_unit_test(seed_says_all),
              cmocka_unit_test(arrays_outlive_the_stream));
}
