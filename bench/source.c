/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include <inttypes.h>

#include "timing.h"

/* Any bits but NaN's: no value is like its neighbour. xorshift64 (Marsaglia, 2003). */
void source_fill(struct source *source, uint64_t values)
{
    uint64_t bits = 88172645463325252u;
    if (source->values_count >= values)
        return;
    free(source->values);
    source->values = must(malloc(values * sizeof(double)));
    source->values_count = values;
    for (uint64_t i = 0; i < values; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        source->values[i] = (double)(int64_t)bits;
    }
}

static void release_schema(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release != NULL)
            schema->children[i]->release(schema->children[i]);
        free(schema->children[i]);
    }
    free(schema->children);
    free(schema->private_data);
    schema->release = NULL;
}

static int get_schema(struct ArrowArrayStream *self, struct ArrowSchema *ret)
{
    const struct source *source = self->private_data;
    *ret = (struct ArrowSchema){.format = "+s",
                                .name = "",
                                .n_children = (int64_t)source->columns,
                                .children = must(calloc(source->columns, sizeof(void *))),
                                .release = release_schema};
    for (uint64_t i = 0; i < source->columns; i++) {
        char *name = must(malloc(24));
        snprintf(name, 24, "f%" PRIu64, i);
        ret->children[i] = must(malloc(sizeof(struct ArrowSchema)));
        *ret->children[i] = (struct ArrowSchema){
            .format = "g", .name = name, .release = release_schema, .private_data = name};
    }
    return 0;
}

static void release_array(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release != NULL)
            array->children[i]->release(array->children[i]);
        free(array->children[i]);
    }
    free(array->children);
    free(array->buffers);
    array->release = NULL;
}

static struct ArrowArray array_of(uint64_t rows, int buffer_count, const void *values)
{
    struct ArrowArray array = {.length = (int64_t)rows,
                               .n_buffers = buffer_count,
                               .buffers = must(calloc((size_t)buffer_count, sizeof(void *))),
                               .release = release_array};
    array.buffers[buffer_count - 1] = values;
    return array;
}

static int get_next(struct ArrowArrayStream *self, struct ArrowArray *ret)
{
    struct source *source = self->private_data;
    uint64_t left = source->rows - source->next;
    uint64_t rows = left < source->batch_rows ? left : source->batch_rows;
    *ret = (struct ArrowArray){0};
    if (rows == 0)
        return 0;
    const double *values = source->values + source->next * source->columns;
    source->next += rows;
    *ret = array_of(rows, 1, NULL);
    ret->n_children = (int64_t)source->columns;
    ret->children = must(calloc(source->columns, sizeof(void *)));
    for (uint64_t i = 0; i < source->columns; i++) {
        ret->children[i] = must(malloc(sizeof(struct ArrowArray)));
        *ret->children[i] = array_of(rows, 2, values + i * rows);
    }
    return 0;
}

static const char *last_error(struct ArrowArrayStream *self)
{
    (void)self;
    return NULL;
}

static void release_stream(struct ArrowArrayStream *self)
{
    self->release = NULL;
}

void source_stream(struct source *source, struct ArrowArrayStream *ret)
{
    *ret = (struct ArrowArrayStream){.get_schema = get_schema,
                                     .get_next = get_next,
                                     .get_last_error = last_error,
                                     .release = release_stream,
                                     .private_data = source};
    source->next = 0;
}
