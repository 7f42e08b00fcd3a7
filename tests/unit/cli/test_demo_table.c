/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "cli/demo_table.h"
#include "cli/numbers.h"

static struct demo_table numbers(int64_t rows, uint64_t seed)
{
    struct numbers_options options = {.rows = rows, .columns = 3, .batch_rows = 10, .seed = seed};
    struct ArrowArrayStream stream;
    struct demo_table table;
    struct fkv_error error;
    assert_int_equal(numbers_stream(&options, &stream, &error), FKV_OK);
    assert_int_equal(demo_table_collect(&stream, &table, &error), FKV_OK);
    return table;
}

static void collects_all_batches(void **state)
{
    (void)state;
    struct demo_table table = numbers(705, 1);
    assert_int_equal(table.batch_count, 71);
    assert_int_equal(table.rows, 705);
    assert_int_equal(demo_table_bytes(&table), 705 * 3 * 8);
    demo_table_done(&table);
    demo_table_done(&table);
}

static void lends_itself_as_a_stream_twice(void **state)
{
    (void)state;
    struct demo_table table = numbers(25, 1);
    for (int i = 0; i < 2; i++) {
        struct demo_table_reader reader;
        struct ArrowArrayStream stream = demo_table_stream(&table, &reader);
        struct demo_table copy;
        assert_int_equal(demo_table_collect(&stream, &copy, NULL), FKV_OK);
        assert_true(demo_table_equal(&table, &copy));
        demo_table_done(&copy);
    }
    demo_table_done(&table);
}

static void differs_by_a_value_a_batch_and_a_name(void **state)
{
    (void)state;
    struct demo_table a = numbers(25, 1), b = numbers(25, 1), c = numbers(26, 1);
    assert_true(demo_table_equal(&a, &b));
    assert_false(demo_table_equal(&a, &c));
    double *last = (double *)b.batches[2].children[2]->buffers[1] + 4;
    *last += 1;
    assert_false(demo_table_equal(&a, &b));
    *last -= 1;
    b.schema.children[1]->name = "other";
    assert_false(demo_table_equal(&a, &b));
    demo_table_done(&a);
    demo_table_done(&b);
    demo_table_done(&c);
}

static void refuses_other_types(void **state)
{
    (void)state;
    struct demo_table table = numbers(5, 1), copy;
    struct fkv_error error;
    struct demo_table_reader reader;
    struct ArrowArrayStream stream = demo_table_stream(&table, &reader);
    const char *format = table.schema.children[1]->format;
    table.schema.children[1]->format = "u";
    assert_int_equal(demo_table_collect(&stream, &copy, &error), FKV_FAILED_PRECONDITION);
    assert_string_equal(error.message, "column 'c1' isn't float64; the demo measures tables such "
                                       "as \"flightkv generate\" makes");
    assert_null(stream.release);
    table.schema.children[1]->format = format;
    demo_table_done(&table);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(collects_all_batches),
              cmocka_unit_test(lends_itself_as_a_stream_twice),
              cmocka_unit_test(differs_by_a_value_a_batch_and_a_name),
              cmocka_unit_test(refuses_other_types));
}
