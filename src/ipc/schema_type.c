/* SPDX-License-Identifier: Apache-2.0 */
/* The Type union of Schema.fbs. What a type has beside its name are nearly always a few integers,
 * so one table says where each lies in the flatbuffer and in struct ipc_field and which values it
 * may have; decoding, encoding and comparing walk it. Only a union's type ids and a timestamp's
 * time zone need code of their own. */
#include <stdarg.h>
#include <stdio.h>

#include "base/status.h"
#include "base/text.h"
#include "ipc/schema_internal.h"

enum { params_max = 3, children_any = -1, type_ids_max = 128 };

struct param {
    const char *name; /* NULL ends the list */
    size_t member;    /* in struct ipc_field: an int32_t, a bool where width is 1 */
    uint8_t width;
    int32_t fallback; /* what an absent field means */
    int32_t least, most;
};

struct type {
    const char *name;
    int children;
    struct param params[params_max];
    /* What is wrong with the parameters taken together; NULL when nothing is. */
    const char *(*check)(const struct ipc_field *field);
};

#define MEMBER(member) offsetof(struct ipc_field, member)

static const char *check_int(const struct ipc_field *field)
{
    int32_t bits = field->bit_width;
    bool is_known = bits == 8 || bits == 16 || bits == 32 || bits == 64;
    return is_known ? NULL : "an integer has 8, 16, 32 or 64 bits";
}

static const char *check_decimal(const struct ipc_field *field)
{
    static const struct {
        int32_t bits, digits;
    } widths[] = {{32, 9}, {64, 18}, {128, 38}, {256, 76}};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        if (field->bit_width == widths[i].bits)
            return field->precision <= widths[i].digits
                       ? NULL
                       : "a decimal of 32, 64, 128 or 256 bits has at most 9, 18, 38 or 76 digits";
    return "a decimal has 32, 64, 128 or 256 bits";
}

static const char *check_time(const struct ipc_field *field)
{
    int32_t bits = field->unit <= IPC_MILLISECOND ? 32 : 64;
    return field->bit_width == bits
               ? NULL
               : "a time has 32 bits in seconds and milliseconds, 64 in finer units";
}

/* Indexed by enum ipc_type. */
static const struct type types[] = {
    [IPC_TYPE_NULL] = {.name = "null"},
    [IPC_TYPE_INT] = {.name = "integer",
                      .params = {{"bit width", MEMBER(bit_width), 4, 0, 8, 64},
                                 {"sign", MEMBER(is_signed), 1, 0, 0, 1}},
                      .check = check_int},
    [IPC_TYPE_FLOATING_POINT] = {.name = "floating-point",
                                 .params = {{"precision", MEMBER(unit), 2, IPC_HALF, IPC_HALF,
                                             IPC_DOUBLE}}},
    [IPC_TYPE_BINARY] = {.name = "binary"},
    [IPC_TYPE_UTF8] = {.name = "string"},
    [IPC_TYPE_BOOL] = {.name = "bool"},
    [IPC_TYPE_DECIMAL] = {.name = "decimal",
                          .params = {{"precision", MEMBER(precision), 4, 0, 1, 76},
                                     {"scale", MEMBER(scale), 4, 0, INT32_MIN, INT32_MAX},
                                     {"bit width", MEMBER(bit_width), 4, 128, 32, 256}},
                          .check = check_decimal},
    [IPC_TYPE_DATE] = {.name = "date",
                       .params = {{"unit", MEMBER(unit), 2, IPC_DATE_MILLISECOND, IPC_DAY,
                                   IPC_DATE_MILLISECOND}}},
    [IPC_TYPE_TIME] = {.name = "time",
                       .params = {{"unit", MEMBER(unit), 2, IPC_MILLISECOND, IPC_SECOND,
                                   IPC_NANOSECOND},
                                  {"bit width", MEMBER(bit_width), 4, 32, 32, 64}},
                       .check = check_time},
    [IPC_TYPE_TIMESTAMP] = {.name = "timestamp",
                            .params = {{"unit", MEMBER(unit), 2, IPC_SECOND, IPC_SECOND,
                                        IPC_NANOSECOND}}},
    [IPC_TYPE_INTERVAL] = {.name = "interval",
                           .params = {{"unit", MEMBER(unit), 2, IPC_YEAR_MONTH, IPC_YEAR_MONTH,
                                       IPC_MONTH_DAY_NANO}}},
    [IPC_TYPE_LIST] = {.name = "list", .children = 1},
    [IPC_TYPE_STRUCT] = {.name = "struct", .children = children_any},
    [IPC_TYPE_UNION] = {.name = "union",
                        .children = children_any,
                        .params = {{"mode", MEMBER(union_mode), 2, IPC_SPARSE, IPC_SPARSE,
                                    IPC_DENSE}}},
    [IPC_TYPE_FIXED_SIZE_BINARY] = {.name = "fixed-size binary",
                                    .params = {{"byte width", MEMBER(byte_width), 4, 0, 0,
                                                INT32_MAX}}},
    [IPC_TYPE_FIXED_SIZE_LIST] = {.name = "fixed-size list",
                                  .children = 1,
                                  .params = {{"list size", MEMBER(list_size), 4, 0, 0, INT32_MAX}}},
    [IPC_TYPE_MAP] = {.name = "map",
                      .children = 1,
                      .params = {{"order of keys", MEMBER(keys_sorted), 1, 0, 0, 1}}},
    [IPC_TYPE_DURATION] = {.name = "duration",
                           .params = {{"unit", MEMBER(unit), 2, IPC_MILLISECOND, IPC_SECOND,
                                       IPC_NANOSECOND}}},
    [IPC_TYPE_LARGE_BINARY] = {.name = "large binary"},
    [IPC_TYPE_LARGE_UTF8] = {.name = "large string"},
    [IPC_TYPE_LARGE_LIST] = {.name = "large list", .children = 1},
    [IPC_TYPE_RUN_END_ENCODED] = {.name = "run-end encoded", .children = 2},
    [IPC_TYPE_BINARY_VIEW] = {.name = "binary view"},
    [IPC_TYPE_UTF8_VIEW] = {.name = "string view"},
    [IPC_TYPE_LIST_VIEW] = {.name = "list view", .children = 1},
    [IPC_TYPE_LARGE_LIST_VIEW] = {.name = "large list view", .children = 1},
};

