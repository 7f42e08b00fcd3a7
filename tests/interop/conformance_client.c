/* SPDX-License-Identifier: Apache-2.0 */
/* A client of Arrow's integration tests: a function per scenario, and JSON mode.
 *
 *     conformance_client -host localhost -port PORT (-scenario NAME | -path FILE.json)
 *
 * In JSON mode the table is read from FILE.stream, the same table as an Arrow IPC stream, which
 * lies beside the JSON. Exits with 0 when the server did what it should; else says what it didn't.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include "conformance.h"

struct run {
    struct fkv_client *client;
    const struct arguments *arguments;
    struct fkv_error error;
};

/* ---- what must be so ---- */

static void must(bool is_so, const char *what)
{
    if (is_so)
        return;
    fprintf(stderr, "not so: %s\n", what);
    exit(1);
}

#define MUST(condition) must(condition, #condition)

static void must_ok(struct run *run, enum fkv_status status, const char *what)
{
    if (status == FKV_OK)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, fkv_status_text(status), run->error.message);
    exit(1);
}

#define OK(call) must_ok(run, call, #call)

static struct fkv_flight_descriptor command(const char *text)
{
    return (struct fkv_flight_descriptor){.type = FKV_FLIGHT_CMD, .cmd = TEXT(text)};
}

static struct fkv_flight_info *get_info(struct run *run, const char *text)
{
    const struct fkv_flight_descriptor descriptor = command(text);
    struct fkv_flight_info *info;
    OK(fkv_flight_get_info(run->client, &descriptor, NULL, &info, &run->error));
    return info;
}

/* The values of a ticket's one column, from all its batches. */
static enum fkv_status get_values(struct run *run, struct fkv_bytes ticket, int32_t *values,
                                  size_t most, size_t *ret_count)
{
    struct ArrowArrayStream stream;
    struct ArrowArray array;
    size_t count = 0;
    enum fkv_status status =
        fkv_get(run->client, ticket.data, ticket.size, NULL, &stream, &run->error);
    if (status != FKV_OK)
        return status;
    while (stream.get_next(&stream, &array) == 0 && array.release != NULL) {
        const struct ArrowArray *column = array.children[0];
        const int32_t *data = column->buffers[1];
        for (int64_t i = 0; i < array.length; i++) {
            MUST(count < most);
            values[count++] = data[column->offset + i];
        }
        array.release(&array);
    }
    status = fkv_stream_error(&stream, &run->error);
    stream.release(&stream);
    *ret_count = count;
    return status;
}

/* ---- auth:basic_proto ---- */

static bool on_result(void *context, struct fkv_bytes body)
{
    unsigned *count = context;
    (*count)++;
    MUST(bytes_are(body, "arrow"));
    return true;
}

static void run_auth(struct run *run)
{
    unsigned count = 0;
    enum fkv_status status =
        fkv_flight_action(run->client, TEXT(""), TEXT(""), NULL, on_result, &count, &run->error);
    MUST(status == FKV_UNAUTHENTICATED);
    OK(fkv_flight_authenticate(run->client, "arrow", "flight", &run->error));
    OK(fkv_flight_action(run->client, TEXT(""), TEXT(""), NULL, on_result, &count, &run->error));
    MUST(count == 1);
}

/* ---- middleware ---- */

static void on_header(void *context, struct fkv_bytes name, struct fkv_bytes value)
{
    bool *is_there = context;
    if (bytes_are(name, "x-middleware"))
        *is_there = bytes_are(value, "expected value");
}

static void run_middleware(struct run *run)
{
    const struct fkv_flight_header header = {"x-middleware", TEXT("expected value")};
    const char *const commands[] = {"", "success"};
    for (int i = 0; i < 2; i++) {
        bool is_there = false;
        const struct fkv_flight_call_options options = {.size = sizeof options,
                                                        .headers = &header,
                                                        .header_count = 1,
                                                        .on_header = on_header,
                                                        .context = &is_there};
        const struct fkv_flight_descriptor descriptor = command(commands[i]);
        struct fkv_flight_info *info = NULL;
        enum fkv_status status =
            fkv_flight_get_info(run->client, &descriptor, &options, &info, &run->error);
        MUST((status == FKV_OK) == (i == 1));
        MUST(is_there);
        fkv_flight_free(info);
    }
}

/* ---- ordered ---- */

