/* SPDX-License-Identifier: Apache-2.0 */
/* DoGet, DoPut and DoExchange as one kind of stream: what is written is queued and pumped until it
 * is on its way; what comes meanwhile waits in a queue, and when that is long the server is held
 * back. */
#include "base/list.h"
#include "base/options.h"
#include "base/status.h"
#include "client/client.h"
#include "exchange/convert.h"
#include "exchange/incoming.h"
#include "exchange/outgoing.h"

/* Something that came: a batch, only app_metadata, or a PutResult. */
struct ready {
    struct list link;
    struct ArrowArray array; /* release NULL: none */
    bool has_app_metadata;
    struct buf app_metadata;
};

struct fkv_flight_stream {
    const struct alloc *alloc;
    struct client_call call; /* call.client NULL when the stream needs it no more */
    bool is_get;
    bool is_put; /* PutResults come, not FlightData */
    struct exchange_outgoing outgoing;
    struct exchange_incoming incoming;
    struct flight_data_reader data;
    struct buf result; /* a PutResult, being gathered */
    struct list ready; /* struct ready */
    size_t ready_count;
    struct ready *given; /* whose app_metadata the user has */
};

enum { ready_max = 16 };

static const struct flight_data_limits data_limits = {
    .descriptor_bytes_max = 1 << 20,
    .header_bytes_max = 1 << 30,
    .app_metadata_bytes_max = 1 << 30,
};

enum { result_bytes_max = 128 << 20 };

static void ready_free(const struct alloc *alloc, struct ready *ready)
{
    if (ready == NULL)
        return;
    if (ready->array.release != NULL)
        ready->array.release(&ready->array);
    buf_done(&ready->app_metadata);
    alloc_free(alloc, ready);
}

/* ---- receiving ---- */

/* Takes the array over. */
static enum fkv_status push_ready(struct fkv_flight_stream *stream, struct ArrowArray *array,
                                  bool has_app_metadata, struct slice app_metadata,
                                  struct fkv_error *error)
{
    struct ready *ready = alloc_zero(stream->alloc, sizeof *ready);
    if (ready == NULL) {
        if (array->release != NULL)
            array->release(array);
        return status_no_memory(error, sizeof *ready);
    }
    ready->array = *array;
    ready->has_app_metadata = has_app_metadata;
    buf_init(&ready->app_metadata, stream->alloc, SIZE_MAX);
    if (!buf_append(&ready->app_metadata, app_metadata.data, app_metadata.size)) {
        ready_free(stream->alloc, ready);
        return status_no_memory(error, app_metadata.size);
    }
    list_push(&stream->ready, &ready->link);
    stream->ready_count++;
    if (stream->ready_count >= ready_max)
        wire_call_hold(stream->call.wire, true);
    return FKV_OK;
}

static struct ready *shift_ready(struct fkv_flight_stream *stream)
{
    struct list *node = list_shift(&stream->ready);
    if (node == NULL)
        return NULL;
    stream->ready_count--;
    if (stream->call.wire != NULL)
        wire_call_hold(stream->call.wire, stream->ready_count >= ready_max);
    return list_entry(node, struct ready, link);
}

static enum fkv_status on_data_body(void *context, uint64_t size, struct fkv_error *error)
{
    struct fkv_flight_stream *stream = context;
    return exchange_incoming_body(&stream->incoming, size, error);
}

static enum fkv_status on_data_bytes(void *context, struct slice bytes, struct fkv_error *error)
{
    (void)error;
    struct fkv_flight_stream *stream = context;
    exchange_incoming_bytes(&stream->incoming, bytes);
    return FKV_OK;
}

static const struct flight_data_handler data_handler = {on_data_body, on_data_bytes};

static enum fkv_status end_data(struct fkv_flight_stream *stream, struct fkv_error *error)
{
    struct ArrowArray array = {0};
    enum exchange_kind kind = EXCHANGE_NOTHING;
    enum fkv_status status = flight_data_end(&stream->data, error);
    if (status == FKV_OK)
        status = exchange_incoming_message(&stream->incoming, &stream->data, &kind, &array, error);
    if (status != FKV_OK || kind == EXCHANGE_NOTHING || kind == EXCHANGE_SCHEMA)
        return status;
    bool has_app_metadata = stream->data.has_app_metadata;
    return push_ready(stream, &array, has_app_metadata,
                      has_app_metadata ? buf_slice(&stream->data.app_metadata) : slice_of(NULL, 0),
                      error);
}

static enum fkv_status end_result(struct fkv_flight_stream *stream, struct fkv_error *error)
{
    struct ArrowArray none = {0};
    struct flight_memory memory;
    struct slice app_metadata;
    flight_memory_init(&memory, stream->alloc, SIZE_MAX);
    enum fkv_status status =
        flight_bytes_decode(&memory, buf_slice(&stream->result), &app_metadata, error);
    if (status == FKV_OK)
        status = push_ready(stream, &none, true, app_metadata, error);
    flight_memory_done(&memory);
    return status;
}

