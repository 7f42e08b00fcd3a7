/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/file.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>

#include "base/status.h"
#include "ipc/file_footer.h"

enum { iovecs_max = 256, prefix_size = 8 };

static const size_t places_bytes_max = (size_t)1 << 32;

struct file_writer {
    int fd;
    enum ipc_file_format format;
    struct ipc_writer *writer;
    struct ipc_write_result written;
    struct buf dictionaries; /* of struct file_place: for the footer */
    struct buf batches;
    struct buf tail;
    struct iovec iovecs[iovecs_max]; /* gathered for one writev */
    int iovec_count;
    struct fkv_error *error;
};

static enum fkv_status write_failed(const struct file_writer *w, int code)
{
    bool is_full = code == ENOSPC || code == EDQUOT || code == EFBIG;
    enum fkv_status status = is_full         ? FKV_RESOURCE_EXHAUSTED
                             : code == EPIPE ? FKV_UNAVAILABLE
                                             : FKV_INTERNAL;
    return status_set(w->error, status, "can't write after %llu bytes: %s",
                      (unsigned long long)w->written.bytes, strerror(code));
}

/* Drops `size` written bytes from the front of the list; gives what is left of it. */
static struct iovec *drop_written(struct iovec *next, struct iovec *end, size_t size)
{
    while (next < end && size >= next->iov_len)
        size -= next++->iov_len;
    if (next < end) {
        next->iov_base = (char *)next->iov_base + size;
        next->iov_len -= size;
    }
    return next;
}

