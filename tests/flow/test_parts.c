/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of tables through the whole stack: pieces of any shape, message sizes, a client that
 * doesn't read, and memory that is given back. */
#include "flow/flow.h"
#include "flow/tables.h"

static struct fkv_error error;

static const struct table_rule rule = {.seed = 40, .batches = 4, .rows = 1000};

static enum fkv_status get(struct fkv_client *client, const char *key, const char *columns,
                           const char *rows, uint64_t bytes_max, struct ArrowArrayStream *ret)
{
    const struct fkv_get_options options = {.size = sizeof options,
                                            .flags = FKV_GET_CHECK_VALUES,
                                            .columns = columns,
                                            .rows = rows,
                                            .max_message_bytes = bytes_max};
    return fkv_get(client, key, strlen(key), &options, ret, &error);
}

static void rows_come_in_any_pieces(void **state)
{
    (void)state;
    static const struct net_pipe_options shapes[] = {
        {0},
        {.read_bytes_max = 1},
        {.write_bytes_max = 1},
        {.buffer_bytes = 17, .read_bytes_max = 5, .write_bytes_max = 3},
    };
    static const struct {
        const char *rows;
        uint64_t first, count, bytes_max, batches_least;
    } asked[] = {
        {"0:4000", 0, 4000, 0, 4},       {"3:5", 3, 2, 0, 1},       {"999:2001", 999, 1002, 0, 3},
        {"3999:", 3999, 1, 0, 1},        {":1", 0, 1, 0, 1},        {"4000:9999", 4000, 0, 0, 0},
        {"17:3017", 17, 3000, 5000, 15}, {NULL, 0, 4000, 5000, 20},
    };
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        struct flow flow;
        flow_init(&flow, alloc_system(), NULL);
        flow.pipe = shapes[s];
        struct fkv_client *client = flow_client(&flow);
        assert_ok(table_put(client, "k", &rule, &error));
        for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
            struct ArrowArrayStream stream;
            uint64_t batches;
            assert_ok(get(client, "k", NULL, asked[i].rows, asked[i].bytes_max, &stream));
            assert_true(
                table_rows_are(&stream, rule.seed + asked[i].first, asked[i].count, &batches));
            assert_true(batches >= asked[i].batches_least);
        }
        flow_done(&flow);
    }
}

static void columns_come_in_the_order_asked_for(void **state)
{
    (void)state;
    struct flow flow;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray array;
    struct fkv_client *client = flow_begin(&flow, NULL);
    assert_ok(table_put(client, "k", &rule, &error));
    assert_ok(get(client, "k", "y,x,y", "10:12", 0, &stream));
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_int_equal(schema.n_children, 2);
    assert_string_equal(schema.children[0]->name, "y");
    assert_string_equal(schema.children[1]->name, "x");
    schema.release(&schema);
    assert_int_equal(stream.get_next(&stream, &array), 0);
    assert_int_equal(array.length, 2);
    assert_int_equal(((const int64_t *)array.children[1]->buffers[1])[0], 50);
    array.release(&array);
    stream.release(&stream);
    assert_int_equal(get(client, "k", "z", NULL, 0, &stream), FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "no column 'z'"));
    assert_int_equal(get(client, "k", "\xc3\xbc", NULL, 0, &stream), FKV_INVALID_ARGUMENT);
    assert_int_equal(get(client, "k", NULL, "2:1", 0, &stream), FKV_INVALID_ARGUMENT);
    flow_done(&flow);
}

/* The sizes of the bodies and headers of the messages that came. */
static size_t largest(struct slice messages, size_t *ret_count)
{
    size_t most = 0;
    for (*ret_count = 0; messages.size > 0; ++*ret_count) {
        size_t size = 0;
        for (int i = 0; i < 3; i++)
            size += (size_t)load_le64(messages.data + 8 * i);
        slice_take(&messages, 25 + size);
        most = size > most ? size : most;
    }
    return most;
}

static void stock_clients_get_what_they_take(void **state)
{
    (void)state;
    static const struct table_rule large = {.seed = 1, .batches = 2, .rows = 400000};
    static const char *const agents[] = {"grpc-go/1.60.0", "tonic/0.12", "grpc-dotnet/2.60", "me"};
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    assert_ok(table_put(client, "k", &large, &error));
    for (size_t i = 0; i < 2 * sizeof agents / sizeof *agents; i++) {
        const struct wire_pair pairs[] = {
            {slice_text("user-agent"), slice_text(agents[i / 2])},
            {slice_text("flightkv-max-message-bytes"), slice_text("0")}};
        bool is_limited = i / 2 < 3 && i % 2 == 0;
        struct buf got;
        size_t count;
        buf_init(&got, alloc_system(), SIZE_MAX);
        assert_ok(raw_get_with(client, "k", pairs, 1 + i % 2, &got, &error));
        assert_true((largest(buf_slice(&got), &count) <= 4 << 20) == is_limited);
        assert_true((count == 3) == !is_limited);
        buf_done(&got);
    }
    flow_done(&flow);
}

