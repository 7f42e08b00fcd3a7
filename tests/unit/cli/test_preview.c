/* SPDX-License-Identifier: Apache-2.0 */
/* Previews: which rows, over which batches, and of files with broken bytes. */
#include "harness/test.h"

#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/numbers.h"
#include "cli/preview.h"

static char *text_of(const struct preview *preview)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_true(preview_print(preview, out));
    fclose(out);
    return text;
}

/* The row numbers that a preview shows, "..." for its gap, joined by blanks. */
static char *rows_of(const char *text)
{
    char *result = calloc(1, strlen(text) + 1), *end = result;
    assert_non_null(result);
    const char *line = strstr(text, "---");
    assert_non_null(line);
    for (line = strchr(line, '\n') + 1; *line != '\n'; line = strchr(line, '\n') + 1) {
        line += strspn(line, " ");
        size_t size = strcspn(line, " ");
        memcpy(end, line, size + 1); /* with the blank behind it */
        end += size + 1;
    }
    return result;
}

static char *show_numbers(const struct numbers_options *numbers,
                          const struct preview_options *options)
{
    struct fkv_error error;
    struct ArrowArrayStream stream;
    struct preview *preview;
    assert_ok(numbers_stream(numbers, &stream, &error));
    assert_ok(preview_read(&stream, options, NULL, NULL, &preview, &error));
    char *text = text_of(preview);
    preview_free(preview);
    return text;
}

static char *rows_shown(int64_t rows, int64_t batch_rows, size_t shown)
{
    struct numbers_options numbers = {.rows = rows, .columns = 1, .batch_rows = batch_rows};
    char *text = show_numbers(&numbers, &(struct preview_options){.rows = shown});
    char *result = rows_of(text);
    free(text);
    return result;
}

