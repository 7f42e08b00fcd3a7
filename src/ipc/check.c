/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/check.h"

#include "base/status.h"
#include "base/text.h"
#include "ipc/dictionary.h"

enum { children_noted_max = 128, view_inline_max = 12, view_size = 16 };

struct checker {
    struct ipc_cursor cursor;
    const struct ipc_dictionaries *dictionaries;
    struct fkv_error *error;
};

/* What a column's check needs to know of the children, which are checked before it. */
struct children {
    int64_t shortest;                    /* INT64_MAX without children */
    int64_t lengths[children_noted_max]; /* of the first ones: unions have no more */
};

static enum fkv_status wrong(const struct checker *c, const struct ipc_column *column, int64_t row,
                             const char *what)
{
    return status_set(c->error, FKV_INVALID_ARGUMENT, "column '%.*s', row %lld: %s",
                      (int)column->field->name.size, (const char *)column->field->name.data,
                      (long long)row, what);
}

static bool is_null(const struct ipc_column *column, int64_t row)
{
    const struct slice bits = column->buffers[0].bytes;
    return column->layout.kinds[0] == IPC_BUFFER_VALIDITY && bits.size > 0 &&
           !ipc_bit(bits.data, row);
}

static enum fkv_status check_nulls(const struct checker *c, const struct ipc_column *column)
{
    if (column->layout.count == 0 || column->layout.kinds[0] != IPC_BUFFER_VALIDITY)
        return FKV_OK;
    int64_t nulls = 0, length = column->node.length;
    if (column->buffers[0].bytes.size > 0)
        nulls = length - ipc_bits_count(column->buffers[0].bytes.data, 0, length);
    if (nulls != column->node.null_count)
        return wrong(c, column, 0, "the null count of the column isn't that of its bitmap");
    return FKV_OK;
}

static inline int64_t integer_at(const uint8_t *values, uint32_t width, bool is_signed, int64_t i)
{
    switch (width) {
    case 1:
        return is_signed ? (int8_t)values[i] : values[i];
    case 2: {
        uint16_t value = load_le16(values + i * 2);
        return is_signed ? (int16_t)value : value;
    }
    case 4: {
        uint32_t value = load_le32(values + i * 4);
        return is_signed ? (int32_t)value : (int64_t)value;
    }
    default:
        return (int64_t)load_le64(values + i * 8);
    }
}

/* The first i in [0, rows) where offset i + 1 falls below offset i, or offset 0 is negative, or the
 * last one passes the limit; -1 when all is well. */
static inline int64_t bad_offset(const uint8_t *offsets, uint32_t width, int64_t rows,
                                 int64_t limit)
{
    int64_t before = integer_at(offsets, width, true, 0);
    if (before < 0)
        return 0;
    for (int64_t i = 0; i < rows; i++) {
        int64_t offset = integer_at(offsets, width, true, i + 1);
        if (offset < before || offset > limit)
            return i;
        before = offset;
    }
    return -1;
}

static enum fkv_status check_offsets(const struct checker *c, const struct ipc_column *column,
                                     uint32_t width, int64_t limit)
{
    if (column->node.length == 0)
        return FKV_OK;
    const uint8_t *offsets = column->buffers[1].bytes.data;
    int64_t rows = column->node.length;
    int64_t row =
        width == 4 ? bad_offset(offsets, 4, rows, limit) : bad_offset(offsets, 8, rows, limit);
    if (row >= 0)
        return wrong(c, column, row,
                     "its offsets are negative, fall or pass the end of the values");
    return FKV_OK;
}

/* Whether text that is well-formed as a whole is so value by value: none begins in the middle of a
 * character. */
static bool begins_whole(struct slice data, const uint8_t *offsets, uint32_t width, int64_t rows)
{
    for (int64_t i = 0; i <= rows; i++) {
        uint64_t offset = (uint64_t)integer_at(offsets, width, true, i);
        if (offset < data.size && (data.data[offset] & 0xc0) == 0x80)
            return false;
    }
    return true;
}

static enum fkv_status check_text(const struct checker *c, const struct ipc_column *column,
                                  uint32_t width)
{
    int64_t rows = column->node.length;
    if (rows == 0)
        return FKV_OK;
    const uint8_t *offsets = column->buffers[1].bytes.data;
    struct slice data = column->buffers[2].bytes;
    size_t first = (size_t)integer_at(offsets, width, true, 0);
    size_t last = (size_t)integer_at(offsets, width, true, rows);
    if (text_is_utf8(slice_part(data, first, last - first)) &&
        begins_whole(data, offsets, width, rows))
        return FKV_OK;
    for (int64_t i = 0; i < rows; i++) { /* nulls may hide what isn't text */
        size_t from = (size_t)integer_at(offsets, width, true, i);
        size_t to = (size_t)integer_at(offsets, width, true, i + 1);
        if (!is_null(column, i) && !text_is_utf8(slice_part(data, from, to - from)))
            return wrong(c, column, i, "the text isn't UTF-8");
    }
    return FKV_OK;
}

