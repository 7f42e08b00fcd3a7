/* SPDX-License-Identifier: Apache-2.0 */
/* A server of Arrow's integration tests: a Flight service per scenario, and the store of JSON mode.
 *
 *     conformance_server -port 0 [-scenario NAME]
 *
 * Says "Server listening on localhost:PORT" and serves until it is told to end.
 * https://github.com/apache/arrow/blob/main/cpp/src/arrow/flight/integration_tests */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conformance.h"

/* What handlers share: few calls at a time, so one lock does. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void fail_unknown(struct fkv_flight_call *call, const char *what)
{
    char message[200];
    snprintf(message, sizeof message, "%s is not known to this scenario", what);
    fkv_flight_fail(call, FKV_NOT_FOUND, message);
}

static void send_batches(struct fkv_flight_call *call, const struct column *column,
                         const int32_t *values, int64_t count)
{
    struct ArrowSchema schema;
    struct fkv_flight_batch batch = {.has_app_metadata = false};
    schema_make(column, false, &schema);
    batch_make(values, count, &batch.array);
    fkv_flight_send_schema(call, &schema);
    fkv_flight_send_batch(call, &batch);
    fkv_flight_end(call);
    schema.release(&schema);
}

/* ---- auth:basic_proto ---- */

static void on_payload(void *context, struct fkv_flight_call *call, struct fkv_bytes payload)
{
    (void)context;
    struct fkv_bytes user, password;
    struct fkv_error error;
    enum fkv_status status = fkv_flight_read_basic_auth(call, payload, &user, &password, &error);
    if (status != FKV_OK || !bytes_are(user, "arrow") || !bytes_are(password, "flight")) {
        fkv_flight_fail(call, FKV_UNAUTHENTICATED, "wrong user or password");
        return;
    }
    fkv_flight_send_payload(call, user);
    fkv_flight_end(call);
}

static const struct fkv_flight_payload_receiver payload_receiver = {.on_payload = on_payload};

static void auth_handshake(void *context, struct fkv_flight_call *call)
{
    (void)context;
    fkv_flight_receive_payloads(call, &payload_receiver, NULL);
}

static bool has_token(struct fkv_flight_call *call)
{
    if (bytes_are(fkv_flight_call_header(call, "auth-token-bin"), "arrow"))
        return true;
    fkv_flight_fail(call, FKV_UNAUTHENTICATED, "no valid token; expected one of a handshake");
    return false;
}

static void auth_do_action(void *context, struct fkv_flight_call *call, struct fkv_bytes type,
                           struct fkv_bytes body)
{
    (void)context;
    (void)type;
    (void)body;
    if (!has_token(call))
        return;
    fkv_flight_send_payload(call, TEXT("arrow"));
    fkv_flight_end(call);
}

static void auth_list_actions(void *context, struct fkv_flight_call *call)
{
    (void)context;
    if (has_token(call))
        fkv_flight_end(call);
}

/* ---- middleware ---- */

static void middleware_get_info(void *context, struct fkv_flight_call *call,
                                const struct fkv_flight_descriptor *descriptor)
{
    (void)context;
    struct fkv_bytes value = fkv_flight_call_header(call, "x-middleware");
    fkv_flight_set_header(call, "x-middleware", value.data != NULL ? value : TEXT(""));
    if (!bytes_are(descriptor->cmd, "success")) {
        fkv_flight_fail(call, FKV_UNKNOWN, "Unknown");
        return;
    }
    struct ArrowSchema schema;
    schema_make_empty(&schema);
    const struct fkv_bytes location = TEXT("grpc+tcp://localhost:10010");
    const struct fkv_flight_endpoint endpoint = {
        .ticket = TEXT("foo"), .locations = &location, .location_count = 1};
    const struct fkv_flight_info info = {.schema = &schema,
                                         .descriptor = *descriptor,
                                         .endpoints = &endpoint,
                                         .endpoint_count = 1,
                                         .total_records = -1,
                                         .total_bytes = -1};
    fkv_flight_send_info(call, &info);
    fkv_flight_end(call);
    schema.release(&schema);
}

