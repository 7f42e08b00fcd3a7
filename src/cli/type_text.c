/* SPDX-License-Identifier: Apache-2.0 */
/* Format strings: https://arrow.apache.org/docs/format/CDataInterface.html#format-strings */
#include "cli/type_text.h"

#include <stdlib.h>

#include "cli/width.h"

enum { depth_max = 64 };

static const struct {
    const char *format;
    const char *text;
} plain_types[] = {
    {"n", "null"},
    {"b", "bool"},
    {"c", "int8"},
    {"C", "uint8"},
    {"s", "int16"},
    {"S", "uint16"},
    {"i", "int32"},
    {"I", "uint32"},
    {"l", "int64"},
    {"L", "uint64"},
    {"e", "halffloat"},
    {"f", "float"},
    {"g", "double"},
    {"z", "binary"},
    {"Z", "large_binary"},
    {"vz", "binary_view"},
    {"u", "string"},
    {"U", "large_string"},
    {"vu", "string_view"},
    {"tdD", "date32[day]"},
    {"tdm", "date64[ms]"},
    {"tts", "time32[s]"},
    {"ttm", "time32[ms]"},
    {"ttu", "time64[us]"},
    {"ttn", "time64[ns]"},
    {"tDs", "duration[s]"},
    {"tDm", "duration[ms]"},
    {"tDu", "duration[us]"},
    {"tDn", "duration[ns]"},
    {"tiM", "month_interval"},
    {"tiD", "day_time_interval"},
    {"tin", "month_day_nano_interval"},
};

static bool write_plain(struct buf *out, const char *format)
{
    for (size_t i = 0; i < sizeof plain_types / sizeof plain_types[0]; i++) {
        if (strcmp(format, plain_types[i].format) == 0)
            return buf_text(out, plain_types[i].text);
    }
    return false;
}

static const char *unit_of(char letter)
{
    return letter == 's' ? "s" : letter == 'm' ? "ms" : letter == 'u' ? "us" : "ns";
}

static void write_timestamp(struct buf *out, const char *format)
{
    const char *zone = strchr(format, ':');
    buf_printf(out, "timestamp[%s", unit_of(format[2]));
    if (zone != NULL && zone[1] != '\0') {
        buf_text(out, ", tz=");
        width_escape(out, slice_text(zone + 1), 0);
    }
    buf_byte(out, ']');
}

/* "d:19,10" and "d:19,10,256" */
static void write_decimal(struct buf *out, const char *format)
{
    char *end;
    long precision = strtol(format + 2, &end, 10);
    long scale = *end == ',' ? strtol(end + 1, &end, 10) : 0;
    long bits = *end == ',' ? strtol(end + 1, &end, 10) : 128;
    buf_printf(out, "decimal%ld(%ld, %ld)", bits, precision, scale);
}

static void write_type(struct buf *out, const struct ArrowSchema *schema, unsigned depth);

/* "name: type", and ", ..." for all of them. */
static void write_children(struct buf *out, const struct ArrowSchema *schema, unsigned depth)
{
    for (int64_t i = 0; i < schema->n_children && !out->failed; i++) {
        const struct ArrowSchema *child = schema->children[i];
        buf_text(out, i > 0 ? ", " : "");
        if (child->name != NULL)
            width_escape(out, slice_text(child->name), 0);
        buf_text(out, ": ");
        write_type(out, child, depth);
        if (!(child->flags & ARROW_FLAG_NULLABLE))
            buf_text(out, " not null");
    }
}

static void write_around(struct buf *out, const char *before, const struct ArrowSchema *schema,
                         const char *after, unsigned depth)
{
    buf_text(out, before);
    write_children(out, schema, depth);
    buf_text(out, after);
}

/* map<string, int32 ('name')> in pyarrow; the names of key and value say nothing here. */
static void write_map(struct buf *out, const struct ArrowSchema *schema, unsigned depth)
{
    const struct ArrowSchema *entry = schema->n_children == 1 ? schema->children[0] : NULL;
    buf_text(out, "map<");
    if (entry != NULL && entry->n_children == 2) {
        write_type(out, entry->children[0], depth);
        buf_text(out, ", ");
        write_type(out, entry->children[1], depth);
    }
    if (schema->flags & ARROW_FLAG_MAP_KEYS_SORTED)
        buf_text(out, ", keys_sorted");
    buf_byte(out, '>');
}

static void write_union(struct buf *out, const char *format, const struct ArrowSchema *schema,
                        unsigned depth)
{
    const char *id = format + 4;
    buf_text(out, format[2] == 'd' ? "dense_union<" : "sparse_union<");
    for (int64_t i = 0; i < schema->n_children && !out->failed; i++) {
        const struct ArrowSchema *child = schema->children[i];
        size_t size = strcspn(id, ",");
        buf_text(out, i > 0 ? ", " : "");
        width_escape(out, slice_text(child->name != NULL ? child->name : ""), 0);
        buf_text(out, ": ");
        write_type(out, child, depth);
        buf_printf(out, "=%.*s", (int)size, id);
        id += size + (id[size] == ',');
    }
    buf_byte(out, '>');
}