static enum fkv_status check_binary(const struct checker *c, const struct ipc_column *column,
                                    uint32_t width, bool is_text)
{
    size_t size = column->buffers[2].bytes.size;
    enum fkv_status status = check_offsets(c, column, width, (int64_t)size);
    return status == FKV_OK && is_text ? check_text(c, column, width) : status;
}

/* The bytes of a view; false when they aren't inside the column's buffers. */
static bool view_bytes(const struct ipc_column *column, const uint8_t *view, struct slice *ret)
{
    int64_t size = integer_at(view, 4, true, 0);
    if (size < 0)
        return false;
    if (size <= view_inline_max) {
        *ret = slice_of(view + 4, (size_t)size);
        return true;
    }
    int64_t index = integer_at(view, 4, true, 2), offset = integer_at(view, 4, true, 3);
    if (index < 0 || index >= column->variadic_count || offset < 0)
        return false;
    struct slice data = column->buffers[column->layout.count + index].bytes;
    if (!slice_holds(data, (uint64_t)offset, (uint64_t)size))
        return false;
    *ret = slice_part(data, (size_t)offset, (size_t)size);
    return true;
}

static enum fkv_status check_views(const struct checker *c, const struct ipc_column *column,
                                   bool is_text)
{
    for (int64_t i = 0; i < column->node.length; i++) {
        struct slice bytes;
        if (is_null(column, i))
            continue;
        if (!view_bytes(column, column->buffers[1].bytes.data + i * view_size, &bytes))
            return wrong(c, column, i, "its view points outside of the column's data buffers");
        if (is_text && !text_is_utf8(bytes))
            return wrong(c, column, i, "the text isn't UTF-8");
    }
    return FKV_OK;
}

/* Nulls too: the format asks for list views within the child even there. */
static enum fkv_status check_list_views(const struct checker *c, const struct ipc_column *column,
                                        uint32_t width, int64_t child_length)
{
    const uint8_t *offsets = column->buffers[1].bytes.data, *sizes = column->buffers[2].bytes.data;
    for (int64_t i = 0; i < column->node.length; i++) {
        int64_t offset = integer_at(offsets, width, true, i);
        int64_t size = integer_at(sizes, width, true, i);
        if (offset < 0 || size < 0 || offset > child_length || size > child_length - offset)
            return wrong(c, column, i, "its list view passes the end of the values");
    }
    return FKV_OK;
}

static enum fkv_status check_union(const struct checker *c, const struct ipc_column *column,
                                   const struct children *children)
{
    const struct ipc_field *field = column->field;
    bool is_dense = field->union_mode == IPC_DENSE;
    uint8_t child_of[children_noted_max];
    memset(child_of, (int)field->child_count, sizeof child_of);
    for (uint32_t i = 0; i < field->child_count; i++)
        child_of[field->type_ids[i]] = (uint8_t)i;
    for (int64_t i = 0; i < column->node.length; i++) {
        uint8_t id = column->buffers[0].bytes.data[i];
        uint32_t child = id < children_noted_max ? child_of[id] : field->child_count;
        if (child == field->child_count)
            return wrong(c, column, i, "its type id is none of the union's");
        int64_t offset = is_dense ? integer_at(column->buffers[1].bytes.data, 4, true, i) : i;
        if (offset < 0 || offset >= children->lengths[child])
            return wrong(c, column, i, "its union offset passes the end of the child");
    }
    return FKV_OK;
}

static enum fkv_status check_run_ends(const struct checker *c, const struct ipc_column *column,
                                      const struct ipc_column *ends,
                                      const struct children *children)
{
    int64_t before = 0, runs = ends->node.length;
    if (children->lengths[1] < runs)
        return wrong(c, column, 0, "there are more run ends than values");
    if (ends->node.null_count != 0)
        return wrong(c, column, 0, "its run ends are null");
    for (int64_t i = 0; i < runs; i++) {
        int64_t end = integer_at(ends->buffers[1].bytes.data, ends->layout.width, true, i);
        if (end <= before)
            return wrong(c, column, before, "its run ends don't rise");
        before = end;
    }
    if (before < column->node.length)
        return wrong(c, column, before, "its run ends stop before the last row");
    return FKV_OK;
}

static enum fkv_status check_indices(const struct checker *c, const struct ipc_column *column)
{
    if (c->dictionaries == NULL)
        return FKV_OK;
    const struct ipc_field *field = column->field;
    const struct ipc_dictionary *dictionary =
        ipc_dictionaries_find(c->dictionaries, field->dictionary.id);
    int64_t count = dictionary == NULL || dictionary->values == NULL
                        ? 0
                        : ipc_batch_nodes(&dictionary->values->batch)[0].length;
    uint32_t width = field->dictionary.index_bits / 8;
    for (int64_t i = 0; i < column->node.length; i++) {
        int64_t index =
            integer_at(column->buffers[1].bytes.data, width, field->dictionary.index_is_signed, i);
        if ((index < 0 || index >= count) && !is_null(column, i))
            return wrong(c, column, i, "its index passes the end of the dictionary");
    }
    return FKV_OK;
}

