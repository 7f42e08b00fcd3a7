/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/tables.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/test.h"

enum { text_bytes_max = 24, null_every = 7 };

static size_t row_text(char ret[text_bytes_max], uint64_t x)
{
    return (size_t)snprintf(ret, text_bytes_max, "row %" PRIu64, x);
}

/* ---- schema ---- */

static void release_static(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++)
        if (schema->children[i]->release != NULL)
            schema->children[i]->release(schema->children[i]);
    free(schema->private_data);
    schema->release = NULL;
}

struct schema_parts {
    struct ArrowSchema fields[2];
    struct ArrowSchema *children[2];
};

static void make_schema(struct ArrowSchema *ret)
{
    struct schema_parts *parts = calloc(1, sizeof *parts);
    for (int i = 0; i < 2; i++) {
        parts->children[i] = &parts->fields[i];
        parts->fields[i].name = i == 0 ? "x" : "y";
        parts->fields[i].format = i == 0 ? "l" : "u";
        parts->fields[i].flags = ARROW_FLAG_NULLABLE;
        parts->fields[i].release = release_static;
    }
    *ret = (struct ArrowSchema){.format = "+s",
                                .name = "",
                                .n_children = 2,
                                .children = parts->children,
                                .release = release_static,
                                .private_data = parts};
}

/* ---- arrays ---- */

struct batch {
    struct ArrowArray columns[2];
    struct ArrowArray *children[2];
    const void *no_buffers[1];
    const void *x_buffers[2];
    const void *y_buffers[3];
    int64_t *x;
    uint8_t *validity;
    int32_t *offsets;
    char *text;
};

static void release_column(struct ArrowArray *array)
{
    array->release = NULL;
}

static void release_batch(struct ArrowArray *array)
{
    struct batch *batch = array->private_data;
    for (int i = 0; i < 2; i++)
        if (batch->columns[i].release != NULL)
            batch->columns[i].release(&batch->columns[i]);
    free(batch->x);
    free(batch->validity);
    free(batch->offsets);
    free(batch->text);
    free(batch);
    array->release = NULL;
}

static void fill(struct batch *batch, uint64_t first, uint32_t rows)
{
    int32_t used = 0;
    for (uint32_t i = 0; i < rows; i++) {
        batch->x[i] = (int64_t)(first + i);
        batch->offsets[i] = used;
        if ((first + i) % null_every == 0)
            continue;
        batch->validity[i / 8] |= (uint8_t)(1u << i % 8);
        used += (int32_t)row_text(batch->text + used, first + i);
    }
    batch->offsets[rows] = used;
}

static void make_batch(uint64_t first, uint32_t rows, struct ArrowArray *ret)
{
    struct batch *batch = calloc(1, sizeof *batch);
    batch->x = calloc(rows + 1, sizeof *batch->x);
    batch->validity = calloc(rows / 8 + 1, 1);
    batch->offsets = calloc(rows + 1, sizeof *batch->offsets);
    batch->text = malloc((size_t)rows * text_bytes_max + text_bytes_max);
    fill(batch, first, rows);
    batch->x_buffers[1] = batch->x;
    batch->y_buffers[0] = batch->validity;
    batch->y_buffers[1] = batch->offsets;
    batch->y_buffers[2] = batch->text;
    batch->columns[0] = (struct ArrowArray){
        .length = rows, .n_buffers = 2, .buffers = batch->x_buffers, .release = release_column};
    batch->columns[1] = (struct ArrowArray){.length = rows,
                                            .null_count = -1,
                                            .n_buffers = 3,
                                            .buffers = batch->y_buffers,
                                            .release = release_column};
    batch->children[0] = &batch->columns[0];
    batch->children[1] = &batch->columns[1];
    *ret = (struct ArrowArray){.length = rows,
                               .n_buffers = 1,
                               .buffers = batch->no_buffers,
                               .n_children = 2,
                               .children = batch->children,
                               .release = release_batch,
                               .private_data = batch};
}

/* ---- the stream ---- */

struct rule_stream {
    struct table_rule rule;
    uint32_t next;
};

static int rule_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    (void)stream;
    make_schema(out);
    return 0;
}

static int rule_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct rule_stream *own = stream->private_data;
    if (own->rule.before_batch != NULL)
        own->rule.before_batch(own->rule.context, own->next);
    if (own->rule.fail_at != 0 && own->next + 1 == own->rule.fail_at)
        return EIO;
    if (own->next == own->rule.batches)
        *out = (struct ArrowArray){0};
    else
        make_batch(own->rule.seed + (uint64_t)own->next++ * own->rule.rows, own->rule.rows, out);
    return 0;
}

static const char *rule_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return "the rule says so";
}

static void rule_release(struct ArrowArrayStream *stream)
{
    free(stream->private_data);
    stream->release = NULL;
}

