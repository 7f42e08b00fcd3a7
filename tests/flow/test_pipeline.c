/* SPDX-License-Identifier: Apache-2.0 */
/* Several puts and gets at a time on one connection. */
#include "flow/pipelines.h"

static struct fkv_error error;

/* ---- results ---- */

/* Whatever the depth, and whatever the server takes at a time. */
static void each_key_has_its_own_result(void **state)
{
    (void)state;
    static const struct {
        const char *streams;
        uint64_t depth;
    } rows[] = {{"256", 1}, {"256", 7}, {"256", 16}, {"256", 256}, {"1", 16}, {"3", 16}};
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct flow flow;
        struct fkv_client *client =
            flow_begin(&flow, (const char *const[]){"streams", rows[row].streams, NULL});
        struct fkv_pipeline *pipeline = piped_open(client, rows[row].depth);
        struct tally tally = piped_run(pipeline, 40, piped_put);
        assert_int_equal(piped_count(&tally, FKV_OK), 40);
        tally = piped_run(pipeline, 50, piped_get);
        assert_int_equal(piped_count(&tally, FKV_OK), 40);
        assert_int_equal(piped_count(&tally, FKV_NOT_FOUND), 10);
        assert_non_null(strstr(tally.message, "key 4"));
        fkv_pipeline_close(pipeline);
        assert_int_equal(host_stats(flow.host).connections_total, 1);
        flow_done(&flow);
    }
}

static void one_at_a_time_keeps_the_order(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    piped_put_keys(client, 20);
    struct fkv_pipeline *pipeline = piped_open(client, 1);
    struct tally tally = piped_run(pipeline, 20, piped_get);
    for (size_t i = 0; i < tally.count; i++)
        assert_int_equal(tally.order[i], i);
    fkv_pipeline_close(pipeline);
    flow_done(&flow);
}

/* Both ways at once, in pieces; the large one is received whole, beyond what a stream keeps. */
static void a_large_table_does_not_hold_small_ones_up(void **state)
{
    (void)state;
    static const size_t pieces[] = {0, 700, 4096};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct flow flow;
        flow_init(&flow, alloc_system(), NULL);
        flow.pipe = (struct net_pipe_options){.buffer_bytes = 8192, .read_bytes_max = pieces[i]};
        struct fkv_client *client = flow_client(&flow);
        piped_put_keys(client, 8);
        assert_ok(table_put(client, "key 9", &piped_large, &error));
        struct fkv_pipeline *pipeline = piped_open(client, 0);
        struct tally tally = {.count = 0};
        piped_get(pipeline, 9);
        piped_put_of(pipeline, 10, &piped_large);
        for (uint64_t n = 0; n < 8; n++)
            piped_get(pipeline, n);
        while (piped_take_odd(pipeline, &tally, 9, &piped_large))
            ;
        assert_int_equal(piped_count(&tally, FKV_OK), 10);
        assert_true(tally.order[0] < 8);
        assert_true(tally.order[7] < 8);
        fkv_pipeline_close(pipeline);
        assert_table(client, "key 10", &piped_large);
        flow_done(&flow);
    }
}

static void a_result_outlives_all(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    struct fkv_pipeline_result result;
    bool more;
    assert_ok(table_put(client, "key 9", &piped_large, &error));
    struct fkv_pipeline *pipeline = piped_open(client, 0);
    piped_get(pipeline, 9);
    assert_ok(fkv_pipeline_next(pipeline, &result, &more, &error));
    assert_true(more);
    assert_int_equal(result.status, FKV_OK);
    fkv_pipeline_close(pipeline);
    flow_close_client(&flow, client);
    struct ArrowSchema schema;
    assert_int_equal(result.table.get_schema(&result.table, &schema), 0);
    assert_int_equal(schema.n_children, 2);
    schema.release(&schema);
    assert_ok(fkv_stream_error(&result.table, &error));
    assert_true(table_is(&result.table, &piped_large));
    flow_done(&flow);
}

