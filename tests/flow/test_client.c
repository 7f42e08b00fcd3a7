/* SPDX-License-Identifier: Apache-2.0 */
/* What users do with a client beside plain calls: closing it early, waiting for ever, cancelling,
 * calling it from its own callbacks, keeping it over a server's restart. */
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "flow/flow.h"
#include "flow/silence.h"
#include "flow/tables.h"
#include "wire/internal.h"

static struct fkv_error error;

static const struct table_rule small = {.seed = 5, .batches = 3, .rows = 100};
/* More than a turn writes, so that the server still has some of it. */
static const struct table_rule large = {.seed = 900, .batches = 20, .rows = 10000};

static uint64_t calls_open(const struct flow *flow)
{
    return host_stats(flow->server->host).calls_open;
}

/* ---- streams and their client ---- */

/* All of it has been received when the client goes; the consumer reads and releases it later. */
static void a_received_stream_outlives_its_client(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    flow.pipe = (struct net_pipe_options){.buffer_bytes = 1 << 20};
    struct fkv_client *client = flow_client(&flow);
    assert_ok(table_put(client, "k", &small, &error));
    struct ArrowArrayStream stream;
    assert_ok(table_get(client, "k", &stream, &error));
    flow_close_client(&flow, client);
    assert_true(table_is(&stream, &small));
    flow_done(&flow);
}

/* The server hears of it at once: else it would keep the table for as long as the client rests. */
static void a_released_stream_ends_its_call(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    flow.pipe = (struct net_pipe_options){.buffer_bytes = 4096};
    struct fkv_client *client = flow_client(&flow);
    assert_ok(table_put(client, "k", &large, &error));
    struct ArrowArrayStream stream;
    assert_ok(table_get(client, "k", &stream, &error));
    assert_int_equal(calls_open(&flow), 1);
    stream.release(&stream);
    flow_settle(&flow);
    assert_int_equal(calls_open(&flow), 0);
    flow_done(&flow);
}

/* ---- time ---- */

static enum fkv_status stream_failure(struct ArrowArrayStream *stream)
{
    struct ArrowArray array;
    int code;
    while ((code = stream->get_next(stream, &array)) == 0 && array.release != NULL)
        array.release(&array);
    enum fkv_status status = code == 0 ? FKV_OK : fkv_stream_error(stream, &error);
    stream->release(stream);
    return status;
}

static void a_deadline_ends_an_answer_that_has_begun(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    flow.pipe = (struct net_pipe_options){.buffer_bytes = 4096};
    struct fkv_client *client = flow_client(&flow);
    assert_ok(table_put(client, "k", &large, &error));
    const struct fkv_get_options options = {.size = sizeof options, .timeout_ms = 1000};
    struct ArrowArrayStream stream;
    assert_ok(fkv_get(client, "k", 1, &options, &stream, &error));
    assert_int_equal(calls_open(&flow), 1);
    flow_wind(&flow, 2 * NS_PER_S);
    assert_int_equal(stream_failure(&stream), FKV_DEADLINE_EXCEEDED);
    flow_settle(&flow);
    assert_int_equal(calls_open(&flow), 0);
    flow_done(&flow);
}

/* Its socket is full: the end of the call can't be told either, and the connection ends. */
static void a_client_that_reads_no_more_is_cut_off(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    flow.pipe = (struct net_pipe_options){.buffer_bytes = 4096};
    struct fkv_client *client = flow_client(&flow);
    assert_ok(table_put(client, "k", &large, &error));
    struct ArrowArrayStream stream;
    assert_ok(table_get(client, "k", &stream, &error));
    flow_wind(&flow, 599 * NS_PER_S);
    assert_int_equal(calls_open(&flow), 1);
    flow_wind(&flow, 2 * NS_PER_S);
    assert_int_equal(calls_open(&flow), 0);
    assert_int_equal(stream_failure(&stream), FKV_UNAVAILABLE);
    flow_done(&flow);
}

static void a_timeout_may_be_for_ever(void **state)
{
    (void)state;
    static const uint64_t for_ever[] = {INT64_MAX, UINT64_MAX, UINT64_MAX / 1000000 + 1};
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    for (size_t i = 0; i < sizeof for_ever / sizeof for_ever[0]; i++) {
        const struct fkv_put_options options = {.size = sizeof options, .timeout_ms = for_ever[i]};
        struct ArrowArrayStream stream;
        table_stream(&small, &stream);
        assert_ok(fkv_put(client, "k", 1, &stream, &options, NULL, &error));
    }
    flow_done(&flow);
}

/* ---- options ---- */

