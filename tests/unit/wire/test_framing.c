/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "wire/framing.h"

struct seen {
    char text[200]; /* "(3 abc)(0 )" */
    size_t used;
    unsigned fail_at, events;
};

static enum fkv_status note(struct seen *seen, const char *text, size_t size,
                            struct fkv_error *error)
{
    assert_true(seen->used + size < sizeof seen->text);
    memcpy(seen->text + seen->used, text, size);
    seen->used += size;
    if (++seen->events == seen->fail_at)
        return status_set(error, FKV_ABORTED, "enough");
    return FKV_OK;
}

static enum fkv_status on_message(void *context, uint64_t size, struct fkv_error *error)
{
    char text[32];
    int used = snprintf(text, sizeof text, "(%u ", (unsigned)size);
    return note(context, text, (size_t)used, error);
}

static enum fkv_status on_bytes(void *context, struct slice bytes, struct fkv_error *error)
{
    assert_true(bytes.size > 0);
    return note(context, (const char *)bytes.data, bytes.size, error);
}

static enum fkv_status on_message_end(void *context, struct fkv_error *error)
{
    return note(context, ")", 1, error);
}

static const struct wire_deframer_events events = {on_message, on_bytes, on_message_end};

static const char stream[] = "\0\0\0\0\3"
                             "abc"
                             "\0\0\0\0\0"
                             "\0\0\0\0\1"
                             "z";

static void any_cut_gives_the_same(void **state)
{
    (void)state;
    const size_t size = sizeof stream - 1;
    for (size_t step = 1; step <= size; step++) {
        struct wire_deframer deframer = {0};
        struct seen seen = {0};
        struct slice rest = slice_of(stream, size);
        struct fkv_error error;
        while (rest.size > 0)
            assert_ok(wire_deframe(&deframer, slice_take(&rest, step), 3, &events, &seen, &error));
        assert_string_equal(seen.text, "(3 abc)(0 )(1 z)");
        assert_false(wire_deframer_is_inside(&deframer));
    }
}

static void knows_when_it_is_inside(void **state)
{
    (void)state;
    for (size_t cut = 0; cut <= sizeof stream - 1; cut++) {
        struct wire_deframer deframer = {0};
        struct seen seen = {0};
        struct fkv_error error;
        assert_ok(wire_deframe(&deframer, slice_of(stream, cut), 3, &events, &seen, &error));
        bool is_between = cut == 0 || cut == 8 || cut == 13 || cut == sizeof stream - 1;
        assert_int_equal(wire_deframer_is_inside(&deframer), !is_between);
    }
}

static void refuses_bad_prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum fkv_status status;
        const char *message;
    } rows[] = {
        {"\1\0\0\0\0", FKV_INTERNAL, "compressed"},
        {"\2\0\0\0\0", FKV_INTERNAL, "flag byte 2"},
        {"\0\0\0\0\4", FKV_RESOURCE_EXHAUSTED, "4 bytes is longer than the limit of 3"},
        {"\0\xff\xff\xff\xff", FKV_RESOURCE_EXHAUSTED, "4294967295"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wire_deframer deframer = {0};
        struct seen seen = {0};
        struct fkv_error error;
        assert_int_equal(
            wire_deframe(&deframer, slice_of(rows[i].bytes, 5), 3, &events, &seen, &error),
            rows[i].status);
        assert_non_null(strstr(error.message, rows[i].message));
        assert_int_equal(seen.events, 0);
    }
}

static void stops_at_the_first_failure(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 8; n++) {
        struct wire_deframer deframer = {0};
        struct seen seen = {.fail_at = n};
        struct fkv_error error;
        assert_int_equal(
            wire_deframe(&deframer, slice_of(stream, sizeof stream - 1), 3, &events, &seen, &error),
            FKV_ABORTED);
        assert_string_equal(error.message, "enough");
        assert_int_equal(seen.events, n);
    }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(any_cut_gives_the_same), cmocka_unit_test(knows_when_it_is_inside),
              cmocka_unit_test(refuses_bad_prefixes), cmocka_unit_test(stops_at_the_first_failure));
}
