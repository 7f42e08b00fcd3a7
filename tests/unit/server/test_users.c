/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/hashes.h"
#include "server/password.h"
#include "server/users.h"

static struct fkv_error error;
static uint64_t id;

static struct users *parse(const char *text)
{
    struct users *users = NULL;
    assert_ok(users_parse(alloc_system(), slice_text(text), &users, &error));
    return users;
}

static void users_are_known_by_their_password(void **state)
{
    (void)state;
    struct users *users = parse("# who may\n"
                                "ann:" HASH_OF_SECRET "\n"
                                "\n"
                                "bob b.:" HASH_OF_OTHER "  \r\n"
                                "c\xc3\xb6rd:" HASH_OF_THIRD);
    static const struct {
        const char *name, *password;
        enum fkv_status status;
    } rows[] = {
        {"ann", "secret", FKV_OK},
        {"bob b.", "other", FKV_OK},
        {"c\xc3\xb6rd", "third", FKV_OK},
        {"ann", "other", FKV_UNAUTHENTICATED},
        {"ann", "", FKV_UNAUTHENTICATED},
        {"ann", "secret ", FKV_UNAUTHENTICATED},
        {"", "secret", FKV_UNAUTHENTICATED},
        {"Ann", "secret", FKV_UNAUTHENTICATED},
        {"eve", "secret", FKV_UNAUTHENTICATED}, /* the first user's, with whom eve is compared */
        {"# who may", "", FKV_UNAUTHENTICATED},
    };
    assert_int_equal(users_count(users), 3);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        error.message[0] = '\0';
        assert_int_equal(users_check(users, rows[i].name, rows[i].password, &id, &error),
                         rows[i].status);
        if (rows[i].status != FKV_OK)
            assert_string_equal(error.message, "the user's name or the password is wrong");
    }
    users_free(users);
}

static void bad_lines_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"", "no user"},
        {"# nobody\n\n", "no user"},
        {"ann\n", "line 1 has no ':'"},
        {"\n#\nann" HASH_OF_SECRET, "line 3 has no ':'"},
        {":" HASH_OF_SECRET, "line 1: the user's name"},
        {"a\tb:" HASH_OF_SECRET, "line 1: the user's name"},
        {"a\x7f:" HASH_OF_SECRET, "line 1: the user's name"},
        {"\xff:" HASH_OF_SECRET, "line 1: the user's name"},
        {"ann:\n", "line 1: what follows"},
        {"ann:secret\n", "line 1: what follows"},
        {"ann:!\n", "line 1: what follows"},
        {"ann:*\n", "line 1: what follows"},
        {"ann:abJnggxhB/yWI\n", "line 1: what follows"},                     /* DES */
        {"ann:$1$salt$qJH7.N4xYta3aEG/dfqo/0\n", "line 1: what follows"},    /* MD5 */
        {"ann:$6$salt1234$\n", "line 1: what follows"},                      /* only a salt */
        {"ann:" HASH_OF_SECRET "x\n", "line 1: what follows"},               /* too long */
        {"ann:$y$$78qcwm95VNQ2OqasOMH720BfSLedOOpSQcS/CF9mt73\n", "line 1"}, /* no parameters */
        {"ann:" HASH_OF_SECRET ":0:99999\n", "line 1: what follows"},        /* /etc/shadow */
        {"ann:" HASH_OF_SECRET "\nann:" HASH_OF_OTHER "\n", "line 2 names a user"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct users *users = NULL;
        error.message[0] = '\0';
        if (users_parse(alloc_system(), slice_text(rows[i].text), &users, &error) !=
            FKV_INVALID_ARGUMENT)
            fail_msg("row %zu was taken: %s", i, rows[i].text);
        if (strstr(error.message, rows[i].expected) == NULL)
            fail_msg("row %zu: %s", i, error.message);
        assert_null(users);
        assert_null(strstr(error.message, "secret\n"));
    }
}

static void a_zero_byte_is_named(void **state)
{
    (void)state;
    static const char text[] = "#\nann\0:" HASH_OF_SECRET;
    struct users *users = NULL;
    assert_int_equal(users_parse(alloc_system(), slice_of(text, sizeof text - 1), &users, &error),
                     FKV_INVALID_ARGUMENT);
    assert_string_equal(error.message, "line 2 has a zero byte");
}

static void a_long_name_is_refused(void **state)
{
    (void)state;
    char text[user_name_bytes_max + 256];
    for (size_t size = user_name_bytes_max; size <= user_name_bytes_max + 1; size++) {
        struct users *users = NULL;
        memset(text, 'n', size);
        memcpy(text + size, ":" HASH_OF_SECRET, sizeof ":" HASH_OF_SECRET);
        enum fkv_status status = users_parse(alloc_system(), slice_text(text), &users, &error);
        assert_int_equal(status, size <= user_name_bytes_max ? FKV_OK : FKV_INVALID_ARGUMENT);
        users_free(users);
    }
}

