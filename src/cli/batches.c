/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/batches.h"

#include <inttypes.h>

#include "base/status.h"

static enum fkv_status read_failed(struct ArrowArrayStream *stream, struct fkv_error *error)
{
    const char *message = stream->get_last_error(stream);
    return status_set(error, FKV_UNKNOWN, "%s", message != NULL ? message : "reading failed");
}

enum fkv_status batches_schema(struct ArrowArrayStream *stream, struct ArrowSchema *ret,
                               struct fkv_error *error)
{
    struct ArrowSchema schema;
    if (stream->get_schema(stream, &schema) != 0)
        return read_failed(stream, error);
    *ret = schema;
    return FKV_OK;
}

static enum fkv_status check(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                             struct fkv_error *error)
{
    if (batch->n_children != schema->n_children)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "a batch has %" PRId64 " columns, its schema %" PRId64, batch->n_children,
                          schema->n_children);
    if (batch->length < 0 || batch->offset < 0 || batch->offset > INT64_MAX - batch->length)
        return status_set(error, FKV_INVALID_ARGUMENT, "a batch has %" PRId64 " rows",
                          batch->length);
    return FKV_OK;
}

enum fkv_status batches_next(struct ArrowArrayStream *stream, const struct ArrowSchema *schema,
                             struct ArrowArray *ret, struct fkv_error *error)
{
    struct ArrowArray batch;
    if (stream->get_next(stream, &batch) != 0)
        return read_failed(stream, error);
    enum fkv_status status = batch.release != NULL ? check(schema, &batch, error) : FKV_OK;
    if (status == FKV_OK)
        *ret = batch;
    else
        batch.release(&batch);
    return status;
}
