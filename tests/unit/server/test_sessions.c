/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <pthread.h>
#include <stdlib.h>

#include "server/sessions.h"

static struct fkv_error error;
static struct session_copy copy;

enum { idle_ns = 100 };

static struct sessions *make(size_t most)
{
    struct sessions *sessions = NULL;
    assert_ok(sessions_new(alloc_system(), most, idle_ns, &sessions, &error));
    return sessions;
}

/* `name` has room for one; the key points to it. */
static struct session_key begin(struct sessions *sessions, uint64_t user, uint64_t now, char *name)
{
    assert_ok(sessions_begin(sessions, user, now, name, &error));
    assert_int_equal(strlen(name), session_name_size);
    assert_int_equal(strspn(name, "0123456789abcdef"), session_name_size);
    return (struct session_key){slice_text(name), user};
}

static enum fkv_status set(struct sessions *sessions, struct session_key key, size_t index,
                           const char *text)
{
    const struct session_value value = {text != NULL ? slice_text(text) : slice_of(NULL, 0), false};
    return sessions_set(sessions, key, 0, index, &value, &error);
}

static bool is_there(struct sessions *sessions, struct session_key key, uint64_t now)
{
    enum fkv_status status = sessions_read(sessions, key, now, &copy, &error);
    assert_true(status == FKV_OK || status == FKV_NOT_FOUND);
    return status == FKV_OK;
}

static void values_come_back_as_they_were_set(void **state)
{
    (void)state;
    char a[session_name_size + 1], b[session_name_size + 1];
    struct sessions *sessions = make(10);
    struct session_key first = begin(sessions, 0, 0, a), second = begin(sessions, 0, 0, b);
    const struct session_value number = {slice_text("4096"), true};
    assert_ok(set(sessions, first, 0, "x,y"));
    assert_ok(set(sessions, first, 7, ""));
    assert_ok(sessions_set(sessions, first, 0, 2, &number, &error));
    assert_ok(set(sessions, second, 0, "other"));
    assert_true(is_there(sessions, first, 0));
    assert_true(slice_is(copy.values[0].text, "x,y"));
    assert_false(copy.values[0].is_number);
    assert_null(copy.values[1].text.data);
    assert_true(slice_is(copy.values[2].text, "4096") && copy.values[2].is_number);
    assert_true(copy.values[7].text.data != NULL && copy.values[7].text.size == 0);
    assert_ok(set(sessions, first, 0, "z"));
    assert_ok(set(sessions, first, 2, NULL));
    assert_true(is_there(sessions, first, 0));
    assert_true(slice_is(copy.values[0].text, "z"));
    assert_null(copy.values[2].text.data);
    assert_true(is_there(sessions, second, 0));
    assert_true(slice_is(copy.values[0].text, "other"));
    sessions_free(sessions);
}

static void a_session_is_its_users(void **state)
{
    (void)state;
    char name[session_name_size + 1];
    struct sessions *sessions = make(10);
    struct session_key key = begin(sessions, 7, 0, name), others = {key.name, 8};
    assert_true(is_there(sessions, key, 0));
    assert_false(is_there(sessions, others, 0));
    assert_int_equal(set(sessions, others, 0, "x"), FKV_NOT_FOUND);
    assert_int_equal(sessions_end(sessions, others, 0, &error), FKV_NOT_FOUND);
    assert_true(is_there(sessions, key, 0));
    assert_null(copy.values[0].text.data);
    assert_ok(sessions_end(sessions, key, 0, &error));
    assert_false(is_there(sessions, key, 0));
    assert_int_equal(sessions_count(sessions), 0);
    sessions_free(sessions);
}

static void names_that_are_none_are_not_found(void **state)
{
    (void)state;
    char name[session_name_size + 1];
    struct sessions *sessions = make(10);
    struct session_key key = begin(sessions, 0, 0, name);
    for (size_t size = 0; size <= session_name_size; size++)
        assert_int_equal(is_there(sessions, (struct session_key){slice_of(name, size), 0}, 0),
                         size == session_name_size);
    assert_false(is_there(sessions, (struct session_key){slice_of(name, session_name_size + 1), 0},
                          0)); /* with its NUL */
    for (size_t i = 0; i < session_name_size; i++) {
        name[i] ^= 1;
        assert_false(is_there(sessions, key, 0));
        name[i] ^= 1;
    }
    assert_true(is_there(sessions, key, 0));
    sessions_free(sessions);
}

static void an_idle_session_is_over(void **state)
{
    (void)state;
    char a[session_name_size + 1], b[session_name_size + 1];
    struct sessions *sessions = make(10);
    struct session_key used = begin(sessions, 0, 0, a), idle = begin(sessions, 0, 0, b);
    assert_true(is_there(sessions, used, 100)); /* that is a use */
    assert_false(is_there(sessions, idle, 101));
    assert_true(is_there(sessions, used, 200));
    assert_int_equal(sessions_count(sessions), 2);
    sessions_trim(sessions, 201);
    assert_int_equal(sessions_count(sessions), 1);
    assert_true(is_there(sessions, used, 300));
    assert_true(is_there(sessions, used, 250)); /* another thread's clock was read before */
    sessions_trim(sessions, 1000);
    assert_int_equal(sessions_count(sessions), 0);
    sessions_free(sessions);
}

