/* SPDX-License-Identifier: Apache-2.0 */
/* What peers make a server gather counts in --memory for as long as it is held: messages that are
 * sent up to their middle, on many connections, are refused before they pass it. What is announced
 * and not sent doesn't count. The same goes for what is sent to a service. */
#include <stdlib.h>

#include "flow/flow.h"
#include "flow/service_calls.h"
#include "flow/tables.h"

static struct fkv_error error;

static const struct table_rule small = {.seed = 5, .batches = 3, .rows = 100};

/* One message that begins with the field 2 of `bytes`, and is never sent to its end. */
struct half_sent {
    struct client_call call;
    const char *path;
    struct slice bytes;
    bool is_pulled;
    struct flow *flow;
    uint64_t until_used_bytes;
};

static enum wire_pull next_half_sent(void *context, struct wire_call *wire, struct wire_out *out,
                                     struct fkv_error *ret_error)
{
    (void)wire;
    (void)ret_error;
    struct half_sent *half = context;
    if (half->is_pulled)
        return WIRE_PULL_WAIT;
    half->is_pulled = true;
    uint8_t head[11] = {2 << 3 | 2};
    size_t used = 1;
    for (uint64_t size = half->bytes.size; size > 0; size >>= 7)
        head[used++] = (uint8_t)(size >= 0x80 ? size | 0x80 : size);
    wire_out_begin(out);
    wire_out_copy(out, slice_of(head, used));
    wire_out_ref(out, half->bytes, NULL);
    wire_out_end(out);
    return WIRE_PULL_MESSAGE;
}

static void on_half_closed(void *context, struct wire_call *wire, enum fkv_status status,
                           const char *message)
{
    (void)wire;
    struct half_sent *half = context;
    client_call_closed(&half->call, status, message);
}

static bool is_gathered(const void *context)
{
    const struct half_sent *half = context;
    return flow_memory(half->flow).used_bytes >= half->until_used_bytes;
}

/* Sends until the server holds `more_bytes` more; true when it takes that. */
static bool send_half(struct half_sent *half, uint64_t more_bytes)
{
    static const struct wire_receiver receiver = {.on_closed = on_half_closed};
    const struct client_call_options options = {.path = half->path,
                                                .receiver = &receiver,
                                                .context = half,
                                                .source = {next_half_sent, half}};
    half->until_used_bytes = flow_memory(half->flow).used_bytes + more_bytes;
    assert_ok(client_call_open(flow_client(half->flow), &half->call, &options, &error));
    client_call_run(&half->call, is_gathered, half);
    return half->call.wire != NULL;
}

struct plan {
    const char *path;
    const char *memory;
    size_t message_bytes;
    uint64_t held_bytes; /* by each of the clients */
    const char *message;
    const struct fkv_flight_service *service; /* NULL: the cache */
};

static void assert_bounded(const struct plan *plan)
{
    static struct half_sent halves[12];
    const size_t count = sizeof halves / sizeof halves[0];
    struct flow flow;
    const char *const settings[] = {"memory", plan->memory, NULL};
    if (plan->service != NULL)
        flow_init_service(&flow, alloc_system(), plan->service, settings);
    else
        flow_init(&flow, alloc_system(), settings);
    uint8_t *bytes = calloc(1, plan->message_bytes);
    assert_non_null(bytes);
    size_t held = 0;
    for (size_t i = 0; i < count; i++) {
        halves[i] = (struct half_sent){
            .path = plan->path, .bytes = slice_of(bytes, plan->message_bytes), .flow = &flow};
        if (send_half(&halves[i], plan->held_bytes)) {
            held++;
            continue;
        }
        assert_int_equal(halves[i].call.status, FKV_RESOURCE_EXHAUSTED);
        assert_non_null(strstr(halves[i].call.error.message, plan->message));
        assert_non_null(strstr(halves[i].call.error.message, "--memory"));
    }
    assert_in_range(held, 4, 8);
    assert_int_equal(host_stats(flow.host).calls_open, held);

    for (size_t i = 0; i < count; i++) {
        client_call_end(&halves[i].call);
        flow_close_client(&flow, halves[i].call.client);
    }
    assert_int_equal(host_stats(flow.host).calls_open, 0);
    assert_int_equal(flow_memory(&flow).used_bytes, 0);
    flow_done(&flow);
    free(bytes);
}

static void half_sent_headers_count(void **state)
{
    (void)state;
    const struct plan plan = {CLIENT_PATH("DoPut"),
                              "64MiB",
                              60 << 20,
                              8 << 20,
                              "FlightData.data_header of 60.0 MiB",
                              NULL};
    assert_bounded(&plan);
}

static void half_sent_requests_count(void **state)
{
    (void)state;
    const struct plan plan = {
        CLIENT_PATH("DoAction"), "2MiB", 1000000, 256 << 10, "a request", NULL};
    assert_bounded(&plan);
}

