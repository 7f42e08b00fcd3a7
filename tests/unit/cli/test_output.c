/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are there whole or not at all. */
#include "harness/test.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.h"

enum { path_size = 256 };

struct folder {
    char path[64];
    char file[path_size]; /* "table" in it */
};

static int make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    assert_non_null(folder);
    snprintf(folder->path, sizeof folder->path, "/tmp/fkv-output-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    snprintf(folder->file, sizeof folder->file, "%s/table", folder->path);
    *state = folder;
    return 0;
}

/* How many files there are; removes them if told to. */
static int count_files(const struct folder *folder, bool removes)
{
    int count = 0;
    DIR *dir = opendir(folder->path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        if (removes)
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    return count;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    count_files(folder, true);
    assert_int_equal(rmdir(folder->path), 0);
    free(folder);
    return 0;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void assert_holds(const char *path, const char *text)
{
    char bytes[64] = "";
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, sizeof bytes - 1, file), strlen(text));
    assert_string_equal(bytes, text);
    fclose(file);
}

static void appears_when_committed(void **state)
{
    const struct folder *folder = *state;
    struct fkv_error error;
    struct output output;
    mode_t mask = umask(027);
    assert_ok(output_open(folder->file, &output, &error));
    assert_int_equal(write(output.fd, "new", 3), 3);
    assert_int_not_equal(access(folder->file, F_OK), 0);
    assert_ok(output_commit(&output, &error));
    umask(mask);
    assert_holds(folder->file, "new");
    struct stat about;
    assert_int_equal(stat(folder->file, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0640);
    assert_int_equal(count_files(folder, false), 1);
}

static void leaves_what_was_there_when_aborted(void **state)
{
    const struct folder *folder = *state;
    struct fkv_error error;
    struct output output;
    write_file(folder->file, "old");
    assert_ok(output_open(folder->file, &output, &error));
    assert_int_equal(write(output.fd, "half", 4), 4);
    output_abort(&output);
    assert_holds(folder->file, "old");
    assert_int_equal(count_files(folder, false), 1);
}

static void follows_a_symbolic_link(void **state)
{
    const struct folder *folder = *state;
    struct fkv_error error;
    struct output output;
    char link[path_size];
    struct stat about;
    snprintf(link, sizeof link, "%s/link", folder->path);
    write_file(folder->file, "old");
    assert_int_equal(symlink("table", link), 0);
    assert_ok(output_open(link, &output, &error));
    assert_int_equal(write(output.fd, "new", 3), 3);
    assert_ok(output_commit(&output, &error));
    assert_holds(folder->file, "new");
    assert_int_equal(lstat(link, &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    assert_int_equal(count_files(folder, false), 2);
}

static void writes_into_a_device(void **state)
{
    (void)state;
    struct fkv_error error;
    struct output output;
    assert_ok(output_open("/dev/null", &output, &error));
    assert_null(output.temporary);
    assert_ok(output_commit(&output, &error));
    struct stat about;
    assert_int_equal(stat("/dev/null", &about), 0);
    assert_true(S_ISCHR(about.st_mode));
}

static void says_why_not(void **state)
{
    const struct folder *folder = *state;
    struct fkv_error error;
    struct output output;
    char text[2 * path_size];
    assert_int_equal(output_open(folder->path, &output, &error), FKV_INVALID_ARGUMENT);
    snprintf(text, sizeof text, "cannot write '%s': it is a folder", folder->path);
    assert_string_equal(error.message, text);
    assert_int_equal(output_open("/nowhere/at/all", &output, &error), FKV_UNKNOWN);
    assert_string_equal(error.message, "cannot write '/nowhere/at/all': there is no such folder; "
                                       "\"mkdir -p /nowhere/at\" makes it");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    RUN_TESTS(IN_FOLDER(appears_when_committed), IN_FOLDER(leaves_what_was_there_when_aborted),
              IN_FOLDER(follows_a_symbolic_link), IN_FOLDER(writes_into_a_device),
              IN_FOLDER(says_why_not));
}