static enum fkv_status on_message(void *context, struct wire_call *wire, uint64_t size,
                                  struct fkv_error *error)
{
    (void)wire;
    struct fkv_flight_stream *stream = context;
    buf_clear(&stream->result);
    if (stream->is_put && size > result_bytes_max)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "the server's PutResult of %llu bytes is over the limit of %d",
                          (unsigned long long)size, result_bytes_max);
    if (!stream->is_put)
        flight_data_begin(&stream->data, size);
    return FKV_OK;
}

static enum fkv_status on_bytes(void *context, struct wire_call *wire, struct slice bytes,
                                struct fkv_error *error)
{
    (void)wire;
    struct fkv_flight_stream *stream = context;
    if (!stream->is_put)
        return flight_data_feed(&stream->data, bytes, error);
    return buf_append(&stream->result, bytes.data, bytes.size)
               ? FKV_OK
               : status_no_memory(error, bytes.size);
}

static enum fkv_status on_message_end(void *context, struct wire_call *wire,
                                      struct fkv_error *error)
{
    (void)wire;
    struct fkv_flight_stream *stream = context;
    return stream->is_put ? end_result(stream, error) : end_data(stream, error);
}

static void on_headers(void *context, struct wire_call *wire)
{
    struct fkv_flight_stream *stream = context;
    client_call_headers(&stream->call, wire);
}

/* The stream has nothing more to expect from its client: others may use it, and it may go. */
static void let_go(struct fkv_flight_stream *stream)
{
    if (stream->call.client != NULL)
        stream->call.client->flight_stream = NULL;
    stream->call.client = NULL;
}

static void on_closed(void *context, struct wire_call *wire, enum fkv_status status,
                      const char *message)
{
    (void)wire;
    struct fkv_flight_stream *stream = context;
    client_call_closed(&stream->call, status, message);
    let_go(stream);
}

static const struct wire_receiver receiver = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_bytes = on_bytes,
    .on_message_end = on_message_end,
    .on_closed = on_closed,
};

/* ---- opening and closing ---- */

static enum wire_pull next_message(void *context, struct wire_call *wire, struct wire_out *out,
                                   struct fkv_error *error)
{
    (void)wire;
    struct fkv_flight_stream *stream = context;
    return exchange_next(&stream->outgoing, out, error);
}

static void stream_free(struct fkv_flight_stream *stream)
{
    client_call_end(&stream->call);
    let_go(stream);
    for (struct ready *ready; (ready = shift_ready(stream)) != NULL;)
        ready_free(stream->alloc, ready);
    ready_free(stream->alloc, stream->given);
    exchange_outgoing_done(&stream->outgoing);
    exchange_incoming_done(&stream->incoming);
    flight_data_reader_done(&stream->data);
    buf_done(&stream->result);
    alloc_free(stream->alloc, stream);
}

void client_flight_detach(struct fkv_flight_stream *stream)
{
    if (stream->call.wire != NULL) {
        stream->call.status = status_set(&stream->call.error, FKV_UNAVAILABLE,
                                         "the client was closed before the stream's end");
        client_call_end(&stream->call);
    }
    stream->call.client = NULL;
}

static struct fkv_flight_stream *stream_new(struct fkv_client *client, struct fkv_error *error)
{
    struct fkv_flight_stream *stream = alloc_zero(client->alloc, sizeof *stream);
    if (stream == NULL) {
        status_no_memory(error, sizeof *stream);
        return NULL;
    }
    stream->alloc = client->alloc;
    list_init(&stream->ready);
    exchange_outgoing_init(&stream->outgoing, client->alloc);
    buf_init(&stream->result, client->alloc, SIZE_MAX);
    flight_data_reader_init(&stream->data, client->alloc, &data_limits, &data_handler, stream);
    if (exchange_incoming_init(&stream->incoming, client->alloc))
        return stream;
    status_no_memory(error, sizeof(void *));
    stream_free(stream);
    return NULL;
}

static enum fkv_status open_stream(struct fkv_flight_stream *stream, struct fkv_client *client,
                                   const char *path, const struct fkv_flight_call_options *options,
                                   struct fkv_error *error)
{
    struct fkv_flight_call_options given;
    enum fkv_status status =
        options_read(options, "fkv_flight_call_options", &given, sizeof given, error);
    const struct client_call_options call = {
        .path = path,
        .timeout_ms = given.timeout_ms,
        .flight = &given,
        .receiver = &receiver,
        .context = stream,
        .source = {next_message, stream},
    };
    if (status == FKV_OK)
        status = client_call_open(client, &stream->call, &call, error);
    if (status == FKV_OK)
        client->flight_stream = stream;
    return status;
}

