/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is one piece of memory, its columns one behind the other. Fresh memory costs more than
 * filling it does, so the piece of the batch released last is kept for the next one. */
#include "cli/numbers.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/status.h"
#include "cli/normal.h"

enum { alignment = 64 };

struct numbers {
    struct numbers_options options;
    int64_t rows_left;
    struct normal_table table;
    struct normal *columns;
    atomic_size_t references; /* the stream's and each batch's */
    pthread_mutex_t lock;
    void *spare; /* under the lock; NULL = none */
};

struct batch {
    struct numbers *numbers;
    void *memory;
    struct ArrowArray *arrays; /* the columns */
    struct ArrowArray **children;
    const void **buffers; /* two a column: no validity, values */
    const void *no_buffer;
};

static void numbers_unref(struct numbers *numbers)
{
    if (atomic_fetch_sub(&numbers->references, 1) > 1)
        return;
    pthread_mutex_destroy(&numbers->lock);
    alloc_free(alloc_system(), numbers->spare);
    alloc_free(alloc_system(), numbers->columns);
    alloc_free(alloc_system(), numbers);
}

/* Takes the spare piece out, or puts `memory` in and gives what was there before. */
static void *swap_spare(struct numbers *numbers, void *memory)
{
    pthread_mutex_lock(&numbers->lock);
    void *before = numbers->spare;
    numbers->spare = memory;
    pthread_mutex_unlock(&numbers->lock);
    return before;
}

/* ---- batches ---- */

static void batch_free(struct batch *batch)
{
    if (batch->memory != NULL)
        alloc_free(alloc_system(), swap_spare(batch->numbers, batch->memory));
    numbers_unref(batch->numbers);
    alloc_free(alloc_system(), batch->arrays);
    alloc_free(alloc_system(), batch->children);
    alloc_free(alloc_system(), batch->buffers);
    alloc_free(alloc_system(), batch);
}

static void release_column(struct ArrowArray *array)
{
    array->release = NULL; /* the batch owns it all */
}

static void release_batch(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release != NULL)
            array->children[i]->release(array->children[i]);
    }
    batch_free(array->private_data);
    array->release = NULL;
}

static size_t column_bytes(const struct numbers *numbers)
{
    size_t bytes = (size_t)numbers->options.batch_rows * sizeof(double);
    return (bytes + alignment - 1) / alignment * alignment;
}

static struct batch *batch_new(struct numbers *numbers)
{
    size_t columns = (size_t)numbers->options.columns;
    struct batch *batch = alloc_zero(alloc_system(), sizeof *batch);
    if (batch == NULL)
        return NULL;
    batch->numbers = numbers;
    atomic_fetch_add(&numbers->references, 1);
    batch->arrays = alloc_array(alloc_system(), columns, sizeof *batch->arrays);
    batch->children = alloc_array(alloc_system(), columns, sizeof *batch->children);
    batch->buffers = alloc_array(alloc_system(), 2 * columns, sizeof *batch->buffers);
    batch->memory = swap_spare(numbers, NULL);
    if (batch->memory == NULL)
        batch->memory = alloc_aligned(alloc_system(), alignment, columns * column_bytes(numbers));
    if (batch->arrays == NULL || batch->children == NULL || batch->buffers == NULL ||
        batch->memory == NULL) {
        batch_free(batch);
        return NULL;
    }
    return batch;
}

static void fill_column(struct batch *batch, size_t column, int64_t rows)
{
    double *values =
        (double *)(void *)((char *)batch->memory + column * column_bytes(batch->numbers));
    normal_fill(&batch->numbers->columns[column], values, (size_t)rows);
    batch->buffers[2 * column + 1] = values;
    batch->arrays[column] = (struct ArrowArray){.length = rows,
                                                .n_buffers = 2,
                                                .buffers = &batch->buffers[2 * column],
                                                .release = release_column};
    batch->children[column] = &batch->arrays[column];
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *ret)
{
    struct numbers *numbers = stream->private_data;
    int64_t rows = numbers->rows_left;
    *ret = (struct ArrowArray){0};
    if (rows == 0)
        return 0;
    if (rows > numbers->options.batch_rows)
        rows = numbers->options.batch_rows;
    struct batch *batch = batch_new(numbers);
    if (batch == NULL)
        return ENOMEM;
    for (int64_t i = 0; i < numbers->options.columns; i++)
        fill_column(batch, (size_t)i, rows);
    numbers->rows_left -= rows;
    *ret = (struct ArrowArray){.length = rows,
                               .n_buffers = 1,
                               .buffers = &batch->no_buffer,
                               .n_children = numbers->options.columns,
                               .children = batch->children,
                               .release = release_batch,
                               .private_data = batch};
    return 0;
}

/* ---- the schema ---- */

struct column_schema {
    struct ArrowSchema schema;
    char name[16];
};

static void release_column_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void release_schema(struct ArrowSchema *schema)
{
    alloc_free(alloc_system(), schema->children);
    alloc_free(alloc_system(), schema->private_data);
    schema->release = NULL;
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *ret)
{
    const struct numbers *numbers = stream->private_data;
    size_t columns = (size_t)numbers->options.columns;
    struct column_schema *memory = alloc_array(alloc_system(), columns, sizeof *memory);
    struct ArrowSchema **children = alloc_array(alloc_system(), columns, sizeof *children);
    if (memory == NULL || children == NULL) {
        alloc_free(alloc_system(), memory);
        alloc_free(alloc_system(), children);
        return ENOMEM;
    }
    for (size_t i = 0; i < columns; i++) {
        snprintf(memory[i].name, sizeof memory[i].name, "c%zu", i);
        memory[i].schema = (struct ArrowSchema){.format = "g",
                                                .name = memory[i].name,
                                                .flags = ARROW_FLAG_NULLABLE,
                                                .release = release_column_schema};
        children[i] = &memory[i].schema;
    }
    *ret = (struct ArrowSchema){.format = "+s",
                                .name = "",
                                .n_children = (int64_t)columns,
                                .children = children,
                                .release = release_schema,
                                .private_data = memory};
    return 0;
}

/* ---- the stream ---- */

static const char *get_last_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return "out of memory";
}

static void release(struct ArrowArrayStream *stream)
{
    numbers_unref(stream->private_data);
    stream->release = NULL;
}

enum fkv_status numbers_stream(const struct numbers_options *options, struct ArrowArrayStream *ret,
                               struct fkv_error *error)
{
    struct numbers *numbers = alloc_zero(alloc_system(), sizeof *numbers);
    size_t columns = (size_t)options->columns;
    struct normal *normals = alloc_array(alloc_system(), columns, sizeof *normals);
    if (numbers == NULL || normals == NULL) {
        alloc_free(alloc_system(), numbers);
        alloc_free(alloc_system(), normals);
        return status_no_memory(error, columns * sizeof *normals);
    }
    numbers->options = *options;
    numbers->rows_left = options->rows;
    numbers->columns = normals;
    atomic_init(&numbers->references, 1);
    pthread_mutex_init(&numbers->lock, NULL);
    normal_table_init(&numbers->table);
    for (size_t i = 0; i < columns; i++)
        normal_init(&normals[i], &numbers->table, options->seed, i);
    *ret = (struct ArrowArrayStream){get_schema, get_next, get_last_error, release, numbers};
    return FKV_OK;
}
