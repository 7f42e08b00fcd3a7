/* SPDX-License-Identifier: Apache-2.0 */
/* A Flight service over connections of all shapes; what it and its clients do wrong; and both
 * halves when memory runs out. */
#include <stdlib.h>

#include "flow/service_calls.h"
#include "flow/tables.h"

static struct fkv_error error;

static void every_call_over_connections_of_all_shapes(void **state)
{
    (void)state;
    static const struct net_pipe_options shapes[] = {
        {0},
        {.read_bytes_max = 1},
        {.write_bytes_max = 1},
        {.buffer_bytes = 17, .read_bytes_max = 5, .write_bytes_max = 3}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct flow flow;
        flow_init_service(&flow, alloc_system(), &service_whole, NULL);
        flow.pipe = shapes[i];
        struct fkv_client *client = flow_client(&flow);
        for (size_t k = 0; k < service_call_count; k++)
            service_calls[k](client);
        flow_settle(&flow);
        assert_int_equal(host_stats(flow.host).calls_open, 0);
        flow_done(&flow);
    }
}

/* ---- headers ---- */

static void on_header(void *context, struct fkv_bytes name, struct fkv_bytes value)
{
    unsigned *seen = context;
    if (is_text(name, "x-answer") && is_text(value, "question"))
        *seen |= 1;
    if (is_text(name, "x-end-bin") && value.size == 2 && memcmp(value.data, "\0\xff", 2) == 0)
        *seen |= 2;
}

static void headers_go_both_ways_also_with_errors(void **state)
{
    (void)state;
    static const char *const names[] = {"x", "none"};
    struct flow flow;
    flow_init_service(&flow, alloc_system(), &service_whole, NULL);
    struct fkv_client *client = flow_client(&flow);
    for (unsigned i = 0; i < 2; i++) {
        unsigned seen = 0;
        const struct fkv_flight_descriptor asked = command(names[i]);
        const struct fkv_flight_header header = {"x-asked", TEXT("question")};
        const struct fkv_flight_call_options options = {.size = sizeof options,
                                                        .headers = &header,
                                                        .header_count = 1,
                                                        .on_header = on_header,
                                                        .context = &seen};
        struct fkv_flight_info *info = NULL;
        assert_int_equal(fkv_flight_get_info(client, &asked, &options, &info, &error),
                         i == 0 ? FKV_OK : FKV_NOT_FOUND);
        assert_int_equal(seen, 3);
        fkv_flight_free(info);
    }
    flow_done(&flow);
}

static void headers_that_cannot_be_sent_are_refused(void **state)
{
    (void)state;
    struct flow flow;
    flow_init_service(&flow, alloc_system(), &service_whole, NULL);
    struct fkv_client *client = flow_client(&flow);
    assert_int_equal(fkv_flight_client_header(client, "Upper", TEXT("x"), &error),
                     FKV_INVALID_ARGUMENT);
    assert_int_equal(fkv_flight_client_header(client, "x", TEXT("a\nb"), &error),
                     FKV_INVALID_ARGUMENT);
    assert_ok(fkv_flight_client_header(client, "x-bin", TEXT("a\nb"), &error));
    flow_done(&flow);
}

/* ---- services that don't answer as they should ---- */

static void a_service_must_answer_once(void **state)
{
    (void)state;
    static const char *const names[] = {"two", "silent"};
    struct flow flow;
    flow_init_service(&flow, alloc_system(), &service_whole, NULL);
    struct fkv_client *client = flow_client(&flow);
    for (size_t i = 0; i < 2; i++) {
        const struct fkv_flight_descriptor asked = command(names[i]);
        struct fkv_flight_info *info;
        assert_int_equal(fkv_flight_get_info(client, &asked, NULL, &info, &error), FKV_INTERNAL);
        assert_non_null(strstr(error.message, "the service"));
    }
    flow_done(&flow);
}

static void an_empty_service_answers_unimplemented(void **state)
{
    (void)state;
    const struct fkv_flight_service empty = {.size = sizeof empty};
    const struct fkv_flight_descriptor asked = command("x");
    struct fkv_flight_info *info;
    struct fkv_flight_stream *stream;
    struct flow flow;
    flow_init_service(&flow, alloc_system(), &empty, NULL);
    struct fkv_client *client = flow_client(&flow);
    assert_int_equal(fkv_flight_get_info(client, &asked, NULL, &info, &error), FKV_UNIMPLEMENTED);
    assert_int_equal(fkv_flight_authenticate(client, "a", "b", &error), FKV_UNIMPLEMENTED);
    assert_ok(fkv_flight_do_put(client, &asked, NULL, &stream, &error));
    assert_int_equal(fkv_flight_close(stream, &error), FKV_UNIMPLEMENTED);
    flow_done(&flow);
}

