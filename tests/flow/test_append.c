/* SPDX-License-Identifier: Apache-2.0 */
/* Appends and parts over the in-memory transport. */
#include "flow/flow.h"
#include "flow/streams.h"
#include "flow/tables.h"
#include "ipc/match.h"
#include "ipc/verify.h"

static struct fkv_error error;

static const struct net_pipe_options shapes[] = {
    {0},
    {.read_bytes_max = 1},
    {.buffer_bytes = 17, .read_bytes_max = 5, .write_bytes_max = 3},
};

static void appended_tables_come_back_in_any_pieces(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        struct flow flow;
        flow_init(&flow, alloc_system(), NULL);
        flow.pipe = shapes[s];
        struct fkv_client *client = flow_client(&flow);
        for (uint32_t i = 0; i < 5; i++) {
            const struct table_rule more = {.seed = 7 + 100 * i, .batches = 2, .rows = 50};
            assert_ok(table_append(client, "k", &more, &error));
            const struct table_rule all = {.seed = 7, .batches = 2 * i + 2, .rows = 50};
            assert_table(client, "k", &all);
        }
        assert_int_equal(flow_stats(&flow).tables, 1);
        flow_done(&flow);
    }
}

static void a_reader_keeps_the_version_it_began_with(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    flow.pipe = (struct net_pipe_options){.buffer_bytes = 256};
    struct fkv_client *reader = flow_client(&flow), *writer = flow_client(&flow);
    const struct table_rule first = {.seed = 1, .batches = 3, .rows = 1000};
    const struct table_rule second = {.seed = 3001, .batches = 1, .rows = 1000};
    const struct table_rule both = {.seed = 1, .batches = 4, .rows = 1000};
    struct ArrowArrayStream stream;
    assert_ok(table_put(writer, "k", &first, &error));
    assert_ok(fkv_get(reader, "k", 1, NULL, &stream, &error));
    assert_ok(table_append(writer, "k", &second, &error));
    assert_table(writer, "k", &both);
    assert_true(table_is(&stream, &first));
    flow_done(&flow);
}

/* ---- another version at the commit ---- */

struct meanwhile {
    struct fkv_client *client;
    enum { MEANWHILE_APPEND, MEANWHILE_REPLACE, MEANWHILE_DELETE } what;
    struct table_rule rule;
};

static void act(void *context, uint32_t number)
{
    struct meanwhile *meanwhile = context;
    if (number != 1)
        return;
    if (meanwhile->what == MEANWHILE_APPEND)
        assert_ok(table_append(meanwhile->client, "k", &meanwhile->rule, &error));
    else if (meanwhile->what == MEANWHILE_REPLACE)
        assert_ok(table_put(meanwhile->client, "k", &meanwhile->rule, &error));
    else
        assert_ok(fkv_delete(meanwhile->client, "k", 1, &error));
}