static void run_ordered(struct run *run)
{
    static const int32_t expected[] = {1, 2, 3, 10, 20, 30, 100, 200, 300};
    int32_t values[9];
    size_t count = 0;
    struct fkv_flight_info *info = get_info(run, "ordered");
    MUST(info->ordered);
    for (size_t i = 0; i < info->endpoint_count; i++) {
        size_t more;
        MUST(info->endpoints[i].location_count == 0);
        OK(get_values(run, info->endpoints[i].ticket, values + count, 9 - count, &more));
        count += more;
    }
    MUST(count == 9 && memcmp(values, expected, sizeof expected) == 0);
    fkv_flight_free(info);
}

/* ---- expiration_time ---- */

static void run_expiration_get(struct run *run)
{
    struct fkv_flight_info *info = get_info(run, "expiration");
    MUST(info->endpoint_count == 3);
    for (size_t i = 0; i < info->endpoint_count; i++) {
        int32_t value[1];
        size_t count;
        MUST(info->endpoints[i].has_expiration == (i > 0));
        OK(get_values(run, info->endpoints[i].ticket, value, 1, &count));
        MUST(count == 1 && value[0] == (int32_t)i);
    }
    fkv_flight_free(info);
}

static bool on_action(void *context, struct fkv_bytes type, struct fkv_bytes description)
{
    (void)description;
    unsigned *seen = context;
    *seen |= bytes_are(type, "CancelFlightInfo")      ? 1u
             : bytes_are(type, "RenewFlightEndpoint") ? 2u
                                                      : 4u;
    return true;
}

static void run_expiration_list(struct run *run)
{
    unsigned seen = 0;
    OK(fkv_flight_list_actions(run->client, NULL, on_action, &seen, &run->error));
    MUST(seen == 3);
}

static void run_expiration_cancel(struct run *run)
{
    struct fkv_flight_info *info = get_info(run, "expiration");
    enum fkv_flight_cancel_status status;
    OK(fkv_flight_cancel_info(run->client, info, NULL, &status, &run->error));
    MUST(status == FKV_FLIGHT_CANCELLED);
    for (size_t i = 0; i < info->endpoint_count; i++) {
        int32_t value[1];
        size_t count;
        MUST(get_values(run, info->endpoints[i].ticket, value, 1, &count) != FKV_OK);
    }
    fkv_flight_free(info);
}

static void run_expiration_renew(struct run *run)
{
    struct fkv_flight_info *info = get_info(run, "expiration");
    for (size_t i = 0; i < info->endpoint_count; i++) {
        const struct fkv_flight_endpoint *endpoint = &info->endpoints[i];
        struct fkv_flight_endpoint *renewed;
        if (!endpoint->has_expiration)
            continue;
        OK(fkv_flight_renew_endpoint(run->client, endpoint, NULL, &renewed, &run->error));
        MUST(renewed->has_expiration);
        MUST(renewed->expiration.seconds > endpoint->expiration.seconds);
        fkv_flight_free(renewed);
    }
    fkv_flight_free(info);
}

/* ---- location:reuse_connection ---- */

static void run_reuse(struct run *run)
{
    struct fkv_flight_info *info = get_info(run, "reuse");
    struct fkv_client *client;
    MUST(info->endpoint_count == 1 && info->endpoints[0].location_count == 1);
    MUST(bytes_are(info->endpoints[0].locations[0], FKV_FLIGHT_REUSE_CONNECTION));
    OK(fkv_flight_endpoint_client(run->client, &info->endpoints[0], &client, &run->error));
    MUST(client == run->client);
    fkv_flight_free(info);
}

/* ---- session_options ---- */

#define KANA                                                                                 \
    "(\xe3\x81\xa5\xef\xbd\xa1\xe2\x97\x95\xe2\x80\xbf\xe2\x80\xbf\xe2\x97\x95\xef\xbd\xa1)" \
    "\xe3\x81\xa5"

static const struct fkv_flight_option *find_option(const struct fkv_flight_options *options,
                                                   const char *name)
{
    for (size_t i = 0; i < options->count; i++)
        if (bytes_are(options->options[i].name, name))
            return &options->options[i];
    fprintf(stderr, "there is no option '%s'\n", name);
    exit(1);
}

static void check_errors(const struct fkv_flight_option_errors *errors)
{
    MUST(errors->count == 2);
    for (size_t i = 0; i < 2; i++)
        MUST(errors->errors[i].problem == (bytes_are(errors->errors[i].name, "lol_invalid")
                                               ? FKV_FLIGHT_OPTION_INVALID_NAME
                                               : FKV_FLIGHT_OPTION_INVALID_VALUE));
}

