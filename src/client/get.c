/* SPDX-License-Identifier: Apache-2.0 */
/* A get: an ArrowArrayStream that reads from the socket when it is asked for the next array. Each
 * body is received into a block of its own, of which the arrays are views. What one read from the
 * socket brought (64 KiB at most) may hold several small batches: they wait in a queue, and
 * nothing more is read until it is empty. */
#include <stdio.h>

#include "base/list.h"
#include "base/options.h"
#include "base/status.h"
#include "client/client.h"
#include "flight/flight_data.h"
#include "ipc/reader.h"

struct ready {
    struct list link;
    struct ArrowArray array;
};

struct client_stream {
    const struct alloc *alloc;
    struct client_call call; /* call.client NULL when the stream needs it no more */
    struct slice key;        /* the request, until it is sent */
    bool is_asked;
    struct client_pool *pool;
    struct ipc_reader *reader;
    struct flight_data_reader data;
    struct block *body;
    size_t body_filled;
    bool has_schema;
    struct list ready;      /* struct ready */
    enum fkv_status status; /* of the stream, once it has failed */
    struct fkv_error error;
};

/* A record batch's metadata and a batch's app_metadata may be as large as the server lets them. */
static const struct flight_data_limits data_limits = {
    .descriptor_bytes_max = 1 << 20,
    .header_bytes_max = 1 << 30,
    .app_metadata_bytes_max = 1 << 30,
};

/* ---- receiving ---- */

static enum fkv_status on_body(void *context, uint64_t size, struct fkv_error *error)
{
    struct client_stream *stream = context;
    stream->body_filled = 0;
    if (size == 0)
        return FKV_OK;
    stream->body = client_pool_get(stream->pool, (size_t)size);
    return stream->body != NULL ? FKV_OK : status_no_memory(error, (size_t)size);
}

static enum fkv_status on_body_bytes(void *context, struct slice bytes, struct fkv_error *error)
{
    (void)error;
    struct client_stream *stream = context;
    memcpy(stream->body->data + stream->body_filled, bytes.data, bytes.size);
    stream->body_filled += bytes.size;
    return FKV_OK;
}

static const struct flight_data_handler data_handler = {on_body, on_body_bytes};

static enum fkv_status on_message(void *context, struct wire_call *wire, uint64_t size,
                                  struct fkv_error *error)
{
    (void)wire;
    (void)error;
    struct client_stream *stream = context;
    flight_data_begin(&stream->data, size);
    return FKV_OK;
}

static enum fkv_status on_bytes(void *context, struct wire_call *wire, struct slice bytes,
                                struct fkv_error *error)
{
    (void)wire;
    struct client_stream *stream = context;
    return flight_data_feed(&stream->data, bytes, error);
}

static enum fkv_status take_message(struct client_stream *stream, struct fkv_error *error)
{
    struct ready *ready = alloc_zero(stream->alloc, sizeof *ready);
    if (ready == NULL)
        return status_no_memory(error, sizeof *ready);
    bool is_batch = false;
    enum fkv_status status = ipc_reader_message(stream->reader, buf_slice(&stream->data.header),
                                                stream->body, &is_batch, &ready->array, error);
    if (status == FKV_OK && is_batch)
        list_push(&stream->ready, &ready->link);
    else
        alloc_free(stream->alloc, ready);
    stream->has_schema = stream->has_schema || status == FKV_OK;
    return status;
}

static enum fkv_status on_message_end(void *context, struct wire_call *wire,
                                      struct fkv_error *error)
{
    (void)wire;
    struct client_stream *stream = context;
    enum fkv_status status = flight_data_end(&stream->data, error);
    if (status == FKV_OK && stream->data.has_header)
        status = take_message(stream, error);
    block_unref(stream->body);
    stream->body = NULL;
    return status;
}

/* The stream has nothing more to expect from its client: others may use it, and it may go. */
static void let_go(struct client_stream *stream)
{
    if (stream->call.client != NULL)
        stream->call.client->stream = NULL;
    stream->call.client = NULL;
}

static void on_headers(void *context, struct wire_call *wire)
{
    struct client_stream *stream = context;
    client_call_headers(&stream->call, wire);
}

static void on_closed(void *context, struct wire_call *wire, enum fkv_status status,
                      const char *message)
{
    (void)wire;
    struct client_stream *stream = context;
    client_call_closed(&stream->call, status, message);
    let_go(stream);
}

static const struct wire_receiver get_receiver = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_bytes = on_bytes,
    .on_message_end = on_message_end,
    .on_closed = on_closed,
};