/* Each call reads them by their size, and takes a stream over also when it refuses them. */
static void options_must_say_their_size(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL), *none = NULL;
    assert_ok(table_put(client, "k", &small, &error));
    struct ArrowArrayStream stream;

    const struct fkv_client_options client_options = {.size = 0};
    assert_int_equal(fkv_client_open(NULL, &client_options, &none, &error), FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "fkv_client_options"));
    assert_null(none);
    const struct fkv_put_options put_options = {.size = 0};
    table_stream(&small, &stream);
    assert_int_equal(fkv_put(client, "k", 1, &stream, &put_options, NULL, &error),
                     FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "fkv_put_options"));
    assert_null(stream.release);
    const struct fkv_get_options get_options = {.size = 0};
    assert_int_equal(fkv_get(client, "k", 1, &get_options, &stream, &error), FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "fkv_get_options"));
    const struct fkv_ipc_write_options write_options = {.size = 0};
    table_stream(&small, &stream);
    assert_int_equal(fkv_ipc_write(&stream, -1, &write_options, NULL, &error),
                     FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "fkv_ipc_write_options"));
    assert_null(stream.release);
    flow_done(&flow);
}

/* Whoever was built before `flags` was there reads nothing behind `timeout_ms`. */
static void an_older_caller_is_served(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    assert_ok(table_put(client, "k", &small, &error));
    struct older_options {
        size_t size;
        uint64_t timeout_ms;
    } *older = malloc(sizeof *older);
    assert_non_null(older);
    *older = (struct older_options){.size = sizeof *older};
    struct ArrowArrayStream stream;
    assert_ok(fkv_get(client, "k", 1, (const void *)older, &stream, &error));
    assert_true(table_is(&stream, &small));
    free(older);
    flow_done(&flow);
}

/* ---- calls from a client's own callbacks ---- */

static bool delete_it(void *context, struct fkv_table_info *info)
{
    assert_int_equal(fkv_delete(context, info->key, info->key_size, &error),
                     FKV_FAILED_PRECONDITION);
    assert_non_null(strstr(error.message, "callback"));
    return true;
}

static bool ask_again(void *context, const struct fkv_progress *progress)
{
    (void)progress;
    assert_int_equal(fkv_action(context, "flightkv.ping", NULL, 0, NULL, NULL, &error),
                     FKV_FAILED_PRECONDITION);
    return true;
}

static void a_callback_may_not_call_its_own_client(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    struct ArrowArrayStream stream;
    table_stream(&small, &stream);
    const struct fkv_put_options options = {
        .size = sizeof options, .progress = ask_again, .progress_context = client};
    assert_ok(fkv_put(client, "k", 1, &stream, &options, NULL, &error));
    assert_ok(fkv_list(client, NULL, delete_it, client, &error));
    assert_int_equal(flow_stats(&flow).keys, 1);
    assert_ok(fkv_delete(client, "k", 1, &error));
    flow_done(&flow);
}

/* ---- connections ---- */

/* What happened to the connection between two calls is seen before the second one begins. */
static void a_closed_connection_is_made_again(void **state)
{
    (void)state;
    struct flow flow;
    const char *const settings[] = {"idle-timeout", "5s", NULL};
    struct fkv_client *client = flow_begin(&flow, settings);
    assert_ok(table_put(client, "k", &small, &error));
    flow_wind(&flow, 10 * NS_PER_S);
    assert_int_equal(host_stats(flow.server->host).connections_open, 0);
    assert_ok(table_put(client, "k", &small, &error));
    assert_int_equal(host_stats(flow.server->host).connections_total, 2);
    flow_done(&flow);
}

/* A stream has a number of 31 bits and odd for a client: a day of small calls, one by one. */
static void a_connection_without_numbers_is_made_again(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    nghttp2_session *h2 = wire_pump_session(client->pump)->h2;
    assert_int_equal(nghttp2_session_set_next_stream_id(h2, INT32_MAX), 0);
    assert_ok(table_put(client, "k", &small, &error));
    assert_ok(table_put(client, "k", &small, &error));
    assert_int_equal(host_stats(flow.server->host).connections_total, 2);
    flow_done(&flow);
}

struct cancelling {
    struct fkv_client *client;
    struct client_connector connector;
};

static enum fkv_status connect_cancelled(void *context, const struct alloc *alloc,
                                         const struct net_uri *uri,
                                         const struct net_connect_options *options,
                                         struct net_transport **ret,
                                         struct fkv_error *connect_error)
{
    struct cancelling *cancelling = context;
    fkv_client_cancel(cancelling->client);
    return cancelling->connector.connect(cancelling->connector.context, alloc, uri, options, ret,
                                         connect_error);
}

static void a_call_can_be_cancelled_while_it_connects(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    struct cancelling cancelling = {client, client->connector};
    client->connector =
        (struct client_connector){.connect = connect_cancelled, .context = &cancelling};
    assert_ok(table_put(client, "k", &small, &error));
    flow_break(&flow, client);
    assert_int_equal(table_put(client, "k", &small, &error), FKV_CANCELLED);
    assert_ok(table_put(client, "k", &small, &error));
    flow_done(&flow);
}

struct asking {
    const struct flow *flow;
    uint64_t last_ns;
    int times, most;
};

