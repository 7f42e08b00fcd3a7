/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of the cache: what a client sets once, and what its later calls make of it. */
#include <stdlib.h>
#include <unistd.h>

#include "flow/flow.h"
#include "flow/tables.h"
#include "harness/hashes.h"
#include "server/sessions.h"

static struct fkv_error error;

static const struct table_rule rule = {.seed = 40, .batches = 4, .rows = 100};

#define TEXT(text)                \
    (struct fkv_bytes)            \
    {                             \
        text, sizeof(text "") - 1 \
    }

static struct fkv_flight_option text_option(const char *name, const char *value)
{
    return (struct fkv_flight_option){.name = {name, strlen(name)},
                                      .type = FKV_FLIGHT_OPTION_STRING,
                                      .string = {value, strlen(value)}};
}

static struct fkv_flight_option number_option(const char *name, int64_t value)
{
    return (struct fkv_flight_option){
        .name = {name, strlen(name)}, .type = FKV_FLIGHT_OPTION_INT64, .int64 = value};
}

/* Sets an option; gives what was wrong with it, -1 for nothing. */
static int set(struct fkv_client *client, struct fkv_flight_option option)
{
    struct fkv_flight_option_errors *errors;
    int problem = -1;
    assert_ok(fkv_flight_set_session_options(client, &option, 1, NULL, &errors, &error));
    assert_true(errors->count <= 1);
    if (errors->count == 1) {
        assert_true(slice_is(slice_of(errors->errors[0].name.data, errors->errors[0].name.size),
                             option.name.data));
        problem = (int)errors->errors[0].problem;
    }
    fkv_flight_free(errors);
    return problem;
}

static int set_text(struct fkv_client *client, const char *name, const char *value)
{
    return set(client, text_option(name, value));
}

static void put(struct fkv_client *client, const struct fkv_put_options *options)
{
    struct ArrowArrayStream stream;
    table_stream(&rule, &stream);
    assert_ok(fkv_put(client, "k", 1, &stream, options, NULL, &error));
}

static enum fkv_status get(struct fkv_client *client, const char *rows,
                           struct ArrowArrayStream *ret)
{
    const struct fkv_get_options options = {.size = sizeof options, .rows = rows};
    return fkv_get(client, "k", 1, &options, ret, &error);
}

static void expect_rows(struct fkv_client *client, const char *rows, uint64_t first, uint64_t count)
{
    struct ArrowArrayStream stream;
    uint64_t batches;
    assert_ok(get(client, rows, &stream));
    assert_true(table_rows_are(&stream, rule.seed + first, count, &batches));
}

static void a_session_gives_defaults(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, alloc_system(), NULL);
    struct fkv_client *client = flow_client(&flow), *other = flow_client(&flow);
    put(client, NULL);
    expect_rows(client, NULL, 0, 400);
    assert_int_equal(set_text(client, "flightkv-rows", "10:20"), -1);
    expect_rows(client, NULL, 10, 10);
    expect_rows(client, "30:33", 30, 3); /* the call's own */
    expect_rows(other, NULL, 0, 400);
    assert_int_equal(set_text(client, "flightkv-rows", "390:"), -1);
    expect_rows(client, NULL, 390, 10);
    assert_int_equal(set(client, (struct fkv_flight_option){.name = TEXT("flightkv-rows")}),
                     -1); /* erased */
    expect_rows(client, NULL, 0, 400);
    flow_done(&flow);
}

static uint64_t batches_of_get(struct fkv_client *client)
{
    struct ArrowArrayStream stream;
    uint64_t batches = 0;
    assert_ok(get(client, NULL, &stream));
    assert_true(table_rows_are(&stream, rule.seed, 400, &batches));
    return batches;
}

/* Each call takes of the session what it has itself; nothing else is refused. */
static void each_call_takes_its_own(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_flight_info *info;
    flow_init(&flow, alloc_system(), NULL);
    struct fkv_client *client = flow_client(&flow);
    const struct fkv_flight_descriptor descriptor = {.type = FKV_FLIGHT_CMD, .cmd = TEXT("k")};
    put(client, NULL);
    assert_int_equal(set(client, number_option("flightkv-max-message-bytes", 1000)), -1);
    assert_int_equal(set_text(client, "flightkv-mode", "append"), -1);
    assert_int_equal(set_text(client, "flightkv-endpoints", "3"), -1);
    assert_true(batches_of_get(client) > 4);
    assert_ok(fkv_flight_get_info(client, &descriptor, NULL, &info, &error));
    assert_int_equal(info->endpoint_count, 3);
    assert_int_equal(info->total_records, 400);
    fkv_flight_free(info);
    put(client, NULL);
    assert_ok(fkv_flight_get_info(client, &descriptor, NULL, &info, &error));
    assert_int_equal(info->total_records, 800);
    fkv_flight_free(info);
    put(client,
        &(struct fkv_put_options){.size = sizeof(struct fkv_put_options), .mode = FKV_PUT_REPLACE});
    assert_ok(fkv_action(client, "flightkv.ping", NULL, 0, NULL, NULL, &error));
    flow_done(&flow);
}

