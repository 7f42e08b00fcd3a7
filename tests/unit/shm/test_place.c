/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shm/place.h"

static struct fkv_error error;
static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fkv-test-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* it must be empty */
}

static mode_t mode_of(const char *path)
{
    struct stat file;
    assert_int_equal(lstat(path, &file), 0);
    return file.st_mode & 0777;
}

static void only_the_user_may_enter(void **state)
{
    (void)state;
    char inner[100];
    snprintf(inner, sizeof inner, "%s/inner", folder);
    const struct shm_place_options options = {.folder = inner, .backlog = 4};
    struct shm_place place;
    mode_t mask = umask(0);
    assert_ok(shm_place_open(&options, &place, &error));
    umask(mask);
    assert_int_equal(mode_of(inner), 0700);
    assert_int_equal(mode_of(place.path), 0600);
    int fd = shm_control_connect(place.path);
    assert_true(fd >= 0);
    close(fd);
    shm_place_close(&place);
    assert_int_equal(access(place.path, F_OK), -1);
    assert_int_equal(rmdir(inner), 0);
}

static void a_group_may_enter(void **state)
{
    (void)state;
    const struct shm_place_options options = {
        .folder = folder, .has_group = true, .group = getegid(), .backlog = 4};
    struct shm_place place;
    assert_ok(shm_place_open(&options, &place, &error));
    assert_int_equal(mode_of(folder), 0710);
    assert_int_equal(mode_of(place.path), 0660);
    shm_place_close(&place);
}

/* Of the group that a server before let in, nobody is let in by this one. */
static void what_was_open_to_a_group_does_for_none(void **state)
{
    (void)state;
    const struct shm_place_options options = {.folder = folder, .backlog = 4};
    struct shm_place place;
    assert_int_equal(chmod(folder, 0710), 0);
    assert_ok(shm_place_open(&options, &place, &error));
    assert_int_equal(mode_of(place.path), 0600);
    shm_place_close(&place);
}

static void a_folder_that_others_may_enter_is_refused(void **state)
{
    (void)state;
    static const mode_t modes[] = {0701, 0711, 0707, 0730, 0750, 0770, 0755, 0777};
    const struct shm_place_options options = {.folder = folder, .backlog = 4};
    struct shm_place place;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(folder, modes[i]), 0);
        assert_int_equal(shm_place_open(&options, &place, &error), FKV_PERMISSION_DENIED);
        assert_non_null(strstr(error.message, folder));
        assert_non_null(strstr(error.message, "mode 700"));
    }
    chmod(folder, 0700);
    char link[100];
    snprintf(link, sizeof link, "%s.link", folder);
    assert_int_equal(symlink(folder, link), 0);
    const struct shm_place_options by_link = {.folder = link, .backlog = 4};
    assert_int_equal(shm_place_open(&by_link, &place, &error), FKV_PERMISSION_DENIED);
    unlink(link);
}

static void paths_that_no_client_could_be_told_are_refused(void **state)
{
    (void)state;
    char path[200];
    struct shm_place place;
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    const char *const paths[] = {path, "/tmp/a;b", "/tmp/a b", "/tmp/\xc3\xa4"};
    for (size_t i = 0; i < 4; i++) {
        const struct shm_place_options options = {.folder = paths[i], .backlog = 4};
        assert_int_equal(shm_place_open(&options, &place, &error), FKV_INVALID_ARGUMENT);
    }
}

/* A socket's file under `name`, on which somebody listens or nobody any more. */
static int leave_file(const char *name, bool is_listening, char ret_path[100])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(ret_path, 100, "%s/%s", folder, name);
    memcpy(address.sun_path, ret_path, strlen(ret_path));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    if (is_listening)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void files_of_servers_that_are_gone_are_removed(void **state)
{
    (void)state;
    const struct shm_place_options options = {.folder = folder, .backlog = 4};
    struct shm_place place;
    char gone[100], alive[100], running[100], other[100], own[32];
    snprintf(own, sizeof own, "%ld-abc", (long)getpid());
    /* No process has so high a number. */
    close(leave_file("999999999-0123abcd", false, gone));
    int fd = leave_file("999999998-0123abcd", true, alive);
    close(leave_file(own, false, running));
    close(leave_file("something", false, other));
    assert_ok(shm_place_open(&options, &place, &error));
    assert_int_equal(access(gone, F_OK), -1);
    assert_int_equal(access(alive, F_OK), 0);
    assert_int_equal(access(running, F_OK), 0);
    assert_int_equal(access(other, F_OK), 0);
    shm_place_close(&place);
    close(fd);
    unlink(alive);
    unlink(running);
    unlink(other);
}

/* A folder that was given may have the user's own files in it. */
static void other_files_stay(void **state)
{
    (void)state;
    /* No process has these numbers. */
    static const char *const names[] = {"999999999-0123abcd", "999999999-report.csv"};
    const struct shm_place_options options = {.folder = folder, .backlog = 4};
    struct shm_place place;
    char files[2][100], link[100], foreign[100];
    for (size_t i = 0; i < 2; i++) {
        snprintf(files[i], sizeof files[i], "%s/%s", folder, names[i]);
        int fd = open(files[i], O_WRONLY | O_CREAT | O_EXCL, 0600);
        assert_true(fd >= 0);
        close(fd);
    }
    snprintf(link, sizeof link, "%s/999999998-0123abcd", folder);
    assert_int_equal(symlink("nowhere", link), 0);
    close(leave_file("999999999-backup", false, foreign));
    assert_ok(shm_place_open(&options, &place, &error));
    shm_place_close(&place);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(unlink(files[i]), 0);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(unlink(foreign), 0);
}

static void the_default_is_the_users_own(void **state)
{
    (void)state;
    const struct shm_place_options options = {.backlog = 4};
    struct shm_place place;
    char expected[100];
    setenv("XDG_RUNTIME_DIR", folder, 1);
    assert_ok(shm_place_open(&options, &place, &error));
    snprintf(expected, sizeof expected, "%s/flightkv/%ld-", folder, (long)getpid());
    assert_memory_equal(place.path, expected, strlen(expected));
    shm_place_close(&place);
    snprintf(expected, sizeof expected, "%s/flightkv", folder);
    assert_int_equal(rmdir(expected), 0);
    unsetenv("XDG_RUNTIME_DIR");
    assert_ok(shm_place_open(&options, &place, &error));
    snprintf(expected, sizeof expected, "/tmp/flightkv-%lu/", (unsigned long)geteuid());
    assert_memory_equal(place.path, expected, strlen(expected));
    shm_place_close(&place);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    RUN_TESTS(WITH_FOLDER(only_the_user_may_enter), WITH_FOLDER(a_group_may_enter),
              WITH_FOLDER(what_was_open_to_a_group_does_for_none),
              WITH_FOLDER(a_folder_that_others_may_enter_is_refused),
              WITH_FOLDER(paths_that_no_client_could_be_told_are_refused),
              WITH_FOLDER(files_of_servers_that_are_gone_are_removed),
              WITH_FOLDER(other_files_stay), WITH_FOLDER(the_default_is_the_users_own));
}