static enum fkv_status check_values(const struct checker *c, const struct ipc_column *column,
                                    const struct ipc_column *first_child,
                                    const struct children *children)
{
    const struct ipc_field *field = column->field;
    int64_t rows = column->node.length, size;
    switch (field->type) {
    case IPC_TYPE_BINARY:
    case IPC_TYPE_UTF8:
        return check_binary(c, column, 4, field->type == IPC_TYPE_UTF8);
    case IPC_TYPE_LARGE_BINARY:
    case IPC_TYPE_LARGE_UTF8:
        return check_binary(c, column, 8, field->type == IPC_TYPE_LARGE_UTF8);
    case IPC_TYPE_BINARY_VIEW:
    case IPC_TYPE_UTF8_VIEW:
        return check_views(c, column, field->type == IPC_TYPE_UTF8_VIEW);
    case IPC_TYPE_LIST:
    case IPC_TYPE_MAP:
        return check_offsets(c, column, 4, children->lengths[0]);
    case IPC_TYPE_LARGE_LIST:
        return check_offsets(c, column, 8, children->lengths[0]);
    case IPC_TYPE_LIST_VIEW:
        return check_list_views(c, column, 4, children->lengths[0]);
    case IPC_TYPE_LARGE_LIST_VIEW:
        return check_list_views(c, column, 8, children->lengths[0]);
    case IPC_TYPE_UNION:
        return check_union(c, column, children);
    case IPC_TYPE_RUN_END_ENCODED:
        return check_run_ends(c, column, first_child, children);
    case IPC_TYPE_FIXED_SIZE_LIST:
        if (__builtin_mul_overflow(rows, (int64_t)field->list_size, &size) ||
            children->lengths[0] < size)
            return wrong(c, column, 0, "the values of its lists are too few");
        return FKV_OK;
    case IPC_TYPE_STRUCT:
        if (children->shortest < rows)
            return wrong(c, column, children->shortest, "a child of the struct ends before it");
        return FKV_OK;
    default: /* numbers and bits: any value will do */
        return FKV_OK;
    }
}

/* Checks the column at the cursor, after its children. */
static enum fkv_status check_column(struct checker *c, const struct ipc_field *field,
                                    bool as_values, int64_t *ret_length)
{
    struct ipc_column column = ipc_cursor_next(&c->cursor, field, as_values), first_child = {0};
    struct children children = {.shortest = INT64_MAX};
    struct ipc_cursor ahead = c->cursor;
    enum fkv_status status = check_nulls(c, &column);
    if (status == FKV_OK && field->is_dictionary && !as_values)
        status = check_indices(c, &column);
    *ret_length = column.node.length;
    if (status != FKV_OK || (field->is_dictionary && !as_values))
        return status;
    if (field->child_count > 0)
        first_child = ipc_cursor_next(&ahead, field + 1, false);
    const struct ipc_field *child = field + 1;
    for (uint32_t i = 0; i < field->child_count && status == FKV_OK; i++) {
        int64_t length = 0;
        status = check_column(c, child, false, &length);
        child = ipc_field_after(child);
        if (length < children.shortest)
            children.shortest = length;
        if (i < children_noted_max)
            children.lengths[i] = length;
    }
    return status == FKV_OK ? check_values(c, &column, &first_child, &children) : status;
}

enum fkv_status ipc_check_batch(const struct ipc_schema *schema, const struct ipc_batch *batch,
                                const struct ipc_dictionaries *dictionaries,
                                struct fkv_error *error)
{
    struct checker c = {.cursor = {.batch = batch}, .dictionaries = dictionaries, .error = error};
    const struct ipc_field *field = schema->fields;
    enum fkv_status status = FKV_OK;
    for (uint32_t i = 0; i < schema->column_count && status == FKV_OK; i++) {
        int64_t length;
        status = check_column(&c, field, false, &length);
        if (status == FKV_OK && length != batch->rows)
            status = status_set(error, FKV_INVALID_ARGUMENT,
                                "column '%.*s' has %lld rows in a batch of %lld",
                                (int)field->name.size, (const char *)field->name.data,
                                (long long)length, (long long)batch->rows);
        field = ipc_field_after(field);
    }
    return status;
}

enum fkv_status ipc_check_values(const struct ipc_field *field, const struct ipc_batch *values,
                                 const struct ipc_dictionaries *dictionaries,
                                 struct fkv_error *error)
{
    struct checker c = {.cursor = {.batch = values}, .dictionaries = dictionaries, .error = error};
    int64_t length;
    return check_column(&c, field, true, &length);
}
