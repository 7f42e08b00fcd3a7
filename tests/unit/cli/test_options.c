/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "cli/options.h"

static const struct option options[] = {
    {.name = "output", .letter = 'o', .argument = "FILE"},
    {.name = "server", .argument = "URI"},
    {.name = "json"},
    {.name = "quiet", .letter = 'q'},
};

static void words_of_an_argument(void **state)
{
    (void)state;
    static const struct {
        const char *argument, *words[4];
    } rows[] = {{NULL, {NULL}},
                {"URI", {NULL}},
                {"csv", {NULL}},
                {"a|b", {"a", "b"}},
                {"on|off|FOLDER", {"on", "off"}},
                {"N|max", {"max"}},
                {"zipf|zipf:THETA|x-1", {"zipf", "x-1"}},
                {"FILE|DIR", {NULL}}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct option option = {.argument = rows[i].argument};
        size_t count = 0;
        for (; rows[i].words[count] != NULL; count++)
            assert_true(slice_is(option_word(&option, count), rows[i].words[count]));
        assert_int_equal(option_word(&option, count).size, 0);
        assert_int_equal(option_word(&option, count + 1).size, 0);
    }
}

static enum fkv_status parse(char *const *words, int count, struct parsed *ret,
                             struct fkv_error *error)
{
    struct option_list list = {(struct option *)(uintptr_t)options,
                               sizeof options / sizeof options[0]};
    return options_parse(&list, count, words, ret, error);
}

static void lists_grow(void **state)
{
    (void)state;
    struct option_list list = {0};
    for (size_t i = 0; i < 100; i++)
        assert_true(option_list_add(&list, &options[i % 4]));
    assert_int_equal(list.count, 100);
    assert_string_equal(list.items[97].name, "server");
    option_list_done(&list);
    assert_int_equal(list.count, 0);
}

#define PARSE(ret, error, ...)                                                                   \
    parse((char *[]){__VA_ARGS__}, (int)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)), ret, \
          error)

static void takes_every_form(void **state)
{
    (void)state;
    static const char *const forms[][3] = {
        {"--output", "x"},
        {"--output=x"},
        {"-o", "x"},
        {"-ox"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct fkv_error error;
        struct parsed parsed;
        int count = forms[i][1] != NULL ? 2 : 1;
        assert_ok(parse((char *const *)(uintptr_t)forms[i], count, &parsed, &error));
        assert_string_equal(parsed_value(&parsed, "output"), "x");
        assert_int_equal(parsed.argument_count, 0);
        parsed_done(&parsed);
    }
}

static void mixes_options_and_arguments(void **state)
{
    (void)state;
    struct fkv_error error;
    struct parsed parsed;
    assert_ok(PARSE(&parsed, &error, "a", "--json", "-", "--server=", "--", "--json", "-q"));
    assert_int_equal(parsed.argument_count, 4);
    assert_string_equal(parsed.arguments[0], "a");
    assert_string_equal(parsed.arguments[1], "-");
    assert_string_equal(parsed.arguments[2], "--json");
    assert_string_equal(parsed.arguments[3], "-q");
    assert_true(parsed_has(&parsed, "json"));
    assert_false(parsed_has(&parsed, "quiet"));
    assert_string_equal(parsed_value(&parsed, "server"), "");
    assert_null(parsed_value(&parsed, "output"));
    parsed_done(&parsed);
}

static void the_last_value_counts(void **state)
{
    (void)state;
    struct fkv_error error;
    struct parsed parsed;
    assert_ok(PARSE(&parsed, &error, "-oa", "--output", "b", "-o", "--json"));
    assert_string_equal(parsed_value(&parsed, "output"), "--json");
    assert_int_equal(parsed.value_count, 3);
    parsed_done(&parsed);
}

static void defaults_come_before_what_was_said(void **state)
{
    (void)state;
    struct parsed parsed;
    struct fkv_error error;
    assert_int_equal(PARSE(&parsed, &error, "--server", "said", "key"), FKV_OK);
    assert_true(parsed_add_default(&parsed, &options[1], "first"));
    assert_true(parsed_add_default(&parsed, &options[0], "first"));
    assert_true(parsed_add_default(&parsed, &options[0], "second"));
    assert_string_equal(parsed_value(&parsed, "server"), "said");
    assert_string_equal(parsed_value(&parsed, "output"), "second");
    assert_int_equal(parsed.default_count, 3);
    assert_int_equal(parsed.value_count, 4);
    parsed_done(&parsed);
}

static void refuse(const char *word, const char *message)
{
    struct fkv_error error;
    struct parsed parsed;
    char *words[] = {(char *)(uintptr_t)word};
    assert_int_equal(parse(words, 1, &parsed, &error), FKV_INVALID_ARGUMENT);
    assert_string_equal(error.message, message);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    refuse("--sever", "unknown option '--sever'; did you mean '--server'?");
    refuse("--sever=x", "unknown option '--sever'; did you mean '--server'?");
    refuse("--something-else-altogether",
           "unknown option '--something-else-altogether'; --help lists what there is");
    refuse("-x", "unknown option '-x'; --help lists what there is");
    refuse("--json=1", "option '--json' takes no value");
    refuse("-q1", "option '--quiet' takes no value");
    refuse("--server", "option '--server' needs a value: --server URI");
    refuse("-o", "option '--output' needs a value: --output FILE");
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(words_of_an_argument), cmocka_unit_test(takes_every_form),
              cmocka_unit_test(mixes_options_and_arguments),
              cmocka_unit_test(the_last_value_counts), cmocka_unit_test(says_what_is_wrong),
              cmocka_unit_test(lists_grow), cmocka_unit_test(defaults_come_before_what_was_said));
}
