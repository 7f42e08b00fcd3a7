/* SPDX-License-Identifier: Apache-2.0 */
/* What peers make a server gather counts in --memory for as long as it is held: messages that are
 * sent up to their middle, on many connections, are refused before they pass it. */
#include <stdlib.h>

#include "flow/flow.h"
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
    return flow_stats(half->flow).memory.used_bytes >= half->until_used_bytes;
}

/* Sends until the server holds `more_bytes` more; true when it takes that. */
static bool send_half(struct half_sent *half, uint64_t more_bytes)
{
    static const struct wire_receiver receiver = {.on_closed = on_half_closed};
    const struct client_call_options options = {.path = half->path,
                                                .receiver = &receiver,
                                                .context = half,
                                                .source = {next_half_sent, half}};
    half->until_used_bytes = flow_stats(half->flow).memory.used_bytes + more_bytes;
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
};

static void assert_bounded(const struct plan *plan)
{
    static struct half_sent halves[12];
    const size_t count = sizeof halves / sizeof halves[0];
    struct flow flow;
    const char *const settings[] = {"memory", plan->memory, NULL};
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
    assert_int_equal(host_stats(flow.server->host).calls_open, held);

    for (size_t i = 0; i < count; i++) {
        client_call_end(&halves[i].call);
        flow_close_client(&flow, halves[i].call.client);
    }
    assert_int_equal(host_stats(flow.server->host).calls_open, 0);
    assert_int_equal(flow_stats(&flow).memory.used_bytes, 0);
    flow_done(&flow);
    free(bytes);
}

static void half_sent_headers_count(void **state)
{
    (void)state;
    const struct plan plan = {CLIENT_PATH("DoPut"), "64MiB", 60 << 20, 8 << 20,
                              "FlightData.data_header of 60.0 MiB"};
    assert_bounded(&plan);
}

static void half_sent_requests_count(void **state)
{
    (void)state;
    const struct plan plan = {CLIENT_PATH("DoAction"), "2MiB", 1000000, 256 << 10, "a request"};
    assert_bounded(&plan);
}

static bool delete_all_of_it(void *context, const struct fkv_table_info *info)
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
    flow_init(&flow, alloc_system(), settings);
    struct fkv_client *client = flow_client(&flow), *other = flow_client(&flow);
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

int main(void)
{
    RUN_TESTS(cmocka_unit_test(half_sent_headers_count), cmocka_unit_test(half_sent_requests_count),
              cmocka_unit_test(a_full_server_takes_requests_with_the_longest_key));
}
