/* SPDX-License-Identifier: Apache-2.0 */
/* A number is whole x 2^exponent. Those from about 1e-11 to 1e15, which nearly all are, times ten
 * to some power s have all their digits before the point, and whole x 5^s still fits into 128 bits:
 *
 *     value x 10^s x 2^shift = whole x 5^s, exactly         (shift = -exponent - s)
 *
 * so that how far a decimal lies from the value, and whether that is less than half the way to the
 * next floating-point number, are comparisons of integers. All others are printed and read back,
 * digit after digit, at ten times the cost. */
#include "cli/value_shortest.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

__extension__ typedef unsigned __int128 uint128;

/* Of a type: decimals of `least` digits are all different numbers; `most` tell all apart. */
struct precision {
    int least, most;
    uint64_t limit; /* 10^most */
    int bits;       /* of `whole` */
    double least_normal;
    double (*read)(const char *text);
};

static double read_double(const char *text)
{
    return strtod(text, NULL);
}

static double read_float(const char *text)
{
    return (double)strtof(text, NULL);
}

static const struct precision of_double = {DBL_DIG,      17,      UINT64_C(100000000000000000),
                                           DBL_MANT_DIG, DBL_MIN, read_double};
static const struct precision of_float = {
    FLT_DIG, 9, UINT64_C(1000000000), FLT_MANT_DIG, (double)FLT_MIN, read_float};

/* ---- the slow way ---- */

enum { text_size = 64 };

/* A power of two is read from further above it than below: where the nearest decimal isn't read as
 * it, the one nearest to the middle of that way may be. */
static bool try_digits(char text[text_size], double value, int digits,
                       const struct precision *precision)
{
    snprintf(text, text_size, "%.*g", digits, value);
    int exponent;
    if (precision->read(text) == value || fabs(frexp(value, &exponent)) != 0.5)
        return precision->read(text) == value;
    long double middle = value + ldexpl(value, -precision->bits - 2);
    snprintf(text, text_size, "%.*Lg", digits, middle);
    return precision->read(text) == value;
}

/* "1" reads as a whole number: a floating-point one is "1.0". */
static void append_tried(struct buf *out, double value, const struct precision *precision)
{
    char text[text_size];
    int digits = fabs(value) < precision->least_normal ? 1 : precision->least;
    while (!try_digits(text, value, digits, precision) && digits < precision->most)
        digits++;
    buf_text(out, text);
    if (strspn(text, "-0123456789") == strlen(text))
        buf_text(out, ".0");
}

/* ---- the exact way ---- */

/* digits x 10^-places */
struct decimal {
    uint64_t digits;
    int places;
};

/* A value times 10^s in units of 2^-shift: `units`, of which `below` and `above` is the way to
 * where the neighbours' decimals begin. */
struct scaled {
    uint128 units, below, above;
    int shift;
    bool takes_bounds; /* what lies halfway is rounded to this value, which is even */
};

static bool scale(uint64_t whole, int exponent, int s, struct scaled *ret)
{
    enum { power_max = 27 };
    static const uint64_t powers_of_five[power_max + 1] = {1ull,
                                                           5ull,
                                                           25ull,
                                                           125ull,
                                                           625ull,
                                                           3125ull,
                                                           15625ull,
                                                           78125ull,
                                                           390625ull,
                                                           1953125ull,
                                                           9765625ull,
                                                           48828125ull,
                                                           244140625ull,
                                                           1220703125ull,
                                                           6103515625ull,
                                                           30517578125ull,
                                                           152587890625ull,
                                                           762939453125ull,
                                                           3814697265625ull,
                                                           19073486328125ull,
                                                           95367431640625ull,
                                                           476837158203125ull,
                                                           2384185791015625ull,
                                                           11920928955078125ull,
                                                           59604644775390625ull,
                                                           298023223876953125ull,
                                                           1490116119384765625ull,
                                                           7450580596923828125ull};
    int shift = -exponent - s + 2; /* two bits more, for half the way, and half of that */
    if (s < 0 || s > power_max || shift < 2)
        return false;
    uint64_t power = powers_of_five[s];
    bool is_power_of_two = (whole & (whole - 1)) == 0;
    *ret = (struct scaled){.units = (uint128)whole * power * 4,
                           .below = (uint128)power * (is_power_of_two ? 1 : 2),
                           .above = (uint128)power * 2,
                           .shift = shift,
                           .takes_bounds = whole % 2 == 0};
    return true;
}

/* Whether a decimal that far from the value is read as it. */
static bool is_near(const struct scaled *value, uint128 distance, uint128 limit)
{
    return distance < limit || (distance == limit && value->takes_bounds);
}

