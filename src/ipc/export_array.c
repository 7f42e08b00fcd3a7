/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/export.h"

#include "base/status.h"

/* How much of everything a tree needs; counted first, so that it is one allocation. */
struct sizes {
    size_t arrays;
    size_t links;   /* pointers to children */
    size_t buffers; /* pointers to buffers */
    size_t lengths; /* of variadic buffers */
    size_t kept;    /* dictionaries */
};

/* No header within ipc/limits.h lists more than a quarter of this; but a hostile schema may have
 * thousands of fields share one dictionary of a million data buffers. */
enum { buffers_max = 1 << 24 };

struct tree {
    struct block refs; /* counts the arrays not yet released; has no bytes */
    struct ipc_batch batch;
    struct ArrowArray *arrays;
    struct ArrowArray **links;
    const void **buffers;
    int64_t *lengths;
    struct block **kept;
    struct sizes used;
};

struct filler {
    struct tree *tree;
    const struct ipc_dictionaries *dictionaries; /* NULL: leave them out */
    struct fkv_error *error;
};

static void free_tree(struct block *refs)
{
    struct tree *tree = (struct tree *)((char *)refs - offsetof(struct tree, refs));
    for (size_t i = 0; i < tree->used.kept; i++)
        block_unref(tree->kept[i]);
    ipc_batch_done(&tree->batch);
    alloc_free(refs->alloc, tree);
}

static void release_array(struct ArrowArray *array)
{
    struct tree *tree = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i]->release != NULL)
            array->children[i]->release(array->children[i]);
    if (array->dictionary != NULL && array->dictionary->release != NULL)
        array->dictionary->release(array->dictionary);
    array->release = NULL;
    block_unref(&tree->refs);
}

static void count_batch(const struct ipc_batch *batch, struct sizes *sizes)
{
    sizes->buffers += ipc_batch_buffer_count(batch) + ipc_batch_variadic_count(batch);
    for (uint32_t i = 0; i < ipc_batch_variadic_count(batch); i++)
        sizes->lengths += (size_t)ipc_batch_variadic(batch)[i];
}

static enum fkv_status find_values(const struct filler *f, const struct ipc_field *field,
                                   struct ipc_values **ret)
{
    const struct ipc_dictionary *dictionary =
        ipc_dictionaries_find(f->dictionaries, field->dictionary.id);
    if (dictionary == NULL || dictionary->values == NULL)
        return status_set(f->error, FKV_INVALID_ARGUMENT,
                          "column '%.*s' needs the dictionary of id %lld, which didn't come",
                          (int)field->name.size, (const char *)field->name.data,
                          (long long)field->dictionary.id);
    *ret = dictionary->values;
    return FKV_OK;
}

/* What the fields [first, end) need; their batch is counted apart. */
static enum fkv_status count_fields(const struct filler *f, const struct ipc_field *first,
                                    const struct ipc_field *end, struct sizes *sizes)
{
    for (const struct ipc_field *field = first; field < end; field++) {
        sizes->arrays += field->is_dictionary ? 2 : 1;
        sizes->links++;
        if (!field->is_dictionary || f->dictionaries == NULL)
            continue;
        struct ipc_values *values;
        enum fkv_status status = find_values(f, field, &values);
        if (status != FKV_OK)
            return status;
        count_batch(&values->batch, sizes);
        sizes->kept++;
        if (sizes->buffers > buffers_max)
            return status_set(f->error, FKV_RESOURCE_EXHAUSTED,
                              "the dictionaries of a batch have more than %d buffers", buffers_max);
    }
    return FKV_OK;
}

