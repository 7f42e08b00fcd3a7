/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "net/pipe.h"
#include "wire/pump.h"

struct fixture {
    struct test_alloc memory;
    struct net_transport *client_end, *server_end;
    struct wire_pump *client, *server;
    struct fkv_error reason[2];
    unsigned ended[2];
    uint8_t scratch[4096];
    struct wire_traffic traffic; /* the server's */
    bool is_server_stepped;
    struct wire_call *call; /* at the server */
    unsigned closes;
    enum fkv_status first_status, status; /* of the first call, of the last */
    char message[200];
};

static void on_ended(void *context, struct wire_pump *pump, const struct fkv_error *error)
{
    struct fixture *f = context;
    int i = pump == f->client ? 0 : 1;
    f->ended[i]++;
    f->reason[i] = *error;
}

static void on_call(void *context, struct wire_call *call)
{
    static const struct wire_receiver none = {0};
    struct fixture *f = context;
    f->call = call;
    wire_call_accept(call, &none, NULL);
}

static bool step_server(void *context)
{
    struct fixture *f = context;
    return f->is_server_stepped && net_pipe_step(f->server_end);
}

static void begin(struct fixture *f)
{
    static const size_t turn_bytes = 10000;
    *f = (struct fixture){.is_server_stepped = true};
    test_alloc_init(&f->memory, 0);
    const struct net_pipe_options pipe = {.on_wait = step_server, .context = f};
    const struct wire_events events = {on_call, f};
    struct wire_pump_options options = {.scratch = f->scratch,
                                        .scratch_bytes = sizeof f->scratch,
                                        .turn_bytes = &turn_bytes,
                                        .on_closed = on_ended,
                                        .context = f};
    const struct alloc *alloc = &f->memory.alloc;
    struct wire_session *client, *server;
    struct fkv_error error;
    assert_ok(net_pipe_new(alloc, &pipe, &f->client_end, &f->server_end, &error));
    assert_ok(
        wire_session_new(alloc, WIRE_CLIENT, &wire_limits_default, NULL, "x", &client, &error));
    assert_ok(
        wire_session_new(alloc, WIRE_SERVER, &wire_limits_default, &events, NULL, &server, &error));
    assert_ok(wire_pump_new(alloc, f->client_end, client, &options, &f->client, &error));
    options.traffic = &f->traffic;
    assert_ok(wire_pump_new(alloc, f->server_end, server, &options, &f->server, &error));
    assert_ptr_equal(wire_pump_session(f->client), client);
    assert_ptr_equal(wire_pump_transport(f->client), f->client_end);
}

static void end(struct fixture *f)
{
    wire_pump_free(f->client);
    wire_pump_free(f->server);
    wire_pump_free(NULL);
    assert_int_equal(f->memory.live, 0);
}

static void on_closed(void *context, struct wire_call *call, enum fkv_status status,
                      const char *message)
{
    (void)call;
    struct fixture *f = context;
    if (f->closes++ == 0)
        f->first_status = status;
    f->status = status;
    snprintf(f->message, sizeof f->message, "%s", message);
}

static const struct wire_receiver receiver = {.on_closed = on_closed};

static void open_call(struct fixture *f)
{
    const struct wire_request request = {
        .path = "/s/m", .timeout_ns = UINT64_MAX, .receiver = &receiver, .context = f};
    struct wire_call *call;
    struct fkv_error error;
    assert_ok(wire_call_open(wire_pump_session(f->client), &request, &call, &error));
}

static void turns_until_the_answer(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    open_call(&f);
    while (f.call == NULL)
        assert_int_equal(wire_pump_turn(f.client, UINT64_MAX), WIRE_TURN_PROGRESS);
    while (wire_pump_turn(f.client, UINT64_MAX) == WIRE_TURN_PROGRESS)
        ; /* the rest of the settings; then nothing happens any more */
    assert_int_equal(f.closes, 0);
    wire_call_finish(f.call, FKV_NOT_FOUND, "nothing here");
    assert_int_equal(wire_pump_turn(f.client, UINT64_MAX), WIRE_TURN_TIMEOUT);
    wire_pump_wake(f.server);
    assert_int_equal(wire_pump_turn(f.client, UINT64_MAX), WIRE_TURN_PROGRESS);
    assert_int_equal(f.status, FKV_NOT_FOUND);
    assert_string_equal(f.message, "nothing here");
    end(&f);
}

static void what_goes_over_is_counted(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    open_call(&f);
    while (wire_pump_turn(f.client, UINT64_MAX) == WIRE_TURN_PROGRESS)
        ;
    struct wire_session_stats client = wire_session_stats(wire_pump_session(f.client));
    assert_true(client.bytes_sent > 24 && client.bytes_fed > 9); /* the preface, the settings */
    assert_int_equal(f.traffic.received_bytes, client.bytes_sent);
    assert_int_equal(f.traffic.sent_bytes, client.bytes_fed);
    end(&f);
}

