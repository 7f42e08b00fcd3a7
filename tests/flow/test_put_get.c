/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/flow.h"
#include "flow/tables.h"
#include "ipc/verify.h"

static struct fkv_error error;

static const struct table_rule small = {.seed = 5, .batches = 3, .rows = 100};
static const struct table_rule other = {.seed = 900, .batches = 2, .rows = 1000};

/* Whatever pieces the bytes come in, the same table comes back. */
static void comes_back_whole_in_any_pieces(void **state)
{
    (void)state;
    static const struct table_rule rules[] = {
        {.seed = 1, .batches = 0, .rows = 0},    {.seed = 1, .batches = 1, .rows = 0},
        {.seed = 1, .batches = 1, .rows = 1},    {.seed = 7, .batches = 20, .rows = 3},
        {.seed = 7, .batches = 2, .rows = 9000},
    };
    static const struct net_pipe_options shapes[] = {
        {0},
        {.read_bytes_max = 1},
        {.write_bytes_max = 1},
        {.buffer_bytes = 17, .read_bytes_max = 5, .write_bytes_max = 3},
        {.buffer_bytes = 1 << 20, .read_bytes_max = 4099},
    };
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        struct flow flow;
        flow_init(&flow, alloc_system(), NULL);
        flow.pipe = shapes[s];
        struct fkv_client *client = flow_client(&flow);
        for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
            assert_ok(table_put(client, "k", &rules[r], &error));
            assert_table(client, "k", &rules[r]);
        }
        assert_int_equal(flow_stats(&flow).keys, 1);
        flow_done(&flow);
    }
}

static void a_missing_key_is_named(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    struct ArrowArrayStream stream;
    assert_int_equal(table_get(client, "no%such", &stream, &error), FKV_NOT_FOUND);
    assert_non_null(strstr(error.message, "no%25such"));
    assert_int_equal(fkv_delete(client, "no", 2, &error), FKV_NOT_FOUND);
    struct fkv_table_info info;
    assert_int_equal(fkv_info(client, "no", 2, &info, &error), FKV_NOT_FOUND);
    flow_settle(&flow);
    assert_int_equal(host_stats(flow.server->host).calls_failed, 3);
    assert_ok(table_put(client, "yes", &small, &error));
    flow_done(&flow);
}

static void keys_keep_their_rules(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    static char key[4097];
    memset(key, 'k', sizeof key);
    static const struct {
        size_t size;
        enum fkv_status status;
    } rows[] = {
        {0, FKV_INVALID_ARGUMENT}, {1, FKV_OK}, {4096, FKV_OK}, {4097, FKV_INVALID_ARGUMENT}};
    for (size_t i = 0; i < 4; i++) {
        struct ArrowArrayStream stream;
        table_stream(&small, &stream);
        assert_int_equal(fkv_put(client, key, rows[i].size, &stream, NULL, NULL, &error),
                         rows[i].status);
    }
    struct ArrowArrayStream stream;
    table_stream(&small, &stream);
    assert_int_equal(fkv_put(client, "\0k", 2, &stream, NULL, NULL, &error), FKV_INVALID_ARGUMENT);
    table_stream(&small, &stream);
    assert_ok(fkv_put(client, "k\0\xff", 3, &stream, NULL, NULL, &error));
    assert_ok(fkv_get(client, "k\0\xff", 3, NULL, &stream, &error));
    assert_true(table_is(&stream, &small));
    flow_done(&flow);
}

/* ---- replacing ---- */

static void a_reader_keeps_the_version_it_began_with(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    flow.pipe = (struct net_pipe_options){.buffer_bytes = 256};
    struct fkv_client *reader = flow_client(&flow), *writer = flow_client(&flow);
    assert_ok(table_put(writer, "k", &other, &error));
    struct ArrowArrayStream stream;
    assert_ok(table_get(reader, "k", &stream, &error));
    assert_ok(table_put(writer, "k", &small, &error));
    assert_table(writer, "k", &small);
    assert_ok(fkv_delete(writer, "k", 1, &error));
    assert_true(table_is(&stream, &other));
    flow_settle(&flow);
    assert_int_equal(flow_stats(&flow).tables, 0);
    assert_int_equal(table_get(reader, "k", &stream, &error), FKV_NOT_FOUND);
    flow_done(&flow);
}

