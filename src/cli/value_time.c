/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/value_time.h"

#include <inttypes.h>

#include "cli/value_number.h"
#include "cli/width.h"

static const int64_t day_seconds = 86400;

static int64_t ticks_per_second(char unit)
{
    return unit == 's' ? 1 : unit == 'm' ? 1000 : unit == 'u' ? 1000000 : 1000000000;
}

static int fraction_digits(char unit)
{
    return unit == 's' ? 0 : unit == 'm' ? 3 : unit == 'u' ? 6 : 9;
}

/* Rounds down, and gives what is left, which isn't negative. */
static int64_t divide_down(int64_t value, int64_t by, int64_t *ret_rest)
{
    int64_t quotient = value / by, rest = value % by;
    if (rest < 0) {
        rest += by;
        quotient--;
    }
    *ret_rest = rest;
    return quotient;
}

/* The proleptic Gregorian calendar, by eras of 400 years that begin on a 1st of March.
 * H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
void value_date(struct buf *out, int64_t days)
{
    int64_t day_of_era;
    int64_t era = divide_down(days, 146097, &day_of_era); /* counted from 1970-01-01 */
    day_of_era += 719468 % 146097;
    era += 719468 / 146097 + day_of_era / 146097;
    day_of_era %= 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    int64_t year = era * 400 + year_of_era + (month <= 2);
    /* ISO 8601: years of more or less than four digits carry a sign. */
    if (year < 0 || year > 9999)
        buf_byte(out, year < 0 ? '-' : '+');
    value_padded(out, (uint64_t)(year < 0 ? -year : year), 4);
    buf_byte(out, '-');
    value_padded(out, (uint64_t)month, 2);
    buf_byte(out, '-');
    value_padded(out, (uint64_t)day, 2);
}

static void append_clock(struct buf *out, int64_t seconds, int64_t fraction, char unit)
{
    value_padded(out, (uint64_t)seconds / 3600, 2);
    buf_byte(out, ':');
    value_padded(out, (uint64_t)seconds / 60 % 60, 2);
    buf_byte(out, ':');
    value_padded(out, (uint64_t)seconds % 60, 2);
    if (fraction == 0)
        return;
    buf_byte(out, '.');
    value_padded(out, (uint64_t)fraction, fraction_digits(unit));
}

void value_date_ms(struct buf *out, int64_t ms)
{
    int64_t rest, fraction;
    value_date(out, divide_down(ms, day_seconds * 1000, &rest));
    if (rest == 0)
        return;
    rest = divide_down(rest, 1000, &fraction);
    buf_byte(out, 'T');
    append_clock(out, rest, fraction, 'm');
}

bool value_is_time(int64_t ticks, char unit)
{
    return ticks >= 0 && ticks / ticks_per_second(unit) < day_seconds;
}

/* Arrow allows no time outside a day; one that is there is shown as the number it is. */
void value_time(struct buf *out, int64_t ticks, char unit)
{
    int64_t fraction;
    int64_t seconds = divide_down(ticks, ticks_per_second(unit), &fraction);
    if (!value_is_time(ticks, unit))
        buf_printf(out, "<%" PRId64 ">", ticks);
    else
        append_clock(out, seconds, fraction, unit);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "+02:00", "-0330", "+02" */
static bool parse_offset(const char *zone, int64_t *ret_seconds)
{
    if (zone[0] != '+' && zone[0] != '-')
        return false;
    char digits[4] = "0000";
    size_t count = 0, at = 1;
    for (; zone[at] != '\0'; at++) {
        if (zone[at] == ':' && at == 3)
            continue;
        if (!is_digit(zone[at]) || count == sizeof digits)
            return false;
        digits[count++] = zone[at];
    }
    if (count != 2 && count != 4)
        return false;
    int64_t hours = (digits[0] - '0') * 10 + digits[1] - '0';
    int64_t minutes = (digits[2] - '0') * 10 + digits[3] - '0';
    *ret_seconds = (hours * 60 + minutes) * (zone[0] == '-' ? -60 : 60);
    return minutes < 60;
}

static void append_date_and_clock(struct buf *out, int64_t seconds, int64_t fraction, char unit,
                                  char between)
{
    int64_t of_day;
    value_date(out, divide_down(seconds, day_seconds, &of_day));
    buf_byte(out, (uint8_t)between);
    append_clock(out, of_day, fraction, unit);
}

void value_timestamp_utc(struct buf *out, int64_t ticks, char unit, char between, bool is_instant)
{
    int64_t fraction;
    int64_t seconds = divide_down(ticks, ticks_per_second(unit), &fraction);
    append_date_and_clock(out, seconds, fraction, unit, between);
    if (is_instant)
        buf_byte(out, 'Z');
}

void value_timestamp(struct buf *out, int64_t ticks, char unit, const char *zone)
{
    int64_t fraction, offset = 0;
    int64_t seconds = divide_down(ticks, ticks_per_second(unit), &fraction);
    bool has_offset =
        parse_offset(zone, &offset) && seconds < INT64_MAX - 400000 && seconds > INT64_MIN + 400000;
    append_date_and_clock(out, has_offset ? seconds + offset : seconds, fraction, unit, 'T');
    if (*zone == '\0')
        return;
    if (has_offset) {
        width_escape(out, slice_text(zone), 0);
        return;
    }
    buf_byte(out, 'Z');
    if (strcmp(zone, "UTC") != 0 && strcmp(zone, "Z") != 0) {
        buf_byte(out, '[');
        width_escape(out, slice_text(zone), 0);
        buf_byte(out, ']');
    }
}

void value_duration(struct buf *out, int64_t ticks, char unit)
{
    const char *name = unit == 's' ? "s" : unit == 'm' ? "ms" : unit == 'u' ? "us" : "ns";
    buf_printf(out, "%" PRId64 "%s", ticks, name);
}

void value_months(struct buf *out, int32_t months)
{
    buf_printf(out, "%" PRId32 "mo", months);
}

void value_day_time(struct buf *out, int32_t days, int32_t ms)
{
    buf_printf(out, "%" PRId32 "d %" PRId32 "ms", days, ms);
}

void value_month_day_nano(struct buf *out, int32_t months, int32_t days, int64_t ns)
{
    buf_printf(out, "%" PRId32 "mo %" PRId32 "d %" PRId64 "ns", months, days, ns);
}

void value_interval_iso(struct buf *out, int32_t months, int32_t days, int64_t ns)
{
    int64_t seconds = ns / 1000000000, fraction = ns % 1000000000;
    buf_byte(out, 'P');
    if (months != 0)
        buf_printf(out, "%" PRId32 "M", months);
    if (days != 0 || (months == 0 && ns == 0))
        buf_printf(out, "%" PRId32 "D", days);
    if (ns != 0)
        buf_printf(out, "T%s%" PRId64, ns < 0 ? "-" : "", seconds < 0 ? -seconds : seconds);
    if (fraction != 0)
        buf_printf(out, ".%09" PRId64, fraction < 0 ? -fraction : fraction);
    if (ns != 0)
        buf_byte(out, 'S');
}