/* Rows 0 to 9 are there or not; the put appends 20 to 39; meanwhile 10 to 19 come, or all goes. */
static void what_happens_meanwhile_comes_first(void **state)
{
    (void)state;
    static const struct {
        bool has_base;
        int what;
        struct table_rule meanwhile;
        struct table_rule expected;
    } rows[] = {
        {true,
         MEANWHILE_APPEND,
         {.seed = 10, .batches = 1, .rows = 10},
         {.seed = 0, .batches = 4, .rows = 10}},
        {false,
         MEANWHILE_APPEND,
         {.seed = 10, .batches = 1, .rows = 10},
         {.seed = 10, .batches = 3, .rows = 10}},
        {true,
         MEANWHILE_REPLACE,
         {.seed = 10, .batches = 1, .rows = 10},
         {.seed = 10, .batches = 3, .rows = 10}},
        {false,
         MEANWHILE_REPLACE,
         {.seed = 10, .batches = 1, .rows = 10},
         {.seed = 10, .batches = 3, .rows = 10}},
        {true, MEANWHILE_DELETE, {0}, {.seed = 20, .batches = 2, .rows = 10}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct flow flow;
        struct fkv_client *client = flow_begin(&flow, NULL);
        struct meanwhile meanwhile = {flow_client(&flow), rows[i].what, rows[i].meanwhile};
        const struct table_rule base = {.seed = 0, .batches = 1, .rows = 10};
        const struct table_rule put = {
            .seed = 20, .batches = 2, .rows = 10, .before_batch = act, .context = &meanwhile};
        if (rows[i].has_base)
            assert_ok(table_put(client, "k", &base, &error));
        assert_ok(table_append(client, "k", &put, &error));
        assert_table(client, "k", &rows[i].expected);
        flow_settle(&flow);
        assert_int_equal(flow_stats(&flow).tables, 1);
        flow_done(&flow);
    }
}

/* ---- what is broken leaves nothing ---- */

struct breaking {
    struct flow *flow;
    struct fkv_client *client;
};

static void break_at_second(void *context, uint32_t number)
{
    struct breaking *breaking = context;
    if (number == 2)
        flow_break(breaking->flow, breaking->client);
}

static void a_killed_append_leaves_nothing(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *reader = flow_begin(&flow, NULL), *client = flow_client(&flow);
    const struct table_rule base = {.seed = 5, .batches = 3, .rows = 100};
    assert_ok(table_put(reader, "k", &base, &error));
    struct store_stats before = flow_stats(&flow);
    struct breaking breaking = {&flow, client};
    const struct table_rule rule = {.seed = 1,
                                    .batches = 6,
                                    .rows = 20000,
                                    .before_batch = break_at_second,
                                    .context = &breaking};
    assert_int_equal(table_append(client, "k", &rule, &error), FKV_UNAVAILABLE);
    struct store_stats after = flow_stats(&flow);
    assert_int_equal(after.table_bytes, before.table_bytes);
    assert_int_equal(after.memory.used_bytes, before.memory.used_bytes);
    assert_int_equal(after.puts_open, 0);
    assert_table(reader, "k", &base);
    flow_done(&flow);
}

static enum fkv_status scenario(const struct alloc *alloc)
{
    struct flow flow;
    struct fkv_client *client, *other;
    enum fkv_status status = flow_try_init(&flow, alloc, NULL, &error);
    if (status != FKV_OK)
        return status;
    if (flow_try_client(&flow, &client, &error) == FKV_OK &&
        flow_try_client(&flow, &other, &error) == FKV_OK) {
        const struct table_rule rule = {.seed = 5, .batches = 2, .rows = 40};
        status = table_append(client, "k", &rule, &error);
        bool has_first = status == FKV_OK;
        if (table_append(client, "k", &rule, &error) == FKV_OK && has_first)
            assert_true(flow_stats(&flow).keys == 1);
        struct ArrowArrayStream stream;
        struct ArrowArray array;
        uint32_t batches = 0;
        if (fkv_get(client, "k", 1, NULL, &stream, &error) == FKV_OK) {
            while (stream.get_next(&stream, &array) == 0 && array.release != NULL) {
                batches++;
                array.release(&array);
            }
            if (fkv_stream_error(&stream, &error) == FKV_OK)
                assert_true(batches == 2 || batches == 4);
            stream.release(&stream);
        }
    }
    flow_done(&flow);
    return status;
}

static void each_allocation_fails_once(void **state)
{
    (void)state;
    assert_true(test_sweep(scenario) > 50);
}

/* ---- streams of official writers, under other ids ---- */

static const struct ipc_limits limits = {.depth_max = 64,
                                         .fields_max = 1000,
                                         .header_bytes_max = 1 << 24,
                                         .decompressed_bytes_max = 1 << 30};

/* Each id plus 1,000. */
static void rename_message(struct raw_message *message, struct buf *header)
{
    struct ipc_message decoded;
    struct ipc_schema *schema;
    buf_init(header, alloc_system(), 1 << 24);
    assert_ok(ipc_message_decode(message->header, &limits, &decoded, &error));
    if (decoded.kind == IPC_KIND_SCHEMA) {
        assert_ok(ipc_schema_decode(alloc_system(), message->header, &limits, &schema, &error));
        for (uint32_t i = 0; i < schema->field_count; i++)
            schema->fields[i].dictionary.id += 1000;
        assert_ok(ipc_schema_encode(schema, header, &error));
        ipc_schema_free(schema);
    } else if (decoded.kind == IPC_KIND_DICTIONARY) {
        assert_ok(ipc_message_rename(alloc_system(), &decoded, decoded.dictionary_id + 1000, header,
                                     &error));
    }
    if (header->size > 0)
        message->header = buf_slice(header);
}

/* Every message of `renamed` fits the schema before it, and has the body of its like in `same`. */
static void assert_alike(struct slice renamed, struct slice same)
{
    struct ipc_verifier *verifier = ipc_verifier_new(alloc_system(), &limits);
    while (renamed.size > 0) {
        struct ipc_message message;
        struct raw_message one = raw_next(&renamed), other = raw_next(&same);
        assert_ok(ipc_verifier_header(verifier, one.header, &message, &error));
        assert_ok(ipc_verifier_body(verifier, &message, one.body, &error));
        assert_true(slice_equal(one.body, other.body));
    }
    assert_int_equal(same.size, 0);
    assert_ok(ipc_verifier_end(verifier, &error));
    ipc_verifier_free(verifier);
}

static void append_renamed(void *context, const char *path, struct slice stream)
{
    (void)path;
    struct fkv_client *client = context;
    static struct cut_stream cut;
    static struct buf headers[stream_messages_max];
    stream_cut(stream, &cut);
    if (cut.has_rest || raw_put(client, "renamed", cut.messages, cut.count, &error) != FKV_OK)
        return;
    struct buf renamed, same;
    buf_init(&renamed, alloc_system(), SIZE_MAX);
    buf_init(&same, alloc_system(), SIZE_MAX);
    assert_ok(raw_put(client, "same", cut.messages, cut.count, &error));
    assert_ok(raw_append(client, "same", cut.messages, cut.count, &error));
    for (size_t i = 0; i < cut.count; i++)
        rename_message(&cut.messages[i], &headers[i]);
    assert_ok(raw_append(client, "renamed", cut.messages, cut.count, &error));
    assert_ok(raw_get(client, "renamed", &renamed, &error));
    assert_ok(raw_get(client, "same", &same, &error));
    assert_alike(buf_slice(&renamed), buf_slice(&same));
    for (size_t i = 0; i < cut.count; i++)
        buf_done(&headers[i]);
    buf_done(&renamed);
    buf_done(&same);
}

static void other_ids_become_those_of_the_table(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    assert_true(streams_each(streams_own, append_renamed, client) > 0);
    if (streams_further() != NULL)
        streams_each(streams_further(), append_renamed, client);
    flow_done(&flow);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(other_ids_become_those_of_the_table),
              cmocka_unit_test(appended_tables_come_back_in_any_pieces),
              cmocka_unit_test(a_reader_keeps_the_version_it_began_with),
              cmocka_unit_test(what_happens_meanwhile_comes_first),
              cmocka_unit_test(a_killed_append_leaves_nothing),
              cmocka_unit_test(each_allocation_fails_once));
}
