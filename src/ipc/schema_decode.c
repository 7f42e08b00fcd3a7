/* SPDX-License-Identifier: Apache-2.0 */
/* Schema message -> struct ipc_schema, in one walk over the fields. Their number isn't known
 * before, so fields, metadata pairs and type ids are gathered in growing arrays; pointers into
 * these are set at the end, in the same order (pre-order) in which the arrays were filled. */
#include <assert.h>
#include <stdlib.h>

#include "base/status.h"
#include "base/text.h"
#include "ipc/message.h"
#include "ipc/schema_internal.h"

struct decoder {
    struct ipc_fb fb;
    const struct ipc_limits *limits;
    struct buf fields;   /* of struct ipc_field */
    struct buf pairs;    /* of struct ipc_key_value */
    struct buf type_ids; /* of int32_t */
};

static void check_utf8(struct decoder *d, const struct ipc_field *field)
{
    if (!text_is_utf8(field->name))
        ipc_fb_fail(&d->fb, FKV_INVALID_ARGUMENT, "the name of field %zu isn't UTF-8",
                    d->fields.size / sizeof *field);
}

struct ipc_key_value ipc_metadata_decode(struct ipc_fb *fb, struct ipc_fb_vector pairs,
                                         uint32_t index)
{
    enum { KEY, VALUE };
    struct ipc_fb_table pair = ipc_fb_element(fb, pairs, index);
    struct ipc_key_value text = {ipc_fb_string(fb, pair, KEY), ipc_fb_string(fb, pair, VALUE)};
    if (text.key.data == NULL || text.value.data == NULL)
        ipc_fb_fail(fb, FKV_INVALID_ARGUMENT, "pair %u of custom_metadata has no key or no value",
                    (unsigned)index);
    return text;
}

/* Leaves `pairs` to be set by link_arrays. */
static struct ipc_metadata decode_metadata(struct decoder *d, struct ipc_fb_table table,
                                           unsigned id)
{
    struct ipc_fb_vector pairs = ipc_fb_vector(&d->fb, table, id, 4);
    for (uint32_t i = 0; i < pairs.count && d->fb.status == FKV_OK; i++) {
        struct ipc_key_value pair = ipc_metadata_decode(&d->fb, pairs, i);
        buf_append(&d->pairs, &pair, sizeof pair);
    }
    return (struct ipc_metadata){.count = pairs.count};
}

static void decode_dictionary(struct decoder *d, struct ipc_fb_table table, struct ipc_field *field)
{
    struct ipc_fb *fb = &d->fb;
    struct ipc_fb_table indices = ipc_fb_child(fb, table, DICTIONARY_INDEX_TYPE);
    /* "If this field is null, the indices must be signed int32" */
    int64_t bits = 32;
    bool is_signed = true;
    if (ipc_fb_has(indices)) {
        bits = ipc_fb_int(fb, indices, INT_BIT_WIDTH, 4, 0);
        is_signed = ipc_fb_int(fb, indices, INT_IS_SIGNED, 1, 0) != 0;
    }
    if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
        ipc_field_refuse(fb, field, "dictionary indices of %lld bits, expected 8, 16, 32 or 64",
                         (long long)bits);
    if (ipc_fb_int(fb, table, DICTIONARY_KIND, 2, 0) != 0)
        ipc_field_refuse(fb, field, "unknown kind of dictionary, expected 0 (dense array)");
    field->is_dictionary = ipc_fb_has(table);
    if (!field->is_dictionary)
        return;
    field->dictionary.id = ipc_fb_int(fb, table, DICTIONARY_ID, 8, 0);
    field->dictionary.index_bits = (uint8_t)bits;
    field->dictionary.index_is_signed = is_signed;
    field->dictionary.is_ordered = ipc_fb_int(fb, table, DICTIONARY_IS_ORDERED, 1, 0) != 0;
}

/* Whether `more` fields at this depth are within the limits. */
static bool within_limits(struct decoder *d, uint32_t more, uint32_t depth)
{
    size_t fields = d->fields.size / sizeof(struct ipc_field);
    if (more > d->limits->fields_max || fields > d->limits->fields_max - more)
        ipc_fb_fail(&d->fb, FKV_RESOURCE_EXHAUSTED,
                    "the schema has more than the %u fields allowed",
                    (unsigned)d->limits->fields_max);
    else if (more > 0 && depth > d->limits->depth_max)
        ipc_fb_fail(&d->fb, FKV_RESOURCE_EXHAUSTED,
                    "the schema is nested deeper than the %u levels allowed",
                    (unsigned)d->limits->depth_max);
    return d->fb.status == FKV_OK;
}

static struct ipc_field *field_at(struct decoder *d, size_t index)
{
    return (struct ipc_field *)(void *)d->fields.data + index;
}