/* Of the multiples of `unit` that are read as the value, the nearest; false when there is none.
 * Below a power of two the neighbour is nearer than above, so it may not be the nearest of all. */
static bool round_to(const struct scaled *value, uint64_t unit, uint64_t *ret)
{
    uint64_t digits = (uint64_t)(value->units >> value->shift) / unit;
    uint128 step = (uint128)unit << value->shift, rest = value->units - digits * step;
    bool is_up = rest * 2 > step || (rest * 2 == step && digits % 2 == 1);
    if (!is_up && !is_near(value, rest, value->below))
        is_up = true;
    *ret = digits + is_up;
    return !is_up || is_near(value, step - rest, value->above);
}

/* A number of bits as they lie in a double: whole x 2^exponent. */
static uint64_t take_apart(double value, int bits, int *ret_exponent)
{
    uint64_t image;
    memcpy(&image, &value, sizeof image);
    int unused = DBL_MANT_DIG - bits; /* zeros, in a float */
    uint64_t whole = (image & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    *ret_exponent = (int)(image >> 52) - 1075 + unused;
    return whole >> unused;
}

/* False where it doesn't fit; `value` is positive and normal. */
static bool find_shortest(double value, const struct precision *precision, struct decimal *ret)
{
    static const uint64_t powers_of_ten[] = {1, 10, 100, 1000};
    struct scaled scaled;
    int exponent;
    uint64_t whole = take_apart(value, precision->bits, &exponent);
    int binary = exponent + precision->bits - 1; /* 2^binary <= value */
    if (binary < -64 || binary > 64)
        return false;
    /* The decimal exponent, or one less: log10(2) is 1233 / 4096, nearly. */
    int s = precision->most - 1 - ((binary * 1233 + 64 * 4096) / 4096 - 64);
    if (!scale(whole, exponent, s, &scaled))
        return false;
    if (scaled.units >> scaled.shift >= precision->limit && !scale(whole, exponent, --s, &scaled))
        return false;
    int dropped = precision->most - precision->least;
    while (!round_to(&scaled, powers_of_ten[dropped], &ret->digits) && dropped > 0)
        dropped--;
    ret->places = s - dropped;
    for (; ret->digits % 10 == 0; ret->places--)
        ret->digits /= 10;
    return true;
}

static void append_zeros(struct buf *out, int count)
{
    for (int i = 0; i < count; i++)
        buf_byte(out, '0');
}

/* False where %g's choice of form would depend on the number of digits tried. */
static bool append_decimal(struct buf *out, const struct decimal *decimal,
                           const struct precision *precision)
{
    char text[20];
    int count = 0;
    for (uint64_t left = decimal->digits; left > 0; left /= 10)
        text[sizeof text - (size_t)++count] = (char)('0' + left % 10);
    const char *digits = text + sizeof text - count;
    int exponent = count - 1 - decimal->places, whole = exponent + 1;
    if (exponent >= precision->least)
        return false;
    if (exponent < -4) {
        buf_byte(out, (uint8_t)digits[0]);
        buf_append(out, ".", count > 1);
        buf_append(out, digits + 1, (size_t)count - 1);
        buf_printf(out, "e-%02d", -exponent);
    } else if (whole <= 0) {
        buf_text(out, "0.");
        append_zeros(out, -whole);
        buf_append(out, digits, (size_t)count);
    } else if (whole >= count) {
        buf_append(out, digits, (size_t)count);
        append_zeros(out, whole - count);
        buf_text(out, ".0");
    } else {
        buf_append(out, digits, (size_t)whole);
        buf_byte(out, '.');
        buf_append(out, digits + whole, (size_t)(count - whole));
    }
    return true;
}

/* ---- both ---- */

static void append_value(struct buf *out, double value, const struct precision *precision)
{
    struct decimal decimal;
    double magnitude = fabs(value);
    if (isnan(value)) {
        buf_text(out, "nan");
        return;
    }
    if (isinf(value) || magnitude == 0) {
        buf_text(out, signbit(value) ? "-" : "");
        buf_text(out, magnitude == 0 ? "0.0" : "inf");
        return;
    }
    if (magnitude >= precision->least_normal && find_shortest(magnitude, precision, &decimal)) {
        size_t before = out->size;
        buf_append(out, "-", signbit(value) ? 1 : 0);
        if (append_decimal(out, &decimal, precision))
            return;
        out->size = before;
    }
    append_tried(out, value, precision);
}

void value_double(struct buf *out, double value)
{
    append_value(out, value, &of_double);
}

void value_float(struct buf *out, float value)
{
    append_value(out, (double)value, &of_float);
}
