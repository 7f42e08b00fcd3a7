/* SPDX-License-Identifier: Apache-2.0 */
/* Format strings: https://arrow.apache.org/docs/format/CDataInterface.html#format-strings */
#include "cli/table_types.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/text.h"

enum { name_bytes_max = 4096, type_bytes_max = 128 };

/* Those that a text can be read as: no intervals, nothing nested. */
static const struct {
    const char *name;
    const char *format;
} plain_types[] = {
    {"bool", "b"},
    {"int8", "c"},
    {"uint8", "C"},
    {"int16", "s"},
    {"uint16", "S"},
    {"int32", "i"},
    {"uint32", "I"},
    {"int64", "l"},
    {"uint64", "L"},
    {"halffloat", "e"},
    {"float", "f"},
    {"double", "g"},
    {"string", "u"},
    {"large_string", "U"},
    {"string_view", "vu"},
    {"binary", "z"},
    {"large_binary", "Z"},
    {"binary_view", "vz"},
    {"date32[day]", "tdD"},
    {"date64[ms]", "tdm"},
    {"time32[s]", "tts"},
    {"time32[ms]", "ttm"},
    {"time64[us]", "ttu"},
    {"time64[ns]", "ttn"},
    {"timestamp[s]", "tss:"},
    {"timestamp[ms]", "tsm:"},
    {"timestamp[us]", "tsu:"},
    {"timestamp[ns]", "tsn:"},
    /* other names */
    {"boolean", "b"},
    {"float16", "e"},
    {"float32", "f"},
    {"float64", "g"},
    {"utf8", "u"},
    {"date32", "tdD"},
    {"date64", "tdm"},
};
enum { plain_count = sizeof plain_types / sizeof plain_types[0] };

/* "timestamp[us, tz=Europe/Berlin]" */
static bool write_zoned(struct buf *out, const char *text)
{
    static const char before[] = "timestamp[", between[] = "s, tz=";
    if (strncmp(text, before, sizeof before - 1) != 0)
        return false;
    const char *unit = text + sizeof before - 1;
    const char *zone = strstr(unit, between);
    bool is_unit = zone == unit || (zone == unit + 1 && strchr("mun", *unit) != NULL);
    if (!is_unit)
        return false;
    zone += sizeof between - 1;
    size_t size = strcspn(zone, "]");
    if (size == 0 || strcmp(zone + size, "]") != 0)
        return false;
    return buf_printf(out, "ts%c:%.*s", *unit, (int)size, zone);
}

/* "(10, 2)" */
static bool parse_decimal(const char *text, long *ret_digits, long *ret_scale)
{
    char *end;
    if (*text != '(')
        return false;
    *ret_digits = strtol(text + 1, &end, 10);
    if (*end != ',')
        return false;
    *ret_scale = strtol(end + 1, &end, 10);
    return strcmp(end, ")") == 0;
}

/* "decimal128(10, 2)"; "decimal(10, 2)" is the same. */
static bool write_decimal(struct buf *out, const char *text)
{
    static const struct {
        const char *name;
        int bits, digits;
    } kinds[] = {{"decimal", 128, 38},
                 {"decimal32", 32, 9},
                 {"decimal64", 64, 18},
                 {"decimal128", 128, 38},
                 {"decimal256", 256, 76}};
    size_t size = strcspn(text, "(");
    long digits, scale;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (slice_is(slice_of(text, size), kinds[i].name))
            return parse_decimal(text + size, &digits, &scale) && digits > 0 &&
                   digits <= kinds[i].digits && scale >= -kinds[i].digits &&
                   scale <= kinds[i].digits &&
                   buf_printf(out, "d:%ld,%ld,%d", digits, scale, kinds[i].bits);
    return false;
}

static bool write_format(struct buf *out, const char *text)
{
    for (size_t i = 0; i < plain_count; i++)
        if (strcmp(text, plain_types[i].name) == 0)
            return buf_text(out, plain_types[i].format);
    return write_zoned(out, text) || write_decimal(out, text);
}

static enum fkv_status unknown_type(const char *type, struct fkv_error *error)
{
    const char *names[plain_count];
    for (size_t i = 0; i < plain_count; i++)
        names[i] = plain_types[i].name;
    const char *nearest = text_nearest(type, names, plain_count);
    if (nearest != NULL)
        return status_set(error, FKV_INVALID_ARGUMENT, "'%s' isn't a type; did you mean '%s'?",
                          type, nearest);
    return status_set(error, FKV_INVALID_ARGUMENT,
                      "'%.100s' isn't a type; expected one such as int64, double, string, "
                      "date32[day], timestamp[us], decimal128(10, 2)",
                      type);
}

/* ---- the list ---- */

