/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/service_calls.h"

#include "flow/tables.h"

static _Thread_local struct fkv_error error;

static const struct table_rule rule = {.seed = 3, .batches = 3, .rows = 50};

bool is_text(struct fkv_bytes bytes, const char *text)
{
    return slice_is(slice_of(bytes.data, bytes.size), text);
}

struct fkv_flight_descriptor command(const char *text)
{
    return (struct fkv_flight_descriptor){.type = FKV_FLIGHT_CMD, .cmd = TEXT(text)};
}

/* ---- the service: what comes back tells what was asked ---- */

static const struct fkv_bytes locations[] = {{FKV_FLIGHT_REUSE_CONNECTION, 33},
                                             {"grpc+tcp://elsewhere:1", 22}};

static void fill_info(const struct fkv_flight_descriptor *descriptor,
                      struct fkv_flight_endpoint *endpoint, struct ArrowSchema *schema,
                      struct fkv_flight_info *ret)
{
    struct ArrowArrayStream stream;
    table_stream(&rule, &stream);
    assert_int_equal(stream.get_schema(&stream, schema), 0);
    stream.release(&stream);
    *endpoint = (struct fkv_flight_endpoint){.ticket = TEXT("ticket"),
                                             .locations = locations,
                                             .location_count = 2,
                                             .has_expiration = true,
                                             .expiration = {1700000000, 7},
                                             .app_metadata = TEXT("of the endpoint")};
    *ret = (struct fkv_flight_info){.schema = schema,
                                    .descriptor = *descriptor,
                                    .endpoints = endpoint,
                                    .endpoint_count = 1,
                                    .total_records = 150,
                                    .total_bytes = -1,
                                    .ordered = true,
                                    .app_metadata = TEXT("of the info")};
}

static void send_info(struct fkv_flight_call *call, const struct fkv_flight_descriptor *descriptor)
{
    struct fkv_flight_endpoint endpoint;
    struct fkv_flight_info info;
    struct ArrowSchema schema;
    fill_info(descriptor, &endpoint, &schema, &info);
    fkv_flight_send_info(call, &info);
    schema.release(&schema);
}

static void get_flight_info(void *context, struct fkv_flight_call *call,
                            const struct fkv_flight_descriptor *descriptor)
{
    (void)context;
    struct fkv_bytes asked = fkv_flight_call_header(call, "x-asked");
    if (asked.data != NULL)
        fkv_flight_set_header(call, "x-answer", asked);
    fkv_flight_set_trailer(call, "x-end-bin", (struct fkv_bytes){"\0\xff", 2});
    if (is_text(descriptor->cmd, "none"))
        fkv_flight_fail(call, FKV_NOT_FOUND, "there is none");
    else if (is_text(descriptor->cmd, "two"))
        send_info(call, descriptor);
    send_info(call, descriptor);
    if (!is_text(descriptor->cmd, "silent"))
        fkv_flight_end(call);
}

static void poll_flight_info(void *context, struct fkv_flight_call *call,
                             const struct fkv_flight_descriptor *descriptor)
{
    (void)context;
    struct fkv_flight_endpoint endpoint;
    struct fkv_flight_info info;
    struct ArrowSchema schema;
    const struct fkv_flight_descriptor again = command("again");
    bool is_first = is_text(descriptor->cmd, "first");
    fill_info(descriptor, &endpoint, &schema, &info);
    const struct fkv_flight_poll_info poll = {.info = is_first ? NULL : &info,
                                              .descriptor = is_first ? &again : NULL,
                                              .has_progress = is_first,
                                              .has_expiration = is_first,
                                              .expiration = {9, 8}};
    fkv_flight_send_poll_info(call, &poll);
    fkv_flight_end(call);
    schema.release(&schema);
}

static void list_flights(void *context, struct fkv_flight_call *call, struct fkv_bytes criteria)
{
    (void)context;
    for (size_t i = 0; i < criteria.size; i++) {
        const struct fkv_flight_descriptor descriptor = {
            .type = FKV_FLIGHT_CMD, .cmd = {(const char *)criteria.data + i, 1}};
        send_info(call, &descriptor);
    }
    fkv_flight_end(call);
}

