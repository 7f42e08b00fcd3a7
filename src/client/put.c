/* SPDX-License-Identifier: Apache-2.0 */
/* A put: the stream's arrays are asked for when there is room to send them, and sent from where
 * they are. */
#include <errno.h>

#include "base/options.h"
#include "base/status.h"
#include "client/client.h"
#include "flight/flight_data.h"
#include "ipc/writer.h"

struct put {
    struct client_call call;
    struct ArrowArrayStream *stream;
    struct ipc_writer *writer;
    struct buf descriptor;
    bool schema_is_sent;
    struct fkv_progress progress;
    struct fkv_put_options options;
};

static enum fkv_status stream_error(struct ArrowArrayStream *stream, int code,
                                    struct fkv_error *error)
{
    const char *text = stream->get_last_error(stream);
    return status_set(error, code == ENOMEM ? FKV_RESOURCE_EXHAUSTED : FKV_INVALID_ARGUMENT,
                      "reading the table to put: %s", text != NULL ? text : strerror(code));
}

static enum wire_pull send_schema(struct put *put, struct wire_out *out)
{
    put->schema_is_sent = true;
    const struct flight_data_head head = {.descriptor = buf_slice(&put->descriptor),
                                          .header = ipc_writer_schema(put->writer)};
    flight_data_write_head(out, &head);
    wire_out_end(out);
    return WIRE_PULL_MESSAGE;
}

static void send_message(struct wire_out *out, const struct ipc_out *message)
{
    const struct flight_data_head head = {.header = message->header,
                                          .body_bytes = message->body_length};
    flight_data_write_head(out, &head);
    for (size_t i = 0; i < message->piece_count; i++)
        if (message->pieces[i].bytes.size > 0)
            wire_out_ref(out, message->pieces[i].bytes, message->pieces[i].owner);
    wire_out_end(out);
}

static bool report(struct put *put, const struct ipc_out *message)
{
    put->progress.bytes += message->body_length;
    if (message->kind == IPC_KIND_BATCH) {
        put->progress.rows += (uint64_t)message->rows;
        put->progress.batches++;
    }
    if (put->options.progress == NULL)
        return true;
    return put->options.progress(put->options.progress_context, &put->progress);
}

static enum wire_pull next_message(void *context, struct wire_call *wire, struct wire_out *out,
                                   struct fkv_error *error)
{
    (void)wire;
    struct put *put = context;
    if (!put->schema_is_sent)
        return send_schema(put, out);
    struct ipc_out message;
    while (!ipc_writer_next(put->writer, &message)) {
        struct ArrowArray array;
        int code = put->stream->get_next(put->stream, &array);
        if (code != 0) {
            stream_error(put->stream, code, error);
            return WIRE_PULL_FAIL;
        }
        if (array.release == NULL)
            return WIRE_PULL_END;
        if (ipc_writer_push(put->writer, &array, error) != FKV_OK)
            return WIRE_PULL_FAIL;
    }
    send_message(out, &message);
    if (!report(put, &message)) {
        status_set(error, FKV_CANCELLED, "the put was cancelled");
        return WIRE_PULL_FAIL;
    }
    return WIRE_PULL_MESSAGE;
}

static void on_headers(void *context, struct wire_call *wire)
{
    struct put *put = context;
    client_call_headers(&put->call, wire);
}

static void on_closed(void *context, struct wire_call *wire, enum fkv_status status,
                      const char *message)
{
    (void)wire;
    struct put *put = context;
    client_call_closed(&put->call, status, message);
}

/* PutResults say nothing that the trailers don't. */
static const struct wire_receiver put_receiver = {.on_headers = on_headers, .on_closed = on_closed};

static enum fkv_status make_writer(struct put *put, struct fkv_client *client,
                                   struct fkv_error *error)
{
    struct ArrowSchema schema;
    int code = put->stream->get_schema(put->stream, &schema);
    if (code != 0)
        return stream_error(put->stream, code, error);
    const struct ipc_writer_options options = {.codec = IPC_CODEC_NONE, .dictionary_deltas = false};
    enum fkv_status status = ipc_writer_new(client->alloc, &schema, &options, &put->writer, error);
    schema.release(&schema);
    return status;
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

static enum fkv_status run_put(struct put *put, struct fkv_client *client, const void *key,
                               size_t key_size, struct fkv_error *error)
{
    enum fkv_status status =
        client_encode_key(key, key_size, put->options.path_descriptor, &put->descriptor, error);
    if (status == FKV_OK)
        status = make_writer(put, client, error);
    if (status != FKV_OK)
        return status;
    const struct wire_pair append = {slice_text("flightkv-mode"), slice_text("append")};
    const struct client_call_options options = {
        .path = CLIENT_PATH("DoPut"),
        .timeout_ms = put->options.timeout_ms,
        .receiver = &put_receiver,
        .context = put,
        .source = {next_message, put},
        .metadata = {&append, put->options.mode == FKV_PUT_APPEND},
    };
    status = client_call_open(client, &put->call, &options, error);
    if (status != FKV_OK)
        return status;
    client_call_run(&put->call, NULL, NULL);
    client_login_again(client, put->call.status); /* for the next one: the stream is read once */
    if (put->call.status != FKV_OK && error != NULL)
        *error = put->call.error;
    return put->call.status;
}

enum fkv_status fkv_put(struct fkv_client *client, const void *key, size_t key_size,
                        struct ArrowArrayStream *stream, const struct fkv_put_options *options,
                        struct fkv_progress *ret, struct fkv_error *error)
{
    struct put put = {.stream = stream};
    buf_init(&put.descriptor, client->alloc, SIZE_MAX);
    enum fkv_status status =
        options_read(options, "fkv_put_options", &put.options, sizeof put.options, error);
    if (status == FKV_OK)
        status = check_mode(put.options.mode, error);
    if (status == FKV_OK)
        status = run_put(&put, client, key, key_size, error);
    if (status == FKV_OK && ret != NULL)
        *ret = put.progress;
    buf_done(&put.descriptor);
    ipc_writer_free(put.writer);
    stream->release(stream);
    return status;
}
