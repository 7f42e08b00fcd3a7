/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <stdlib.h>
#include <unistd.h>

#include "harness/hashes.h"
#include "server/auth.h"

static struct fkv_error error;
static uint64_t user;
static uint64_t now_ns;

static uint64_t now(void *context)
{
    (void)context;
    return now_ns;
}

static const struct clock stopped = {now, NULL};

static struct auth *make(const struct log *log)
{
    char path[] = "/tmp/flightkv-users-XXXXXX";
    struct auth *auth = NULL;
    assert_int_equal(users_file_write(path, "ann:" HASH_OF_SECRET "\n"), 0);
    assert_ok(auth_new(alloc_system(), &stopped, log, path, NS_PER_S, &auth, &error));
    unlink(path);
    return auth;
}

static void logins_have_a_limit(void **state)
{
    (void)state;
    struct auth *auth = make(NULL);
    for (int i = 0; i < auth_logins_max; i++)
        assert_ok(auth_login_begin(auth, &error));
    for (int i = 0; i < 3; i++)
        assert_int_equal(auth_login_begin(auth, &error), FKV_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.message, "32 logins"));
    auth_login_end(auth);
    assert_ok(auth_login_begin(auth, &error));
    assert_int_equal(auth_login_begin(auth, &error), FKV_RESOURCE_EXHAUSTED);
    auth_free(auth);
}

static enum fkv_status admit(struct auth *auth, const char *name, const char *value)
{
    const struct wire_pair pairs[] = {
        {slice_text("user-agent"), slice_text("test")},
        {slice_text(name), slice_text(value)},
    };
    error.message[0] = '\0';
    return auth_admit(auth, (struct wire_metadata){pairs, 2}, &error);
}

static void a_refusal_says_what_is_missing(void **state)
{
    (void)state;
    struct auth *auth = make(NULL);
    char token[token_size + 1], value[token_size + 16];
    assert_ok(auth_issue(auth, 1, token, &error));
    snprintf(value, sizeof value, "bearer %s", token);
    assert_ok(admit(auth, "authorization", value));
    assert_ok(admit(auth, "auth-token-bin", token));
    static const struct {
        const char *name, *value, *expected;
    } rows[] = {
        {"other", "", "has no token"},
        {"authorization", "", "has no token"},
        {"auth-token-bin", "", "has no token"},
        {"authorization", "Bearer x", "not one of this server"},
        {"authorization", "Digest x", "not one of this server"},
        {"auth-token-bin", "x", "not one of this server"},
        {"authorization", "Basic YW5uOnNlY3JldA==", "passwords are taken by Handshake only"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(admit(auth, rows[i].name, rows[i].value), FKV_UNAUTHENTICATED);
        assert_non_null(strstr(error.message, rows[i].expected));
    }
    now_ns += NS_PER_S;
    assert_int_equal(admit(auth, "authorization", value), FKV_UNAUTHENTICATED);
    auth_free(auth);
}

/* One line for many failures, with the name and without the password. */
static void failures_are_logged(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const struct log log = {ends[1], LOG_WARN};
    struct auth *auth = make(&log);
    const struct credentials credentials = {"ann\n", "hunter2"};
    assert_int_equal(auth_login_check(auth, &credentials, &user, &error), FKV_UNAUTHENTICATED);
    for (int i = 0; i < 4; i++)
        auth_log_failure(auth, &credentials, "10.0.0.1:1234", &error);
    now_ns += NS_PER_S;
    auth_log_failure(auth, &credentials, "10.0.0.1:1234", &error);
    close(ends[1]);
    char text[2048];
    ssize_t size = read(ends[0], text, sizeof text - 1);
    assert_true(size > 0);
    text[size] = '\0';
    close(ends[0]);
    size_t lines = 0;
    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 2);
    assert_non_null(strstr(text, "event=login-failed user=\"ann\\x0a\" peer=10.0.0.1:1234"));
    assert_non_null(strstr(text, "not_logged=3"));
    assert_null(strstr(text, "hunter2"));
    auth_free(auth);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(logins_have_a_limit),
              cmocka_unit_test(a_refusal_says_what_is_missing),
              cmocka_unit_test(failures_are_logged));
}
