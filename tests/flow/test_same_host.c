/* SPDX-License-Identifier: Apache-2.0 */
/* The same-host path through the whole stack: the Flight connection is a pipe that says that it
 * leaves no host, the control connection a socket pair. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow/same_host.h"
#include "flow/streams.h"
#include "harness/arrow_text.h"
#include "ipc/message.h"
#include "shm/service.h"

static const struct table_rule other = {.seed = 90000, .batches = 3, .rows = 9000};
static const struct table_rule tiny = {.seed = 3, .batches = 2, .rows = 10};

/* The stream of "k", of which the first batch is taken. */
static struct ArrowArrayStream get_first(struct fkv_client *client, struct ArrowArray *ret)
{
    struct ArrowArrayStream stream = get(client, "k");
    assert_int_equal(stream.get_next(&stream, ret), 0);
    return stream;
}

static struct shm_leases_stats leases(struct flow *flow)
{
    flow_settle(flow);
    return shm_leases_stats(shm_service_leases(flow->server->cache.shm));
}

/* ---- gets ---- */

static void a_table_is_mapped_and_not_sent(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = begin_with_table(&flow, NULL);
    uint64_t sent = 0;
    for (int i = 0; i < 2; i++) {
        struct ArrowArrayStream stream = get(client, "k");
        assert_true(is_mapped(client));
        assert_true(table_is(&stream, &rule));
        assert_int_equal(leases(&flow).leases, 0);
        sent = client_pool_stats(client->pool).most_used_bytes;
    }
    assert_int_equal(sent, 0); /* no body was received */
    assert_int_equal(leases(&flow).gets, 2);
    flow_done(&flow);
}

static void values_lie_in_the_map(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = begin_with_table(&flow, NULL);
    struct ArrowArrayStream stream = get(client, "k");
    struct ArrowArray array;
    struct slice map = shm_map_bytes(client->same_host.map);
    assert_int_equal(stream.get_next(&stream, &array), 0);
    for (int64_t c = 0; c < 2; c++)
        for (int64_t i = 0; i < array.children[c]->n_buffers; i++) {
            const uint8_t *buffer = array.children[c]->buffers[i];
            assert_true(buffer == NULL || (buffer >= map.data && buffer < map.data + map.size));
        }
    array.release(&array);
    stream.release(&stream);
    flow_done(&flow);
}

static void small_tables_come_over_the_connection(void **state)
{
    (void)state;
    struct flow flow;
    begin(&flow, NULL);
    struct fkv_client *client = flow_client(&flow);
    put(client, "k", &tiny);
    struct ArrowArrayStream stream = get(client, "k");
    const char *why;
    assert_int_equal(fkv_client_transport(client, &why), FKV_TRANSPORT_TCP);
    assert_non_null(strstr(why, "small"));
    assert_true(table_is(&stream, &tiny));
    assert_int_equal(leases(&flow).gets, 0);
    flow_done(&flow);
}

/* ---- all that can be stored, and be asked for ---- */

/* The stream's messages, its batches so often that they leave the heap. */
static void put_stream(struct fkv_client *client, const char *key, const struct cut_stream *cut)
{
    static struct raw_message messages[stream_messages_max];
    size_t count = 0, bytes = 0;
    for (size_t i = 0; i < cut->count; i++) {
        messages[count++] = cut->messages[i];
        bytes += cut->messages[i].body.size;
    }
    for (size_t i = 0; bytes > 0 && bytes < 80000 && count < 600;) {
        const struct raw_message *message = &cut->messages[i];
        struct ipc_message decoded;
        assert_ok(ipc_message_decode(message->header, &IPC_LIMITS_DEFAULT, &decoded, &error));
        if (decoded.kind == IPC_KIND_BATCH) {
            messages[count++] = *message;
            bytes += message->body.size;
        }
        i = (i + 1) % cut->count;
    }
    assert_ok(raw_put(client, key, messages, count, &error));
}

static enum fkv_status get_text(struct fkv_client *client, const char *key,
                                const struct fkv_get_options *options, struct buf *ret)
{
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray array;
    buf_init(ret, alloc_system(), SIZE_MAX);
    enum fkv_status status = fkv_get(client, key, strlen(key), options, &stream, &error);
    if (status != FKV_OK)
        return status;
    if (stream.get_schema(&stream, &schema) != 0) {
        status = fkv_stream_error(&stream, &error);
        stream.release(&stream);
        return status;
    }
    arrow_schema_text(ret, &schema);
    while (stream.get_next(&stream, &array) == 0 && array.release != NULL) {
        arrow_array_text(ret, &schema, &array, 20);
        array.release(&array);
    }
    status = fkv_stream_error(&stream, &error);
    schema.release(&schema);
    stream.release(&stream);
    return status;
}

