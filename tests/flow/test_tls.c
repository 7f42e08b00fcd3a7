/* SPDX-License-Identifier: Apache-2.0 */
/* The whole stack over TLS, with reads and writes of all kinds of lengths below it. */
#include "flow/flow.h"
#include "flow/tables.h"
#include "harness/certificates.h"

static struct fkv_error error;

static const struct net_pipe_options pipes[] = {
    {0},
    {.buffer_bytes = 1 << 20},
    {.buffer_bytes = 1000, .read_bytes_max = 333, .write_bytes_max = 777},
};

static void begin(struct flow *flow, const struct alloc *alloc, const char *const *settings)
{
    char pem[100], key[100], ca[100];
    const struct net_tls_server_options server = {certificate_file("server", "pem", pem),
                                                  certificate_file("server", "key", key), NULL};
    const struct net_tls_client_options client = {.ca_file = certificate_file("ca", "pem", ca)};
    flow_init(flow, alloc, settings);
    assert_ok(net_tls_new_server(alloc, &server, &flow->server_tls, &error));
    assert_ok(net_tls_new_client(alloc, &client, &flow->client_tls, &error));
}

static void end(struct flow *flow)
{
    struct net_tls *server = flow->server_tls, *client = flow->client_tls;
    flow_done(flow);
    net_tls_free(server);
    net_tls_free(client);
}

static void tables_come_back(void **state)
{
    (void)state;
    const struct table_rule rule = {.seed = 7, .batches = 12, .rows = 5000};
    for (size_t i = 0; i < sizeof pipes / sizeof pipes[0]; i++) {
        struct test_alloc memory;
        struct flow flow;
        struct ArrowArrayStream stream;
        test_alloc_init(&memory, 0);
        begin(&flow, &memory.alloc, NULL);
        flow.pipe = pipes[i];
        struct fkv_client *client = flow_client(&flow);
        for (int k = 0; k < 2; k++) {
            table_stream(&rule, &stream);
            assert_ok(fkv_put(client, "k", 1, &stream, NULL, NULL, &error));
            assert_ok(fkv_get(client, "k", 1, NULL, &stream, &error));
            assert_true(table_is(&stream, &rule));
        }
        end(&flow);
        assert_int_equal(memory.live, 0);
    }
}

/* Who begins a handshake and doesn't end it is as slow as who says nothing. */
static void the_handshakes_clock_covers_tls(void **state)
{
    (void)state;
    static const uint8_t begun[] = {0x16, 3, 1, 2, 0, 1};
    static const char *const settings[] = {"handshake-timeout", "5s", NULL};
    struct flow flow;
    struct net_transport *client_end, *server_end;
    begin(&flow, alloc_system(), settings);
    assert_ok(net_pipe_new(alloc_system(), NULL, &client_end, &server_end, &error));
    struct net_transport *pipe_end = server_end;
    net_pipe_hold(pipe_end);
    assert_ok(net_tls_accept(alloc_system(), flow.server_tls, server_end, &server_end, &error));
    assert_ok(host_adopt(flow.server->host, server_end, &error));
    assert_int_equal(net_write(client_end, &(struct iovec){(void *)begun, sizeof begun}, 1),
                     sizeof begun);
    while (net_pipe_step(pipe_end))
        ;
    flow_wind(&flow, 4 * NS_PER_S);
    assert_int_equal(host_stats(flow.server->host).connections_open, 1);
    flow_wind(&flow, 3 * NS_PER_S);
    assert_int_equal(host_stats(flow.server->host).connections_open, 0);
    net_close(client_end);
    net_pipe_release(pipe_end);
    end(&flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tables_come_back),
                                       cmocka_unit_test(the_handshakes_clock_covers_tls)};
    return cmocka_run_group_tests(tests, certificates_make, certificates_remove);
}
