/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "base/options.h"

struct older {
    size_t size;
    uint64_t a;
};

struct options {
    size_t size;
    uint64_t a, b;
};

struct newer {
    size_t size;
    uint64_t a, b, c;
};

static struct fkv_error error;

static enum fkv_status read_options(const void *given, struct options *ret)
{
    memset(ret, 0xff, sizeof *ret);
    return options_read(given, "some_options", ret, sizeof *ret, &error);
}

static void what_is_missing_is_zero(void **state)
{
    (void)state;
    struct options options;
    assert_ok(read_options(NULL, &options));
    assert_true(options.a == 0 && options.b == 0);
    const struct older older = {.size = sizeof older, .a = 1};
    assert_ok(read_options(&older, &options));
    assert_true(options.a == 1 && options.b == 0);
    const size_t least = sizeof least;
    assert_ok(read_options(&least, &options));
    assert_true(options.a == 0 && options.b == 0);
    const struct options same = {.size = sizeof same, .a = 1, .b = 2};
    assert_ok(read_options(&same, &options));
    assert_true(options.a == 1 && options.b == 2);
}

static void a_newer_struct_may_ask_for_nothing_unknown(void **state)
{
    (void)state;
    struct options options;
    struct newer newer = {.size = sizeof newer, .a = 1, .b = 2};
    assert_ok(read_options(&newer, &options));
    assert_true(options.a == 1 && options.b == 2);
    newer.c = UINT64_C(1) << 56;
    assert_int_equal(read_options(&newer, &options), FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "some_options"));
    assert_int_equal(options.a, UINT64_MAX); /* untouched */
}

static void a_size_must_have_been_set(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, sizeof(size_t) - 1, options_bytes_max + 1, SIZE_MAX};
    struct options options;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const struct options given = {.size = sizes[i], .a = 1};
        assert_int_equal(read_options(&given, &options), FKV_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "some_options"));
        assert_int_equal(options.a, UINT64_MAX);
    }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(what_is_missing_is_zero),
              cmocka_unit_test(a_newer_struct_may_ask_for_nothing_unknown),
              cmocka_unit_test(a_size_must_have_been_set));
}
