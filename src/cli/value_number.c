/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/value_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { number_size = 64 };

void value_unsigned(struct buf *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    buf_append(out, digits + at, sizeof digits - at);
}

void value_padded(struct buf *out, uint64_t value, int width)
{
    char digits[20];
    size_t at = sizeof digits;
    while (value > 0 || width > 0) {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
        width--;
    }
    buf_append(out, digits + at, sizeof digits - at);
}

void value_integer(struct buf *out, int64_t value)
{
    if (value < 0)
        buf_byte(out, '-');
    value_unsigned(out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

/* "1" reads as a whole number: a floating-point one is "1.0". */
static void append_number(struct buf *out, const char *text)
{
    buf_text(out, text);
    if (strspn(text, "-0123456789") == strlen(text))
        buf_text(out, ".0");
}

static bool append_special(struct buf *out, double value)
{
    if (isnan(value))
        return buf_text(out, "nan");
    if (isinf(value))
        return buf_text(out, value < 0 ? "-inf" : "inf");
    return false;
}

/* IEEE 754 binary16. */
static double half_to_double(uint16_t bits)
{
    int exponent = bits >> 10 & 0x1f;
    int fraction = bits & 0x3ff;
    double value;
    if (exponent == 0x1f)
        value = fraction != 0 ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        value = ldexp(fraction, -24);
    else
        value = ldexp(fraction + 0x400, exponent - 25);
    return bits & 0x8000 ? -value : value;
}

/* Whether `candidate` lies nearer to this half than to either neighbour. */
static bool reads_back_as_half(double candidate, uint16_t bits)
{
    uint16_t magnitude = bits & 0x7fff;
    double value = half_to_double(magnitude), distance = fabs(fabs(candidate) - value);
    bool is_below =
        magnitude == 0x7bff || distance < half_to_double(magnitude + 1) - value - distance;
    bool is_above = magnitude == 0 || distance < value - half_to_double(magnitude - 1) - distance;
    return is_below && is_above;
}

void value_half(struct buf *out, uint16_t bits)
{
    char text[number_size];
    double value = half_to_double(bits);
    if (append_special(out, value))
        return;
    for (int digits = 1; digits <= 5; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (reads_back_as_half(strtod(text, NULL), bits))
            break;
    }
    if (trunc(value) == value) /* 65500 would read back as 65504, but who would know */
        snprintf(text, sizeof text, "%.0f", value);
    append_number(out, text);
}

/* ---- decimals ---- */

enum { limbs_max = 8, decimal_digits_max = 80 };

/* The magnitude of a two's complement integer in `limbs`, the least significant first. */
static bool load_magnitude(uint32_t limbs[limbs_max], const void *bytes, size_t size)
{
    size_t count = size / sizeof limbs[0];
    memcpy(limbs, bytes, size);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (size_t i = 0; i < count / 2; i++) {
        uint32_t limb = limbs[i];
        limbs[i] = limbs[count - 1 - i];
        limbs[count - 1 - i] = limb;
    }
#endif
    bool is_negative = limbs[count - 1] >> 31;
    uint64_t carry = 1;
    for (size_t i = 0; is_negative && i < count; i++) {
        carry += (uint32_t)~limbs[i];
        limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return is_negative;
}

static unsigned divide_by_ten(uint32_t *limbs, size_t count)
{
    uint64_t rest = 0;
    for (size_t i = count; i > 0; i--) {
        uint64_t part = rest << 32 | limbs[i - 1];
        limbs[i - 1] = (uint32_t)(part / 10);
        rest = part % 10;
    }
    return (unsigned)rest;
}

static bool is_zero(const uint32_t *limbs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (limbs[i] != 0)
            return false;
    return true;
}

static void append_scaled(struct buf *out, const char *digits, long scale)
{
    long count = (long)strlen(digits);
    if (scale < -decimal_digits_max || scale > 2 * decimal_digits_max) {
        buf_printf(out, "%sE%+ld", digits, -scale);
    } else if (scale <= 0) {
        buf_printf(
            out, "%s%.*s", digits, strcmp(digits, "0") == 0 ? 0 : (int)-scale,
            "00000000000000000000000000000000000000000000000000000000000000000000000000000000");
    } else if (count > scale) {
        buf_printf(out, "%.*s.%s", (int)(count - scale), digits, digits + count - scale);
    } else {
        buf_text(out, "0.");
        for (long i = count; i < scale; i++)
            buf_byte(out, '0');
        buf_text(out, digits);
    }
}

void value_decimal(struct buf *out, const void *bytes, size_t size, long scale)
{
    uint32_t limbs[limbs_max];
    char digits[decimal_digits_max + 1];
    size_t at = sizeof digits - 1, count = size / sizeof limbs[0];
    bool is_negative = load_magnitude(limbs, bytes, size);
    digits[at] = '\0';
    do
        digits[--at] = (char)('0' + divide_by_ten(limbs, count));
    while (!is_zero(limbs, count));
    if (is_negative)
        buf_byte(out, '-');
    append_scaled(out, digits + at, scale);
}
