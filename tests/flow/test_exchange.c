/* SPDX-License-Identifier: Apache-2.0 */
/* DoExchange with the cache: appended and read back on one call. */
#include <errno.h>

#include "flightkv/flight.h"
#include "flow/flow.h"
#include "flow/tables.h"

static struct fkv_error error;

static const struct net_pipe_options shapes[] = {
    {0},
    {.read_bytes_max = 1},
    {.write_bytes_max = 1},
    {.buffer_bytes = 17, .read_bytes_max = 5, .write_bytes_max = 3},
};

/* What a call brings back, as a stream of arrays; the call stays the test's. */
static int read_schema(struct ArrowArrayStream *self, struct ArrowSchema *ret)
{
    return fkv_flight_read_schema(self->private_data, ret, &error) == FKV_OK ? 0 : EIO;
}

static int read_array(struct ArrowArrayStream *self, struct ArrowArray *ret)
{
    struct fkv_flight_batch batch;
    bool more = false;
    if (fkv_flight_read(self->private_data, &batch, &more, &error) != FKV_OK)
        return EIO;
    *ret = more ? batch.array : (struct ArrowArray){0};
    return 0;
}

static const char *read_error(struct ArrowArrayStream *self)
{
    (void)self;
    return error.message;
}

static void read_over(struct ArrowArrayStream *self)
{
    self->release = NULL;
}

static struct ArrowArrayStream arrays_of(struct fkv_flight_stream *stream)
{
    return (struct ArrowArrayStream){.get_schema = read_schema,
                                     .get_next = read_array,
                                     .get_last_error = read_error,
                                     .release = read_over,
                                     .private_data = stream};
}

/* Errors of the call show when it is read or closed. */
static enum fkv_status write_table(struct fkv_flight_stream *stream, const struct table_rule *rule)
{
    struct ArrowArrayStream table;
    struct ArrowSchema schema;
    struct fkv_flight_batch batch = {0};
    table_stream(rule, &table);
    assert_int_equal(table.get_schema(&table, &schema), 0);
    enum fkv_status status = fkv_flight_write_schema(stream, &schema, &error);
    schema.release(&schema);
    while (status == FKV_OK) {
        assert_int_equal(table.get_next(&table, &batch.array), 0);
        if (batch.array.release == NULL)
            break;
        status = fkv_flight_write(stream, &batch, &error);
    }
    table.release(&table);
    return status;
}

/* Begins an exchange of a key with what a call may say; NULL: nothing. */
static enum fkv_status begin(struct fkv_client *client, const char *key, const char *name,
                             const char *value, struct fkv_flight_stream **ret)
{
    const struct fkv_flight_descriptor asked = {.type = FKV_FLIGHT_CMD, .cmd = {key, strlen(key)}};
    const struct fkv_flight_header header = {name, {value, value != NULL ? strlen(value) : 0}};
    const struct fkv_flight_call_options options = {
        .size = sizeof options, .headers = &header, .header_count = name != NULL};
    return fkv_flight_do_exchange(client, &asked, &options, ret, &error);
}

/* Appends the rule's table (NULL: nothing) and asks for a part; how the call goes. */
static enum fkv_status try_exchange(struct fkv_client *client, const struct table_rule *rule,
                                    const char *name, const char *value)
{
    struct fkv_flight_stream *stream;
    assert_ok(begin(client, "k", name, value, &stream));
    if (rule != NULL)
        write_table(stream, rule);
    return fkv_flight_close(stream, &error);
}

static void assert_holds(struct fkv_client *client, uint64_t first, uint64_t rows)
{
    struct ArrowArrayStream stream;
    uint64_t batches;
    assert_ok(fkv_get(client, "k", 1, NULL, &stream, &error));
    assert_true(table_rows_are(&stream, first, rows, &batches));
}

static void what_is_appended_is_read_back_in_any_pieces(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        struct flow flow;
        flow_init(&flow, alloc_system(), NULL);
        flow.pipe = shapes[s];
        struct fkv_client *client = flow_client(&flow);
        for (uint32_t i = 0; i < 3; i++) {
            const struct table_rule more = {.seed = 9 + 200 * i, .batches = 2, .rows = 100};
            struct fkv_flight_stream *stream;
            uint64_t batches;
            assert_ok(begin(client, "k", "flightkv-rows", "50:", &stream));
            assert_ok(write_table(stream, &more));
            assert_ok(fkv_flight_write_end(stream, &error));
            struct ArrowArrayStream arrays = arrays_of(stream);
            assert_true(table_rows_are(&arrays, 59, 200 * i + 150, &batches));
            assert_int_equal(batches, 2 * i + 2);
            assert_ok(fkv_flight_close(stream, &error));
        }
        assert_holds(client, 9, 600);
        assert_int_equal(flow_stats(&flow).puts_open, 0);
        flow_done(&flow);
    }
}

