/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The formats that are one fixed word, and the beginnings of those that aren't. */
struct format_row {
    const char *text;
    enum ipc_type type;
    int32_t bit_width;
    bool is_signed;
    int32_t unit; /* the union mode too */
    bool has_rest;
};

static const struct format_row format_rows[] = {
    {"n", IPC_TYPE_NULL, 0, false, 0, false},
    {"b", IPC_TYPE_BOOL, 0, false, 0, false},
    {"c", IPC_TYPE_INT, 8, true, 0, false},
    {"C", IPC_TYPE_INT, 8, false, 0, false},
    {"s", IPC_TYPE_INT, 16, true, 0, false},
    {"S", IPC_TYPE_INT, 16, false, 0, false},
    {"i", IPC_TYPE_INT, 32, true, 0, false},
    {"I", IPC_TYPE_INT, 32, false, 0, false},
    {"l", IPC_TYPE_INT, 64, true, 0, false},
    {"L", IPC_TYPE_INT, 64, false, 0, false},
    {"e", IPC_TYPE_FLOATING_POINT, 0, false, IPC_HALF, false},
    {"f", IPC_TYPE_FLOATING_POINT, 0, false, IPC_SINGLE, false},
    {"g", IPC_TYPE_FLOATING_POINT, 0, false, IPC_DOUBLE, false},
    {"z", IPC_TYPE_BINARY, 0, false, 0, false},
    {"Z", IPC_TYPE_LARGE_BINARY, 0, false, 0, false},
    {"vz", IPC_TYPE_BINARY_VIEW, 0, false, 0, false},
    {"u", IPC_TYPE_UTF8, 0, false, 0, false},
    {"U", IPC_TYPE_LARGE_UTF8, 0, false, 0, false},
    {"vu", IPC_TYPE_UTF8_VIEW, 0, false, 0, false},
    {"d:", IPC_TYPE_DECIMAL, 0, false, 0, true},
    {"w:", IPC_TYPE_FIXED_SIZE_BINARY, 0, false, 0, true},
    {"tdD", IPC_TYPE_DATE, 0, false, IPC_DAY, false},
    {"tdm", IPC_TYPE_DATE, 0, false, IPC_DATE_MILLISECOND, false},
    {"tts", IPC_TYPE_TIME, 32, false, IPC_SECOND, false},
    {"ttm", IPC_TYPE_TIME, 32, false, IPC_MILLISECOND, false},
    {"ttu", IPC_TYPE_TIME, 64, false, IPC_MICROSECOND, false},
    {"ttn", IPC_TYPE_TIME, 64, false, IPC_NANOSECOND, false},
    {"tss:", IPC_TYPE_TIMESTAMP, 0, false, IPC_SECOND, true},
    {"tsm:", IPC_TYPE_TIMESTAMP, 0, false, IPC_MILLISECOND, true},
    {"tsu:", IPC_TYPE_TIMESTAMP, 0, false, IPC_MICROSECOND, true},
    {"tsn:", IPC_TYPE_TIMESTAMP, 0, false, IPC_NANOSECOND, true},
    {"tDs", IPC_TYPE_DURATION, 0, false, IPC_SECOND, false},
    {"tDm", IPC_TYPE_DURATION, 0, false, IPC_MILLISECOND, false},
    {"tDu", IPC_TYPE_DURATION, 0, false, IPC_MICROSECOND, false},
    {"tDn", IPC_TYPE_DURATION, 0, false, IPC_NANOSECOND, false},
    {"tiM", IPC_TYPE_INTERVAL, 0, false, IPC_YEAR_MONTH, false},
    {"tiD", IPC_TYPE_INTERVAL, 0, false, IPC_DAY_TIME, false},
    {"tin", IPC_TYPE_INTERVAL, 0, false, IPC_MONTH_DAY_NANO, false},
    {"+l", IPC_TYPE_LIST, 0, false, 0, false},
    {"+L", IPC_TYPE_LARGE_LIST, 0, false, 0, false},
    {"+vl", IPC_TYPE_LIST_VIEW, 0, false, 0, false},
    {"+vL", IPC_TYPE_LARGE_LIST_VIEW, 0, false, 0, false},
    {"+w:", IPC_TYPE_FIXED_SIZE_LIST, 0, false, 0, true},
    {"+s", IPC_TYPE_STRUCT, 0, false, 0, false},
    {"+m", IPC_TYPE_MAP, 0, false, 0, false},
    {"+ud:", IPC_TYPE_UNION, 0, false, IPC_DENSE, true},
    {"+us:", IPC_TYPE_UNION, 0, false, IPC_SPARSE, true},
    {"+r", IPC_TYPE_RUN_END_ENCODED, 0, false, 0, false},
};

enum { format_count = sizeof format_rows / sizeof format_rows[0], decimal_bits_usual = 128 };

static const struct format_row *row_of_text(const char *format)
{
    for (size_t i = 0; i < format_count; i++) {
        const struct format_row *row = &format_rows[i];
        if (row->has_rest ? strncmp(format, row->text, strlen(row->text)) == 0
                          : strcmp(format, row->text) == 0)
            return row;
    }
    return NULL;
}