struct race {
    struct flow *flow;
    struct fkv_client *readers[4];
    struct fkv_client *second;
    const struct table_rule *before; /* what readers must see until the commit */
};

static void read_all(struct race *race, const struct table_rule *rule)
{
    for (size_t i = 0; i < 4; i++)
        assert_table(race->readers[i], "k", rule);
}

static void second_batch(void *context, uint32_t number)
{
    (void)number;
    struct race *race = context;
    read_all(race, race->before);
}

static const struct table_rule second_rule = {.seed = 4000, .batches = 4, .rows = 50};

/* In the middle of the first put, the second one begins and ends. */
static void first_batch(void *context, uint32_t number)
{
    struct race *race = context;
    read_all(race, race->before);
    if (number != 2)
        return;
    struct table_rule rule = second_rule;
    rule.before_batch = second_batch;
    rule.context = race;
    assert_ok(table_put(race->second, "k", &rule, &error));
    race->before = &second_rule;
}

static void two_puts_of_one_key_are_each_whole(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    struct race race = {.flow = &flow, .before = &small};
    struct fkv_client *first = flow_client(&flow);
    race.second = flow_client(&flow);
    for (size_t i = 0; i < 4; i++)
        race.readers[i] = flow_client(&flow);
    assert_ok(table_put(first, "k", &small, &error));
    struct table_rule rule = {
        .seed = 70, .batches = 5, .rows = 300, .before_batch = first_batch, .context = &race};
    assert_ok(table_put(first, "k", &rule, &error));
    read_all(&race, &rule);
    assert_int_equal(flow_stats(&flow).tables, 1);
    flow_done(&flow);
}

/* ---- what is broken leaves nothing ---- */

struct breaking {
    struct flow *flow;
    struct fkv_client *client;
    uint32_t at;
};

static void break_at(void *context, uint32_t number)
{
    struct breaking *breaking = context;
    if (number == breaking->at)
        flow_break(breaking->flow, breaking->client);
}

static void assert_as_before(struct flow *flow, const struct store_stats *before)
{
    struct store_stats after = flow_stats(flow);
    assert_int_equal(after.keys, before->keys);
    assert_int_equal(after.tables, before->tables);
    assert_int_equal(after.table_bytes, before->table_bytes);
    assert_int_equal(after.puts_open, 0);
    assert_int_equal(after.memory.used_bytes, before->memory.used_bytes);
}

static void a_killed_client_leaves_nothing(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *reader = flow_begin(&flow, NULL);
    assert_ok(table_put(reader, "k", &small, &error));
    struct store_stats before = flow_stats(&flow);
    for (uint32_t at = 0; at <= 6; at++) {
        struct fkv_client *client = flow_client(&flow);
        struct breaking breaking = {&flow, client, at};
        struct table_rule rule = {
            .seed = 1, .batches = 6, .rows = 20000, .before_batch = break_at, .context = &breaking};
        assert_int_equal(table_put(client, "k", &rule, &error), FKV_UNAVAILABLE);
        assert_as_before(&flow, &before);
        assert_table(reader, "k", &small);
    }
    flow_done(&flow);
}

static void a_failing_source_leaves_nothing(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    struct store_stats before = flow_stats(&flow);
    for (uint32_t at = 1; at <= 5; at++) {
        struct table_rule rule = {.seed = 1, .batches = 5, .rows = 500, .fail_at = at};
        assert_int_equal(table_put(client, "k", &rule, &error), FKV_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "the rule says so"));
        flow_settle(&flow);
        assert_as_before(&flow, &before);
    }
    assert_ok(table_put(client, "k", &small, &error)); /* the connection is still good */
    flow_done(&flow);
}

