/* SPDX-License-Identifier: Apache-2.0 */
/* How long a client waits to be let in where it could map tables, and what ends that. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow/same_host.h"

/* A control socket that accepts and says nothing, of a server that is stuck or lies. Waiting for it
 * takes the time that the client gives it, and `late_ms` more, of a client that was stopped. */
struct silent {
    struct flow *flow;
    int server_ends[4];
    int count;
    int late_ms;
    int waits;
    struct fkv_client *cancelled; /* during the second wait; NULL: none */
};

static int connect_silent(void *context, const char *path)
{
    (void)path;
    struct silent *silent = context;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    silent->server_ends[silent->count++] = ends[0];
    return ends[1];
}

static void wait_in_vain(void *context, int fd, int timeout_ms)
{
    (void)fd;
    struct silent *silent = context;
    if (++silent->waits == 2 && silent->cancelled != NULL)
        fkv_client_cancel(silent->cancelled);
    silent->flow->now_ns += (uint64_t)(timeout_ms + silent->late_ms) * NS_PER_MS;
}

static struct client_control make_silent(struct fkv_client *client, struct silent *silent)
{
    struct client_control before = client->same_host.control;
    client->same_host.control = (struct client_control){connect_silent, wait_in_vain, silent};
    return before;
}

static void silent_done(struct silent *silent)
{
    for (int i = 0; i < silent->count; i++)
        close(silent->server_ends[i]);
}

static void a_silent_control_socket_leaves_time_for_the_table(void **state)
{
    (void)state;
    const struct fkv_get_options options = {.size = sizeof options, .timeout_ms = 500};
    struct flow flow;
    struct silent silent = {.flow = &flow};
    struct fkv_client *client = begin_with_table(&flow, NULL);
    struct ArrowArrayStream stream;
    const char *why;
    make_silent(client, &silent);
    uint64_t before_ns = flow.now_ns;
    assert_ok(fkv_get(client, "k", 1, &options, &stream, &error));
    assert_true(table_is(&stream, &rule));
    assert_true(flow.now_ns - before_ns < 500 * NS_PER_MS);
    assert_int_equal(fkv_client_transport(client, &why), FKV_TRANSPORT_TCP);
    assert_non_null(strstr(why, "no answer in time"));
    flow_done(&flow);
    silent_done(&silent);
}

static void mapping_and_getting_have_one_deadline(void **state)
{
    (void)state;
    const struct fkv_get_options options = {.size = sizeof options, .timeout_ms = 500};
    struct flow flow;
    struct silent silent = {.flow = &flow, .late_ms = 500};
    struct fkv_client *client = begin_with_table(&flow, NULL);
    struct ArrowArrayStream stream;
    make_silent(client, &silent);
    assert_int_equal(fkv_get(client, "k", 1, &options, &stream, &error), FKV_DEADLINE_EXCEEDED);
    assert_int_equal(silent.count, 1);
    flow_done(&flow);
    silent_done(&silent);
}

static void a_busy_server_is_asked_again_later(void **state)
{
    (void)state;
    struct flow flow;
    struct silent silent = {.flow = &flow};
    struct fkv_client *client = begin_with_table(&flow, NULL);
    struct client_control control = make_silent(client, &silent);
    for (int i = 1; i <= 3; i++) { /* each pause is twice the one before: 2, 4, 8 s */
        uint64_t before_ns = flow.now_ns;
        get_over_the_connection(client);
        assert_int_equal(silent.count, i);
        uint64_t waited_ns = flow.now_ns - before_ns;
        assert_true(i == 1 ? waited_ns >= NS_PER_S : waited_ns < NS_PER_S / 5);
        flow_wind(&flow, (UINT64_C(1) << (i - 1)) * NS_PER_S);
        get_over_the_connection(client);
        assert_int_equal(silent.count, i);
        flow_wind(&flow, (UINT64_C(1) << (i - 1)) * NS_PER_S);
    }
    client->same_host.control = control;
    struct ArrowArrayStream stream = get(client, "k");
    assert_true(is_mapped(client));
    assert_true(table_is(&stream, &rule));
    flow_done(&flow);
    silent_done(&silent);
}

static bool go_on_until_second_wait(void *context)
{
    const struct silent *silent = context;
    return silent->waits < 2;
}

/* The next get waits again, as nothing is known of the server. */
static void waiting_for_a_welcome_can_be_cancelled(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct flow flow;
        struct silent silent = {.flow = &flow};
        const struct fkv_client_options asking = {
            .size = sizeof asking, .keep_on = go_on_until_second_wait, .keep_on_context = &silent};
        begin(&flow, NULL);
        flow.client_options = i == 0 ? NULL : &asking;
        struct fkv_client *client = flow_client(&flow);
        put(client, "k", &rule);
        struct client_control control = make_silent(client, &silent);
        silent.cancelled = i == 0 ? client : NULL;
        struct ArrowArrayStream stream;
        assert_int_equal(fkv_get(client, "k", 1, NULL, &stream, &error), FKV_CANCELLED);
        assert_in_range(silent.waits, 2, 3); /* asked ten times a second */
        client->same_host.control = control;
        silent.waits = 0;
        stream = get(client, "k");
        assert_true(is_mapped(client));
        assert_true(table_is(&stream, &rule));
        flow_done(&flow);
        silent_done(&silent);
    }
}

