/* SPDX-License-Identifier: Apache-2.0 */
/* Appending dictionary values of any type, nested ones too, in two steps: every part is exported
 * and imported again, which makes its offsets begin at 0 and cuts its children to what is used
 * (import.h); then the parts, alike now, are joined buffer by buffer in pre-order:
 *
 *     validity, bits         the bits in a row
 *     values, type ids, data the bytes in a row
 *     offsets                each part's, raised by the last offset of the part before
 *     list view offsets      raised by the lengths of the child in the parts before
 *     dense union offsets    the same, of the child that the row's type id names
 *     run ends               raised by the lengths of the column in the parts before
 *     views                  their buffer index raised by the number of data buffers before
 */
#include "ipc/dictionary.h"

#include "base/status.h"
#include "ipc/export.h"
#include "ipc/import.h"

enum { view_inline_max = 12, view_size = 16, type_ids_max = 128 };

struct joiner {
    const struct alloc *alloc;
    struct ipc_batch *parts; /* canonical */
    size_t count;
    struct ipc_cursor *cursors; /* one into each part, behind the column in hand */
    struct ipc_column *columns; /* each part's column in hand */
    int64_t *run_rows; /* the parts' lengths of the run-end encoded parent, if there is one */
    bool is_run_ends;  /* the column in hand is the first child of such a parent */
    struct ipc_batch *out;
    struct fkv_error *error;
};

static enum fkv_status too_long(const struct joiner *j, const char *what)
{
    const struct ipc_field *field = j->columns[0].field;
    return status_set(j->error, FKV_INVALID_ARGUMENT,
                      "appending a delta to the dictionary of column '%.*s' makes it too long for "
                      "its %s",
                      (int)field->name.size, (const char *)field->name.data, what);
}

/* Room for buffer `index` of all parts in a row, `more` bytes beside. */
static struct block *new_block(const struct joiner *j, int index, size_t more)
{
    size_t size = more;
    for (size_t p = 0; p < j->count; p++)
        size += j->columns[p].buffers[index].bytes.size;
    return block_new(j->alloc, size);
}

static enum fkv_status join_node(struct joiner *j)
{
    int64_t length = 0, nulls = 0;
    for (size_t p = 0; p < j->count; p++) {
        if (__builtin_add_overflow(length, j->columns[p].node.length, &length))
            return too_long(j, "number of rows");
        nulls += j->columns[p].node.null_count;
    }
    ipc_batch_add_node(j->out, length, nulls);
    return FKV_OK;
}

static int64_t total_length(const struct joiner *j)
{
    return ipc_batch_nodes(j->out)[ipc_batch_node_count(j->out) - 1].length;
}

static void set_ones(uint8_t *bits, int64_t from, int64_t count)
{
    for (int64_t i = from; i < from + count; i++)
        bits[i >> 3] |= (uint8_t)(1u << (i & 7));
}

static void join_bits(struct joiner *j, int index)
{
    size_t size = (size_t)((total_length(j) + 7) / 8), given = 0;
    for (size_t p = 0; p < j->count; p++)
        given += j->columns[p].buffers[index].bytes.size;
    if (given == 0) { /* no part has nulls */
        ipc_batch_add_buffer(j->out, slice_of(ipc_zeros, 0), NULL);
        return;
    }
    struct block *block = block_new(j->alloc, size);
    int64_t at = 0;
    if (block != NULL)
        memset(block->data, 0, size);
    for (size_t p = 0; block != NULL && p < j->count; p++) {
        struct slice bits = j->columns[p].buffers[index].bytes;
        int64_t length = j->columns[p].node.length;
        if (bits.size == 0)
            set_ones(block->data, at, length);
        else
            ipc_bits_copy(block->data, at, bits.data, 0, length);
        at += length;
    }
    ipc_batch_add_block(j->out, block);
}

static void join_bytes(struct joiner *j, int index)
{
    struct block *block = new_block(j, index, 0);
    size_t at = 0;
    for (size_t p = 0; block != NULL && p < j->count; p++) {
        struct slice bytes = j->columns[p].buffers[index].bytes;
        if (bytes.size > 0)
            memcpy(block->data + at, bytes.data, bytes.size);
        at += bytes.size;
    }
    ipc_batch_add_block(j->out, block);
}

static int64_t largest(uint32_t width)
{
    return width == 2 ? INT16_MAX : width == 4 ? INT32_MAX : INT64_MAX;
}

/* base + more, or a number past every limit. */
static int64_t raised(int64_t base, int64_t more)
{
    int64_t sum;
    return __builtin_add_overflow(base, more, &sum) ? INT64_MAX : sum;
}