static void gets_have_their_own_options(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    piped_put_keys(client, 1);
    struct fkv_pipeline *pipeline = piped_open(client, 0);
    for (uint64_t n = 0; n < 3; n++) {
        char columns[] = "y", rows[] = "3:9"; /* gone before they are sent */
        const struct fkv_get_options options = {
            .size = sizeof options, .columns = n > 0 ? columns : NULL, .rows = n > 1 ? rows : NULL};
        assert_ok(fkv_pipeline_get(pipeline, "key 0", 5, &options, n, &error));
        columns[0] = rows[0] = '?';
    }
    for (int i = 0; i < 3; i++) {
        struct fkv_pipeline_result result;
        struct ArrowArray array;
        bool more;
        assert_ok(fkv_pipeline_next(pipeline, &result, &more, &error));
        assert_int_equal(result.status, FKV_OK);
        assert_int_equal(result.table.get_next(&result.table, &array), 0);
        assert_int_equal(array.n_children, result.tag == 0 ? 2 : 1);
        assert_int_equal(array.length, result.tag == 2 ? 6 : 30);
        array.release(&array);
        result.table.release(&result.table);
    }
    fkv_pipeline_close(pipeline);
    flow_done(&flow);
}

/* ---- puts ---- */

static bool stop_at_second(void *context, const struct fkv_progress *progress)
{
    (void)context;
    return progress->batches < 2;
}

static void a_put_that_fails_leaves_the_others(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    struct fkv_pipeline *pipeline = piped_open(client, 0);
    struct table_rule broken = piped_rule(1);
    broken.fail_at = 2;
    piped_put(pipeline, 0);
    piped_put_of(pipeline, 1, &broken);
    struct ArrowArrayStream stream;
    const struct fkv_put_options options = {.size = sizeof options, .progress = stop_at_second};
    table_stream(&piped_small, &stream);
    assert_ok(fkv_pipeline_put(pipeline, "key 2", 5, &stream, &options, 2, &error));
    piped_put(pipeline, 3);
    struct tally tally = piped_take_all(pipeline);
    assert_int_equal(tally.count, 4);
    assert_int_equal(tally.statuses[0], FKV_OK);
    assert_int_equal(tally.statuses[1], FKV_INVALID_ARGUMENT);
    assert_int_equal(tally.statuses[2], FKV_CANCELLED);
    assert_int_equal(tally.statuses[3], FKV_OK);
    fkv_pipeline_close(pipeline);
    assert_int_equal(flow_stats(&flow).keys, 2);
    flow_done(&flow);
}

static void a_put_tells_its_progress(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    struct fkv_pipeline *pipeline = piped_open(client, 0);
    struct fkv_pipeline_result result;
    bool more;
    const struct fkv_put_options append = {.size = sizeof append, .mode = FKV_PUT_APPEND};
    struct ArrowArrayStream stream;
    table_stream(&piped_small, &stream);
    assert_ok(fkv_pipeline_put(pipeline, "k", 1, &stream, &append, 0, &error));
    assert_ok(fkv_pipeline_next(pipeline, &result, &more, &error));
    assert_int_equal(result.status, FKV_OK);
    assert_int_equal(result.progress.rows, 60);
    assert_int_equal(result.progress.batches, 2);
    assert_ok(fkv_pipeline_next(pipeline, &result, &more, &error));
    assert_false(more);
    fkv_pipeline_close(pipeline);
    flow_done(&flow);
}

/* ---- use ---- */

