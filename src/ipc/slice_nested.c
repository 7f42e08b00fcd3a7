/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting views, list views, dense unions and run-end encoded columns: they may point anywhere into
 * their data buffers or children, so that the rows are looked through for what they span. */
#include "ipc/integer.h"
#include "ipc/slice.h"
#include "ipc/span.h"

/* --- views --- */

static bool is_null(const struct cut *cut, int64_t row)
{
    return cut->validity != NULL && !ipc_bit(cut->validity, cut->start + row);
}

/* The bytes that a view has in a data buffer; empty for one that holds them itself. False when it
 * points outside. */
static bool view_data(const struct cut *cut, const uint8_t *view, struct slice *ret)
{
    int64_t size = ipc_integer(view, 4, 0);
    *ret = slice_of(ipc_zeros, 0);
    if (size <= view_inline_max)
        return size >= 0;
    int64_t index = ipc_integer(view, 4, 2), offset = ipc_integer(view, 4, 3);
    if (index < 0 || index >= cut->variadic_count || offset < 0)
        return false;
    struct slice data = cut->buffers[cut->layout.count + index].bytes;
    if (!slice_holds(data, (uint64_t)offset, (uint64_t)size))
        return false;
    *ret = slice_part(data, (size_t)offset, (size_t)size);
    return true;
}

static enum fkv_status add_data_buffers(struct slicer *s, const struct cut *cut)
{
    enum fkv_status status = FKV_OK;
    for (int64_t i = 0; i < cut->variadic_count && status == FKV_OK; i++) {
        const struct ipc_piece *data = &cut->buffers[cut->layout.count + i];
        status = slice_add(s, data->bytes, data->owner);
    }
    ipc_batch_add_variadic(s->out, cut->variadic_count);
    return status;
}

/* What the views need of their data; a limit is passed when that can't be one buffer. */
static enum fkv_status sum_views(struct slicer *s, const struct cut *cut, const uint8_t *views,
                                 uint64_t *ret)
{
    uint64_t sum = 0;
    enum fkv_status status = slice_work(s, (uint64_t)cut->length * view_size);
    if (status != FKV_OK)
        return status;
    for (int64_t i = 0; i < cut->length; i++) {
        struct slice bytes;
        if (is_null(cut, i))
            continue;
        if (!view_data(cut, views + i * view_size, &bytes))
            return slice_wrong(s, cut, "a view points outside of the column's data buffers");
        sum += bytes.size;
    }
    *ret = sum;
    return FKV_OK;
}

/* The views with the data copied to one buffer; what lies under nulls becomes 0. */
static enum fkv_status compact_views(struct slicer *s, const struct cut *cut, const uint8_t *views,
                                     uint64_t sum)
{
    uint8_t *copies, *data;
    enum fkv_status status = sum <= INT32_MAX ? FKV_OK : FKV_OUT_OF_RANGE;
    if (status == FKV_OK)
        status = slice_copy(s, (uint64_t)cut->length * view_size, &copies);
    if (status == FKV_OK && sum > 0)
        status = slice_copy(s, sum, &data);
    if (status != FKV_OK)
        return status;
    memset(copies, 0, (size_t)cut->length * view_size);
    int64_t used = 0;
    for (int64_t i = 0; i < cut->length; i++) {
        struct slice bytes;
        uint8_t *copy = copies + i * view_size;
        if (is_null(cut, i) || !view_data(cut, views + i * view_size, &bytes))
            continue;
        memcpy(copy, views + i * view_size, view_size);
        if (bytes.size == 0)
            continue;
        ipc_integer_set(copy, 4, 2, 0);
        ipc_integer_set(copy, 4, 3, used);
        memcpy(data + used, bytes.data, bytes.size);
        used += (int64_t)bytes.size;
    }
    ipc_batch_add_variadic(s->out, sum > 0);
    return FKV_OK;
}

enum fkv_status slice_views(struct slicer *s, const struct cut *cut, int index)
{
    const uint8_t *views;
    uint64_t sum = UINT64_MAX, whole = 0;
    enum fkv_status status = slice_items(s, cut, index, cut->start, cut->length, view_size, &views);
    for (int64_t i = 0; i < cut->variadic_count; i++)
        whole += cut->buffers[cut->layout.count + i].bytes.size;
    if (status == FKV_OK && s->limits->compacts_views)
        status = sum_views(s, cut, views, &sum);
    if (status == FKV_OK && sum < whole)
        return compact_views(s, cut, views, sum);
    if (status == FKV_OK)
        status = slice_refer(s, cut, index, cut->start, cut->length, view_size);
    return status == FKV_OK ? add_data_buffers(s, cut) : status;
}

/* --- list views --- */

enum fkv_status slice_list_views(struct slicer *s, struct cut *cut, int index, uint32_t width)
{
    const uint8_t *offsets, *sizes;
    uint8_t *copy;
    struct span span = span_empty;
    enum fkv_status status = slice_items(s, cut, index, cut->start, cut->length, width, &offsets);
    if (status == FKV_OK)
        status = slice_items(s, cut, index + 1, cut->start, cut->length, width, &sizes);
    if (status == FKV_OK)
        status = slice_copy(s, (uint64_t)cut->length * width, &copy);
    for (int64_t i = 0; i < cut->length && status == FKV_OK; i++) {
        int64_t size = ipc_integer(sizes, width, i), offset = ipc_integer(offsets, width, i);
        if (size < 0 || (size > 0 && (offset < 0 || offset > INT64_MAX - size)))
            return slice_wrong(s, cut, "a list view has a negative offset or size");
        if (size > 0)
            span_add(&span, offset, offset + size);
    }
    span = span_or_zero(span);
    for (int64_t i = 0; i < cut->length && status == FKV_OK; i++) {
        bool is_empty = ipc_integer(sizes, width, i) == 0;
        ipc_integer_set(copy, width, i, is_empty ? 0 : ipc_integer(offsets, width, i) - span.first);
    }
    cut->first = span.first;
    cut->last = span.last;
    return status;
}