static const int types_count = sizeof types / sizeof types[0];

/* --- decoding --- */

int ipc_name_shown(struct slice name)
{
    enum { shown_max = 64 };
    size_t size = name.size;
    if (size > shown_max)
        for (size = shown_max; size > 0 && (name.data[size] & 0xc0) == 0x80;)
            size--;
    return (int)size;
}

void ipc_field_refuse(struct ipc_fb *fb, const struct ipc_field *field, const char *format, ...)
{
    char wrong[256];
    va_list args;
    va_start(args, format);
    vsnprintf(wrong, sizeof wrong, format, args);
    va_end(args);
    ipc_fb_fail(fb, FKV_INVALID_ARGUMENT, "field '%.*s': %s", ipc_name_shown(field->name),
                (const char *)field->name.data, wrong);
}

static void decode_params(struct ipc_fb *fb, struct ipc_fb_table table, const struct type *type,
                          struct ipc_field *field)
{
    for (unsigned i = 0; i < params_max && type->params[i].name != NULL; i++) {
        const struct param *param = &type->params[i];
        int64_t value = ipc_fb_int(fb, table, i, param->width, param->fallback);
        if (param->width == 1) {
            *(bool *)((char *)field + param->member) = value != 0;
            continue;
        }
        *(int32_t *)((char *)field + param->member) = (int32_t)value;
        if (value < param->least || value > param->most)
            ipc_field_refuse(fb, field, "%s type with a %s of %lld, expected %ld to %ld",
                             type->name, param->name, (long long)value, (long)param->least,
                             (long)param->most);
    }
    const char *wrong = type->check == NULL ? NULL : type->check(field);
    if (wrong != NULL)
        ipc_field_refuse(fb, field, "%s", wrong);
}

static void decode_timezone(struct ipc_fb *fb, struct ipc_fb_table table, struct ipc_field *field)
{
    field->timezone = ipc_fb_string(fb, table, TIMESTAMP_TIMEZONE);
    if (!text_is_utf8(field->timezone))
        ipc_field_refuse(fb, field, "the time zone isn't UTF-8");
}

/* Without typeIds, the children are numbered from 0. */
static void decode_type_ids(struct ipc_fb *fb, struct ipc_fb_table table, struct ipc_field *field,
                            struct buf *type_ids)
{
    struct ipc_fb_vector ids = ipc_fb_vector(fb, table, UNION_TYPE_IDS, sizeof(int32_t));
    if (field->child_count > type_ids_max)
        ipc_field_refuse(fb, field, "union of %u children, at most %d are possible",
                         (unsigned)field->child_count, type_ids_max);
    if (ids.data != NULL && ids.count != field->child_count)
        ipc_field_refuse(fb, field, "union of %u children with %u type ids",
                         (unsigned)field->child_count, (unsigned)ids.count);
    bool is_taken[type_ids_max] = {false};
    for (uint32_t i = 0; i < field->child_count && fb->status == FKV_OK; i++) {
        int32_t id = ids.data == NULL ? (int32_t)i : (int32_t)load_le32(ids.data + 4 * (size_t)i);
        if (id < 0 || id >= type_ids_max || is_taken[id])
            ipc_field_refuse(fb, field, "union type id %ld, expected different ones of 0 to %d",
                             (long)id, type_ids_max - 1);
        else
            is_taken[id] = true;
        buf_append(type_ids, &id, sizeof id);
    }
}