static bool delete_all_of_it(void *context, struct fkv_table_info *info)
{
    assert_ok(fkv_delete(context, info->key, info->key_size, &error));
    return true;
}

/* Or nobody could make room. */
static void a_full_server_takes_requests_with_the_longest_key(void **state)
{
    (void)state;
    struct flow flow;
    const char *const settings[] = {"memory", "1MiB", NULL};
    struct fkv_client *client = flow_begin(&flow, settings), *other = flow_client(&flow);
    static char key[store_key_bytes_max];
    enum fkv_status status = FKV_OK;
    for (unsigned i = 0; status == FKV_OK; i++) {
        memset(key, 'a' + (int)(i % 26), sizeof key);
        snprintf(key, 8, "%u", i);
        struct ArrowArrayStream stream;
        table_stream(&small, &stream);
        status = fkv_put(client, key, sizeof key, &stream, NULL, NULL, &error);
    }
    assert_int_equal(status, FKV_RESOURCE_EXHAUSTED);
    flow_settle(&flow);
    struct arena *arena = flow.server->cache.arena;
    const struct arena_stats stats = arena_stats(arena);
    uint64_t rest = stats.budget_bytes - stats.used_bytes;
    assert_ok(arena_charge(arena, rest, &error));
    assert_ok(fkv_list(client, "[0-9]*", delete_all_of_it, other, &error));
    assert_int_equal(flow_stats(&flow).keys, 0);
    arena_discharge(arena, rest);
    assert_int_equal(flow_stats(&flow).memory.used_bytes, 0);
    flow_done(&flow);
}

/* ---- what is only announced doesn't count ---- */

/* A table of one batch, whose body is of more than 8 MiB. */
static const struct table_rule large = {.seed = 1, .batches = 1, .rows = 500000};

/* A put of a table's schema and of its batch that isn't sent on once the server holds enough. */
struct stalled_put {
    struct raw_call raw;
    struct flow *flow;
    uint64_t until_used_bytes;
};

static bool has_come(const void *context)
{
    const struct stalled_put *put = context;
    return flow_memory(put->flow).used_bytes >= put->until_used_bytes;
}

/* Sends until the server holds `more_bytes` more; true when it takes that. */
static bool send_part(struct stalled_put *put, struct flow *flow, struct fkv_client *client,
                      const struct raw_message messages[2], uint64_t more_bytes)
{
    *put = (struct stalled_put){
        .raw = {.key = slice_text("stalled"), .messages = messages, .count = 2, .is_endless = true},
        .flow = flow,
        .until_used_bytes = flow_memory(flow).used_bytes + more_bytes};
    assert_ok(raw_put_open(&put->raw, client, (struct wire_metadata){NULL, 0}, &error));
    client_call_run(&put->raw.call, has_come, put);
    return put->raw.call.wire != NULL;
}

/* All but a part of a body is missing: another put of this size fits all the same, although both
 * together do not. */
static void assert_starves_nobody(struct flow *flow, const struct raw_message messages[2])
{
    struct fkv_client *client = flow_client(flow), *other = flow_client(flow);
    struct stalled_put stalled;
    assert_in_range(messages[1].body.size, (8 << 20) + 1, 14 << 20);
    assert_true(send_part(&stalled, flow, client, messages, arena_charge_ahead));
    assert_ok(table_put(other, "k", &large, &error));
    assert_non_null(stalled.raw.call.wire);
    client_call_end(&stalled.raw.call);
    flow_close_client(flow, client);
}

/* The large table's messages, by a cache that is warm for its body then. */
static void put_and_delete_large(struct flow *flow, struct buf *encoded,
                                 struct raw_message messages[2])
{
    struct fkv_client *client = flow_client(flow);
    buf_init(encoded, alloc_system(), SIZE_MAX);
    assert_ok(table_put(client, "k", &large, &error));
    assert_ok(raw_get(client, "k", encoded, &error));
    assert_ok(fkv_delete(client, "k", 1, &error));
    flow_settle(flow);
    struct slice rest = buf_slice(encoded);
    for (size_t i = 0; i < 2; i++)
        messages[i] = raw_next(&rest);
    assert_int_equal(rest.size, 0);
    assert_true(flow_memory(flow).warm_bytes >= messages[1].body.size);
}

static void an_announced_body_starves_nobody(void **state)
{
    (void)state;
    struct flow flow;
    struct buf encoded;
    struct raw_message messages[2];
    const char *const settings[] = {"memory", "16MiB", NULL};
    flow_init(&flow, alloc_system(), settings);
    put_and_delete_large(&flow, &encoded, messages);
    assert_starves_nobody(&flow, messages);
    assert_int_equal(flow_stats(&flow).puts_open, 0);
    assert_ok(fkv_delete(flow_client(&flow), "k", 1, &error));
    flow_settle(&flow);
    assert_int_equal(flow_memory(&flow).used_bytes, 0);
    buf_done(&encoded);
    flow_done(&flow);
}