static enum wire_pull next_request(void *context, struct wire_call *wire, struct wire_out *out,
                                   struct fkv_error *error)
{
    (void)wire;
    struct client_stream *stream = context;
    if (stream->is_asked)
        return WIRE_PULL_END;
    stream->is_asked = true;
    struct buf ticket;
    buf_init(&ticket, stream->alloc, SIZE_MAX);
    enum fkv_status status = flight_bytes_encode(stream->key, &ticket, error);
    wire_out_begin(out);
    wire_out_copy(out, buf_slice(&ticket));
    wire_out_end(out);
    buf_done(&ticket);
    return status == FKV_OK ? WIRE_PULL_MESSAGE : WIRE_PULL_FAIL;
}

/* ---- the stream ---- */

static bool has_something(const void *context)
{
    const struct client_stream *stream = context;
    return !list_empty(&stream->ready);
}

static bool has_schema(const void *context)
{
    return ((const struct client_stream *)context)->has_schema;
}

/* Reads on until `is_done` or the end; then says how the stream is. */
static enum fkv_status read_on(struct client_stream *stream, bool (*is_done)(const void *context))
{
    if (stream->status == FKV_OK && !is_done(stream)) {
        client_call_run(&stream->call, is_done, stream);
        if (stream->call.wire == NULL && stream->call.status != FKV_OK) {
            stream->status = stream->call.status;
            stream->error = stream->call.error;
        }
    }
    return stream->status;
}

static int stream_get_schema(struct ArrowArrayStream *arrow, struct ArrowSchema *out)
{
    struct client_stream *stream = arrow->private_data;
    enum fkv_status status = ipc_reader_schema(stream->reader, out, &stream->error);
    if (status != FKV_OK)
        stream->status = status;
    return client_errno(status);
}

static int stream_get_next(struct ArrowArrayStream *arrow, struct ArrowArray *out)
{
    struct client_stream *stream = arrow->private_data;
    enum fkv_status status = read_on(stream, has_something);
    struct list *node = list_shift(&stream->ready);
    if (node != NULL) { /* what came whole is given, also before an error */
        struct ready *ready = list_entry(node, struct ready, link);
        *out = ready->array;
        alloc_free(stream->alloc, ready);
        return 0;
    }
    if (status == FKV_OK)
        status = stream->status = ipc_reader_end(stream->reader, &stream->error);
    if (status != FKV_OK)
        return client_errno(status);
    *out = (struct ArrowArray){0};
    return 0;
}

static const char *stream_get_last_error(struct ArrowArrayStream *arrow)
{
    struct client_stream *stream = arrow->private_data;
    return stream->error.message[0] != '\0' ? stream->error.message : NULL;
}

static void stream_free(struct client_stream *stream)
{
    client_call_end(&stream->call);
    let_go(stream);
    for (struct list *node; (node = list_shift(&stream->ready)) != NULL;) {
        struct ready *ready = list_entry(node, struct ready, link);
        ready->array.release(&ready->array);
        alloc_free(stream->alloc, ready);
    }
    block_unref(stream->body);
    ipc_reader_free(stream->reader);
    flight_data_reader_done(&stream->data);
    alloc_free(stream->alloc, stream);
}

static void stream_release(struct ArrowArrayStream *arrow)
{
    stream_free(arrow->private_data);
    arrow->release = NULL;
    arrow->private_data = NULL;
}

void client_stream_detach(struct client_stream *stream)
{
    if (stream->call.wire != NULL) {
        stream->call.status = status_set(&stream->call.error, FKV_UNAVAILABLE,
                                         "the client was closed before the stream's end");
        client_call_end(&stream->call);
    }
    stream->status = stream->call.status;
    stream->error = stream->call.error;
    stream->call.client = NULL;
}

/* Request metadata takes printable ASCII only; the server undoes the escapes. */
static void escape_columns(struct buf *buf, const char *columns)
{
    static const char digits[] = "0123456789ABCDEF";
    for (const char *c = columns; *c != '\0'; c++) {
        uint8_t byte = (uint8_t)*c;
        if (byte > 0x20 && byte < 0x7f) {
            buf_byte(buf, byte);
            continue;
        }
        buf_byte(buf, '%');
        buf_byte(buf, (uint8_t)digits[byte >> 4]);
        buf_byte(buf, (uint8_t)digits[byte & 15]);
    }
}

/* The options as request metadata. Valid as long as what was given. */
struct asked {
    struct wire_pair pairs[3];
    size_t count;
    struct buf columns;
    char bytes[24];
};

static void ask(struct asked *asked, const char *name, struct slice value)
{
    asked->pairs[asked->count++] = (struct wire_pair){slice_text(name), value};
}

