/* SPDX-License-Identifier: Apache-2.0 */
/* A schema as flightkv sees it: the fields of an Arrow Schema message, checked, flattened in
 * pre-order.
 *
 *     schema a: struct<x: int32, y: list<item: utf8>>, b: float64
 *     index   0 a   1 x   2 y   3 item   4 b
 *     subtree   4     1     2     1        1      (fields that belong to it, itself included)
 *
 * A dictionary-encoded field has the type and children of its *values*, as in Schema.fbs; in a
 * record batch it is a column of indices without children (layout.h), and its values come in
 * dictionary batches of `dictionary.id`.
 *
 * Names, metadata and time zones are slices of the message's own bytes, which the schema keeps.
 * Immutable once decoded; any thread may read it.
 */
#ifndef IPC_SCHEMA_H
#define IPC_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/block.h"
#include "base/slice.h"
#include "flightkv/status.h"
#include "ipc/limits.h"

/* The values are those of the Type union in Schema.fbs. */
enum ipc_type {
    IPC_TYPE_NULL = 1,
    IPC_TYPE_INT = 2,
    IPC_TYPE_FLOATING_POINT = 3,
    IPC_TYPE_BINARY = 4,
    IPC_TYPE_UTF8 = 5,
    IPC_TYPE_BOOL = 6,
    IPC_TYPE_DECIMAL = 7,
    IPC_TYPE_DATE = 8,
    IPC_TYPE_TIME = 9,
    IPC_TYPE_TIMESTAMP = 10,
    IPC_TYPE_INTERVAL = 11,
    IPC_TYPE_LIST = 12,
    IPC_TYPE_STRUCT = 13,
    IPC_TYPE_UNION = 14,
    IPC_TYPE_FIXED_SIZE_BINARY = 15,
    IPC_TYPE_FIXED_SIZE_LIST = 16,
    IPC_TYPE_MAP = 17,
    IPC_TYPE_DURATION = 18,
    IPC_TYPE_LARGE_BINARY = 19,
    IPC_TYPE_LARGE_UTF8 = 20,
    IPC_TYPE_LARGE_LIST = 21,
    IPC_TYPE_RUN_END_ENCODED = 22,
    IPC_TYPE_BINARY_VIEW = 23,
    IPC_TYPE_UTF8_VIEW = 24,
    IPC_TYPE_LIST_VIEW = 25,
    IPC_TYPE_LARGE_LIST_VIEW = 26,
};

enum ipc_version { IPC_V4 = 3, IPC_V5 = 4 }; /* MetadataVersion in Schema.fbs */
enum ipc_endianness { IPC_LITTLE_ENDIAN = 0, IPC_BIG_ENDIAN = 1 };

enum ipc_time_unit { IPC_SECOND = 0, IPC_MILLISECOND = 1, IPC_MICROSECOND = 2, IPC_NANOSECOND = 3 };
enum ipc_date_unit { IPC_DAY = 0, IPC_DATE_MILLISECOND = 1 };
enum ipc_interval_unit { IPC_YEAR_MONTH = 0, IPC_DAY_TIME = 1, IPC_MONTH_DAY_NANO = 2 };
enum ipc_precision { IPC_HALF = 0, IPC_SINGLE = 1, IPC_DOUBLE = 2 };
enum ipc_union_mode { IPC_SPARSE = 0, IPC_DENSE = 1 };

struct ipc_key_value {
    struct slice key;
    struct slice value;
};

struct ipc_metadata {
    const struct ipc_key_value *pairs;
    uint32_t count;
};

struct ipc_field {
    struct slice name;
    enum ipc_type type;
    bool nullable;

    bool is_dictionary;
    struct {
        int64_t id;
        uint8_t index_bits; /* 8, 16, 32, 64 */
        bool index_is_signed;
        bool is_ordered;
    } dictionary;

    /* What the type has beside its name; the members not named by the type are 0. */
    int32_t bit_width; /* INT, DECIMAL, TIME */
    bool is_signed;    /* INT */
    int32_t unit; /* DATE, TIME, TIMESTAMP, DURATION, INTERVAL; FLOATING_POINT's precision */
    int32_t precision;  /* DECIMAL */
    int32_t scale;      /* DECIMAL */
    int32_t byte_width; /* FIXED_SIZE_BINARY */
    int32_t list_size;  /* FIXED_SIZE_LIST */
    bool keys_sorted;   /* MAP */
    int32_t union_mode; /* UNION */
    const int32_t *type_ids; /* UNION, never NULL there: child_count, 0 to 127, all different */
    struct slice timezone; /* TIMESTAMP; size 0 = none */

    struct ipc_metadata metadata;
    uint32_t child_count;
    uint32_t subtree; /* fields in pre-order that belong to this one, itself included */
};

struct ipc_schema {
    const struct alloc *alloc;
    struct block *bytes; /* the message that the slices point into */
    enum ipc_version version;
    enum ipc_endianness endianness;
    struct ipc_field *fields;  /* pre-order */
    uint32_t field_count;      /* all, nested ones too */
    uint32_t column_count;     /* top level */
    uint32_t dictionary_count; /* different ids */
    struct ipc_metadata metadata;
    void *memory; /* one allocation for pairs and type ids */
};

/* Decodes and checks a Schema message (a bare Message flatbuffer, as in FlightData.data_header).
 * The bytes are copied. INVALID_ARGUMENT says what was wrong with which field;
 * RESOURCE_EXHAUSTED when a limit of ipc/limits.h is passed or memory is short.
 * Checked beside the structure: depth, field count, UTF-8 of names and time zones; the children
 * each type needs (list 1, map 1 struct of 2, run-end encoded 2, ...); every parameter's range;
 * that fields sharing a dictionary id agree on their value type. Metadata may be any bytes: pyarrow
 * writes pickled objects there. */
enum fkv_status ipc_schema_decode(const struct alloc *alloc, struct slice header,
                                  const struct ipc_limits *limits, struct ipc_schema **ret,
                                  struct fkv_error *error);
void ipc_schema_free(struct ipc_schema *schema);

/* The other way: writes a Schema message (bare flatbuffer, size a multiple of 8) behind what is in
 * `header`. Only the members that describe the schema are read, so that a caller may build one. */
struct buf;
enum fkv_status ipc_schema_encode(const struct ipc_schema *schema, struct buf *header,
                                  struct fkv_error *error);

/* The field with this dictionary id (the first in pre-order); NULL when there is none. */
const struct ipc_field *ipc_schema_dictionary(const struct ipc_schema *schema, int64_t id);

/* The next field at the same level: field + field->subtree. The first child is field + 1. */
static inline const struct ipc_field *ipc_field_after(const struct ipc_field *field)
{
    return field + field->subtree;
}

/* "int32", "timestamp[us, tz=UTC]", "list<item: string>", "dictionary<values=string,
 * indices=int32, ordered=0>": pyarrow's spelling. Writes at most buf's limit. */
void ipc_field_type_text(const struct ipc_field *field, struct buf *buf);

#endif