/* More than are dropped with the lock held. */
static void a_trim_drops_all_that_are_over(void **state)
{
    (void)state;
    char name[session_name_size + 1];
    struct sessions *sessions = make(1000);
    for (uint64_t i = 0; i < 300; i++)
        begin(sessions, 0, i, name);
    sessions_trim(sessions, 299 + idle_ns);
    assert_int_equal(sessions_count(sessions), 1);
    sessions_free(sessions);
}

static void the_least_recently_used_makes_room(void **state)
{
    (void)state;
    char names[4][session_name_size + 1];
    struct session_key keys[4];
    struct sessions *sessions = make(3);
    for (size_t i = 0; i < 3; i++)
        keys[i] = begin(sessions, 0, i, names[i]);
    assert_true(is_there(sessions, keys[0], 4));
    keys[3] = begin(sessions, 0, 5, names[3]);
    assert_int_equal(sessions_count(sessions), 3);
    assert_true(is_there(sessions, keys[0], 6));
    assert_false(is_there(sessions, keys[1], 6));
    assert_true(is_there(sessions, keys[2], 6));
    assert_true(is_there(sessions, keys[3], 6));
    sessions_free(sessions);
}

static void a_session_has_a_limit(void **state)
{
    (void)state;
    static char text[session_bytes_max + 1];
    char name[session_name_size + 1];
    struct sessions *sessions = make(3);
    struct session_key key = begin(sessions, 0, 0, name);
    memset(text, 'x', session_bytes_max);
    assert_ok(set(sessions, key, 1, text));
    assert_int_equal(set(sessions, key, 0, "y"), FKV_RESOURCE_EXHAUSTED);
    assert_true(is_there(sessions, key, 0));
    assert_null(copy.values[0].text.data);
    text[session_bytes_max - 1] = '\0';
    assert_ok(set(sessions, key, 1, text));
    assert_ok(set(sessions, key, 0, "y"));
    assert_true(is_there(sessions, key, 0));
    assert_true(slice_is(copy.values[1].text, text));
    assert_true(slice_is(copy.values[0].text, "y"));
    sessions_free(sessions);
}

static void memory_that_runs_out_is_told(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct test_alloc t;
        test_alloc_init(&t, n);
        struct sessions *sessions = NULL;
        char name[session_name_size + 1];
        enum fkv_status status = sessions_new(&t.alloc, 2, idle_ns, &sessions, &error);
        for (int i = 0; i < 4 && status == FKV_OK; i++) {
            status = sessions_begin(sessions, 0, 0, name, &error);
            if (status == FKV_OK)
                status = set(sessions, (struct session_key){slice_text(name), 0}, 3, "value");
        }
        assert_true(status == FKV_OK || status == FKV_RESOURCE_EXHAUSTED);
        sessions_free(sessions);
        assert_int_equal(t.live, 0);
        if (t.requests < n)
            break;
    }
}

/* ---- in several threads ---- */

enum { threads = 4, rounds = 2000 };

static void *use_sessions(void *context)
{
    struct sessions *sessions = context;
    struct fkv_error of_thread;
    struct session_copy *read = malloc(sizeof *read);
    char name[session_name_size + 1];
    for (uint64_t i = 0; i < rounds && read != NULL; i++) {
        if (sessions_begin(sessions, 0, i, name, &of_thread) != FKV_OK)
            break;
        const struct session_key key = {slice_text(name), 0};
        const struct session_value value = {slice_text(name), false};
        /* Others may have taken its place. */
        enum fkv_status status = sessions_set(sessions, key, i, i % 8, &value, &of_thread);
        if (status == FKV_OK && sessions_read(sessions, key, i, read, &of_thread) == FKV_OK &&
            !slice_is(read->values[i % 8].text, name))
            break;
        if (i % 3 == 0)
            sessions_end(sessions, key, i, &of_thread);
        if (i % 100 == 0)
            sessions_trim(sessions, i);
        if (i + 1 == rounds) {
            free(read);
            return NULL;
        }
    }
    free(read);
    return sessions; /* something went wrong */
}

static void threads_share_them(void **state)
{
    (void)state;
    struct sessions *sessions = make(20);
    pthread_t ids[threads];
    for (size_t i = 0; i < threads; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, use_sessions, sessions), 0);
    for (size_t i = 0; i < threads; i++) {
        void *failure;
        pthread_join(ids[i], &failure);
        assert_null(failure);
    }
    assert_in_range(sessions_count(sessions), 0, 20);
    sessions_free(sessions);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(values_come_back_as_they_were_set),
              cmocka_unit_test(a_session_is_its_users),
              cmocka_unit_test(names_that_are_none_are_not_found),
              cmocka_unit_test(an_idle_session_is_over),
              cmocka_unit_test(a_trim_drops_all_that_are_over),
              cmocka_unit_test(the_least_recently_used_makes_room),
              cmocka_unit_test(a_session_has_a_limit),
              cmocka_unit_test(memory_that_runs_out_is_told), cmocka_unit_test(threads_share_them));
}
