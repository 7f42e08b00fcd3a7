/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/slice.h"

#include "base/status.h"
#include "ipc/integer.h"
#include "ipc/schema_internal.h"

enum { body_alignment = 8 };

enum fkv_status slice_wrong(const struct slicer *s, const struct cut *cut, const char *what)
{
    struct slice name = cut->field->name;
    return status_set(s->error, FKV_INVALID_ARGUMENT, "column '%.*s', rows %lld to %lld: %s",
                      ipc_name_shown(name), (const char *)name.data, (long long)cut->start,
                      (long long)(cut->start + cut->length), what);
}

enum fkv_status slice_work(struct slicer *s, uint64_t bytes)
{
    if (bytes > s->limits->work_bytes_max - s->work_bytes)
        return FKV_OUT_OF_RANGE;
    s->work_bytes += bytes;
    return FKV_OK;
}

static enum fkv_status count_body(struct slicer *s, uint64_t size)
{
    uint64_t padded = size + (body_alignment - size % body_alignment) % body_alignment;
    if (padded < size || padded > s->limits->body_bytes_max - s->body_bytes)
        return FKV_OUT_OF_RANGE;
    s->body_bytes += padded;
    return FKV_OK;
}

enum fkv_status slice_add(struct slicer *s, struct slice bytes, struct block *owner)
{
    enum fkv_status status = count_body(s, bytes.size);
    if (status == FKV_OK && bytes.size == 0)
        ipc_batch_add_buffer(s->out, slice_of(ipc_zeros, 0), NULL);
    else if (status == FKV_OK)
        ipc_batch_add_buffer(s->out, bytes, owner);
    return status;
}

enum fkv_status slice_copy(struct slicer *s, uint64_t size, uint8_t **ret)
{
    enum fkv_status status = count_body(s, size);
    if (status == FKV_OK)
        status = slice_work(s, size);
    if (status != FKV_OK)
        return status;
    struct block *block = size <= SIZE_MAX ? block_new(s->alloc, (size_t)size) : NULL;
    if (block == NULL)
        return status_no_memory(s->error, (size_t)size);
    *ret = block->data;
    ipc_batch_add_block(s->out, block);
    return ipc_batch_status(s->out, s->error);
}

enum fkv_status slice_items(const struct slicer *s, const struct cut *cut, int index, int64_t from,
                            int64_t count, uint32_t width, const uint8_t **ret)
{
    uint64_t first, size;
    struct slice bytes = cut->buffers[index].bytes;
    if (from < 0 || count < 0 || __builtin_mul_overflow((uint64_t)from, width, &first) ||
        __builtin_mul_overflow((uint64_t)count, width, &size) || !slice_holds(bytes, first, size))
        return slice_wrong(s, cut, "a buffer ends before them");
    *ret = size == 0 ? ipc_zeros : bytes.data + first;
    return FKV_OK;
}

enum fkv_status slice_refer(struct slicer *s, const struct cut *cut, int index, int64_t from,
                            int64_t count, uint32_t width)
{
    const uint8_t *items;
    enum fkv_status status = slice_items(s, cut, index, from, count, width, &items);
    if (status != FKV_OK)
        return status;
    return slice_add(s, slice_of(items, (size_t)count * width), cut->buffers[index].owner);
}

static enum fkv_status add_bits(struct slicer *s, const struct cut *cut, int index)
{
    int64_t from = cut->start / 8, end = (cut->start + cut->length + 7) / 8;
    if (cut->start % 8 == 0 || cut->length == 0)
        return slice_refer(s, cut, index, from, cut->length == 0 ? 0 : end - from, 1);
    const uint8_t *bits;
    uint8_t *copy;
    uint64_t size = ((uint64_t)cut->length + 7) / 8;
    enum fkv_status status = slice_items(s, cut, index, from, end - from, 1, &bits);
    if (status == FKV_OK)
        status = slice_copy(s, size, &copy);
    if (status != FKV_OK)
        return status;
    memset(copy, 0, (size_t)size);
    ipc_bits_copy(copy, 0, bits, cut->start % 8, cut->length);
    return FKV_OK;
}

