/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "ipc/file_footer.h"
#include "ipc/file_source.h"

struct file_reader {
    const struct alloc *alloc;
    struct file_source source;
    struct ipc_reader *reader;
    bool is_at_end;
    bool has_tail;          /* a file in file format read front to back: the footer follows */
    struct fkv_error error; /* of the last callback; status FKV_OK when there was none */

    /* A regular file in file format is read place by place. */
    bool has_footer;
    struct buf footer_bytes;
    struct file_footer footer;
    uint32_t next_dictionary, next_batch;
};

static void free_reader(struct file_reader *r)
{
    if (r == NULL)
        return;
    ipc_reader_free(r->reader);
    file_source_done(&r->source);
    buf_done(&r->footer_bytes);
    alloc_free(r->alloc, r);
}

/* Moves to the next message that the footer names; false when there is none left. */
static bool next_place(struct file_reader *r, struct file_place *ret)
{
    if (r->next_dictionary < r->footer.dictionaries.count)
        *ret = file_footer_place(&r->footer.dictionaries, r->next_dictionary++);
    else if (r->next_batch < r->footer.batches.count)
        *ret = file_footer_place(&r->footer.batches, r->next_batch++);
    else
        return false;
    return true;
}

/* The message at the next place of the footer; it must be as long as the footer says. */
static enum fkv_status message_by_footer(struct file_reader *r, struct file_message *ret,
                                         bool *ret_is_end, struct fkv_error *error)
{
    struct file_place place;
    if (!next_place(r, &place)) {
        *ret_is_end = true;
        return FKV_OK;
    }
    r->source.offset = (uint64_t)place.offset;
    enum fkv_status status = file_source_message(&r->source, ret, ret_is_end, error);
    if (status != FKV_OK)
        return status;
    uint64_t size = (uint64_t)place.header_length + (uint64_t)place.body_length;
    if (*ret_is_end || ret->size != size) {
        if (!*ret_is_end)
            block_unref(ret->body);
        return status_set(
            error, FKV_INVALID_ARGUMENT,
            "the footer names a message of %llu bytes at byte %lld, but there is none",
            (unsigned long long)size, (long long)place.offset);
    }
    return FKV_OK;
}

/* Gives the next message to the reader. At the end *ret_is_end. */
static enum fkv_status step(struct file_reader *r, bool *ret_is_batch, bool *ret_is_end,
                            struct ArrowArray *ret, struct fkv_error *error)
{
    struct file_message message;
    enum fkv_status status = r->has_footer
                                 ? message_by_footer(r, &message, ret_is_end, error)
                                 : file_source_message(&r->source, &message, ret_is_end, error);
    if (status != FKV_OK || *ret_is_end)
        return status;
    uint64_t end = r->source.offset;
    status = ipc_reader_message(r->reader, message.header, message.body, ret_is_batch, ret, error);
    block_unref(message.body);
    if (status != FKV_OK)
        status_prefix(error, status, "message that ends at byte %llu", (unsigned long long)end);
    return status;
}

/* The footer of a file that comes by a pipe is of no use any more, but whoever writes it shall not
 * find the pipe closed, and without it the file is cut off. */
static enum fkv_status read_tail(struct file_reader *r, struct fkv_error *error)
{
    uint8_t tail[file_magic_size];
    enum fkv_status status = file_source_drain(&r->source, tail, sizeof tail, error);
    if (status == FKV_OK && memcmp(tail, FILE_MAGIC, sizeof tail) != 0)
        status = status_set(error, FKV_INVALID_ARGUMENT,
                            "the Arrow file is cut off: it doesn't end with " FILE_MAGIC);
    return status;
}

/* Reads on until there is a batch; *ret->release is NULL at the end. */
static enum fkv_status next_batch(struct file_reader *r, struct ArrowArray *ret,
                                  struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    bool is_batch = false;
    while (!r->is_at_end && !is_batch && status == FKV_OK)
        status = step(r, &is_batch, &r->is_at_end, ret, error);
    if (status != FKV_OK || is_batch)
        return status;
    if (r->has_tail)
        status = read_tail(r, error);
    r->has_tail = false;
    ret->release = NULL;
    return status == FKV_OK ? ipc_reader_end(r->reader, error) : status;
}

/* --- opening --- */

