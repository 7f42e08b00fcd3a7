/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/import.h"

#include "base/status.h"

enum fkv_status import_wrong(const struct importer *im, const struct ipc_field *field,
                             const char *what)
{
    return status_set(im->error, FKV_INVALID_ARGUMENT, "ArrowArray of column '%.*s' %s",
                      (int)field->name.size, (const char *)field->name.data, what);
}

static bool buffers_fit(const struct ArrowArray *array, const struct ipc_layout *layout)
{
    /* A column of views has its variadic buffers, and then one with their sizes. */
    int64_t least = layout->count + (layout->is_variadic ? 1 : 0);
    return (array->n_buffers == least || (layout->is_variadic && array->n_buffers > least)) &&
           array->n_buffers <= UINT32_MAX && (array->n_buffers == 0 || array->buffers != NULL);
}

static bool children_fit(const struct ArrowArray *array, const struct window *w)
{
    int64_t expected = w->layout.has_children ? w->field->child_count : 0;
    if (array->n_children != expected || (expected > 0 && array->children == NULL))
        return false;
    for (int64_t i = 0; i < expected; i++)
        if (array->children[i] == NULL)
            return false;
    return true;
}

enum fkv_status import_open(const struct importer *im, const struct ipc_field *field,
                            bool as_values, const struct ArrowArray *array, int64_t start,
                            int64_t length, struct window *ret)
{
    struct window w = {.field = field, .array = array, .length = length};
    w.layout = ipc_layout_of(field, IPC_V5, as_values);
    if (array->release == NULL)
        return import_wrong(im, field, "was released");
    if (array->length < 0 || array->offset < 0 || array->offset > INT64_MAX - array->length)
        return import_wrong(im, field, "has a negative or impossible length or offset");
    if (start < 0 || length < 0 || start > array->length || length > array->length - start)
        return import_wrong(im, field, "is shorter than its parent needs");
    if (!buffers_fit(array, &w.layout))
        return import_wrong(im, field, "hasn't as many buffers as its type");
    if (!children_fit(array, &w))
        return import_wrong(im, field, "hasn't as many children as its type");
    w.start = array->offset + start;
    *ret = w;
    return FKV_OK;
}

enum fkv_status import_items(const struct importer *im, const struct window *w, const void *buffer,
                             int64_t from, int64_t count, uint32_t width)
{
    int64_t first, size;
    if (__builtin_mul_overflow(from, (int64_t)width, &first) ||
        __builtin_mul_overflow(count, (int64_t)width, &size))
        return import_wrong(im, w->field, "is longer than memory");
    if (size == 0) {
        ipc_batch_add_buffer(im->batch, slice_of(ipc_zeros, 0), NULL);
        return FKV_OK;
    }
    if (buffer == NULL)
        return import_wrong(im, w->field, "has rows, but a buffer that is NULL");
    ipc_batch_add_buffer(im->batch, slice_of((const uint8_t *)buffer + first, (size_t)size),
                         im->owner);
    return FKV_OK;
}

static enum fkv_status add_bits(const struct importer *im, const struct window *w,
                                const uint8_t *bits)
{
    int64_t size = (w->length + 7) / 8;
    if ((w->start & 7) == 0)
        return import_items(im, w, bits, w->start / 8, size, 1);
    if (bits == NULL && w->length > 0)
        return import_wrong(im, w->field, "has rows, but a buffer that is NULL");
    struct block *block = block_new(im->alloc, (size_t)size);
    if (block != NULL) {
        memset(block->data, 0, block->size);
        ipc_bits_copy(block->data, 0, bits, w->start, w->length);
    }
    ipc_batch_add_block(im->batch, block);
    return FKV_OK;
}

static bool has_validity(const struct window *w)
{
    return w->layout.count > 0 && w->layout.kinds[0] == IPC_BUFFER_VALIDITY;
}

