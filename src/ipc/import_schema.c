/* SPDX-License-Identifier: Apache-2.0 */
/* ArrowSchema -> struct ipc_schema. A first walk counts and bounds what is there, a second one
 * describes it in a transient ipc_schema whose slices point into the ArrowSchema; that is encoded
 * as a message and decoded again, so that what comes from C callers passes the very checks that
 * what comes from peers passes. */
#include "ipc/writer.h"

#include <string.h>

#include "base/status.h"
#include "ipc/format.h"

struct counts {
    uint32_t fields;
    uint32_t pairs;
    uint32_t type_ids;
    size_t bytes; /* of metadata */
};

struct builder {
    struct ipc_field *fields;
    struct ipc_key_value *pairs;
    int32_t *type_ids;
    struct counts used;
    uint32_t dictionaries;
    struct fkv_error *error;
};

static enum fkv_status wrong(struct fkv_error *error, const struct ArrowSchema *schema,
                             const char *what)
{
    return status_set(error, FKV_INVALID_ARGUMENT, "ArrowSchema of field '%.200s' %s",
                      schema->name == NULL ? "" : schema->name, what);
}

static int32_t take_int32(const char **at)
{
    int32_t value;
    memcpy(&value, *at, sizeof value);
    *at += sizeof value;
    return value;
}

/* One length-prefixed string of the metadata; false when its length is negative or takes the
 * whole beyond `*left` bytes. */
static bool take_text(const char **at, size_t *left, struct slice *ret)
{
    int32_t size = take_int32(at);
    if (size < 0 || (size_t)size > *left)
        return false;
    *left -= (size_t)size;
    *ret = slice_of(*at, (size_t)size);
    *at += size;
    return true;
}

/* Walks a field's metadata; pairs go to `ret` unless it is NULL. */
static enum fkv_status read_metadata(const struct ArrowSchema *schema, struct counts *counts,
                                     struct ipc_key_value *ret, struct ipc_metadata *ret_metadata,
                                     struct fkv_error *error)
{
    if (schema->metadata == NULL)
        return FKV_OK;
    size_t left = (size_t)IPC_LIMITS_DEFAULT.header_bytes_max - counts->bytes, before = left;
    const char *at = schema->metadata;
    int32_t count = take_int32(&at);
    if (count < 0)
        return wrong(error, schema, "has a negative number of metadata pairs");
    for (int32_t i = 0; i < count; i++) {
        struct ipc_key_value pair;
        /* Every pair counts for its two lengths too, so that the number of pairs is bounded. */
        if (left < 2 * sizeof(int32_t))
            return wrong(error, schema, "has more metadata than a schema message may hold");
        left -= 2 * sizeof(int32_t);
        if (!take_text(&at, &left, &pair.key) || !take_text(&at, &left, &pair.value))
            return wrong(error, schema, "has metadata of an impossible length");
        if (ret != NULL)
            ret[i] = pair;
    }
    counts->bytes += before - left;
    counts->pairs += (uint32_t)count;
    if (ret_metadata != NULL)
        *ret_metadata = (struct ipc_metadata){.pairs = ret, .count = (uint32_t)count};
    return FKV_OK;
}

/* The schema that has the type: the dictionary's, where there is one. */
static const struct ArrowSchema *values_of(const struct ArrowSchema *schema)
{
    return schema->dictionary != NULL ? schema->dictionary : schema;
}

static enum fkv_status check_shape(const struct ArrowSchema *schema, struct fkv_error *error)
{
    if (schema->release == NULL)
        return wrong(error, schema, "was released");
    if (schema->format == NULL)
        return wrong(error, schema, "has no format");
    if (schema->n_children < 0 || (schema->n_children > 0 && schema->children == NULL))
        return wrong(error, schema, "has no children where it counts some");
    if (schema->n_children > IPC_LIMITS_DEFAULT.fields_max)
        return wrong(error, schema, "has more children than a schema may have fields");
    for (int64_t i = 0; i < schema->n_children; i++)
        if (schema->children[i] == NULL)
            return wrong(error, schema, "has a child that is NULL");
    return FKV_OK;
}