static void first_and_last_rows(void **state)
{
    (void)state;
    static const struct {
        int64_t rows, batch_rows;
        size_t shown;
        const char *expected;
    } cases[] = {
        {0, 1, 2, ""},
        {1, 1, 2, "0 "},
        {4, 4, 2, "0 1 2 3 "},
        {4, 1, 2, "0 1 2 3 "},
        {5, 5, 2, "0 1 ... 3 4 "},
        {5, 1, 2, "0 1 ... 3 4 "},
        {5, 2, 2, "0 1 ... 3 4 "},
        {5, 3, 2, "0 1 ... 3 4 "},
        {100, 7, 3, "0 1 2 ... 97 98 99 "},
        {100, 1, 3, "0 1 2 ... 97 98 99 "},
        {100, 99, 3, "0 1 2 ... 97 98 99 "},
        {3, 2, 5, "0 1 2 "},
        {3, 2, 0, "... "},
        {1000, 1, 40, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *rows = rows_shown(cases[i].rows, cases[i].batch_rows, cases[i].shown);
        if (cases[i].expected != NULL)
            assert_string_equal(rows, cases[i].expected);
        else
            assert_non_null(strstr(rows, "38 39 ... 960 961 "));
        free(rows);
    }
}

static void fills_the_height(void **state)
{
    (void)state;
    static const struct {
        int64_t rows, columns;
        size_t height;
        const char *expected;
    } cases[] = {
        {100, 1, 13, "0 1 2 ... 97 98 99 "},
        {100, 1, 14, "0 1 2 3 ... 97 98 99 "},
        {8, 1, 14, "0 1 2 3 4 5 6 7 "},
        {9, 1, 14, "0 1 2 3 ... 6 7 8 "},
        {100, 1, 9, "0 ... 99 "},
        {100, 1, 1, "0 ... 99 "}, /* not less */
        {3, 1, 1, "0 1 2 "},
        {100, 1, 24, "0 1 2 3 4 5 6 ... 93 94 95 96 97 98 99 "},
        {100, 8, 24, "0 1 2 3 4 ... 95 96 97 98 99 "}, /* and five lines of schema */
        {100, 100, 30, "0 1 2 3 4 ... 95 96 97 98 99 "},
        {0, 1, 24, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct numbers_options numbers = {
            .rows = cases[i].rows, .columns = cases[i].columns, .batch_rows = 3};
        struct preview_options options = {.rows = 5, .height = cases[i].height, .width = 100};
        char *text = show_numbers(&numbers, &options), *rows = rows_of(text);
        size_t lines = 1; /* the prompt's */
        for (const char *at = text; *at != '\0'; at++)
            lines += *at == '\n';
        assert_string_equal(rows, cases[i].expected);
        if (cases[i].height > 8 && strstr(rows, "...") != NULL)
            assert_int_equal(lines, cases[i].height);
        free(rows);
        free(text);
    }
}

static bool stop(void *context, const struct fkv_progress *progress)
{
    *(uint64_t *)context = progress->rows;
    return progress->rows < 3;
}

static void stops_when_told(void **state)
{
    (void)state;
    struct fkv_error error;
    struct ArrowArrayStream stream;
    struct preview *preview = NULL;
    uint64_t rows = 0;
    struct numbers_options numbers = {.rows = 10, .columns = 1, .batch_rows = 1};
    assert_ok(numbers_stream(&numbers, &stream, &error));
    struct preview_options options = {.rows = 5};
    assert_int_equal(preview_read(&stream, &options, stop, &rows, &preview, &error), FKV_CANCELLED);
    assert_int_equal(rows, 3);
    assert_null(preview);
}

/* ---- broken bytes ---- */

enum { file_bytes_max = 1 << 17, mutations = 400 };

static size_t read_file(const char *path, uint8_t *bytes)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t size = fread(bytes, 1, file_bytes_max, file);
    assert_true(size > 0 && size < file_bytes_max);
    fclose(file);
    return size;
}

/* Shows the bytes as a table if they are one; that nothing is read outside of them is for the
 * sanitizer to see. Gives whether it was shown. */
static bool show(const uint8_t *bytes, size_t size)
{
    struct fkv_error error;
    struct ArrowArrayStream stream;
    struct preview *preview;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fflush(file), 0);
    int fd = dup(fileno(file));
    assert_true(fd >= 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    enum fkv_status status = fkv_ipc_read(fd, &stream, &error);
    fclose(file);
    if (status != FKV_OK)
        return false;
    struct preview_options options = {.rows = 5, .width = 200};
    status = preview_read(&stream, &options, NULL, NULL, &preview, &error);
    if (status != FKV_OK)
        return false;
    char *text = text_of(preview);
    assert_non_null(strstr(text, "schema:"));
    free(text);
    preview_free(preview);
    return true;
}

static void survives_broken_bytes(void **state)
{
    (void)state;
    uint8_t *bytes = malloc(file_bytes_max);
    assert_non_null(bytes);
    size_t size = read_file("tests/cli/data/values.arrow", bytes);
    assert_true(show(bytes, size));
    uint64_t seed = 1;
    size_t shown = 0;
    for (int i = 0; i < mutations; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        size_t at = (size_t)(seed >> 33) % size;
        uint8_t before = bytes[at];
        bytes[at] ^= (uint8_t)(1 << (seed >> 30 & 7));
        shown += show(bytes, size);
        bytes[at] = before;
    }
    assert_true(shown > 0 && shown < mutations); /* some hit values, some what holds them */
    free(bytes);
}

static void totals_take_one_line(void **state)
{
    (void)state;
    static const struct {
        size_t width;
        const char *expected;
    } cases[] = {
        {0, "\n\n4,096 rows, 2 columns, 4 batches\n"},
        {32, "\n\n4,096 rows, 2 columns, 4 batches\n"},
        {31, "\n\n4,096 rows, 2 columns\n"},
        {21, "\n\n4,096 rows, 2 columns\n"},
        {20, "\n\n4,096 rows\n"},
        {5, "\n\n4,096 rows\n"},
    };
    struct numbers_options numbers = {.rows = 4096, .columns = 2, .batch_rows = 1024};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = show_numbers(&numbers, &(struct preview_options){.width = cases[i].width});
        size_t size = strlen(text), end = strlen(cases[i].expected);
        assert_true(size > end);
        assert_string_equal(text + size - end, cases[i].expected);
        free(text);
    }
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    RUN_TESTS(cmocka_unit_test(first_and_last_rows), cmocka_unit_test(fills_the_height),
              cmocka_unit_test(stops_when_told), cmocka_unit_test(survives_broken_bytes),
              cmocka_unit_test(totals_take_one_line));
}