static enum fkv_status join_offsets(struct joiner *j, int index, uint32_t width)
{
    struct block *block = block_new(j->alloc, (size_t)(total_length(j) + 1) * width);
    int64_t at = 0, base = 0;
    for (size_t p = 0; block != NULL && p < j->count; p++) {
        const uint8_t *offsets = j->columns[p].buffers[index].bytes.data;
        int64_t rows = j->columns[p].node.length;
        int64_t last = raised(base, ipc_integer(offsets, width, rows));
        if (last > largest(width)) {
            block_unref(block);
            return too_long(j, "offsets");
        }
        for (int64_t i = 0; i <= rows; i++)
            ipc_integer_set(block->data, width, at + i,
                               base + ipc_integer(offsets, width, i));
        at += rows;
        base = last;
    }
    ipc_batch_add_block(j->out, block);
    return FKV_OK;
}

/* Integers of each part, raised by a base that grows by `step(p)` from part to part. */
static enum fkv_status join_raised(struct joiner *j, int index, uint32_t width,
                                   int64_t (*step)(const struct joiner *j, size_t part),
                                   const char *what)
{
    struct block *block = new_block(j, index, 0);
    int64_t at = 0, base = 0;
    for (size_t p = 0; block != NULL && p < j->count; p++) {
        const uint8_t *values = j->columns[p].buffers[index].bytes.data;
        int64_t rows = j->columns[p].node.length, top = raised(base, step(j, p));
        if (rows > 0 && top > largest(width)) {
            block_unref(block);
            return too_long(j, what);
        }
        for (int64_t i = 0; i < rows; i++)
            ipc_integer_set(block->data, width, at + i, base + ipc_integer(values, width, i));
        at += rows;
        base = top;
    }
    ipc_batch_add_block(j->out, block);
    return FKV_OK;
}

static int64_t child_rows(const struct joiner *j, size_t part)
{
    return ipc_batch_nodes(&j->parts[part])[j->cursors[part].node].length;
}

static int64_t parent_rows(const struct joiner *j, size_t part)
{
    return j->run_rows[part];
}

/* How many columns a field has in a batch. */
static uint32_t columns_of(const struct ipc_field *field)
{
    uint32_t count = 0;
    for (const struct ipc_field *end = ipc_field_after(field); field < end; count++)
        field = field->is_dictionary ? ipc_field_after(field) : field + 1;
    return count;
}

static enum fkv_status join_union_offsets(struct joiner *j, int index)
{
    const struct ipc_field *field = j->columns[0].field;
    int64_t bases[type_ids_max] = {0}, at = 0;
    struct block *block = new_block(j, index, 0);
    for (size_t p = 0; block != NULL && p < j->count; p++) {
        const uint8_t *ids = j->columns[p].buffers[0].bytes.data;
        const uint8_t *offsets = j->columns[p].buffers[index].bytes.data;
        for (int64_t i = 0; i < j->columns[p].node.length; i++, at++) {
            int64_t offset = bases[ids[i]] + ipc_integer(offsets, 4, i);
            if (offset > INT32_MAX) {
                block_unref(block);
                return too_long(j, "union offsets");
            }
            ipc_integer_set(block->data, 4, at, offset);
        }
        uint32_t node = j->cursors[p].node;
        const struct ipc_field *child = field + 1;
        for (uint32_t i = 0; i < field->child_count; i++, child = ipc_field_after(child)) {
            int64_t *base = &bases[field->type_ids[i]];
            *base = raised(*base, ipc_batch_nodes(&j->parts[p])[node].length);
            if (*base > INT32_MAX) /* far enough for any offset to be refused above */
                *base = (int64_t)INT32_MAX + 1;
            node += columns_of(child);
        }
    }
    ipc_batch_add_block(j->out, block);
    return FKV_OK;
}

static void join_views(struct joiner *j)
{
    struct block *block = new_block(j, 1, 0);
    int64_t base = 0;
    size_t at = 0;
    for (size_t p = 0; block != NULL && p < j->count; p++) {
        struct slice views = j->columns[p].buffers[1].bytes;
        if (views.size > 0)
            memcpy(block->data + at, views.data, views.size);
        for (uint8_t *view = block->data + at; view < block->data + at + views.size;
             view += view_size)
            if (ipc_integer(view, 4, 0) > view_inline_max)
                ipc_integer_set(view, 4, 2, base + ipc_integer(view, 4, 2));
        at += views.size;
        base += j->columns[p].variadic_count;
    }
    ipc_batch_add_block(j->out, block);
    for (size_t p = 0; p < j->count; p++)
        for (int64_t i = 0; i < j->columns[p].variadic_count; i++) {
            const struct ipc_piece *data = &j->columns[p].buffers[2 + i];
            ipc_batch_add_buffer(j->out, data->bytes, data->owner);
        }
    ipc_batch_add_variadic(j->out, base);
}