/* Its schema has the same bytes, and so isn't decoded; one that failed leaves nothing to the next.
 */
static void a_put_after_another_decodes_no_schema(void **state)
{
    (void)state;
    const struct table_rule broken = {.seed = 9, .batches = 5, .rows = 9000, .fail_at = 3};
    struct test_alloc memory;
    struct flow flow;
    struct fkv_client *client;
    size_t requests[4];
    test_alloc_init(&memory, 0);
    flow_init(&flow, &memory.alloc, NULL);
    client = flow_client(&flow);
    for (int i = 0; i < 4; i++) {
        if (i == 3) /* as if there had been none */
            ipc_verifier_free(atomic_exchange(&flow.server->cache.verifier, NULL));
        size_t before = memory.requests;
        assert_ok(table_put(client, "k", &small, &error));
        requests[i] = memory.requests - before;
        assert_non_null(flow.server->cache.verifier);
    }
    assert_true(requests[2] + 5 < requests[3]);
    assert_int_not_equal(table_put(client, "k", &broken, &error), FKV_OK);
    flow_settle(&flow);
    assert_null(flow.server->cache.verifier);
    assert_ok(table_put(client, "l", &small, &error));
    assert_non_null(flow.server->cache.verifier);
    assert_table(client, "k", &small);
    assert_table(client, "l", &small);
    flow_done(&flow);
    assert_int_equal(memory.live, 0);
}

static bool cancel_at_second(void *context, const struct fkv_progress *progress)
{
    (void)context;
    return progress->batches < 2;
}

static void a_put_can_be_cancelled(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    struct store_stats before = flow_stats(&flow);
    struct ArrowArrayStream stream;
    table_stream(&other, &stream);
    const struct fkv_put_options options = {.size = sizeof options, .progress = cancel_at_second};
    assert_int_equal(fkv_put(client, "k", 1, &stream, &options, NULL, &error), FKV_CANCELLED);
    flow_settle(&flow);
    assert_as_before(&flow, &before);
    flow_done(&flow);
}

/* ---- limits and time ---- */

static void what_does_not_fit_is_refused_with_the_numbers(void **state)
{
    (void)state;
    struct flow flow;
    const char *const settings[] = {"memory", "8MiB", NULL};
    struct fkv_client *client = flow_begin(&flow, settings);
    assert_ok(table_put(client, "old", &other, &error));
    struct store_stats before = flow_stats(&flow);
    static const struct table_rule large = {.seed = 1, .batches = 1, .rows = 800000};
    assert_int_equal(table_put(client, "new", &large, &error), FKV_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.message, "new"));
    assert_non_null(strstr(error.message, "8.0 MiB"));
    flow_settle(&flow);
    assert_as_before(&flow, &before);
    static const struct table_rule many = {.seed = 1, .batches = 400, .rows = 2000};
    assert_int_equal(table_put(client, "new", &many, &error), FKV_RESOURCE_EXHAUSTED);
    flow_settle(&flow);
    assert_as_before(&flow, &before);
    assert_table(client, "old", &other);
    flow_done(&flow);
}

/* The index of many batches fits while it grows, but not beside the table made of it in the end. */
static void a_table_that_does_not_fit_in_the_end_is_named(void **state)
{
    (void)state;
    struct flow flow;
    const char *const settings[] = {"memory", "1MiB", NULL};
    struct fkv_client *client = flow_begin(&flow, settings);
    static const struct table_rule many = {.batches = 8000};
    assert_int_equal(table_put(client, "some-key", &many, &error), FKV_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.message, "some-key"));
    flow_settle(&flow);
    assert_int_equal(flow_stats(&flow).memory.used_bytes, 0);
    flow_done(&flow);
}

static void wait_two_minutes(void *context, uint32_t number)
{
    if (number == 1)
        flow_wind(context, 121 * NS_PER_S);
}