/* ---- ordered ---- */

static const struct column signed_number = {"number", "i"}, unsigned_number = {"number", "I"};

static void send_info(struct fkv_flight_call *call, const struct fkv_flight_descriptor *descriptor,
                      const struct column *column, const struct fkv_flight_endpoint *endpoints,
                      size_t count, bool is_ordered, struct fkv_bytes app_metadata)
{
    struct ArrowSchema schema;
    if (column != NULL)
        schema_make(column, false, &schema);
    else
        schema_make_empty(&schema);
    const struct fkv_flight_info info = {.schema = &schema,
                                         .descriptor = *descriptor,
                                         .endpoints = endpoints,
                                         .endpoint_count = count,
                                         .total_records = -1,
                                         .total_bytes = -1,
                                         .ordered = is_ordered,
                                         .app_metadata = app_metadata};
    fkv_flight_send_info(call, &info);
    fkv_flight_end(call);
    schema.release(&schema);
}

static void ordered_get_info(void *context, struct fkv_flight_call *call,
                             const struct fkv_flight_descriptor *descriptor)
{
    (void)context;
    bool is_ordered = bytes_are(descriptor->cmd, "ordered");
    const struct fkv_flight_endpoint in_order[] = {
        {.ticket = TEXT("1")}, {.ticket = TEXT("2")}, {.ticket = TEXT("3")}};
    const struct fkv_flight_endpoint mixed[] = {in_order[0], in_order[2], in_order[1]};
    send_info(call, descriptor, &signed_number, is_ordered ? in_order : mixed, 3, is_ordered,
              TEXT(""));
}

static void ordered_do_get(void *context, struct fkv_flight_call *call, struct fkv_bytes ticket)
{
    (void)context;
    static const int32_t values[][3] = {{1, 2, 3}, {10, 20, 30}, {100, 200, 300}};
    for (int i = 0; i < 3; i++) {
        const char name[] = {(char)('1' + i), '\0'};
        if (bytes_are(ticket, name)) {
            send_batches(call, &signed_number, values[i], 3);
            return;
        }
    }
    fail_unknown(call, "the ticket");
}

/* ---- expiration_time ---- */

enum { endpoint_count = 3, ticket_size = 64, renewal_s = 10 };

static struct expiring {
    char ticket[ticket_size];
    bool has_expiration;
    struct timespec expires;
    unsigned gets;
    bool is_cancelled;
} expiring[endpoint_count];

static struct timespec now_and(time_t seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += seconds;
    return now;
}

static bool has_expired(const struct expiring *one)
{
    struct timespec now = now_and(0);
    return one->has_expiration &&
           (now.tv_sec > one->expires.tv_sec ||
            (now.tv_sec == one->expires.tv_sec && now.tv_nsec >= one->expires.tv_nsec));
}

static struct fkv_flight_endpoint endpoint_of(const struct expiring *one)
{
    return (struct fkv_flight_endpoint){
        .ticket = TEXT(one->ticket),
        .has_expiration = one->has_expiration,
        .expiration = {one->expires.tv_sec, (int32_t)one->expires.tv_nsec}};
}

static void expiration_get_info(void *context, struct fkv_flight_call *call,
                                const struct fkv_flight_descriptor *descriptor)
{
    (void)context;
    struct fkv_flight_endpoint endpoints[endpoint_count];
    pthread_mutex_lock(&lock);
    expiring[0] = (struct expiring){.ticket = "0: No expiration time"};
    expiring[1] =
        (struct expiring){.ticket = "1: 5 seconds", .has_expiration = true, .expires = now_and(5)};
    expiring[2] =
        (struct expiring){.ticket = "2: 6 seconds", .has_expiration = true, .expires = now_and(6)};
    for (int i = 0; i < endpoint_count; i++)
        endpoints[i] = endpoint_of(&expiring[i]);
    send_info(call, descriptor, &unsigned_number, endpoints, endpoint_count, false, TEXT(""));
    pthread_mutex_unlock(&lock);
}