static enum fkv_status flush(struct file_writer *w)
{
    struct iovec *next = w->iovecs, *end = w->iovecs + w->iovec_count;
    w->iovec_count = 0;
    while (next < end) {
        ssize_t size = writev(w->fd, next, (int)(end - next));
        if (size >= 0) {
            w->written.bytes += (uint64_t)size;
            next = drop_written(next, end, (size_t)size);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            poll(&(struct pollfd){.fd = w->fd, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR) {
            return write_failed(w, errno);
        }
    }
    return FKV_OK;
}

/* The bytes must stay until the next flush. */
static enum fkv_status put(struct file_writer *w, struct slice bytes)
{
    if (bytes.size == 0)
        return FKV_OK;
    w->iovecs[w->iovec_count++] =
        (struct iovec){.iov_base = (void *)(uintptr_t)bytes.data, .iov_len = bytes.size};
    return w->iovec_count == iovecs_max ? flush(w) : FKV_OK;
}

static enum fkv_status put_message(struct file_writer *w, struct slice header,
                                   const struct ipc_piece *pieces, size_t count)
{
    uint8_t prefix[prefix_size];
    store_le32(prefix, UINT32_MAX);
    store_le32(prefix + 4, (uint32_t)header.size);
    enum fkv_status status = put(w, slice_of(prefix, sizeof prefix));
    if (status == FKV_OK)
        status = put(w, header);
    for (size_t i = 0; i < count && status == FKV_OK; i++)
        status = put(w, pieces[i].bytes);
    return status == FKV_OK ? flush(w) : status;
}

static enum fkv_status note_place(struct file_writer *w, const struct ipc_out *message)
{
    struct file_place place = {.offset = (int64_t)w->written.bytes,
                               .header_length = (int32_t)(prefix_size + message->header.size),
                               .body_length = (int64_t)message->body_length};
    bool is_batch = message->kind == IPC_KIND_BATCH;
    if (w->format == IPC_FILE_FILE && !is_batch && !message->is_delta && w->written.batches > 0)
        return status_set(
            w->error, FKV_UNIMPLEMENTED,
            "dictionary %lld changes after batch %llu, which the file format can't say: "
            "write a stream instead",
            (long long)message->dictionary_id, (unsigned long long)w->written.batches);
    if (!buf_append(is_batch ? &w->batches : &w->dictionaries, &place, sizeof place))
        return status_no_memory(w->error, sizeof place);
    return FKV_OK;
}

/* Takes the array over and writes its messages. */
static enum fkv_status write_array(struct file_writer *w, struct ArrowArray *array)
{
    int64_t rows = array->length;
    enum fkv_status status = ipc_writer_push(w->writer, array, w->error);
    struct ipc_out message;
    while (status == FKV_OK && ipc_writer_next(w->writer, &message)) {
        status = note_place(w, &message);
        if (status == FKV_OK)
            status = put_message(w, message.header, message.pieces, message.piece_count);
    }
    if (status == FKV_OK) {
        w->written.batches++;
        w->written.rows += (uint64_t)rows;
    }
    return status;
}

static enum fkv_status status_of_errno(int code)
{
    switch (code) {
    case EINVAL:
        return FKV_INVALID_ARGUMENT;
    case ENOMEM:
        return FKV_RESOURCE_EXHAUSTED;
    case ENOSYS:
        return FKV_UNIMPLEMENTED;
    case ECANCELED:
        return FKV_CANCELLED;
    default:
        return FKV_UNKNOWN;
    }
}

static enum fkv_status stream_failed(struct ArrowArrayStream *stream, int code,
                                     struct fkv_error *error)
{
    const struct fkv_error *ours = ipc_stream_error(stream);
    const char *text = stream->get_last_error(stream);
    return status_set(error, ours != NULL ? ours->status : status_of_errno(code), "%s",
                      text != NULL ? text : strerror(code));
}

static enum fkv_status
write_batches(struct file_writer *w, struct ArrowArrayStream *stream,
              bool (*progress)(void *context, const struct ipc_write_result *so_far), void *context)
{
    for (;;) {
        struct ArrowArray array = {.release = NULL};
        int code = stream->get_next(stream, &array);
        if (code != 0)
            return stream_failed(stream, code, w->error);
        if (array.release == NULL)
            return FKV_OK;
        enum fkv_status status = write_array(w, &array);
        if (status != FKV_OK)
            return status;
        if (progress != NULL && !progress(context, &w->written))
            return status_set(w->error, FKV_CANCELLED, "cancelled after %llu batches",
                              (unsigned long long)w->written.batches);
    }
}

static enum fkv_status write_head(struct file_writer *w)
{
    enum fkv_status status = FKV_OK;
    if (w->format == IPC_FILE_FILE)
        status = put(w, slice_of(FILE_MAGIC "\0", file_head_size));
    return status == FKV_OK ? put_message(w, ipc_writer_schema(w->writer), NULL, 0) : status;
}

/* The end-of-stream marker; for a file the footer. */
static enum fkv_status write_tail(struct file_writer *w)
{
    static const uint8_t end_of_stream[prefix_size] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
    enum fkv_status status = FKV_OK;
    if (!buf_append(&w->tail, end_of_stream, sizeof end_of_stream))
        status = status_no_memory(w->error, sizeof end_of_stream);
    if (status == FKV_OK && w->format == IPC_FILE_FILE)
        status = file_footer_append(&w->tail, ipc_writer_schema(w->writer), &w->dictionaries,
                                    &w->batches, w->error);
    if (status == FKV_OK)
        status = put(w, buf_slice(&w->tail));
    return status == FKV_OK ? flush(w) : status;
}

static enum fkv_status open_writer(struct file_writer *w, const struct alloc *alloc,
                                   struct ArrowArrayStream *stream,
                                   const struct ipc_writer_options *options)
{
    struct ArrowSchema schema = {.release = NULL};
    int code = stream->get_schema(stream, &schema);
    if (code != 0)
        return stream_failed(stream, code, w->error);
    enum fkv_status status = ipc_writer_new(alloc, &schema, options, &w->writer, w->error);
    if (schema.release != NULL)
        schema.release(&schema);
    return status;
}

enum fkv_status
ipc_file_write(const struct alloc *alloc, struct ArrowArrayStream *stream, int fd,
               enum ipc_file_format format, const struct ipc_writer_options *options,
               bool (*progress)(void *context, const struct ipc_write_result *so_far),
               void *context, struct ipc_write_result *ret, struct fkv_error *error)
{
    struct file_writer w = {.fd = fd, .format = format, .error = error};
    buf_init(&w.dictionaries, alloc, places_bytes_max);
    buf_init(&w.batches, alloc, places_bytes_max);
    buf_init(&w.tail, alloc, (size_t)IPC_LIMITS_DEFAULT.header_bytes_max);
    enum fkv_status status = open_writer(&w, alloc, stream, options);
    if (status == FKV_OK)
        status = write_head(&w);
    if (status == FKV_OK)
        status = write_batches(&w, stream, progress, context);
    if (status == FKV_OK)
        status = write_tail(&w);
    if (status == FKV_OK)
        *ret = w.written;
    ipc_writer_free(w.writer);
    buf_done(&w.dictionaries);
    buf_done(&w.batches);
    buf_done(&w.tail);
    stream->release(stream);
    return status;
}