static void do_get(void *context, struct fkv_flight_call *call, struct fkv_bytes ticket)
{
    (void)context;
    struct table_rule given = rule;
    struct ArrowArrayStream stream;
    given.fail_at = is_text(ticket, "failing") ? 2 : 0;
    table_stream(&given, &stream);
    fkv_flight_send_stream(call, &stream);
    fkv_flight_end(call);
}

static void on_schema(void *context, struct fkv_flight_call *call, struct ArrowSchema *schema)
{
    bool *is_exchange = context;
    if (*is_exchange)
        fkv_flight_send_schema(call, schema);
}

static void on_batch(void *context, struct fkv_flight_call *call, struct fkv_flight_batch *batch)
{
    bool *is_exchange = context;
    if (*is_exchange)
        fkv_flight_send_batch(call, batch);
    else if (batch->has_app_metadata)
        fkv_flight_send_payload(call, batch->app_metadata);
}

static void on_end(void *context, struct fkv_flight_call *call)
{
    (void)context;
    fkv_flight_set_trailer(call, "x-done", TEXT("yes"));
    fkv_flight_end(call);
}

static const struct fkv_flight_receiver receiver = {on_schema, on_batch, on_end};
static bool is_put = false, is_exchange = true;

static void do_put(void *context, struct fkv_flight_call *call,
                   const struct fkv_flight_descriptor *descriptor)
{
    (void)context;
    if (is_text(descriptor->cmd, "refused"))
        fkv_flight_fail(call, FKV_PERMISSION_DENIED, "not here");
    else
        fkv_flight_receive(call, &receiver, &is_put);
}

static void do_exchange(void *context, struct fkv_flight_call *call,
                        const struct fkv_flight_descriptor *descriptor)
{
    (void)context;
    (void)descriptor;
    fkv_flight_receive(call, &receiver, &is_exchange);
}

static void do_action(void *context, struct fkv_flight_call *call, struct fkv_bytes type,
                      struct fkv_bytes body)
{
    (void)context;
    fkv_flight_send_payload(call, type);
    fkv_flight_send_payload(call, body);
    fkv_flight_end(call);
}

static void cancel_flight_info(void *context, struct fkv_flight_call *call,
                               const struct fkv_flight_info *info)
{
    (void)context;
    bool is_ours = info->endpoint_count == 1 && is_text(info->app_metadata, "of the info");
    fkv_flight_send_status(call, is_ours ? FKV_FLIGHT_CANCELLED : FKV_FLIGHT_NOT_CANCELLABLE);
    fkv_flight_end(call);
}

static void renew_flight_endpoint(void *context, struct fkv_flight_call *call,
                                  const struct fkv_flight_endpoint *endpoint)
{
    (void)context;
    struct fkv_flight_endpoint renewed = *endpoint;
    renewed.expiration.seconds++;
    fkv_flight_send_endpoint(call, &renewed);
    fkv_flight_end(call);
}

/* Refuses the first option, by its name, and says a cookie. */
static void set_session_options(void *context, struct fkv_flight_call *call,
                                const struct fkv_flight_option *options, size_t count)
{
    (void)context;
    assert_true(count > 0);
    const struct fkv_flight_option_error refused = {options[0].name,
                                                    FKV_FLIGHT_OPTION_INVALID_NAME};
    fkv_flight_set_header(call, "set-cookie", TEXT("id=17; Path=/"));
    fkv_flight_send_option_errors(call, &refused, 1);
    fkv_flight_end(call);
}

/* Gives the cookie that it was sent. */
static void get_session_options(void *context, struct fkv_flight_call *call)
{
    (void)context;
    const struct fkv_bytes words[] = {TEXT("a"), TEXT("")};
    const struct fkv_flight_option options[] = {{.name = TEXT("cookie"),
                                                 .type = FKV_FLIGHT_OPTION_STRING,
                                                 .string = fkv_flight_call_header(call, "cookie")},
                                                {.name = TEXT("words"),
                                                 .type = FKV_FLIGHT_OPTION_STRINGS,
                                                 .strings = words,
                                                 .string_count = 2}};
    fkv_flight_send_options(call, options, 2);
    fkv_flight_end(call);
}

static void close_session(void *context, struct fkv_flight_call *call)
{
    (void)context;
    fkv_flight_set_header(call, "set-cookie", TEXT("id=; Max-Age=0"));
    fkv_flight_send_status(call, FKV_FLIGHT_CLOSED);
    fkv_flight_end(call);
}

