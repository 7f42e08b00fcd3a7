/* SPDX-License-Identifier: Apache-2.0 */
#include "client/fields.h"
#include "harness/test.h"

static struct fkv_error error;

static void take(struct client_fields *fields, const char *cookie)
{
    const struct wire_pair pair = {slice_text("set-cookie"), slice_text(cookie)};
    assert_true(client_fields_take_cookies(fields, (struct wire_metadata){&pair, 1}));
}

static void assert_cookie_is(struct client_fields *fields, const char *expected)
{
    struct client_metadata metadata;
    assert_ok(
        client_fields_collect(fields, "agent", (struct wire_metadata){0}, NULL, &metadata, &error));
    struct slice cookie =
        wire_metadata_get((struct wire_metadata){metadata.pairs, metadata.count}, "cookie");
    if (expected == NULL)
        assert_null(cookie.data);
    else
        assert_true(slice_is(cookie, expected));
    client_metadata_done(&metadata);
}

static void cookies_go_back_as_they_came(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        const char *sent;
    } steps[] = {
        {"a=1", "a=1"},
        {"b = x=y ; Path=/; HttpOnly", "a=1; b=x=y"},
        {"a=2", "b=x=y; a=2"},
        {"b=gone; Max-Age=0", "a=2"},
        {"c=\"q\"; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a=2; c=\"q\""},
        {"a=old; expires=Thu, 01 Jan 1970 00:00:01 GMT", "c=\"q\""},
        {"c=; max-age=-5", NULL},
        {"=nameless", NULL},
        {"", NULL},
        {";;;=;", NULL},
        {"d=4; Expires=no date", "d=4"},
        {"d=5; Max-Age=9999999999999999999999", "d=5"},
    };
    struct client_fields fields;
    client_fields_init(&fields, alloc_system());
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        take(&fields, steps[i].set);
        assert_cookie_is(&fields, steps[i].sent);
    }
    client_fields_done(&fields);
}

static void a_server_cannot_fill_the_jar(void **state)
{
    (void)state;
    struct client_fields fields;
    char cookie[5000];
    client_fields_init(&fields, alloc_system());
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(cookie, sizeof cookie, "n%u=x", i);
        take(&fields, cookie);
    }
    assert_int_equal(fields.cookie_count, 50);
    memset(cookie, 'x', sizeof cookie - 1);
    cookie[1] = '=';
    cookie[sizeof cookie - 1] = '\0';
    take(&fields, "n0=x; Max-Age=0"); /* there is room for one, but not for a long one */
    take(&fields, cookie);
    assert_int_equal(fields.cookie_count, 49);
    client_fields_done(&fields);
}

static void a_field_set_again_takes_the_old_ones_place(void **state)
{
    (void)state;
    struct client_fields fields;
    struct client_metadata metadata;
    client_fields_init(&fields, alloc_system());
    assert_ok(client_fields_set(&fields, "x", slice_text("1"), &error));
    assert_ok(client_fields_set(&fields, "x", slice_text("2"), &error));
    assert_ok(client_fields_set(&fields, "y", slice_text("3"), &error));
    assert_ok(client_fields_set(&fields, "y", slice_of(NULL, 0), &error));
    assert_ok(client_fields_collect(&fields, "agent", (struct wire_metadata){0}, NULL, &metadata,
                                    &error));
    assert_int_equal(metadata.count, 2); /* the user-agent too */
    assert_true(slice_is(metadata.pairs[0].value, "agent"));
    assert_true(slice_is(metadata.pairs[1].value, "2"));
    client_metadata_done(&metadata);
    client_fields_done(&fields);
}

static void names_and_values_are_checked(void **state)
{
    (void)state;
    static const char *const names[] = {"", "Upper", "a b", ":path", "a\n"};
    struct client_fields fields;
    client_fields_init(&fields, alloc_system());
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(client_fields_set(&fields, names[i], slice_text("x"), &error),
                         FKV_INVALID_ARGUMENT);
    assert_int_equal(client_fields_set(&fields, "a", slice_text("\x80"), &error),
                     FKV_INVALID_ARGUMENT);
    assert_ok(client_fields_set(&fields, "a-bin", slice_text("\x80"), &error));
    client_fields_done(&fields);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(cookies_go_back_as_they_came),
              cmocka_unit_test(a_server_cannot_fill_the_jar),
              cmocka_unit_test(a_field_set_again_takes_the_old_ones_place),
              cmocka_unit_test(names_and_values_are_checked));
}
