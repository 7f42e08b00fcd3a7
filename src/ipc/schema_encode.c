/* SPDX-License-Identifier: Apache-2.0 */
/* struct ipc_schema -> Schema message. Vectors are written even when they are empty: Arrow C++
 * refuses a schema without fields otherwise. */
#include "ipc/schema_internal.h"

void ipc_key_value_encode(struct ipc_fb_builder *builder, size_t at, struct ipc_key_value pair)
{
    enum { KEY, VALUE, slots_count };
    struct ipc_fb_slot slots[slots_count] = {ipc_fb_offset(), ipc_fb_offset()};
    ipc_fb_add_table(builder, at, slots, slots_count);
    ipc_fb_add_string(builder, slots[KEY].at, pair.key);
    ipc_fb_add_string(builder, slots[VALUE].at, pair.value);
}

void ipc_metadata_encode(struct ipc_fb_builder *builder, size_t at,
                         const struct ipc_metadata *metadata)
{
    size_t place = ipc_fb_add_vector(builder, at, metadata->count, 4);
    for (uint32_t i = 0; i < metadata->count; i++)
        ipc_key_value_encode(builder, place + 4 * (size_t)i, metadata->pairs[i]);
}

static void encode_dictionary(struct ipc_fb_builder *builder, size_t at,
                              const struct ipc_field *field)
{
    struct ipc_fb_slot slots[dictionary_fields] = {
        [DICTIONARY_ID] = ipc_fb_scalar(8, field->dictionary.id, 0),
        [DICTIONARY_INDEX_TYPE] = ipc_fb_offset(),
        [DICTIONARY_IS_ORDERED] = ipc_fb_scalar(1, field->dictionary.is_ordered, 0),
    };
    ipc_fb_add_table(builder, at, slots, dictionary_fields);
    struct ipc_fb_slot indices[int_fields] = {
        [INT_BIT_WIDTH] = ipc_fb_scalar(4, field->dictionary.index_bits, 0),
        [INT_IS_SIGNED] = ipc_fb_scalar(1, field->dictionary.index_is_signed, 0),
    };
    ipc_fb_add_table(builder, slots[DICTIONARY_INDEX_TYPE].at, indices, int_fields);
}

static void encode_fields(struct ipc_fb_builder *builder, size_t at, const struct ipc_field *first,
                          uint32_t count);

static void encode_field(struct ipc_fb_builder *builder, size_t at, const struct ipc_field *field)
{
    struct ipc_fb_slot slots[field_fields] = {
        [FIELD_NAME] = ipc_fb_offset(),
        [FIELD_NULLABLE] = ipc_fb_scalar(1, field->nullable, 0),
        [FIELD_TYPE_TYPE] = ipc_fb_scalar(1, field->type, 0),
        [FIELD_TYPE] = ipc_fb_offset(),
        [FIELD_CHILDREN] = ipc_fb_offset(),
    };
    if (field->is_dictionary)
        slots[FIELD_DICTIONARY] = ipc_fb_offset();
    if (field->metadata.count > 0)
        slots[FIELD_METADATA] = ipc_fb_offset();
    ipc_fb_add_table(builder, at, slots, field_fields);
    ipc_fb_add_string(builder, slots[FIELD_NAME].at, field->name);
    ipc_type_encode(builder, slots[FIELD_TYPE].at, field);
    if (field->is_dictionary)
        encode_dictionary(builder, slots[FIELD_DICTIONARY].at, field);
    if (field->metadata.count > 0)
        ipc_metadata_encode(builder, slots[FIELD_METADATA].at, &field->metadata);
    encode_fields(builder, slots[FIELD_CHILDREN].at, field + 1, field->child_count);
}

/* `first` and its siblings. */
static void encode_fields(struct ipc_fb_builder *builder, size_t at, const struct ipc_field *first,
                          uint32_t count)
{
    size_t place = ipc_fb_add_vector(builder, at, count, 4);
    for (uint32_t i = 0; i < count; i++, first = ipc_field_after(first))
        encode_field(builder, place + 4 * (size_t)i, first);
}

static void encode_schema(struct ipc_fb_builder *builder, size_t at,
                          const struct ipc_schema *schema)
{
    struct ipc_fb_slot slots[schema_fields] = {
        [SCHEMA_ENDIANNESS] = ipc_fb_scalar(2, schema->endianness, IPC_LITTLE_ENDIAN),
        [SCHEMA_FIELDS] = ipc_fb_offset(),
    };
    if (schema->metadata.count > 0)
        slots[SCHEMA_METADATA] = ipc_fb_offset();
    ipc_fb_add_table(builder, at, slots, schema_fields);
    encode_fields(builder, slots[SCHEMA_FIELDS].at, schema->fields, schema->column_count);
    if (schema->metadata.count > 0)
        ipc_metadata_encode(builder, slots[SCHEMA_METADATA].at, &schema->metadata);
}

enum fkv_status ipc_schema_encode(const struct ipc_schema *schema, struct buf *header,
                                  struct fkv_error *error)
{
    struct ipc_fb_builder builder;
    size_t root = ipc_fb_build(&builder, header);
    struct ipc_fb_slot slots[message_fields] = {
        [MESSAGE_VERSION] = ipc_fb_scalar(2, schema->version, 0),
        [MESSAGE_HEADER_TYPE] = ipc_fb_scalar(1, 1, 0),
        [MESSAGE_HEADER] = ipc_fb_offset(),
    };
    ipc_fb_add_table(&builder, root, slots, message_fields);
    encode_schema(&builder, slots[MESSAGE_HEADER].at, schema);
    return ipc_fb_end(&builder, error);
}
