/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <pthread.h>

#include "base/clock.h"
#include "server/tokens.h"

static struct fkv_error error;
static uint64_t user;

static struct tokens *make(uint64_t lifetime_ns)
{
    struct tokens *tokens = NULL;
    assert_ok(tokens_new(alloc_system(), lifetime_ns, &tokens, &error));
    return tokens;
}

static struct slice issue(struct tokens *tokens, uint64_t now, char ret[token_size + 1])
{
    assert_ok(tokens_issue(tokens, 7, now, ret, &error));
    assert_int_equal(strlen(ret), token_size);
    assert_int_equal(strspn(ret, "0123456789abcdef"), token_size);
    return slice_of(ret, token_size);
}

static void a_token_holds_for_its_time(void **state)
{
    (void)state;
    struct tokens *tokens = make(100);
    char a[token_size + 1], b[token_size + 1];
    struct slice first = issue(tokens, 1000, a), second = issue(tokens, 1050, b);
    assert_false(slice_equal(first, second));
    assert_true(tokens_hold(tokens, first, 1000, &user));
    assert_int_equal(user, 7);
    assert_true(tokens_hold(tokens, first, 1099, &user));
    assert_false(tokens_hold(tokens, first, 1100, &user));
    assert_true(tokens_hold(tokens, second, 1149, &user));
    assert_false(tokens_hold(tokens, second, 1150, &user));
    tokens_free(tokens);
}

static void what_was_not_issued_does_not_hold(void **state)
{
    (void)state;
    struct tokens *tokens = make(100), *others = make(100);
    char text[token_size + 1], foreign[token_size + 1];
    issue(tokens, 0, text);
    assert_false(tokens_hold(tokens, issue(others, 0, foreign), 0, &user));
    assert_false(tokens_hold(tokens, slice_of(NULL, 0), 0, &user));
    assert_false(tokens_hold(tokens, slice_of(text, token_size - 1), 0, &user));
    assert_false(tokens_hold(tokens, slice_of(text, token_size + 1), 0, &user));
    for (size_t i = 0; i < token_size; i++) {
        text[i] ^= 1;
        assert_false(tokens_hold(tokens, slice_of(text, token_size), 0, &user));
        text[i] ^= 1;
    }
    assert_true(tokens_hold(tokens, slice_of(text, token_size), 0, &user));
    tokens_free(others);
    tokens_free(tokens);
}

static void expired_tokens_make_room(void **state)
{
    (void)state;
    struct tokens *tokens = make(10);
    char text[token_size + 1];
    for (uint64_t now = 0; now < 2000; now++)
        issue(tokens, now, text);
    /* Of each of the few shards there may be some that nothing was put into since. */
    assert_in_range(tokens_count(tokens), 10, 1000);
    tokens_free(tokens);
}

static void the_oldest_go_first(void **state)
{
    (void)state;
    struct tokens *tokens = make(UINT64_C(1) << 40);
    char oldest[token_size + 1], newest[token_size + 1];
    issue(tokens, 0, oldest);
    for (size_t i = 0; i < (size_t)tokens_max * 5 / 4; i++) {
        issue(tokens, 1, newest);
        assert_true(i > 0 || tokens_hold(tokens, slice_of(oldest, token_size), 1, &user));
    }
    assert_int_equal(tokens_count(tokens), tokens_max);
    assert_false(tokens_hold(tokens, slice_of(oldest, token_size), 1, &user));
    assert_true(tokens_hold(tokens, slice_of(newest, token_size), 1, &user));
    tokens_free(tokens);
}

static void memory_that_runs_out_is_told(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct test_alloc t;
        test_alloc_init(&t, n);
        struct tokens *tokens = NULL;
        char text[token_size + 1] = "untouched";
        enum fkv_status status = tokens_new(&t.alloc, 100, &tokens, &error);
        if (status == FKV_OK) {
            status = tokens_issue(tokens, 7, 0, text, &error);
            assert_int_equal(tokens_hold(tokens, slice_of(text, token_size), 0, &user),
                             status == FKV_OK);
        }
        assert_true(status == FKV_OK || status == FKV_RESOURCE_EXHAUSTED);
        assert_true(status == FKV_OK || strcmp(text, "untouched") == 0);
        tokens_free(tokens);
        assert_int_equal(t.live, 0);
        if (t.requests < n)
            break;
    }
}

static void *issue_and_ask(void *context)
{
    struct tokens *tokens = context;
    struct fkv_error of_thread;
    char text[token_size + 1];
    size_t failures = 0;
    for (unsigned i = 0; i < 300; i++) {
        failures += tokens_issue(tokens, 7, i, text, &of_thread) != FKV_OK;
        uint64_t whose = 0;
        failures += !tokens_hold(tokens, slice_of(text, token_size), i, &whose) || whose != 7;
    }
    return (void *)failures;
}

static void threads_share_a_table(void **state)
{
    (void)state;
    struct tokens *tokens = make(1000);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, issue_and_ask, tokens), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failures;
        pthread_join(threads[i], &failures);
        assert_null(failures);
    }
    assert_int_equal(tokens_count(tokens), 1200);
    tokens_free(tokens);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(a_token_holds_for_its_time),
              cmocka_unit_test(what_was_not_issued_does_not_hold),
              cmocka_unit_test(expired_tokens_make_room), cmocka_unit_test(the_oldest_go_first),
              cmocka_unit_test(memory_that_runs_out_is_told),
              cmocka_unit_test(threads_share_a_table));
}