static enum fkv_status opened(struct fkv_flight_stream *stream, enum fkv_status status,
                              struct fkv_flight_stream **ret)
{
    if (status == FKV_OK)
        *ret = stream;
    else
        stream_free(stream);
    return status;
}

enum fkv_status fkv_flight_do_get(struct fkv_client *client, struct fkv_bytes ticket,
                                  const struct fkv_flight_call_options *options,
                                  struct fkv_flight_stream **ret, struct fkv_error *error)
{
    struct fkv_flight_stream *stream = stream_new(client, error);
    if (stream == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    struct buf encoded;
    buf_init(&encoded, client->alloc, UINT32_MAX);
    stream->is_get = true;
    enum fkv_status status = flight_bytes_encode(exchange_slice(ticket), &encoded, error);
    if (status == FKV_OK)
        status = exchange_send_message(&stream->outgoing, buf_slice(&encoded), error);
    exchange_send_end(&stream->outgoing);
    if (status == FKV_OK)
        status = open_stream(stream, client, CLIENT_PATH("DoGet"), options, error);
    buf_done(&encoded);
    return opened(stream, status, ret);
}

static enum fkv_status queue_descriptor(struct fkv_flight_stream *stream,
                                        const struct fkv_flight_descriptor *descriptor,
                                        struct fkv_error *error)
{
    struct flight_memory memory;
    struct flight_descriptor parts;
    struct buf encoded;
    flight_memory_init(&memory, stream->alloc, SIZE_MAX);
    buf_init(&encoded, stream->alloc, UINT32_MAX);
    enum fkv_status status = exchange_descriptor_to(&memory, descriptor, &parts, error);
    if (status == FKV_OK)
        status = flight_descriptor_encode(&parts, &encoded, error);
    if (status == FKV_OK)
        status = exchange_send_descriptor(&stream->outgoing, buf_slice(&encoded), error);
    buf_done(&encoded);
    flight_memory_done(&memory);
    return status;
}

enum fkv_status fkv_flight_do_put(struct fkv_client *client,
                                  const struct fkv_flight_descriptor *descriptor,
                                  const struct fkv_flight_call_options *options,
                                  struct fkv_flight_stream **ret, struct fkv_error *error)
{
    struct fkv_flight_stream *stream = stream_new(client, error);
    if (stream == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    stream->is_put = true;
    enum fkv_status status = queue_descriptor(stream, descriptor, error);
    if (status == FKV_OK)
        status = open_stream(stream, client, CLIENT_PATH("DoPut"), options, error);
    return opened(stream, status, ret);
}

/* The descriptor goes ahead by itself, so that the server can answer at once. */
enum fkv_status fkv_flight_do_exchange(struct fkv_client *client,
                                       const struct fkv_flight_descriptor *descriptor,
                                       const struct fkv_flight_call_options *options,
                                       struct fkv_flight_stream **ret, struct fkv_error *error)
{
    struct fkv_flight_stream *stream = stream_new(client, error);
    if (stream == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    struct fkv_flight_batch nothing = {.has_app_metadata = false};
    enum fkv_status status = queue_descriptor(stream, descriptor, error);
    if (status == FKV_OK)
        status = exchange_send_batch(&stream->outgoing, &nothing, error);
    if (status == FKV_OK)
        status = open_stream(stream, client, CLIENT_PATH("DoExchange"), options, error);
    return opened(stream, status, ret);
}

/* ---- pumping ---- */

static bool has_flushed(const void *context)
{
    const struct fkv_flight_stream *stream = context;
    return exchange_outgoing_is_idle(&stream->outgoing);
}

static bool has_ready(const void *context)
{
    const struct fkv_flight_stream *stream = context;
    return !list_empty(&stream->ready);
}

static bool has_schema(const void *context)
{
    const struct fkv_flight_stream *stream = context;
    return stream->incoming.has_schema;
}

/* How a call that is over went. */
static enum fkv_status ended(const struct fkv_flight_stream *stream, struct fkv_error *error)
{
    if (stream->call.status != FKV_OK && error != NULL)
        *error = stream->call.error;
    return stream->call.status;
}

static void pump(struct fkv_flight_stream *stream, bool (*is_done)(const void *context))
{
    if (stream->call.wire != NULL)
        client_call_run(&stream->call, is_done, stream);
}

/* ---- writing ---- */

static enum fkv_status check_writable(const struct fkv_flight_stream *stream,
                                      struct fkv_error *error)
{
    if (stream->outgoing.has_ended)
        return status_set(error, FKV_FAILED_PRECONDITION,
                          "the stream's own side has ended already: nothing can be written");
    if (stream->call.wire != NULL)
        return FKV_OK;
    enum fkv_status status = ended(stream, error);
    return status != FKV_OK ? status
                            : status_set(error, FKV_FAILED_PRECONDITION,
                                         "the server has ended the call: it takes no more");
}

static enum fkv_status flush(struct fkv_flight_stream *stream, struct fkv_error *error)
{
    wire_call_resume(stream->call.wire);
    pump(stream, has_flushed);
    return stream->call.wire == NULL ? ended(stream, error) : FKV_OK;
}

enum fkv_status fkv_flight_write_schema(struct fkv_flight_stream *stream,
                                        const struct ArrowSchema *schema, struct fkv_error *error)
{
    enum fkv_status status = check_writable(stream, error);
    if (status == FKV_OK)
        status = exchange_send_schema(&stream->outgoing, schema, error);
    return status == FKV_OK ? flush(stream, error) : status;
}

enum fkv_status fkv_flight_write(struct fkv_flight_stream *stream, struct fkv_flight_batch *batch,
                                 struct fkv_error *error)
{
    enum fkv_status status = check_writable(stream, error);
    if (status != FKV_OK) {
        if (batch->array.release != NULL)
            batch->array.release(&batch->array);
        return status;
    }
    status = exchange_send_batch(&stream->outgoing, batch, error);
    return status == FKV_OK ? flush(stream, error) : status;
}

enum fkv_status fkv_flight_write_end(struct fkv_flight_stream *stream, struct fkv_error *error)
{
    enum fkv_status status = check_writable(stream, error);
    if (status != FKV_OK)
        return status;
    exchange_send_end(&stream->outgoing);
    return flush(stream, error);
}

/* ---- reading ---- */

enum fkv_status fkv_flight_read_schema(struct fkv_flight_stream *stream, struct ArrowSchema *ret,
                                       struct fkv_error *error)
{
    if (!has_schema(stream))
        pump(stream, has_schema);
    if (has_schema(stream))
        return exchange_incoming_schema(&stream->incoming, ret, error);
    enum fkv_status status = ended(stream, error);
    return status != FKV_OK
               ? status
               : status_set(error, FKV_FAILED_PRECONDITION, "the server's answer has no schema");
}

/* The next thing that came, kept until the next call; NULL at the end. */
static enum fkv_status read_ready(struct fkv_flight_stream *stream, struct ready **ret,
                                  struct fkv_error *error)
{
    ready_free(stream->alloc, stream->given);
    stream->given = NULL;
    if (!has_ready(stream))
        pump(stream, has_ready);
    stream->given = shift_ready(stream);
    *ret = stream->given;
    return stream->given != NULL ? FKV_OK : ended(stream, error);
}

enum fkv_status fkv_flight_read(struct fkv_flight_stream *stream, struct fkv_flight_batch *ret,
                                bool *ret_more, struct fkv_error *error)
{
    struct ready *ready;
    enum fkv_status status = read_ready(stream, &ready, error);
    if (status == FKV_OK && ready == NULL)
        status = exchange_incoming_end(&stream->incoming, error);
    if (status != FKV_OK)
        return status;
    *ret_more = ready != NULL;
    if (ready == NULL)
        return FKV_OK;
    *ret =
        (struct fkv_flight_batch){.array = ready->array,
                                  .has_app_metadata = ready->has_app_metadata,
                                  .app_metadata = exchange_bytes(buf_slice(&ready->app_metadata))};
    ready->array.release = NULL;
    return FKV_OK;
}

enum fkv_status fkv_flight_read_result(struct fkv_flight_stream *stream, struct fkv_bytes *ret,
                                       bool *ret_more, struct fkv_error *error)
{
    struct ready *ready;
    enum fkv_status status = read_ready(stream, &ready, error);
    if (status != FKV_OK)
        return status;
    *ret_more = ready != NULL;
    if (ready != NULL)
        *ret = exchange_bytes(buf_slice(&ready->app_metadata));
    return FKV_OK;
}

/* ---- the end ---- */

/* What still comes is of no interest, but how the call goes is. */
static enum fkv_status finish(struct fkv_flight_stream *stream, struct fkv_error *error)
{
    if (stream->call.wire != NULL && !stream->outgoing.has_ended) {
        exchange_send_end(&stream->outgoing);
        wire_call_resume(stream->call.wire);
    }
    while (stream->call.wire != NULL) {
        pump(stream, has_ready);
        ready_free(stream->alloc, shift_ready(stream));
    }
    return ended(stream, error);
}

enum fkv_status fkv_flight_close(struct fkv_flight_stream *stream, struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    if (stream == NULL)
        return FKV_OK;
    if (!stream->is_get)
        status = finish(stream, error);
    else if (stream->call.wire == NULL)
        status = ended(stream, error);
    stream_free(stream);
    return status;
}