static void options_come_back_as_they_were_set(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_flight_options *options;
    flow_init(&flow, alloc_system(), NULL);
    struct fkv_client *client = flow_client(&flow);
    assert_ok(fkv_flight_get_session_options(client, NULL, &options, &error)); /* begins it */
    assert_int_equal(options->count, 0);
    fkv_flight_free(options);
    assert_int_equal(set(client, number_option("flightkv-endpoints", 256)), -1);
    assert_int_equal(set_text(client, "flightkv-max-message-bytes", "0"), -1);
    assert_ok(fkv_flight_get_session_options(client, NULL, &options, &error));
    assert_int_equal(options->count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct fkv_flight_option *option = &options->options[i];
        bool is_number = option->type == FKV_FLIGHT_OPTION_INT64;
        assert_true(slice_is(slice_of(option->name.data, option->name.size),
                             is_number ? "flightkv-endpoints" : "flightkv-max-message-bytes"));
        assert_true(is_number ? option->int64 == 256
                              : slice_is(slice_of(option->string.data, option->string.size), "0"));
    }
    fkv_flight_free(options);
    flow_done(&flow);
}

static void what_is_wrong_with_an_option_is_told(void **state)
{
    (void)state;
    static const struct fkv_bytes strings[] = {{"a", 1}};
    const struct {
        struct fkv_flight_option option;
        int problem;
    } rows[] = {
        {text_option("rows", "1:2"), FKV_FLIGHT_OPTION_INVALID_NAME},
        {text_option("flightkv-other", "1"), FKV_FLIGHT_OPTION_INVALID_NAME},
        {text_option("", "1"), FKV_FLIGHT_OPTION_INVALID_NAME},
        {text_option("flightkv-rows", "2:1"), FKV_FLIGHT_OPTION_INVALID_VALUE},
        {text_option("flightkv-rows", ""), FKV_FLIGHT_OPTION_INVALID_VALUE},
        {number_option("flightkv-rows", 1), FKV_FLIGHT_OPTION_INVALID_VALUE},
        {text_option("flightkv-columns", "\xc3\xa4"), FKV_FLIGHT_OPTION_INVALID_VALUE},
        {text_option("flightkv-columns", "a\n"), FKV_FLIGHT_OPTION_INVALID_VALUE},
        {text_option("flightkv-mode", "delete"), FKV_FLIGHT_OPTION_INVALID_VALUE},
        {number_option("flightkv-endpoints", 0), FKV_FLIGHT_OPTION_INVALID_VALUE},
        {number_option("flightkv-endpoints", 257), FKV_FLIGHT_OPTION_INVALID_VALUE},
        {number_option("flightkv-endpoints", INT64_MIN), FKV_FLIGHT_OPTION_INVALID_VALUE},
        {text_option("flightkv-max-message-bytes", "much"), FKV_FLIGHT_OPTION_INVALID_VALUE},
        {{.name = TEXT("flightkv-endpoints"), .type = FKV_FLIGHT_OPTION_BOOL, .boolean = true},
         FKV_FLIGHT_OPTION_INVALID_VALUE},
        {{.name = TEXT("flightkv-endpoints"), .type = FKV_FLIGHT_OPTION_DOUBLE, .real = 2},
         FKV_FLIGHT_OPTION_INVALID_VALUE},
        {{.name = TEXT("flightkv-columns"),
          .type = FKV_FLIGHT_OPTION_STRINGS,
          .strings = strings,
          .string_count = 1},
         FKV_FLIGHT_OPTION_INVALID_VALUE},
    };
    struct flow flow;
    struct fkv_flight_options *options;
    flow_init(&flow, alloc_system(), NULL);
    struct fkv_client *client = flow_client(&flow);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(set(client, rows[i].option), rows[i].problem);
    static char large[session_bytes_max + 2];
    memset(large, 'x', session_bytes_max + 1);
    assert_int_equal(set_text(client, "flightkv-columns", large), FKV_FLIGHT_OPTION_ERROR);
    assert_ok(fkv_flight_get_session_options(client, NULL, &options, &error));
    assert_int_equal(options->count, 0);
    fkv_flight_free(options);
    flow_done(&flow);
}

