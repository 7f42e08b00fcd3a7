/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"
#include "ipc/format.h"

static const char *const formats[] = {
    "n",          "b",          "c",
    "C",          "s",          "S",
    "i",          "I",          "l",
    "L",          "e",          "f",
    "g",          "z",          "Z",
    "vz",         "u",          "U",
    "vu",         "d:19,10",    "d:9,2,32",
    "d:18,-3,64", "d:76,5,256", "w:42",
    "w:0",        "tdD",        "tdm",
    "tts",        "ttm",        "ttu",
    "ttn",        "tss:",       "tsm:",
    "tsu:",       "tsn:",       "tDs",
    "tDm",        "tDu",        "tDn",
    "tiM",        "tiD",        "tin",
    "+l",         "+L",         "+vl",
    "+vL",        "+w:3",       "+s",
    "+m",         "+r",         "+ud:",
    "+us:",       "tss:UTC",    "tsn:America/Argentina/ComodRivadavia",
};

static void reads_and_writes_every_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct ipc_field field = {0};
        char text[128];
        assert_true(ipc_format_parse(formats[i], &field));
        assert_true(ipc_format_size(&field) <= sizeof text);
        ipc_format_print(&field, true, text, ipc_format_size(&field));
        assert_string_equal(text, formats[i]);
    }
}

static void refuses_what_is_no_format(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "x",
        "ii",
        "d:",
        "d:19",
        "d:19,",
        "d:0,1",
        "d:77,1",
        "d:1,1,",
        "w:",
        "w:-1",
        "w:1x",
        "w:2147483648",
        "w: 1",
        "w:+1",
        "+w:x",
        "+x",
        "ts",
        "tsx:",
        "tss",
        "tdx",
        "t",
        "+",
        "v",
        "+v",
        "tix",
        "d:1,99999999999",
        "d:1,1,512",
        "w:99999999999999999999999",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct ipc_field field = {0};
        if (ipc_format_parse(wrong[i], &field))
            fail_msg("'%s' was taken for a format", wrong[i]);
    }
}

static void reads_type_ids(void **state)
{
    (void)state;
    int32_t ids[3];
    assert_int_equal(ipc_format_type_ids("+us:", ids, 3), 0);
    assert_int_equal(ipc_format_type_ids("+us:5", ids, 3), 1);
    assert_int_equal(ids[0], 5);
    assert_int_equal(ipc_format_type_ids("+ud:0,127,3", ids, 3), 3);
    assert_int_equal(ids[1], 127);
    assert_int_equal(ids[2], 3);
    assert_int_equal(ipc_format_type_ids("+ud:0,1,2,3", ids, 3), -1);
    assert_int_equal(ipc_format_type_ids("+ud:0,", ids, 3), -1);
    assert_int_equal(ipc_format_type_ids("+ud:128", ids, 3), -1);
    assert_int_equal(ipc_format_type_ids("+ud:-1", ids, 3), -1);
    assert_int_equal(ipc_format_type_ids("+ud:1;2", ids, 3), -1);
    assert_int_equal(ipc_format_type_ids("+ud", ids, 3), -1);
}

static void writes_union_and_indices(void **state)
{
    (void)state;
    static const int32_t ids[] = {100, 0, 127};
    struct ipc_field field = {.type = IPC_TYPE_UNION,
                              .union_mode = IPC_DENSE,
                              .child_count = 3,
                              .type_ids = ids,
                              .is_dictionary = true,
                              .dictionary = {.index_bits = 16}};
    char text[128];
    ipc_format_print(&field, true, text, ipc_format_size(&field));
    assert_string_equal(text, "+ud:100,0,127");
    ipc_format_print(&field, false, text, ipc_format_size(&field));
    assert_string_equal(text, "S");
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(reads_and_writes_every_format),
              cmocka_unit_test(refuses_what_is_no_format), cmocka_unit_test(reads_type_ids),
              cmocka_unit_test(writes_union_and_indices));
}