/* The endpoint that a ticket's first digit names; NULL after having failed the call. */
static struct expiring *find_expiring(struct fkv_flight_call *call, struct fkv_bytes ticket)
{
    const char *text = ticket.data;
    if (ticket.size >= 2 && text[0] >= '0' && text[0] < '0' + endpoint_count && text[1] == ':')
        return &expiring[text[0] - '0'];
    fail_unknown(call, "the ticket");
    return NULL;
}

static void expiration_do_get(void *context, struct fkv_flight_call *call, struct fkv_bytes ticket)
{
    (void)context;
    pthread_mutex_lock(&lock);
    struct expiring *one = find_expiring(call, ticket);
    const int32_t value = one != NULL ? (int32_t)(one - expiring) : 0;
    if (one != NULL && one->is_cancelled)
        fkv_flight_fail(call, FKV_NOT_FOUND, "Invalid flight: canceled");
    else if (one != NULL && has_expired(one))
        fkv_flight_fail(call, FKV_NOT_FOUND, "Invalid flight: expired");
    else if (one != NULL && !one->has_expiration && one->gets > 0)
        fkv_flight_fail(call, FKV_NOT_FOUND, "Invalid flight: can't read multiple times");
    else if (one != NULL)
        send_batches(call, &unsigned_number, &value, 1);
    if (one != NULL)
        one->gets++;
    pthread_mutex_unlock(&lock);
}

static void expiration_cancel(void *context, struct fkv_flight_call *call,
                              const struct fkv_flight_info *info)
{
    (void)context;
    int status = FKV_FLIGHT_CANCEL_UNSPECIFIED;
    struct expiring *one = NULL;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < info->endpoint_count; i++) {
        one = find_expiring(call, info->endpoints[i].ticket);
        if (one == NULL)
            break;
        status = one->is_cancelled ? FKV_FLIGHT_NOT_CANCELLABLE : FKV_FLIGHT_CANCELLED;
        one->is_cancelled = true;
    }
    fkv_flight_send_status(call, status);
    fkv_flight_end(call);
    pthread_mutex_unlock(&lock);
}

static void expiration_renew(void *context, struct fkv_flight_call *call,
                             const struct fkv_flight_endpoint *endpoint)
{
    (void)context;
    static const char mark[] = ": renewed (+ 10 seconds)";
    pthread_mutex_lock(&lock);
    struct expiring *one = find_expiring(call, endpoint->ticket);
    if (one != NULL && one->is_cancelled) {
        fkv_flight_fail(call, FKV_INVALID_ARGUMENT, "Invalid flight: canceled");
    } else if (one != NULL) {
        if (strlen(one->ticket) + sizeof mark <= sizeof one->ticket)
            memcpy(one->ticket + strlen(one->ticket), mark, sizeof mark);
        one->has_expiration = true;
        one->expires = now_and(renewal_s);
        const struct fkv_flight_endpoint renewed = endpoint_of(one);
        fkv_flight_send_endpoint(call, &renewed);
        fkv_flight_end(call);
    }
    pthread_mutex_unlock(&lock);
}

/* ---- location:reuse_connection ---- */

static void reuse_get_info(void *context, struct fkv_flight_call *call,
                           const struct fkv_flight_descriptor *descriptor)
{
    (void)context;
    const struct fkv_bytes location = TEXT(FKV_FLIGHT_REUSE_CONNECTION);
    const struct fkv_flight_endpoint endpoint = {
        .ticket = TEXT("reuse"), .locations = &location, .location_count = 1};
    send_info(call, descriptor, NULL, &endpoint, 1, false, TEXT(""));
}

/* ---- session_options ---- */

