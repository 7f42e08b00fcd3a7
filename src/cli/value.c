/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/value.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cli/value_number.h"
#include "cli/value_time.h"
#include "cli/width.h"

enum { depth_max = 64 };

/* A row of an array, and how it is to be written. */
struct cell {
    const struct ArrowSchema *schema;
    const struct ArrowArray *array;
    int64_t row;
    bool is_inner; /* in a list, struct, ...: strings are quoted */
    unsigned depth;
};

static void write_cell(struct buf *out, const struct cell *cell);

static void write_invalid(struct buf *out)
{
    buf_text(out, "<invalid>");
}

/* ---- looking into arrays ---- */

/* The row's place in the buffers; false when there is no such row. */
static bool position_of(const struct ArrowArray *array, int64_t row, int64_t *ret)
{
    if (row < 0 || row >= array->length || array->offset < 0 || array->offset > INT64_MAX - row)
        return false;
    *ret = array->offset + row;
    return true;
}

static const void *buffer_of(const struct ArrowArray *array, int64_t index)
{
    return index < array->n_buffers && array->buffers != NULL ? array->buffers[index] : NULL;
}

/* Copies element `position` of a buffer of elements of `size` bytes. */
static bool load(const struct ArrowArray *array, int64_t index, int64_t position, size_t size,
                 void *ret)
{
    const uint8_t *buffer = buffer_of(array, index);
    if (buffer == NULL || (uint64_t)position > SIZE_MAX / size)
        return false;
    memcpy(ret, buffer + (size_t)position * size, size);
    return true;
}

static bool load_int32(const struct ArrowArray *array, int64_t index, int64_t position,
                       int64_t *ret)
{
    int32_t value;
    if (!load(array, index, position, sizeof value, &value))
        return false;
    *ret = value;
    return true;
}

static bool load_int64(const struct ArrowArray *array, int64_t index, int64_t position,
                       int64_t *ret)
{
    return load(array, index, position, sizeof *ret, ret);
}

/* An offset or size, of 32 or 64 bits. */
static bool load_wide(const struct ArrowArray *array, int64_t index, int64_t position,
                      bool is_large, int64_t *ret)
{
    return is_large ? load_int64(array, index, position, ret)
                    : load_int32(array, index, position, ret);
}

/* An integer column's value by its format letter; an unsigned 64-bit one beyond INT64_MAX is
 * negative. */
static bool load_integer(const struct ArrowArray *array, char format, int64_t position,
                         int64_t *ret)
{
    static const char letters[] = "cCsSiIlL";
    const char *letter = strchr(letters, format);
    union {
        int8_t i8;
        uint8_t u8;
        int16_t i16;
        uint16_t u16;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
    } value = {0};
    size_t size = letter != NULL ? (size_t)1 << (letter - letters) / 2 : 0;
    if (letter == NULL || format == '\0' || !load(array, 1, position, size, &value))
        return false;
    const int64_t values[] = {value.i8,  value.u8,  value.i16, value.u16,
                              value.i32, value.u32, value.i64, value.i64};
    *ret = values[letter - letters];
    return true;
}