/* Up to the next comma that isn't inside brackets. */
static size_t item_size(const char *text)
{
    size_t size = 0, depth = 0;
    for (; text[size] != '\0' && (depth > 0 || text[size] != ','); size++) {
        if (strchr("[(", text[size]) != NULL)
            depth++;
        else if (strchr("])", text[size]) != NULL && depth > 0)
            depth--;
    }
    return size;
}

static struct slice trim(struct slice text)
{
    while (text.size > 0 && text.data[0] == ' ')
        text = slice_part(text, 1, text.size - 1);
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

static enum fkv_status check_new(const struct table_types *types, const char *name,
                                 struct fkv_error *error)
{
    for (size_t i = 0; i < types->count; i++)
        if (strcmp(types->items[i].name, name) == 0)
            return status_set(error, FKV_INVALID_ARGUMENT, "column '%s' is named twice", name);
    return FKV_OK;
}

/* Takes `name` and `format` as they stand. */
static enum fkv_status add(struct table_types *types, struct buf *name, struct buf *format,
                           struct fkv_error *error)
{
    const struct alloc *alloc = alloc_system();
    size_t size = (types->count + 1) * sizeof *types->items;
    struct formats_column_type *items = alloc_resize(alloc, types->items, size);
    if (items == NULL)
        return status_no_memory(error, size);
    types->items = items;
    struct formats_column_type item = {.name = alloc_text(alloc, buf_c_text(name), name->size),
                                       .format =
                                           alloc_text(alloc, buf_c_text(format), format->size)};
    types->items[types->count++] = item;
    if (item.name == NULL || item.format == NULL)
        return status_no_memory(error, name->size);
    return FKV_OK;
}

/* A name's text, in which %XX stands for a byte; none is a NUL, where C would see the end. */
static enum fkv_status parse_name(struct buf *name, struct slice text, struct fkv_error *error)
{
    if (text.size > name_bytes_max)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "'%.40s...': a column's name of %zu bytes; expected at most %d",
                          (const char *)text.data, text.size, name_bytes_max);
    if (!text_unescape(name, text))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "'%.*s': a %% begins a byte such as %%2C, and is %%25 itself",
                          (int)text.size, (const char *)text.data);
    if (name->size > 0 && memchr(name->data, '\0', name->size) != NULL)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "'%.*s': a column's name can't have %%00 in it", (int)text.size,
                          (const char *)text.data);
    return FKV_OK;
}

static enum fkv_status parse_type(struct buf *format, struct slice text, struct fkv_error *error)
{
    char type[type_bytes_max + 1];
    if (text.size > type_bytes_max)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "'%.40s...' isn't a type: it is longer than any, %d bytes",
                          (const char *)text.data, type_bytes_max);
    memcpy(type, text.data, text.size);
    type[text.size] = '\0';
    return write_format(format, type) ? FKV_OK : unknown_type(type, error);
}

static enum fkv_status parse_item(struct table_types *types, struct slice item,
                                  struct fkv_error *error)
{
    struct buf name, format;
    const uint8_t *equals = item.size > 0 ? memchr(item.data, '=', item.size) : NULL;
    if (equals == NULL || equals == item.data)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "'%.*s' isn't COLUMN=TYPE, as in id=int64,day=date32[day]",
                          (int)item.size, (const char *)item.data);
    buf_init(&name, alloc_system(), name_bytes_max + 1); /* the NUL behind it */
    buf_init(&format, alloc_system(), type_bytes_max + 1);
    size_t name_size = (size_t)(equals - item.data);
    enum fkv_status status = parse_name(&name, trim(slice_part(item, 0, name_size)), error);
    if (status == FKV_OK)
        status = parse_type(
            &format, trim(slice_part(item, name_size + 1, item.size - name_size - 1)), error);
    if (status == FKV_OK)
        status = check_new(types, buf_c_text(&name), error);
    if (status == FKV_OK)
        status = add(types, &name, &format, error);
    buf_done(&name);
    buf_done(&format);
    return status;
}

enum fkv_status table_types_parse(const char *text, struct table_types *ret,
                                  struct fkv_error *error)
{
    struct table_types types = {0};
    enum fkv_status status = FKV_OK;
    for (bool is_last = false; status == FKV_OK && !is_last;) {
        size_t size = item_size(text);
        status = parse_item(&types, trim(slice_of(text, size)), error);
        is_last = text[size] == '\0';
        text += size + !is_last;
    }
    if (status == FKV_OK)
        *ret = types;
    else
        table_types_done(&types);
    return status;
}

void table_types_done(struct table_types *types)
{
    for (size_t i = 0; i < types->count; i++) {
        alloc_free(alloc_system(), (void *)types->items[i].name);
        alloc_free(alloc_system(), (void *)types->items[i].format);
    }
    alloc_free(alloc_system(), types->items);
    *types = (struct table_types){0};
}