static enum fkv_status check_dictionary(const struct ArrowSchema *schema, struct fkv_error *error)
{
    if (schema->dictionary == NULL)
        return FKV_OK;
    if (schema->n_children != 0)
        return wrong(error, schema, "has children beside a dictionary");
    if (schema->dictionary->dictionary != NULL)
        return wrong(error, schema,
                     "has a dictionary whose values are dictionary-encoded themselves, "
                     "which Arrow IPC can't say");
    return check_shape(schema->dictionary, error);
}

static enum fkv_status count(const struct ArrowSchema *schema, uint32_t depth,
                             struct counts *counts, struct fkv_error *error)
{
    enum fkv_status status = check_shape(schema, error);
    if (status == FKV_OK)
        status = check_dictionary(schema, error);
    if (status == FKV_OK)
        status = read_metadata(schema, counts, NULL, NULL, error);
    if (status != FKV_OK)
        return status;
    const struct ArrowSchema *values = values_of(schema);
    counts->fields += (uint32_t)values->n_children;
    counts->type_ids += (uint32_t)values->n_children;
    if (counts->fields > IPC_LIMITS_DEFAULT.fields_max)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "ArrowSchema has more than the %u fields allowed",
                          (unsigned)IPC_LIMITS_DEFAULT.fields_max);
    if (values->n_children > 0 && depth == IPC_LIMITS_DEFAULT.depth_max)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "ArrowSchema is nested deeper than the %u levels allowed",
                          (unsigned)IPC_LIMITS_DEFAULT.depth_max);
    for (int64_t i = 0; i < values->n_children && status == FKV_OK; i++)
        status = count(values->children[i], depth + 1, counts, error);
    return status;
}

static enum fkv_status describe_type_ids(struct builder *b, const struct ArrowSchema *values,
                                         struct ipc_field *field)
{
    int32_t *ids = b->type_ids + b->used.type_ids;
    if (ipc_format_type_ids(values->format, ids, (int)values->n_children) != values->n_children)
        return status_set(b->error, FKV_INVALID_ARGUMENT,
                          "field '%.*s' is a union of %lld children, but its format '%.100s' "
                          "doesn't list as many type ids",
                          (int)field->name.size, (const char *)field->name.data,
                          (long long)values->n_children, values->format);
    field->type_ids = ids;
    b->used.type_ids += (uint32_t)values->n_children;
    return FKV_OK;
}

static enum fkv_status describe_type(struct builder *b, const struct ArrowSchema *values,
                                     struct ipc_field *field)
{
    if (!ipc_format_parse(values->format, field))
        return status_set(b->error, FKV_INVALID_ARGUMENT,
                          "field '%.*s' has the format '%.100s', which is none of the C Data "
                          "interface",
                          (int)field->name.size, (const char *)field->name.data, values->format);
    field->keys_sorted =
        field->type == IPC_TYPE_MAP && (values->flags & ARROW_FLAG_MAP_KEYS_SORTED) != 0;
    return field->type == IPC_TYPE_UNION ? describe_type_ids(b, values, field) : FKV_OK;
}

static enum fkv_status describe_indices(struct builder *b, const struct ArrowSchema *schema,
                                        struct ipc_field *field)
{
    struct ipc_field indices = {0};
    if (!ipc_format_parse(schema->format, &indices) || indices.type != IPC_TYPE_INT)
        return status_set(b->error, FKV_INVALID_ARGUMENT,
                          "field '%.*s' has dictionary indices of the format '%.100s', which is "
                          "no integer",
                          (int)field->name.size, (const char *)field->name.data, schema->format);
    field->is_dictionary = true;
    field->dictionary.id = b->dictionaries++;
    field->dictionary.index_bits = (uint8_t)indices.bit_width;
    field->dictionary.index_is_signed = indices.is_signed;
    field->dictionary.is_ordered = (schema->flags & ARROW_FLAG_DICTIONARY_ORDERED) != 0;
    return FKV_OK;
}

