/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/outgoing.h"

#include <errno.h>

#include "base/status.h"
#include "flight/flight_data.h"

enum item_kind { ITEM_MESSAGE, ITEM_SCHEMA, ITEM_BATCH };

struct outgoing_item {
    struct list link;
    enum item_kind kind;
    struct ArrowArray array; /* ITEM_BATCH; release NULL: only app_metadata */
    struct buf bytes;        /* the message, or app_metadata */
    bool has_app_metadata;
};

static void item_free(const struct alloc *alloc, struct outgoing_item *item)
{
    if (item == NULL)
        return;
    if (item->array.release != NULL)
        item->array.release(&item->array);
    buf_done(&item->bytes);
    alloc_free(alloc, item);
}

void exchange_outgoing_init(struct exchange_outgoing *outgoing, const struct alloc *alloc)
{
    *outgoing = (struct exchange_outgoing){.alloc = alloc};
    list_init(&outgoing->queue);
    buf_init(&outgoing->descriptor, alloc, SIZE_MAX);
}

static void release_stream(struct exchange_outgoing *outgoing)
{
    if (outgoing->stream.release != NULL)
        outgoing->stream.release(&outgoing->stream);
    outgoing->stream.release = NULL;
}

void exchange_outgoing_done(struct exchange_outgoing *outgoing)
{
    for (struct list *node; (node = list_shift(&outgoing->queue)) != NULL;)
        item_free(outgoing->alloc, list_entry(node, struct outgoing_item, link));
    item_free(outgoing->alloc, outgoing->now);
    ipc_writer_free(outgoing->writer);
    release_stream(outgoing);
    buf_done(&outgoing->descriptor);
}

/* ---- queueing ---- */

static enum fkv_status push(struct exchange_outgoing *outgoing, enum item_kind kind,
                            struct slice bytes, struct outgoing_item **ret, struct fkv_error *error)
{
    struct outgoing_item *item = alloc_zero(outgoing->alloc, sizeof *item);
    if (item == NULL)
        return status_no_memory(error, sizeof *item);
    item->kind = kind;
    buf_init(&item->bytes, outgoing->alloc, SIZE_MAX);
    if (!buf_append(&item->bytes, bytes.data, bytes.size)) {
        item_free(outgoing->alloc, item);
        return status_no_memory(error, bytes.size);
    }
    list_push(&outgoing->queue, &item->link);
    outgoing->queued++;
    *ret = item;
    return FKV_OK;
}

enum fkv_status exchange_send_descriptor(struct exchange_outgoing *outgoing, struct slice encoded,
                                         struct fkv_error *error)
{
    return buf_append(&outgoing->descriptor, encoded.data, encoded.size)
               ? FKV_OK
               : status_no_memory(error, encoded.size);
}

enum fkv_status exchange_send_message(struct exchange_outgoing *outgoing, struct slice message,
                                      struct fkv_error *error)
{
    struct outgoing_item *item;
    return push(outgoing, ITEM_MESSAGE, message, &item, error);
}

enum fkv_status exchange_send_schema(struct exchange_outgoing *outgoing,
                                     const struct ArrowSchema *schema, struct fkv_error *error)
{
    if (outgoing->writer != NULL)
        return status_set(error, FKV_FAILED_PRECONDITION,
                          "the schema was sent already, expected one for all batches");
    const struct ipc_writer_options options = {.codec = IPC_CODEC_NONE};
    struct outgoing_item *item;
    enum fkv_status status =
        ipc_writer_new(outgoing->alloc, schema, &options, &outgoing->writer, error);
    return status == FKV_OK ? push(outgoing, ITEM_SCHEMA, slice_of(NULL, 0), &item, error) : status;
}

enum fkv_status exchange_send_batch(struct exchange_outgoing *outgoing,
                                    struct fkv_flight_batch *batch, struct fkv_error *error)
{
    struct ArrowArray array = batch->array;
    batch->array.release = NULL;
    struct outgoing_item *item = NULL;
    enum fkv_status status = FKV_OK;
    if (array.release != NULL && outgoing->writer == NULL)
        status = status_set(error, FKV_FAILED_PRECONDITION,
                            "a batch was sent ahead of the schema, expected the schema first");
    if (status == FKV_OK)
        status = push(outgoing, ITEM_BATCH,
                      slice_of(batch->app_metadata.data, batch->app_metadata.size), &item, error);
    if (status != FKV_OK) {
        if (array.release != NULL)
            array.release(&array);
        return status;
    }
    item->array = array;
    item->has_app_metadata = batch->has_app_metadata;
    return FKV_OK;
}

static enum fkv_status stream_failed(struct ArrowArrayStream *stream, int code,
                                     enum fkv_status unreadable, struct fkv_error *error)
{
    const char *text = stream->get_last_error(stream);
    return status_set(error, code == ENOMEM ? FKV_RESOURCE_EXHAUSTED : unreadable,
                      "reading the table to send: %s", text != NULL ? text : strerror(code));
}