static void options_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        enum fkv_status status;
    } bad[] = {{"flightkv-row", "1:2", FKV_UNIMPLEMENTED},
               {"flightkv-rows", "1-2", FKV_INVALID_ARGUMENT},
               {"flightkv-max-message-bytes", "1k", FKV_INVALID_ARGUMENT},
               {"flightkv-max-message-bytes", "10", FKV_RESOURCE_EXHAUSTED}};
    struct flow flow;
    struct buf got;
    flow_init(&flow, alloc_system(), NULL);
    buf_init(&got, alloc_system(), SIZE_MAX);
    struct fkv_client *client = flow_client(&flow);
    assert_ok(table_put(client, "k", &rule, &error));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct wire_pair pair = {slice_text(bad[i].name), slice_text(bad[i].value)};
        assert_int_equal(raw_get_with(client, "k", &pair, 1, &got, &error), bad[i].status);
        assert_non_null(strstr(error.message, bad[i].name));
    }
    const struct wire_pair twice[] = {{slice_text("flightkv-rows"), slice_text("1:")},
                                      {slice_text("flightkv-rows"), slice_text(":5")}};
    assert_int_equal(raw_get_with(client, "k", twice, 2, &got, &error), FKV_INVALID_ARGUMENT);
    buf_done(&got);
    flow_done(&flow);
}

/* A reader that stops is waited for, and what was cut for it is given back when it goes. */
static void a_get_left_half_way_gives_all_back(void **state)
{
    (void)state;
    static const struct table_rule large = {.seed = 1, .batches = 3, .rows = 200000};
    struct flow flow;
    struct ArrowArrayStream stream;
    struct ArrowArray array;
    flow_init(&flow, alloc_system(), NULL);
    flow.pipe = (struct net_pipe_options){.buffer_bytes = 64 << 10};
    struct fkv_client *client = flow_client(&flow);
    assert_ok(table_put(client, "k", &large, &error));
    uint64_t used = flow_stats(&flow).memory.used_bytes;
    assert_ok(get(client, "k", NULL, "3:", 300000, &stream));
    assert_int_equal(stream.get_next(&stream, &array), 0);
    flow_settle(&flow);
    /* Some messages ahead at most: not the table. */
    assert_true(flow_stats(&flow).memory.used_bytes < used + (2 << 20));
    array.release(&array);
    stream.release(&stream);
    flow_close_client(&flow, client);
    flow_settle(&flow);
    assert_int_equal(flow_stats(&flow).memory.used_bytes, used);
    flow_done(&flow);
}

/* ---- without memory ---- */

static enum fkv_status try_endpoints(struct fkv_client *client)
{
    const struct fkv_flight_descriptor asked = {.type = FKV_FLIGHT_CMD, .cmd = {"k", 1}};
    const struct fkv_flight_header headers[] = {{"flightkv-endpoints", {"3", 1}},
                                                {"flightkv-rows", {"10:3500", 7}}};
    const struct fkv_flight_call_options options = {
        .size = sizeof options, .headers = headers, .header_count = 2};
    struct fkv_flight_info *info = NULL;
    enum fkv_status status = fkv_flight_get_info(client, &asked, &options, &info, &error);
    uint64_t first = rule.seed + 10;
    for (size_t i = 0; status == FKV_OK && i < info->endpoint_count; i++) {
        const struct fkv_bytes ticket = info->endpoints[i].ticket;
        struct ArrowArrayStream stream;
        struct ArrowArray array;
        status = fkv_get(client, ticket.data, ticket.size, NULL, &stream, &error);
        if (status != FKV_OK)
            break;
        while (stream.get_next(&stream, &array) == 0 && array.release != NULL) {
            const struct ArrowArray *x = array.children[0];
            const int64_t *values = x->buffers[1];
            assert_int_equal(values[x->offset], first);
            first += (uint64_t)array.length;
            array.release(&array);
        }
        status = fkv_stream_error(&stream, &error);
        stream.release(&stream);
    }
    if (status == FKV_OK) {
        assert_int_equal(info->endpoint_count, 3);
        assert_int_equal(first, rule.seed + 3500);
    }
    fkv_flight_free(info);
    return status;
}

static enum fkv_status try_all(const struct alloc *alloc)
{
    struct flow flow;
    struct fkv_client *client;
    enum fkv_status status = flow_try_init(&flow, alloc, NULL, &error);
    if (status != FKV_OK)
        return status;
    status = flow_try_client(&flow, &client, &error);
    if (status == FKV_OK)
        status = table_put(client, "k", &rule, &error);
    if (status == FKV_OK)
        status = try_endpoints(client);
    flow_done(&flow);
    return status;
}

/* The n-th request for memory fails, for every n: nothing crashes, and nothing is kept. */
static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(test_sweep(try_all) > 50);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(rows_come_in_any_pieces),
              cmocka_unit_test(columns_come_in_the_order_asked_for),
              cmocka_unit_test(stock_clients_get_what_they_take),
              cmocka_unit_test(options_are_refused_by_name),
              cmocka_unit_test(a_get_left_half_way_gives_all_back),
              cmocka_unit_test(every_failed_allocation_is_survived));
}