static void on_payload(void *context, struct fkv_flight_call *call, struct fkv_bytes payload)
{
    (void)context;
    struct fkv_bytes user, password;
    struct fkv_bytes authorization = fkv_flight_call_header(call, "authorization");
    if (authorization.data != NULL) {
        bool is_right = is_text(authorization, "Basic dXNlcjpwYXNz");
        fkv_flight_set_header(call, "authorization", TEXT(is_right ? "Bearer t" : "no"));
        fkv_flight_end(call);
        return;
    }
    if (fkv_flight_read_basic_auth(call, payload, &user, &password, &error) != FKV_OK ||
        !is_text(user, "user") || !is_text(password, "pass")) {
        fkv_flight_fail(call, FKV_UNAUTHENTICATED, "wrong user or password");
        return;
    }
    fkv_flight_send_payload(call, TEXT("token"));
    fkv_flight_end(call);
}

static const struct fkv_flight_payload_receiver payload_receiver = {.on_payload = on_payload};

static void handshake(void *context, struct fkv_flight_call *call)
{
    (void)context;
    fkv_flight_receive_payloads(call, &payload_receiver, NULL);
}

const struct fkv_flight_service service_whole = {
    .size = sizeof service_whole,
    .handshake = handshake,
    .list_flights = list_flights,
    .get_flight_info = get_flight_info,
    .poll_flight_info = poll_flight_info,
    .do_get = do_get,
    .do_put = do_put,
    .do_exchange = do_exchange,
    .do_action = do_action,
    .cancel_flight_info = cancel_flight_info,
    .renew_flight_endpoint = renew_flight_endpoint,
    .set_session_options = set_session_options,
    .get_session_options = get_session_options,
    .close_session = close_session,
};

/* ---- each call ---- */

static void check_info(const struct fkv_flight_info *info, const char *name)
{
    assert_true(is_text(info->descriptor.cmd, name));
    assert_non_null(info->schema);
    assert_int_equal(info->schema->n_children, 2);
    assert_int_equal(info->endpoint_count, 1);
    assert_int_equal(info->endpoints[0].location_count, 2);
    assert_true(is_text(info->endpoints[0].locations[1], "grpc+tcp://elsewhere:1"));
    assert_int_equal(info->endpoints[0].expiration.nanos, 7);
    assert_true(is_text(info->endpoints[0].app_metadata, "of the endpoint"));
    assert_true(info->ordered && info->total_records == 150 && info->total_bytes == -1);
    assert_true(is_text(info->app_metadata, "of the info"));
}

static void call_infos(struct fkv_client *client)
{
    const struct fkv_flight_descriptor asked = command("x");
    struct fkv_flight_info *info;
    struct ArrowSchema schema;
    assert_ok(fkv_flight_get_info(client, &asked, NULL, &info, &error));
    check_info(info, "x");
    fkv_flight_free(info);
    /* The service has no get_schema: its info's is given. */
    assert_ok(fkv_flight_get_schema(client, &asked, NULL, &schema, &error));
    assert_int_equal(schema.n_children, 2);
    schema.release(&schema);
}

static void call_polls(struct fkv_client *client)
{
    const struct fkv_flight_descriptor asked = command("first");
    struct fkv_flight_poll_info *first, *second;
    assert_ok(fkv_flight_poll_info(client, &asked, NULL, &first, &error));
    assert_null(first->info);
    assert_true(first->has_progress && first->progress == 0.0);
    assert_true(first->has_expiration && first->expiration.nanos == 8);
    assert_ok(fkv_flight_poll_info(client, first->descriptor, NULL, &second, &error));
    assert_null(second->descriptor);
    assert_false(second->has_progress || second->has_expiration);
    check_info(second->info, "again");
    fkv_flight_free(first);
    fkv_flight_free(second);
}

static bool on_info(void *context, const struct fkv_flight_info *info)
{
    char *names = context;
    memcpy(names + strlen(names), info->descriptor.cmd.data, 1);
    return strlen(names) < 3;
}