/* What holds for the cache's puts holds for those of services. */
static void the_limits_of_ipc_are_the_servers(void **state)
{
    (void)state;
    const struct table_rule rule = {.seed = 1, .batches = 1, .rows = 1};
    for (int i = 0; i < 2; i++) {
        struct flow flow;
        flow_init_service(&flow, alloc_system(), &service_whole,
                          (const char *const[]){"schema-fields", i == 0 ? "2" : "1", NULL});
        assert_int_equal(table_put(flow_client(&flow), "x", &rule, &error),
                         i == 0 ? FKV_OK : FKV_RESOURCE_EXHAUSTED);
        flow_done(&flow);
    }
    assert_non_null(strstr(error.message, "fields"));
}

static enum fkv_status on_health(void *context, struct slice message, bool *ret_more,
                                 struct fkv_error *ret_error)
{
    (void)ret_more;
    (void)ret_error;
    *(bool *)context = slice_is(message, "\x08\x01");
    return FKV_OK;
}

static void the_health_check_is_answered_for_every_service(void **state)
{
    (void)state;
    const struct fkv_flight_service empty = {.size = sizeof empty};
    struct flow flow;
    flow_init_service(&flow, alloc_system(), &empty, NULL);
    struct fkv_client *client = flow_client(&flow);
    static const struct {
        const char *request;
        enum fkv_status status;
    } asked[] = {{"", FKV_OK}, {"\x0a\x01x", FKV_NOT_FOUND}};
    for (size_t i = 0; i < 2; i++) {
        bool is_serving = false;
        assert_int_equal(client_ask(client, "/grpc.health.v1.Health/Check",
                                    slice_text(asked[i].request), on_health, &is_serving, &error),
                         asked[i].status);
        assert_int_equal(is_serving, asked[i].status == FKV_OK);
    }
    flow_done(&flow);
}

/* ---- a client that stops in the middle ---- */

static void a_stream_keeps_its_client_busy(void **state)
{
    (void)state;
    const struct fkv_flight_descriptor asked = command("x");
    struct fkv_flight_info *info;
    struct fkv_flight_stream *stream;
    struct flow flow;
    flow_init_service(&flow, alloc_system(), &service_whole, NULL);
    struct fkv_client *client = flow_client(&flow);
    assert_ok(fkv_flight_do_get(client, TEXT("any"), NULL, &stream, &error));
    assert_int_equal(fkv_flight_get_info(client, &asked, NULL, &info, &error),
                     FKV_FAILED_PRECONDITION);
    assert_ok(fkv_flight_close(stream, &error)); /* what wasn't read is of no interest */
    assert_ok(fkv_flight_get_info(client, &asked, NULL, &info, &error));
    fkv_flight_free(info);
    assert_ok(fkv_flight_do_exchange(client, &asked, NULL, &stream, &error));
    flow_close_client(&flow, client);
    assert_int_equal(fkv_flight_close(stream, &error), FKV_UNAVAILABLE);
    assert_int_equal(host_stats(flow.host).calls_open, 0);
    flow_done(&flow);
}

static void write_schema(struct fkv_flight_stream *stream, struct ArrowArrayStream *table)
{
    struct ArrowSchema schema;
    assert_int_equal(table->get_schema(table, &schema), 0);
    assert_ok(fkv_flight_write_schema(stream, &schema, &error));
    schema.release(&schema);
}

/* A client that writes and doesn't read: the server holds it back instead of filling its memory. */
static void an_exchange_that_is_not_read_is_held_back(void **state)
{
    (void)state;
    const struct table_rule large = {.seed = 1, .batches = 400, .rows = 20000};
    const struct fkv_flight_descriptor asked = command("x");
    const struct fkv_flight_call_options options = {.size = sizeof options, .timeout_ms = 1};
    struct ArrowArrayStream table;
    struct fkv_flight_stream *stream;
    struct flow flow;
    unsigned written = 0;
    flow_init_service(&flow, alloc_system(), &service_whole, NULL);
    flow.pipe = (struct net_pipe_options){.buffer_bytes = 1 << 20};
    struct fkv_client *client = flow_client(&flow);
    table_stream(&large, &table);
    assert_ok(fkv_flight_do_exchange(client, &asked, &options, &stream, &error));
    write_schema(stream, &table);
    enum fkv_status status = FKV_OK;
    while (status == FKV_OK && written < large.batches) {
        struct fkv_flight_batch batch = {.has_app_metadata = false};
        assert_int_equal(table.get_next(&table, &batch.array), 0);
        status = fkv_flight_write(stream, &batch, &error);
        written += status == FKV_OK;
    }
    assert_int_equal(status, FKV_DEADLINE_EXCEEDED); /* it waited for ever */
    assert_true(written < large.batches / 2);
    assert_int_equal(fkv_flight_close(stream, &error), FKV_DEADLINE_EXCEEDED);
    table.release(&table);
    flow_done(&flow);
}