/* One session at a time is enough for one client: its options, with copies of all their texts. Once
 * closed, the next one has another number. */
enum { options_max = 16, cookie_size = 64 };

static struct session {
    struct fkv_flight_option options[options_max];
    size_t count;
    unsigned number;
} session;

static struct fkv_bytes copy(struct fkv_bytes bytes)
{
    char *memory = malloc(bytes.size + 1);
    if (memory == NULL)
        exit(1);
    if (bytes.size > 0)
        memcpy(memory, bytes.data, bytes.size);
    memory[bytes.size] = '\0';
    return (struct fkv_bytes){memory, bytes.size};
}

static void free_bytes(struct fkv_bytes bytes)
{
    free((void *)(uintptr_t)bytes.data);
}

static void option_free(struct fkv_flight_option *option)
{
    free_bytes(option->name);
    free_bytes(option->string);
    for (size_t i = 0; i < option->string_count; i++)
        free_bytes(option->strings[i]);
    free((void *)(uintptr_t)option->strings);
}

static void erase_option(struct fkv_bytes name)
{
    for (size_t i = 0; i < session.count; i++) {
        if (!bytes_are(name, session.options[i].name.data))
            continue;
        option_free(&session.options[i]);
        session.options[i] = session.options[--session.count];
        return;
    }
}

static void set_option(const struct fkv_flight_option *option)
{
    erase_option(option->name);
    if (option->type == FKV_FLIGHT_OPTION_NONE || session.count == options_max)
        return;
    struct fkv_flight_option *kept = &session.options[session.count++];
    struct fkv_bytes *strings = calloc(option->string_count + 1, sizeof *strings);
    if (strings == NULL)
        exit(1);
    *kept = *option;
    kept->name = copy(option->name);
    kept->string = copy(option->string);
    kept->strings = strings;
    for (size_t i = 0; i < option->string_count; i++)
        strings[i] = copy(option->strings[i]);
}

static bool names_session(struct fkv_bytes cookie, const char *own)
{
    const char *text = cookie.data;
    size_t size = strlen(own);
    for (size_t i = 0; i + size <= cookie.size; i++)
        if (memcmp(text + i, own, size) == 0 && (i + size == cookie.size || text[i + size] == ';'))
            return true;
    return false;
}

/* With the lock held. Without a cookie, the call begins the session; false after having failed one
 * whose session is over. */
static bool find_session(struct fkv_flight_call *call)
{
    char own[cookie_size];
    struct fkv_bytes cookie = fkv_flight_call_header(call, "cookie");
    snprintf(own, sizeof own, "arrow_flight_session_id=%u", session.number);
    if (cookie.data == NULL)
        fkv_flight_set_header(call, "set-cookie", TEXT(own));
    else if (!names_session(cookie, own))
        fkv_flight_fail(call, FKV_NOT_FOUND, "there is no such session");
    return cookie.data == NULL || names_session(cookie, own);
}

static void session_set(void *context, struct fkv_flight_call *call,
                        const struct fkv_flight_option *options, size_t count)
{
    (void)context;
    struct fkv_flight_option_error errors[options_max];
    size_t error_count = 0;
    pthread_mutex_lock(&lock);
    bool is_found = find_session(call);
    for (size_t i = 0; i < count && error_count < options_max && is_found; i++) {
        const struct fkv_flight_option *option = &options[i];
        if (bytes_are(option->name, "lol_invalid"))
            errors[error_count++] =
                (struct fkv_flight_option_error){option->name, FKV_FLIGHT_OPTION_INVALID_NAME};
        else if (option->type == FKV_FLIGHT_OPTION_STRING &&
                 bytes_are(option->string, "lol_invalid"))
            errors[error_count++] =
                (struct fkv_flight_option_error){option->name, FKV_FLIGHT_OPTION_INVALID_VALUE};
        else
            set_option(option);
    }
    pthread_mutex_unlock(&lock);
    fkv_flight_send_option_errors(call, errors, error_count);
    fkv_flight_end(call);
}

