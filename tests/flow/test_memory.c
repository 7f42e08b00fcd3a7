/* SPDX-License-Identifier: Apache-2.0 */
/* What peers make a server gather counts in --memory for as long as it is held: messages that are
 * sent up to their middle, on many connections, are refused before they pass it. What is announced
 * and not sent doesn't count. */
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

/* ---- what is only announced doesn't count ---- */

/* A put of a table's schema and of its first batch, which stalls in the batch's body. */
struct stalled_put {
    struct client_call call;
    struct raw_message messages[2];
    size_t next;
    struct flow *flow;
};

static struct slice next_slice(const uint8_t **at, size_t size)
{
    *at += size;
    return slice_of(*at - size, size);
}

/* The reverse of raw_encode, of two messages. */
static void decode_two(struct raw_message ret[2], const struct buf *encoded)
{
    const uint8_t *at = encoded->data;
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *sizes = at;
        at += 3 * sizeof(uint64_t) + 1;
        ret[i].header = next_slice(&at, load_le64(sizes));
        ret[i].app_metadata = next_slice(&at, load_le64(sizes + 8));
        ret[i].body = next_slice(&at, load_le64(sizes + 16));
    }
    assert_ptr_equal(at, encoded->data + encoded->size);
}

static enum wire_pull next_stalled(void *context, struct wire_call *wire, struct wire_out *out,
                                   struct fkv_error *ret_error)
{
    (void)wire;
    struct stalled_put *put = context;
    if (put->next == 2)
        return WIRE_PULL_WAIT;
    const struct raw_message *message = &put->messages[put->next];
    struct buf descriptor;
    buf_init(&descriptor, alloc_system(), SIZE_MAX);
    if (put->next++ == 0)
        assert_ok(client_encode_key("stalled", 7, false, &descriptor, ret_error));
    const struct flight_data_head head = {.descriptor = buf_slice(&descriptor),
                                          .header = message->header,
                                          .body_bytes = message->body.size};
    flight_data_write_head(out, &head);
    if (message->body.size > 0)
        wire_out_ref(out, message->body, NULL);
    wire_out_end(out);
    buf_done(&descriptor);
    return WIRE_PULL_MESSAGE;
}

static void on_stalled_closed(void *context, struct wire_call *wire, enum fkv_status status,
                              const char *message)
{
    (void)wire;
    struct stalled_put *put = context;
    client_call_closed(&put->call, status, message);
}

static bool has_begun_body(const void *context)
{
    const struct stalled_put *put = context;
    return flow_stats(put->flow).memory.used_bytes >= arena_charge_ahead;
}

static enum fkv_status put(struct fkv_client *client, const char *key,
                           const struct table_rule *rule)
{
    struct ArrowArrayStream stream;
    table_stream(rule, &stream);
    return fkv_put(client, key, strlen(key), &stream, NULL, NULL, &error);
}

/* All but a few bytes of a body are missing, and warm memory is there for the whole: another put
 * of this size fits all the same, although both together do not. */
static void an_announced_body_starves_nobody(void **state)
{
    (void)state;
    static const struct wire_receiver receiver = {.on_closed = on_stalled_closed};
    static const struct table_rule large = {.seed = 1, .batches = 1, .rows = 500000};
    struct flow flow;
    const char *const settings[] = {"memory", "16MiB", NULL};
    flow_init(&flow, alloc_system(), settings);
    struct fkv_client *client = flow_client(&flow), *other = flow_client(&flow);
    struct buf encoded;
    buf_init(&encoded, alloc_system(), SIZE_MAX);
    assert_ok(put(client, "k", &large));
    assert_ok(raw_get(client, "k", &encoded, &error));
    assert_ok(fkv_delete(client, "k", 1, &error));
    flow_settle(&flow);
    struct stalled_put stalled = {.flow = &flow};
    decode_two(stalled.messages, &encoded);
    const size_t body_bytes = stalled.messages[1].body.size;
    assert_in_range(body_bytes, (8 << 20) + 1, 14 << 20);
    assert_true(flow_stats(&flow).memory.warm_bytes >= body_bytes);

    const struct client_call_options options = {.path = CLIENT_PATH("DoPut"),
                                                .receiver = &receiver,
                                                .context = &stalled,
                                                .source = {next_stalled, &stalled}};
    assert_ok(client_call_open(client, &stalled.call, &options, &error));
    client_call_run(&stalled.call, has_begun_body, &stalled);
    assert_non_null(stalled.call.wire);
    assert_ok(put(other, "k", &large));
    assert_int_equal(flow_stats(&flow).puts_open, 1);

    client_call_end(&stalled.call);
    flow_close_client(&flow, client);
    assert_int_equal(flow_stats(&flow).puts_open, 0);
    assert_ok(fkv_delete(other, "k", 1, &error));
    flow_settle(&flow);
    assert_int_equal(flow_stats(&flow).memory.used_bytes, 0);
    buf_done(&encoded);
    flow_done(&flow);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(half_sent_headers_count), cmocka_unit_test(half_sent_requests_count),
              cmocka_unit_test(a_full_server_takes_requests_with_the_longest_key),
              cmocka_unit_test(an_announced_body_starves_nobody));
}