/* ---- without memory ---- */

static void try_messages(struct fkv_client *client)
{
    const struct fkv_flight_descriptor asked = command("x");
    const struct fkv_flight_option set = {.name = TEXT("n")};
    struct fkv_flight_info *info = NULL;
    struct fkv_flight_poll_info *poll = NULL;
    struct fkv_flight_endpoint *endpoint = NULL;
    struct fkv_flight_option_errors *errors = NULL;
    struct fkv_flight_options *options = NULL;
    struct results results = {""};
    if (fkv_flight_get_info(client, &asked, NULL, &info, &error) == FKV_OK)
        fkv_flight_renew_endpoint(client, info->endpoints, NULL, &endpoint, &error);
    fkv_flight_poll_info(client, &asked, NULL, &poll, &error);
    fkv_flight_set_session_options(client, &set, 1, NULL, &errors, &error);
    fkv_flight_get_session_options(client, NULL, &options, &error);
    fkv_flight_list_actions(client, NULL, results_add_action, &results, &error);
    fkv_flight_authenticate_basic(client, "user", "pass", &error);
    fkv_flight_authenticate(client, "user", "pass", &error);
    fkv_flight_free(info);
    fkv_flight_free(poll);
    fkv_flight_free(endpoint);
    fkv_flight_free(errors);
    fkv_flight_free(options);
}

static enum fkv_status try_exchange(struct fkv_client *client)
{
    const struct table_rule one = {.seed = 1, .batches = 1, .rows = 5};
    const struct fkv_flight_descriptor asked = command("x");
    struct ArrowArrayStream table;
    struct ArrowSchema schema;
    struct fkv_flight_stream *stream;
    struct fkv_flight_batch batch = {.has_app_metadata = true, .app_metadata = TEXT("m")}, back;
    bool more = false;
    enum fkv_status status = fkv_flight_do_exchange(client, &asked, NULL, &stream, &error);
    if (status != FKV_OK)
        return status;
    table_stream(&one, &table);
    assert_int_equal(table.get_schema(&table, &schema), 0);
    assert_int_equal(table.get_next(&table, &batch.array), 0);
    status = fkv_flight_write_schema(stream, &schema, &error);
    enum fkv_status written = fkv_flight_write(stream, &batch, &error); /* also after a failure */
    if (status == FKV_OK && written == FKV_OK)
        status = fkv_flight_read(stream, &back, &more, &error);
    if (more)
        back.array.release(&back.array);
    enum fkv_status closed = fkv_flight_close(stream, &error);
    assert_null(strstr(error.message, "held by")); /* the budget isn't what is short */
    schema.release(&schema);
    table.release(&table);
    return closed != FKV_OK ? closed : status != FKV_OK ? status : written;
}

static enum fkv_status try_all(const struct alloc *alloc)
{
    struct flow flow;
    struct fkv_client *client;
    enum fkv_status status = flow_try_init_service(&flow, alloc, &service_whole, NULL, &error);
    if (status != FKV_OK)
        return status;
    status = flow_try_client(&flow, &client, &error);
    if (status == FKV_OK) {
        try_messages(client);
        status = try_exchange(client);
    }
    flow_done(&flow);
    return status;
}

/* The n-th request for memory fails, for every n: nothing crashes, and nothing is kept. */
static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    test_sweep(try_all);
}

#define TEST(function) cmocka_unit_test(function)

int main(void)
{
    RUN_TESTS(TEST(every_call_over_connections_of_all_shapes),
              TEST(headers_go_both_ways_also_with_errors),
              TEST(headers_that_cannot_be_sent_are_refused), TEST(a_service_must_answer_once),
              TEST(an_empty_service_answers_unimplemented), TEST(the_limits_of_ipc_are_the_servers),
              TEST(the_health_check_is_answered_for_every_service),
              TEST(a_stream_keeps_its_client_busy), TEST(an_exchange_that_is_not_read_is_held_back),
              TEST(every_failed_allocation_is_survived));
}
