/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/demo_table.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"

/* ---- from a stream ---- */

static enum fkv_status stream_failure(struct ArrowArrayStream *stream, struct fkv_error *error)
{
    enum fkv_status status = fkv_stream_error(stream, error);
    if (status != FKV_OK && status != FKV_UNKNOWN)
        return status;
    const char *message = stream->get_last_error(stream);
    return status_set(error, FKV_UNKNOWN, "%s", message != NULL ? message : "reading failed");
}

static enum fkv_status check_schema(const struct ArrowSchema *schema, struct fkv_error *error)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        const struct ArrowSchema *column = schema->children[i];
        if (strcmp(column->format, "g") != 0 || column->dictionary != NULL)
            return status_set(error, FKV_FAILED_PRECONDITION,
                              "column '%s' isn't float64; the demo measures tables such as "
                              "\"flightkv generate\" makes",
                              column->name != NULL ? column->name : "");
    }
    return FKV_OK;
}

static enum fkv_status check_batch(const struct ArrowArray *batch, struct fkv_error *error)
{
    for (int64_t i = 0; i < batch->n_children; i++) {
        const struct ArrowArray *column = batch->children[i];
        if (column->null_count != 0 && column->buffers[0] != NULL)
            return status_set(error, FKV_FAILED_PRECONDITION,
                              "a column has nulls; the demo measures tables such as \"flightkv "
                              "generate\" makes");
    }
    return FKV_OK;
}

static bool make_room(struct demo_table *table)
{
    if (table->batch_count < table->capacity)
        return true;
    size_t capacity = table->capacity > 0 ? 2 * table->capacity : 64;
    struct ArrowArray *batches =
        alloc_resize(alloc_system(), table->batches, capacity * sizeof *batches);
    if (batches == NULL)
        return false;
    table->batches = batches;
    table->capacity = capacity;
    return true;
}

/* One batch more; `ret_ended` where there is none. */
static enum fkv_status collect_batch(struct ArrowArrayStream *stream, struct demo_table *table,
                                     bool *ret_ended, struct fkv_error *error)
{
    if (!make_room(table))
        return status_no_memory(error, 2 * table->capacity * sizeof *table->batches);
    struct ArrowArray *batch = &table->batches[table->batch_count];
    if (stream->get_next(stream, batch) != 0)
        return stream_failure(stream, error);
    *ret_ended = batch->release == NULL;
    if (*ret_ended)
        return FKV_OK;
    table->batch_count++;
    table->rows += batch->length;
    return check_batch(batch, error);
}

enum fkv_status demo_table_collect(struct ArrowArrayStream *stream, struct demo_table *ret,
                                   struct fkv_error *error)
{
    struct demo_table table = {0};
    bool ended = false;
    enum fkv_status status = FKV_OK;
    if (stream->get_schema(stream, &table.schema) != 0)
        status = stream_failure(stream, error);
    else
        status = check_schema(&table.schema, error);
    while (status == FKV_OK && !ended)
        status = collect_batch(stream, &table, &ended, error);
    stream->release(stream);
    if (status == FKV_OK)
        *ret = table;
    else
        demo_table_done(&table);
    return status;
}

void demo_table_done(struct demo_table *table)
{
    for (size_t i = 0; i < table->batch_count; i++)
        table->batches[i].release(&table->batches[i]);
    alloc_free(alloc_system(), table->batches);
    if (table->schema.release != NULL)
        table->schema.release(&table->schema);
    *table = (struct demo_table){0};
}

uint64_t demo_table_bytes(const struct demo_table *table)
{
    return (uint64_t)table->rows * (uint64_t)table->schema.n_children * sizeof(double);
}

/* ---- as a stream ---- */

static void release_lent_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void release_lent_array(struct ArrowArray *array)
{
    array->release = NULL;
}

static int lend_schema(struct ArrowArrayStream *stream, struct ArrowSchema *ret)
{
    const struct demo_table_reader *reader = stream->private_data;
    *ret = reader->table->schema;
    ret->release = release_lent_schema;
    return 0;
}

static int lend_batch(struct ArrowArrayStream *stream, struct ArrowArray *ret)
{
    struct demo_table_reader *reader = stream->private_data;
    *ret = (struct ArrowArray){0};
    if (reader->next < reader->table->batch_count) {
        *ret = reader->table->batches[reader->next++];
        ret->release = release_lent_array;
    }
    return 0;
}

static const char *no_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return NULL;
}

static void release_stream(struct ArrowArrayStream *stream)
{
    stream->release = NULL;
}

struct ArrowArrayStream demo_table_stream(const struct demo_table *table,
                                          struct demo_table_reader *reader)
{
    *reader = (struct demo_table_reader){.table = table};
    return (struct ArrowArrayStream){.get_schema = lend_schema,
                                     .get_next = lend_batch,
                                     .get_last_error = no_error,
                                     .release = release_stream,
                                     .private_data = reader};
}

/* ---- comparing ---- */

static bool names_equal(const struct ArrowSchema *a, const struct ArrowSchema *b)
{
    if (a->n_children != b->n_children)
        return false;
    for (int64_t i = 0; i < a->n_children; i++) {
        const char *name_a = a->children[i]->name, *name_b = b->children[i]->name;
        if (strcmp(name_a != NULL ? name_a : "", name_b != NULL ? name_b : "") != 0)
            return false;
    }
    return true;
}

static const double *values_of(const struct ArrowArray *batch, int64_t column)
{
    const struct ArrowArray *array = batch->children[column];
    return (const double *)array->buffers[1] + array->offset + batch->offset;
}

static bool batches_equal(const struct ArrowArray *a, const struct ArrowArray *b)
{
    if (a->length != b->length || a->n_children != b->n_children)
        return false;
    for (int64_t i = 0; i < a->n_children && a->length > 0; i++) {
        size_t size = (size_t)a->length * sizeof(double);
        if (memcmp(values_of(a, i), values_of(b, i), size) != 0)
            return false;
    }
    return true;
}

bool demo_table_equal(const struct demo_table *a, const struct demo_table *b)
{
    if (!names_equal(&a->schema, &b->schema) || a->batch_count != b->batch_count)
        return false;
    for (size_t i = 0; i < a->batch_count; i++) {
        if (!batches_equal(&a->batches[i], &b->batches[i]))
            return false;
    }
    return true;
}