static void write_run_end_encoded(struct buf *out, const struct ArrowSchema *schema, unsigned depth)
{
    buf_text(out, "run_end_encoded<");
    for (int64_t i = 0; i < schema->n_children && i < 2; i++) {
        buf_text(out, i == 0 ? "run_ends: " : ", values: ");
        write_type(out, schema->children[i], depth);
    }
    buf_byte(out, '>');
}

static bool starts(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

static void write_nested(struct buf *out, const char *format, const struct ArrowSchema *schema,
                         unsigned depth)
{
    if (strcmp(format, "+s") == 0)
        write_around(out, "struct<", schema, ">", depth);
    else if (strcmp(format, "+l") == 0)
        write_around(out, "list<", schema, ">", depth);
    else if (strcmp(format, "+L") == 0)
        write_around(out, "large_list<", schema, ">", depth);
    else if (strcmp(format, "+vl") == 0)
        write_around(out, "list_view<", schema, ">", depth);
    else if (strcmp(format, "+vL") == 0)
        write_around(out, "large_list_view<", schema, ">", depth);
    else if (starts(format, "+w:")) {
        write_around(out, "fixed_size_list<", schema, ">", depth);
        buf_printf(out, "[%ld]", strtol(format + 3, NULL, 10));
    } else if (strcmp(format, "+m") == 0)
        write_map(out, schema, depth);
    else if (strcmp(format, "+r") == 0)
        write_run_end_encoded(out, schema, depth);
    else if (starts(format, "+ud:") || starts(format, "+us:"))
        write_union(out, format, schema, depth);
    else
        width_escape(out, slice_text(format), 0);
}

static void write_format(struct buf *out, const struct ArrowSchema *schema, unsigned depth)
{
    const char *format = schema->format;
    if (write_plain(out, format))
        return;
    if (starts(format, "ts") && format[2] != '\0')
        write_timestamp(out, format);
    else if (starts(format, "d:"))
        write_decimal(out, format);
    else if (starts(format, "w:"))
        buf_printf(out, "fixed_size_binary[%ld]", strtol(format + 2, NULL, 10));
    else
        write_nested(out, format, schema, depth);
}

static void write_dictionary(struct buf *out, const struct ArrowSchema *schema, unsigned depth)
{
    buf_text(out, "dictionary<values=");
    write_type(out, schema->dictionary, depth);
    buf_text(out, ", indices=");
    write_format(out, schema, depth);
    buf_printf(out, ", ordered=%d>", schema->flags & ARROW_FLAG_DICTIONARY_ORDERED ? 1 : 0);
}

static void write_type(struct buf *out, const struct ArrowSchema *schema, unsigned depth)
{
    struct slice extension;
    if (depth == 0) {
        buf_text(out, "...");
    } else if (type_metadata(schema, "ARROW:extension:name", &extension)) {
        buf_text(out, "extension<");
        width_escape(out, extension, 0);
        buf_byte(out, '>');
    } else if (schema->dictionary != NULL) {
        write_dictionary(out, schema, depth - 1);
    } else {
        write_format(out, schema, depth - 1);
    }
}

void type_text(struct buf *out, const struct ArrowSchema *schema)
{
    write_type(out, schema, depth_max);
}

bool type_is_number(const struct ArrowSchema *schema)
{
    while (strcmp(schema->format, "+r") == 0 && schema->n_children == 2)
        schema = schema->children[1];
    if (schema->dictionary != NULL)
        return type_is_number(schema->dictionary);
    return (strlen(schema->format) == 1 && strchr("cCsSiIlLefg", schema->format[0]) != NULL) ||
           starts(schema->format, "d:") || starts(schema->format, "tD");
}

/* Metadata is int32 n, then n times: int32 size, key, int32 size, value; in the machine's order. */
static int32_t take_int32(const char **at)
{
    int32_t value;
    memcpy(&value, *at, sizeof value);
    *at += sizeof value;
    return value;
}

static struct slice take_text(const char **at)
{
    int32_t size = take_int32(at);
    struct slice text = slice_of(*at, size > 0 ? (size_t)size : 0);
    *at += text.size;
    return text;
}

bool type_metadata(const struct ArrowSchema *schema, const char *key, struct slice *ret)
{
    const char *at = schema->metadata;
    int32_t count = at != NULL ? take_int32(&at) : 0;
    for (int32_t i = 0; i < count; i++) {
        struct slice name = take_text(&at), value = take_text(&at);
        if (slice_is(name, key)) {
            *ret = value;
            return true;
        }
    }
    return false;
}