/* Every beginning of a good file is good or refused, and read within its bounds. */
static void cut_files_are_survived(void **state)
{
    (void)state;
    static const char text[] = "ann:" HASH_OF_SECRET "\n# more\nbob:" HASH_OF_OTHER "\n";
    for (size_t size = 0; size < sizeof text; size++) {
        char *copy = malloc(size + 1); /* its end is watched by the sanitizer */
        memcpy(copy, text, size);
        struct users *users = NULL;
        enum fkv_status status = users_parse(alloc_system(), slice_of(copy, size), &users, &error);
        assert_true(status == FKV_OK || status == FKV_INVALID_ARGUMENT);
        users_free(users);
        free(copy);
    }
}

static void write_file(const char *path, const char *text, size_t size, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void files_are_read(void **state)
{
    (void)state;
    char folder[] = "/tmp/flightkv-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/users", folder);
    static const char text[] = "ann:" HASH_OF_SECRET "\n";
    for (int others = 0; others <= 4; others += 4) {
        struct users *users = NULL;
        bool is_exposed = others == 0;
        write_file(path, text, sizeof text - 1, (mode_t)(0640 | others));
        assert_ok(users_read(alloc_system(), path, &users, &is_exposed, &error));
        assert_int_equal(is_exposed, others != 0);
        assert_ok(users_check(users, "ann", "secret", &id, &error));
        users_free(users);
    }

    struct users *none = NULL;
    bool is_exposed;
    static char large[users_file_bytes_max + 1];
    memset(large, '\n', sizeof large);
    write_file(path, large, sizeof large, 0600);
    assert_int_equal(users_read(alloc_system(), path, &none, &is_exposed, &error),
                     FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "1048576 bytes, the limit"));
    assert_non_null(strstr(error.message, path));
    unlink(path);
    assert_int_equal(users_read(alloc_system(), path, &none, &is_exposed, &error),
                     FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, path));
    assert_int_equal(users_read(alloc_system(), folder, &none, &is_exposed, &error),
                     FKV_INVALID_ARGUMENT);
    rmdir(folder);
}

/* A number stands for a user with one password, through files that are read anew. */
static void a_user_keeps_the_number_while_the_hash_stays(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "ann:" HASH_OF_SECRET "\nbob:" HASH_OF_OTHER,
        "eve:" HASH_OF_SECRET "\nbob:" HASH_OF_OTHER "\nann:" HASH_OF_SECRET,
        "ann:" HASH_OF_OTHER "\nbob:" HASH_OF_OTHER,
    };
    struct users *users[3];
    uint64_t next = 1, ann[3], bob[3];
    for (size_t i = 0; i < 3; i++) {
        assert_ok(users_parse(alloc_system(), slice_text(texts[i]), &users[i], &error));
        users_number(users[i], i > 0 ? users[i - 1] : NULL, &next);
        assert_ok(users_check(users[i], "bob", "other", &bob[i], &error));
        assert_ok(users_check(users[i], "ann", i < 2 ? "secret" : "other", &ann[i], &error));
        assert_true(users_have(users[i], ann[i]));
    }
    assert_int_equal(ann[1], ann[0]);
    assert_int_not_equal(ann[2], ann[0]);
    assert_false(users_have(users[2], ann[0]));
    assert_int_equal(bob[1], bob[0]);
    assert_int_equal(bob[2], bob[0]);
    assert_int_not_equal(ann[0], bob[0]);
    assert_int_equal(next, 5);
    assert_false(users_have(users[2], 0));
    for (size_t i = 0; i < 3; i++)
        users_free(users[i]);
}

static void memory_that_runs_out_is_told(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct test_alloc t;
        test_alloc_init(&t, n);
        struct users *users = NULL;
        enum fkv_status status =
            users_parse(&t.alloc, slice_text("ann:" HASH_OF_SECRET), &users, &error);
        if (status == FKV_OK)
            status = users_check(users, "ann", "secret", &id, &error);
        assert_int_equal(status, t.requests < n ? FKV_OK : FKV_RESOURCE_EXHAUSTED);
        users_free(users);
        assert_int_equal(t.live, 0);
        if (t.requests < n)
            break;
    }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(users_are_known_by_their_password),
              cmocka_unit_test(bad_lines_are_named), cmocka_unit_test(a_zero_byte_is_named),
              cmocka_unit_test(a_long_name_is_refused), cmocka_unit_test(cut_files_are_survived),
              cmocka_unit_test(files_are_read),
              cmocka_unit_test(a_user_keeps_the_number_while_the_hash_stays),
              cmocka_unit_test(memory_that_runs_out_is_told));
}
