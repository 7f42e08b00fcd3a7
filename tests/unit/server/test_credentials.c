/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "flight/messages.h"
#include "server/credentials.h"

static struct fkv_error error;
static struct credentials got;

static void schemes_have_no_case(void **state)
{
    (void)state;
    static const struct {
        const char *value, *rest;
    } rows[] = {
        {"Bearer abc", "abc"}, {"bearer abc", "abc"}, {"BEARER   abc", "abc"}, {"Bearer ", ""},
        {"Bearer", NULL},      {"Bearerabc", NULL},   {"Basic abc", NULL},     {"", NULL},
        {"XBearer abc", NULL}, {" Bearer abc", NULL}, {"Bearer a b", "a b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct wire_pair pairs[] = {
            {slice_text("other"), slice_text("Bearer other")},
            {slice_text("authorization"), slice_text("Basic YW5uOnNlY3JldA==")},
            {slice_text("authorization"), slice_text(rows[i].value)},
        };
        struct slice rest = credentials_of_scheme((struct wire_metadata){pairs, 3}, "Bearer");
        assert_int_equal(rest.data != NULL, rows[i].rest != NULL);
        if (rows[i].rest != NULL)
            assert_true(slice_is(rest, rows[i].rest));
    }
    assert_null(credentials_of_scheme((struct wire_metadata){NULL, 0}, "Bearer").data);
}

static enum fkv_status basic(const char *encoded)
{
    got = (struct credentials){.name = "untouched"};
    error.message[0] = '\0';
    size_t size = strlen(encoded);
    char *copy = malloc(size + 1); /* its end is watched by the sanitizer */
    memcpy(copy, encoded, size);
    enum fkv_status status = credentials_from_basic(slice_of(copy, size), &got, &error);
    free(copy);
    return status;
}

static void basic_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *encoded, *name, *password;
    } rows[] = {
        {"YW5uOnNlY3JldA==", "ann", "secret"},
        {"YW5uOnNlY3JldA", "ann", "secret"},
        {"YW5uOmE6Yg==", "ann", "a:b"},
        {"YW5uOg==", "ann", ""},
        {"OnNlY3JldA==", "", "secret"},
        {"YQA6Yg==", "", "b"}, /* "a\0:b" */
        {"YTpiAGM=", "", ""},  /* "a:b\0c" */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(basic(rows[i].encoded), FKV_OK);
        assert_string_equal(got.name, rows[i].name);
        assert_string_equal(got.password, rows[i].password);
    }
    static const char *const bad[] = {"", "YW5u", "!", "YW5uOnNlY3JldA==x", "=", "YW5uOnN\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(basic(bad[i]), FKV_INVALID_ARGUMENT);
        assert_string_equal(got.name, "untouched");
        assert_non_null(strstr(error.message, "base64 of NAME:PASSWORD"));
    }
}

/* What is too long to be anybody's is not cut to somebody's. */
static void long_texts_are_nobodys(void **state)
{
    (void)state;
    for (size_t size = 0; size < 3000; size += 50) {
        for (int long_name = 0; long_name <= 1; long_name++) {
            struct buf pair, encoded;
            buf_init(&pair, alloc_system(), 1 << 16);
            buf_init(&encoded, alloc_system(), 1 << 16);
            for (size_t i = 0; long_name && i < size; i++)
                buf_byte(&pair, 'a');
            buf_text(&pair, long_name ? ":p" : "a:");
            for (size_t i = 0; !long_name && i < size; i++)
                buf_byte(&pair, 'p');
            text_base64(&encoded, buf_slice(&pair), false);
            size_t most = long_name ? user_name_bytes_max : password_bytes_max;
            assert_int_equal(basic(buf_c_text(&encoded)), FKV_OK);
            if (size <= most)
                assert_int_equal(strlen(long_name ? got.name : got.password), size);
            else
                assert_string_equal(got.name, "");
            buf_done(&pair);
            buf_done(&encoded);
        }
    }
}

static enum fkv_status from_handshake(struct slice payload)
{
    const struct flight_handshake handshake = {.payload = payload};
    struct buf message;
    buf_init(&message, alloc_system(), 1 << 16);
    assert_ok(flight_handshake_encode(&handshake, &message, &error));
    got = (struct credentials){.name = "untouched"};
    enum fkv_status status = credentials_from_handshake(buf_slice(&message), &got, &error);
    buf_done(&message);
    return status;
}

static void a_basic_auth_is_read(void **state)
{
    (void)state;
    const struct flight_basic_auth auth = {slice_text("ann"), slice_text("secret")};
    struct buf payload;
    buf_init(&payload, alloc_system(), 1 << 16);
    assert_ok(flight_basic_auth_encode(&auth, &payload, &error));
    assert_int_equal(from_handshake(buf_slice(&payload)), FKV_OK);
    assert_string_equal(got.name, "ann");
    assert_string_equal(got.password, "secret");
    buf_done(&payload);

    assert_int_equal(from_handshake(slice_of(NULL, 0)), FKV_UNAUTHENTICATED);
    assert_int_equal(from_handshake(slice_text("ann:secret")), FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "BasicAuth"));
    assert_string_equal(got.name, "untouched");
    assert_int_equal(credentials_from_handshake(slice_text("\xff\xff"), &got, &error),
                     FKV_INVALID_ARGUMENT);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(schemes_have_no_case), cmocka_unit_test(basic_is_read),
              cmocka_unit_test(long_texts_are_nobodys), cmocka_unit_test(a_basic_auth_is_read));
}
