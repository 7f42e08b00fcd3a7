/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Scales `bytes` down to the largest binary unit of at least 1; gives the unit's number. */
static unsigned scale_size(uint64_t bytes, double *ret_value)
{
    double value = (double)bytes;
    unsigned unit = 0;
    while (value >= 1023.95 && unit < 6) { /* 1023.95 would be shown as 1024.0 */
        value /= 1024;
        unit++;
    }
    *ret_value = value;
    return unit;
}

const char *text_size(char ret[text_figure_size], uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value;
    unsigned unit = scale_size(bytes, &value);
    snprintf(ret, text_figure_size, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return ret;
}

const char *text_size_short(char ret[text_figure_size], uint64_t bytes)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
    double value;
    unsigned unit = scale_size(bytes, &value);
    snprintf(ret, text_figure_size, unit == 0 ? "%.0f%s" : "%.1f%s", value, units[unit]);
    return ret;
}

const char *text_duration(char ret[text_figure_size], uint64_t ns)
{
    double s = (double)ns / 1e9;
    if (ns < 1000)
        snprintf(ret, text_figure_size, "%" PRIu64 " ns", ns);
    else if (ns < 1000 * 1000)
        snprintf(ret, text_figure_size, "%.0f us", s * 1e6);
    else if (ns < 1000 * 1000 * 1000)
        snprintf(ret, text_figure_size, "%.1f ms", s * 1e3);
    else if (s < 60)
        snprintf(ret, text_figure_size, "%.2f s", s);
    else if (s < 3600)
        snprintf(ret, text_figure_size, "%d m %02d s", (int)s / 60, (int)s % 60);
    else
        snprintf(ret, text_figure_size, "%.0f h %02d m", floor(s / 3600), (int)fmod(s, 3600) / 60);
    return ret;
}

const char *text_count(char ret[text_figure_size], uint64_t count)
{
    char digits[text_figure_size];
    int size = snprintf(digits, sizeof digits, "%" PRIu64, count);
    char *out = ret;
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return ret;
}

/* A non-negative decimal number at *text; moves *text behind it and behind blanks. strtod would ask
 * for a comma where the program's locale has one. */
static bool parse_number(const char **text, double *ret_value)
{
    const char *p = *text;
    double digits = 0, scale = 1;
    if (!isdigit((unsigned char)*p))
        return false;
    for (; isdigit((unsigned char)*p); p++)
        digits = digits * 10 + (*p - '0');
    if (*p == '.') {
        for (p++; isdigit((unsigned char)*p); p++, scale *= 10)
            digits = digits * 10 + (*p - '0');
    }
    if (!isfinite(digits) || !isfinite(scale))
        return false;
    *text = p + strspn(p, " ");
    *ret_value = digits / scale;
    return true;
}

struct unit {
    const char *name;
    double factor;
};

static bool parse_unit(const char *text, const struct unit *units, size_t count, double *ret_factor)
{
    for (size_t i = 0; i < count; i++) {
        const char *a = text, *b = units[i].name;
        while (*a != '\0' && tolower((unsigned char)*a) == tolower((unsigned char)*b)) {
            a++;
            b++;
        }
        if (*a == '\0' && *b == '\0') {
            *ret_factor = units[i].factor;
            return true;
        }
    }
    return false;
}

static bool parse_figure(const char *text, const struct unit *units, size_t count, uint64_t *ret)
{
    double value, factor;
    if (!parse_number(&text, &value) || !parse_unit(text, units, count, &factor))
        return false;
    value = value * factor;
    if (value >= 0x1p63)
        return false;
    *ret = (uint64_t)(value + 0.5);
    return true;
}

bool text_parse_size(const char *text, uint64_t *ret_bytes)
{
    static const struct unit units[] = {
        {"", 1},       {"b", 1},        {"k", 0x1p10},   {"kib", 0x1p10}, {"kb", 1e3},
        {"m", 0x1p20}, {"mib", 0x1p20}, {"mb", 1e6},     {"g", 0x1p30},   {"gib", 0x1p30},
        {"gb", 1e9},   {"t", 0x1p40},   {"tib", 0x1p40}, {"tb", 1e12},
    };
    return parse_figure(text, units, sizeof units / sizeof units[0], ret_bytes);
}

