/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and times at the edges that no file of pyarrow's has. */
#include "harness/test.h"

#include <fenv.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "cli/value_number.h"
#include "cli/value_shortest.h"
#include "cli/value_time.h"

static struct buf out;

static int make_buf(void **state)
{
    (void)state;
    buf_init(&out, alloc_system(), 1 << 16);
    return 0;
}

static int free_buf(void **state)
{
    (void)state;
    buf_done(&out);
    return 0;
}

/* What was written since the last time. */
static const char *written(void)
{
    const char *text = buf_c_text(&out);
    out.size = 0;
    return text;
}

static void every_half_reads_back(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x7c00; bits++) {
        value_half(&out, (uint16_t)bits);
        double read = strtod(written(), NULL);
        double value =
            bits < 0x400 ? ldexp(bits, -24) : ldexp((bits & 0x3ff) + 0x400, (int)(bits >> 10) - 25);
        /* Nearer than half of the step to the next one below. */
        double step = bits < 0x800 ? ldexp(1, -24) : ldexp(1, (int)(bits >> 10) - 25);
        if (fabs(read - value) > step / 2)
            fail_msg("half 0x%04x is %g, written as %g", bits, value, read);
    }
}

static void doubles_read_back(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 100000; i++) {
        double value;
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        memcpy(&value, &seed, sizeof value);
        if (!isfinite(value))
            continue;
        value_double(&out, value);
        assert_true(strtod(written(), NULL) == value);
        float single = (float)value;
        if (!isfinite(single))
            continue;
        value_float(&out, single);
        assert_true(strtof(written(), NULL) == single);
    }
}

static bool reads_back(const char *text, double value, bool is_single)
{
    return is_single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value;
}

/* What is meant by the shortest: the first of these that reads back. */
static const char *tried(double value, bool is_single)
{
    static char text[64];
    double least_normal = is_single ? (double)FLT_MIN : DBL_MIN;
    int digits = fabs(value) < least_normal ? 1 : is_single ? FLT_DIG : DBL_DIG;
    for (; digits <= 17; digits++) {
        snprintf(text, sizeof text - 2, "%.*g", digits, value);
        if (reads_back(text, value, is_single))
            break;
        fesetround(value > 0 ? FE_UPWARD : FE_DOWNWARD);
        snprintf(text, sizeof text - 2, "%.*g", digits, value);
        fesetround(FE_TONEAREST);
        if (reads_back(text, value, is_single))
            break;
    }
    size_t size = strlen(text);
    if (strpbrk(text, ".e") == NULL)
        memcpy(text + size, ".0", sizeof ".0");
    return text;
}

/* Around the range in which they are computed; powers of two and what lies beside them, whose
 * neighbours are at different distances; whole numbers, and decimals of few digits. */
static double number_of(uint64_t seed, uint64_t mantissa)
{
    double power = ldexp(1, (int)(seed >> 8) % 130 - 60);
    switch (seed % 8) {
    case 0:
        return power;
    case 1:
        return nextafter(power, seed & 0x80 ? 0 : 1e300);
    case 2:
        return (double)(mantissa >> (seed >> 8) % 64);
    case 3:
        return (double)(mantissa % 100000) / pow(10, (double)((seed >> 8) % 20));
    default:
        return power * (1 + (double)(mantissa >> 12) / 0x1p52);
    }
}

static void the_shortest_is_written(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 200000; i++) {
        uint64_t mantissa = seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        double value = number_of(seed >> 40, mantissa) * (i % 2 == 0 ? 1 : -1);
        value_double(&out, value);
        assert_string_equal(written(), tried(value, false));
        float single = (float)value;
        value_float(&out, single);
        assert_string_equal(written(), tried((double)single, true));
    }
}

/* As Python's repr and numpy have them: the nearest decimal of as many digits reads as the
 * neighbour below. */