/* A decimal number within [least, most] at *text, which moves behind it. */
static bool take_number(const char **text, long least, long most, int32_t *ret)
{
    const char *first = **text == '-' ? *text + 1 : *text;
    if (*first < '0' || *first > '9')
        return false;
    char *end;
    long value =
        strtol(*text, &end, 10); /* out of range gives LONG_MAX or LONG_MIN: refused below */
    if (value < least || value > most)
        return false;
    *text = end;
    *ret = (int32_t)value;
    return true;
}

/* "19,10" or "19,10,256" */
static bool parse_decimal(const char *rest, struct ipc_field *ret)
{
    ret->bit_width = decimal_bits_usual;
    if (!take_number(&rest, 1, 76, &ret->precision) || *rest++ != ',' ||
        !take_number(&rest, INT32_MIN, INT32_MAX, &ret->scale))
        return false;
    if (*rest == ',') {
        rest++;
        if (!take_number(&rest, 1, 256, &ret->bit_width))
            return false;
    }
    return *rest == '\0';
}

static bool parse_size(const char *rest, int32_t *ret)
{
    return take_number(&rest, 0, INT32_MAX, ret) && *rest == '\0';
}

static bool parse_rest(const char *rest, struct ipc_field *ret)
{
    switch (ret->type) {
    case IPC_TYPE_DECIMAL:
        return parse_decimal(rest, ret);
    case IPC_TYPE_FIXED_SIZE_BINARY:
        return parse_size(rest, &ret->byte_width);
    case IPC_TYPE_FIXED_SIZE_LIST:
        return parse_size(rest, &ret->list_size);
    case IPC_TYPE_TIMESTAMP:
        ret->timezone = slice_text(rest);
        return true;
    default:
        return true;
    }
}

bool ipc_format_parse(const char *format, struct ipc_field *ret)
{
    const struct format_row *row = row_of_text(format);
    if (row == NULL)
        return false;
    ret->type = row->type;
    ret->bit_width = row->bit_width;
    ret->is_signed = row->is_signed;
    if (row->type == IPC_TYPE_UNION)
        ret->union_mode = row->unit;
    else
        ret->unit = row->unit;
    return !row->has_rest || parse_rest(format + strlen(row->text), ret);
}

int ipc_format_type_ids(const char *format, int32_t *ret, int limit)
{
    const char *rest = strchr(format, ':');
    if (rest == NULL)
        return -1;
    if (*++rest == '\0')
        return 0;
    for (int count = 0; count < limit; rest++) {
        if (!take_number(&rest, 0, 127, &ret[count++]))
            return -1;
        if (*rest == '\0')
            return count;
        if (*rest != ',')
            return -1;
    }
    return -1;
}

size_t ipc_format_size(const struct ipc_field *field)
{
    size_t type_ids = field->type == IPC_TYPE_UNION ? field->child_count : 0;
    return ipc_format_fixed_size + field->timezone.size + 4 * type_ids;
}

static const struct format_row *row_of_field(const struct ipc_field *field)
{
    int32_t unit = field->type == IPC_TYPE_UNION ? field->union_mode : field->unit;
    for (size_t i = 0; i < format_count; i++) {
        const struct format_row *row = &format_rows[i];
        if (row->type == field->type && row->unit == unit && row->is_signed == field->is_signed &&
            (row->bit_width == 0 || row->bit_width == field->bit_width))
            return row;
    }
    return NULL;
}

static void print_rest(const struct ipc_field *field, char *ret, size_t room)
{
    switch (field->type) {
    case IPC_TYPE_DECIMAL:
        if (field->bit_width == decimal_bits_usual)
            snprintf(ret, room, "%d,%d", (int)field->precision, (int)field->scale);
        else
            snprintf(ret, room, "%d,%d,%d", (int)field->precision, (int)field->scale,
                     (int)field->bit_width);
        break;
    case IPC_TYPE_FIXED_SIZE_BINARY:
        snprintf(ret, room, "%d", (int)field->byte_width);
        break;
    case IPC_TYPE_FIXED_SIZE_LIST:
        snprintf(ret, room, "%d", (int)field->list_size);
        break;
    case IPC_TYPE_TIMESTAMP:
        snprintf(ret, room, "%.*s", (int)field->timezone.size, (const char *)field->timezone.data);
        break;
    case IPC_TYPE_UNION:
        *ret = '\0';
        for (uint32_t i = 0; i < field->child_count; i++) {
            size_t used = strlen(ret);
            snprintf(ret + used, room - used, i == 0 ? "%d" : ",%d", (int)field->type_ids[i]);
        }
        break;
    default:
        break;
    }
}

void ipc_format_print(const struct ipc_field *field, bool as_values, char *ret, size_t room)
{
    struct ipc_field indices = {.type = IPC_TYPE_INT,
                                .bit_width = field->dictionary.index_bits,
                                .is_signed = field->dictionary.index_is_signed};
    if (field->is_dictionary && !as_values)
        field = &indices;
    const struct format_row *row = row_of_field(field);
    if (row == NULL) { /* no schema that was decoded has such a field */
        *ret = '\0';
        return;
    }
    size_t used = (size_t)snprintf(ret, room, "%s", row->text);
    if (row->has_rest)
        print_rest(field, ret + used, room - used);
}
