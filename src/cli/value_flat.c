/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/value_flat.h"

#include <string.h>

#include "cli/value_number.h"
#include "cli/value_shortest.h"
#include "cli/value_time.h"

bool value_number(struct buf *out, const struct cell *cell, int64_t position)
{
    char format = cell->schema->format[0];
    const struct ArrowArray *array = cell->array;
    uint16_t half;
    float single;
    double wide;
    int64_t integer;
    bool truth;
    if (format == 'b' && cell_bool(cell, position, &truth))
        buf_text(out, truth ? "true" : "false");
    else if (format == 'e' && cell_load(array, 1, position, sizeof half, &half))
        value_half(out, half);
    else if (format == 'f' && cell_load(array, 1, position, sizeof single, &single))
        value_float(out, single);
    else if (format == 'g' && cell_load(array, 1, position, sizeof wide, &wide))
        value_double(out, wide);
    else if (format == 'L' && cell_integer(cell, position, &integer))
        value_unsigned(out, (uint64_t)integer);
    else if (cell_integer(cell, position, &integer))
        value_integer(out, integer);
    else
        return false;
    return true;
}

bool value_decimal_cell(struct buf *out, const struct cell *cell, int64_t position)
{
    uint8_t bytes[cell_decimal_max];
    size_t size;
    long scale;
    if (!cell_decimal(cell, position, bytes, &size, &scale))
        return false;
    value_decimal(out, bytes, size, scale);
    return true;
}

/* ---- times ---- */

static bool write_interval(struct buf *out, const struct cell *cell, int64_t position,
                           enum value_style style)
{
    struct {
        int32_t months;
        int32_t days;
        int64_t ns;
    } parts;
    int32_t pair[2];
    char kind = cell->schema->format[2];
    bool is_iso = style != VALUE_FOR_PEOPLE;
    const struct ArrowArray *array = cell->array;
    if (kind == 'M' && cell_load(array, 1, position, sizeof pair[0], pair))
        is_iso ? value_interval_iso(out, pair[0], 0, 0) : value_months(out, pair[0]);
    else if (kind == 'D' && cell_load(array, 1, position, sizeof pair, pair))
        is_iso ? value_interval_iso(out, 0, pair[0], pair[1] * INT64_C(1000000))
               : value_day_time(out, pair[0], pair[1]);
    else if (kind == 'n' && cell_load(array, 1, position, sizeof parts, &parts))
        is_iso ? value_interval_iso(out, parts.months, parts.days, parts.ns)
               : value_month_day_nano(out, parts.months, parts.days, parts.ns);
    else
        return false;
    return true;
}

static void write_timestamp(struct buf *out, const char *format, int64_t ticks,
                            enum value_style style)
{
    const char *zone = format[3] == ':' ? format + 4 : "";
    if (style == VALUE_FOR_PEOPLE)
        value_timestamp(out, ticks, format[2], zone);
    else
        value_timestamp_utc(out, ticks, format[2], style == VALUE_FOR_CSV ? ' ' : 'T',
                            *zone != '\0');
}

bool value_time_cell(struct buf *out, const struct cell *cell, int64_t position,
                     enum value_style style)
{
    const char *format = cell->schema->format;
    bool is_narrow =
        strcmp(format, "tdD") == 0 || strcmp(format, "tts") == 0 || strcmp(format, "ttm") == 0;
    int64_t ticks;
    if (format[1] == 'i')
        return write_interval(out, cell, position, style);
    if (format[1] == '\0' || format[2] == '\0' || !cell_ticks(cell, position, !is_narrow, &ticks))
        return false;
    if (format[1] == 't' && style != VALUE_FOR_PEOPLE && !value_is_time(ticks, format[2]))
        return false;
    if (strcmp(format, "tdD") == 0)
        value_date(out, ticks);
    else if (strcmp(format, "tdm") == 0)
        value_date_ms(out, ticks);
    else if (format[1] == 't')
        value_time(out, ticks, format[2]);
    else if (format[1] == 's')
        write_timestamp(out, format, ticks, style);
    else if (format[1] == 'D' && style == VALUE_FOR_PEOPLE)
        value_duration(out, ticks, format[2]);
    else if (format[1] == 'D')
        value_integer(out, ticks);
    else
        return false;
    return true;
}