static struct tree *new_tree(const struct alloc *alloc, const struct sizes *sizes)
{
    struct tree *tree = alloc_get(
        alloc, sizeof *tree + sizes->arrays * sizeof *tree->arrays +
                   sizes->links * sizeof *tree->links + sizes->buffers * sizeof *tree->buffers +
                   sizes->lengths * sizeof *tree->lengths + sizes->kept * sizeof *tree->kept);
    if (tree == NULL)
        return NULL;
    *tree = (struct tree){.arrays = (struct ArrowArray *)(tree + 1)};
    tree->links = (struct ArrowArray **)(tree->arrays + sizes->arrays);
    tree->buffers = (const void **)(tree->links + sizes->links);
    tree->lengths = (int64_t *)(tree->buffers + sizes->buffers);
    tree->kept = (struct block **)(tree->lengths + sizes->lengths);
    block_init(&tree->refs, NULL, 0, free_tree);
    tree->refs.alloc = alloc;
    ipc_batch_init(&tree->batch, alloc);
    return tree;
}

static struct ArrowArray *take_array(struct tree *tree)
{
    struct ArrowArray *array = &tree->arrays[tree->used.arrays++];
    *array = (struct ArrowArray){.release = NULL};
    return array;
}

static void begin_array(struct tree *tree, struct ArrowArray *array, int64_t length, int64_t nulls)
{
    *array = (struct ArrowArray){
        .length = length, .null_count = nulls, .release = release_array, .private_data = tree};
    array->buffers = tree->buffers + tree->used.buffers;
    block_ref(&tree->refs);
}

static void add_pointer(struct tree *tree, struct ArrowArray *array, const void *pointer)
{
    tree->buffers[tree->used.buffers++] = pointer;
    array->n_buffers++;
}

static bool is_validity(const struct ipc_column *column, int index)
{
    return index == 0 && column->layout.count > 0 && column->layout.kinds[0] == IPC_BUFFER_VALIDITY;
}

/* The validity buffer that V4 lists for unions and run-ends, and the C Data interface doesn't. */
static bool has_idle_validity(const struct ipc_column *column)
{
    enum ipc_type type = column->field->type;
    return is_validity(column, 0) && column->layout.has_children &&
           (type == IPC_TYPE_UNION || type == IPC_TYPE_RUN_END_ENCODED);
}

/* Consumers may expect a pointer in every place but a bitmap's, and an offset even for no rows. */
static void add_buffers(struct tree *tree, const struct ipc_column *column, struct ArrowArray *ret)
{
    for (int i = has_idle_validity(column); i < column->layout.count + (int)column->variadic_count;
         i++) {
        struct slice bytes = column->buffers[i].bytes;
        const void *pointer = bytes.size > 0 ? bytes.data : ipc_zeros;
        add_pointer(tree, ret, bytes.size == 0 && is_validity(column, i) ? NULL : pointer);
    }
    if (!column->layout.is_variadic)
        return;
    int64_t *lengths = tree->lengths + tree->used.lengths;
    for (int64_t i = 0; i < column->variadic_count; i++)
        lengths[i] = (int64_t)column->buffers[column->layout.count + i].bytes.size;
    tree->used.lengths += (size_t)column->variadic_count;
    add_pointer(tree, ret, column->variadic_count > 0 ? (const void *)lengths : ipc_zeros);
}

static enum fkv_status fill(struct filler *f, struct ipc_cursor *cursor,
                            const struct ipc_field *field, bool as_values, struct ArrowArray *ret);

static enum fkv_status fill_children(struct filler *f, struct ipc_cursor *cursor,
                                     const struct ipc_field *first, uint32_t count,
                                     struct ArrowArray *ret)
{
    ret->children = f->tree->links + f->tree->used.links;
    f->tree->used.links += count;
    enum fkv_status status = FKV_OK;
    for (uint32_t i = 0; i < count && status == FKV_OK; i++, first = ipc_field_after(first)) {
        ret->children[i] = take_array(f->tree);
        ret->n_children++;
        status = fill(f, cursor, first, false, ret->children[i]);
    }
    return status;
}

static enum fkv_status fill_dictionary(struct filler *f, const struct ipc_field *field,
                                       struct ArrowArray *ret)
{
    struct ipc_values *values;
    enum fkv_status status = find_values(f, field, &values);
    if (status != FKV_OK)
        return status;
    f->tree->kept[f->tree->used.kept++] = block_ref(&values->refs);
    struct ipc_cursor cursor = {.batch = &values->batch};
    ret->dictionary = take_array(f->tree);
    return fill(f, &cursor, field, true, ret->dictionary);
}

