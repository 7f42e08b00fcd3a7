/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/export.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "cli/batches.h"
#include "cli/value_export.h"

/* A piece is written once it is this large; a row may make it larger. */
enum { piece_bytes = 256 << 10 };

struct export
{
    enum export_format format;
    int fd;
    struct ArrowSchema schema;
    struct buf text; /* to be written */
    struct fkv_progress so_far;
};

static enum fkv_status flush(struct export *export, struct fkv_error *error)
{
    struct slice rest = buf_slice(&export->text);
    while (rest.size > 0) {
        ssize_t written = write(export->fd, rest.data, rest.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return status_set(
                error, errno == ENOSPC || errno == EDQUOT ? FKV_RESOURCE_EXHAUSTED : FKV_UNKNOWN,
                "can't write after %" PRIu64 " bytes: %s", export->so_far.bytes, strerror(errno));
        slice_take(&rest, (size_t)written);
        export->so_far.bytes += (uint64_t)written;
    }
    buf_clear(&export->text);
    return FKV_OK;
}

static struct slice name_of(const struct export *export, int64_t column)
{
    const char *name = export->schema.children[column]->name;
    return slice_text(name != NULL ? name : "");
}

/* ---- rows ---- */

static bool csv_value(struct export *export, const struct cell *cell, int64_t column)
{
    struct buf *out = &export->text;
    size_t before = out->size;
    if (column > 0)
        buf_byte(out, ',');
    bool is_done = value_csv(out, cell);
    if (export->schema.n_children == 1 && out->size == before)
        buf_text(out, "\"\"");
    return is_done;
}

static bool json_value(struct export *export, const struct cell *cell, int64_t column)
{
    buf_text(&export->text, column > 0 ? "," : "{");
    return value_json_text(&export->text, name_of(export, column)) &&
           buf_byte(&export->text, ':') && value_json(&export->text, cell);
}

static enum fkv_status refuse(const struct export *export, int64_t column, struct fkv_error *error)
{
    if (export->text.failed)
        return status_no_memory(error, export->text.size);
    return status_set(error, FKV_INVALID_ARGUMENT,
                      "row %" PRIu64 ", column '%s': a value that %s can't hold: text that isn't "
                      "UTF-8, a time outside the day, or damage",
                      export->so_far.rows, (const char *)name_of(export, column).data,
                      export->format == EXPORT_CSV ? "CSV" : "JSON");
}

static enum fkv_status add_row(struct export *export, const struct ArrowArray *batch, int64_t row,
                               struct fkv_error *error)
{
    bool is_csv = export->format == EXPORT_CSV;
    bool is_first = export->so_far.rows == 0;
    if (export->format == EXPORT_JSON)
        buf_text(&export->text, is_first ? "\n" : ",\n");
    if (export->schema.n_children == 0 && !is_csv)
        buf_byte(&export->text, '{');
    for (int64_t i = 0; i < export->schema.n_children; i++) {
        struct cell cell =
            cell_of(export->schema.children[i], batch->children[i], batch->offset + row);
        if (!(is_csv ? csv_value : json_value)(export, &cell, i))
            return refuse(export, i, error);
    }
    if (!is_csv)
        buf_byte(&export->text, '}');
    if (export->format != EXPORT_JSON)
        buf_byte(&export->text, '\n');
    export->so_far.rows++;
    return export->text.failed ? status_no_memory(error, export->text.size) : FKV_OK;
}

/* Takes the batch over. */
static enum fkv_status add_batch(struct export *export, struct ArrowArray *batch,
                                 struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    for (int64_t row = 0; row < batch->length && status == FKV_OK; row++) {
        status = add_row(export, batch, row, error);
        if (status == FKV_OK && export->text.size >= piece_bytes)
            status = flush(export, error);
    }
    export->so_far.batches++;
    batch->release(batch);
    return status;
}

/* ---- around them ---- */

static enum fkv_status begin(struct export *export, struct fkv_error *error)
{
    if (export->format == EXPORT_JSON)
        buf_byte(&export->text, '[');
    if (export->format != EXPORT_CSV)
        return FKV_OK;
    for (int64_t i = 0; i < export->schema.n_children; i++) {
        buf_text(&export->text, i > 0 ? "," : "");
        if (!value_csv_text(&export->text, name_of(export, i)))
            return status_set(error, FKV_INVALID_ARGUMENT,
                              "the name of column %" PRId64 " isn't UTF-8", i);
    }
    buf_byte(&export->text, '\n');
    return FKV_OK;
}

static enum fkv_status end(struct export *export, struct fkv_error *error)
{
    if (export->format == EXPORT_JSON)
        buf_text(&export->text, export->so_far.rows > 0 ? "\n]\n" : "]\n");
    return export->text.failed ? status_no_memory(error, export->text.size) : flush(export, error);
}

enum fkv_status export_write(struct ArrowArrayStream *stream, int fd, enum export_format format,
                             fkv_progress_callback progress, void *progress_context,
                             struct fkv_progress *ret, struct fkv_error *error)
{
    struct export export = {.format = format, .fd = fd};
    buf_init(&export.text, alloc_system(), SIZE_MAX / 2);
    enum fkv_status status = batches_schema(stream, &export.schema, error);
    if (status == FKV_OK)
        status = begin(&export, error);
    while (status == FKV_OK) {
        struct ArrowArray batch;
        status = batches_next(stream, &export.schema, &batch, error);
        if (status != FKV_OK || batch.release == NULL)
            break;
        status = add_batch(&export, &batch, error);
        if (status == FKV_OK && progress != NULL && !progress(progress_context, &export.so_far))
            status = status_set(error, FKV_CANCELLED, "cancelled");
    }
    if (status == FKV_OK)
        status = end(&export, error);
    stream->release(stream);
    if (export.schema.release != NULL)
        export.schema.release(&export.schema);
    buf_done(&export.text);
    if (status == FKV_OK && ret != NULL)
        *ret = export.so_far;
    return status;
}
