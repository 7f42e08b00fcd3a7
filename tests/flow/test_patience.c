/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that keep their connection alive by PINGs and hold something all the same: a table by
 * closed windows, a connection by not reading or not calling. They are played by hand, since no
 * real client lets itself be made to behave so. */
#include "flow/flow.h"
#include "flow/tables.h"
#include "unit/wire/frames.h"

static struct fkv_error error;

struct peer {
    struct flow *flow;
    struct net_transport *end, *server_end;
    struct answer answer;
    struct buf unread;
    bool is_closed;
};

static void peer_open(struct peer *peer, struct flow *flow, uint32_t window_bytes)
{
    *peer = (struct peer){.flow = flow};
    answer_init(&peer->answer);
    buf_init(&peer->unread, alloc_system(), 1 << 20);
    assert_ok(net_pipe_new(alloc_system(), NULL, &peer->end, &peer->server_end, &error));
    net_pipe_hold(peer->server_end);
    assert_ok(host_adopt(flow->server->host, peer->server_end, &error));
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

static void peer_close(struct peer *peer)
{
    net_close(peer->end);
    net_pipe_release(peer->server_end);
    buf_done(&peer->unread);
    answer_done(&peer->answer);
}

/* Writes what was added to the answer's bytes. */
static void peer_send(struct peer *peer)
{
    struct buf *bytes = &peer->answer.bytes;
    const struct iovec iov = {bytes->data, bytes->size};
    ssize_t written = net_write(peer->end, &iov, 1);
    if (written >= 0)
        assert_int_equal(written, bytes->size);
    buf_clear(bytes);
}

static void peer_step(struct peer *peer)
{
    do
        flow_settle(peer->flow);
    while (net_pipe_step(peer->server_end));
}

static void peer_read(struct peer *peer)
{
    uint8_t bytes[4096];
    ssize_t size;
    while ((size = net_read(peer->end, bytes, sizeof bytes)) > 0) {
        buf_append(&peer->unread, bytes, (size_t)size);
        struct slice rest = show_frames(&peer->answer, buf_slice(&peer->unread));
        memmove(peer->unread.data, rest.data, rest.size);
        peer->unread.size = rest.size;
        peer_step(peer);
    }
    peer->is_closed = peer->is_closed || size == 0;
}

static void peer_get(struct peer *peer, const char *key, const char *timeout)
{
    const char *const fields[] = {":authority",
                                  "pipe",
                                  ":method",
                                  "POST",
                                  ":scheme",
                                  "http",
                                  ":path",
                                  "/arrow.flight.protocol.FlightService/DoGet",
                                  "te",
                                  "trailers",
                                  "content-type",
                                  "application/grpc",
                                  timeout != NULL ? "grpc-timeout" : NULL,
                                  timeout,
                                  NULL};
    uint8_t message[64] = {0, 0, 0, 0, (uint8_t)(strlen(key) + 2), 0x0a, (uint8_t)strlen(key)};
    memcpy(message + 7, key, strlen(key));
    add_headers(&peer->answer.bytes, 0, 1, fields);
    add_frame(&peer->answer.bytes, DATA, END_STREAM, 1, message, 7 + strlen(key));
    peer_send(peer);
    peer_step(peer);
}

/* So many seconds of life: a PING each. */
static void peer_live(struct peer *peer, unsigned seconds, bool reads)
{
    for (unsigned i = 0; i < seconds; i++) {
        add_frame(&peer->answer.bytes, PING, 0, 0, "alive...", 8);
        peer_send(peer);
        peer_step(peer);
        if (reads)
            peer_read(peer);
        flow_wind(peer->flow, NS_PER_S);
        peer_step(peer);
    }
    if (reads)
        peer_read(peer);
}

static const struct table_rule rule = {.seed = 5, .batches = 3, .rows = 10000};

static void put(struct flow *flow, const char *key)
{
    struct ArrowArrayStream stream;
    table_stream(&rule, &stream);
    assert_ok(fkv_put(flow_client(flow), key, strlen(key), &stream, NULL, NULL, &error));
}

static void expect_text(struct peer *peer, const char *part)
{
    if (strstr(buf_c_text(&peer->answer.text), part) == NULL)
        fail_msg("expected '%s' in\n%s", part, buf_c_text(&peer->answer.text));
}

/* The table is deleted, but a get of it waits for a window: it lives until that call is ended. */
static void a_closed_window_ends_the_call(void **state)
{
    (void)state;
    for (uint32_t window = 0; window <= 5000; window += 5000) {
        struct flow flow;
        flow_init(&flow, alloc_system(), (const char *const[]){"stall-timeout", "60s", NULL});
        put(&flow, "k");
        struct peer peer;
        peer_open(&peer, &flow, window);
        peer_get(&peer, "k", NULL);
        assert_ok(fkv_delete(flow.links[0].client, "k", 1, &error));
        peer_live(&peer, 50, true);
        assert_int_equal(flow_stats(&flow).tables, 1);
        assert_int_equal(host_stats(flow.server->host).calls_open, 1);
        peer_live(&peer, 40, true);
        expect_text(&peer, "HEADERS 1 :status=200");
        expect_text(&peer, "grpc-status=4 grpc-message=nothing of the answer was taken for "
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
    put(&flow, "k");
    struct peer peer;
    peer_open(&peer, &flow, 0);
    peer_get(&peer, "k", "5S");
    peer_live(&peer, 4, true);
    assert_int_equal(host_stats(flow.server->host).calls_open, 1);
    peer_live(&peer, 2, true);
    expect_text(&peer, "grpc-status=4 grpc-message=the call's own deadline has passed");
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
    put(&flow, "k");
    struct peer peer;
    peer_open(&peer, &flow, 0);
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
    put(&flow, "k");
    struct peer peer;
    peer_open(&peer, &flow, 10 << 20);
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
    peer_open(&peer, &flow, 65535);
    peer_live(&peer, 50, true);
    peer_get(&peer, "none", NULL);
    peer_live(&peer, 50, true);
    expect_text(&peer, "grpc-status=5");
    assert_false(peer.is_closed);
    peer_live(&peer, 20, true);
    expect_text(&peer, "GOAWAY 0 0");
    assert_true(peer.is_closed);
    assert_int_equal(host_stats(flow.server->host).connections_open, 0);
    peer_close(&peer);
    flow_done(&flow);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(a_closed_window_ends_the_call),
              cmocka_unit_test(a_deadline_is_told_through_a_closed_window),
              cmocka_unit_test(a_slow_client_is_waited_for),
              cmocka_unit_test(a_full_socket_ends_the_connection),
              cmocka_unit_test(an_idle_connection_is_told_and_closed));
}