static void decode_fields(struct decoder *d, struct ipc_fb_vector tables, uint32_t depth);

static void decode_field(struct decoder *d, struct ipc_fb_table table, uint32_t depth)
{
    struct ipc_fb *fb = &d->fb;
    struct ipc_fb_vector children = ipc_fb_vector(fb, table, FIELD_CHILDREN, 4);
    struct ipc_field field = {
        .name = ipc_fb_string(fb, table, FIELD_NAME),
        .type = (enum ipc_type)(uint8_t)ipc_fb_int(fb, table, FIELD_TYPE_TYPE, 1, 0),
        .nullable = ipc_fb_int(fb, table, FIELD_NULLABLE, 1, 0) != 0,
        .metadata = decode_metadata(d, table, FIELD_METADATA),
        .child_count = children.count,
    };
    check_utf8(d, &field);
    ipc_type_decode(fb, ipc_fb_child(fb, table, FIELD_TYPE), &field, &d->type_ids);
    decode_dictionary(d, ipc_fb_child(fb, table, FIELD_DICTIONARY), &field);

    size_t index = d->fields.size / sizeof field;
    if (fb->status != FKV_OK || !buf_append(&d->fields, &field, sizeof field))
        return;
    decode_fields(d, children, depth + 1);
    field_at(d, index)->subtree = (uint32_t)(d->fields.size / sizeof field - index);
    if (!d->fields.failed)
        ipc_type_check_children(fb, field_at(d, index));
}

static void decode_fields(struct decoder *d, struct ipc_fb_vector tables, uint32_t depth)
{
    if (!within_limits(d, tables.count, depth))
        return;
    for (uint32_t i = 0; i < tables.count && d->fb.status == FKV_OK && !d->fields.failed; i++)
        decode_field(d, ipc_fb_element(&d->fb, tables, i), depth);
}

static void decode_schema(struct decoder *d, struct ipc_fb_table table, struct ipc_schema *schema)
{
    struct ipc_fb *fb = &d->fb;
    int64_t endianness = ipc_fb_int(fb, table, SCHEMA_ENDIANNESS, 2, IPC_LITTLE_ENDIAN);
    if (endianness != IPC_LITTLE_ENDIAN && endianness != IPC_BIG_ENDIAN)
        ipc_fb_fail(fb, FKV_INVALID_ARGUMENT,
                    "the schema has endianness %lld, expected 0 (little) or 1 (big)",
                    (long long)endianness);
    schema->endianness = (enum ipc_endianness)endianness;
    schema->metadata = decode_metadata(d, table, SCHEMA_METADATA);
    ipc_fb_vector(fb, table, SCHEMA_FEATURES, 8); /* informational; its bytes are replayed */
    struct ipc_fb_vector columns = ipc_fb_vector(fb, table, SCHEMA_FIELDS, 4);
    if (columns.data == NULL)
        ipc_fb_fail(fb, FKV_INVALID_ARGUMENT,
                    "the schema has no list of fields, expected one, be it empty");
    schema->column_count = columns.count;
    decode_fields(d, columns, 1);
}

/* Moves pairs and type ids into one allocation and lets the fields point there. */
static enum fkv_status link_arrays(struct decoder *d, struct ipc_schema *schema,
                                   struct fkv_error *error)
{
    size_t size = d->pairs.size + d->type_ids.size;
    uint8_t *memory = alloc_get(schema->alloc, size);
    if (memory == NULL)
        return status_no_memory(error, size);
    schema->memory = memory;
    if (d->pairs.size > 0)
        memcpy(memory, d->pairs.data, d->pairs.size);
    if (d->type_ids.size > 0)
        memcpy(memory + d->pairs.size, d->type_ids.data, d->type_ids.size);
    const struct ipc_key_value *pairs = (void *)memory;
    const int32_t *type_ids = (void *)(memory + d->pairs.size);

    schema->metadata.pairs = pairs;
    pairs += schema->metadata.count;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        struct ipc_field *field = &schema->fields[i];
        field->metadata.pairs = pairs;
        pairs += field->metadata.count;
        if (field->type != IPC_TYPE_UNION)
            continue;
        field->type_ids = type_ids;
        type_ids += field->child_count;
    }
    return FKV_OK;
}

/* --- dictionaries --- */

static int by_dictionary(const void *a, const void *b)
{
    const struct ipc_field *x = *(const struct ipc_field *const *)a;
    const struct ipc_field *y = *(const struct ipc_field *const *)b;
    if (x->dictionary.id != y->dictionary.id)
        return x->dictionary.id < y->dictionary.id ? -1 : 1;
    return (x > y) - (x < y);
}