void ipc_type_decode(struct ipc_fb *fb, struct ipc_fb_table table, struct ipc_field *field,
                     struct buf *type_ids)
{
    int number = (int)field->type;
    if (number < IPC_TYPE_NULL || number >= types_count) {
        ipc_field_refuse(fb, field, "type %d is unknown, expected 1 to %d", number,
                         types_count - 1);
        return;
    }
    const struct type *type = &types[field->type];
    if (!ipc_fb_has(table))
        ipc_field_refuse(fb, field, "%s type without its table", type->name);
    if (type->children != children_any && field->child_count != (uint32_t)type->children)
        ipc_field_refuse(fb, field, "%s type with %u children, expected %d", type->name,
                         (unsigned)field->child_count, type->children);
    decode_params(fb, table, type, field);
    if (field->type == IPC_TYPE_TIMESTAMP)
        decode_timezone(fb, table, field);
    if (field->type == IPC_TYPE_UNION)
        decode_type_ids(fb, table, field, type_ids);
}

void ipc_type_check_children(struct ipc_fb *fb, const struct ipc_field *field)
{
    const struct ipc_field *child = field + 1;
    if (fb->status != FKV_OK)
        return;
    if (field->type == IPC_TYPE_MAP &&
        (child->type != IPC_TYPE_STRUCT || child->child_count != 2 || child->is_dictionary))
        ipc_field_refuse(fb, field, "a map's child must be a struct of key and value");
    if (field->type == IPC_TYPE_RUN_END_ENCODED &&
        (child->type != IPC_TYPE_INT || !child->is_signed || child->bit_width < 16 ||
         child->is_dictionary))
        ipc_field_refuse(fb, field, "run ends must be int16, int32 or int64");
}

/* --- encoding --- */

static int32_t param_of(const struct ipc_field *field, const struct param *param)
{
    const char *member = (const char *)field + param->member;
    return param->width == 1 ? *(const bool *)member : *(const int32_t *)member;
}

static void encode_type_ids(struct ipc_fb_builder *builder, size_t at,
                            const struct ipc_field *field)
{
    size_t place = ipc_fb_add_vector(builder, at, field->child_count, sizeof(int32_t));
    uint8_t *p = ipc_fb_bytes(builder, place);
    for (uint32_t i = 0; p != NULL && i < field->child_count; i++)
        store_le32(p + 4 * (size_t)i, (uint32_t)field->type_ids[i]);
}

void ipc_type_encode(struct ipc_fb_builder *builder, size_t at, const struct ipc_field *field)
{
    const struct type *type = &types[field->type];
    struct ipc_fb_slot slots[params_max] = {0};
    bool has_timezone = field->type == IPC_TYPE_TIMESTAMP && field->timezone.size > 0;
    for (unsigned i = 0; i < params_max && type->params[i].name != NULL; i++)
        slots[i] = ipc_fb_scalar(type->params[i].width, param_of(field, &type->params[i]),
                                 type->params[i].fallback);
    if (has_timezone)
        slots[TIMESTAMP_TIMEZONE] = ipc_fb_offset();
    if (field->type == IPC_TYPE_UNION)
        slots[UNION_TYPE_IDS] = ipc_fb_offset();
    ipc_fb_add_table(builder, at, slots, params_max);
    if (has_timezone)
        ipc_fb_add_string(builder, slots[TIMESTAMP_TIMEZONE].at, field->timezone);
    if (field->type == IPC_TYPE_UNION)
        encode_type_ids(builder, slots[UNION_TYPE_IDS].at, field);
}

/* --- comparing --- */

static bool same_dictionary(const struct ipc_field *a, const struct ipc_field *b)
{
    return a->is_dictionary == b->is_dictionary &&
           (!a->is_dictionary || (a->dictionary.id == b->dictionary.id &&
                                  a->dictionary.index_bits == b->dictionary.index_bits &&
                                  a->dictionary.index_is_signed == b->dictionary.index_is_signed));
}

bool ipc_type_same_but_children(const struct ipc_field *a, const struct ipc_field *b)
{
    if (a->type != b->type || a->child_count != b->child_count)
        return false;
    const struct param *params = types[a->type].params;
    for (unsigned i = 0; i < params_max && params[i].name != NULL; i++)
        if (param_of(a, &params[i]) != param_of(b, &params[i]))
            return false;
    if (a->type == IPC_TYPE_UNION && a->child_count > 0 &&
        memcmp(a->type_ids, b->type_ids, a->child_count * sizeof(int32_t)) != 0)
        return false;
    return slice_equal(a->timezone, b->timezone);
}

bool ipc_type_same_values(const struct ipc_field *a, const struct ipc_field *b)
{
    if (a->subtree != b->subtree || !ipc_type_same_but_children(a, b))
        return false;
    for (uint32_t i = 1; i < a->subtree; i++)
        if (!ipc_type_same_but_children(a + i, b + i) || !same_dictionary(a + i, b + i))
            return false;
    return true;
}