static void a_stalled_upload_ends(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    struct store_stats before = flow_stats(&flow);
    struct table_rule rule = {.seed = 1,
                              .batches = 3,
                              .rows = 100000,
                              .before_batch = wait_two_minutes,
                              .context = &flow};
    assert_int_equal(table_put(client, "k", &rule, &error), FKV_DEADLINE_EXCEEDED);
    assert_non_null(strstr(error.message, "upload-timeout"));
    flow_settle(&flow);
    assert_as_before(&flow, &before);
    flow_done(&flow);
}

static void a_connection_that_says_nothing_is_closed(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    struct net_pipe_options options = {0};
    struct net_transport *silent, *server_end;
    assert_ok(net_pipe_new(alloc_system(), &options, &silent, &server_end, &error));
    assert_ok(host_adopt(flow.server->host, server_end, &error));
    assert_int_equal(host_stats(flow.server->host).connections_open, 1);
    flow_wind(&flow, 11 * NS_PER_S);
    assert_int_equal(host_stats(flow.server->host).connections_open, 0);
    net_close(silent);
    flow_done(&flow);
}

/* A byte now and then is not HTTP/2 yet. */
static void a_connection_that_says_little_is_closed(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    struct net_transport *slow, *server_end;
    assert_ok(net_pipe_new(alloc_system(), NULL, &slow, &server_end, &error));
    net_pipe_hold(server_end);
    assert_ok(host_adopt(flow.server->host, server_end, &error));
    for (unsigned second = 0; second < 11; second++) {
        const struct iovec iov = {(void *)&"PRI * HTTP/2.0"[second], 1};
        net_write(slow, &iov, 1);
        while (net_pipe_step(server_end))
            ;
        flow_wind(&flow, NS_PER_S);
    }
    assert_int_equal(host_stats(flow.server->host).connections_open, 0);
    net_close(slow);
    net_pipe_release(server_end);
    flow_done(&flow);
}

static void connections_have_a_limit(void **state)
{
    (void)state;
    struct flow flow;
    const char *const settings[] = {"connections", "2", NULL};
    struct fkv_client *a = flow_begin(&flow, settings), *b = flow_client(&flow), *c = NULL;
    assert_int_equal(flow_try_client(&flow, &c, &error), FKV_RESOURCE_EXHAUSTED);
    flow_close_client(&flow, a);
    assert_ok(flow_try_client(&flow, &c, &error));
    assert_ok(table_put(b, "k", &small, &error));
    assert_table(c, "k", &small);
    flow_done(&flow);
}

/* ---- one client, one call at a time ---- */

static void a_client_is_busy_while_a_get_is_open(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    flow.pipe = (struct net_pipe_options){.buffer_bytes = 256};
    struct fkv_client *client = flow_client(&flow);
    assert_ok(table_put(client, "k", &other, &error));
    struct ArrowArrayStream stream, again;
    assert_ok(table_get(client, "k", &stream, &error));
    assert_int_equal(table_get(client, "k", &again, &error), FKV_FAILED_PRECONDITION);
    stream.release(&stream);
    assert_table(client, "k", &other);
    flow_done(&flow);
}

static void a_stream_outlives_its_client(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    flow.pipe = (struct net_pipe_options){.buffer_bytes = 256};
    struct fkv_client *client = flow_client(&flow);
    assert_ok(table_put(client, "k", &other, &error));
    struct ArrowArrayStream stream;
    struct ArrowArray array, next;
    assert_ok(table_get(client, "k", &stream, &error));
    assert_int_equal(stream.get_next(&stream, &array), 0);
    flow_close_client(&flow, client);
    assert_int_not_equal(stream.get_next(&stream, &next), 0);
    assert_int_equal(fkv_stream_error(&stream, &error), FKV_UNAVAILABLE);
    stream.release(&stream);
    assert_int_equal(((const int64_t *)array.children[0]->buffers[1])[0], 900);
    array.release(&array);
    flow_settle(&flow);
    assert_int_equal(flow_stats(&flow).tables, 1);
    flow_done(&flow);
}