static void session_get(void *context, struct fkv_flight_call *call)
{
    (void)context;
    pthread_mutex_lock(&lock);
    if (find_session(call))
        fkv_flight_send_options(call, session.options, session.count);
    pthread_mutex_unlock(&lock);
    fkv_flight_end(call);
}

static void session_close(void *context, struct fkv_flight_call *call)
{
    (void)context;
    char cookie[cookie_size];
    pthread_mutex_lock(&lock);
    if (find_session(call)) {
        while (session.count > 0)
            option_free(&session.options[--session.count]);
        snprintf(cookie, sizeof cookie, "arrow_flight_session_id=%u; Max-Age=0", session.number++);
        fkv_flight_set_header(call, "set-cookie", TEXT(cookie));
        fkv_flight_send_status(call, FKV_FLIGHT_CLOSED);
        fkv_flight_end(call);
    }
    pthread_mutex_unlock(&lock);
}

/* ---- poll_flight_info ---- */

static void poll_poll_info(void *context, struct fkv_flight_call *call,
                           const struct fkv_flight_descriptor *descriptor)
{
    (void)context;
    struct ArrowSchema schema;
    struct timespec expires = now_and(10);
    bool is_complete = bytes_are(descriptor->cmd, "poll");
    const struct fkv_flight_endpoint endpoint = {.ticket = TEXT("long-running query")};
    const struct fkv_flight_descriptor again = {.type = FKV_FLIGHT_CMD, .cmd = TEXT("poll")};
    schema_make(&unsigned_number, false, &schema);
    const struct fkv_flight_info info = {.schema = &schema,
                                         .descriptor = *descriptor,
                                         .endpoints = &endpoint,
                                         .endpoint_count = 1,
                                         .total_records = -1,
                                         .total_bytes = -1};
    const struct fkv_flight_poll_info poll = {
        .info = &info,
        .descriptor = is_complete ? NULL : &again,
        .has_progress = true,
        .progress = is_complete ? 1.0 : 0.1,
        .has_expiration = !is_complete,
        .expiration = {expires.tv_sec, (int32_t)expires.tv_nsec}};
    fkv_flight_send_poll_info(call, &poll);
    fkv_flight_end(call);
    schema.release(&schema);
}

/* ---- app_metadata_flight_info_endpoint ---- */

static void metadata_get_info(void *context, struct fkv_flight_call *call,
                              const struct fkv_flight_descriptor *descriptor)
{
    (void)context;
    const struct fkv_flight_endpoint endpoint = {.ticket = TEXT(""),
                                                 .app_metadata = descriptor->cmd};
    send_info(call, descriptor, &unsigned_number, &endpoint, 1, false, descriptor->cmd);
}

/* ---- do_exchange:echo ---- */

static void echo_schema(void *context, struct fkv_flight_call *call, struct ArrowSchema *schema)
{
    (void)context;
    fkv_flight_send_schema(call, schema);
}

static void echo_batch(void *context, struct fkv_flight_call *call, struct fkv_flight_batch *batch)
{
    (void)context;
    fkv_flight_send_batch(call, batch);
}

static void echo_end(void *context, struct fkv_flight_call *call)
{
    (void)context;
    fkv_flight_end(call);
}

static const struct fkv_flight_receiver echo = {echo_schema, echo_batch, echo_end};

static void echo_do_exchange(void *context, struct fkv_flight_call *call,
                             const struct fkv_flight_descriptor *descriptor)
{
    (void)context;
    if (bytes_are(descriptor->cmd, "echo"))
        fkv_flight_receive(call, &echo, NULL);
    else
        fail_unknown(call, "the command");
}

/* ---- JSON mode: tables by path ---- */

/* A table that was put, or is being put. Those that were are never freed: the server is
 * short-lived.
 */