static void call_lists(struct fkv_client *client)
{
    char names[8] = "";
    assert_ok(fkv_flight_list(client, TEXT("ab"), NULL, on_info, names, &error));
    assert_string_equal(names, "ab");
    memset(names, 0, sizeof names);
    assert_ok(fkv_flight_list(client, TEXT("abcdefg"), NULL, on_info, names, &error));
    assert_string_equal(names, "abc"); /* it wanted no more */
}

static bool on_result(void *context, struct fkv_bytes body)
{
    struct results *results = context;
    snprintf(results->text + strlen(results->text), sizeof results->text - strlen(results->text),
             "%.*s;", (int)body.size, (const char *)body.data);
    return true;
}

bool results_add_action(void *context, struct fkv_bytes type, struct fkv_bytes description)
{
    assert_true(description.size > 0);
    return on_result(context, type);
}

static void call_actions(struct fkv_client *client)
{
    struct results results = {""};
    assert_ok(fkv_flight_action(client, TEXT("t"), TEXT("b"), NULL, on_result, &results, &error));
    assert_string_equal(results.text, "t;b;");
    results.text[0] = '\0';
    assert_ok(fkv_flight_list_actions(client, NULL, results_add_action, &results, &error));
    assert_string_equal(results.text, "CancelFlightInfo;RenewFlightEndpoint;SetSessionOptions;"
                                      "GetSessionOptions;CloseSession;");
}

static void call_standard_actions(struct fkv_client *client)
{
    const struct fkv_flight_descriptor asked = command("x");
    struct fkv_flight_info *info;
    struct fkv_flight_endpoint *endpoint;
    enum fkv_flight_cancel_status status;
    assert_ok(fkv_flight_get_info(client, &asked, NULL, &info, &error));
    assert_ok(fkv_flight_cancel_info(client, info, NULL, &status, &error));
    assert_int_equal(status, FKV_FLIGHT_CANCELLED);
    assert_ok(fkv_flight_renew_endpoint(client, info->endpoints, NULL, &endpoint, &error));
    assert_int_equal(endpoint->expiration.seconds, 1700000001);
    assert_true(is_text(endpoint->ticket, "ticket"));
    fkv_flight_free(endpoint);
    fkv_flight_free(info);
}

static void call_sessions(struct fkv_client *client)
{
    const struct fkv_flight_option set = {.name = TEXT("n")};
    struct fkv_flight_option_errors *errors;
    struct fkv_flight_options *options;
    enum fkv_flight_close_status status;
    assert_ok(fkv_flight_set_session_options(client, &set, 1, NULL, &errors, &error));
    assert_int_equal(errors->count, 1);
    assert_int_equal(errors->errors[0].problem, FKV_FLIGHT_OPTION_INVALID_NAME);
    assert_true(is_text(errors->errors[0].name, "n"));
    assert_ok(fkv_flight_get_session_options(client, NULL, &options, &error));
    assert_int_equal(options->count, 2);
    assert_true(is_text(options->options[0].string, "id=17")); /* the cookie went along */
    assert_int_equal(options->options[1].string_count, 2);
    fkv_flight_free(errors);
    fkv_flight_free(options);
    assert_ok(fkv_flight_close_session(client, NULL, &status, &error));
    assert_int_equal(status, FKV_FLIGHT_CLOSED);
    assert_ok(fkv_flight_get_session_options(client, NULL, &options, &error));
    assert_int_equal(options->options[0].string.size, 0); /* and is gone with the session */
    fkv_flight_free(options);
}

static void call_handshakes(struct fkv_client *client)
{
    assert_int_equal(fkv_flight_authenticate(client, "user", "wrong", &error), FKV_UNAUTHENTICATED);
    assert_ok(fkv_flight_authenticate(client, "user", "pass", &error));
    assert_ok(fkv_flight_authenticate_basic(client, "user", "pass", &error));
    assert_ok(
        fkv_flight_client_header(client, "authorization", (struct fkv_bytes){NULL, 0}, &error));
}

