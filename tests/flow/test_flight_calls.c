/* SPDX-License-Identifier: Apache-2.0 */
/* The cache as a Flight client sees it: the calls beside put and get. */
#include "flow/service_calls.h"
#include "flow/tables.h"

static struct fkv_error error;

static const struct table_rule rule = {.seed = 5, .batches = 3, .rows = 100};

static struct fkv_client *client_with_table(struct flow *flow)
{
    struct ArrowArrayStream stream;
    struct fkv_client *client = flow_client(flow);
    table_stream(&rule, &stream);
    assert_ok(fkv_put(client, "k", 1, &stream, NULL, NULL, &error));
    return client;
}

static void a_poll_is_complete_at_once(void **state)
{
    (void)state;
    static const struct net_pipe_options shapes[] = {{0}, {.read_bytes_max = 1}};
    const struct fkv_flight_descriptor asked = command("k"), missing = command("none");
    for (size_t i = 0; i < 2; i++) {
        struct flow flow;
        struct fkv_flight_poll_info *poll;
        flow_init(&flow, alloc_system(), NULL);
        flow.pipe = shapes[i];
        struct fkv_client *client = client_with_table(&flow);
        assert_ok(fkv_flight_poll_info(client, &asked, NULL, &poll, &error));
        assert_null(poll->descriptor);
        assert_true(poll->has_progress && poll->progress == 1.0 && !poll->has_expiration);
        assert_int_equal(poll->info->total_records, 300);
        assert_int_equal(poll->info->schema->n_children, 2);
        assert_int_equal(poll->info->endpoints[0].location_count, 0);
        fkv_flight_free(poll);
        assert_int_equal(fkv_flight_poll_info(client, &missing, NULL, &poll, &error),
                         FKV_NOT_FOUND);
        flow_done(&flow);
    }
}

static bool has_location(void *context, const struct fkv_flight_info *info)
{
    const char *expected = context;
    assert_int_equal(info->endpoints[0].location_count, 1);
    assert_true(is_text(info->endpoints[0].locations[0], expected));
    return true;
}

static void the_advertised_location_is_in_every_endpoint(void **state)
{
    (void)state;
    const char *const settings[] = {"advertise", "grpc://proxy:1234", NULL};
    const struct fkv_flight_descriptor asked = command("k");
    char location[] = "grpc+tcp://proxy:1234"; /* the form that all clients know */
    struct fkv_flight_info *info;
    struct fkv_flight_poll_info *poll;
    struct flow flow;
    flow_init(&flow, alloc_system(), settings);
    struct fkv_client *client = client_with_table(&flow);
    assert_ok(fkv_flight_get_info(client, &asked, NULL, &info, &error));
    has_location(location, info);
    assert_ok(fkv_flight_poll_info(client, &asked, NULL, &poll, &error));
    has_location(location, poll->info);
    assert_ok(fkv_flight_list(client, TEXT(""), NULL, has_location, location, &error));
    fkv_flight_free(info);
    fkv_flight_free(poll);
    flow_done(&flow);
}

static void nothing_is_cancelled_and_nothing_expires(void **state)
{
    (void)state;
    const struct fkv_flight_descriptor asked = command("k");
    enum fkv_flight_cancel_status status;
    struct fkv_flight_endpoint *endpoint;
    struct fkv_flight_info *info;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    struct fkv_client *client = client_with_table(&flow);
    assert_ok(fkv_flight_get_info(client, &asked, NULL, &info, &error));
    assert_ok(fkv_flight_cancel_info(client, info, NULL, &status, &error));
    assert_int_equal(status, FKV_FLIGHT_NOT_CANCELLABLE);
    assert_ok(fkv_flight_renew_endpoint(client, info->endpoints, NULL, &endpoint, &error));
    assert_true(is_text(endpoint->ticket, "k") && !endpoint->has_expiration);
    fkv_flight_free(endpoint);
    assert_ok(fkv_delete(client, "k", 1, &error));
    assert_int_equal(fkv_flight_renew_endpoint(client, info->endpoints, NULL, &endpoint, &error),
                     FKV_NOT_FOUND);
    fkv_flight_free(info);
    flow_done(&flow);
}

static void what_a_cache_has_not_is_refused_by_name(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    struct fkv_client *client = client_with_table(&flow);
    assert_int_equal(fkv_flight_authenticate(client, "a", "b", &error), FKV_UNIMPLEMENTED);
    assert_non_null(strstr(error.message, "Handshake"));
    flow_done(&flow);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(a_poll_is_complete_at_once),
              cmocka_unit_test(the_advertised_location_is_in_every_endpoint),
              cmocka_unit_test(nothing_is_cancelled_and_nothing_expires),
              cmocka_unit_test(what_a_cache_has_not_is_refused_by_name));
}
