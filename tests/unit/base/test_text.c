/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "base/text.h"

static void sizes_for_people(void **state)
{
    (void)state;
    char figure[text_figure_size];
    assert_string_equal(text_size(figure, 0), "0 B");
    assert_string_equal(text_size(figure, 1023), "1023 B");
    assert_string_equal(text_size(figure, 1024), "1.0 KiB");
    assert_string_equal(text_size(figure, (1 << 20) - 1), "1.0 MiB");
    assert_string_equal(text_size(figure, UINT64_C(2) << 30), "2.0 GiB");
    assert_string_equal(text_size(figure, UINT64_MAX), "16.0 EiB");
    assert_string_equal(text_size_short(figure, 1023), "1023B");
    assert_string_equal(text_size_short(figure, UINT64_C(2) << 30), "2.0GB");
    assert_string_equal(text_count(figure, 4194304), "4,194,304");
    assert_string_equal(text_count(figure, 999), "999");
    assert_string_equal(text_duration(figure, 1830000000), "1.83 s");
    assert_string_equal(text_duration(figure, 125 * UINT64_C(1000000000)), "2 m 05 s");
}

static void sizes_from_people(void **state)
{
    (void)state;
    uint64_t bytes = 7;
    assert_true(text_parse_size("2GiB", &bytes));
    assert_int_equal(bytes, UINT64_C(2) << 30);
    assert_true(text_parse_size("1.5 k", &bytes));
    assert_int_equal(bytes, 1536);
    assert_true(text_parse_size("10MB", &bytes));
    assert_int_equal(bytes, 10000000);
    bytes = 7;
    static const char *const bad[] = {"",     "-1",  "GiB", "1X",   "1e40", "nan",  "0x",
                                      "0x10", "1 2", "1,5", "1..5", ".5",   "1.5.0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(text_parse_size(bad[i], &bytes));
    assert_int_equal(bytes, 7);
    char digits[1000];
    snprintf(digits, sizeof digits, "%0*d.%0*dk", 400, 2, 500, 0); /* 10^500 is no double */
    assert_false(text_parse_size(digits, &bytes));
    snprintf(digits, sizeof digits, "%0*d.%0*dk", 400, 2, 200, 0);
    assert_true(text_parse_size(digits, &bytes));
    assert_int_equal(bytes, 2048);
    uint64_t ns;
    assert_true(text_parse_duration("0.1s", &ns));
    assert_int_equal(ns, 100000000);
    assert_true(text_parse_duration("500ms", &ns));
    assert_int_equal(ns, 500000000);
    assert_true(text_parse_duration("2", &ns));
    assert_int_equal(ns, 2000000000);
}

static void utf8(void **state)
{
    (void)state;
    assert_true(text_is_utf8(slice_text("")));
    assert_true(text_is_utf8(slice_text("tab\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80")));
    assert_false(text_is_utf8(slice_text("\xc0\x80")));         /* overlong */
    assert_false(text_is_utf8(slice_text("\xed\xa0\x80")));     /* surrogate */
    assert_false(text_is_utf8(slice_text("\xf4\x90\x80\x80"))); /* beyond U+10FFFF */
    assert_false(text_is_utf8(slice_text("\xe2\x82")));         /* cut off */
    assert_false(text_is_utf8(slice_text("\x80")));
}

static void escapes_keys_both_ways(void **state)
{
    (void)state;
    struct buf shown, back;
    buf_init(&shown, alloc_system(), 4096);
    buf_init(&back, alloc_system(), 4096);
    struct slice key = slice_of("a%b\xff\n\xc3\xa9", 7);
    assert_true(text_escape(&shown, key));
    assert_string_equal(buf_c_text(&shown), "a%25b%FF%0A\xc3\xa9");
    assert_true(text_unescape(&back, buf_slice(&shown)));
    assert_true(slice_equal(buf_slice(&back), key));
    buf_clear(&back);
    assert_false(text_unescape(&back, slice_text("%4")));
    assert_false(text_unescape(&back, slice_text("%zz")));
    buf_done(&shown);
    buf_done(&back);
}

static void base64(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    struct buf buf;
    buf_init(&buf, alloc_system(), 4096);
    for (size_t i = 0; i < 5; i++) {
        buf_clear(&buf);
        assert_true(text_base64(&buf, slice_text(pairs[i][0]), true));
        assert_string_equal(buf_c_text(&buf), pairs[i][1]);
        buf_clear(&buf);
        assert_true(text_unbase64(&buf, slice_text(pairs[i][1])));
        assert_string_equal(buf_c_text(&buf), pairs[i][0]);
    }
    assert_false(text_unbase64(&buf, slice_text("Z")));
    assert_false(text_unbase64(&buf, slice_text("Z*==")));
    buf_done(&buf);
}

static void suggests_the_nearest_word(void **state)
{
    (void)state;
    static const char *const words[] = {"--memory", "--workers", "--listen"};
    assert_string_equal(text_nearest("--memoy", words, 3), "--memory");
    assert_string_equal(text_nearest("--worker", words, 3), "--workers");
    assert_null(text_nearest("--zzzzzzz", words, 3));
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(sizes_for_people), cmocka_unit_test(sizes_from_people),
              cmocka_unit_test(utf8), cmocka_unit_test(escapes_keys_both_ways),
              cmocka_unit_test(base64), cmocka_unit_test(suggests_the_nearest_word));
}