/* ---- services ---- */

/* A service's flow; the messages are of a cache that is gone. */
static void init_service(struct flow *flow, const struct fkv_flight_service *service,
                         const char *memory, struct buf *encoded, struct raw_message messages[2])
{
    const char *const settings[] = {"memory", memory, NULL};
    flow_init(flow, alloc_system(), NULL);
    put_and_delete_large(flow, encoded, messages);
    flow_done(flow);
    flow_init_service(flow, alloc_system(), service, settings);
}

static void a_body_announced_to_a_service_starves_nobody(void **state)
{
    (void)state;
    struct flow flow;
    struct buf encoded;
    struct raw_message messages[2];
    init_service(&flow, &service_whole, "16MiB", &encoded, messages);
    assert_starves_nobody(&flow, messages);
    flow_settle(&flow);
    assert_int_equal(flow_memory(&flow).used_bytes, 0);
    buf_done(&encoded);
    flow_done(&flow);
}

static void half_sent_bodies_count_in_a_service(void **state)
{
    (void)state;
    struct flow flow;
    struct buf encoded;
    struct raw_message messages[2];
    static struct stalled_put puts[6];
    const size_t count = sizeof puts / sizeof puts[0];
    size_t held = 0;
    init_service(&flow, &service_whole, "16MiB", &encoded, messages);
    for (size_t i = 0; i < count; i++) {
        if (send_part(&puts[i], &flow, flow_client(&flow), messages, 4 << 20)) {
            held++;
            continue;
        }
        assert_int_equal(puts[i].raw.call.status, FKV_RESOURCE_EXHAUSTED);
        assert_non_null(strstr(puts[i].raw.call.error.message,
                               "of 16.0 MiB are held by what clients have sent"));
        assert_non_null(strstr(puts[i].raw.call.error.message, "--memory"));
    }
    assert_int_equal(held, 2);
    for (size_t i = 0; i < count; i++) {
        client_call_end(&puts[i].raw.call);
        flow_close_client(&flow, puts[i].raw.call.client);
    }
    assert_int_equal(host_stats(flow.host).calls_open, 0);
    assert_int_equal(flow_memory(&flow).used_bytes, 0);
    buf_done(&encoded);
    flow_done(&flow);
}

static void half_sent_headers_count_in_a_service(void **state)
{
    (void)state;
    const struct plan plan = {
        CLIENT_PATH("DoPut"), "64MiB", 60 << 20, 8 << 20, "FlightData.data_header of 60.0 MiB",
        &service_whole};
    assert_bounded(&plan);
}

static void keep_batch(void *context, struct fkv_flight_call *call, struct fkv_flight_batch *batch)
{
    (void)call;
    *(struct ArrowArray *)context = batch->array;
    batch->array.release = NULL;
}

static void end_put(void *context, struct fkv_flight_call *call)
{
    (void)context;
    fkv_flight_end(call);
}

static void keep_put(void *context, struct fkv_flight_call *call,
                     const struct fkv_flight_descriptor *descriptor)
{
    static const struct fkv_flight_receiver receiver = {NULL, keep_batch, end_put};
    (void)descriptor;
    fkv_flight_receive(call, &receiver, context);
}

static void batches_that_a_service_keeps_count_and_outlive_it(void **state)
{
    (void)state;
    static const uint32_t rows[] = {1, 500000}; /* a body on the heap, and one in an extent */
    for (size_t i = 0; i < 2; i++) {
        struct ArrowArray kept = {.release = NULL};
        const struct fkv_flight_service keeping = {
            .size = sizeof keeping, .context = &kept, .do_put = keep_put};
        const struct table_rule rule = {.seed = 7, .batches = 1, .rows = rows[i]};
        struct flow flow;
        flow_init_service(&flow, alloc_system(), &keeping, NULL);
        assert_ok(table_put(flow_client(&flow), "k", &rule, &error));
        assert_true(flow_memory(&flow).used_bytes >= rows[i] * sizeof(int64_t));
        flow_done(&flow);
        const int64_t *values = kept.children[0]->buffers[1];
        assert_int_equal(values[rows[i] - 1], 7 + rows[i] - 1);
        kept.release(&kept);
    }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(half_sent_headers_count), cmocka_unit_test(half_sent_requests_count),
              cmocka_unit_test(a_full_server_takes_requests_with_the_longest_key),
              cmocka_unit_test(an_announced_body_starves_nobody),
              cmocka_unit_test(a_body_announced_to_a_service_starves_nobody),
              cmocka_unit_test(half_sent_bodies_count_in_a_service),
              cmocka_unit_test(half_sent_headers_count_in_a_service),
              cmocka_unit_test(batches_that_a_service_keeps_count_and_outlive_it));
}