static void bad_use_is_refused(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    struct fkv_pipeline *pipeline = NULL, *other = NULL;
    struct ArrowArrayStream stream;

    const struct fkv_pipeline_options no_size = {.size = 0};
    assert_int_equal(fkv_pipeline_open(client, &no_size, &pipeline, &error), FKV_INVALID_ARGUMENT);
    const struct fkv_pipeline_options deep = {.size = sizeof deep, .depth = 257};
    assert_int_equal(fkv_pipeline_open(client, &deep, &pipeline, &error), FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "257"));
    assert_null(pipeline);

    pipeline = piped_open(client, 2);
    assert_int_equal(fkv_pipeline_open(client, NULL, &other, &error), FKV_FAILED_PRECONDITION);
    assert_int_equal(table_put(client, "k", &piped_small, &error), FKV_FAILED_PRECONDITION);
    assert_non_null(strstr(error.message, "pipeline"));
    assert_int_equal(table_get(client, "k", &stream, &error), FKV_FAILED_PRECONDITION);
    const struct fkv_get_options streams = {.size = sizeof streams, .streams = 2};
    assert_int_equal(fkv_pipeline_get(pipeline, "k", 1, &streams, 0, &error), FKV_INVALID_ARGUMENT);
    table_stream(&piped_small, &stream);
    const struct fkv_put_options no_mode = {.size = sizeof no_mode, .mode = 7};
    assert_int_equal(fkv_pipeline_put(pipeline, "k", 1, &stream, &no_mode, 0, &error),
                     FKV_INVALID_ARGUMENT);
    assert_null(stream.release);

    assert_int_equal(fkv_pipeline_room(pipeline), 2);
    piped_put(pipeline, 0);
    piped_get(pipeline, 1);
    assert_int_equal(fkv_pipeline_room(pipeline), 0);
    table_stream(&piped_small, &stream);
    assert_int_equal(fkv_pipeline_put(pipeline, "k", 1, &stream, NULL, 0, &error),
                     FKV_FAILED_PRECONDITION);
    assert_null(stream.release);
    assert_non_null(strstr(error.message, "take a result first"));
    struct tally tally = piped_take_all(pipeline);
    assert_int_equal(tally.count, 2);
    fkv_pipeline_close(pipeline);
    assert_ok(table_put(client, "k", &piped_small, &error));
    flow_done(&flow);
}

struct meddling {
    struct fkv_client *client;
    struct fkv_pipeline *pipeline;
    int times;
};

static void meddle(void *context, uint32_t number)
{
    (void)number;
    struct meddling *meddling = context;
    struct fkv_pipeline_result result;
    bool more;
    assert_int_equal(fkv_pipeline_next(meddling->pipeline, &result, &more, &error),
                     FKV_FAILED_PRECONDITION);
    assert_non_null(strstr(error.message, "callback"));
    assert_int_equal(fkv_pipeline_get(meddling->pipeline, "k", 1, NULL, 0, &error),
                     FKV_FAILED_PRECONDITION);
    assert_int_equal(fkv_delete(meddling->client, "k", 1, &error), FKV_FAILED_PRECONDITION);
    meddling->times++;
}

static void a_callback_may_not_call_its_pipeline(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    struct meddling meddling = {client, piped_open(client, 4), 0};
    struct table_rule rule = piped_rule(0);
    rule.before_batch = meddle;
    rule.context = &meddling;
    piped_put_of(meddling.pipeline, 0, &rule);
    struct tally tally = piped_take_all(meddling.pipeline);
    assert_int_equal(piped_count(&tally, FKV_OK), 1);
    assert_true(meddling.times > 0);
    fkv_pipeline_close(meddling.pipeline);
    flow_done(&flow);
}

/* ---- shared memory ---- */

static void tables_are_mapped_where_they_can_be(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    flow.pipe.is_local = true;
    struct fkv_client *client = flow_client(&flow);
    piped_put_keys(client, 3);
    assert_ok(table_put(client, "key 9", &piped_large, &error));
    struct fkv_pipeline *pipeline = piped_open(client, 0);
    struct tally tally = {.count = 0};
    for (uint64_t n = 0; n < 3; n++)
        piped_get(pipeline, n);
    piped_get(pipeline, 9);
    while (piped_take_odd(pipeline, &tally, 9, &piped_large))
        ;
    assert_int_equal(piped_count(&tally, FKV_OK), 4);
    assert_int_equal(client_pool_stats(client->pool).most_used_bytes, 0); /* nothing was received */
    fkv_pipeline_close(pipeline);
    flow_done(&flow);
}

