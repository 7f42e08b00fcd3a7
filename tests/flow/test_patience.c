/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that keep their connection alive by PINGs and hold something all the same: a table by
 * closed windows, a connection by not reading or not calling. They are played by hand, since no
 * real client lets itself be made to behave so. */
#include "flow/peer.h"
#include "flow/tables.h"
#include "host/internal.h"

static struct fkv_error error;

static void open_peer(struct peer *peer, struct flow *flow, uint32_t window_bytes)
{
    peer_open(peer, flow);
    const uint8_t settings[] = {0,
                                4, /* INITIAL_WINDOW_SIZE */
                                (uint8_t)(window_bytes >> 24),
                                (uint8_t)(window_bytes >> 16),
                                (uint8_t)(window_bytes >> 8),
                                (uint8_t)window_bytes};
    struct buf *to = &peer->answer.bytes;
    buf_text(to, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    add_frame(to, SETTINGS, 0, 0, settings, sizeof settings);
}

static void peer_get(struct peer *peer, const char *key, const char *timeout)
{
    uint8_t ticket[64] = {0x0a, (uint8_t)strlen(key)};
    memcpy(ticket + 2, key, strlen(key));
    peer_call(peer, "DoGet", 0, timeout != NULL ? "grpc-timeout" : NULL, timeout);
    peer_message(peer, END_STREAM, ticket, 2 + strlen(key));
    peer_send(peer);
}

/* So many seconds of life: a PING each. */
static void peer_live(struct peer *peer, unsigned seconds, bool reads)
{
    for (unsigned i = 0; i < seconds; i++) {
        add_frame(&peer->answer.bytes, PING, 0, 0, "alive...", 8);
        peer_send(peer);
        if (reads)
            peer_read(peer);
        flow_wind(peer->flow, NS_PER_S);
        peer_step(peer);
    }
    if (reads)
        peer_read(peer);
}

static const struct table_rule rule = {.seed = 5, .batches = 3, .rows = 10000};

/* The table is deleted, but a get of it waits for a window: it lives until that call is ended. */
static void a_closed_window_ends_the_call(void **state)
{
    (void)state;
    for (uint32_t window = 0; window <= 5000; window += 5000) {
        struct flow flow;
        flow_init(&flow, alloc_system(), (const char *const[]){"stall-timeout", "60s", NULL});
        assert_ok(table_put(flow_client(&flow), "k", &rule, &error));
        struct peer peer;
        open_peer(&peer, &flow, window);
        peer_get(&peer, "k", NULL);
        assert_ok(fkv_delete(flow.links[0].client, "k", 1, &error));
        peer_live(&peer, 50, true);
        assert_int_equal(flow_stats(&flow).tables, 1);
        assert_int_equal(host_stats(flow.server->host).calls_open, 1);
        peer_live(&peer, 40, true);
        peer_expect(&peer, "HEADERS 1 :status=200");
        peer_expect(&peer, "grpc-status=4 grpc-message=nothing of the answer was taken for "
                           "1 m 00 s (stall-timeout)");
        assert_int_equal(flow_stats(&flow).tables, 0);
        assert_int_equal(flow_stats(&flow).memory.used_bytes, 0);
        assert_int_equal(host_stats(flow.server->host).calls_open, 0);
        assert_int_equal(host_stats(flow.server->host).connections_open, 2);
        assert_false(peer.is_closed);
        peer_close(&peer);
        flow_done(&flow);
    }
}

static void a_deadline_is_told_through_a_closed_window(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    assert_ok(table_put(flow_client(&flow), "k", &rule, &error));
    struct peer peer;
    open_peer(&peer, &flow, 0);
    peer_get(&peer, "k", "5S");
    peer_live(&peer, 4, true);
    assert_int_equal(host_stats(flow.server->host).calls_open, 1);
    peer_live(&peer, 2, true);
    peer_expect(&peer, "grpc-status=4 grpc-message=the call's own deadline has passed");
    assert_int_equal(host_stats(flow.server->host).calls_open, 0);
    peer_close(&peer);
    flow_done(&flow);
}

/* A window that opens a little now and then keeps its call. */
static void a_slow_client_is_waited_for(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), (const char *const[]){"stall-timeout", "60s", NULL});
    assert_ok(table_put(flow_client(&flow), "k", &rule, &error));
    struct peer peer;
    open_peer(&peer, &flow, 0);
    peer_get(&peer, "k", NULL);
    for (unsigned i = 0; i < 10; i++) {
        add_number_frame(&peer.answer.bytes, WINDOW, 1, 100);
        peer_send(&peer);
        peer_live(&peer, 30, true);
    }
    assert_int_equal(host_stats(flow.server->host).calls_open, 1);
    assert_int_equal(peer.answer.data_bytes, 1000);
    peer_close(&peer);
    flow_done(&flow);
}