struct meddling {
    struct fkv_client *client;
    int refusals;
};

static bool meddle(void *context)
{
    struct meddling *meddling = context;
    struct fkv_error refusal;
    if (meddling->client == NULL)
        return true;
    assert_int_equal(fkv_delete(meddling->client, "k", 1, &refusal), FKV_FAILED_PRECONDITION);
    assert_non_null(strstr(refusal.message, "callback"));
    meddling->refusals++;
    return true;
}

static void who_is_asked_at_the_welcome_may_not_call(void **state)
{
    (void)state;
    struct flow flow;
    struct silent silent = {.flow = &flow};
    struct meddling meddling = {.client = NULL};
    const struct fkv_client_options asking = {
        .size = sizeof asking, .keep_on = meddle, .keep_on_context = &meddling};
    begin(&flow, NULL);
    flow.client_options = &asking;
    struct fkv_client *client = flow_client(&flow);
    put(client, "k", &rule);
    make_silent(client, &silent);
    meddling.client = client;
    struct ArrowArrayStream stream = get(client, "k");
    assert_true(meddling.refusals >= 9); /* in a second */
    assert_true(table_is(&stream, &rule));
    flow_done(&flow);
    silent_done(&silent);
}

static void a_pipeline_cancelled_at_its_welcome_is_cancelled(void **state)
{
    (void)state;
    struct flow flow;
    struct silent silent = {.flow = &flow};
    struct fkv_client *client = begin_with_table(&flow, NULL);
    make_silent(client, &silent);
    silent.cancelled = client;
    struct fkv_pipeline *pipeline;
    struct fkv_pipeline_result result;
    bool more;
    assert_ok(fkv_pipeline_open(client, NULL, &pipeline, &error));
    for (uint64_t n = 0; n < 3; n++)
        assert_ok(fkv_pipeline_get(pipeline, "k", 1, NULL, n, &error));
    for (uint64_t n = 0; n < 3; n++) {
        assert_ok(fkv_pipeline_next(pipeline, &result, &more, &error));
        assert_int_equal(result.status, FKV_CANCELLED);
    }
    fkv_pipeline_close(pipeline);
    flow_done(&flow);
    silent_done(&silent);
}

static int connect_behind_a_loss(void *context, const char *path)
{
    (void)path;
    struct silent *silent = context;
    if (silent->count++ > 0)
        return -ECONNREFUSED;
    flow_break(silent->flow, silent->cancelled);
    wire_pump_turn(silent->cancelled->pump, 0);
    assert_null(silent->cancelled->pump);
    return -ECONNREFUSED;
}

/* Which costs a pipeline its connection, as it would a get: a new one is made. */
static void a_connection_lost_while_asking_is_made_again(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = begin_with_table(&flow, NULL);
    struct silent silent = {.flow = &flow, .cancelled = client};
    client->same_host.control =
        (struct client_control){connect_behind_a_loss, wait_in_vain, &silent};
    struct fkv_pipeline *pipeline;
    struct fkv_pipeline_result result;
    bool more;
    assert_ok(fkv_pipeline_open(client, NULL, &pipeline, &error));
    for (uint64_t n = 0; n < 3; n++)
        assert_ok(fkv_pipeline_get(pipeline, "k", 1, NULL, n, &error));
    for (uint64_t n = 0; n < 3; n++) {
        assert_ok(fkv_pipeline_next(pipeline, &result, &more, &error));
        assert_int_equal(result.status, FKV_OK);
        assert_true(table_is(&result.table, &rule));
    }
    fkv_pipeline_close(pipeline);
    flow_done(&flow);
}

static int connect_as_before(void *context, const char *path)
{
    const struct client_control *before = &((struct fkv_client *)context)->connector.control;
    return before->connect(before->context, path);
}

static void wait_and_cancel(void *context, int fd, int timeout_ms)
{
    const struct client_control *before = &((struct fkv_client *)context)->connector.control;
    before->wait(before->context, fd, timeout_ms);
    fkv_client_cancel(context);
}

static void a_get_cancelled_at_its_welcome_is_cancelled(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = begin_with_table(&flow, NULL);
    struct ArrowArrayStream stream;
    client->same_host.control = (struct client_control){connect_as_before, wait_and_cancel, client};
    assert_int_equal(fkv_get(client, "k", 1, NULL, &stream, &error), FKV_CANCELLED);
    flow_done(&flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_control_socket_leaves_time_for_the_table),
        cmocka_unit_test(mapping_and_getting_have_one_deadline),
        cmocka_unit_test(a_busy_server_is_asked_again_later),
        cmocka_unit_test(waiting_for_a_welcome_can_be_cancelled),
        cmocka_unit_test(who_is_asked_at_the_welcome_may_not_call),
        cmocka_unit_test(a_pipeline_cancelled_at_its_welcome_is_cancelled),
        cmocka_unit_test(a_connection_lost_while_asking_is_made_again),
        cmocka_unit_test(a_get_cancelled_at_its_welcome_is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