void table_stream(const struct table_rule *rule, struct ArrowArrayStream *ret)
{
    struct rule_stream *own = malloc(sizeof *own);
    *own = (struct rule_stream){.rule = *rule};
    *ret = (struct ArrowArrayStream){rule_schema, rule_next, rule_error, rule_release, own};
}

/* ---- checking ---- */

static bool row_is(const struct ArrowArray *batch, int64_t i, uint64_t x)
{
    const struct ArrowArray *xs = batch->children[0], *ys = batch->children[1];
    const int64_t *values = xs->buffers[1];
    const uint8_t *validity = ys->buffers[0];
    const int32_t *offsets = ys->buffers[1];
    int64_t at = ys->offset + i;
    bool is_null = validity != NULL && (validity[at / 8] >> at % 8 & 1) == 0;
    if (values[xs->offset + i] != (int64_t)x || is_null != (x % null_every == 0))
        return false;
    char text[text_bytes_max];
    size_t size = row_text(text, x);
    return is_null || ((size_t)(offsets[at + 1] - offsets[at]) == size &&
                       memcmp((const char *)ys->buffers[2] + offsets[at], text, size) == 0);
}

static bool batch_is(const struct ArrowArray *batch, const struct table_rule *rule, uint32_t number)
{
    bool is_right = batch->length == rule->rows && batch->n_children == 2;
    for (int64_t i = 0; is_right && i < batch->length; i++)
        is_right = row_is(batch, i, rule->seed + (uint64_t)number * rule->rows + (uint64_t)i);
    return is_right;
}

/* The rule whose table begins with this batch; NULL when it is none's. */
static const struct table_rule *find_rule(const struct ArrowArray *batch,
                                          const struct table_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rules[i].batches > 0 && batch_is(batch, &rules[i], 0))
            return &rules[i];
    return NULL;
}

bool table_is_one_of(struct ArrowArrayStream *stream, const struct table_rule *rules, size_t count)
{
    const struct table_rule *rule = count == 1 ? rules : NULL;
    uint32_t number = 0;
    bool is_right = true;
    for (;;) {
        struct ArrowArray batch;
        if (stream->get_next(stream, &batch) != 0) {
            is_right = false;
            break;
        }
        if (batch.release == NULL)
            break;
        if (rule == NULL)
            rule = find_rule(&batch, rules, count);
        is_right =
            is_right && rule != NULL && number < rule->batches && batch_is(&batch, rule, number);
        batch.release(&batch);
        number++;
    }
    stream->release(stream);
    return is_right && rule != NULL && number == rule->batches;
}

bool table_is(struct ArrowArrayStream *stream, const struct table_rule *rule)
{
    return table_is_one_of(stream, rule, 1);
}

bool table_rows_are(struct ArrowArrayStream *stream, uint64_t first, uint64_t rows,
                    uint64_t *ret_batches)
{
    uint64_t row = 0, batches = 0;
    bool is_right = true;
    for (;;) {
        struct ArrowArray batch;
        if (stream->get_next(stream, &batch) != 0) {
            is_right = false;
            break;
        }
        if (batch.release == NULL)
            break;
        is_right = is_right && batch.n_children == 2;
        for (int64_t i = 0; is_right && i < batch.length; i++)
            is_right = row_is(&batch, i, first + row++);
        batch.release(&batch);
        batches++;
    }
    stream->release(stream);
    *ret_batches = batches;
    return is_right && row == rows;
}

static enum fkv_status send(struct fkv_client *client, const char *key,
                            const struct table_rule *rule, enum fkv_put_mode mode,
                            struct fkv_error *error)
{
    const struct fkv_put_options options = {.size = sizeof options, .mode = mode};
    struct ArrowArrayStream stream;
    table_stream(rule, &stream);
    return fkv_put(client, key, strlen(key), &stream, &options, NULL, error);
}

enum fkv_status table_put(struct fkv_client *client, const char *key, const struct table_rule *rule,
                          struct fkv_error *error)
{
    return send(client, key, rule, FKV_PUT_REPLACE, error);
}

enum fkv_status table_append(struct fkv_client *client, const char *key,
                             const struct table_rule *rule, struct fkv_error *error)
{
    return send(client, key, rule, FKV_PUT_APPEND, error);
}

enum fkv_status table_get(struct fkv_client *client, const char *key, struct ArrowArrayStream *ret,
                          struct fkv_error *error)
{
    const struct fkv_get_options options = {.size = sizeof options, .flags = FKV_GET_CHECK_VALUES};
    return fkv_get(client, key, strlen(key), &options, ret, error);
}

void assert_table(struct fkv_client *client, const char *key, const struct table_rule *rule)
{
    struct fkv_error error;
    struct ArrowArrayStream stream;
    assert_ok(table_get(client, key, &stream, &error));
    assert_true(table_is(&stream, rule));
}
