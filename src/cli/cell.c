/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cell.h"

#include <stdlib.h>
#include <string.h>

enum { depth_max = 64 };

struct cell cell_of(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t row)
{
    return (struct cell){schema, array, row, depth_max};
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

bool cell_load(const struct ArrowArray *array, int64_t index, int64_t position, size_t size,
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
    if (!cell_load(array, index, position, sizeof value, &value))
        return false;
    *ret = value;
    return true;
}

static bool load_int64(const struct ArrowArray *array, int64_t index, int64_t position,
                       int64_t *ret)
{
    return cell_load(array, index, position, sizeof *ret, ret);
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
    if (letter == NULL || format == '\0' || !cell_load(array, 1, position, size, &value))
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

bool cell_child(const struct cell *cell, int64_t index, int64_t row, struct cell *ret)
{
    if (index < 0 || index >= cell->schema->n_children || index >= cell->array->n_children ||
        row < 0 || row >= cell->array->children[index]->length)
        return false;
    *ret = (struct cell){cell->schema->children[index], cell->array->children[index], row,
                         cell->depth};
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
    *ret = (struct cell){cell->schema->dictionary, dictionary, index, cell->depth};
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
    return cell_child(cell, 1, low, ret);
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
    if (!cell_load(cell->array, 0, position, sizeof id, &id) ||
        !union_child(cell->schema->format, id, &child))
        return false;
    if (is_dense && !load_int32(cell->array, 1, position, &row))
        return false;
    return cell_child(cell, child, row, ret);
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

enum cell_state cell_resolve(struct cell *cell, int64_t *ret_position)
{
    for (;;) {
        struct cell next;
        int64_t position;
        bool is_valid;
        if (cell->depth == 0 || !position_of(cell->array, cell->row, &position))
            return CELL_INVALID;
        cell->depth--;
        if (is_null_here(cell->schema, cell->array, position))
            return CELL_NULL;
        if (!step(cell, position, &next, &is_valid)) {
            *ret_position = position;
            return CELL_VALID;
        }
        if (!is_valid)
            return CELL_INVALID;
        *cell = next;
    }
}

/* ---- values ---- */

enum cell_kind cell_kind(const struct ArrowSchema *schema)
{
    const char *format = schema->format;
    if (format[0] == '+')
        return format[1] == 's' ? CELL_STRUCT : format[1] == 'm' ? CELL_MAP : CELL_LIST;
    static const struct {
        char letter;
        enum cell_kind kind;
    } kinds[] = {
        {'u', CELL_TEXT},   {'U', CELL_TEXT},    {'z', CELL_BINARY}, {'Z', CELL_BINARY},
        {'w', CELL_BINARY}, {'d', CELL_DECIMAL}, {'t', CELL_TIME},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].letter == format[0])
            return kinds[i].kind;
    }
    if (format[0] == 'v')
        return format[1] == 'u' ? CELL_TEXT : CELL_BINARY;
    return CELL_NUMBER;
}

bool cell_ticks(const struct cell *cell, int64_t position, bool is_wide, int64_t *ret)
{
    return load_wide(cell->array, 1, position, is_wide, ret);
}

bool cell_integer(const struct cell *cell, int64_t position, int64_t *ret)
{
    return load_integer(cell->array, cell->schema->format[0], position, ret);
}

bool cell_bool(const struct cell *cell, int64_t position, bool *ret)
{
    const uint8_t *bits = buffer_of(cell->array, 1);
    if (bits != NULL)
        *ret = bit_at(bits, position);
    return bits != NULL;
}

/* u U z Z: the bytes between two offsets. */
static bool bytes_by_offsets(const struct cell *cell, int64_t position, struct slice *ret)
{
    char format = cell->schema->format[0];
    bool is_large = format == 'U' || format == 'Z';
    int64_t start, end;
    if (!load_wide(cell->array, 1, position, is_large, &start) ||
        !load_wide(cell->array, 1, position + 1, is_large, &end) || start < 0 || end < start)
        return false;
    const uint8_t *data = buffer_of(cell->array, 2);
    if (data == NULL && end > start)
        return false;
    *ret = slice_of(end > start ? data + start : NULL, (size_t)(end - start));
    return true;
}

enum { view_size = 16, view_inline_max = 12 };

/* vu vz: size, then the bytes themselves, or prefix, buffer index and offset. The sizes of the data
 * buffers are the last buffer. */
static bool bytes_by_view(const struct cell *cell, int64_t position, struct slice *ret)
{
    const uint8_t *views = buffer_of(cell->array, 1);
    int32_t size, index, offset;
    if (views == NULL || (uint64_t)position > SIZE_MAX / view_size)
        return false;
    const uint8_t *view = views + (size_t)position * view_size;
    memcpy(&size, view, sizeof size);
    memcpy(&index, view + 8, sizeof index);
    memcpy(&offset, view + 12, sizeof offset);
    if (size >= 0 && size <= view_inline_max) {
        *ret = slice_of(view + 4, (size_t)size);
        return true;
    }
    int64_t buffers = cell->array->n_buffers - 3, data_size;
    if (size < 0 || index < 0 || index >= buffers || offset < 0 ||
        !load_int64(cell->array, cell->array->n_buffers - 1, index, &data_size) ||
        offset > data_size || size > data_size - offset ||
        buffer_of(cell->array, 2 + index) == NULL)
        return false;
    const uint8_t *data = buffer_of(cell->array, 2 + index);
    *ret = slice_of(data + offset, (size_t)size);
    return true;
}

/* "w:16" */
static bool bytes_of_fixed_size(const struct cell *cell, int64_t position, struct slice *ret)
{
    long width = strtol(cell->schema->format + 2, NULL, 10);
    const uint8_t *data = buffer_of(cell->array, 1);
    if (width < 0 || (data == NULL && width > 0) || (width > 0 && position > INT64_MAX / width))
        return false;
    *ret = slice_of(width > 0 ? data + position * width : NULL, (size_t)width);
    return true;
}

bool cell_bytes(const struct cell *cell, int64_t position, struct slice *ret)
{
    char format = cell->schema->format[0];
    return format == 'v'   ? bytes_by_view(cell, position, ret)
           : format == 'w' ? bytes_of_fixed_size(cell, position, ret)
                           : bytes_by_offsets(cell, position, ret);
}

bool cell_decimal(const struct cell *cell, int64_t position, uint8_t ret[cell_decimal_max],
                  size_t *ret_size, long *ret_scale)
{
    char *at;
    strtol(cell->schema->format + 2, &at, 10);
    *ret_scale = *at == ',' ? strtol(at + 1, &at, 10) : 0;
    long bits = *at == ',' ? strtol(at + 1, &at, 10) : 128;
    if (bits != 32 && bits != 64 && bits != 128 && bits != 256)
        return false;
    *ret_size = (size_t)bits / 8;
    return cell_load(cell->array, 1, position, *ret_size, ret);
}

bool cell_elements(const struct cell *cell, int64_t position, int64_t *ret_start, int64_t *ret_end)
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

bool cell_entry(const struct cell *map, int64_t row, struct cell *ret_key, struct cell *ret_value)
{
    struct cell entry;
    int64_t position;
    return cell_child(map, 0, row, &entry) && position_of(entry.array, row, &position) &&
           cell_child(&entry, 0, position, ret_key) && cell_child(&entry, 1, position, ret_value);
}
