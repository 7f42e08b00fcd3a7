/* SPDX-License-Identifier: Apache-2.0 */
/* DoGet, DoPut and DoExchange as one kind of stream: what is written is queued and pumped until it
 * is on its way; what comes meanwhile waits in a queue, and when that is long the server is held
 * back. One read from the socket brings 64 KiB at most, or more of one body, and nothing is read
 * while a reader has something to take: a large batch is never received ahead of being asked for.
 */
#include "client/flight_stream.h"

#include "base/list.h"
#include "base/options.h"
#include "base/status.h"
#include "exchange/convert.h"
#include "exchange/incoming.h"
#include "shm/map.h"

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
    struct client_stream_options options;
    struct exchange_outgoing outgoing;
    struct exchange_incoming incoming;
    struct block *lease;      /* of options.map; NULL: none */
    bool is_leased;           /* the server has made it */
    struct client_pool *pool; /* that its reader goes back to; NULL: none was taken */
    struct flight_data_reader data;
    struct buf result; /* a PutResult, being gathered */
    struct list ready; /* struct ready */
    size_t ready_count;
    struct ready *given; /* whose app_metadata the user has */
};

enum { ready_max = 16 };

/* A record batch's metadata and a batch's app_metadata may be as large as the server lets them. */
static const struct flight_data_limits data_limits = {
    .descriptor_bytes_max = 1 << 20,
    .header_bytes_max = 1 << 30,
    .app_metadata_bytes_max = 1 << 30,
};

/* Some entries for each of a batch's buffers. */
enum { refs_bytes_max = 1 << 30 };

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