static void set_all(struct run *run)
{
    const struct fkv_bytes words[] = {TEXT("a"), TEXT("b"),  TEXT("sea"),  TEXT("dee"),
                                      TEXT(" "), TEXT("  "), TEXT("geee"), TEXT(KANA)};
    const struct fkv_flight_option set[] = {
        {.name = TEXT("foolong"), .type = FKV_FLIGHT_OPTION_INT64, .int64 = 123},
        {.name = TEXT("bardouble"), .type = FKV_FLIGHT_OPTION_DOUBLE, .real = 456.0},
        {.name = TEXT("lol_invalid"),
         .type = FKV_FLIGHT_OPTION_STRING,
         .string = TEXT("this won't get set")},
        {.name = TEXT("key_with_invalid_value"),
         .type = FKV_FLIGHT_OPTION_STRING,
         .string = TEXT("lol_invalid")},
        {.name = TEXT("big_ol_string_list"),
         .type = FKV_FLIGHT_OPTION_STRINGS,
         .strings = words,
         .string_count = 8}};
    struct fkv_flight_option_errors *errors;
    struct fkv_flight_options *options;
    OK(fkv_flight_set_session_options(run->client, set, 5, NULL, &errors, &run->error));
    check_errors(errors);
    OK(fkv_flight_get_session_options(run->client, NULL, &options, &run->error));
    MUST(options->count == 3);
    MUST(find_option(options, "foolong")->int64 == 123);
    MUST(find_option(options, "bardouble")->real == 456.0);
    const struct fkv_flight_option *list = find_option(options, "big_ol_string_list");
    MUST(list->type == FKV_FLIGHT_OPTION_STRINGS && list->string_count == 8);
    MUST(bytes_are(list->strings[7], KANA));
    fkv_flight_free(errors);
    fkv_flight_free(options);
}

static void change_some(struct run *run)
{
    static const char text[] = "a,b,sea,dee, ,  ,geee," KANA;
    const struct fkv_flight_option set[] = {{.name = TEXT("foolong")},
                                            {.name = TEXT("big_ol_string_list"),
                                             .type = FKV_FLIGHT_OPTION_STRING,
                                             .string = TEXT(text)}};
    struct fkv_flight_option_errors *errors;
    struct fkv_flight_options *options;
    OK(fkv_flight_set_session_options(run->client, set, 2, NULL, &errors, &run->error));
    MUST(errors->count == 0);
    OK(fkv_flight_get_session_options(run->client, NULL, &options, &run->error));
    MUST(options->count == 2);
    MUST(find_option(options, "bardouble")->real == 456.0);
    MUST(bytes_are(find_option(options, "big_ol_string_list")->string, text));
    fkv_flight_free(errors);
    fkv_flight_free(options);
}

static void run_session(struct run *run)
{
    enum fkv_flight_close_status status;
    set_all(run);
    change_some(run);
    OK(fkv_flight_close_session(run->client, NULL, &status, &run->error));
    MUST(status == FKV_FLIGHT_CLOSED);
}

/* ---- poll_flight_info ---- */

static void run_poll(struct run *run)
{
    const struct fkv_flight_descriptor heavy = command("heavy query");
    struct fkv_flight_poll_info *first, *last;
    OK(fkv_flight_poll_info(run->client, &heavy, NULL, &first, &run->error));
    MUST(first->info != NULL && first->descriptor != NULL);
    MUST(first->has_progress && first->progress >= 0 && first->progress <= 1);
    MUST(first->has_expiration);
    OK(fkv_flight_poll_info(run->client, first->descriptor, NULL, &last, &run->error));
    MUST(last->info != NULL && last->descriptor == NULL);
    MUST(last->has_progress && last->progress == 1.0);
    MUST(!last->has_expiration);
    fkv_flight_free(first);
    fkv_flight_free(last);
}

/* ---- app_metadata_flight_info_endpoint ---- */

static void run_metadata(struct run *run)
{
    struct fkv_flight_info *info = get_info(run, "foobar");
    MUST(bytes_are(info->app_metadata, "foobar"));
    MUST(info->endpoint_count == 1);
    MUST(bytes_are(info->endpoints[0].app_metadata, "foobar"));
    fkv_flight_free(info);
}

/* ---- do_exchange:echo ---- */