static enum fkv_status encode_options(const struct fkv_get_options *given, struct asked *ret,
                                      struct fkv_error *error)
{
    buf_init(&ret->columns, alloc_system(), 1 << 20);
    if (given->columns != NULL) {
        escape_columns(&ret->columns, given->columns);
        ask(ret, "flightkv-columns", buf_slice(&ret->columns));
    }
    if (given->rows != NULL)
        ask(ret, "flightkv-rows", slice_text(given->rows));
    snprintf(ret->bytes, sizeof ret->bytes, "%llu", (unsigned long long)given->max_message_bytes);
    if (given->max_message_bytes > 0)
        ask(ret, "flightkv-max-message-bytes", slice_text(ret->bytes));
    return ret->columns.failed ? status_no_memory(error, ret->columns.size) : FKV_OK;
}

static enum fkv_status open_call(struct client_stream *stream, struct fkv_client *client,
                                 const struct fkv_get_options *given, struct fkv_error *error)
{
    struct asked asked = {.count = 0};
    enum fkv_status status = encode_options(given, &asked, error);
    const struct client_call_options call = {
        .path = CLIENT_PATH("DoGet"),
        .timeout_ms = given->timeout_ms,
        .receiver = &get_receiver,
        .context = stream,
        .source = {next_request, stream},
        .metadata = {asked.pairs, asked.count},
    };
    stream->is_asked = false;
    stream->status = FKV_OK;
    if (status == FKV_OK)
        status = client_call_open(client, &stream->call, &call, error);
    buf_done(&asked.columns);
    return status;
}

static enum fkv_status call_get(struct client_stream *stream, struct fkv_client *client,
                                const struct fkv_get_options *given, struct fkv_error *error)
{
    enum fkv_status status = open_call(stream, client, given, error);
    if (status != FKV_OK)
        return status;
    client->stream = stream;
    status = read_on(stream, has_schema);
    if (status == FKV_OK && !stream->has_schema)
        return status_set(error, FKV_INTERNAL, "the server's answer has no schema");
    if (status != FKV_OK && error != NULL)
        *error = stream->error;
    return status;
}

static enum fkv_status open_get(struct client_stream *stream, struct fkv_client *client,
                                const struct fkv_get_options *given, struct fkv_error *error)
{
    unsigned flags = (given->flags & FKV_GET_CHECK_VALUES) != 0 ? IPC_READER_CHECK_VALUES : 0;
    const struct ipc_limits limits = IPC_LIMITS_DEFAULT;
    stream->reader = ipc_reader_new(client->alloc, &limits, flags);
    if (stream->reader == NULL)
        return status_no_memory(error, sizeof(void *));
    enum fkv_status status = call_get(stream, client, given, error);
    if (!stream->has_schema && client_login_again(client, status))
        status = call_get(stream, client, given, error);
    return status;
}

enum fkv_status fkv_get(struct fkv_client *client, const void *key, size_t key_size,
                        const struct fkv_get_options *options, struct ArrowArrayStream *ret,
                        struct fkv_error *error)
{
    struct fkv_get_options given;
    enum fkv_status status = options_read(options, "fkv_get_options", &given, sizeof given, error);
    if (status != FKV_OK)
        return status;
    if (given.streams > 1)
        return client_get_streams(client, slice_of(key, key_size), &given, ret, error);
    struct client_stream *stream = alloc_zero(client->alloc, sizeof *stream);
    if (stream == NULL)
        return status_no_memory(error, sizeof *stream);
    stream->alloc = client->alloc;
    stream->key = slice_of(key, key_size);
    stream->pool = client->pool;
    list_init(&stream->ready);
    flight_data_reader_init(&stream->data, client->alloc, &data_limits, &data_handler, stream);
    status = open_get(stream, client, &given, error);
    if (status != FKV_OK) {
        stream_free(stream);
        return status;
    }
    stream->key = slice_of(NULL, 0);
    *ret = (struct ArrowArrayStream){
        .get_schema = stream_get_schema,
        .get_next = stream_get_next,
        .get_last_error = stream_get_last_error,
        .release = stream_release,
        .private_data = stream,
    };
    return FKV_OK;
}

enum fkv_status client_stream_error(struct ArrowArrayStream *arrow, bool *ret_is_ours,
                                    struct fkv_error *error)
{
    *ret_is_ours = arrow->release == stream_release;
    if (!*ret_is_ours)
        return FKV_UNKNOWN;
    const struct client_stream *stream = arrow->private_data;
    if (stream->status != FKV_OK && error != NULL)
        *error = stream->error;
    return stream->status;
}
