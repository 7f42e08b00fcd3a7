/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cell_diff.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static enum cell_diff same_if(bool is_same)
{
    return is_same ? CELLS_SAME : CELLS_DIFFER;
}

/* ---- flat types ---- */

/* The bytes of a value in buffer 1; 0 for formats that aren't that simple. */
static size_t flat_width(const char *format)
{
    static const struct {
        const char *beginning;
        size_t width;
    } widths[] = {{"c", 1},   {"C", 1},  {"s", 2},  {"S", 2},  {"i", 4},   {"I", 4},   {"l", 8},
                  {"L", 8},   {"e", 2},  {"f", 4},  {"g", 8},  {"tdD", 4}, {"tdm", 8}, {"tts", 4},
                  {"ttm", 4}, {"tt", 8}, {"ts", 8}, {"tD", 8}, {"tiM", 4}, {"tiD", 8}, {"tin", 16}};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        size_t size = strlen(widths[i].beginning);
        if (strncmp(format, widths[i].beginning, size) == 0)
            return widths[i].width;
    }
    return 0;
}

static bool is_nan(const char *format, const uint8_t *bytes)
{
    uint16_t half;
    float single;
    double wide;
    switch (format[0]) {
    case 'e':
        memcpy(&half, bytes, sizeof half);
        return (half & 0x7fff) > 0x7c00;
    case 'f':
        memcpy(&single, bytes, sizeof single);
        return isnan(single);
    case 'g':
        memcpy(&wide, bytes, sizeof wide);
        return isnan(wide);
    default:
        return false;
    }
}

static enum cell_diff diff_flat(const struct cell *left, int64_t left_at, const struct cell *right,
                                int64_t right_at)
{
    const char *format = left->schema->format;
    uint8_t a[16], b[16];
    bool p, q;
    size_t width = flat_width(format);
    if (format[0] == 'b')
        return cell_bool(left, left_at, &p) && cell_bool(right, right_at, &q) ? same_if(p == q)
                                                                              : CELLS_INVALID;
    if (width == 0 || !cell_load(left->array, 1, left_at, width, a) ||
        !cell_load(right->array, 1, right_at, width, b))
        return CELLS_INVALID;
    return same_if(memcmp(a, b, width) == 0 || (is_nan(format, a) && is_nan(format, b)));
}

static enum cell_diff diff_decimal(const struct cell *left, int64_t left_at,
                                   const struct cell *right, int64_t right_at)
{
    uint8_t a[cell_decimal_max], b[cell_decimal_max];
    size_t a_size, b_size;
    long scale;
    if (!cell_decimal(left, left_at, a, &a_size, &scale) ||
        !cell_decimal(right, right_at, b, &b_size, &scale))
        return CELLS_INVALID;
    return same_if(a_size == b_size && memcmp(a, b, a_size) == 0);
}

static enum cell_diff diff_bytes(const struct cell *left, int64_t left_at, const struct cell *right,
                                 int64_t right_at)
{
    struct slice a, b;
    if (!cell_bytes(left, left_at, &a) || !cell_bytes(right, right_at, &b))
        return CELLS_INVALID;
    return same_if(slice_equal(a, b));
}

/* ---- nested types ---- */

static enum cell_diff diff_child(struct cell *left, struct cell a, struct cell *right,
                                 struct cell b, struct buf *path, size_t path_size)
{
    enum cell_diff diff = cell_diff(&a, &b, path);
    if (diff == CELLS_SAME) {
        path->size = path_size;
        return diff;
    }
    *left = a;
    *right = b;
    return diff;
}

static enum cell_diff diff_struct(struct cell *left, int64_t left_at, struct cell *right,
                                  int64_t right_at, struct buf *path)
{
    size_t path_size = path->size;
    for (int64_t i = 0; i < left->schema->n_children; i++) {
        struct cell a, b;
        const char *name = left->schema->children[i]->name;
        if (!cell_child(left, i, left_at, &a) || !cell_child(right, i, right_at, &b))
            return CELLS_INVALID;
        buf_printf(path, ".%s", name != NULL ? name : "");
        enum cell_diff diff = diff_child(left, a, right, b, path, path_size);
        if (diff != CELLS_SAME)
            return diff;
    }
    return CELLS_SAME;
}

static enum cell_diff diff_entry(struct cell *left, int64_t left_at, struct cell *right,
                                 int64_t right_at, struct buf *path)
{
    struct cell left_key, left_value, right_key, right_value;
    size_t path_size = path->size;
    if (!cell_entry(left, left_at, &left_key, &left_value) ||
        !cell_entry(right, right_at, &right_key, &right_value))
        return CELLS_INVALID;
    buf_text(path, ".key");
    enum cell_diff diff = diff_child(left, left_key, right, right_key, path, path_size);
    if (diff != CELLS_SAME)
        return diff;
    buf_text(path, ".value");
    return diff_child(left, left_value, right, right_value, path, path_size);
}

