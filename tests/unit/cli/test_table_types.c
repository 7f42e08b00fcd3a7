/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "cli/table_types.h"

static struct fkv_error error;

static void names_and_types(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *format;
    } rows[] = {
        {"id=int64", "id", "l"},
        {" id = int64 ", "id", "l"},
        {"a%2Cb%3D%25=bool", "a,b=%", "b"},
        {"d=date32[day]", "d", "tdD"},
        {"d=date64", "d", "tdm"},
        {"x=float64", "x", "g"},
        {"t=timestamp[us]", "t", "tsu:"},
        {"t=timestamp[s, tz=UTC]", "t", "tss:UTC"},
        {"t=timestamp[ns, tz=Europe/Berlin]", "t", "tsn:Europe/Berlin"},
        {"p=decimal(10,2)", "p", "d:10,2,128"},
        {"p=decimal256(76, -3)", "p", "d:76,-3,256"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct table_types types;
        assert_ok(table_types_parse(rows[i].text, &types, &error));
        assert_int_equal(types.count, 1);
        assert_string_equal(types.items[0].name, rows[i].name);
        assert_string_equal(types.items[0].format, rows[i].format);
        table_types_done(&types);
    }
}

static void several(void **state)
{
    (void)state;
    struct table_types types;
    assert_ok(table_types_parse("a=decimal128(5, 1),b=timestamp[ms, tz=+02:00], c=string", &types,
                                &error));
    assert_int_equal(types.count, 3);
    assert_string_equal(types.items[1].format, "tsm:+02:00");
    assert_string_equal(types.items[2].name, "c");
    table_types_done(&types);
    assert_int_equal(types.count, 0);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } rows[] = {
        {"", "isn't COLUMN=TYPE"},
        {"id", "'id' isn't COLUMN=TYPE"},
        {"=int64", "isn't COLUMN=TYPE"},
        {"a=int64,", "isn't COLUMN=TYPE"},
        {"a=strin", "did you mean 'string'?"},
        {"a=", "'' isn't a type"},
        {"a=list<int64>", "isn't a type; expected one such as"},
        {"a=timestamp[ks, tz=UTC]", "isn't a type"},
        {"a=timestamp[u, tz=UTC]", "isn't a type"},
        {"a=timestamp[us, tz=UTC]x", "isn't a type"},
        {"a=decimal128(39, 2)", "isn't a type"},
        {"a=decimal128(0, 0)", "isn't a type"},
        {"a=decimal128(5, -9223372036854775808)", "isn't a type"},
        {"a=decimal16(3, 1)", "isn't a type"},
        {"a=int64,a=string", "column 'a' is named twice"},
        {"100%=int64", "is %25 itself"},
        {"a%00x=int8", "'a%00x': a column's name can't have %00 in it"},
        {"%00=int8", "can't have %00 in it"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct table_types types = {.count = 7};
        assert_int_equal(table_types_parse(rows[i].text, &types, &error), FKV_INVALID_ARGUMENT);
        if (strstr(error.message, rows[i].said) == NULL)
            fail_msg("%s: %s", rows[i].text, error.message);
        assert_int_equal(types.count, 7);
    }
}

static void long_ones_are_cut_in_what_is_said(void **state)
{
    (void)state;
    enum { most = 4096 };
    static const char *const said[] = {"a column's name of 4097 bytes; expected at most 4096",
                                       "isn't a type: it is longer than any, 128 bytes"};
    char text[2 * most];
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        struct table_types types = {.count = 7};
        memset(text, 'x', sizeof text);
        snprintf(text + (i == 0 ? most + 1 : 1), 200, "=%0*d", i == 0 ? 1 : 129, 0);
        assert_int_equal(table_types_parse(text, &types, &error), FKV_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, said[i]));
        assert_true(strlen(error.message) < 120);
        assert_int_equal(types.count, 7);
    }
    struct table_types types;
    memset(text, 'x', sizeof text);
    snprintf(text + most, 10, "=int8");
    assert_ok(table_types_parse(text, &types, &error));
    assert_int_equal(strlen(types.items[0].name), most);
    table_types_done(&types);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(names_and_types), cmocka_unit_test(several),
              cmocka_unit_test(what_is_wrong_is_said),
              cmocka_unit_test(long_ones_are_cut_in_what_is_said));
}