/* A bitmap that says that nothing is null is left out. */
static enum fkv_status add_validity(struct slicer *s, const struct cut *cut, int64_t nulls)
{
    return nulls > 0 ? add_bits(s, cut, 0) : slice_add(s, slice_of(ipc_zeros, 0), NULL);
}

static enum fkv_status count_nulls(struct slicer *s, const struct cut *cut, int64_t *ret)
{
    *ret = cut->layout.count == 0 && cut->field->type == IPC_TYPE_NULL ? cut->length : 0;
    if (cut->validity == NULL || cut->length == 0)
        return FKV_OK;
    const uint8_t *bits;
    int64_t from = cut->start / 8, end = (cut->start + cut->length + 7) / 8;
    enum fkv_status status = slice_items(s, cut, 0, from, end - from, 1, &bits);
    if (status == FKV_OK)
        status = slice_work(s, (uint64_t)(end - from));
    if (status == FKV_OK)
        *ret = cut->length - ipc_bits_count(bits, cut->start % 8, cut->length);
    return status;
}

/* Sets what the rows span. */
static enum fkv_status add_offsets(struct slicer *s, struct cut *cut, int index, uint32_t width)
{
    if (cut->length == 0) /* one offset, as the format asks; older writers left it out */
        return slice_add(s, slice_of(ipc_zeros, width), NULL);
    const uint8_t *offsets;
    enum fkv_status status =
        slice_items(s, cut, index, cut->start, cut->length + 1, width, &offsets);
    if (status != FKV_OK)
        return status;
    cut->first = ipc_integer(offsets, width, 0);
    cut->last = ipc_integer(offsets, width, cut->length);
    if (cut->first < 0 || cut->last < cut->first)
        return slice_wrong(s, cut, "offsets are negative or fall");
    if (cut->first == 0)
        return slice_refer(s, cut, index, cut->start, cut->length + 1, width);
    uint8_t *copy;
    status = slice_copy(s, (uint64_t)(cut->length + 1) * width, &copy);
    for (int64_t i = 0; i <= cut->length && status == FKV_OK; i++) {
        int64_t offset = ipc_integer(offsets, width, i);
        if (offset < cut->first || offset > cut->last)
            return slice_wrong(s, cut, "offsets fall");
        ipc_integer_set(copy, width, i, offset - cut->first);
    }
    return status;
}

static enum fkv_status add_buffer(struct slicer *s, struct cut *cut, int index, int64_t nulls)
{
    switch (cut->layout.kinds[index]) {
    case IPC_BUFFER_VALIDITY:
        return add_validity(s, cut, nulls);
    case IPC_BUFFER_BITS:
        return add_bits(s, cut, index);
    case IPC_BUFFER_VALUES:
        return slice_refer(s, cut, index, cut->start, cut->length, cut->layout.width);
    case IPC_BUFFER_OFFSETS32:
        return add_offsets(s, cut, index, 4);
    case IPC_BUFFER_OFFSETS64:
        return add_offsets(s, cut, index, 8);
    case IPC_BUFFER_DATA:
        return slice_refer(s, cut, index, cut->first, cut->last - cut->first, 1);
    case IPC_BUFFER_VIEWS:
        return slice_views(s, cut, index);
    case IPC_BUFFER_TYPE_IDS:
        return slice_refer(s, cut, index, cut->start, cut->length, 1);
    case IPC_BUFFER_UNION_OFFSETS: /* with the children */
        return FKV_OK;
    case IPC_BUFFER_VIEW_OFFSETS32:
        return slice_list_views(s, cut, index, 4);
    case IPC_BUFFER_VIEW_OFFSETS64:
        return slice_list_views(s, cut, index, 8);
    case IPC_BUFFER_SIZES32:
        return slice_refer(s, cut, index, cut->start, cut->length, 4);
    case IPC_BUFFER_SIZES64:
        return slice_refer(s, cut, index, cut->start, cut->length, 8);
    }
    return slice_wrong(s, cut, "a buffer of an unknown kind");
}

/* Adds every child with the same rows. */
static enum fkv_status add_children(struct slicer *s, const struct cut *cut, int64_t start,
                                    int64_t length)
{
    enum fkv_status status = FKV_OK;
    const struct ipc_field *child = cut->field + 1;
    for (uint32_t i = 0; i < cut->field->child_count && status == FKV_OK; i++) {
        status = slice_column(s, child, start, length);
        child = ipc_field_after(child);
    }
    return status;
}