static void powers_of_two_are_the_shortest(void **state)
{
    (void)state;
    static const struct {
        int exponent;
        const char *text;
    } rows[] = {{-1017, "7.120236347223045e-307"},
                {-44, "5.684341886080802e-14"},
                {-24, "5.960464477539063e-08"},
                {89, "6.189700196426902e+26"},
                {976, "6.386688990511104e+293"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        value_double(&out, ldexp(1, rows[i].exponent));
        assert_string_equal(written(), rows[i].text);
    }
    value_float(&out, ldexpf(-1, 87));
    assert_string_equal(written(), "-1.5474251e+26");
    value_float(&out, ldexpf(1, -96));
    assert_string_equal(written(), "1.2621775e-29");
}

static void decimals_of_any_scale(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        long scale;
        const char *text;
    } rows[] = {
        {0, 0, "0"},
        {-1, 0, "-1"},
        {12345, 2, "123.45"},
        {-5, 3, "-0.005"},
        {5, 1, "0.5"},
        {10, 1, "1.0"},
        {7, -3, "7000"},
        {0, -3, "0"},
        {7, -81, "7E+81"},
        {7, 1000, "7E-1000"},
        {7, -1000, "7E+1000"},
        {7, -2147483648L, "7E+2147483648"},
        {INT64_MIN, 0, "-9223372036854775808"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        value_decimal(&out, &rows[i].value, sizeof rows[i].value, rows[i].scale);
        assert_string_equal(written(), rows[i].text);
    }
}

static void the_widest_decimals(void **state)
{
    (void)state;
    uint8_t bytes[32];
    memset(bytes, 0xff, sizeof bytes);
    value_decimal(&out, bytes, sizeof bytes, 0);
    assert_string_equal(written(), "-1");
    memset(bytes, 0, sizeof bytes);
    bytes[31] = 0x80; /* -2^255, little-endian */
    value_decimal(&out, bytes, sizeof bytes, 0);
    assert_string_equal(written(), "-5789604461865809771178549250434395392663499233282028201972879"
                                   "2003956564819968");
}

static void dates_of_every_era(void **state)
{
    (void)state;
    static const struct {
        int64_t days;
        const char *text;
    } rows[] = {
        {0, "1970-01-01"},       {-1, "1969-12-31"},        {59, "1970-03-01"},
        {11016, "2000-02-29"},   {11017, "2000-03-01"},     {-25509, "1900-02-28"},
        {-25508, "1900-03-01"},  {-719468, "0000-03-01"},   {-719529, "-0001-12-31"},
        {2932896, "9999-12-31"}, {2932897, "+10000-01-01"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        value_date(&out, rows[i].days);
        assert_string_equal(written(), rows[i].text);
    }
    value_timestamp(&out, INT64_MIN, 's', "");
    assert_string_equal(written(), "-292277022657-01-27T08:29:52");
    value_timestamp(&out, INT64_MAX, 's', "+23:59");
    assert_string_equal(written(), "+292277026596-12-04T15:30:07Z[+23:59]");
}

static void zones(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        const char *text;
    } rows[] = {
        {"", "1970-01-01T00:00:00"},
        {"UTC", "1970-01-01T00:00:00Z"},
        {"+02:00", "1970-01-01T02:00:00+02:00"},
        {"-0130", "1969-12-31T22:30:00-0130"},
        {"+05", "1970-01-01T05:00:00+05"},
        {"America/New_York", "1970-01-01T00:00:00Z[America/New_York]"},
        {"+1", "1970-01-01T00:00:00Z[+1]"},
        {"+01:99", "1970-01-01T00:00:00Z[+01:99]"},
        {"\033[31m", "1970-01-01T00:00:00Z[\\x1B[31m]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        value_timestamp(&out, 0, 's', rows[i].zone);
        assert_string_equal(written(), rows[i].text);
    }
}

static void times_outside_a_day(void **state)
{
    (void)state;
    value_time(&out, 86400, 's');
    assert_string_equal(written(), "<86400>");
    value_time(&out, -1, 'n');
    assert_string_equal(written(), "<-1>");
    value_date_ms(&out, 86400001);
    assert_string_equal(written(), "1970-01-02T00:00:00.001");
}

static void intervals(void **state)
{
    (void)state;
    value_months(&out, -13);
    assert_string_equal(written(), "-13mo");
    value_day_time(&out, 2, -500);
    assert_string_equal(written(), "2d -500ms");
}

static void intervals_are_iso_8601(void **state)
{
    (void)state;
    value_interval_iso(&out, 0, 0, 0);
    assert_string_equal(written(), "P0D");
    value_interval_iso(&out, -14, 3, INT64_C(-4500000000));
    assert_string_equal(written(), "P-14M3DT-4.500000000S");
    value_interval_iso(&out, 0, 0, -1);
    assert_string_equal(written(), "PT-0.000000001S");
    value_interval_iso(&out, 0, INT32_MIN, INT64_MIN);
    assert_string_equal(written(), "P-2147483648DT-9223372036.854775808S");
}

static void instants_are_in_utc(void **state)
{
    (void)state;
    value_timestamp_utc(&out, -1, 'm', ' ', true);
    assert_string_equal(written(), "1969-12-31 23:59:59.999Z");
    value_timestamp_utc(&out, INT64_MIN, 'n', 'T', false);
    assert_string_equal(written(), "1677-09-21T00:12:43.145224192");
}

static void a_time_is_within_a_day(void **state)
{
    (void)state;
    assert_true(value_is_time(0, 's') && value_is_time(86399, 's'));
    assert_false(value_is_time(86400, 's') || value_is_time(-1, 'n'));
    assert_true(value_is_time(INT64_C(86399999999999), 'n'));
    assert_false(value_is_time(INT64_MAX, 'n'));
}

static void integers_at_the_edges(void **state)
{
    (void)state;
    value_integer(&out, INT64_MIN);
    assert_string_equal(written(), "-9223372036854775808");
    value_unsigned(&out, UINT64_MAX);
    assert_string_equal(written(), "18446744073709551615");
    value_padded(&out, 7, 3);
    assert_string_equal(written(), "007");
    value_padded(&out, 1234, 2);
    assert_string_equal(written(), "1234");
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_reads_back),
        cmocka_unit_test(doubles_read_back),
        cmocka_unit_test(the_shortest_is_written),
        cmocka_unit_test(powers_of_two_are_the_shortest),
        cmocka_unit_test(decimals_of_any_scale),
        cmocka_unit_test(the_widest_decimals),
        cmocka_unit_test(dates_of_every_era),
        cmocka_unit_test(zones),
        cmocka_unit_test(times_outside_a_day),
        cmocka_unit_test(intervals),
        cmocka_unit_test(intervals_are_iso_8601),
        cmocka_unit_test(instants_are_in_utc),
        cmocka_unit_test(a_time_is_within_a_day),
        cmocka_unit_test(integers_at_the_edges),
    };
    return cmocka_run_group_tests(tests, make_buf, free_buf);
}