/* --- dense unions --- */

/* Which child a type id stands for; child_count for none. */
static void map_type_ids(const struct ipc_field *field, uint8_t ret[type_ids_max])
{
    memset(ret, (int)field->child_count, type_ids_max);
    for (uint32_t i = 0; i < field->child_count; i++)
        ret[field->type_ids[i]] = (uint8_t)i;
}

/* Finds what each child's share is and adds the offsets rebased to it. */
static enum fkv_status cut_union(struct slicer *s, const struct cut *cut,
                                 struct span spans[type_ids_max])
{
    const uint8_t *ids, *offsets;
    uint8_t *copy, child_of[type_ids_max];
    int last = cut->layout.count - 1; /* type ids, and the offsets behind them */
    enum fkv_status status = slice_items(s, cut, last - 1, cut->start, cut->length, 1, &ids);
    if (status == FKV_OK)
        status = slice_items(s, cut, last, cut->start, cut->length, 4, &offsets);
    if (status == FKV_OK)
        status = slice_copy(s, (uint64_t)cut->length * 4, &copy);
    if (status != FKV_OK)
        return status;
    map_type_ids(cut->field, child_of);
    for (int64_t i = 0; i < cut->length; i++) {
        int64_t offset = ipc_integer(offsets, 4, i);
        if (ids[i] >= type_ids_max || child_of[ids[i]] == cut->field->child_count || offset < 0)
            return slice_wrong(s, cut, "an unknown type id or a negative offset");
        span_add(&spans[child_of[ids[i]]], offset, offset + 1);
    }
    for (int64_t i = 0; i < cut->length; i++)
        ipc_integer_set(copy, 4, i, ipc_integer(offsets, 4, i) - spans[child_of[ids[i]]].first);
    return FKV_OK;
}

enum fkv_status slice_dense_union(struct slicer *s, const struct cut *cut)
{
    struct span spans[type_ids_max];
    for (uint32_t i = 0; i < type_ids_max; i++)
        spans[i] = span_empty;
    enum fkv_status status = cut_union(s, cut, spans);
    const struct ipc_field *child = cut->field + 1;
    for (uint32_t i = 0; i < cut->field->child_count && status == FKV_OK; i++) {
        struct span span = span_or_zero(spans[i]);
        status = slice_column(s, child, span.first, span.last - span.first);
        child = ipc_field_after(child);
    }
    return status;
}

/* --- run-end encoded columns --- */

/* The first of the runs whose end is after `row`; their number when there is none. */
static int64_t run_of(const uint8_t *ends, uint32_t width, int64_t runs, int64_t row)
{
    int64_t low = 0, high = runs;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (ipc_integer(ends, width, middle) > row)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Adds the ends of `count` runs, counted from the first row, the last of them cut to the rows. */
static enum fkv_status add_run_ends(struct slicer *s, const struct cut *cut, const uint8_t *ends,
                                    uint32_t width, int64_t count)
{
    uint8_t *copy;
    int64_t before = cut->start;
    ipc_batch_add_node(s->out, count, 0);
    enum fkv_status status = slice_add(s, slice_of(ipc_zeros, 0), NULL);
    if (status == FKV_OK)
        status = slice_copy(s, (uint64_t)count * width, &copy);
    for (int64_t i = 0; i < count && status == FKV_OK; i++) {
        int64_t end = ipc_integer(ends, width, i);
        bool is_last = i + 1 == count;
        if (end <= before || (end - cut->start >= cut->length) != is_last)
            return slice_wrong(s, cut, "run ends don't rise");
        ipc_integer_set(copy, width, i, is_last ? cut->length : end - cut->start);
        before = end;
    }
    return status;
}

enum fkv_status slice_run_ends(struct slicer *s, const struct cut *cut)
{
    const struct ipc_field *field = cut->field + 1;
    int64_t runs = ipc_batch_nodes(s->cursor.batch)[s->cursor.node].length, first = 0, count = 0;
    struct cut ends;
    const uint8_t *values;
    enum fkv_status status = slice_open(s, field, 0, runs, &ends);
    if (status == FKV_OK)
        status = slice_items(s, &ends, 1, 0, runs, ends.layout.width, &values);
    if (status != FKV_OK)
        return status;
    if (cut->length > 0) {
        first = run_of(values, ends.layout.width, runs, cut->start);
        int64_t last = run_of(values, ends.layout.width, runs, cut->start + cut->length - 1);
        if (last == runs || last < first)
            return slice_wrong(s, cut, "run ends stop before the last row, or fall");
        count = last + 1 - first;
    }
    status = add_run_ends(s, cut, values + first * ends.layout.width, ends.layout.width, count);
    return status == FKV_OK ? slice_column(s, ipc_field_after(field), first, count) : status;
}