static void leaving_between_calls_is_no_error(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    while (wire_pump_turn(f.client, UINT64_MAX) == WIRE_TURN_PROGRESS)
        ;
    wire_pump_free(f.client);
    f.client = NULL;
    while (f.ended[1] == 0)
        assert_true(net_pipe_step(f.server_end));
    assert_int_equal(f.reason[1].status, FKV_OK);
    assert_null(wire_pump_session(f.server));
    wire_pump_wake(f.server); /* too late, and harmless */
    assert_int_equal(wire_pump_turn(f.server, 0), WIRE_TURN_CLOSED);
    end(&f);
}

static void a_broken_connection_is_told(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    open_call(&f);
    while (f.call == NULL)
        assert_int_equal(wire_pump_turn(f.client, UINT64_MAX), WIRE_TURN_PROGRESS);
    net_pipe_break(f.client_end);
    assert_int_equal(wire_pump_turn(f.client, UINT64_MAX), WIRE_TURN_CLOSED);
    assert_int_equal(f.closes, 1);
    assert_int_equal(f.status, FKV_UNAVAILABLE);
    assert_non_null(strstr(f.message, "Connection reset"));
    assert_string_equal(f.reason[0].message, f.message);
    assert_int_equal(f.ended[0], 1);
    end(&f);
}

/* What was read before the peer closed counts, also when the first thing to fail is a write. */
static void an_answer_before_the_end_counts(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    open_call(&f);
    while (f.call == NULL)
        assert_int_equal(wire_pump_turn(f.client, UINT64_MAX), WIRE_TURN_PROGRESS);
    f.is_server_stepped = false;
    wire_call_finish(f.call, FKV_ABORTED, "last words");
    wire_pump_wake(f.server);
    assert_true(net_pipe_step(f.server_end));
    wire_pump_free(f.server);
    f.server = NULL;
    open_call(&f); /* so that there is something to write */
    assert_int_equal(wire_pump_turn(f.client, UINT64_MAX), WIRE_TURN_CLOSED);
    assert_int_equal(f.closes, 2);
    assert_int_equal(f.first_status, FKV_ABORTED);
    assert_int_equal(f.status, FKV_UNAVAILABLE);
    assert_int_equal(f.reason[0].status, FKV_UNAVAILABLE);
    end(&f);
}

static void a_violation_is_answered_and_closed(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    while (wire_pump_turn(f.client, UINT64_MAX) == WIRE_TURN_PROGRESS)
        ;
    static const uint8_t data_on_stream_0[] = {0, 0, 1, 0, 0, 0, 0, 0, 0, 'x'};
    const struct iovec iov = {(void *)data_on_stream_0, sizeof data_on_stream_0};
    assert_int_equal(net_write(f.client_end, &iov, 1), sizeof data_on_stream_0);
    while (f.ended[1] == 0)
        assert_true(net_pipe_step(f.server_end));
    assert_int_equal(f.reason[1].status, FKV_UNAVAILABLE);
    assert_non_null(strstr(f.reason[1].message, "PROTOCOL_ERROR"));
    uint8_t answer[100];
    ssize_t size = net_read(f.client_end, answer, sizeof answer);
    assert_true(size > 9 && answer[3] == 7); /* GOAWAY */
    end(&f);
}

static void out_of_memory(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    struct net_transport *ends[2];
    struct wire_session *session;
    struct wire_pump *pump = NULL;
    struct fkv_error error;
    const struct wire_pump_options options = {0};
    assert_ok(net_pipe_new(&f.memory.alloc, NULL, &ends[0], &ends[1], &error));
    assert_ok(wire_session_new(&f.memory.alloc, WIRE_CLIENT, &wire_limits_default, NULL, "x",
                               &session, &error));
    f.memory.fail_at = f.memory.requests + 1;
    assert_int_equal(wire_pump_new(&f.memory.alloc, ends[0], session, &options, &pump, &error),
                     FKV_RESOURCE_EXHAUSTED);
    assert_null(pump);
    net_close(ends[1]);
    end(&f);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(turns_until_the_answer), cmocka_unit_test(what_goes_over_is_counted),
              cmocka_unit_test(leaving_between_calls_is_no_error),
              cmocka_unit_test(a_broken_connection_is_told),
              cmocka_unit_test(an_answer_before_the_end_counts),
              cmocka_unit_test(a_violation_is_answered_and_closed),
              cmocka_unit_test(out_of_memory));
}
