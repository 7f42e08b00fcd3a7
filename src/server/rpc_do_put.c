/* SPDX-License-Identifier: Apache-2.0 */
/* DoPut: an upload (upload.h), committed when the client has ended its side.
 *
 * PutResults are a cursor over the batches received, never a queue: a client that doesn't read them
 * costs nothing and is never waited for. */
#include "base/status.h"
#include "server/call_options.h"
#include "server/upload.h"

struct put {
    struct upload upload;
    uint64_t next_ack; /* index of the next message that may want a PutResult */
};

static void put_free(void *context, struct host_call *call)
{
    struct put *put = context;
    upload_done(&put->upload);
    alloc_free(host_call_alloc(call), put);
}

static enum fkv_status on_body(void *context, struct host_call *call,
                               const struct flight_data_reader *data, uint64_t size,
                               struct fkv_error *error)
{
    (void)call;
    struct put *put = context;
    return upload_on_body(&put->upload, data, size, error);
}

static enum fkv_status on_body_bytes(void *context, struct host_call *call, struct slice bytes,
                                     struct fkv_error *error)
{
    (void)call;
    struct put *put = context;
    return upload_on_body_bytes(&put->upload, bytes, error);
}

static uint8_t *body_target(void *context, size_t *size)
{
    struct put *put = context;
    return upload_target(&put->upload, size);
}

/* A message that is taken back leaves its index to the next one. */
static enum fkv_status on_message_end(void *context, struct host_call *call,
                                      struct fkv_error *error)
{
    struct put *put = context;
    enum fkv_status status = upload_on_message_end(&put->upload, error);
    if (put->next_ack > upload_count(&put->upload))
        put->next_ack = upload_count(&put->upload);
    if (status == FKV_OK && put->upload.messages == 1)
        host_call_flush_headers(call);
    host_call_resume(call);
    return status;
}

static enum fkv_status on_end(void *context, struct host_call *call, struct fkv_error *error)
{
    struct put *put = context;
    if (put->upload.store == NULL)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the put ended before its first message, expected a descriptor and a "
                          "schema");
    enum fkv_status status = upload_commit(&put->upload, call, error);
    if (status == FKV_OK)
        host_call_resume(call);
    return status;
}

static enum fkv_status write_ack(const struct host_call *call, struct slice app_metadata,
                                 struct wire_out *out, struct fkv_error *error)
{
    struct buf encoded;
    buf_init(&encoded, host_call_alloc(call), SIZE_MAX);
    enum fkv_status status = flight_bytes_encode(app_metadata, &encoded, error);
    wire_out_begin(out);
    wire_out_copy(out, buf_slice(&encoded));
    wire_out_end(out);
    buf_done(&encoded);
    return status;
}

static enum wire_pull next_ack(void *context, struct host_call *call, struct wire_out *out,
                               struct fkv_error *error)
{
    (void)error;
    struct put *put = context;
    while (put->next_ack < upload_count(&put->upload)) {
        struct store_message message = upload_at(&put->upload, put->next_ack++);
        if (message.kind != STORE_BATCH || !message.has_app_metadata)
            continue;
        enum fkv_status status = write_ack(call, message.app_metadata, out, error);
        return status == FKV_OK ? WIRE_PULL_MESSAGE : WIRE_PULL_FAIL;
    }
    return put->upload.table != NULL ? WIRE_PULL_END : WIRE_PULL_WAIT;
}

static const struct host_stream put_stream = {
    .on_body = on_body,
    .on_body_bytes = on_body_bytes,
    .body_target = body_target,
    .on_message_end = on_message_end,
    .on_end = on_end,
    .next = next_ack,
    .on_closed = put_free,
};

void rpc_do_put(void *context, struct host_call *call)
{
    const struct alloc *alloc = host_call_alloc(call);
    struct fkv_error error;
    struct call_options options;
    enum fkv_status status = call_options_read(context, call, OPTIONS_OF_PUT, &options, &error);
    struct put *put = NULL;
    if (status == FKV_OK && (put = alloc_zero(alloc, sizeof *put)) == NULL)
        status = status_no_memory(&error, sizeof *put);
    if (put != NULL) {
        status = upload_init(&put->upload, context, alloc, options.is_append, &error);
        host_call_stream(call, &put_stream, put);
    }
    if (status != FKV_OK)
        host_call_fail(call, status, &error);
}