static enum cell_diff diff_elements(struct cell *left, int64_t left_at, struct cell *right,
                                    int64_t right_at, struct buf *path)
{
    int64_t left_start, left_end, right_start, right_end;
    size_t path_size = path->size;
    bool is_map = cell_kind(left->schema) == CELL_MAP;
    if (!cell_elements(left, left_at, &left_start, &left_end) ||
        !cell_elements(right, right_at, &right_start, &right_end))
        return CELLS_INVALID;
    int64_t count = left_end - left_start;
    if (count != right_end - right_start)
        return CELLS_DIFFER;
    for (int64_t i = 0; i < count; i++) {
        struct cell a, b;
        enum cell_diff diff;
        buf_printf(path, "[%" PRId64 "]", i);
        if (is_map)
            diff = diff_entry(left, left_start + i, right, right_start + i, path);
        else if (cell_child(left, 0, left_start + i, &a) &&
                 cell_child(right, 0, right_start + i, &b))
            diff = diff_child(left, a, right, b, path, path_size);
        else
            diff = CELLS_INVALID;
        if (diff != CELLS_SAME)
            return diff;
        path->size = path_size;
    }
    return CELLS_SAME;
}

/* ---- any type ---- */

/* Two members of a union may have one type, but not one name. */
static bool same_member(const struct ArrowSchema *left, const struct ArrowSchema *right)
{
    const char *a = left->name != NULL ? left->name : "";
    const char *b = right->name != NULL ? right->name : "";
    return strcmp(left->format, right->format) == 0 && strcmp(a, b) == 0;
}

enum cell_diff cell_diff(struct cell *left, struct cell *right, struct buf *path)
{
    struct cell a = *left, b = *right;
    int64_t a_at, b_at;
    enum cell_state a_state = cell_resolve(&a, &a_at), b_state = cell_resolve(&b, &b_at);
    if (a_state == CELL_INVALID || b_state == CELL_INVALID)
        return CELLS_INVALID;
    if (a_state != b_state)
        return CELLS_DIFFER;
    if (a_state == CELL_NULL)
        return CELLS_SAME;
    if (!same_member(a.schema, b.schema))
        return CELLS_DIFFER;
    enum cell_diff diff;
    switch (cell_kind(a.schema)) {
    case CELL_NUMBER:
    case CELL_TIME:
        return diff_flat(&a, a_at, &b, b_at);
    case CELL_DECIMAL:
        return diff_decimal(&a, a_at, &b, b_at);
    case CELL_TEXT:
    case CELL_BINARY:
        return diff_bytes(&a, a_at, &b, b_at);
    case CELL_STRUCT:
        diff = diff_struct(&a, a_at, &b, b_at, path);
        break;
    default:
        diff = diff_elements(&a, a_at, &b, b_at, path);
        break;
    }
    if (diff == CELLS_DIFFER) { /* now the inner ones; a list by its length remains itself */
        *left = a;
        *right = b;
    }
    return diff;
}

/* ---- many rows ---- */

/* Whether both are plain numbers without nulls, with the same bytes. */
static bool same_bytes(const struct cell *left, const struct cell *right, int64_t count)
{
    size_t width = flat_width(left->schema->format);
    const struct ArrowArray *a = left->array, *b = right->array;
    if (width == 0 || left->schema->dictionary != NULL || a->null_count != 0 ||
        b->null_count != 0 || a->n_buffers != 2 || b->n_buffers != 2 || a->buffers[1] == NULL ||
        b->buffers[1] == NULL || left->row + count > a->length || right->row + count > b->length)
        return false;
    const uint8_t *from = a->buffers[1], *to = b->buffers[1];
    return memcmp(from + (size_t)(a->offset + left->row) * width,
                  to + (size_t)(b->offset + right->row) * width, (size_t)count * width) == 0;
}

bool cell_diff_rows(const struct cell *left, const struct cell *right, int64_t count, int64_t *ret)
{
    struct buf path;
    enum cell_diff diff = CELLS_SAME;
    int64_t row = same_bytes(left, right, count) ? count : 0;
    buf_init(&path, alloc_system(), SIZE_MAX / 2);
    for (; row < count && diff == CELLS_SAME; row++) {
        struct cell a = *left, b = *right;
        a.row += row;
        b.row += row;
        diff = cell_diff(&a, &b, &path);
        path.size = 0;
    }
    buf_done(&path);
    *ret = diff == CELLS_SAME ? count : row - 1;
    return diff != CELLS_INVALID;
}