static bool starts(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* Unions and run-end encoded columns have no validity of their own. */
static bool has_validity(const char *format)
{
    return strcmp(format, "+r") != 0 && !starts(format, "+u") && strcmp(format, "n") != 0;
}

static bool bit_at(const uint8_t *bits, int64_t position)
{
    return bits[position / 8] >> position % 8 & 1;
}

static bool is_null_here(const struct ArrowSchema *schema, const struct ArrowArray *array,
                         int64_t position)
{
    if (strcmp(schema->format, "n") == 0)
        return true;
    if (!has_validity(schema->format) || array->null_count == 0)
        return false;
    const uint8_t *validity = buffer_of(array, 0);
    return validity != NULL && !bit_at(validity, position);
}

/* ---- steps from a cell to the one that it stands for ---- */

static bool child_of(const struct cell *cell, int64_t index, int64_t row, struct cell *ret)
{
    if (index < 0 || index >= cell->schema->n_children || index >= cell->array->n_children ||
        row < 0 || row >= cell->array->children[index]->length)
        return false;
    *ret = (struct cell){cell->schema->children[index], cell->array->children[index], row,
                         cell->is_inner, cell->depth};
    return true;
}

static bool step_dictionary(const struct cell *cell, int64_t position, struct cell *ret)
{
    int64_t index;
    const struct ArrowArray *dictionary = cell->array->dictionary;
    if (dictionary == NULL ||
        !load_integer(cell->array, cell->schema->format[0], position, &index) || index < 0 ||
        index >= dictionary->length)
        return false;
    *ret = (struct cell){cell->schema->dictionary, dictionary, index, cell->is_inner, cell->depth};
    return true;
}

/* The first run whose end lies behind `position`, by bisection. */
static bool step_run(const struct cell *cell, int64_t position, struct cell *ret)
{
    if (cell->array->n_children != 2 || cell->schema->n_children != 2)
        return false;
    const struct ArrowArray *ends = cell->array->children[0];
    char format = cell->schema->children[0]->format[0];
    int64_t low = 0, high = ends->length;
    while (low < high) {
        int64_t middle = low + (high - low) / 2, at, end;
        if (!position_of(ends, middle, &at) || !load_integer(ends, format, at, &end))
            return false;
        if (end <= position)
            low = middle + 1;
        else
            high = middle;
    }
    return child_of(cell, 1, low, ret);
}

/* The child whose type id, in "+ud:4,7", is `id`. */
static bool union_child(const char *format, int64_t id, int64_t *ret)
{
    const char *at = format + 4;
    for (int64_t index = 0; *at != '\0'; index++) {
        char *end;
        if (strtol(at, &end, 10) == id && end != at) {
            *ret = index;
            return true;
        }
        at = *end == ',' ? end + 1 : "";
    }
    return false;
}

static bool step_union(const struct cell *cell, int64_t position, struct cell *ret)
{
    int8_t id;
    int64_t child, row = position; /* a sparse union's children are as long as the union */
    bool is_dense = cell->schema->format[2] == 'd';
    if (!load(cell->array, 0, position, sizeof id, &id) ||
        !union_child(cell->schema->format, id, &child))
        return false;
    if (is_dense && !load_int32(cell->array, 1, position, &row))
        return false;
    return child_of(cell, child, row, ret);
}

/* Whether this cell stands for another one, and which. `ret_is_valid` is false when it leads
 * nowhere. */
static bool step(const struct cell *cell, int64_t position, struct cell *ret, bool *ret_is_valid)
{
    const char *format = cell->schema->format;
    if (cell->schema->dictionary != NULL)
        *ret_is_valid = step_dictionary(cell, position, ret);
    else if (strcmp(format, "+r") == 0)
        *ret_is_valid = step_run(cell, position, ret);
    else if (starts(format, "+u"))
        *ret_is_valid = step_union(cell, position, ret);
    else
        return false;
    return true;
}

/* ---- flat types ---- */

static void write_text(struct buf *out, const struct cell *cell, struct slice text)
{
    size_t size = text.size;
    if (size > value_bytes_most) {
        size = value_bytes_most;
        while (size > 0 && (text.data[size] & 0xc0) == 0x80) /* not within a character */
            size--;
    }
    buf_text(out, cell->is_inner ? "\"" : "");
    width_escape(out, slice_part(text, 0, size), cell->is_inner ? '"' : 0);
    buf_text(out, size < text.size ? "..." : "");
    buf_text(out, cell->is_inner ? "\"" : "");
}

static void write_binary(struct buf *out, struct slice bytes)
{
    size_t size = bytes.size < value_bytes_most / 2 ? bytes.size : value_bytes_most / 2;
    buf_text(out, "x'");
    for (size_t i = 0; i < size; i++)
        buf_printf(out, "%02x", bytes.data[i]);
    buf_text(out, size < bytes.size ? "...'" : "'");
}

static void write_bytes(struct buf *out, const struct cell *cell, bool is_text, struct slice bytes)
{
    if (is_text)
        write_text(out, cell, bytes);
    else
        write_binary(out, bytes);
}

/* u U z Z: the bytes between two offsets. */
static void write_by_offsets(struct buf *out, const struct cell *cell, int64_t position)
{
    char format = cell->schema->format[0];
    bool is_large = format == 'U' || format == 'Z';
    int64_t start, end;
    if (!load_wide(cell->array, 1, position, is_large, &start) ||
        !load_wide(cell->array, 1, position + 1, is_large, &end) || start < 0 || end < start) {
        write_invalid(out);
        return;
    }
    const uint8_t *data = buffer_of(cell->array, 2);
    if (data == NULL && end > start) {
        write_invalid(out);
        return;
    }
    struct slice bytes = slice_of(end > start ? data + start : NULL, (size_t)(end - start));
    write_bytes(out, cell, format == 'u' || format == 'U', bytes);
}

enum { view_size = 16, view_inline_max = 12 };

/* vu vz: size, then the bytes themselves, or prefix, buffer index and offset. The sizes of the data
 * buffers are the last buffer. */
static void write_view(struct buf *out, const struct cell *cell, int64_t position)
{
    uint8_t view[view_size];
    int32_t size, index, offset;
    bool is_text = cell->schema->format[1] == 'u';
    if (!load(cell->array, 1, position, sizeof view, view)) {
        write_invalid(out);
        return;
    }
    memcpy(&size, view, sizeof size);
    memcpy(&index, view + 8, sizeof index);
    memcpy(&offset, view + 12, sizeof offset);
    if (size >= 0 && size <= view_inline_max) {
        write_bytes(out, cell, is_text, slice_of(view + 4, (size_t)size));
        return;
    }
    int64_t buffers = cell->array->n_buffers - 3, data_size;
    if (size < 0 || index < 0 || index >= buffers || offset < 0 ||
        !load_int64(cell->array, cell->array->n_buffers - 1, index, &data_size) ||
        offset > data_size || size > data_size - offset ||
        buffer_of(cell->array, 2 + index) == NULL) {
        write_invalid(out);
        return;
    }
    const uint8_t *data = buffer_of(cell->array, 2 + index);
    write_bytes(out, cell, is_text, slice_of(data + offset, (size_t)size));
}

static bool write_number(struct buf *out, const struct cell *cell, int64_t position)
{
    char format = cell->schema->format[0];
    uint16_t half;
    float single;
    double wide;
    int64_t integer;
    const uint8_t *bits = buffer_of(cell->array, 1);
    if (format == 'b' && bits != NULL)
        buf_text(out, bit_at(bits, position) ? "true" : "false");
    else if (format == 'e' && load(cell->array, 1, position, sizeof half, &half))
        value_half(out, half);
    else if (format == 'f' && load(cell->array, 1, position, sizeof single, &single))
        value_float(out, single);
    else if (format == 'g' && load(cell->array, 1, position, sizeof wide, &wide))
        value_double(out, wide);
    else if (load_integer(cell->array, format, position, &integer))
        buf_printf(out, format == 'L' ? "%" PRIu64 : "%" PRId64, integer);
    else
        return false;
    return true;
}

/* "d:19,10,256" */
static bool write_decimal(struct buf *out, const struct cell *cell, int64_t position)
{
    char *at;
    uint8_t bytes[32];
    strtol(cell->schema->format + 2, &at, 10);
    long scale = *at == ',' ? strtol(at + 1, &at, 10) : 0;
    long bits = *at == ',' ? strtol(at + 1, &at, 10) : 128;
    if (bits != 32 && bits != 64 && bits != 128 && bits != 256)
        return false;
    if (!load(cell->array, 1, position, (size_t)bits / 8, bytes))
        return false;
    value_decimal(out, bytes, (size_t)bits / 8, scale);
    return true;
}

static bool write_fixed_binary(struct buf *out, const struct cell *cell, int64_t position)
{
    long width = strtol(cell->schema->format + 2, NULL, 10);
    const uint8_t *data = buffer_of(cell->array, 1);
    if (width < 0 || (data == NULL && width > 0) || (width > 0 && position > INT64_MAX / width))
        return false;
    write_binary(out, slice_of(width > 0 ? data + position * width : NULL, (size_t)width));
    return true;
}

static bool write_interval(struct buf *out, const struct cell *cell, int64_t position)
{
    struct {
        int32_t months;
        int32_t days;
        int64_t ns;
    } parts;
    int32_t pair[2];
    char kind = cell->schema->format[2];
    if (kind == 'M' && load(cell->array, 1, position, sizeof pair[0], pair))
        value_months(out, pair[0]);
    else if (kind == 'D' && load(cell->array, 1, position, sizeof pair, pair))
        value_day_time(out, pair[0], pair[1]);
    else if (kind == 'n' && load(cell->array, 1, position, sizeof parts, &parts))
        value_month_day_nano(out, parts.months, parts.days, parts.ns);
    else
        return false;
    return true;
}

/* Everything whose format begins with 't'. */
static bool write_temporal(struct buf *out, const struct cell *cell, int64_t position)
{
    const char *format = cell->schema->format;
    bool is_narrow =
        strcmp(format, "tdD") == 0 || strcmp(format, "tts") == 0 || strcmp(format, "ttm") == 0;
    int64_t ticks;
    if (starts(format, "ti"))
        return write_interval(out, cell, position);
    if (format[1] == '\0' || format[2] == '\0' ||
        !load_wide(cell->array, 1, position, !is_narrow, &ticks))
        return false;
    if (strcmp(format, "tdD") == 0)
        value_date(out, ticks);
    else if (strcmp(format, "tdm") == 0)
        value_date_ms(out, ticks);
    else if (starts(format, "tt"))
        value_time(out, ticks, format[2]);
    else if (starts(format, "ts"))
        value_timestamp(out, ticks, format[2], format[3] == ':' ? format + 4 : "");
    else if (starts(format, "tD"))
        value_duration(out, ticks, format[2]);
    else
        return false;
    return true;
}

/* ---- nested types ---- */

/* Says "..." once the text is long enough; the rest of the value is left out. */
static bool is_full(struct buf *out)
{
    if (out->failed)
        return true;
    if (out->size < value_bytes_most)
        return false;
    buf_text(out, "...");
    return true;
}

static void write_child(struct buf *out, const struct cell *cell, int64_t index, int64_t row)
{
    struct cell child;
    if (!child_of(cell, index, row, &child)) {
        write_invalid(out);
        return;
    }
    child.is_inner = true;
    write_cell(out, &child);
}

static void write_elements(struct buf *out, const struct cell *cell, int64_t start, int64_t end)
{
    buf_byte(out, '[');
    for (int64_t i = start; i < end; i++) {
        buf_text(out, i > start ? ", " : "");
        if (is_full(out))
            break;
        write_child(out, cell, 0, i);
    }
    buf_byte(out, ']');
}

static void write_entries(struct buf *out, const struct cell *cell, int64_t start, int64_t end)
{
    buf_byte(out, '{');
    for (int64_t i = start; i < end; i++) {
        struct cell entry;
        int64_t position;
        buf_text(out, i > start ? ", " : "");
        if (is_full(out))
            break;
        if (!child_of(cell, 0, i, &entry) || !position_of(entry.array, i, &position)) {
            write_invalid(out);
            break;
        }
        write_child(out, &entry, 0, position);
        buf_text(out, ": ");
        write_child(out, &entry, 1, position);
    }
    buf_byte(out, '}');
}

/* The elements of one row of any list or map, as a range of the child's rows. */
static bool element_range(const struct cell *cell, int64_t position, int64_t *ret_start,
                          int64_t *ret_end)
{
    const char *format = cell->schema->format;
    int64_t start, end, size;
    if (cell->array->n_children != 1)
        return false;
    if (starts(format, "+w:")) {
        size = strtol(format + 3, NULL, 10);
        if (size < 0 || (size > 0 && position >= INT64_MAX / size))
            return false;
        start = position * size;
        end = start + size;
    } else if (starts(format, "+v")) {
        bool is_large = format[2] == 'L';
        if (!load_wide(cell->array, 1, position, is_large, &start) ||
            !load_wide(cell->array, 2, position, is_large, &size) || start < 0 || size < 0 ||
            start > INT64_MAX - size)
            return false;
        end = start + size;
    } else {
        bool is_large = format[1] == 'L';
        if (!load_wide(cell->array, 1, position, is_large, &start) ||
            !load_wide(cell->array, 1, position + 1, is_large, &end))
            return false;
    }
    *ret_start = start;
    *ret_end = end;
    return start >= 0 && start <= end && end <= cell->array->children[0]->length;
}

static void write_struct(struct buf *out, const struct cell *cell, int64_t position)
{
    buf_byte(out, '{');
    for (int64_t i = 0; i < cell->schema->n_children; i++) {
        const char *name = cell->schema->children[i]->name;
        buf_text(out, i > 0 ? ", " : "");
        if (is_full(out))
            break;
        width_escape(out, slice_text(name != NULL ? name : ""), 0);
        buf_text(out, ": ");
        write_child(out, cell, i, position);
    }
    buf_byte(out, '}');
}

static bool write_nested(struct buf *out, const struct cell *cell, int64_t position)
{
    int64_t start, end;
    if (strcmp(cell->schema->format, "+s") == 0) {
        write_struct(out, cell, position);
        return true;
    }
    if (!element_range(cell, position, &start, &end))
        return false;
    if (strcmp(cell->schema->format, "+m") == 0)
        write_entries(out, cell, start, end);
    else
        write_elements(out, cell, start, end);
    return true;
}

/* ---- any type ---- */

static void write_valid(struct buf *out, const struct cell *cell, int64_t position)
{
    const char *format = cell->schema->format;
    bool is_done = true;
    if (strchr("uUzZ", format[0]) != NULL && format[1] == '\0')
        write_by_offsets(out, cell, position);
    else if (format[0] == 'v')
        write_view(out, cell, position);
    else if (format[0] == 't')
        is_done = write_temporal(out, cell, position);
    else if (format[0] == 'd')
        is_done = write_decimal(out, cell, position);
    else if (format[0] == 'w')
        is_done = write_fixed_binary(out, cell, position);
    else if (format[0] == '+')
        is_done = write_nested(out, cell, position);
    else
        is_done = write_number(out, cell, position);
    if (!is_done)
        write_invalid(out);
}

static void write_cell(struct buf *out, const struct cell *cell)
{
    struct cell here = *cell, next;
    for (;;) {
        int64_t position;
        bool is_valid;
        if (here.depth == 0 || !position_of(here.array, here.row, &position)) {
            write_invalid(out);
            return;
        }
        here.depth--;
        if (is_null_here(here.schema, here.array, position)) {
            buf_text(out, "null");
            return;
        }
        if (!step(&here, position, &next, &is_valid)) {
            write_valid(out, &here, position);
            return;
        }
        if (!is_valid) {
            write_invalid(out);
            return;
        }
        here = next;
    }
}

void value_text(struct buf *out, const struct ArrowSchema *schema, const struct ArrowArray *array,
                int64_t row)
{
    struct cell cell = {schema, array, row, false, depth_max};
    write_cell(out, &cell);
}

bool value_is_null(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t row)
{
    struct cell here = {schema, array, row, false, depth_max}, next;
    int64_t position;
    bool is_valid;
    while (here.depth-- > 0 && position_of(here.array, here.row, &position)) {
        if (is_null_here(here.schema, here.array, position))
            return true;
        if (!step(&here, position, &next, &is_valid) || !is_valid)
            return false;
        here = next;
    }
    return false;
}
