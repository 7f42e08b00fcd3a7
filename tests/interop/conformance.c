/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool read_arguments(struct arguments *ret, int argc, char **argv)
{
    *ret = (struct arguments){.host = "localhost", .port = "0"};
    const struct {
        const char *name;
        const char **value;
    } known[] = {{"host", &ret->host},
                 {"port", &ret->port},
                 {"scenario", &ret->scenario},
                 {"path", &ret->path}};
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i] + strspn(argv[i], "-");
        size_t size = strcspn(name, "=");
        const char **value = NULL;
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
            if (strlen(known[k].name) == size && strncmp(known[k].name, name, size) == 0)
                value = known[k].value;
        if (value == NULL || (name[size] == '\0' && i + 1 == argc)) {
            fprintf(stderr, "%s: expected -host, -port, -scenario or -path with its value\n",
                    argv[i]);
            return false;
        }
        *value = name[size] == '=' ? name + size + 1 : argv[++i];
    }
    return true;
}

bool bytes_are(struct fkv_bytes bytes, const char *text)
{
    return bytes.size == strlen(text) &&
           (bytes.size == 0 || memcmp(bytes.data, text, bytes.size) == 0);
}

/* ---- schemas ---- */

static void release_schema(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release != NULL)
            schema->children[i]->release(schema->children[i]);
        free(schema->children[i]);
    }
    free(schema->children);
    schema->release = NULL;
}

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

void schema_make_empty(struct ArrowSchema *ret)
{
    *ret = (struct ArrowSchema){.format = "+s", .name = "", .release = release_schema};
}

void schema_make(const struct column *column, bool is_nullable, struct ArrowSchema *ret)
{
    schema_make_empty(ret);
    ret->n_children = 1;
    ret->children = must(malloc(sizeof(void *)));
    ret->children[0] = must(malloc(sizeof **ret->children));
    *ret->children[0] = (struct ArrowSchema){.format = column->format,
                                             .name = column->name,
                                             .flags = is_nullable ? ARROW_FLAG_NULLABLE : 0,
                                             .release = release_schema};
}

bool schema_is(const struct ArrowSchema *schema, const struct column *column)
{
    return schema->n_children == 1 && strcmp(schema->children[0]->name, column->name) == 0 &&
           strcmp(schema->children[0]->format, column->format) == 0;
}

/* ---- batches ---- */

/* All of a batch of one column, in one piece. */
struct batch {
    struct ArrowArray column;
    struct ArrowArray *columns[1];
    const void *column_buffers[2];
    const void *batch_buffers[1];
    int32_t values[];
};

static void release_column(struct ArrowArray *array)
{
    array->release = NULL; /* its memory is the batch's */
}

static void release_batch(struct ArrowArray *array)
{
    free(array->private_data);
    array->release = NULL;
}

void batch_make(const int32_t *values, int64_t count, struct ArrowArray *ret)
{
    struct batch *batch = must(calloc(1, sizeof *batch + (size_t)count * sizeof *values));
    if (count > 0)
        memcpy(batch->values, values, (size_t)count * sizeof *values);
    batch->column_buffers[1] = batch->values;
    batch->column = (struct ArrowArray){.length = count,
                                        .n_buffers = 2,
                                        .buffers = batch->column_buffers,
                                        .release = release_column};
    batch->columns[0] = &batch->column;
    *ret = (struct ArrowArray){.length = count,
                               .n_buffers = 1,
                               .buffers = batch->batch_buffers,
                               .n_children = 1,
                               .children = batch->columns,
                               .release = release_batch,
                               .private_data = batch};
}

bool batch_is(const struct ArrowArray *batch, const int32_t *values, int64_t count)
{
    if (batch->length != count || batch->n_children != 1)
        return false;
    const struct ArrowArray *column = batch->children[0];
    const int32_t *data = column->buffers[1];
    return column->null_count <= 0 && memcmp(data + column->offset + batch->offset, values,
                                             (size_t)count * sizeof *values) == 0;
}