static void a_lost_connection_is_made_again(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    assert_ok(table_put(client, "k", &small, &error));
    flow_break(&flow, client);
    if (table_put(client, "k", &small, &error) !=
        FKV_OK) /* the loss may be noticed only by a call */
        assert_ok(table_put(client, "k", &small, &error));
    assert_table(client, "k", &small);
    flow_done(&flow);
}

/* ---- listing ---- */

struct listed {
    unsigned count;
    unsigned limit;
};

static bool count_table(void *context, struct fkv_table_info *info)
{
    struct listed *listed = context;
    assert_int_equal(info->rows, 300);
    assert_int_equal(info->schema.n_children, 2);
    return ++listed->count < listed->limit;
}

static void lists_by_pattern(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    for (unsigned i = 0; i < 300; i++) {
        char key[32];
        snprintf(key, sizeof key, "%s/%u", i % 3 == 0 ? "a" : "b", i);
        assert_ok(table_put(client, key, &small, &error));
    }
    struct listed listed = {0, 1000};
    assert_ok(fkv_list(client, NULL, count_table, &listed, &error));
    assert_int_equal(listed.count, 300);
    listed = (struct listed){0, 1000};
    assert_ok(fkv_list(client, "a/*", count_table, &listed, &error));
    assert_int_equal(listed.count, 100);
    listed = (struct listed){0, 5};
    assert_ok(fkv_list(client, "*", count_table, &listed, &error));
    assert_int_equal(listed.count, 5);
    listed = (struct listed){0, 1000};
    assert_ok(fkv_list(client, "no key is like this", count_table, &listed, &error));
    assert_int_equal(listed.count, 0);
    static char pattern[8194];
    memset(pattern, '?', sizeof pattern - 1);
    assert_int_equal(fkv_list(client, pattern, count_table, &listed, &error), FKV_INVALID_ARGUMENT);
    struct fkv_table_info info;
    assert_ok(fkv_info(client, "a/0", 3, &info, &error));
    assert_int_equal(info.rows, 300);
    assert_int_equal(info.key_size, 3);
    assert_memory_equal(info.key, "a/0", 3);
    static const char figures[] = "{\"batches\":3,\"memory_bytes\":";
    assert_true(info.app_metadata_size > sizeof figures);
    assert_memory_equal(info.app_metadata, figures, sizeof figures - 1);
    fkv_table_info_done(&info);
    assert_null(info.app_metadata);
    flow_done(&flow);
}

static uint64_t steps_to_list(struct flow *flow, struct fkv_client *client, const char *pattern,
                              size_t expected)
{
    uint64_t before = flow->now_ns;
    struct listed listed = {0, 1000};
    assert_ok(fkv_list(client, pattern, count_table, &listed, &error));
    assert_int_equal(listed.count, expected);
    return (flow->now_ns - before) / flow->step_ns;
}

/* Matching one key takes pattern times key steps at worst: it is spread over turns, so that the
 * worker's other connections have theirs. */
static void a_costly_pattern_takes_turns(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    char key[store_key_bytes_max], pattern[store_key_bytes_max / 2 + 2];
    memset(key, 'a', sizeof key);
    struct ArrowArrayStream stream;
    table_stream(&small, &stream);
    assert_ok(fkv_put(client, key, sizeof key, &stream, NULL, NULL, &error));
    memset(pattern, 'a', sizeof pattern);
    pattern[0] = '*';
    pattern[sizeof pattern - 2] = 'b';
    pattern[sizeof pattern - 1] = '\0';
    uint64_t cheap = steps_to_list(&flow, client, "a*", 1);
    uint64_t costly = steps_to_list(&flow, client, pattern, 0);
    assert_true(costly >= cheap + 14); /* 2,048 x 2,048 steps, of which a turn takes 262,144 */
    flow_done(&flow);
}

struct text {
    char bytes[4096];
};

static bool keep_text(void *context, const void *body, size_t size)
{
    struct text *text = context;
    snprintf(text->bytes, sizeof text->bytes, "%.*s", (int)size, (const char *)body);
    return true;
}