static void of_an_option_given_twice_the_last_counts(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_flight_option_errors *errors;
    const struct fkv_flight_option options[] = {
        text_option("flightkv-rows", "bad"),
        text_option("flightkv-rows", "7:9"),
    };
    flow_init(&flow, alloc_system(), NULL);
    struct fkv_client *client = flow_client(&flow);
    put(client, NULL);
    assert_ok(fkv_flight_set_session_options(client, options, 2, NULL, &errors, &error));
    assert_int_equal(errors->count, 0);
    fkv_flight_free(errors);
    expect_rows(client, NULL, 7, 2);
    flow_done(&flow);
}

/* ---- their end ---- */

static enum fkv_status ping(struct fkv_client *client)
{
    return fkv_action(client, "flightkv.ping", NULL, 0, NULL, NULL, &error);
}

static void a_closed_session_leaves_no_cookie(void **state)
{
    (void)state;
    struct flow flow;
    enum fkv_flight_close_status closed;
    flow_init(&flow, alloc_system(), NULL);
    struct fkv_client *client = flow_client(&flow);
    put(client, NULL);
    assert_int_equal(fkv_flight_close_session(client, NULL, &closed, &error), FKV_NOT_FOUND);
    assert_int_equal(set_text(client, "flightkv-rows", "10:20"), -1);
    assert_ok(fkv_flight_close_session(client, NULL, &closed, &error));
    assert_int_equal(closed, FKV_FLIGHT_CLOSED);
    expect_rows(client, NULL, 0, 400);
    assert_int_equal(fkv_flight_close_session(client, NULL, &closed, &error), FKV_NOT_FOUND);
    flow_done(&flow);
}

/* Whatever the call, lest it does something else than its client means. Asking about the session
 * tells the client to forget it. */
static void calls_of_a_session_that_is_over_fail(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_flight_options *options;
    struct ArrowArrayStream stream;
    flow_init(&flow, alloc_system(), (const char *const[]){"session-idle", "10s", NULL});
    struct fkv_client *client = flow_client(&flow);
    put(client, NULL);
    assert_int_equal(set_text(client, "flightkv-rows", "10:20"), -1);
    flow_wind(&flow, 9 * NS_PER_S);
    expect_rows(client, NULL, 10, 10);
    flow_wind(&flow, 9 * NS_PER_S);
    expect_rows(client, NULL, 10, 10);
    flow_wind(&flow, 11 * NS_PER_S);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(get(client, "1:2", &stream), FKV_NOT_FOUND);
        assert_non_null(strstr(error.message, "there is no such session"));
        assert_int_equal(ping(client), FKV_NOT_FOUND);
    }
    assert_int_equal(fkv_flight_get_session_options(client, NULL, &options, &error), FKV_NOT_FOUND);
    expect_rows(client, NULL, 0, 400);
    assert_int_equal(set_text(client, "flightkv-rows", "30:31"), -1);
    expect_rows(client, NULL, 30, 1);
    flow_done(&flow);
}

static void cookies_are_read_as_clients_write_them(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "arrow_flight_session_id=%s",
        "a=b; arrow_flight_session_id=%s; c=d",
        "a=b;arrow_flight_session_id=%s",
        "arrow_flight_session_id=\"%s\"",
    };
    static const char *const wrong[] = {"arrow_flight_session_id=", "arrow_flight_session_id=\"",
                                        "arrow_flight_session_id=%sx",
                                        "arrow_flight_session_id= %s"};
    static const char *const none[] = {"x_arrow_flight_session_id=1", "arrow_flight_session_id",
                                       ";;= ", ""};
    struct flow flow;
    char name[session_name_size + 1], cookie[128];
    flow_init(&flow, alloc_system(), NULL);
    struct fkv_client *client = flow_client(&flow);
    struct sessions *sessions = flow.server->cache.sessions;
    assert_ok(sessions_begin(sessions, 0, flow.now_ns, name, &error));
    for (size_t i = 0; i < 12; i++) {
        const char *form = i < 4 ? forms[i] : i < 8 ? wrong[i - 4] : none[i - 8];
        const char *at = strstr(form, "%s");
        snprintf(cookie, sizeof cookie, "%.*s%s%s", (int)(at ? at - form : (long)strlen(form)),
                 form, at ? name : "", at ? at + 2 : "");
        assert_ok(fkv_flight_client_header(client, "cookie",
                                           (struct fkv_bytes){cookie, strlen(cookie)}, &error));
        assert_int_equal(ping(client), i < 4 || i >= 8 ? FKV_OK : FKV_NOT_FOUND);
    }
    flow_done(&flow);
}