static enum fkv_status read_schema(struct file_reader *r, struct fkv_error *error)
{
    struct file_message message;
    bool is_end = false, is_batch = false;
    enum fkv_status status = file_source_message(&r->source, &message, &is_end, error);
    if (status == FKV_OK && is_end)
        status = status_set(error, FKV_INVALID_ARGUMENT, "it ends before a schema");
    if (status == FKV_INVALID_ARGUMENT)
        status_prefix(error, status, "not an Arrow IPC stream or file, or a broken one");
    if (status != FKV_OK)
        return status;
    struct ArrowArray none;
    status = ipc_reader_message(r->reader, message.header, message.body, &is_batch, &none, error);
    block_unref(message.body);
    return status;
}

static enum fkv_status open_format(struct file_reader *r, struct fkv_error *error)
{
    uint8_t head[file_head_size];
    size_t size;
    enum fkv_status status = file_source_peek(&r->source, head, sizeof head, &size, error);
    if (status != FKV_OK)
        return status;
    if (size >= 4 && memcmp(head, "PAR1", 4) == 0)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "this is a Parquet file, expected Arrow IPC");
    if (size < file_magic_size || memcmp(head, FILE_MAGIC, file_magic_size) != 0)
        return read_schema(r, error);
    r->has_tail = !r->source.is_regular;
    if (r->source.is_regular) {
        status = file_footer_read(&r->source, &r->footer_bytes, &r->footer, error);
        if (status != FKV_OK)
            return status;
        r->has_footer = true;
        r->source.offset = 0;
    }
    status = file_source_read(&r->source, head, sizeof head, error);
    return status == FKV_OK ? read_schema(r, error) : status;
}

static struct file_reader *new_reader(const struct alloc *alloc, int fd,
                                      const struct ipc_limits *limits)
{
    struct file_reader *r = alloc_zero(alloc, sizeof *r);
    if (r == NULL) {
        close(fd);
        return NULL;
    }
    r->alloc = alloc;
    buf_init(&r->footer_bytes, alloc, (size_t)limits->header_bytes_max);
    file_source_init(&r->source, alloc, fd, limits);
    r->reader = ipc_reader_new(alloc, limits, IPC_READER_CHECK_VALUES);
    if (r->reader == NULL) {
        free_reader(r);
        return NULL;
    }
    return r;
}

/* --- the stream --- */

static int errno_of(enum fkv_status status)
{
    switch (status) {
    case FKV_OK:
        return 0;
    case FKV_INVALID_ARGUMENT:
        return EINVAL;
    case FKV_RESOURCE_EXHAUSTED:
        return ENOMEM;
    case FKV_UNIMPLEMENTED:
        return ENOSYS;
    default:
        return EIO;
    }
}

/* Errors are for good: what follows a message that can't be read can't be told. */
static int stream_get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct file_reader *r = stream->private_data;
    if (r->error.status == FKV_OK)
        r->error.status = next_batch(r, out, &r->error);
    return errno_of(r->error.status);
}

static int stream_get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    struct file_reader *r = stream->private_data;
    if (r->error.status == FKV_OK)
        r->error.status = ipc_reader_schema(r->reader, out, &r->error);
    return errno_of(r->error.status);
}

static const char *stream_get_last_error(struct ArrowArrayStream *stream)
{
    const struct file_reader *r = stream->private_data;
    return r->error.status == FKV_OK ? NULL : r->error.message;
}

static void stream_release(struct ArrowArrayStream *stream)
{
    free_reader(stream->private_data);
    stream->release = NULL;
}

const struct fkv_error *ipc_stream_error(const struct ArrowArrayStream *stream)
{
    if (stream->release != stream_release)
        return NULL;
    const struct file_reader *r = stream->private_data;
    return &r->error;
}

enum fkv_status ipc_file_read(const struct alloc *alloc, int fd, const struct ipc_limits *limits,
                              struct ArrowArrayStream *ret, struct fkv_error *error)
{
    struct file_reader *r = new_reader(alloc, fd, limits);
    if (r == NULL)
        return status_no_memory(error, sizeof *r);
    enum fkv_status status = open_format(r, error);
    if (status != FKV_OK) {
        free_reader(r);
        return status;
    }
    *ret = (struct ArrowArrayStream){.get_schema = stream_get_schema,
                                     .get_next = stream_get_next,
                                     .get_last_error = stream_get_last_error,
                                     .release = stream_release,
                                     .private_data = r};
    return FKV_OK;
}