static enum fkv_status join_buffer(struct joiner *j, int index)
{
    switch (j->columns[0].layout.kinds[index]) {
    case IPC_BUFFER_VALIDITY:
    case IPC_BUFFER_BITS:
        join_bits(j, index);
        return FKV_OK;
    case IPC_BUFFER_VALUES:
        if (j->is_run_ends)
            return join_raised(j, index, j->columns[0].layout.width, parent_rows, "run ends");
        join_bytes(j, index);
        return FKV_OK;
    case IPC_BUFFER_OFFSETS32:
        return join_offsets(j, index, 4);
    case IPC_BUFFER_OFFSETS64:
        return join_offsets(j, index, 8);
    case IPC_BUFFER_VIEW_OFFSETS32:
        return join_raised(j, index, 4, child_rows, "list views");
    case IPC_BUFFER_VIEW_OFFSETS64:
        return join_raised(j, index, 8, child_rows, "list views");
    case IPC_BUFFER_UNION_OFFSETS:
        return join_union_offsets(j, index);
    case IPC_BUFFER_VIEWS:
        join_views(j);
        return FKV_OK;
    case IPC_BUFFER_DATA:
    case IPC_BUFFER_TYPE_IDS:
    case IPC_BUFFER_SIZES32:
    case IPC_BUFFER_SIZES64:
        join_bytes(j, index);
        return FKV_OK;
    }
    return FKV_OK;
}

static enum fkv_status join_column(struct joiner *j)
{
    enum fkv_status status = join_node(j);
    if (status == FKV_OK)
        status = ipc_batch_status(j->out, j->error);
    for (int i = 0; i < j->columns[0].layout.count && status == FKV_OK; i++)
        status = join_buffer(j, i);
    return status;
}

static enum fkv_status join_all(struct joiner *j, const struct ipc_field *field)
{
    enum fkv_status status = FKV_OK;
    bool as_values = true;
    for (const struct ipc_field *end = ipc_field_after(field); field < end && status == FKV_OK;
         as_values = false) {
        for (size_t p = 0; p < j->count; p++)
            j->columns[p] = ipc_cursor_next(&j->cursors[p], field, as_values);
        status = join_column(j);
        j->is_run_ends =
            field->type == IPC_TYPE_RUN_END_ENCODED && j->columns[0].layout.has_children;
        for (size_t p = 0; p < j->count && j->is_run_ends; p++)
            j->run_rows[p] = j->columns[p].node.length;
        field = ipc_column_after(field, &j->columns[0].layout);
    }
    return status;
}

static enum fkv_status make_canonical(const struct alloc *alloc, const struct ipc_field *field,
                                      struct ipc_values *values, struct ipc_batch *ret,
                                      struct fkv_error *error)
{
    struct ArrowArray array;
    enum fkv_status status = ipc_export_values(alloc, field, values, &array, error);
    if (status != FKV_OK)
        return status;
    status = ipc_import_values(alloc, field, &array, 0, array.length, &values->refs, ret, error);
    array.release(&array);
    return status;
}

static enum fkv_status join_parts(struct joiner *j, const struct ipc_field *field,
                                  struct ipc_values **ret)
{
    struct ipc_batch out;
    ipc_batch_init(&out, j->alloc);
    j->out = &out;
    for (size_t p = 0; p < j->count; p++)
        j->cursors[p] = (struct ipc_cursor){.batch = &j->parts[p]};
    enum fkv_status status = join_all(j, field);
    if (status == FKV_OK)
        status = ipc_batch_status(&out, j->error);
    if (status != FKV_OK) {
        ipc_batch_done(&out);
        return status;
    }
    out.rows = ipc_batch_nodes(&out)[0].length;
    struct ipc_values *values = ipc_values_new(j->alloc, &out);
    if (values == NULL)
        return status_no_memory(j->error, sizeof *values);
    *ret = values;
    return FKV_OK;
}

enum fkv_status ipc_values_concat(const struct alloc *alloc, const struct ipc_field *field,
                                  struct ipc_values *const *parts, size_t count,
                                  struct ipc_values **ret, struct fkv_error *error)
{
    struct joiner j = {
        .alloc = alloc,
        .parts = alloc_array(alloc, count, sizeof *j.parts),
        .cursors = alloc_array(alloc, count, sizeof *j.cursors),
        .columns = alloc_array(alloc, count, sizeof *j.columns),
        .run_rows = alloc_array(alloc, count, sizeof *j.run_rows),
        .error = error,
    };
    enum fkv_status status = FKV_OK;
    if (j.parts == NULL || j.cursors == NULL || j.columns == NULL || j.run_rows == NULL)
        status = status_no_memory(error, count * sizeof *j.parts);
    for (; status == FKV_OK && j.count < count; j.count++) {
        status = make_canonical(alloc, field, parts[j.count], &j.parts[j.count], error);
        if (status != FKV_OK)
            break;
    }
    if (status == FKV_OK)
        status = join_parts(&j, field, ret);
    for (size_t p = 0; p < j.count; p++)
        ipc_batch_done(&j.parts[p]);
    alloc_free(alloc, j.parts);
    alloc_free(alloc, j.cursors);
    alloc_free(alloc, j.columns);
    alloc_free(alloc, j.run_rows);
    return status;
}