static enum fkv_status describe(struct builder *b, const struct ArrowSchema *schema);

static enum fkv_status describe_children(struct builder *b, const struct ArrowSchema *schema)
{
    enum fkv_status status = FKV_OK;
    for (int64_t i = 0; i < schema->n_children && status == FKV_OK; i++)
        status = describe(b, schema->children[i]);
    return status;
}

static enum fkv_status describe(struct builder *b, const struct ArrowSchema *schema)
{
    uint32_t index = b->used.fields++;
    struct ipc_field *field = &b->fields[index];
    const struct ArrowSchema *values = values_of(schema);
    field->name = slice_text(schema->name == NULL ? "" : schema->name);
    field->nullable = (schema->flags & ARROW_FLAG_NULLABLE) != 0;
    field->child_count = (uint32_t)values->n_children;
    enum fkv_status status =
        read_metadata(schema, &b->used, b->pairs + b->used.pairs, &field->metadata, b->error);
    if (status == FKV_OK)
        status = describe_type(b, values, field);
    if (status == FKV_OK && schema->dictionary != NULL)
        status = describe_indices(b, schema, field);
    if (status == FKV_OK)
        status = describe_children(b, values);
    field->subtree = b->used.fields - index;
    return status;
}

static enum fkv_status describe_all(struct builder *b, const struct ArrowSchema *root,
                                    struct ipc_schema *ret)
{
    enum fkv_status status = read_metadata(root, &b->used, b->pairs, &ret->metadata, b->error);
    if (status == FKV_OK)
        status = describe_children(b, root);
    ret->version = IPC_V5;
    ret->endianness = IPC_LITTLE_ENDIAN;
    ret->fields = b->fields;
    ret->field_count = b->used.fields;
    ret->column_count = (uint32_t)root->n_children;
    ret->dictionary_count = b->dictionaries;
    return status;
}

static enum fkv_status through_a_message(const struct alloc *alloc, const struct ipc_schema *schema,
                                         struct buf *header, struct ipc_schema **ret,
                                         struct fkv_error *error)
{
    enum fkv_status status = ipc_schema_encode(schema, header, error);
    return status == FKV_OK
               ? ipc_schema_decode(alloc, buf_slice(header), &IPC_LIMITS_DEFAULT, ret, error)
               : status;
}

enum fkv_status ipc_import_schema(const struct alloc *alloc, const struct ArrowSchema *schema,
                                  struct buf *ret_header, struct ipc_schema **ret,
                                  struct fkv_error *error)
{
    struct counts counts = {0};
    enum fkv_status status = count(schema, 0, &counts, error);
    if (status != FKV_OK)
        return status;
    if (strcmp(schema->format, "+s") != 0 || schema->dictionary != NULL)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "a table's schema must be a struct (format '+s'), not '%.100s'",
                          schema->format);
    struct builder b = {
        .fields = alloc_array(alloc, counts.fields, sizeof *b.fields),
        .pairs = alloc_array(alloc, counts.pairs, sizeof *b.pairs),
        .type_ids = alloc_array(alloc, counts.type_ids, sizeof *b.type_ids),
        .error = error,
    };
    struct ipc_schema transient = {.alloc = alloc};
    if (b.fields == NULL || b.pairs == NULL || b.type_ids == NULL)
        status = status_no_memory(error, counts.fields * sizeof *b.fields);
    else
        status = describe_all(&b, schema, &transient);
    if (status == FKV_OK)
        status = through_a_message(alloc, &transient, ret_header, ret, error);
    alloc_free(alloc, b.fields);
    alloc_free(alloc, b.pairs);
    alloc_free(alloc, b.type_ids);
    return status;
}