/* ---- with users ---- */

static void a_session_is_its_users(void **state)
{
    (void)state;
    char path[] = "/tmp/flightkv-users-XXXXXX";
    static const char text[] = "ann:" HASH_OF_SECRET "\nbob:" HASH_OF_OTHER "\n";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    struct flow flow;
    flow_init(&flow, alloc_system(), (const char *const[]){"auth-file", path, NULL});
    unlink(path);
    struct fkv_client *clients[3];
    for (size_t i = 0; i < 3; i++) {
        const struct fkv_client_options options = {.size = sizeof options,
                                                   .user = i < 2 ? "ann" : "bob",
                                                   .password = i < 2 ? "secret" : "other"};
        flow.client_options = &options;
        clients[i] = flow_client(&flow);
    }
    put(clients[0], NULL);
    assert_int_equal(set_text(clients[0], "flightkv-rows", "10:20"), -1);
    struct client_metadata sent;
    assert_ok(client_fields_collect(&clients[0]->fields, "x", (struct wire_metadata){0}, NULL,
                                    &sent, &error));
    for (size_t i = 1; i < 3; i++)
        assert_ok(fkv_flight_client_header(
            clients[i], "cookie", (struct fkv_bytes){sent.cookie.data, sent.cookie.size}, &error));
    client_metadata_done(&sent);
    expect_rows(clients[0], NULL, 10, 10);
    expect_rows(clients[1], NULL, 10, 10);
    assert_int_equal(ping(clients[2]), FKV_NOT_FOUND);
    expect_rows(clients[0], NULL, 10, 10);
    flow_done(&flow);
}

/* ---- without memory ---- */

static enum fkv_status try_session(struct fkv_client *client)
{
    const struct fkv_flight_option set[] = {text_option("flightkv-rows", "1:3"),
                                            text_option("flightkv-columns", "x,y"),
                                            number_option("flightkv-endpoints", 2)};
    struct fkv_flight_option_errors *errors = NULL;
    struct fkv_flight_options *options = NULL;
    struct ArrowArrayStream stream;
    enum fkv_flight_close_status closed;
    uint64_t batches;
    enum fkv_status status = fkv_flight_set_session_options(client, set, 3, NULL, &errors, &error);
    bool is_set = status == FKV_OK && errors->count == 0;
    fkv_flight_free(errors);
    if (!is_set)
        return status == FKV_OK ? FKV_RESOURCE_EXHAUSTED : status;
    status = get(client, NULL, &stream);
    if (status == FKV_OK && !table_rows_are(&stream, rule.seed + 1, 2, &batches))
        status = FKV_RESOURCE_EXHAUSTED;
    enum fkv_status asked = fkv_flight_get_session_options(client, NULL, &options, &error);
    if (asked == FKV_OK) /* or what had failed is the session's cookie */
        assert_int_equal(options->count, 3);
    fkv_flight_free(options);
    enum fkv_status ended = fkv_flight_close_session(client, NULL, &closed, &error);
    return status != FKV_OK ? status : asked != FKV_OK ? asked : ended;
}

static enum fkv_status try_all(const struct alloc *alloc)
{
    struct flow flow;
    struct fkv_client *client;
    struct ArrowArrayStream stream;
    enum fkv_status status = flow_try_init(&flow, alloc, NULL, &error);
    if (status != FKV_OK)
        return status;
    status = flow_try_client(&flow, &client, &error);
    if (status == FKV_OK) {
        table_stream(&rule, &stream);
        status = fkv_put(client, "k", 1, &stream, NULL, NULL, &error);
    }
    if (status == FKV_OK)
        status = try_session(client);
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
    RUN_TESTS(cmocka_unit_test(a_session_gives_defaults), cmocka_unit_test(each_call_takes_its_own),
              cmocka_unit_test(options_come_back_as_they_were_set),
              cmocka_unit_test(what_is_wrong_with_an_option_is_told),
              cmocka_unit_test(of_an_option_given_twice_the_last_counts),
              cmocka_unit_test(a_closed_session_leaves_no_cookie),
              cmocka_unit_test(calls_of_a_session_that_is_over_fail),
              cmocka_unit_test(cookies_are_read_as_clients_write_them),
              cmocka_unit_test(a_session_is_its_users),
              cmocka_unit_test(every_failed_allocation_is_survived));
}