/* Its windows are open, but it doesn't read: here only the connection's end helps. */
static void a_full_socket_ends_the_connection(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), (const char *const[]){"stall-timeout", "60s", NULL});
    assert_ok(table_put(flow_client(&flow), "k", &rule, &error));
    struct peer peer;
    open_peer(&peer, &flow, 10 << 20);
    add_number_frame(&peer.answer.bytes, WINDOW, 0, 10 << 20);
    peer_get(&peer, "k", NULL);
    peer_live(&peer, 50, false);
    assert_int_equal(host_stats(flow.server->host).connections_open, 2);
    peer_live(&peer, 30, false);
    assert_int_equal(host_stats(flow.server->host).connections_open, 1);
    peer_close(&peer);
    flow_done(&flow);
}

static void an_idle_connection_is_told_and_closed(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), (const char *const[]){"idle-timeout", "60s", NULL});
    struct peer peer;
    open_peer(&peer, &flow, 65535);
    peer_live(&peer, 50, true);
    peer_get(&peer, "none", NULL);
    peer_live(&peer, 50, true);
    peer_expect(&peer, "grpc-status=5");
    assert_false(peer.is_closed);
    peer_live(&peer, 20, true);
    peer_expect(&peer, "GOAWAY 0 0");
    assert_true(peer.is_closed);
    assert_int_equal(host_stats(flow.server->host).connections_open, 0);
    peer_close(&peer);
    flow_done(&flow);
}

static void drain(struct peer *peer)
{
    host_worker_drain(&peer->flow->host->workers[0]);
    peer_step(peer);
}

/* The client closes only when it has read to the end; what it says meanwhile is of no interest. */
static void a_stopping_server_ends_what_is_said(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), (const char *const[]){"drain-timeout", "60s", NULL});
    assert_ok(table_put(flow_client(&flow), "k", &rule, &error));
    struct peer peer;
    open_peer(&peer, &flow, 0);
    peer_get(&peer, "k", NULL);
    drain(&peer);
    peer_read(&peer);
    peer_expect(&peer, "GOAWAY 0 0");
    assert_false(peer.is_closed);
    assert_int_equal(host_stats(flow.host).calls_open, 1);

    add_number_frame(&peer.answer.bytes, WINDOW, 0, 10 << 20);
    add_number_frame(&peer.answer.bytes, WINDOW, peer.stream, 10 << 20);
    assert_true(peer_send(&peer));
    peer_read(&peer);
    peer_expect(&peer, "grpc-status=0");
    assert_true(peer.is_closed);
    assert_int_equal(host_stats(flow.host).calls_open, 0);
    add_frame(&peer.answer.bytes, PING, 0, 0, "alive...", 8);
    assert_true(peer_send(&peer));
    assert_int_equal(host_stats(flow.host).connections_open, 1);
    net_close(peer.end);
    peer.end = NULL;
    peer_step(&peer);
    assert_int_equal(host_stats(flow.host).connections_open, 0);
    peer_close(&peer);
    flow_done(&flow);
}

/* A call is over with its answer, also for a client that could go on sending. */
static void a_stopping_server_awaits_no_end_of_what_is_answered(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    struct peer peer;
    open_peer(&peer, &flow, 65535);
    peer_call(&peer, "/a/method", 0, NULL, NULL);
    assert_true(peer_send(&peer));
    peer_read(&peer);
    peer_expect(&peer, "grpc-status=12");
    peer_expect(&peer, "RST_STREAM 1 0");
    assert_int_equal(host_stats(flow.host).calls_failed, 1);
    drain(&peer);
    peer_read(&peer);
    assert_true(peer.is_closed);
    assert_int_equal(host_stats(flow.host).connections_open, 0);
    peer_close(&peer);
    flow_done(&flow);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(a_closed_window_ends_the_call),
              cmocka_unit_test(a_deadline_is_told_through_a_closed_window),
              cmocka_unit_test(a_slow_client_is_waited_for),
              cmocka_unit_test(a_full_socket_ends_the_connection),
              cmocka_unit_test(an_idle_connection_is_told_and_closed),
              cmocka_unit_test(a_stopping_server_ends_what_is_said),
              cmocka_unit_test(a_stopping_server_awaits_no_end_of_what_is_answered));
}