static void echo_batch(struct run *run, struct fkv_flight_stream *stream, int32_t index)
{
    const int32_t values[] = {index, index + 1, index + 2};
    char number[12];
    bool more;
    struct fkv_flight_batch batch = {.has_app_metadata = index % 2 == 0}, back;
    snprintf(number, sizeof number, "%d", index);
    if (batch.has_app_metadata)
        batch.app_metadata = TEXT(number);
    batch_make(values, 3, &batch.array);
    OK(fkv_flight_write(stream, &batch, &run->error));
    OK(fkv_flight_read(stream, &back, &more, &run->error));
    MUST(more && batch_is(&back.array, values, 3));
    MUST(back.has_app_metadata == (index % 2 == 0));
    MUST(!back.has_app_metadata || bytes_are(back.app_metadata, number));
    back.array.release(&back.array);
}

static void run_echo(struct run *run)
{
    static const struct column column = {"x", "i"};
    const struct fkv_flight_descriptor descriptor = command("echo");
    struct fkv_flight_stream *stream;
    struct fkv_flight_batch batch;
    struct ArrowSchema schema;
    bool more;
    schema_make(&column, false, &schema);
    OK(fkv_flight_do_exchange(run->client, &descriptor, NULL, &stream, &run->error));
    OK(fkv_flight_write_schema(stream, &schema, &run->error));
    for (int32_t i = 0; i < 4; i++)
        echo_batch(run, stream, i);
    OK(fkv_flight_write_end(stream, &run->error));
    OK(fkv_flight_read(stream, &batch, &more, &run->error));
    MUST(!more);
    OK(fkv_flight_close(stream, &run->error));
    schema.release(&schema);
}

/* ---- JSON mode ---- */

static void open_table(struct run *run, struct ArrowArrayStream *ret)
{
    static const char ending[] = ".json";
    char path[4096];
    size_t size = strlen(run->arguments->path);
    MUST(size > sizeof ending && size < sizeof path - sizeof ending);
    MUST(strcmp(run->arguments->path + size - strlen(ending), ending) == 0);
    snprintf(path, sizeof path, "%.*s.stream", (int)(size - strlen(ending)), run->arguments->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "%s can't be opened: it must have the table as an IPC stream\n", path);
        exit(1);
    }
    OK(fkv_ipc_read(fd, ret, &run->error));
}

/* In lock-step: each batch is acknowledged by its own app_metadata. */
static void put_table(struct run *run, const struct fkv_flight_descriptor *descriptor)
{
    struct ArrowArrayStream table;
    struct ArrowSchema schema;
    struct fkv_flight_stream *stream;
    struct fkv_bytes result;
    bool more;
    open_table(run, &table);
    MUST(table.get_schema(&table, &schema) == 0);
    OK(fkv_flight_do_put(run->client, descriptor, NULL, &stream, &run->error));
    OK(fkv_flight_write_schema(stream, &schema, &run->error));
    schema.release(&schema);
    for (unsigned i = 0;; i++) {
        struct fkv_flight_batch batch = {.has_app_metadata = true};
        char number[12];
        MUST(table.get_next(&table, &batch.array) == 0);
        if (batch.array.release == NULL)
            break;
        snprintf(number, sizeof number, "%u", i);
        batch.app_metadata = TEXT(number);
        OK(fkv_flight_write(stream, &batch, &run->error));
        OK(fkv_flight_read_result(stream, &result, &more, &run->error));
        MUST(more && bytes_are(result, number));
    }
    OK(fkv_flight_write_end(stream, &run->error));
    OK(fkv_flight_read_result(stream, &result, &more, &run->error));
    MUST(!more);
    OK(fkv_flight_close(stream, &run->error));
    table.release(&table);
}

/* What a stream gives, as the bytes of an IPC file without what may differ. */
struct got {
    struct run *run;
    struct fkv_flight_stream *stream;
    unsigned count;
};

static int got_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    struct got *got = stream->private_data;
    struct run *run = got->run;
    OK(fkv_flight_read_schema(got->stream, out, &run->error));
    return 0;
}

static int got_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct got *got = stream->private_data;
    struct run *run = got->run;
    struct fkv_flight_batch batch;
    char number[12];
    bool more;
    OK(fkv_flight_read(got->stream, &batch, &more, &run->error));
    *out = more ? batch.array : (struct ArrowArray){0};
    if (!more)
        return 0;
    snprintf(number, sizeof number, "%u", got->count++);
    MUST(batch.has_app_metadata && bytes_are(batch.app_metadata, number));
    return 0;
}

