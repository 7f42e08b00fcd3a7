/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting views, list views, dense unions and run-end encoded columns: they may point anywhere into
 * their data buffers or children, so that a window's rows are looked through for what they span. */
#include "ipc/import.h"
#include "ipc/span.h"

static void add_slice(const struct importer *im, const void *buffer, int64_t from, int64_t count,
                      uint32_t width)
{
    struct slice bytes = slice_of(ipc_zeros, 0);
    if (count > 0)
        bytes = slice_of((const uint8_t *)buffer + from * width, (size_t)count * width);
    ipc_batch_add_buffer(im->batch, bytes, count > 0 ? im->owner : NULL);
}

/* The data buffers that the window's views use. */
static struct span view_span(const struct window *w, const uint8_t *views)
{
    const uint8_t *validity = w->array->null_count == 0 ? NULL : w->array->buffers[0];
    struct span span = span_empty;
    for (int64_t i = 0; i < w->length; i++) {
        bool is_null = validity != NULL && !ipc_bit(validity, w->start + i);
        int64_t index = ipc_integer(views + i * view_size, 4, 2);
        if (!is_null && ipc_integer(views + i * view_size, 4, 0) > view_inline_max)
            span_add(&span, index, index + 1);
    }
    return span_or_zero(span);
}

/* The views with their buffer indices counted from `first`. What lies under nulls may become
 * nonsense, as it may have been before. */
static void add_rebased_views(const struct importer *im, const struct window *w,
                              const uint8_t *views, int64_t first)
{
    struct block *block = block_new(im->alloc, (size_t)w->length * view_size);
    if (block != NULL)
        memcpy(block->data, views, block->size);
    for (int64_t i = 0; block != NULL && i < w->length; i++) {
        uint8_t *view = block->data + i * view_size;
        if (ipc_integer(view, 4, 0) > view_inline_max)
            ipc_integer_set(view, 4, 2, ipc_integer(view, 4, 2) - first);
    }
    ipc_batch_add_block(im->batch, block);
}

/* Data buffers go as they are; when cutting tightly, only from the first to the last one used. */
enum fkv_status import_views(const struct importer *im, struct window *w)
{
    const struct ArrowArray *array = w->array;
    int64_t count = array->n_buffers - w->layout.count - 1;
    const int64_t *sizes = array->buffers[array->n_buffers - 1];
    if (count > 0 && sizes == NULL)
        return import_wrong(im, w->field, "doesn't say how long its view buffers are");
    if (w->length > 0 && array->buffers[1] == NULL)
        return import_wrong(im, w->field, "has rows, but no views");
    struct span span = {0, count};
    const uint8_t *views =
        w->length == 0 ? ipc_zeros : (const uint8_t *)array->buffers[1] + w->start * view_size;
    if (im->is_tight)
        span = view_span(w, views);
    if (span.first < 0 || span.last > count)
        return import_wrong(im, w->field, "has a view into a buffer that isn't there");
    if (span.first == 0)
        add_slice(im, views, 0, w->length, view_size);
    else
        add_rebased_views(im, w, views, span.first);
    enum fkv_status status = FKV_OK;
    for (int64_t i = span.first; i < span.last && status == FKV_OK; i++)
        status = sizes[i] < 0
                     ? import_wrong(im, w->field, "has a view buffer of negative length")
                     : import_items(im, w, array->buffers[w->layout.count + i], 0, sizes[i], 1);
    ipc_batch_add_variadic(im->batch, span.last - span.first);
    return status;
}

/* What the list views of the window span; false when one is negative or overflows. */
static bool list_view_span(const struct window *w, uint32_t width, struct span *ret)
{
    const void *offsets = w->array->buffers[1], *sizes = w->array->buffers[2];
    struct span span = span_empty;
    for (int64_t i = w->start; i < w->start + w->length; i++) {
        int64_t size = ipc_integer(sizes, width, i), offset = ipc_integer(offsets, width, i);
        if (size == 0)
            continue;
        if (size < 0 || offset < 0 || offset > INT64_MAX - size)
            return false;
        span_add(&span, offset, offset + size);
    }
    *ret = span_or_zero(span);
    return true;
}

enum fkv_status import_list_view_offsets(const struct importer *im, struct window *w)
{
    uint32_t width = w->layout.kinds[1] == IPC_BUFFER_VIEW_OFFSETS32 ? 4 : 8;
    const void *offsets = w->array->buffers[1], *sizes = w->array->buffers[2];
    if (w->length > 0 && (offsets == NULL || sizes == NULL))
        return import_wrong(im, w->field, "has rows, but no offsets or sizes");
    if (import_as_it_is(im, w)) {
        w->last = w->array->children[0]->length;
        add_slice(im, offsets, 0, w->length, width);
        return FKV_OK;
    }
    struct span span;
    if (!list_view_span(w, width, &span))
        return import_wrong(im, w->field, "has a list view with a negative offset or size");
    w->first = span.first;
    w->last = span.last;
    struct block *block = block_new(im->alloc, (size_t)w->length * width);
    for (int64_t i = 0; block != NULL && i < w->length; i++) {
        bool is_empty = ipc_integer(sizes, width, w->start + i) == 0;
        int64_t offset = ipc_integer(offsets, width, w->start + i) - span.first;
        ipc_integer_set(block->data, width, i, is_empty ? 0 : offset);
    }
    ipc_batch_add_block(im->batch, block);
    return FKV_OK;
}

