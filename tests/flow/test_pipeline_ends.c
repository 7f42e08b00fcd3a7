/* SPDX-License-Identifier: Apache-2.0 */
/* What ends calls of a pipeline before they are answered: lost connections, time, their user, a
 * server that wants another token. */
#include <unistd.h>

#include "flow/pipelines.h"
#include "flow/silence.h"
#include "harness/hashes.h"

static struct fkv_error error;

/* ---- ends before the end ---- */

/* A pipeline of four gets, of which the server takes two at a time: the first, a small one, is
 * there, the second, a large one, on its way. */
static struct fkv_pipeline *begin_some(struct flow *flow, struct fkv_client **ret_client)
{
    flow_init(flow, alloc_system(), (const char *const[]){"streams", "2", NULL});
    flow->pipe = (struct net_pipe_options){.buffer_bytes = 8192};
    struct fkv_client *client = *ret_client = flow_client(flow);
    for (uint64_t n = 0; n < 4; n++) {
        char key[16];
        const struct table_rule rule = piped_rule(n);
        piped_key(n, key);
        assert_ok(table_put(client, key, n == 1 ? &piped_large : &rule, &error));
    }
    struct fkv_pipeline *pipeline = piped_open(client, 16);
    struct tally tally = {.count = 0};
    for (uint64_t n = 0; n < 4; n++)
        piped_get(pipeline, n);
    assert_true(piped_take(pipeline, &tally));
    assert_int_equal(tally.order[0], 0);
    assert_int_equal(tally.statuses[0], FKV_OK);
    assert_int_equal(piped_calls_open(flow), 1);
    return pipeline;
}

/* What is on its way isn't sent again: the large one, and the one that took the place of the first;
 * what still waited goes over a new one. */
static void a_lost_connection_ends_what_was_sent(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client;
    struct fkv_pipeline *pipeline = begin_some(&flow, &client);
    flow_break(&flow, client);
    struct tally tally = piped_statuses(pipeline);
    assert_int_equal(tally.count, 3);
    assert_int_equal(tally.statuses[1], FKV_UNAVAILABLE);
    assert_int_equal(tally.statuses[2], FKV_UNAVAILABLE);
    assert_int_equal(tally.statuses[3], FKV_OK);
    assert_int_equal(host_stats(flow.host).connections_total, 2);
    fkv_pipeline_close(pipeline);
    flow_done(&flow);
}

static enum fkv_status refuse(void *context, const struct alloc *alloc, const struct net_uri *uri,
                              const struct net_connect_options *connect, struct net_transport **ret,
                              struct fkv_error *why)
{
    (void)alloc;
    (void)uri;
    (void)connect;
    (void)ret;
    ++*(int *)context;
    return status_set(why, FKV_UNAVAILABLE, "nobody listens");
}

static void a_server_that_is_gone_is_asked_once(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client;
    struct fkv_pipeline *pipeline = begin_some(&flow, &client);
    const struct client_connector connector = client->connector;
    int times = 0;
    client->connector = (struct client_connector){.connect = refuse, .context = &times};
    flow_break(&flow, client);
    struct tally tally = piped_statuses(pipeline);
    assert_int_equal(piped_count(&tally, FKV_UNAVAILABLE), 3);
    assert_non_null(strstr(tally.message, "nobody listens"));
    assert_int_equal(times, 1);
    client->connector = connector;
    piped_get(pipeline, 0);
    tally = piped_statuses(pipeline);
    assert_int_equal(piped_count(&tally, FKV_OK), 1);
    fkv_pipeline_close(pipeline);
    flow_done(&flow);
}

static void cancel_ends_all_that_was_begun(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client;
    struct fkv_pipeline *pipeline = begin_some(&flow, &client);
    fkv_client_cancel(client);
    struct tally tally = piped_statuses(pipeline);
    assert_int_equal(piped_count(&tally, FKV_CANCELLED), 3);
    flow_settle(&flow);
    assert_int_equal(piped_calls_open(&flow), 0);
    piped_get(pipeline, 0);
    tally = piped_statuses(pipeline);
    assert_int_equal(piped_count(&tally, FKV_OK), 1);
    fkv_pipeline_close(pipeline);
    assert_int_equal(host_stats(flow.host).connections_total, 1);
    flow_done(&flow);
}