struct table {
    struct table *next;
    struct fkv_bytes path;
    struct ArrowSchema schema;
    struct ArrowArray *batches;
    size_t count;
};

static struct table *tables;
static char own_location[100];

static void table_free(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->batches[i].release != NULL)
            table->batches[i].release(&table->batches[i]);
    if (table->schema.release != NULL)
        table->schema.release(&table->schema);
    free(table->batches);
    free_bytes(table->path);
    free(table);
}

static void table_closed(void *context)
{
    struct table **table = context;
    if (*table != NULL)
        table_free(*table);
    free(table);
}

static void table_on_schema(void *context, struct fkv_flight_call *call, struct ArrowSchema *schema)
{
    (void)call;
    struct table **table = context;
    (*table)->schema = *schema;
    schema->release = NULL;
}

/* One PutResult per batch: what came with it. */
static void table_on_batch(void *context, struct fkv_flight_call *call,
                           struct fkv_flight_batch *batch)
{
    struct table *table = *(struct table **)context;
    struct ArrowArray *batches =
        realloc(table->batches, (table->count + 1) * sizeof *table->batches);
    if (batches == NULL)
        exit(1);
    table->batches = batches;
    batches[table->count++] = batch->array;
    batch->array.release = NULL;
    fkv_flight_send_payload(call, batch->app_metadata);
}

static void table_on_end(void *context, struct fkv_flight_call *call)
{
    struct table **table = context;
    pthread_mutex_lock(&lock);
    (*table)->next = tables;
    tables = *table;
    *table = NULL;
    pthread_mutex_unlock(&lock);
    fkv_flight_end(call);
}

static const struct fkv_flight_receiver table_receiver = {table_on_schema, table_on_batch,
                                                          table_on_end};

static void json_do_put(void *context, struct fkv_flight_call *call,
                        const struct fkv_flight_descriptor *descriptor)
{
    (void)context;
    if (descriptor->type != FKV_FLIGHT_PATH || descriptor->path_count != 1) {
        fkv_flight_fail(call, FKV_INVALID_ARGUMENT, "expected a path of one segment");
        return;
    }
    struct table **table = malloc(sizeof *table);
    if (table == NULL || (*table = calloc(1, sizeof **table)) == NULL)
        exit(1);
    (*table)->path = copy(descriptor->path[0]);
    fkv_flight_call_on_closed(call, table_closed, table);
    fkv_flight_receive(call, &table_receiver, table);
}

static struct table *find_table(struct fkv_bytes path)
{
    pthread_mutex_lock(&lock);
    struct table *table = tables;
    while (table != NULL && !bytes_are(path, table->path.data))
        table = table->next;
    pthread_mutex_unlock(&lock);
    return table;
}

static void json_get_info(void *context, struct fkv_flight_call *call,
                          const struct fkv_flight_descriptor *descriptor)
{
    (void)context;
    if (descriptor->type != FKV_FLIGHT_PATH) {
        fkv_flight_fail(call, FKV_UNIMPLEMENTED, "expected a path");
        return;
    }
    if (descriptor->path_count == 0) {
        fkv_flight_fail(call, FKV_INVALID_ARGUMENT, "the path is empty");
        return;
    }
    const struct table *table = find_table(descriptor->path[0]);
    if (table == NULL) {
        fail_unknown(call, "the path");
        return;
    }
    const struct fkv_bytes location = TEXT(own_location);
    const struct fkv_flight_endpoint endpoint = {
        .ticket = table->path, .locations = &location, .location_count = 1};
    struct fkv_flight_info info = {.schema = &table->schema,
                                   .descriptor = *descriptor,
                                   .endpoints = &endpoint,
                                   .endpoint_count = 1,
                                   .total_bytes = -1};
    for (size_t i = 0; i < table->count; i++)
        info.total_records += table->batches[i].length;
    fkv_flight_send_info(call, &info);
    fkv_flight_end(call);
}