enum fkv_status exchange_send_stream(struct exchange_outgoing *outgoing,
                                     struct ArrowArrayStream *stream, enum fkv_status unreadable,
                                     struct fkv_error *error)
{
    struct ArrowSchema schema;
    enum fkv_status status = FKV_OK;
    int code = stream->get_schema(stream, &schema);
    if (code != 0) {
        status = stream_failed(stream, code, unreadable, error);
    } else {
        status = exchange_send_schema(outgoing, &schema, error);
        schema.release(&schema);
    }
    if (status != FKV_OK) {
        stream->release(stream);
        return status;
    }
    outgoing->stream = *stream;
    outgoing->unreadable = unreadable;
    stream->release = NULL;
    return FKV_OK;
}

void exchange_send_end(struct exchange_outgoing *outgoing)
{
    outgoing->has_ended = true;
}

bool exchange_outgoing_is_idle(const struct exchange_outgoing *outgoing)
{
    return list_empty(&outgoing->queue) && !outgoing->is_writing &&
           outgoing->stream.release == NULL;
}

/* ---- pulling ---- */

static void write_data(struct exchange_outgoing *outgoing, struct flight_data_head *head,
                       const struct ipc_out *message, struct wire_out *out)
{
    head->descriptor = buf_slice(&outgoing->descriptor);
    flight_data_write_head(out, head);
    buf_clear(&outgoing->descriptor);
    for (size_t i = 0; message != NULL && i < message->piece_count; i++)
        if (message->pieces[i].bytes.size > 0)
            wire_out_ref(out, message->pieces[i].bytes, message->pieces[i].owner);
    wire_out_end(out);
}

/* The next message of the batch that the writer has; app_metadata goes with the batch itself, not
 * with the dictionaries ahead of it. */
static enum fkv_status write_from_writer(struct exchange_outgoing *outgoing, struct wire_out *out,
                                         bool *ret_written, struct fkv_error *error)
{
    struct ipc_out message;
    *ret_written = outgoing->is_writing && ipc_writer_next(outgoing->writer, &message);
    if (!*ret_written)
        return FKV_OK;
    struct flight_data_head head = {.header = message.header, .body_bytes = message.body_length};
    bool is_last = message.kind == IPC_KIND_BATCH;
    if (is_last && outgoing->now != NULL) {
        head.has_app_metadata = outgoing->now->has_app_metadata;
        head.app_metadata = buf_slice(&outgoing->now->bytes);
    }
    write_data(outgoing, &head, &message, out);
    if (is_last) {
        outgoing->is_writing = false;
        item_free(outgoing->alloc, outgoing->now);
        outgoing->now = NULL;
    }
    return outgoing->on_written != NULL ? outgoing->on_written(outgoing->context, &message, error)
                                        : FKV_OK;
}

static enum fkv_status begin_batch(struct exchange_outgoing *outgoing, struct ArrowArray *array,
                                   struct fkv_error *error)
{
    outgoing->is_writing = true;
    return ipc_writer_push(outgoing->writer, array, error);
}

static void write_item(struct exchange_outgoing *outgoing, const struct outgoing_item *item,
                       struct wire_out *out)
{
    struct flight_data_head head = {0};
    if (item->kind == ITEM_MESSAGE) {
        wire_out_begin(out);
        wire_out_copy(out, buf_slice(&item->bytes));
        wire_out_end(out);
        return;
    }
    if (item->kind == ITEM_SCHEMA)
        head.header = ipc_writer_schema(outgoing->writer);
    head.has_app_metadata = item->has_app_metadata;
    head.app_metadata = buf_slice(&item->bytes);
    write_data(outgoing, &head, NULL, out);
}

/* *ret_written false: the writer has something now. */
static enum fkv_status take_item(struct exchange_outgoing *outgoing, struct outgoing_item *item,
                                 struct wire_out *out, bool *ret_written, struct fkv_error *error)
{
    outgoing->queued--;
    *ret_written = item->array.release == NULL;
    if (*ret_written) {
        write_item(outgoing, item, out);
        item_free(outgoing->alloc, item);
        return FKV_OK;
    }
    outgoing->now = item;
    struct ArrowArray array = item->array;
    item->array.release = NULL;
    return begin_batch(outgoing, &array, error);
}

/* The next batch of the stream to the writer; at its end the stream is released. */
static enum fkv_status read_stream(struct exchange_outgoing *outgoing, struct fkv_error *error)
{
    struct ArrowArray array;
    int code = outgoing->stream.get_next(&outgoing->stream, &array);
    if (code != 0)
        return stream_failed(&outgoing->stream, code, outgoing->unreadable, error);
    if (array.release != NULL)
        return begin_batch(outgoing, &array, error);
    release_stream(outgoing);
    return FKV_OK;
}

enum wire_pull exchange_next(struct exchange_outgoing *outgoing, struct wire_out *out,
                             struct fkv_error *error)
{
    for (;;) {
        bool is_written;
        enum fkv_status status = write_from_writer(outgoing, out, &is_written, error);
        struct list *node = is_written ? NULL : list_shift(&outgoing->queue);
        if (node != NULL)
            status = take_item(outgoing, list_entry(node, struct outgoing_item, link), out,
                               &is_written, error);
        else if (!is_written && outgoing->stream.release != NULL)
            status = read_stream(outgoing, error);
        else if (!is_written)
            return outgoing->has_ended ? WIRE_PULL_END : WIRE_PULL_WAIT;
        if (status != FKV_OK)
            return WIRE_PULL_FAIL;
        if (is_written)
            return WIRE_PULL_MESSAGE;
    }
}