static bool is_one_of_several(const struct fkv_flight_stream *stream)
{
    return stream->options.on_over != NULL;
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
    if (stream->ready_count >= ready_max && !is_one_of_several(stream))
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

static enum fkv_status get_body(void *context, size_t size, struct block **ret,
                                struct fkv_error *error)
{
    *ret = client_pool_get(context, size);
    return *ret != NULL ? FKV_OK : status_no_memory(error, size);
}

static enum fkv_status on_data_body(void *context, uint64_t size, struct fkv_error *error)
{
    struct fkv_flight_stream *stream = context;
    return exchange_incoming_body(&stream->incoming, buf_slice(&stream->data.refs), size, error);
}

static enum fkv_status on_data_bytes(void *context, struct slice bytes, struct fkv_error *error)
{
    struct fkv_flight_stream *stream = context;
    return exchange_incoming_bytes(&stream->incoming, bytes, error);
}

static uint8_t *data_target(void *context, size_t *size)
{
    struct fkv_flight_stream *stream = context;
    return exchange_incoming_target(&stream->incoming, size);
}

static const struct flight_data_handler data_handler = {on_data_body, on_data_bytes, data_target};

static enum fkv_status end_data(struct fkv_flight_stream *stream, struct fkv_error *error)
{
    struct ArrowArray array = {0};
    enum exchange_kind kind = EXCHANGE_NOTHING;
    enum fkv_status status = flight_data_end(&stream->data, error);
    if (status == FKV_OK)
        status = exchange_incoming_message(&stream->incoming, &stream->data, &kind, &array, error);
    bool only_batches = stream->options.only_batches;
    if (status != FKV_OK || kind == EXCHANGE_NOTHING || kind == EXCHANGE_SCHEMA ||
        (kind == EXCHANGE_METADATA && only_batches))
        return status;
    bool has_app_metadata = stream->data.has_app_metadata && !only_batches;
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

/* What comes are PutResults, not FlightData. */
static bool takes_results(const struct fkv_flight_stream *stream)
{
    return stream->options.kind == CLIENT_STREAM_PUT;
}

static enum fkv_status on_message(void *context, struct wire_call *wire, uint64_t size,
                                  struct fkv_error *error)
{
    (void)wire;
    struct fkv_flight_stream *stream = context;
    buf_clear(&stream->result);
    if (!takes_results(stream)) {
        flight_data_begin(&stream->data, size);
        return FKV_OK;
    }
    if (size > result_bytes_max && !stream->options.only_batches)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "the server's PutResult of %llu bytes is over the limit of %d",
                          (unsigned long long)size, result_bytes_max);
    return FKV_OK;
}

static enum fkv_status on_bytes(void *context, struct wire_call *wire, struct slice bytes,
                                struct fkv_error *error)
{
    (void)wire;
    struct fkv_flight_stream *stream = context;
    if (!takes_results(stream))
        return flight_data_feed(&stream->data, bytes, error);
    if (stream->options.only_batches)
        return FKV_OK;
    return buf_append(&stream->result, bytes.data, bytes.size)
               ? FKV_OK
               : status_no_memory(error, bytes.size);
}

static uint8_t *target(void *context, struct wire_call *wire, size_t *size)
{
    (void)wire;
    struct fkv_flight_stream *stream = context;
    return takes_results(stream) ? NULL : flight_data_target(&stream->data, size);
}

static enum fkv_status on_message_end(void *context, struct wire_call *wire,
                                      struct fkv_error *error)
{
    (void)wire;
    struct fkv_flight_stream *stream = context;
    if (!takes_results(stream))
        return end_data(stream, error);
    return stream->options.only_batches ? FKV_OK : end_result(stream, error);
}

/* Only what the server has leased stays as it is. */
static void take_lease(struct fkv_flight_stream *stream, const struct wire_call *wire)
{
    struct slice value = wire_metadata_get(wire_call_metadata(wire), "flightkv-shm-lease");
    uint64_t id = 0;
    for (size_t i = 0; i < value.size && i < 19; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return;
        id = id * 10 + (uint64_t)(value.data[i] - '0');
    }
    if (id == 0)
        return;
    stream->is_leased = true;
    shm_map_name_lease(stream->lease, id);
    exchange_incoming_share(&stream->incoming, shm_map_bytes(stream->options.map), stream->lease);
}

static void on_headers(void *context, struct wire_call *wire)
{
    struct fkv_flight_stream *stream = context;
    client_call_headers(&stream->call, wire);
    if (stream->lease != NULL && !stream->is_leased)
        take_lease(stream, wire);
}

bool client_stream_is_mapped(const struct fkv_flight_stream *stream)
{
    return stream->is_leased;
}

/* The stream has nothing more to expect from its client: others may use it, and it may go. */
static void let_go(struct fkv_flight_stream *stream)
{
    if (stream->call.client != NULL)
        stream->call.client->stream = NULL;
    stream->call.client = NULL;
}

static void on_closed(void *context, struct wire_call *wire, enum fkv_status status,
                      const char *message)
{
    struct fkv_flight_stream *stream = context;
    client_call_closed(&stream->call, status, message);
    if (stream->lease != NULL && !stream->is_leased) /* an error may have come as all there was */
        take_lease(stream, wire);
    if (stream->lease != NULL && !stream->is_leased)
        client_same_host_unsure(stream->call.client, stream->call.status);
    let_go(stream);
    if (is_one_of_several(stream))
        stream->options.on_over(stream->options.context);
}

static const struct wire_receiver receiver = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_bytes = on_bytes,
    .on_message_end = on_message_end,
    .target = target,
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

void client_stream_free(struct fkv_flight_stream *stream)
{
    if (stream == NULL)
        return;
    client_call_end(&stream->call);
    let_go(stream);
    for (struct ready *ready; (ready = shift_ready(stream)) != NULL;)
        ready_free(stream->alloc, ready);
    ready_free(stream->alloc, stream->given);
    exchange_outgoing_done(&stream->outgoing);
    if (stream->pool != NULL)
        client_pool_give_reader(stream->pool, exchange_incoming_take_reader(&stream->incoming));
    exchange_incoming_done(&stream->incoming);
    block_unref(stream->lease);
    flight_data_reader_done(&stream->data);
    buf_done(&stream->result);
    alloc_free(stream->alloc, stream);
}

void client_stream_detach(struct fkv_flight_stream *stream)
{
    if (stream->call.wire != NULL) {
        stream->call.status = status_set(&stream->call.error, FKV_UNAVAILABLE,
                                         "the client was closed before the stream's end");
        client_call_end(&stream->call);
    }
    stream->call.client = NULL;
}

/* Gets of many tables with one schema needn't decode it each time. */
static void reuse_reader(struct fkv_flight_stream *stream, struct client_pool *pool)
{
    if (stream->options.kind != CLIENT_STREAM_GET)
        return;
    struct ipc_reader *reader = client_pool_take_reader(pool);
    stream->pool = pool;
    if (reader != NULL && ipc_reader_restart(reader, stream->options.reader_flags))
        exchange_incoming_give_reader(&stream->incoming, reader);
    else
        ipc_reader_free(reader);
}

struct fkv_flight_stream *client_stream_new(struct fkv_client *client,
                                            const struct client_stream_options *options,
                                            struct fkv_error *error)
{
    const struct exchange_memory bodies = {.get = get_body, .context = client->pool};
    struct flight_data_limits limits = data_limits;
    limits.refs_bytes_max = options->map != NULL ? refs_bytes_max : 0;
    struct fkv_flight_stream *stream = alloc_zero(client->alloc, sizeof *stream);
    if (stream == NULL) {
        status_no_memory(error, sizeof *stream);
        return NULL;
    }
    stream->alloc = client->alloc;
    stream->options = *options;
    list_init(&stream->ready);
    exchange_outgoing_init(&stream->outgoing, client->alloc);
    buf_init(&stream->result, client->alloc, SIZE_MAX);
    flight_data_reader_init(&stream->data, client->alloc, &limits, &data_handler, stream);
    exchange_incoming_init(&stream->incoming, client->alloc, &bodies, &IPC_LIMITS_DEFAULT,
                           options->reader_flags);
    reuse_reader(stream, client->pool);
    if (options->map != NULL && (stream->lease = shm_map_lease(options->map)) == NULL) {
        client_stream_free(stream);
        status_no_memory(error, sizeof(void *));
        return NULL;
    }
    return stream;
}

struct exchange_outgoing *client_stream_outgoing(struct fkv_flight_stream *stream)
{
    return &stream->outgoing;
}

enum fkv_status client_stream_open(struct fkv_flight_stream *stream, struct fkv_client *client,
                                   const struct client_call_options *given, struct fkv_error *error)
{
    static const char *const paths[] = {
        [CLIENT_STREAM_GET] = CLIENT_PATH("DoGet"),
        [CLIENT_STREAM_PUT] = CLIENT_PATH("DoPut"),
        [CLIENT_STREAM_EXCHANGE] = CLIENT_PATH("DoExchange"),
    };
    struct client_call_options call = *given;
    call.path = paths[stream->options.kind];
    call.receiver = &receiver;
    call.context = stream;
    call.source = (struct wire_source){next_message, stream};
    if (is_one_of_several(stream))
        return client_call_begin(client, &stream->call, &call, error);
    enum fkv_status status = client_call_open(client, &stream->call, &call, error);
    if (status == FKV_OK)
        client->stream = stream;
    return status;
}

/* The streams that flightkv/flight.h gives: all that comes is kept, and checked. */
static struct fkv_flight_stream *
public_stream(struct fkv_client *client, enum client_stream_kind kind, struct fkv_error *error)
{
    const struct client_stream_options options = {.kind = kind,
                                                  .reader_flags = IPC_READER_CHECK_VALUES};
    return client_stream_new(client, &options, error);
}

static enum fkv_status open_public(struct fkv_flight_stream *stream, struct fkv_client *client,
                                   const struct fkv_flight_call_options *options,
                                   struct fkv_error *error)
{
    struct fkv_flight_call_options given;
    enum fkv_status status =
        options_read(options, "fkv_flight_call_options", &given, sizeof given, error);
    const struct client_call_options call = {.timeout_ms = given.timeout_ms, .flight = &given};
    return status == FKV_OK ? client_stream_open(stream, client, &call, error) : status;
}

static enum fkv_status opened(struct fkv_flight_stream *stream, enum fkv_status status,
                              struct fkv_flight_stream **ret)
{
    if (status == FKV_OK)
        *ret = stream;
    else
        client_stream_free(stream);
    return status;
}

enum fkv_status client_stream_ask(struct fkv_flight_stream *stream, struct slice ticket,
                                  struct fkv_error *error)
{
    struct buf encoded;
    buf_init(&encoded, stream->alloc, UINT32_MAX);
    enum fkv_status status = flight_bytes_encode(ticket, &encoded, error);
    if (status == FKV_OK)
        status = exchange_send_message(&stream->outgoing, buf_slice(&encoded), error);
    exchange_send_end(&stream->outgoing);
    buf_done(&encoded);
    return status;
}

enum fkv_status fkv_flight_do_get(struct fkv_client *client, struct fkv_bytes ticket,
                                  const struct fkv_flight_call_options *options,
                                  struct fkv_flight_stream **ret, struct fkv_error *error)
{
    struct fkv_flight_stream *stream = public_stream(client, CLIENT_STREAM_GET, error);
    if (stream == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    enum fkv_status status = client_stream_ask(stream, exchange_slice(ticket), error);
    if (status == FKV_OK)
        status = open_public(stream, client, options, error);
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
    struct fkv_flight_stream *stream = public_stream(client, CLIENT_STREAM_PUT, error);
    if (stream == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    enum fkv_status status = queue_descriptor(stream, descriptor, error);
    if (status == FKV_OK)
        status = open_public(stream, client, options, error);
    return opened(stream, status, ret);
}

/* The descriptor goes ahead by itself, so that the server can answer at once. */
enum fkv_status fkv_flight_do_exchange(struct fkv_client *client,
                                       const struct fkv_flight_descriptor *descriptor,
                                       const struct fkv_flight_call_options *options,
                                       struct fkv_flight_stream **ret, struct fkv_error *error)
{
    struct fkv_flight_stream *stream = public_stream(client, CLIENT_STREAM_EXCHANGE, error);
    if (stream == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    struct fkv_flight_batch nothing = {.has_app_metadata = false};
    enum fkv_status status = queue_descriptor(stream, descriptor, error);
    if (status == FKV_OK)
        status = exchange_send_batch(&stream->outgoing, &nothing, error);
    if (status == FKV_OK)
        status = open_public(stream, client, options, error);
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

enum fkv_status client_stream_status(const struct fkv_flight_stream *stream,
                                     struct fkv_error *error)
{
    if (stream->call.status != FKV_OK && error != NULL)
        *error = stream->call.error;
    return stream->call.status;
}

struct client_call *client_stream_call(struct fkv_flight_stream *stream)
{
    return &stream->call;
}

enum fkv_status client_stream_check(struct fkv_flight_stream *stream, struct fkv_error *error)
{
    enum fkv_status status = client_stream_status(stream, error);
    if (status == FKV_OK && !has_schema(stream))
        status = status_set(error, FKV_INTERNAL, "the server's answer has no schema");
    return status == FKV_OK ? exchange_incoming_end(&stream->incoming, error) : status;
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
    enum fkv_status status = client_stream_status(stream, error);
    return status != FKV_OK ? status
                            : status_set(error, FKV_FAILED_PRECONDITION,
                                         "the server has ended the call: it takes no more");
}

static enum fkv_status flush(struct fkv_flight_stream *stream, struct fkv_error *error)
{
    wire_call_resume(stream->call.wire);
    pump(stream, has_flushed);
    return stream->call.wire == NULL ? client_stream_status(stream, error) : FKV_OK;
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

enum fkv_status client_stream_await_schema(struct fkv_flight_stream *stream, bool *ret_is_there,
                                           struct fkv_error *error)
{
    if (!has_schema(stream))
        pump(stream, has_schema);
    *ret_is_there = has_schema(stream);
    return *ret_is_there ? FKV_OK : client_stream_status(stream, error);
}

enum fkv_status fkv_flight_read_schema(struct fkv_flight_stream *stream, struct ArrowSchema *ret,
                                       struct fkv_error *error)
{
    bool is_there;
    enum fkv_status status = client_stream_await_schema(stream, &is_there, error);
    if (status != FKV_OK)
        return status;
    return is_there
               ? exchange_incoming_schema(&stream->incoming, ret, error)
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
    return stream->given != NULL ? FKV_OK : client_stream_status(stream, error);
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
    return client_stream_status(stream, error);
}

enum fkv_status fkv_flight_close(struct fkv_flight_stream *stream, struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    if (stream == NULL)
        return FKV_OK;
    if (stream->options.kind != CLIENT_STREAM_GET)
        status = finish(stream, error);
    else if (stream->call.wire == NULL)
        status = client_stream_status(stream, error);
    client_stream_free(stream);
    return status;
}