struct both {
    struct fkv_client *mapping, *receiving;
    size_t mapped;
};

/* The same comes both ways, whatever is asked for. */
static void compare_stream(void *context, const char *path, struct slice bytes)
{
    static struct cut_stream cut;
    struct both *both = context;
    stream_cut(bytes, &cut);
    if (cut.has_rest)
        return;
    put_stream(both->receiving, "k", &cut);
    static const struct {
        const char *rows;
        uint64_t bytes_max;
    } asked[] = {{NULL, 0}, {"1:", 0}, {"3:5", 0}, {NULL, 60000}, {"1:300", 0}};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        const struct fkv_get_options options = {.size = sizeof options,
                                                .flags = FKV_GET_CHECK_VALUES,
                                                .rows = asked[i].rows,
                                                .max_message_bytes = asked[i].bytes_max};
        struct buf mapped, received;
        enum fkv_status expected = get_text(both->receiving, "k", &options, &received);
        enum fkv_status status = get_text(both->mapping, "k", &options, &mapped);
        if (status != expected || !slice_equal(buf_slice(&mapped), buf_slice(&received)))
            fail_msg("%s, asked for as %zu: %d and %d: %s", path, i, status, expected,
                     error.message);
        both->mapped += status == FKV_OK && is_mapped(both->mapping);
        buf_done(&mapped);
        buf_done(&received);
    }
}

static void everything_comes_as_over_the_connection(void **state)
{
    (void)state;
    const struct fkv_client_options tcp = {.size = sizeof tcp, .transport = FKV_TRANSPORT_TCP};
    struct flow flow;
    begin(&flow, NULL);
    struct both both = {.mapping = flow_client(&flow)};
    flow.client_options = &tcp;
    both.receiving = flow_client(&flow);
    size_t count = streams_each(streams_own, compare_stream, &both);
    assert_true(count > 20 && both.mapped > 3 * count);
    assert_int_equal(leases(&flow).leases, 0);
    flow_done(&flow);
}

static void columns_and_parts_are_mapped(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = begin_with_table(&flow, NULL);
    const struct fkv_get_options columns = {.size = sizeof columns, .columns = "y"};
    const struct fkv_get_options rows = {.size = sizeof rows, .rows = "5:20000"};
    const struct fkv_get_options streams = {.size = sizeof streams, .streams = 4};
    struct ArrowArrayStream stream;
    struct ArrowArray array;
    uint64_t batches;
    assert_ok(fkv_get(client, "k", 1, &columns, &stream, &error));
    assert_int_equal(stream.get_next(&stream, &array), 0);
    assert_int_equal(array.n_children, 1);
    assert_true(is_mapped(client));
    array.release(&array);
    stream.release(&stream);
    assert_ok(fkv_get(client, "k", 1, &rows, &stream, &error));
    assert_true(table_rows_are(&stream, 12, 19995, &batches));
    assert_true(is_mapped(client));
    assert_ok(fkv_get(client, "k", 1, &streams, &stream, &error));
    assert_true(is_mapped(client)); /* several connections would be slower */
    assert_true(table_is(&stream, &rule));
    flow_done(&flow);
}

/* ---- leases ---- */