static const char *got_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return NULL;
}

static void got_release(struct ArrowArrayStream *stream)
{
    stream->release = NULL;
}

/* Writes a stream's table as IPC to a new file in memory; gives its descriptor, and its length. */
static int write_table(struct run *run, struct ArrowArrayStream *stream, off_t *ret_size)
{
    FILE *file = tmpfile();
    MUST(file != NULL);
    OK(fkv_ipc_write(stream, fileno(file), NULL, NULL, &run->error));
    *ret_size = lseek(fileno(file), 0, SEEK_END);
    return fileno(file);
}

static bool files_are_equal(int a, int b, off_t size)
{
    char *bytes = malloc(2 * (size_t)size + 1);
    MUST(bytes != NULL);
    MUST(pread(a, bytes, (size_t)size, 0) == size &&
         pread(b, bytes + size, (size_t)size, 0) == size);
    bool are_equal = memcmp(bytes, bytes + size, (size_t)size) == 0;
    free(bytes);
    return are_equal;
}

/* Both tables go through the same writer, so that equal tables give equal bytes. */
static void get_table(struct run *run, const struct fkv_flight_endpoint *endpoint)
{
    struct ArrowArrayStream expected, stream;
    struct fkv_client *client;
    struct got got = {.run = run};
    off_t expected_size, size;
    OK(fkv_flight_endpoint_client(run->client, endpoint, &client, &run->error));
    OK(fkv_flight_do_get(client, endpoint->ticket, NULL, &got.stream, &run->error));
    stream = (struct ArrowArrayStream){got_schema, got_next, got_error, got_release, &got};
    open_table(run, &expected);
    int expected_file = write_table(run, &expected, &expected_size);
    int file = write_table(run, &stream, &size);
    MUST(size == expected_size);
    MUST(files_are_equal(expected_file, file, size));
    OK(fkv_flight_close(got.stream, &run->error));
    if (client != run->client)
        fkv_client_close(client);
}

static void run_json(struct run *run)
{
    const struct fkv_bytes path = TEXT(run->arguments->path);
    const struct fkv_flight_descriptor descriptor = {
        .type = FKV_FLIGHT_PATH, .path = &path, .path_count = 1};
    struct fkv_flight_info *info;
    put_table(run, &descriptor);
    OK(fkv_flight_get_info(run->client, &descriptor, NULL, &info, &run->error));
    MUST(info->schema != NULL && info->descriptor.path_count == 1);
    MUST(info->endpoint_count >= 1);
    for (size_t i = 0; i < info->endpoint_count; i++)
        get_table(run, &info->endpoints[i]);
    fkv_flight_free(info);
}

/* ---- the table of scenarios ---- */

static const struct scenario {
    const char *name;
    void (*run)(struct run *run);
} scenarios[] = {
    {"auth:basic_proto", run_auth},
    {"middleware", run_middleware},
    {"ordered", run_ordered},
    {"expiration_time:do_get", run_expiration_get},
    {"expiration_time:list_actions", run_expiration_list},
    {"expiration_time:cancel_flight_info", run_expiration_cancel},
    {"expiration_time:renew_flight_endpoint", run_expiration_renew},
    {"location:reuse_connection", run_reuse},
    {"session_options", run_session},
    {"poll_flight_info", run_poll},
    {"app_metadata_flight_info_endpoint", run_metadata},
    {"do_exchange:echo", run_echo},
};

static void (*find_scenario(const char *name))(struct run *run)
{
    if (name == NULL)
        return run_json;
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        if (strcmp(name, scenarios[i].name) == 0)
            return scenarios[i].run;
    return NULL;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    if (!read_arguments(&arguments, argc, argv))
        return 2;
    void (*scenario)(struct run * run) = find_scenario(arguments.scenario);
    if (scenario == NULL || (arguments.scenario == NULL && arguments.path == NULL)) {
        fputs("expected -scenario with one of those there are, or -path\n", stderr);
        return 2;
    }
    char uri[300];
    snprintf(uri, sizeof uri, "grpc+tcp://%s:%s", arguments.host, arguments.port);
    struct run state = {.arguments = &arguments}, *run = &state;
    OK(fkv_client_open(uri, NULL, &run->client, &run->error));
    scenario(run);
    fkv_client_close(run->client);
    return 0;
}