/* Says no, once. */
static bool keep_on(void *context)
{
    return (*(int *)context)++ > 0;
}

/* Before the first of them is sent, the client asks for shared memory. */
static void cancel_ends_what_is_not_sent_yet(void **state)
{
    (void)state;
    struct flow flow;
    int times = 0;
    const struct fkv_client_options options = {
        .size = sizeof options, .keep_on = keep_on, .keep_on_context = &times};
    flow_init(&flow, alloc_system(), NULL);
    flow.client_options = &options;
    flow.pipe.is_local = true;
    struct fkv_pipeline *pipeline = piped_open(flow_client(&flow), 0);
    for (uint64_t n = 0; n < 3; n++)
        piped_get(pipeline, n);
    struct tally tally = piped_statuses(pipeline);
    assert_int_equal(piped_count(&tally, FKV_CANCELLED), 3);
    assert_int_equal(times, 1);
    fkv_pipeline_close(pipeline);
    flow_done(&flow);
}

/* Also where no call is open yet; but not what is begun after it. */
static void cancel_between_waits_ends_what_was_begun(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    piped_put_keys(client, 3);
    struct fkv_pipeline *pipeline = piped_open(client, 0);
    for (int i = 0; i < 2; i++) {
        for (uint64_t n = 0; n < 3; n++)
            piped_get(pipeline, n);
        fkv_client_cancel(client);
        struct tally tally = piped_statuses(pipeline);
        assert_int_equal(piped_count(&tally, FKV_CANCELLED), 3);
        fkv_client_cancel(client); /* nothing is left that it could end */
        piped_get(pipeline, 0);
        tally = piped_statuses(pipeline);
        assert_int_equal(piped_count(&tally, FKV_OK), 1);
    }
    fkv_pipeline_close(pipeline);
    flow_done(&flow);
}

/* Nor where results are there, and the next calls are sent while they are taken. */
static void cancel_ends_what_would_be_sent_ahead(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    piped_put_keys(client, 8);
    struct fkv_pipeline *pipeline = piped_open(client, 8);
    struct tally tally = {.count = 0};
    for (uint64_t n = 0; n < 8; n++)
        piped_get(pipeline, n);
    while (piped_calls_open(&flow) > 0 || tally.count < 4)
        assert_true(piped_take(pipeline, &tally));
    uint64_t taken = tally.count;
    assert_in_range(taken, 4, 7);
    for (uint64_t n = 0; n < taken; n++)
        piped_get(pipeline, n);
    fkv_client_cancel(client);
    tally = piped_statuses(pipeline);
    assert_int_equal(tally.count, 8);
    assert_int_equal(piped_count(&tally, FKV_CANCELLED), taken);
    fkv_pipeline_close(pipeline);
    flow_done(&flow);
}

static void count_batch(void *context, uint32_t number)
{
    (void)number;
    ++*(unsigned *)context;
}

/* However many are to be ended, nothing more is read of their tables. */
static void puts_that_end_are_not_sent_on(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct flow flow;
        struct tally tally = {.count = 0};
        struct fkv_client *client = flow_begin(&flow, NULL);
        struct fkv_pipeline *pipeline = piped_open(client, 0);
        unsigned batches = 0;
        struct table_rule rule = {.seed = 1, .batches = 2000, .rows = 4000};
        rule.before_batch = count_batch;
        rule.context = &batches;
        piped_get(pipeline, 8);
        for (uint64_t n = 0; n < 8; n++)
            piped_put_of(pipeline, n, &rule);
        assert_true(piped_take(pipeline, &tally));
        assert_int_equal(tally.statuses[8], FKV_NOT_FOUND);
        unsigned before = batches;
        assert_true(before > 0);
        if (way == 0) {
            flow_close_client(&flow, client);
        } else if (way == 1) {
            fkv_client_cancel(client);
            tally = piped_statuses(pipeline);
            assert_int_equal(piped_count(&tally, FKV_CANCELLED), 8);
        }
        fkv_pipeline_close(pipeline);
        assert_int_equal(batches, before);
        if (way > 0) /* where no more could be written, the next call does it */
            assert_int_equal(fkv_delete(client, "key 0", 5, &error), FKV_NOT_FOUND);
        flow_settle(&flow);
        assert_int_equal(piped_calls_open(&flow), 0);
        flow_done(&flow);
    }
}