static void mapped_bytes_never_change(void **state)
{
    (void)state;
    static const char *const settings[] = {"memory", "16MiB", NULL};
    struct flow flow;
    begin(&flow, settings);
    struct fkv_client *client = flow_client(&flow), *writer = flow_client(&flow);
    put(writer, "k", &rule);
    struct ArrowArrayStream stream = get(client, "k");
    struct ArrowArray arrays[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(stream.get_next(&stream, &arrays[i]), 0);
    stream.release(&stream);
    assert_int_equal(leases(&flow).leases, 1);
    for (int i = 0; i < 40; i++) { /* far more than there is memory */
        char key[8];
        snprintf(key, sizeof key, "%s%d", i % 4 == 0 ? "k" : "o", i % 4 == 0 ? 0 : i % 5);
        put(writer, i % 4 == 0 ? "k" : key, &other);
        if (i % 3 == 0)
            fkv_delete(writer, "k", 1, NULL);
    }
    int64_t x = (int64_t)rule.seed;
    for (int i = 0; i < 3; i++) {
        const int64_t *values = arrays[i].children[0]->buffers[1];
        for (int64_t row = 0; row < arrays[i].length; row++)
            assert_int_equal(values[row], x++);
    }
    struct store_stats before = flow_stats(&flow);
    for (int i = 0; i < 3; i++)
        arrays[i].release(&arrays[i]);
    assert_int_equal(leases(&flow).leases, 0);
    assert_int_equal(flow_stats(&flow).tables, before.tables - 1);
    flow_done(&flow);
}

/* The client's process ends: nothing is released, but its connections close. */
static void a_client_that_dies_holds_nothing(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = begin_with_table(&flow, NULL);
    struct ArrowArray array;
    struct ArrowArrayStream stream = get_first(client, &array);
    assert_ok(fkv_delete(flow_client(&flow), "k", 1, &error));
    assert_int_equal(flow_stats(&flow).tables, 1);
    flow_break(&flow, client);
    assert_int_equal(leases(&flow).leases, 1); /* arrays may still be looked at */
    stream.release(&stream);
    flow_close_client(&flow, client);
    assert_int_equal(leases(&flow).leases, 1);
    array.release(&array);
    assert_int_equal(leases(&flow).sessions, 0);
    assert_int_equal(flow_stats(&flow).tables, 0);
    flow_done(&flow);
}

static void arrays_outlive_client_and_server(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = begin_with_table(&flow, NULL);
    struct ArrowArray array;
    struct ArrowArrayStream stream = get_first(client, &array);
    stream.release(&stream);
    flow_done(&flow);
    const int64_t *values = array.children[0]->buffers[1];
    for (int64_t row = 0; row < array.length; row++)
        assert_int_equal(values[row], (int64_t)rule.seed + row);
    array.release(&array);
}

static void what_is_over_the_limit_is_sent(void **state)
{
    (void)state;
    static const char *const settings[] = {"shm-leased-bytes", "1000KiB", NULL};
    struct flow flow;
    begin(&flow, settings);
    struct fkv_client *client = flow_client(&flow);
    put(client, "a", &rule); /* some 700 KiB */
    put(client, "b", &other);
    struct ArrowArrayStream first = get(client, "a");
    assert_true(is_mapped(client));
    struct ArrowArray array;
    assert_int_equal(first.get_next(&first, &array), 0);
    first.release(&first);
    struct ArrowArrayStream second = get(client, "b");
    assert_false(is_mapped(client));
    assert_true(table_is(&second, &other));
    struct ArrowArrayStream again = get(client, "a"); /* of what is leased there is only one */
    assert_true(is_mapped(client));
    assert_true(table_is(&again, &rule));
    assert_int_equal(leases(&flow).refused, 1);
    array.release(&array);
    assert_int_equal(leases(&flow).leases, 0);
    second = get(client, "b");
    assert_true(is_mapped(client));
    assert_true(table_is(&second, &other));
    flow_done(&flow);
}

static void a_stream_that_is_left_releases_its_lease(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = begin_with_table(&flow, NULL);
    for (int i = 0; i < 3; i++) {
        struct ArrowArrayStream stream = get(client, "k");
        assert_int_equal(leases(&flow).leases, 1);
        stream.release(&stream);
        assert_int_equal(leases(&flow).leases, 0);
    }
    assert_int_equal(leases(&flow).sessions, 1);
    flow_done(&flow);
}

/* ---- when it can't be ---- */

static void expect_fallback(const char *const *settings, bool is_local, const char *why_not)
{
    const struct fkv_client_options forced = {.size = sizeof forced,
                                              .transport = FKV_TRANSPORT_SHM};
    struct flow flow;
    const char *why;
    begin(&flow, settings);
    flow.pipe.is_local = is_local;
    struct fkv_client *client = flow_client(&flow), *other_client;
    put(client, "k", &rule);
    struct ArrowArrayStream stream = get(client, "k");
    assert_int_equal(fkv_client_transport(client, &why), FKV_TRANSPORT_TCP);
    assert_non_null(strstr(why, why_not));
    assert_true(table_is(&stream, &rule));
    flow.client_options = &forced;
    assert_int_equal(flow_try_client(&flow, &other_client, &error), FKV_FAILED_PRECONDITION);
    assert_non_null(strstr(error.message, why_not));
    flow_done(&flow);
}

static void who_can_not_map_receives(void **state)
{
    (void)state;
    static const char *const off[] = {"shm", "off", NULL};
    expect_fallback(off, true, "--shm off");
    expect_fallback(NULL, false, "isn't on this host");
}

static int connect_nowhere(void *context, const char *path)
{
    (void)context;
    (void)path;
    return shm_control_connect("/nowhere");
}

static void an_unreachable_socket_is_no_error(void **state)
{
    (void)state;
    struct flow flow;
    begin(&flow, NULL);
    struct fkv_client *client = flow_client(&flow);
    client->same_host.control.connect = connect_nowhere;
    put(client, "k", &rule);
    for (int i = 0; i < 2; i++) {
        struct ArrowArrayStream stream = get(client, "k");
        assert_false(is_mapped(client));
        assert_true(table_is(&stream, &rule));
    }
    flow_done(&flow);
}

static void who_offers_nothing_is_not_asked_again(void **state)
{
    (void)state;
    static const char *const off[] = {"shm", "off", NULL};
    struct flow flow;
    struct fkv_client *client = begin_with_table(&flow, off);
    get_over_the_connection(client);
    assert_true(client->same_host.next_try_ns == UINT64_MAX);
    flow_done(&flow);
}

static void transports_fit_the_address(void **state)
{
    (void)state;
    static const struct {
        enum fkv_transport transport;
        enum fkv_status status;
    } rows[] = {{FKV_TRANSPORT_TCP, FKV_OK},
                {FKV_TRANSPORT_SHM, FKV_OK},
                {FKV_TRANSPORT_UNIX, FKV_INVALID_ARGUMENT},
                {(enum fkv_transport)9, FKV_INVALID_ARGUMENT}};
    struct flow flow;
    begin(&flow, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct fkv_client_options options = {.size = sizeof options,
                                                   .transport = rows[i].transport};
        struct fkv_client *client;
        flow.client_options = &options;
        assert_int_equal(flow_try_client(&flow, &client, &error), rows[i].status);
    }
    flow_done(&flow);
}

/* ---- connections that come and go ---- */

static void a_new_connection_maps_anew(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = begin_with_table(&flow, NULL);
    struct ArrowArray array;
    struct ArrowArrayStream stream = get_first(client, &array);
    stream.release(&stream);
    flow_break(&flow, client);
    put(client, "k", &other);
    stream = get(client, "k");
    assert_true(is_mapped(client));
    assert_int_equal(leases(&flow).sessions, 2);
    assert_true(table_is(&stream, &other));
    assert_int_equal(((const int64_t *)array.children[0]->buffers[1])[0], (int64_t)rule.seed);
    array.release(&array);
    assert_int_equal(leases(&flow).sessions, 1);
    flow_done(&flow);
}

/* What the client says of its last get is said of gets over several connections too. */
static void a_get_in_streams_is_not_mapped(void **state)
{
    (void)state;
    const struct fkv_get_options options = {.size = sizeof options, .streams = 2};
    const struct table_rule one_batch = {.seed = 7, .batches = 1, .rows = 9000};
    struct flow flow;
    struct fkv_client *client = begin_with_table(&flow, NULL);
    put(client, "k", &one_batch); /* one endpoint: no other connection is needed */
    struct ArrowArrayStream stream = get(client, "k");
    assert_true(is_mapped(client));
    assert_true(table_is(&stream, &one_batch));
    flow_break(&flow, client);
    flow.pipe.is_local = false;
    put(client, "other", &tiny);
    assert_ok(fkv_get(client, "k", 1, &options, &stream, &error));
    assert_false(is_mapped(client));
    stream.release(&stream);
    flow_done(&flow);
}

/* A clock that goes on while nobody does anything. */
static uint64_t ticking(void *context)
{
    struct flow *flow = context;
    return flow->now_ns += NS_PER_MS;
}

/* The get ends before its headers: it isn't known whether there is a lease. */
static void an_unanswered_get_leaves_no_lease(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = begin_with_table(&flow, NULL);
    struct ArrowArrayStream stream = get(client, "k");
    assert_true(table_is(&stream, &rule));
    const struct fkv_get_options options = {.size = sizeof options, .timeout_ms = 5};
    const struct clock clock = flow.clock;
    flow.clock.now_ns = ticking;
    flow.is_frozen = true;
    assert_int_equal(fkv_get(client, "k", 1, &options, &stream, &error), FKV_DEADLINE_EXCEEDED);
    flow.is_frozen = false;
    flow.clock = clock;
    assert_int_equal(leases(&flow).leases, 0);
    stream = get(client, "k");
    assert_true(is_mapped(client));
    assert_true(table_is(&stream, &rule));
    assert_int_equal(leases(&flow).sessions, 1);
    flow_done(&flow);
}

/* The table is leased when its first message turns out not to be what the client takes: the error
 * is all of the answer, headers and trailers in one. */
static void a_refused_get_leaves_no_lease(void **state)
{
    (void)state;
    const struct fkv_get_options options = {.size = sizeof options, .max_message_bytes = 16};
    struct flow flow;
    struct fkv_client *client = begin_with_table(&flow, NULL);
    struct ArrowArrayStream stream;
    assert_int_equal(fkv_get(client, "k", 1, &options, &stream, &error), FKV_RESOURCE_EXHAUSTED);
    assert_int_equal(leases(&flow).gets, 1);
    assert_int_equal(leases(&flow).leases, 0);
    assert_int_equal(leases(&flow).sessions, 1);
    flow_done(&flow);
}

/* ---- clients that lie ---- */

static void wrong_tokens_get_bytes(void **state)
{
    (void)state;
    static const char *const tokens[] = {"", "x", "00000000000000000000000000000000",
                                         "0000000000000000000000000000000g"};
    struct flow flow;
    struct buf plain;
    struct fkv_client *client = begin_with_table(&flow, NULL);
    buf_init(&plain, alloc_system(), SIZE_MAX);
    assert_ok(raw_get(client, "k", &plain, &error));
    for (size_t i = 0; i < 4; i++) {
        struct buf bytes;
        buf_init(&bytes, alloc_system(), SIZE_MAX);
        const struct wire_pair option = {slice_text("flightkv-shm"), slice_text(tokens[i])};
        assert_ok(raw_get_with(client, "k", &option, 1, &bytes, &error));
        assert_true(slice_equal(buf_slice(&bytes), buf_slice(&plain)));
        buf_done(&bytes);
    }
    buf_done(&plain);
    flow_done(&flow);
}

/* ---- memory running out ---- */

static void scenario(const struct alloc *alloc)
{
    struct flow flow;
    struct fkv_client *client;
    if (flow_try_init(&flow, alloc, NULL, &error) != FKV_OK)
        return;
    flow.pipe.is_local = true;
    if (flow_try_client(&flow, &client, &error) == FKV_OK) {
        struct ArrowArrayStream stream;
        struct ArrowArray array;
        table_stream(&rule, &stream);
        fkv_put(client, "k", 1, &stream, NULL, NULL, NULL);
        if (fkv_get(client, "k", 1, NULL, &stream, &error) == FKV_OK) {
            if (stream.get_next(&stream, &array) == 0 && array.release != NULL) {
                assert_int_equal(((const int64_t *)array.children[0]->buffers[1])[8999], 9006);
                array.release(&array);
            }
            stream.release(&stream);
        }
    }
    if (flow.server->cache.shm != NULL)
        assert_int_equal(leases(&flow).leases, 0);
    flow_done(&flow);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct test_alloc t;
        test_alloc_init(&t, n);
        scenario(&t.alloc);
        if (t.live != 0)
            fail_msg("%zu allocations live after number %zu failed", t.live, n);
        if (t.requests < n)
            break;
    }
}