/* ---- memory ---- */

static bool is_excused(enum fkv_status status)
{
    return status == FKV_OK || status == FKV_RESOURCE_EXHAUSTED || status == FKV_UNAVAILABLE ||
           status == FKV_CANCELLED || status == FKV_INTERNAL || status == FKV_NOT_FOUND;
}

/* Each call that was begun has a result; tables are whole. */
static void take_excused(struct fkv_pipeline *pipeline, unsigned begun)
{
    struct fkv_pipeline_result result;
    bool more = true;
    while (fkv_pipeline_next(pipeline, &result, &more, &error) == FKV_OK && more) {
        if (!is_excused(result.status))
            fail_msg("%s", result.error.message);
        struct table_rule rule = piped_rule(result.tag);
        struct ArrowArray array;
        uint32_t batches = 0;
        begun--;
        if (result.table.release == NULL)
            continue;
        while (result.table.get_next(&result.table, &array) == 0 && array.release != NULL) {
            assert_int_equal(array.length, rule.rows);
            array.release(&array);
            batches++;
        }
        assert_int_equal(batches, rule.batches);
        result.table.release(&result.table);
    }
    assert_int_equal(begun, 0);
}

static void scenario(const struct alloc *alloc)
{
    struct flow flow;
    struct fkv_client *client;
    struct fkv_pipeline *pipeline;
    if (flow_try_init(&flow, alloc, NULL, &error) != FKV_OK)
        return;
    if (flow_try_client(&flow, &client, &error) == FKV_OK &&
        fkv_pipeline_open(client, NULL, &pipeline, &error) == FKV_OK) {
        unsigned begun = 0;
        for (uint64_t n = 0; n < 4; n++) {
            char key[16];
            struct ArrowArrayStream stream;
            const struct table_rule rule = piped_rule(n);
            table_stream(&rule, &stream);
            begun += fkv_pipeline_put(pipeline, key, piped_key(n, key), &stream, NULL, n, &error) ==
                     FKV_OK;
        }
        take_excused(pipeline, begun);
        begun = 0;
        for (uint64_t n = 0; n < 6; n++) {
            char key[16];
            const struct fkv_get_options options = {.size = sizeof options, .columns = "x"};
            begun += fkv_pipeline_get(pipeline, key, piped_key(n, key),
                                      n % 2 == 0 ? NULL : &options, n, &error) == FKV_OK;
        }
        take_excused(pipeline, begun);
        fkv_pipeline_close(pipeline);
    }
    flow_done(&flow);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    for (int forever = 0; forever < 2; forever++) {
        for (size_t n = 1;; n++) {
            struct test_alloc t;
            test_alloc_init(&t, n);
            t.fail_forever = forever == 1;
            scenario(&t.alloc);
            if (t.live != 0)
                fail_msg("%zu allocations live after number %zu failed", t.live, n);
            if (t.requests < n)
                break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_has_its_own_result),
        cmocka_unit_test(one_at_a_time_keeps_the_order),
        cmocka_unit_test(a_large_table_does_not_hold_small_ones_up),
        cmocka_unit_test(a_result_outlives_all),
        cmocka_unit_test(gets_have_their_own_options),
        cmocka_unit_test(a_put_that_fails_leaves_the_others),
        cmocka_unit_test(a_put_tells_its_progress),
        cmocka_unit_test(bad_use_is_refused),
        cmocka_unit_test(a_callback_may_not_call_its_pipeline),
        cmocka_unit_test(tables_are_mapped_where_they_can_be),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