static void a_deadline_ends_its_call_alone(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client;
    struct fkv_pipeline *pipeline = begin_some(&flow, &client);
    flow.step_ns = NS_PER_MS;
    for (uint64_t n = 4; n < 7; n++) { /* one is sent before it is over, others wait */
        const struct fkv_get_options options = {.size = sizeof options, .timeout_ms = 2};
        assert_ok(fkv_pipeline_get(pipeline, "key 0", 5, &options, n, &error));
    }
    struct tally tally = piped_statuses(pipeline);
    assert_int_equal(tally.count, 6);
    for (uint64_t n = 0; n < 4; n++)
        assert_int_equal(tally.statuses[n], FKV_OK);
    for (uint64_t n = 4; n < 7; n++)
        assert_int_equal(tally.statuses[n], FKV_DEADLINE_EXCEEDED);
    fkv_pipeline_close(pipeline);
    flow_done(&flow);
}

static void closing_ends_what_is_on_its_way(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client;
    struct fkv_pipeline *pipeline = begin_some(&flow, &client);
    piped_put(pipeline, 5);
    fkv_pipeline_close(pipeline);
    flow_settle(&flow);
    assert_int_equal(piped_calls_open(&flow), 0);
    assert_ok(fkv_delete(client, "key 0", 5, &error));
    assert_int_equal(host_stats(flow.host).connections_total, 1);
    flow_done(&flow);
}

static void a_client_may_be_closed_before(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client;
    struct fkv_pipeline *pipeline = begin_some(&flow, &client);
    piped_put(pipeline, 5);
    flow_close_client(&flow, client);
    assert_int_equal(fkv_pipeline_room(pipeline), 0);
    assert_int_equal(fkv_pipeline_get(pipeline, "k", 1, NULL, 0, &error), FKV_FAILED_PRECONDITION);
    struct tally tally = piped_statuses(pipeline);
    assert_int_equal(piped_count(&tally, FKV_UNAVAILABLE), 4);
    assert_non_null(strstr(tally.message, "the client was closed"));
    fkv_pipeline_close(pipeline);
    flow_done(&flow);
}

/* As behind a GOAWAY: what is on its way comes to its end, what waits goes over another one. */
static void a_connection_that_takes_no_more_is_left(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client;
    struct fkv_pipeline *pipeline = begin_some(&flow, &client);
    wire_session_drain(wire_pump_session(client->pump));
    struct tally tally = piped_statuses(pipeline);
    assert_int_equal(piped_count(&tally, FKV_OK), 3);
    assert_int_equal(host_stats(flow.host).connections_total, 2);
    fkv_pipeline_close(pipeline);
    flow_done(&flow);
}

/* ---- time, and a server that isn't one ---- */

/* Until it has shown itself it gets one call; each time it is waited for as long as for any. */
static void who_says_nothing_is_no_server(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    struct silence silence = {.flow = &flow};
    struct fkv_pipeline *pipeline = piped_open(client, 0);
    flow_break(&flow, client);
    client->connector =
        (struct client_connector){.connect = connect_to_silence, .context = &silence};
    const struct fkv_get_options options = {.size = sizeof options, .timeout_ms = 5000};
    assert_ok(fkv_pipeline_get(pipeline, "key 0", 5, &options, 0, &error));
    for (uint64_t n = 1; n < 3; n++)
        piped_get(pipeline, n);
    struct tally tally = piped_statuses(pipeline);
    assert_int_equal(tally.statuses[0], FKV_DEADLINE_EXCEEDED);
    assert_int_equal(tally.statuses[1], FKV_UNAVAILABLE);
    assert_int_equal(tally.statuses[2], FKV_UNAVAILABLE);
    assert_non_null(strstr(tally.message, "doesn't answer as a Flight server"));
    fkv_pipeline_close(pipeline);
    net_close(silence.end);
    flow_done(&flow);
}