static void who_writes_nothing_only_reads(void **state)
{
    (void)state;
    const struct table_rule rule = {.seed = 5, .batches = 2, .rows = 10};
    struct fkv_flight_stream *stream;
    struct flow flow;
    uint64_t batches;
    struct fkv_client *client = flow_begin(&flow, NULL);
    assert_int_equal(try_exchange(client, NULL, NULL, NULL), FKV_NOT_FOUND);
    assert_non_null(strstr(error.message, "'k'"));
    assert_int_equal(flow_stats(&flow).tables, 0);
    assert_ok(try_exchange(client, &rule, NULL, NULL));
    assert_ok(begin(client, "k", "flightkv-rows", "8:12", &stream));
    assert_ok(fkv_flight_write_end(stream, &error));
    struct ArrowArrayStream arrays = arrays_of(stream);
    assert_true(table_rows_are(&arrays, 13, 4, &batches));
    assert_ok(fkv_flight_close(stream, &error));
    flow_done(&flow);
}

static void what_is_wrong_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *says;
        enum fkv_status status;
    } rows[] = {
        {"flightkv-columns", "x,z", "no column 'z'", FKV_INVALID_ARGUMENT},
        {"flightkv-rows", "5:4", "flightkv-rows", FKV_INVALID_ARGUMENT},
        {"flightkv-max-message-bytes", "many", "flightkv-max-message-bytes", FKV_INVALID_ARGUMENT},
        {"flightkv-mode", "replace", "flightkv-mode", FKV_UNIMPLEMENTED},
    };
    const struct table_rule rule = {.seed = 0, .batches = 1, .rows = 10};
    const struct table_rule more = {.seed = 10, .batches = 1, .rows = 10};
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    assert_ok(try_exchange(client, &rule, NULL, NULL));
    uint64_t memory = flow_stats(&flow).memory.used_bytes;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(try_exchange(client, &more, rows[i].name, rows[i].value), rows[i].status);
        assert_non_null(strstr(error.message, rows[i].says));
    }
    assert_holds(client, 0, 10);
    assert_int_equal(flow_stats(&flow).memory.used_bytes, memory);
    assert_ok(try_exchange(client, &more, "flightkv-columns", "x"));
    assert_holds(client, 0, 20);
    flow_done(&flow);
}

static void who_breaks_off_appends_nothing(void **state)
{
    (void)state;
    const struct table_rule rule = {.seed = 0, .batches = 1, .rows = 10};
    const struct table_rule more = {.seed = 10, .batches = 3, .rows = 10000};
    struct fkv_flight_stream *stream;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL), *other = flow_client(&flow);
    assert_ok(try_exchange(other, &rule, NULL, NULL));
    assert_ok(begin(client, "k", NULL, NULL, &stream));
    assert_ok(write_table(stream, &more));
    flow_settle(&flow);
    assert_int_equal(flow_stats(&flow).puts_open, 1);
    flow_break(&flow, client);
    flow_settle(&flow);
    assert_int_equal(flow_stats(&flow).puts_open, 0);
    assert_int_equal(fkv_flight_close(stream, &error), FKV_UNAVAILABLE);
    assert_holds(other, 0, 10);
    flow_done(&flow);
}

/* The version read back is that of the call's own append, whatever comes while it is read. */
static void the_version_read_is_that_of_the_append(void **state)
{
    (void)state;
    const struct table_rule rule = {.seed = 0, .batches = 4, .rows = 1000};
    const struct table_rule more = {.seed = 4000, .batches = 1, .rows = 1000};
    struct fkv_flight_stream *stream;
    struct ArrowSchema schema;
    struct flow flow;
    uint64_t batches;
    flow_init(&flow, alloc_system(), NULL);
    flow.pipe = (struct net_pipe_options){.buffer_bytes = 256};
    struct fkv_client *client = flow_client(&flow), *other = flow_client(&flow);
    assert_ok(begin(client, "k", NULL, NULL, &stream));
    assert_ok(write_table(stream, &rule));
    assert_ok(fkv_flight_write_end(stream, &error));
    assert_ok(fkv_flight_read_schema(stream, &schema, &error));
    schema.release(&schema);
    assert_ok(try_exchange(other, &more, "flightkv-rows", ":0"));
    struct ArrowArrayStream arrays = arrays_of(stream);
    assert_true(table_rows_are(&arrays, 0, 4000, &batches));
    assert_ok(fkv_flight_close(stream, &error));
    assert_holds(other, 0, 5000);
    flow_done(&flow);
}

static enum fkv_status try_all(const struct alloc *alloc)
{
    const struct table_rule rule = {.seed = 0, .batches = 2, .rows = 10};
    struct flow flow;
    struct fkv_client *client;
    struct fkv_flight_stream *stream;
    enum fkv_status status = flow_try_init(&flow, alloc, NULL, &error);
    if (status != FKV_OK)
        return status;
    status = flow_try_client(&flow, &client, &error);
    for (int i = 0; i < 2 && status == FKV_OK; i++) {
        status = begin(client, "k", "flightkv-columns", "x", &stream);
        if (status != FKV_OK)
            break;
        enum fkv_status written = write_table(stream, &rule);
        status = fkv_flight_close(stream, &error);
        status = status == FKV_OK ? written : status;
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

int main(void)
{
    RUN_TESTS(cmocka_unit_test(what_is_appended_is_read_back_in_any_pieces),
              cmocka_unit_test(who_writes_nothing_only_reads),
              cmocka_unit_test(what_is_wrong_changes_nothing),
              cmocka_unit_test(who_breaks_off_appends_nothing),
              cmocka_unit_test(the_version_read_is_that_of_the_append),
              cmocka_unit_test(every_failed_allocation_is_survived));
}