static enum fkv_status act(struct fkv_client *client, const char *type, const char *body,
                           struct text *ret)
{
    ret->bytes[0] = '\0';
    return fkv_action(client, type, body, strlen(body), keep_text, ret, &error);
}

static void actions_answer_in_json(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = flow_begin(&flow, NULL);
    struct text text;
    assert_ok(table_put(client, "k", &small, &error));
    assert_ok(act(client, "flightkv.ping", "", &text));
    assert_non_null(strstr(text.bytes, "\"ok\":true"));
    assert_ok(act(client, "flightkv.exists", "{\"key\":\"k\"}", &text));
    assert_non_null(strstr(text.bytes, "\"exists\":true"));
    assert_ok(act(client, "flightkv.exists", "{\"key_b64\":\"aw==\"}", &text));
    assert_non_null(strstr(text.bytes, "\"exists\":true"));
    assert_ok(act(client, "flightkv.stat", "{\"key\":\"k\"}", &text));
    assert_non_null(strstr(text.bytes, "\"rows\":300"));
    assert_non_null(strstr(text.bytes, "\"batches\":3"));
    assert_ok(act(client, "flightkv.stats", "{}", &text));
    assert_non_null(strstr(text.bytes, "\"keys\":1"));
    assert_ok(act(client, "flightkv.delete", "{\"key\":\"k\"}", &text));
    assert_non_null(strstr(text.bytes, "\"deleted\":true"));
    assert_ok(act(client, "flightkv.delete", "{\"key\":\"k\"}", &text));
    assert_non_null(strstr(text.bytes, "\"deleted\":false"));
    assert_int_equal(act(client, "flightkv.stat", "{\"key\":\"k\"}", &text), FKV_NOT_FOUND);
    assert_int_equal(act(client, "flightkv.stat", "{\"key\":", &text), FKV_INVALID_ARGUMENT);
    assert_int_equal(act(client, "flightkv.stat", "[]", &text), FKV_INVALID_ARGUMENT);
    assert_int_equal(act(client, "flightkv.stat", "{}", &text), FKV_INVALID_ARGUMENT);
    assert_int_equal(act(client, "flightkv.stat", "{\"key\":\"k\",\"x\":1}", &text),
                     FKV_UNIMPLEMENTED);
    assert_int_equal(act(client, "flightkv.fly", "", &text), FKV_UNIMPLEMENTED);
    flow_done(&flow);
}

int main(void)
{
    RUN_TESTS(
        cmocka_unit_test(comes_back_whole_in_any_pieces), cmocka_unit_test(a_missing_key_is_named),
        cmocka_unit_test(keys_keep_their_rules),
        cmocka_unit_test(a_reader_keeps_the_version_it_began_with),
        cmocka_unit_test(two_puts_of_one_key_are_each_whole),
        cmocka_unit_test(a_killed_client_leaves_nothing),
        cmocka_unit_test(a_failing_source_leaves_nothing), cmocka_unit_test(a_put_can_be_cancelled),
        cmocka_unit_test(a_put_after_another_decodes_no_schema),
        cmocka_unit_test(what_does_not_fit_is_refused_with_the_numbers),
        cmocka_unit_test(a_table_that_does_not_fit_in_the_end_is_named),
        cmocka_unit_test(a_stalled_upload_ends),
        cmocka_unit_test(a_connection_that_says_nothing_is_closed),
        cmocka_unit_test(a_connection_that_says_little_is_closed),
        cmocka_unit_test(connections_have_a_limit),
        cmocka_unit_test(a_client_is_busy_while_a_get_is_open),
        cmocka_unit_test(a_stream_outlives_its_client),
        cmocka_unit_test(a_lost_connection_is_made_again), cmocka_unit_test(lists_by_pattern),
        cmocka_unit_test(a_costly_pattern_takes_turns), cmocka_unit_test(actions_answer_in_json));
}