bool text_parse_duration(const char *text, uint64_t *ret_ns)
{
    static const struct unit units[] = {
        {"", 1e9},   {"s", 1e9},    {"ms", 1e6},   {"us", 1e3},    {"ns", 1},
        {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9},
    };
    return parse_figure(text, units, sizeof units / sizeof units[0], ret_ns);
}

size_t text_utf8_length(struct slice bytes, uint32_t *ret_code)
{
    const uint8_t *p = bytes.data;
    if (bytes.size == 0)
        return 0;
    if (p[0] < 0x80) {
        *ret_code = p[0];
        return 1;
    }
    size_t size = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || bytes.size < size)
        return 0;
    uint32_t code = p[0] & (0x7f >> size);
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code = code;
    return size;
}

bool text_is_utf8(struct slice bytes)
{
    uint32_t code;
    while (bytes.size > 0) {
        size_t size = text_utf8_length(bytes, &code);
        if (size == 0)
            return false;
        slice_take(&bytes, size);
    }
    return true;
}

/* Controls (C0, DEL, C1) and the line and paragraph separators would upset a terminal. */
static bool is_printable(uint32_t code)
{
    return code >= 0x20 && !(code >= 0x7f && code < 0xa0) && code != 0x2028 && code != 0x2029;
}

bool text_escape(struct buf *buf, struct slice bytes)
{
    while (bytes.size > 0) {
        uint32_t code;
        size_t size = text_utf8_length(bytes, &code);
        if (size > 0 && is_printable(code) && code != '%')
            buf_append(buf, bytes.data, size);
        else
            buf_printf(buf, "%%%02X", bytes.data[0]);
        slice_take(&bytes, size > 0 && is_printable(code) && code != '%' ? size : 1);
    }
    return !buf->failed;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool text_unescape(struct buf *buf, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '%') {
            buf_byte(buf, text.data[i]);
            continue;
        }
        int high = i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
        int low = i + 2 < text.size ? hex_digit(text.data[i + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        buf_byte(buf, (uint8_t)(high << 4 | low));
        i += 2;
    }
    return !buf->failed;
}

bool text_percent(struct buf *buf, struct slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];
        if (c >= 0x20 && c <= 0x7e && c != '%')
            buf_byte(buf, c);
        else
            buf_printf(buf, "%%%02X", c);
    }
    return !buf->failed;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool text_base64(struct buf *buf, struct slice bytes, bool padded)
{
    while (bytes.size > 0) {
        struct slice three = slice_take(&bytes, 3);
        uint32_t bits = (uint32_t)three.data[0] << 16;
        if (three.size > 1)
            bits |= (uint32_t)three.data[1] << 8;
        if (three.size > 2)
            bits |= three.data[2];
        for (size_t i = 0; i < 4; i++) {
            if (i <= three.size)
                buf_byte(buf, (uint8_t)base64_digits[bits >> (18 - 6 * i) & 63]);
            else if (padded)
                buf_byte(buf, '=');
        }
    }
    return !buf->failed;
}

bool text_unbase64(struct buf *buf, struct slice text)
{
    while (text.size > 0 && text.data[text.size - 1] == '=')
        text.size--;
    if (text.size % 4 == 1)
        return false;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char *digit = text.data[i] == 0 ? NULL : strchr(base64_digits, text.data[i]);
        if (digit == NULL)
            return false;
        bits = bits << 6 | (uint32_t)(digit - base64_digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_byte(buf, (uint8_t)(bits >> have));
        }
    }
    return !buf->failed;
}

enum { nearest_word_size = 64 };

/* Levenshtein distance over one row. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t b_size = strlen(b);
    size_t row[nearest_word_size + 1];
    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; *a != '\0'; a++, i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t above = row[j];
            size_t best = diagonal + (*a != b[j - 1]);
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[b_size];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t count)
{
    size_t size = strlen(word);
    const char *nearest = NULL;
    size_t best = size / 3 + 2; /* further away, a suggestion is noise */
    for (size_t i = 0; i < count && size <= nearest_word_size; i++) {
        if (strlen(candidates[i]) > nearest_word_size)
            continue;
        size_t distance = edit_distance(word, candidates[i]);
        if (distance < best) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}