/* A batch is sent as often as it is asked for: an array that is the table's own. */
static void release_nothing(struct ArrowArray *array)
{
    array->release = NULL;
}

static void json_do_get(void *context, struct fkv_flight_call *call, struct fkv_bytes ticket)
{
    (void)context;
    const struct table *table = find_table(ticket);
    if (table == NULL) {
        fail_unknown(call, "the ticket");
        return;
    }
    fkv_flight_send_schema(call, &table->schema);
    for (size_t i = 0; i < table->count; i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        struct fkv_flight_batch batch = {table->batches[i], true, TEXT(number)};
        batch.array.release = release_nothing;
        fkv_flight_send_batch(call, &batch);
    }
    fkv_flight_end(call);
}

/* ---- the table of scenarios ---- */

static const struct scenario {
    const char *name; /* NULL: JSON mode */
    struct fkv_flight_service service;
} scenarios[] = {
    {NULL, {.get_flight_info = json_get_info, .do_put = json_do_put, .do_get = json_do_get}},
    {"auth:basic_proto",
     {.handshake = auth_handshake, .do_action = auth_do_action, .list_actions = auth_list_actions}},
    {"middleware", {.get_flight_info = middleware_get_info}},
    {"ordered", {.get_flight_info = ordered_get_info, .do_get = ordered_do_get}},
    {"expiration_time:",
     {.get_flight_info = expiration_get_info,
      .do_get = expiration_do_get,
      .cancel_flight_info = expiration_cancel,
      .renew_flight_endpoint = expiration_renew}},
    {"location:reuse_connection", {.get_flight_info = reuse_get_info}},
    {"session_options",
     {.set_session_options = session_set,
      .get_session_options = session_get,
      .close_session = session_close}},
    {"poll_flight_info", {.poll_flight_info = poll_poll_info}},
    {"app_metadata_flight_info_endpoint", {.get_flight_info = metadata_get_info}},
    {"do_exchange:echo", {.do_exchange = echo_do_exchange}},
};

/* A name that ends in ':' stands for all scenarios that begin so. */
static const struct scenario *find_scenario(const char *name)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        const char *known = scenarios[i].name;
        if (name == NULL || known == NULL) {
            if (name == known)
                return &scenarios[i];
            continue;
        }
        size_t size = strlen(known);
        if (strcmp(name, known) == 0 || (known[size - 1] == ':' && strncmp(name, known, size) == 0))
            return &scenarios[i];
    }
    return NULL;
}

static struct fkv_flight_server *start(const struct scenario *scenario, const char *port)
{
    char listen[64];
    struct fkv_error error;
    struct fkv_flight_service service = scenario->service;
    struct fkv_flight_server *server = NULL;
    struct fkv_server_config *config = fkv_server_config_new();
    service.size = sizeof service;
    snprintf(listen, sizeof listen, "grpc+tcp://localhost:%s", port);
    if (config == NULL || fkv_server_config_set(config, "listen", listen, &error) != FKV_OK ||
        fkv_flight_server_start(&service, config, &server, &error) != FKV_OK)
        fprintf(stderr, "%s\n", config != NULL ? error.message : "out of memory");
    fkv_server_config_free(config);
    return server;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    sigset_t ends;
    int signal_number;
    if (!read_arguments(&arguments, argc, argv))
        return 2;
    const struct scenario *scenario = find_scenario(arguments.scenario);
    if (scenario == NULL) {
        fprintf(stderr, "there is no scenario '%s'\n", arguments.scenario);
        return 2;
    }
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    struct fkv_flight_server *server = start(scenario, arguments.port);
    if (server == NULL)
        return 1;
    const char *port = strrchr(fkv_flight_server_uri(server, 0), ':');
    snprintf(own_location, sizeof own_location, "grpc+tcp://127.0.0.1%s", port);
    printf("Server listening on localhost%s\n", port);
    fflush(stdout);
    sigwait(&ends, &signal_number);
    fkv_flight_server_stop(server);
    return 0;
}
