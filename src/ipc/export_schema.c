/* SPDX-License-Identifier: Apache-2.0 */
/* struct ipc_schema -> ArrowSchema. All nodes and texts of one export lie in one allocation, on
 * which every node that isn't released yet holds a reference: a consumer may move a child out and
 * keep it longer than its parent. */
#include "ipc/reader.h"

#include <string.h>

#include "base/status.h"
#include "ipc/format.h"

struct schema_tree {
    struct block refs; /* counts; has no bytes */
    struct ArrowSchema *nodes;
    struct ArrowSchema **links;
    char *text;
    size_t nodes_used, links_used;
    size_t text_used;
};

static void free_tree(struct block *refs)
{
    alloc_free(refs->alloc, (char *)refs - offsetof(struct schema_tree, refs));
}

static void release_schema(struct ArrowSchema *schema)
{
    struct schema_tree *tree = schema->private_data;
    for (int64_t i = 0; i < schema->n_children; i++)
        if (schema->children[i]->release != NULL)
            schema->children[i]->release(schema->children[i]);
    if (schema->dictionary != NULL && schema->dictionary->release != NULL)
        schema->dictionary->release(schema->dictionary);
    schema->release = NULL;
    block_unref(&tree->refs);
}

static size_t metadata_size(const struct ipc_metadata *metadata)
{
    size_t size = metadata->count == 0 ? 0 : sizeof(int32_t);
    for (uint32_t i = 0; i < metadata->count; i++)
        size += 2 * sizeof(int32_t) + metadata->pairs[i].key.size + metadata->pairs[i].value.size;
    return size;
}

/* Room for the texts of a field and of its dictionary. */
static size_t text_size_of(const struct ipc_field *field)
{
    return field->name.size + 1 + metadata_size(&field->metadata) + ipc_format_size(field) +
           ipc_format_fixed_size;
}

static struct schema_tree *new_tree(const struct alloc *alloc, const struct ipc_schema *schema)
{
    size_t nodes = 1, text = metadata_size(&schema->metadata) + ipc_format_fixed_size;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        nodes += schema->fields[i].is_dictionary ? 2 : 1;
        text += text_size_of(&schema->fields[i]);
    }
    size_t links = schema->field_count;
    struct schema_tree *tree = alloc_get(alloc, sizeof *tree + nodes * sizeof *tree->nodes +
                                                    links * sizeof *tree->links + text);
    if (tree == NULL)
        return NULL;
    *tree = (struct schema_tree){.nodes = (struct ArrowSchema *)(tree + 1)};
    tree->links = (struct ArrowSchema **)(tree->nodes + nodes);
    tree->text = (char *)(tree->links + links);
    block_init(&tree->refs, NULL, 0, free_tree);
    tree->refs.alloc = alloc;
    return tree;
}

static char *take_bytes(struct schema_tree *tree, const void *data, size_t size)
{
    char *text = tree->text + tree->text_used;
    if (size > 0)
        memcpy(text, data, size);
    tree->text_used += size;
    return text;
}

static void take_int32(struct schema_tree *tree, size_t value)
{
    int32_t number = (int32_t)value;
    take_bytes(tree, &number, sizeof number);
}

static const char *take_name(struct schema_tree *tree, struct slice name)
{
    const char *text = take_bytes(tree, name.data, name.size);
    take_bytes(tree, "", 1);
    return text;
}

static const char *take_format(struct schema_tree *tree, const struct ipc_field *field,
                               bool as_values)
{
    char *text = tree->text + tree->text_used;
    ipc_format_print(field, as_values, text, ipc_format_size(field));
    tree->text_used += strlen(text) + 1;
    return text;
}

static const char *take_metadata(struct schema_tree *tree, const struct ipc_metadata *metadata)
{
    if (metadata->count == 0)
        return NULL;
    const char *text = tree->text + tree->text_used;
    take_int32(tree, metadata->count);
    for (uint32_t i = 0; i < metadata->count; i++) {
        take_int32(tree, metadata->pairs[i].key.size);
        take_bytes(tree, metadata->pairs[i].key.data, metadata->pairs[i].key.size);
        take_int32(tree, metadata->pairs[i].value.size);
        take_bytes(tree, metadata->pairs[i].value.data, metadata->pairs[i].value.size);
    }
    return text;
}

static struct ArrowSchema *take_node(struct schema_tree *tree)
{
    return &tree->nodes[tree->nodes_used++];
}

static void fill_field(struct schema_tree *tree, const struct ipc_field *field,
                       struct ArrowSchema *ret);

static void fill_children(struct schema_tree *tree, const struct ipc_field *first, uint32_t count,
                          struct ArrowSchema *ret)
{
    ret->n_children = count;
    ret->children = tree->links + tree->links_used;
    tree->links_used += count;
    for (uint32_t i = 0; i < count; i++, first = ipc_field_after(first)) {
        ret->children[i] = take_node(tree);
        fill_field(tree, first, ret->children[i]);
    }
}

static void begin_node(struct schema_tree *tree, struct ArrowSchema *node)
{
    *node = (struct ArrowSchema){.name = "", .release = release_schema, .private_data = tree};
    block_ref(&tree->refs);
}

/* The node of the field's type: the field itself, or its dictionary. */
static void fill_values(struct schema_tree *tree, const struct ipc_field *field,
                        struct ArrowSchema *ret)
{
    ret->format = take_format(tree, field, true);
    if (field->keys_sorted)
        ret->flags |= ARROW_FLAG_MAP_KEYS_SORTED;
    fill_children(tree, field + 1, field->child_count, ret);
}

static void fill_field(struct schema_tree *tree, const struct ipc_field *field,
                       struct ArrowSchema *ret)
{
    begin_node(tree, ret);
    ret->name = take_name(tree, field->name);
    ret->metadata = take_metadata(tree, &field->metadata);
    if (field->nullable)
        ret->flags |= ARROW_FLAG_NULLABLE;
    if (!field->is_dictionary) {
        fill_values(tree, field, ret);
        return;
    }
    if (field->dictionary.is_ordered)
        ret->flags |= ARROW_FLAG_DICTIONARY_ORDERED;
    ret->format = take_format(tree, field, false);
    ret->dictionary = take_node(tree);
    begin_node(tree, ret->dictionary);
    ret->dictionary->flags = ARROW_FLAG_NULLABLE;
    fill_values(tree, field, ret->dictionary);
}

enum fkv_status ipc_export_schema(const struct alloc *alloc, const struct ipc_schema *schema,
                                  struct ArrowSchema *ret, struct fkv_error *error)
{
    struct schema_tree *tree = new_tree(alloc, schema);
    if (tree == NULL)
        return status_set(error, FKV_RESOURCE_EXHAUSTED, "out of memory for a schema of %u fields",
                          (unsigned)schema->field_count);
    begin_node(tree, ret);
    ret->format = "+s";
    ret->metadata = take_metadata(tree, &schema->metadata);
    fill_children(tree, schema->fields, schema->column_count, ret);
    block_unref(&tree->refs); /* the nodes hold theirs */
    return FKV_OK;
}
