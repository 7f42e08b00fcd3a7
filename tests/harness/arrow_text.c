/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/arrow_text.h"

#include <stdlib.h>
#include <string.h>

struct printer {
    struct buf *out;
    int64_t rows_max;
};

static void print_metadata(struct buf *out, const char *metadata)
{
    int32_t count = 0, size;
    if (metadata != NULL) {
        memcpy(&count, metadata, sizeof count);
        metadata += sizeof count;
    }
    for (int32_t i = 0; i < 2 * count; i++) {
        memcpy(&size, metadata, sizeof size);
        metadata += sizeof size;
        buf_printf(out, "%s'", i % 2 == 0 ? " " : "=");
        buf_append(out, metadata, (size_t)size);
        buf_text(out, "'");
        metadata += size;
    }
}

void arrow_schema_text(struct buf *out, const struct ArrowSchema *schema)
{
    buf_printf(out, "%s: %s %d", schema->name, schema->format, (int)schema->flags);
    print_metadata(out, schema->metadata);
    buf_text(out, " (");
    for (int64_t i = 0; i < schema->n_children; i++)
        arrow_schema_text(out, schema->children[i]);
    buf_text(out, ")");
    if (schema->dictionary != NULL) {
        buf_text(out, "<");
        arrow_schema_text(out, schema->dictionary);
        buf_text(out, ">");
    }
    buf_text(out, "\n");
}

static long decimal(const char *text)
{
    return strtol(text, NULL, 10);
}

/* Bytes of a value of fixed width; 0 for other types. */
static size_t width_of(const char *format)
{
    static const struct {
        const char *begin;
        size_t width;
    } widths[] = {{"c", 1},   {"C", 1},   {"s", 2},   {"S", 2},   {"i", 4},   {"I", 4},
                  {"l", 8},   {"L", 8},   {"e", 2},   {"f", 4},   {"g", 8},   {"tdD", 4},
                  {"tdm", 8}, {"tts", 4}, {"ttm", 4}, {"ttu", 8}, {"ttn", 8}, {"ts", 8},
                  {"tD", 8},  {"tiM", 4}, {"tiD", 8}, {"tin", 16}};
    if (format[0] == 'w')
        return (size_t)decimal(format + 2);
    if (format[0] == 'd') {
        const char *bits = strchr(strchr(format, ',') + 1, ',');
        return bits == NULL ? 16 : (size_t)decimal(bits + 1) / 8;
    }
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        if (strncmp(format, widths[i].begin, strlen(widths[i].begin)) == 0)
            return widths[i].width;
    return 0;
}

static bool bit(const void *bits, int64_t index)
{
    return ((const uint8_t *)bits)[index / 8] >> (index % 8) & 1;
}

static int64_t number(const void *values, char format, int64_t index)
{
    switch (format) {
    case 'c':
        return ((const int8_t *)values)[index];
    case 'C':
        return ((const uint8_t *)values)[index];
    case 's':
        return ((const int16_t *)values)[index];
    case 'S':
        return ((const uint16_t *)values)[index];
    case 'i':
        return ((const int32_t *)values)[index];
    case 'I':
        return ((const uint32_t *)values)[index];
    default:
        return ((const int64_t *)values)[index];
    }
}

static void print_bytes(struct buf *out, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        buf_printf(out, "%02x", bytes[i]);
}

static void print_value(struct printer *p, const struct ArrowSchema *schema,
                        const struct ArrowArray *array, int64_t row);

static void print_list(struct printer *p, const struct ArrowSchema *schema,
                       const struct ArrowArray *array, int64_t first, int64_t count)
{
    buf_text(p->out, "[");
    for (int64_t i = first; i < first + count && i - first < p->rows_max; i++)
        print_value(p, schema->children[0], array->children[0], i);
    buf_text(p->out, "]");
}

static void print_struct(struct printer *p, const struct ArrowSchema *schema,
                         const struct ArrowArray *array, int64_t at)
{
    buf_text(p->out, "{");
    for (int64_t i = 0; i < schema->n_children; i++)
        print_value(p, schema->children[i], array->children[i], at);
    buf_text(p->out, "}");
}

static void print_view(struct printer *p, const struct ArrowArray *array, int64_t at)
{
    const uint8_t *view = (const uint8_t *)array->buffers[1] + at * 16;
    int32_t size, place[2];
    memcpy(&size, view, sizeof size);
    memcpy(place, view + 8, sizeof place);
    const uint8_t *bytes =
        size <= 12 ? view + 4 : (const uint8_t *)array->buffers[2 + place[0]] + place[1];
    print_bytes(p->out, bytes, (size_t)size);
}