bool ipc_schema_dictionaries(const struct alloc *alloc, const struct ipc_schema *schema,
                             const struct ipc_field ***ret, uint32_t *ret_count)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < schema->field_count; i++)
        count += schema->fields[i].is_dictionary;
    const struct ipc_field **fields = alloc_array(alloc, count, sizeof *fields);
    if (fields == NULL)
        return false;
    uint32_t used = 0;
    for (uint32_t i = 0; i < schema->field_count; i++)
        if (schema->fields[i].is_dictionary)
            fields[used++] = &schema->fields[i];
    qsort(fields, count, sizeof *fields, by_dictionary);
    *ret = fields;
    *ret_count = count;
    return true;
}

/* Counts the ids, and checks that fields which share one agree. */
static enum fkv_status check_dictionaries(struct ipc_schema *schema, struct fkv_error *error)
{
    const struct ipc_field **fields;
    uint32_t count;
    enum fkv_status status = FKV_OK;
    if (!ipc_schema_dictionaries(schema->alloc, schema, &fields, &count))
        return status_no_memory(error, schema->field_count * sizeof *fields);
    for (uint32_t i = 0; i < count && status == FKV_OK; i++) {
        int64_t id = fields[i]->dictionary.id;
        if (i == 0 || fields[i - 1]->dictionary.id != id)
            schema->dictionary_count++;
        else if (!ipc_type_same_values(fields[i - 1], fields[i]))
            status = status_set(error, FKV_INVALID_ARGUMENT,
                                "two fields share dictionary %lld but have different types of "
                                "values",
                                (long long)id);
    }
    alloc_free(schema->alloc, fields);
    return status;
}

const struct ipc_field *ipc_schema_dictionary(const struct ipc_schema *schema, int64_t id)
{
    for (uint32_t i = 0; i < schema->field_count; i++)
        if (schema->fields[i].is_dictionary && schema->fields[i].dictionary.id == id)
            return &schema->fields[i];
    return NULL;
}

/* --- the whole --- */

static enum fkv_status decode(struct decoder *d, struct ipc_schema *schema, struct fkv_error *error)
{
    struct ipc_fb_table root = ipc_fb_begin(&d->fb, block_slice(schema->bytes), error);
    decode_schema(d, ipc_fb_child(&d->fb, root, MESSAGE_HEADER), schema);
    if (d->fb.status != FKV_OK)
        return d->fb.status;
    if (d->fields.failed || d->pairs.failed || d->type_ids.failed)
        return status_no_memory(error, d->fields.size + d->pairs.size + d->type_ids.size);
    schema->fields = (void *)d->fields.data;
    schema->field_count = (uint32_t)(d->fields.size / sizeof *schema->fields);
    d->fields.data = NULL;
    enum fkv_status status = link_arrays(d, schema, error);
    return status == FKV_OK ? check_dictionaries(schema, error) : status;
}

static enum fkv_status new_schema(const struct alloc *alloc, const struct ipc_message *message,
                                  struct ipc_schema **ret, struct fkv_error *error)
{
    struct ipc_schema *schema = alloc_zero(alloc, sizeof *schema);
    if (schema == NULL)
        return status_no_memory(error, sizeof *schema);
    schema->alloc = alloc;
    schema->version = message->version;
    schema->bytes = block_new(alloc, message->header.size);
    if (schema->bytes == NULL) {
        ipc_schema_free(schema);
        return status_no_memory(error, message->header.size);
    }
    memcpy(schema->bytes->data, message->header.data, message->header.size);
    *ret = schema;
    return FKV_OK;
}

enum fkv_status ipc_schema_decode(const struct alloc *alloc, struct slice header,
                                  const struct ipc_limits *limits, struct ipc_schema **ret,
                                  struct fkv_error *error)
{
    struct ipc_message message;
    enum fkv_status status = ipc_message_decode(header, limits, &message, error);
    if (status != FKV_OK)
        return status;
    if (message.kind != IPC_KIND_SCHEMA)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the message is of kind %d, expected a schema (1)", (int)message.kind);
    struct ipc_schema *schema = NULL;
    status = new_schema(alloc, &message, &schema, error);
    if (status != FKV_OK)
        return status;

    /* What these hold is bounded by the limits and by the reader's budget. */
    struct decoder d = {.limits = limits};
    buf_init(&d.fields, alloc, SIZE_MAX);
    buf_init(&d.pairs, alloc, SIZE_MAX);
    buf_init(&d.type_ids, alloc, SIZE_MAX);
    status = decode(&d, schema, error);
    buf_done(&d.fields);
    buf_done(&d.pairs);
    buf_done(&d.type_ids);
    if (status == FKV_OK)
        *ret = schema;
    else
        ipc_schema_free(schema);
    return status;
}

void ipc_schema_free(struct ipc_schema *schema)
{
    if (schema == NULL)
        return;
    block_unref(schema->bytes);
    alloc_free(schema->alloc, schema->fields);
    alloc_free(schema->alloc, schema->memory);
    alloc_free(schema->alloc, schema);
}
