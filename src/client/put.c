/* SPDX-License-Identifier: Apache-2.0 */
/* A put: the stream's arrays are asked for when there is room to send them, and sent from where
 * they are (exchange/outgoing.h). */
#include "client/put.h"

#include "base/options.h"
#include "base/status.h"

static enum fkv_status report(void *context, const struct ipc_out *message, struct fkv_error *error)
{
    struct client_put *put = context;
    put->progress.bytes += message->body_length;
    if (message->kind == IPC_KIND_BATCH) {
        put->progress.rows += (uint64_t)message->rows;
        put->progress.batches++;
    }
    if (put->options.progress == NULL ||
        put->options.progress(put->options.progress_context, &put->progress))
        return FKV_OK;
    return status_set(error, FKV_CANCELLED, "the put was cancelled");
}

/* A server that has no modes knows how to replace. */
static enum fkv_status check_mode(enum fkv_put_mode mode, struct fkv_error *error)
{
    if (mode == FKV_PUT_REPLACE || mode == FKV_PUT_APPEND)
        return FKV_OK;
    return status_set(error, FKV_INVALID_ARGUMENT,
                      "fkv_put_options has mode %d, expected FKV_PUT_REPLACE or FKV_PUT_APPEND",
                      (int)mode);
}

static enum fkv_status fill(struct exchange_outgoing *outgoing, struct client_put *put,
                            struct slice key, struct ArrowArrayStream *table,
                            struct fkv_error *error)
{
    struct buf descriptor;
    buf_init(&descriptor, outgoing->alloc, SIZE_MAX);
    outgoing->on_written = report;
    outgoing->context = put;
    enum fkv_status status =
        client_encode_key(key.data, key.size, put->options.path_descriptor, &descriptor, error);
    if (status == FKV_OK)
        status = exchange_send_descriptor(outgoing, buf_slice(&descriptor), error);
    if (status == FKV_OK)
        status = exchange_send_stream(outgoing, table, FKV_INVALID_ARGUMENT, error);
    exchange_send_end(outgoing);
    buf_done(&descriptor);
    return status;
}

static enum fkv_status read_options(const struct fkv_put_options *given, struct client_put *put,
                                    struct fkv_error *error)
{
    put->progress = (struct fkv_progress){0};
    enum fkv_status status =
        options_read(given, "fkv_put_options", &put->options, sizeof put->options, error);
    return status == FKV_OK ? check_mode(put->options.mode, error) : status;
}

static enum fkv_status new_call(struct client_put *put, struct fkv_client *client, struct slice key,
                                struct ArrowArrayStream *table, void (*on_over)(void *context),
                                void *context, struct fkv_flight_stream **ret,
                                struct fkv_error *error)
{
    /* PutResults say nothing that the trailers don't. */
    const struct client_stream_options options = {
        .kind = CLIENT_STREAM_PUT, .only_batches = true, .on_over = on_over, .context = context};
    struct fkv_flight_stream *batches = client_stream_new(client, &options, error);
    if (batches == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    enum fkv_status status = fill(client_stream_outgoing(batches), put, key, table, error);
    if (status == FKV_OK)
        *ret = batches;
    else
        client_stream_free(batches);
    return status;
}

enum fkv_status client_put_new(struct client_put *put, struct fkv_client *client, struct slice key,
                               struct ArrowArrayStream *table,
                               const struct fkv_put_options *options,
                               void (*on_over)(void *context), void *context,
                               struct fkv_flight_stream **ret, struct fkv_error *error)
{
    enum fkv_status status = read_options(options, put, error);
    if (status == FKV_OK)
        status = new_call(put, client, key, table, on_over, context, ret, error);
    if (table->release != NULL)
        table->release(table);
    return status;
}

enum fkv_status client_put_open(struct client_put *put, struct fkv_client *client,
                                struct fkv_flight_stream *batches, uint64_t deadline_ns,
                                struct fkv_error *error)
{
    const struct wire_pair append = {slice_text("flightkv-mode"), slice_text("append")};
    const struct client_call_options call = {
        .timeout_ms = put->options.timeout_ms,
        .deadline_ns = deadline_ns,
        .metadata = {&append, put->options.mode == FKV_PUT_APPEND},
    };
    return client_stream_open(batches, client, &call, error);
}

enum fkv_status fkv_put(struct fkv_client *client, const void *key, size_t key_size,
                        struct ArrowArrayStream *stream, const struct fkv_put_options *options,
                        struct fkv_progress *ret, struct fkv_error *error)
{
    struct client_put put;
    struct fkv_flight_stream *batches = NULL;
    enum fkv_status status = client_put_new(&put, client, slice_of(key, key_size), stream, options,
                                            NULL, NULL, &batches, error);
    if (status == FKV_OK)
        status = client_put_open(&put, client, batches, 0, error);
    if (status == FKV_OK)
        status = fkv_flight_close(batches, error);
    else
        client_stream_free(batches);
    client_login_again(client, status); /* for the next one: the stream is read once */
    if (status == FKV_OK && ret != NULL)
        *ret = put.progress;
    return status;
}