static void call_gets(struct fkv_client *client)
{
    struct ArrowArrayStream stream;
    struct fkv_flight_stream *opened;
    struct fkv_flight_batch batch;
    bool more;
    assert_ok(fkv_get(client, "any", 3, NULL, &stream, &error));
    assert_true(table_is(&stream, &rule));
    assert_ok(fkv_flight_do_get(client, TEXT("any"), NULL, &opened, &error));
    for (unsigned i = 0; i < rule.batches; i++) {
        assert_ok(fkv_flight_read(opened, &batch, &more, &error));
        assert_true(more && !batch.has_app_metadata);
        assert_int_equal(batch.array.length, rule.rows);
        batch.array.release(&batch.array);
    }
    assert_ok(fkv_flight_read(opened, &batch, &more, &error));
    assert_false(more);
    assert_ok(fkv_flight_close(opened, &error));
    assert_ok(fkv_flight_do_get(client, TEXT("failing"), NULL, &opened, &error));
    enum fkv_status status;
    while ((status = fkv_flight_read(opened, &batch, &more, &error)) == FKV_OK && more)
        batch.array.release(&batch.array);
    assert_int_equal(status, FKV_INTERNAL);
    assert_int_equal(fkv_flight_close(opened, &error), FKV_INTERNAL);
}

static void write_schema(struct fkv_flight_stream *stream, struct ArrowArrayStream *table)
{
    struct ArrowSchema schema;
    assert_int_equal(table->get_schema(table, &schema), 0);
    assert_ok(fkv_flight_write_schema(stream, &schema, &error));
    schema.release(&schema);
}

static void call_puts(struct fkv_client *client)
{
    const struct fkv_flight_descriptor descriptor = command("x");
    struct ArrowArrayStream table;
    struct fkv_flight_stream *stream;
    struct fkv_bytes result;
    bool more;
    table_stream(&rule, &table);
    assert_ok(fkv_flight_do_put(client, &descriptor, NULL, &stream, &error));
    write_schema(stream, &table);
    for (unsigned i = 0; i < rule.batches; i++) {
        struct fkv_flight_batch batch = {.has_app_metadata = true, .app_metadata = TEXT("mark")};
        assert_int_equal(table.get_next(&table, &batch.array), 0);
        assert_ok(fkv_flight_write(stream, &batch, &error));
        assert_ok(fkv_flight_read_result(stream, &result, &more, &error)); /* lock-step */
        assert_true(more && is_text(result, "mark"));
    }
    assert_ok(fkv_flight_close(stream, &error));
    table.release(&table);
    assert_ok(fkv_flight_do_put(
        client, &(struct fkv_flight_descriptor){.type = FKV_FLIGHT_CMD, .cmd = TEXT("refused")},
        NULL, &stream, &error));
    table_stream(&rule, &table);
    struct ArrowSchema schema;
    assert_int_equal(table.get_schema(&table, &schema), 0);
    fkv_flight_write_schema(stream, &schema, &error);
    schema.release(&schema);
    table.release(&table);
    assert_int_equal(fkv_flight_close(stream, &error), FKV_PERMISSION_DENIED);
    assert_string_equal(error.message, "not here");
}

static void call_exchanges(struct fkv_client *client)
{
    const struct fkv_flight_descriptor descriptor = command("x");
    struct ArrowArrayStream table;
    struct fkv_flight_stream *stream;
    struct fkv_flight_batch back;
    bool more;
    table_stream(&rule, &table);
    assert_ok(fkv_flight_do_exchange(client, &descriptor, NULL, &stream, &error));
    write_schema(stream, &table);
    for (unsigned i = 0; i < rule.batches; i++) {
        struct fkv_flight_batch batch = {.has_app_metadata = i % 2 == 0,
                                         .app_metadata = i == 0 ? TEXT("m") : TEXT("")};
        assert_int_equal(table.get_next(&table, &batch.array), 0);
        assert_ok(fkv_flight_write(stream, &batch, &error));
        assert_ok(fkv_flight_read(stream, &back, &more, &error));
        assert_true(more && back.array.length == rule.rows);
        assert_int_equal(back.has_app_metadata, i % 2 == 0); /* empty isn't absent */
        back.array.release(&back.array);
    }
    assert_ok(fkv_flight_write_end(stream, &error));
    assert_ok(fkv_flight_read(stream, &back, &more, &error));
    assert_false(more);
    assert_ok(fkv_flight_close(stream, &error));
    table.release(&table);
}

void (*const service_calls[])(struct fkv_client *client) = {
    call_infos,    call_polls,      call_lists, call_actions, call_standard_actions,
    call_sessions, call_handshakes, call_gets,  call_puts,    call_exchanges};

const size_t service_call_count = sizeof service_calls / sizeof service_calls[0];