static int64_t count_nulls(const struct window *w)
{
    const struct ArrowArray *array = w->array;
    if (!has_validity(w)) /* indices into a dictionary of nulls have one */
        return w->field->type == IPC_TYPE_NULL ? w->length : 0;
    if (array->buffers[0] == NULL || array->null_count == 0 || w->length == 0)
        return 0;
    if (w->length == array->length && array->null_count > 0 && array->null_count <= array->length)
        return array->null_count;
    return w->length - ipc_bits_count(array->buffers[0], w->start, w->length);
}

static enum fkv_status add_offsets(const struct importer *im, struct window *w, const void *offsets,
                                   uint32_t width)
{
    if (w->length == 0) { /* one offset, as the format asks; older writers left it out */
        ipc_batch_add_buffer(im->batch, slice_of(ipc_zeros, width), NULL);
        return FKV_OK;
    }
    if (offsets == NULL)
        return import_wrong(im, w->field, "has rows, but no offsets");
    w->first = ipc_integer(offsets, width, w->start);
    w->last = ipc_integer(offsets, width, w->start + w->length);
    if (w->first < 0 || w->last < w->first)
        return import_wrong(im, w->field, "has offsets that are negative or decrease");
    if (w->first == 0)
        return import_items(im, w, offsets, w->start, w->length + 1, width);
    struct block *block = block_new(im->alloc, (size_t)(w->length + 1) * width);
    for (int64_t i = 0; block != NULL && i <= w->length; i++)
        ipc_integer_set(block->data, width, i,
                           ipc_integer(offsets, width, w->start + i) - w->first);
    ipc_batch_add_block(im->batch, block);
    return FKV_OK;
}

static enum fkv_status add_buffer(const struct importer *im, struct window *w, int index)
{
    const void *buffer = w->array->buffers[index];
    switch (w->layout.kinds[index]) {
    case IPC_BUFFER_VALIDITY: /* added with the node */
        return FKV_OK;
    case IPC_BUFFER_BITS:
        return add_bits(im, w, buffer);
    case IPC_BUFFER_VALUES:
        return import_items(im, w, buffer, w->start, w->length, w->layout.width);
    case IPC_BUFFER_OFFSETS32:
        return add_offsets(im, w, buffer, 4);
    case IPC_BUFFER_OFFSETS64:
        return add_offsets(im, w, buffer, 8);
    case IPC_BUFFER_DATA:
        return import_items(im, w, buffer, w->first, w->last - w->first, 1);
    case IPC_BUFFER_VIEWS:
        return import_views(im, w);
    case IPC_BUFFER_TYPE_IDS:
        return import_items(im, w, buffer, w->start, w->length, 1);
    case IPC_BUFFER_UNION_OFFSETS: /* import_dense_union */
        return FKV_OK;
    case IPC_BUFFER_VIEW_OFFSETS32:
    case IPC_BUFFER_VIEW_OFFSETS64:
        return import_list_view_offsets(im, w);
    case IPC_BUFFER_SIZES32:
        return import_items(im, w, buffer, w->start, w->length, 4);
    case IPC_BUFFER_SIZES64:
        return import_items(im, w, buffer, w->start, w->length, 8);
    }
    return import_wrong(im, w->field, "has a buffer of an unknown kind");
}

/* Adds every child with the same rows. */
static enum fkv_status add_children(const struct importer *im, const struct window *w,
                                    int64_t start, int64_t length)
{
    enum fkv_status status = FKV_OK;
    const struct ipc_field *child = w->field + 1;
    for (uint32_t i = 0; i < w->field->child_count && status == FKV_OK; i++) {
        status = import_column(im, child, false, w->array->children[i], start, length);
        child = ipc_field_after(child);
    }
    return status;
}

static enum fkv_status add_nested(const struct importer *im, struct window *w)
{
    int64_t size = w->field->list_size, start, length;
    switch (w->field->type) {
    case IPC_TYPE_FIXED_SIZE_LIST:
        if (__builtin_mul_overflow(w->start, size, &start) ||
            __builtin_mul_overflow(w->length, size, &length))
            return import_wrong(im, w->field, "is longer than memory");
        return add_children(im, w, start, length);
    case IPC_TYPE_STRUCT:
        return add_children(im, w, w->start, w->length);
    case IPC_TYPE_UNION:
        if (w->field->union_mode == IPC_DENSE)
            return import_dense_union(im, w);
        return add_children(im, w, w->start, w->length);
    case IPC_TYPE_RUN_END_ENCODED:
        return import_run_ends(im, w);
    default:
        return add_children(im, w, w->first, w->last - w->first);
    }
}