static int64_t null_count_of(const struct ipc_column *column)
{
    if (is_validity(column, 0))
        return column->node.null_count;
    return column->field->type == IPC_TYPE_NULL ? column->node.length : 0;
}

static enum fkv_status fill(struct filler *f, struct ipc_cursor *cursor,
                            const struct ipc_field *field, bool as_values, struct ArrowArray *ret)
{
    struct ipc_column column = ipc_cursor_next(cursor, field, as_values);
    if (is_validity(&column, 0) && column.node.null_count > 0 && column.buffers[0].bytes.size == 0)
        return status_set(f->error, FKV_INVALID_ARGUMENT,
                          "column '%.*s' counts %lld nulls, but has no validity bitmap",
                          (int)field->name.size, (const char *)field->name.data,
                          (long long)column.node.null_count);
    if (has_idle_validity(&column) && column.node.null_count > 0)
        return status_set(
            f->error, FKV_UNIMPLEMENTED,
            "column '%.*s' has nulls in a union or run-ends of metadata V4, which the "
            "C Data interface can't say",
            (int)field->name.size, (const char *)field->name.data);
    begin_array(f->tree, ret, column.node.length, null_count_of(&column));
    add_buffers(f->tree, &column, ret);
    if (column.layout.has_children)
        return fill_children(f, cursor, field + 1, field->child_count, ret);
    if (field->is_dictionary && !as_values && f->dictionaries != NULL)
        return fill_dictionary(f, field, ret);
    return FKV_OK;
}

enum fkv_status ipc_export_batch(const struct alloc *alloc, const struct ipc_schema *schema,
                                 const struct ipc_dictionaries *dictionaries,
                                 struct ipc_batch *batch, struct ArrowArray *ret,
                                 struct fkv_error *error)
{
    struct filler f = {.dictionaries = dictionaries, .error = error};
    struct sizes sizes = {.arrays = 1, .buffers = 1};
    enum fkv_status status =
        count_fields(&f, schema->fields, schema->fields + schema->field_count, &sizes);
    count_batch(batch, &sizes);
    if (status == FKV_OK && (f.tree = new_tree(alloc, &sizes)) == NULL)
        status = status_no_memory(error, sizes.arrays * sizeof *ret);
    if (status != FKV_OK) {
        ipc_batch_done(batch);
        return status;
    }
    f.tree->batch = *batch;
    struct ArrowArray root;
    begin_array(f.tree, &root, batch->rows, 0);
    add_pointer(f.tree, &root, NULL);
    block_unref(&f.tree->refs); /* the arrays hold theirs */
    struct ipc_cursor cursor = {.batch = &f.tree->batch};
    status = fill_children(&f, &cursor, schema->fields, schema->column_count, &root);
    if (status == FKV_OK)
        *ret = root;
    else
        root.release(&root);
    return status;
}

enum fkv_status ipc_export_values(const struct alloc *alloc, const struct ipc_field *field,
                                  struct ipc_values *values, struct ArrowArray *ret,
                                  struct fkv_error *error)
{
    struct filler f = {.error = error};
    struct sizes sizes = {0};
    count_fields(&f, field, ipc_field_after(field), &sizes);
    count_batch(&values->batch, &sizes);
    f.tree = new_tree(alloc, &sizes);
    if (f.tree == NULL)
        return status_no_memory(error, sizes.arrays * sizeof *ret);
    struct ipc_cursor cursor = {.batch = &values->batch};
    struct ArrowArray root = {.release = NULL};
    enum fkv_status status = fill(&f, &cursor, field, true, &root);
    if (status == FKV_OK)
        *ret = root;
    else if (root.release != NULL)
        root.release(&root);
    block_unref(&f.tree->refs);
    return status;
}