static bool go_on(void *context)
{
    struct asking *asking = context;
    assert_true(asking->times == 0 || asking->flow->now_ns - asking->last_ns >= NS_PER_S / 10);
    asking->last_ns = asking->flow->now_ns;
    return ++asking->times < asking->most;
}

/* Not more often than ten times a second, however much is moved; and the client is as good as new
 * afterwards. */
static void a_call_asks_whether_to_go_on(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    flow.step_ns = NS_PER_S / 100;
    flow.pipe = (struct net_pipe_options){.buffer_bytes = 4096};
    struct asking asking = {.flow = &flow, .most = INT32_MAX};
    const struct fkv_client_options options = {
        .size = sizeof options, .keep_on = go_on, .keep_on_context = &asking};
    flow.client_options = &options;
    struct fkv_client *client = flow_client(&flow);
    assert_ok(table_put(client, "k", &large, &error));
    assert_true(asking.times > 3);
    asking = (struct asking){.flow = &flow, .most = 3};
    assert_int_equal(table_put(client, "k", &large, &error), FKV_CANCELLED);
    assert_int_equal(asking.times, 3);
    asking = (struct asking){.flow = &flow, .most = INT32_MAX};
    struct ArrowArrayStream stream;
    assert_ok(table_get(client, "k", &stream, &error));
    assert_true(table_is(&stream, &large));
    flow_done(&flow);
}

static void who_says_nothing_is_no_server(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    const struct client_connector connector = client->connector;
    struct silence silence = {.flow = &flow};
    flow_break(&flow, client);
    client->connector =
        (struct client_connector){.connect = connect_to_silence, .context = &silence};
    uint64_t before_ns = flow.now_ns;
    assert_int_equal(table_put(client, "k", &small, &error), FKV_UNAVAILABLE);
    assert_non_null(strstr(error.message, "pipe:1 doesn't answer as a Flight server"));
    assert_true(flow.now_ns - before_ns >= 10 * NS_PER_S);
    net_close(silence.end);
    /* The connection is given up with the call. */
    client->connector = connector;
    assert_ok(table_put(client, "k", &small, &error));
    flow_done(&flow);
}

struct onlooker {
    struct client_connector connector;
    uint64_t busy_poll_ns; /* of the last connection */
};

static enum fkv_status connect_seen(void *context, const struct alloc *alloc,
                                    const struct net_uri *uri,
                                    const struct net_connect_options *connect,
                                    struct net_transport **ret, struct fkv_error *why)
{
    struct onlooker *onlooker = context;
    onlooker->busy_poll_ns = connect->busy_poll_ns;
    return onlooker->connector.connect(onlooker->connector.context, alloc, uri, connect, ret, why);
}

/* Those of a get over several connections, and those to an endpoint's location. */
static void a_clients_other_connections_look_as_long_as_its_own(void **state)
{
    (void)state;
    static const uint64_t given_us[] = {0, 50, FKV_BUSY_POLL_NEVER};
    static const uint64_t expected_ns[] = {0, 50000, UINT64_MAX};
    for (size_t i = 0; i < sizeof given_us / sizeof given_us[0]; i++) {
        struct flow flow;
        flow_init(&flow, alloc_system(), NULL);
        const struct fkv_client_options options = {.size = sizeof options,
                                                   .busy_poll_us = given_us[i]};
        flow.client_options = &options;
        struct fkv_client *other, *client = flow_client(&flow);
        struct onlooker onlooker = {client->connector, 1};
        client->connector =
            (struct client_connector){.connect = connect_seen, .context = &onlooker};
        assert_ok(client_open_like(client, NULL, 0, &other, &error));
        assert_int_equal(onlooker.busy_poll_ns, expected_ns[i]);
        fkv_client_close(other);
        onlooker.busy_poll_ns = 1;
        assert_ok(client_open_at(client, "grpc+tcp://pipe:1", &other, &error));
        assert_int_equal(onlooker.busy_poll_ns, expected_ns[i]);
        fkv_client_close(other);
        flow_done(&flow);
    }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(who_says_nothing_is_no_server),
              cmocka_unit_test(a_received_stream_outlives_its_client),
              cmocka_unit_test(a_released_stream_ends_its_call),
              cmocka_unit_test(a_deadline_ends_an_answer_that_has_begun),
              cmocka_unit_test(a_client_that_reads_no_more_is_cut_off),
              cmocka_unit_test(a_timeout_may_be_for_ever),
              cmocka_unit_test(options_must_say_their_size),
              cmocka_unit_test(an_older_caller_is_served),
              cmocka_unit_test(a_callback_may_not_call_its_own_client),
              cmocka_unit_test(a_closed_connection_is_made_again),
              cmocka_unit_test(a_connection_without_numbers_is_made_again),
              cmocka_unit_test(a_call_can_be_cancelled_while_it_connects),
              cmocka_unit_test(a_call_asks_whether_to_go_on),
              cmocka_unit_test(a_clients_other_connections_look_as_long_as_its_own));
}