static enum fkv_status add_nested(struct slicer *s, const struct cut *cut)
{
    int64_t size = cut->field->list_size, start, length;
    switch (cut->field->type) {
    case IPC_TYPE_FIXED_SIZE_LIST:
        if (__builtin_mul_overflow(cut->start, size, &start) ||
            __builtin_mul_overflow(cut->length, size, &length))
            return slice_wrong(s, cut, "the lists are longer than memory");
        return add_children(s, cut, start, length);
    case IPC_TYPE_STRUCT:
        return add_children(s, cut, cut->start, cut->length);
    case IPC_TYPE_UNION:
        if (cut->field->union_mode == IPC_DENSE)
            return slice_dense_union(s, cut);
        return add_children(s, cut, cut->start, cut->length);
    case IPC_TYPE_RUN_END_ENCODED:
        return slice_run_ends(s, cut);
    default:
        return add_children(s, cut, cut->first, cut->last - cut->first);
    }
}

enum fkv_status slice_open(struct slicer *s, const struct ipc_field *field, int64_t start,
                           int64_t length, struct cut *ret)
{
    struct ipc_cursor *at = &s->cursor;
    struct cut cut = {
        .field = field,
        .layout = ipc_layout_of(field, s->version, false),
        .node = ipc_batch_nodes(at->batch)[at->node++],
        .buffers = ipc_batch_buffers(at->batch) + at->buffer,
        .start = start,
        .length = length,
    };
    if (cut.layout.is_variadic)
        cut.variadic_count = ipc_batch_variadic(at->batch)[at->variadic++];
    at->buffer += cut.layout.count + (uint32_t)cut.variadic_count;
    bool has_validity = cut.layout.count > 0 && cut.layout.kinds[0] == IPC_BUFFER_VALIDITY;
    if (has_validity && cut.node.null_count > 0 && cut.buffers[0].bytes.size > 0)
        cut.validity = cut.buffers[0].bytes.data;
    if (start < 0 || length < 0 || start > cut.node.length || length > cut.node.length - start)
        return slice_wrong(s, &cut, "the column ends before what its parent refers to");
    *ret = cut;
    return FKV_OK;
}

enum fkv_status slice_column(struct slicer *s, const struct ipc_field *field, int64_t start,
                             int64_t length)
{
    struct cut cut;
    int64_t nulls;
    enum fkv_status status = slice_open(s, field, start, length, &cut);
    if (status == FKV_OK)
        status = count_nulls(s, &cut, &nulls);
    if (status != FKV_OK)
        return status;
    ipc_batch_add_node(s->out, length, nulls);
    for (int i = 0; i < cut.layout.count && status == FKV_OK; i++)
        status = add_buffer(s, &cut, i, nulls);
    if (status == FKV_OK && cut.layout.has_children)
        status = add_nested(s, &cut);
    return status;
}

enum fkv_status ipc_slice(const struct alloc *alloc, const struct ipc_schema *schema,
                          const struct ipc_batch *batch, int64_t start, int64_t length,
                          const struct ipc_slice_limits *limits, bool *ret_is_too_large,
                          struct ipc_batch *ret, struct fkv_error *error)
{
    struct ipc_batch out;
    struct slicer s = {.alloc = alloc,
                       .version = schema->version,
                       .cursor = {.batch = batch},
                       .out = &out,
                       .limits = limits,
                       .error = error};
    ipc_batch_init(&out, alloc);
    out.rows = length;
    enum fkv_status status = FKV_OK;
    const struct ipc_field *field = schema->fields;
    for (uint32_t i = 0; i < schema->column_count && status == FKV_OK; i++) {
        status = slice_column(&s, field, start, length);
        field = ipc_field_after(field);
    }
    if (status == FKV_OK)
        status = ipc_batch_status(&out, error);
    *ret_is_too_large = status == FKV_OUT_OF_RANGE;
    if (status == FKV_OK)
        *ret = out;
    else
        ipc_batch_done(&out);
    return *ret_is_too_large ? FKV_OK : status;
}