/* Which child a type id stands for; child_count for none. */
static void map_type_ids(const struct ipc_field *field, uint8_t ret[type_ids_max])
{
    memset(ret, (int)field->child_count, type_ids_max);
    for (uint32_t i = 0; i < field->child_count; i++)
        ret[field->type_ids[i]] = (uint8_t)i;
}

/* Finds what each child's share is and writes the offsets rebased to it. */
static enum fkv_status cut_union(const struct importer *im, const struct window *w,
                                 struct span spans[type_ids_max])
{
    const int8_t *ids = (const int8_t *)w->array->buffers[0] + w->start;
    const uint8_t *offsets = (const uint8_t *)w->array->buffers[1] + w->start * 4;
    uint8_t child_of[type_ids_max];
    map_type_ids(w->field, child_of);
    for (int64_t i = 0; i < w->length; i++) {
        int64_t offset = ipc_integer(offsets, 4, i);
        if (ids[i] < 0 || child_of[ids[i]] == w->field->child_count || offset < 0)
            return import_wrong(im, w->field, "has an unknown type id or a negative offset");
        span_add(&spans[child_of[ids[i]]], offset, offset + 1);
    }
    struct block *block = block_new(im->alloc, (size_t)w->length * 4);
    for (int64_t i = 0; block != NULL && i < w->length; i++) {
        int64_t offset = ipc_integer(offsets, 4, i);
        ipc_integer_set(block->data, 4, i, offset - spans[child_of[ids[i]]].first);
    }
    ipc_batch_add_block(im->batch, block);
    return FKV_OK;
}

enum fkv_status import_dense_union(const struct importer *im, struct window *w)
{
    struct span spans[type_ids_max];
    for (uint32_t i = 0; i < w->field->child_count; i++)
        spans[i] = span_empty;
    if (w->length > 0 && (w->array->buffers[0] == NULL || w->array->buffers[1] == NULL))
        return import_wrong(im, w->field, "has rows, but no type ids or offsets");
    enum fkv_status status = FKV_OK;
    if (import_as_it_is(im, w)) {
        add_slice(im, w->array->buffers[1], 0, w->length, sizeof(int32_t));
        for (uint32_t i = 0; i < w->field->child_count; i++)
            spans[i] = (struct span){0, w->array->children[i]->length};
    } else {
        status = cut_union(im, w, spans);
    }
    const struct ipc_field *child = w->field + 1;
    for (uint32_t i = 0; i < w->field->child_count && status == FKV_OK; i++) {
        struct span span = span_or_zero(spans[i]);
        status = import_column(im, child, false, w->array->children[i], span.first,
                               span.last - span.first);
        child = ipc_field_after(child);
    }
    return status;
}

/* The first of the runs whose end is after `row`. */
static int64_t run_of(const struct window *ends, int64_t row)
{
    int64_t low = 0, high = ends->length;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int64_t end =
            ipc_integer(ends->array->buffers[1], ends->layout.width, ends->start + middle);
        if (end > row)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Adds the ends of `count` runs from `first` on, counted from row w->start, the last of them cut to
 * the window. */
static void add_run_ends(const struct importer *im, const struct window *w,
                         const struct window *ends, int64_t first, int64_t count)
{
    uint32_t width = ends->layout.width;
    const uint8_t *values =
        (const uint8_t *)ends->array->buffers[1] + (ends->start + first) * width;
    ipc_batch_add_node(im->batch, count, 0);
    ipc_batch_add_buffer(im->batch, slice_of(ipc_zeros, 0), NULL);
    if (count == 0 || (w->start == 0 && ipc_integer(values, width, count - 1) == w->length)) {
        add_slice(im, values, 0, count, width);
        return;
    }
    struct block *block = block_new(im->alloc, (size_t)count * width);
    for (int64_t i = 0; block != NULL && i < count; i++) {
        int64_t end = ipc_integer(values, width, i) - w->start;
        ipc_integer_set(block->data, width, i, end < w->length ? end : w->length);
    }
    ipc_batch_add_block(im->batch, block);
}

enum fkv_status import_run_ends(const struct importer *im, struct window *w)
{
    const struct ipc_field *ends_field = w->field + 1, *values = ipc_field_after(ends_field);
    const struct ArrowArray *array = w->array->children[0];
    struct window ends;
    enum fkv_status status = import_open(im, ends_field, false, array, 0, array->length, &ends);
    if (status != FKV_OK)
        return status;
    int64_t first = 0, count = 0;
    if (w->length > 0) {
        if (array->buffers[1] == NULL)
            return import_wrong(im, w->field, "has rows, but no run ends");
        first = run_of(&ends, w->start);
        int64_t last = run_of(&ends, w->start + w->length - 1);
        if (last == ends.length)
            return import_wrong(im, w->field, "has run ends that stop before its last row");
        count = last + 1 - first;
    }
    add_run_ends(im, w, &ends, first, count);
    return import_column(im, values, false, w->array->children[1], first, count);
}