enum fkv_status import_column(const struct importer *im, const struct ipc_field *field,
                              bool as_values, const struct ArrowArray *array, int64_t start,
                              int64_t length)
{
    struct window w;
    enum fkv_status status = import_open(im, field, as_values, array, start, length, &w);
    if (status != FKV_OK)
        return status;
    int64_t nulls = count_nulls(&w);
    ipc_batch_add_node(im->batch, length, nulls);
    if (has_validity(&w)) {
        if (nulls > 0)
            status = add_bits(im, &w, array->buffers[0]);
        else
            ipc_batch_add_buffer(im->batch, slice_of(ipc_zeros, 0), NULL);
    }
    for (int i = 0; i < w.layout.count && status == FKV_OK; i++)
        status = add_buffer(im, &w, i);
    if (status == FKV_OK && w.layout.has_children)
        status = add_nested(im, &w);
    return status;
}

enum fkv_status ipc_import_values(const struct alloc *alloc, const struct ipc_field *field,
                                  const struct ArrowArray *array, int64_t start, int64_t length,
                                  struct block *owner, struct ipc_batch *ret,
                                  struct fkv_error *error)
{
    struct importer im = {
        .alloc = alloc, .owner = owner, .batch = ret, .is_tight = true, .error = error};
    ipc_batch_init(ret, alloc);
    ret->rows = length;
    enum fkv_status status = import_column(&im, field, true, array, start, length);
    if (status == FKV_OK)
        status = ipc_batch_status(ret, error);
    if (status != FKV_OK)
        ipc_batch_done(ret);
    return status;
}

static enum fkv_status check_root(const struct ipc_schema *schema, const struct ArrowArray *array,
                                  struct fkv_error *error)
{
    const char *wrong = NULL;
    if (array->release == NULL)
        wrong = "was released";
    else if (array->length < 0 || array->offset < 0 || array->offset > INT64_MAX - array->length)
        wrong = "has a negative or impossible length or offset";
    else if (array->n_buffers != 1 || array->buffers == NULL)
        wrong = "isn't a struct: that has one buffer";
    else if (array->n_children != schema->column_count ||
             (array->n_children > 0 && array->children == NULL))
        wrong = "hasn't as many children as the schema has columns";
    else if (array->null_count != 0 && array->buffers[0] != NULL &&
             ipc_bits_count(array->buffers[0], array->offset, array->length) != array->length)
        wrong = "has null rows at its top level, which a record batch can't say";
    if (wrong != NULL)
        return status_set(error, FKV_INVALID_ARGUMENT, "the batch's ArrowArray %s", wrong);
    return FKV_OK;
}

enum fkv_status ipc_import_batch(const struct alloc *alloc, const struct ipc_schema *schema,
                                 const struct ArrowArray *array, struct block *owner,
                                 struct ipc_batch *ret, struct fkv_error *error)
{
    enum fkv_status status = check_root(schema, array, error);
    if (status != FKV_OK)
        return status;
    struct importer im = {.alloc = alloc, .owner = owner, .batch = ret, .error = error};
    ipc_batch_init(ret, alloc);
    ret->rows = array->length;
    const struct ipc_field *field = schema->fields;
    for (int64_t i = 0; i < array->n_children && status == FKV_OK; i++) {
        status = array->children[i] == NULL ? import_wrong(&im, field, "is NULL")
                                            : import_column(&im, field, false, array->children[i],
                                                            array->offset, array->length);
        field = ipc_field_after(field);
    }
    if (status == FKV_OK)
        status = ipc_batch_status(ret, error);
    if (status != FKV_OK)
        ipc_batch_done(ret);
    return status;
}
