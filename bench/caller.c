/* SPDX-License-Identifier: Apache-2.0 */
/* caller: libflightkv's client, called by lines of text and timed, for bench.py.
 *
 *     caller URI [CA-FILE]
 *
 *     put KEY ROWS BATCH-ROWS          append KEY ROWS BATCH-ROWS
 *     get KEY COLUMNS ROWS STREAMS     ("-": all; rows as START:STOP; columns separated by commas)
 *
 * Each line is answered by one: "SECONDS ROWS BYTES" of batch bodies, or "error WHAT". A put's
 * table has 64 float64 columns, is filled before the time begins and kept for the next one. What a
 * get brings is released batch by batch, inside the time: the client reuses its memory. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flightkv/flightkv.h"

enum { column_count = 64, line_bytes_max = 1 << 16 };

/* Batch after batch, in each column after column. */
struct source {
    double *values;
    uint64_t values_rows;
    uint64_t rows, batch_rows, next;
};

struct result {
    uint64_t rows, bytes;
};

static void die(const char *what)
{
    fprintf(stderr, "caller: %s\n", what);
    exit(1);
}

static void *must(void *memory)
{
    if (memory == NULL)
        die("out of memory");
    return memory;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- the table that is put ---- */

/* Any bits but NaN's: no value is like its neighbour. xorshift64 (Marsaglia, 2003). */
static void fill(struct source *source, uint64_t rows)
{
    uint64_t bits = 88172645463325252u;
    if (source->values_rows >= rows)
        return;
    free(source->values);
    source->values = must(malloc(rows * column_count * sizeof(double)));
    source->values_rows = rows;
    for (uint64_t i = 0; i < rows * column_count; i++) {
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
    (void)self;
    *ret = (struct ArrowSchema){.format = "+s",
                                .name = "",
                                .n_children = column_count,
                                .children = must(calloc(column_count, sizeof(void *))),
                                .release = release_schema};
    for (int i = 0; i < column_count; i++) {
        char *name = must(malloc(8));
        snprintf(name, 8, "f%d", i);
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
    const double *values = source->values + source->next * column_count;
    source->next += rows;
    *ret = array_of(rows, 1, NULL);
    ret->n_children = column_count;
    ret->children = must(calloc(column_count, sizeof(void *)));
    for (uint64_t i = 0; i < column_count; i++) {
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

static enum fkv_status put(struct fkv_client *client, struct source *source, const char *key,
                           enum fkv_put_mode mode, struct result *ret, struct fkv_error *error)
{
    const struct fkv_put_options options = {.size = sizeof options, .mode = mode};
    struct ArrowArrayStream stream = {.get_schema = get_schema,
                                      .get_next = get_next,
                                      .get_last_error = last_error,
                                      .release = release_stream,
                                      .private_data = source};
    struct fkv_progress progress;
    source->next = 0;
    enum fkv_status status = fkv_put(client, key, strlen(key), &stream, &options, &progress, error);
    if (status == FKV_OK)
        *ret = (struct result){progress.rows, progress.bytes};
    return status;
}

/* ---- gets ---- */

static uint64_t value_bytes(const struct ArrowArray *batch)
{
    return (uint64_t)batch->length * (uint64_t)batch->n_children * sizeof(double);
}

static enum fkv_status get(struct fkv_client *client, const char *key, const char *columns,
                           const char *rows, uint64_t streams, struct result *ret,
                           struct fkv_error *error)
{
    const struct fkv_get_options options = {.size = sizeof options,
                                            .columns = strcmp(columns, "-") == 0 ? NULL : columns,
                                            .rows = strcmp(rows, "-") == 0 ? NULL : rows,
                                            .streams = streams};
    struct ArrowArrayStream stream;
    struct ArrowArray batch;
    struct result result = {0};
    enum fkv_status status = fkv_get(client, key, strlen(key), &options, &stream, error);
    if (status != FKV_OK)
        return status;
    int failed;
    while ((failed = stream.get_next(&stream, &batch)) == 0 && batch.release != NULL) {
        result.rows += (uint64_t)batch.length;
        result.bytes += value_bytes(&batch);
        batch.release(&batch);
    }
    if (failed != 0)
        status = fkv_stream_error(&stream, error);
    else
        *ret = result;
    stream.release(&stream);
    return status;
}

/* ---- lines ---- */

static enum fkv_status obey(struct fkv_client *client, struct source *source, char *line,
                            double *ret_seconds, struct result *ret, struct fkv_error *error)
{
    char *words[5] = {NULL}, *rest = NULL;
    size_t count = 0;
    for (char *word = strtok_r(line, " \n", &rest); word != NULL && count < 5;
         word = strtok_r(NULL, " \n", &rest))
        words[count++] = word;
    bool is_get = count == 5 && strcmp(words[0], "get") == 0;
    if (!is_get && count != 4)
        die("expected: put|append KEY ROWS BATCH-ROWS, or get KEY COLUMNS ROWS STREAMS");
    bool is_append = strcmp(words[0], "append") == 0;
    if (!is_get) {
        source->rows = strtoull(words[2], NULL, 10);
        source->batch_rows = strtoull(words[3], NULL, 10);
        fill(source, source->rows);
    }
    double begin = now_s();
    enum fkv_status status =
        is_get ? get(client, words[1], words[2], words[3], strtoull(words[4], NULL, 10), ret, error)
               : put(client, source, words[1], is_append ? FKV_PUT_APPEND : FKV_PUT_REPLACE, ret,
                     error);
    *ret_seconds = now_s() - begin;
    return status;
}

int main(int argc, char **argv)
{
    static char line[line_bytes_max];
    struct fkv_client_options options = {.size = sizeof options,
                                         .tls_ca_file = argc > 2 ? argv[2] : NULL};
    struct fkv_client *client;
    struct fkv_error error;
    struct source source = {0};
    if (argc < 2)
        die("expected the server's URI");
    if (fkv_client_open(argv[1], &options, &client, &error) != FKV_OK)
        die(error.message);
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct result result;
        double seconds;
        if (obey(client, &source, line, &seconds, &result, &error) == FKV_OK)
            printf("%.9f %" PRIu64 " %" PRIu64 "\n", seconds, result.rows, result.bytes);
        else
            printf("error %s\n", error.message);
        fflush(stdout);
    }
    fkv_client_close(client);
    free(source.values);
    return 0;
}