/* ---- users ---- */

static char users_file[] = "/tmp/flightkv-users-XXXXXX";

static int write_users(void **state)
{
    (void)state;
    return users_file_write(users_file, "ann:" HASH_OF_SECRET "\n");
}

static int remove_users(void **state)
{
    (void)state;
    return unlink(users_file);
}

/* All of them are refused; then there is one login, and the gets are made again. */
static void gets_are_made_again_with_a_new_token(void **state)
{
    (void)state;
    static const struct fkv_client_options as_ann = {
        .size = sizeof as_ann, .user = "ann", .password = "secret"};
    struct flow flow;
    flow_init(&flow, alloc_system(),
              (const char *const[]){"auth-file", users_file, "token-lifetime", "1h", NULL});
    flow.client_options = &as_ann;
    struct fkv_client *client = flow_client(&flow);
    piped_put_keys(client, 10);
    uint64_t before = host_stats(flow.host).calls_total;
    struct fkv_pipeline *pipeline = piped_open(client, 0);
    assert_ok(
        client_fields_set(&client->fields, "authorization", slice_text("Bearer spoilt"), &error));
    for (uint64_t n = 0; n < 9; n++)
        piped_get(pipeline, n);
    piped_put(pipeline, 9);
    struct tally tally = piped_take_all(pipeline);
    assert_int_equal(piped_count(&tally, FKV_OK), 9);
    assert_int_equal(tally.statuses[9], FKV_UNAUTHENTICATED);
    assert_int_equal(host_stats(flow.host).calls_total - before, 10 + 1 + 9);
    flow_wind(&flow, 50 * 60 * NS_PER_S); /* the token is old: it is renewed ahead */
    tally = piped_run(pipeline, 10, piped_put);
    assert_int_equal(piped_count(&tally, FKV_OK), 10);
    fkv_pipeline_close(pipeline);
    flow_done(&flow);
}

static void who_may_not_is_told_so_for_each_key(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), (const char *const[]){"auth-file", users_file, NULL});
    struct fkv_client *client = flow_client(&flow);
    struct fkv_pipeline *pipeline = piped_open(client, 0);
    for (uint64_t n = 0; n < 5; n++)
        piped_get(pipeline, n);
    piped_put(pipeline, 5);
    struct tally tally = piped_take_all(pipeline);
    assert_int_equal(piped_count(&tally, FKV_UNAUTHENTICATED), 6);
    fkv_pipeline_close(pipeline);
    assert_int_equal(flow_stats(&flow).keys, 0);
    flow_done(&flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_connection_ends_what_was_sent),
        cmocka_unit_test(a_server_that_is_gone_is_asked_once),
        cmocka_unit_test(cancel_ends_all_that_was_begun),
        cmocka_unit_test(cancel_ends_what_is_not_sent_yet),
        cmocka_unit_test(cancel_between_waits_ends_what_was_begun),
        cmocka_unit_test(cancel_ends_what_would_be_sent_ahead),
        cmocka_unit_test(puts_that_end_are_not_sent_on),
        cmocka_unit_test(a_deadline_ends_its_call_alone),
        cmocka_unit_test(closing_ends_what_is_on_its_way),
        cmocka_unit_test(a_client_may_be_closed_before),
        cmocka_unit_test(a_connection_that_takes_no_more_is_left),
        cmocka_unit_test(who_says_nothing_is_no_server),
        cmocka_unit_test(gets_are_made_again_with_a_new_token),
        cmocka_unit_test(who_may_not_is_told_so_for_each_key),
    };
    return cmocka_run_group_tests(tests, write_users, remove_users);
}