static void print_union(struct printer *p, const struct ArrowSchema *schema,
                        const struct ArrowArray *array, int64_t at)
{
    int id = ((const int8_t *)array->buffers[0])[at];
    const char *ids = schema->format + 4;
    int64_t child = 0;
    for (; decimal(ids) != id; child++)
        ids = strchr(ids, ',') + 1;
    buf_printf(p->out, "#%d ", id);
    bool is_dense = schema->format[2] == 'd';
    print_value(p, schema->children[child], array->children[child],
                is_dense ? ((const int32_t *)array->buffers[1])[at] : at);
}

static void print_run(struct printer *p, const struct ArrowSchema *schema,
                      const struct ArrowArray *array, int64_t at)
{
    const struct ArrowArray *ends = array->children[0];
    int64_t run = 0;
    while (number(ends->buffers[1], schema->children[0]->format[0], ends->offset + run) <= at)
        run++;
    print_value(p, schema->children[1], array->children[1], run);
}

static void print_nested(struct printer *p, const struct ArrowSchema *schema,
                         const struct ArrowArray *array, int64_t at)
{
    const char *format = schema->format + 1;
    if (*format == 's') {
        print_struct(p, schema, array, at);
    } else if (*format == 'u') {
        print_union(p, schema, array, at);
    } else if (*format == 'r') {
        print_run(p, schema, array, at);
    } else if (*format == 'w') {
        int64_t size = decimal(format + 2);
        print_list(p, schema, array, at * size, size);
    } else if (*format == 'v') {
        char width = format[1] == 'L' ? 'l' : 'i';
        print_list(p, schema, array, number(array->buffers[1], width, at),
                   number(array->buffers[2], width, at));
    } else {
        char width = *format == 'L' ? 'l' : 'i';
        int64_t first = number(array->buffers[1], width, at);
        print_list(p, schema, array, first, number(array->buffers[1], width, at + 1) - first);
    }
}

static void print_binary(struct printer *p, const struct ArrowSchema *schema,
                         const struct ArrowArray *array, int64_t at)
{
    char width = schema->format[0] == 'Z' || schema->format[0] == 'U' ? 'l' : 'i';
    int64_t first = number(array->buffers[1], width, at);
    int64_t last = number(array->buffers[1], width, at + 1);
    print_bytes(p->out, (const uint8_t *)array->buffers[2] + first, (size_t)(last - first));
}

static bool has_validity(const char *format)
{
    return strcmp(format, "n") != 0 && strncmp(format, "+u", 2) != 0 && strcmp(format, "+r") != 0;
}

static void print_valid(struct printer *p, const struct ArrowSchema *schema,
                        const struct ArrowArray *array, int64_t at)
{
    const char *format = schema->format;
    if (schema->dictionary != NULL) {
        print_value(p, schema->dictionary, array->dictionary,
                    number(array->buffers[1], *format, at));
    } else if (*format == '+') {
        print_nested(p, schema, array, at);
    } else if (*format == 'v') {
        print_view(p, array, at);
    } else if (strchr("zZuU", *format) != NULL) {
        print_binary(p, schema, array, at);
    } else if (*format == 'b') {
        buf_printf(p->out, "%d", bit(array->buffers[1], at));
    } else {
        size_t width = width_of(format);
        print_bytes(p->out, (const uint8_t *)array->buffers[1] + (size_t)at * width, width);
    }
}

/* `row` counts from the array's offset. */
static void print_value(struct printer *p, const struct ArrowSchema *schema,
                        const struct ArrowArray *array, int64_t row)
{
    if (p->out->failed) /* the text's limit: what is nested multiplies */
        return;
    int64_t at = array->offset + row;
    bool has_bitmap =
        has_validity(schema->format) && array->null_count != 0 && array->buffers[0] != NULL;
    if (strcmp(schema->format, "n") == 0 || (has_bitmap && !bit(array->buffers[0], at)))
        buf_text(p->out, "null");
    else
        print_valid(p, schema, array, at);
    buf_text(p->out, " ");
}

void arrow_array_text(struct buf *out, const struct ArrowSchema *schema,
                      const struct ArrowArray *array, int64_t rows_max)
{
    struct printer p = {.out = out, .rows_max = rows_max};
    for (int64_t row = 0; row < array->length && row < rows_max; row++) {
        print_value(&p, schema, array, row);
        buf_text(out, "\n");
    }
}
