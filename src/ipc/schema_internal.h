/* SPDX-License-Identifier: Apache-2.0 */
/* What decoding and encoding of schemas and messages share: the numbers of the fields in Arrow's
 * Schema.fbs and Message.fbs, and the parts that both come across. */
#ifndef IPC_SCHEMA_INTERNAL_H
#define IPC_SCHEMA_INTERNAL_H

#include "ipc/flatbuf.h"
#include "ipc/schema.h"

enum message_field {
    MESSAGE_VERSION,
    MESSAGE_HEADER_TYPE,
    MESSAGE_HEADER,
    MESSAGE_BODY_LENGTH,
    MESSAGE_METADATA,
    message_fields
};

enum schema_field {
    SCHEMA_ENDIANNESS,
    SCHEMA_FIELDS,
    SCHEMA_METADATA,
    SCHEMA_FEATURES,
    schema_fields
};

enum field_field {
    FIELD_NAME,
    FIELD_NULLABLE,
    FIELD_TYPE_TYPE,
    FIELD_TYPE,
    FIELD_DICTIONARY,
    FIELD_CHILDREN,
    FIELD_METADATA,
    field_fields
};

enum dictionary_field {
    DICTIONARY_ID,
    DICTIONARY_INDEX_TYPE,
    DICTIONARY_IS_ORDERED,
    DICTIONARY_KIND,
    dictionary_fields
};

enum int_field { INT_BIT_WIDTH, INT_IS_SIGNED, int_fields };
enum union_field { UNION_MODE, UNION_TYPE_IDS, union_fields };
enum timestamp_field { TIMESTAMP_UNIT, TIMESTAMP_TIMEZONE, timestamp_fields };

/* --- custom_metadata, a vector of KeyValue tables --- */

/* One pair; fails when it has no key or no value. Any bytes are allowed in them: pyarrow writes
 * what it is given, pickled extension types for instance. */
struct ipc_key_value ipc_metadata_decode(struct ipc_fb *fb, struct ipc_fb_vector pairs,
                                         uint32_t index);
void ipc_key_value_encode(struct ipc_fb_builder *builder, size_t at, struct ipc_key_value pair);
void ipc_metadata_encode(struct ipc_fb_builder *builder, size_t at,
                         const struct ipc_metadata *metadata);

/* --- schema_type.c: the Type union --- */

/* How many bytes of a field's name (UTF-8) to show in an error: not many, no code point cut. */
int ipc_name_shown(struct slice name);

/* Records that something is wrong with a field: "field 'x': ..." */
void ipc_field_refuse(struct ipc_fb *fb, const struct ipc_field *field, const char *format, ...)
    FKV_PRINTF(3, 4);

/* Reads the parameters of field->type from its table and checks them, and the number of children.
 * The ids of a union's children (field->child_count of them) are appended to `type_ids`. */
void ipc_type_decode(struct ipc_fb *fb, struct ipc_fb_table table, struct ipc_field *field,
                     struct buf *type_ids);
/* Checks the children; they follow the field in pre-order and are checked themselves. */
void ipc_type_check_children(struct ipc_fb *fb, const struct ipc_field *field);
void ipc_type_encode(struct ipc_fb_builder *builder, size_t at, const struct ipc_field *field);

/* Whether two fields have the same type, but for what their children are. */
bool ipc_type_same_but_children(const struct ipc_field *a, const struct ipc_field *b);

/* Whether two fields with a dictionary have values of the same type, children included; names and
 * metadata may differ. */
bool ipc_type_same_values(const struct ipc_field *a, const struct ipc_field *b);

/* --- dictionaries --- */

/* All fields with a dictionary, by id, among equal ones in pre-order. `ret` is an array of
 * *ret_count pointers that the caller frees. False when memory is short. */
bool ipc_schema_dictionaries(const struct alloc *alloc, const struct ipc_schema *schema,
                             const struct ipc_field ***ret, uint32_t *ret_count);

#endif