int main(void)
{
    RUN_TESTS(
        cmocka_unit_test(a_table_is_mapped_and_not_sent), cmocka_unit_test(values_lie_in_the_map),
        cmocka_unit_test(small_tables_come_over_the_connection),
        cmocka_unit_test(everything_comes_as_over_the_connection),
        cmocka_unit_test(columns_and_parts_are_mapped), cmocka_unit_test(mapped_bytes_never_change),
        cmocka_unit_test(a_client_that_dies_holds_nothing),
        cmocka_unit_test(arrays_outlive_client_and_server),
        cmocka_unit_test(what_is_over_the_limit_is_sent),
        cmocka_unit_test(a_stream_that_is_left_releases_its_lease),
        cmocka_unit_test(who_can_not_map_receives),
        cmocka_unit_test(an_unreachable_socket_is_no_error),
        cmocka_unit_test(who_offers_nothing_is_not_asked_again),
        cmocka_unit_test(transports_fit_the_address), cmocka_unit_test(a_new_connection_maps_anew),
        cmocka_unit_test(a_get_in_streams_is_not_mapped),
        cmocka_unit_test(an_unanswered_get_leaves_no_lease),
        cmocka_unit_test(a_refused_get_leaves_no_lease), cmocka_unit_test(wrong_tokens_get_bytes),
        cmocka_unit_test(any_allocation_may_fail));
}
