/* SPDX-License-Identifier: Apache-2.0 */
/* Values as text: against tests/cli/data/values.text, which a script wrote beside values.arrow; and
 * arrays that lie about themselves. */
#include "harness/test.h"

#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>

#include "cli/cell_diff.h"
#include "cli/type_text.h"
#include "cli/value.h"
#include "cli/value_export.h"
#include "flightkv/flightkv.h"

#define DATA "tests/cli/data/"

enum { text_bytes_max = 1 << 16 };

/* The next line without its line feed; NULL at the end. */
static char *next_line(char **text)
{
    char *line = *text;
    if (*line == '\0')
        return NULL;
    char *end = strchr(line, '\n');
    assert_non_null(end);
    *end = '\0';
    *text = end + 1;
    return line;
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char *text = calloc(1, text_bytes_max);
    assert_non_null(text);
    size_t size = fread(text, 1, text_bytes_max, file);
    assert_true(size > 0 && size < text_bytes_max);
    fclose(file);
    return text;
}

/* Every way to look at a value finds it as sound as the others do, and equal to itself. */
static void assert_sound(const char *what, const struct ArrowSchema *schema,
                         const struct ArrowArray *array, int64_t row, bool is_sound)
{
    struct cell cell = cell_of(schema, array, row), left = cell, right = cell;
    struct buf out;
    int64_t same;
    buf_init(&out, alloc_system(), text_bytes_max);
    if (value_csv(&out, &cell) != is_sound || value_json(&out, &cell) != is_sound)
        fail_msg("%s, row %lld: in CSV and JSON %s", what, (long long)row,
                 is_sound ? "refused" : "written");
    assert_int_equal(cell_diff(&left, &right, &out), is_sound ? CELLS_SAME : CELLS_INVALID);
    assert_int_equal(cell_diff_rows(&cell, &cell, 1, &same), is_sound);
    buf_done(&out);
}

static void assert_value(const char *column, const struct ArrowSchema *schema,
                         const struct ArrowArray *array, int64_t row, const char *expected)
{
    struct buf out;
    buf_init(&out, alloc_system(), text_bytes_max);
    value_text(&out, schema, array, row);
    if (strcmp(buf_c_text(&out), expected) != 0)
        fail_msg("%s: '%s', expected '%s'", column, buf_c_text(&out), expected);
    assert_int_equal(value_is_null(schema, array, row), strcmp(expected, "null") == 0);
    buf_done(&out);
    assert_sound(column, schema, array, row, strstr(expected, "<invalid>") == NULL);
}

/* The same row seen through every slice of the array that holds it. */
static void assert_value_in_slices(const char *column, const struct ArrowSchema *schema,
                                   const struct ArrowArray *array, int64_t row,
                                   const char *expected)
{
    for (int64_t skipped = 0; skipped <= row; skipped++) {
        struct ArrowArray slice = *array;
        slice.offset += skipped;
        slice.length -= skipped;
        assert_value(column, schema, &slice, row - skipped, expected);
    }
}

static void assert_column(const struct ArrowSchema *schema, const struct ArrowArray *batches,
                          int64_t column, char **text)
{
    char *title = next_line(text);
    assert_non_null(title);
    char *type = strchr(title, '\t');
    assert_non_null(type);
    *type++ = '\0';
    assert_string_equal(schema->children[column]->name, title);
    struct buf shown;
    buf_init(&shown, alloc_system(), text_bytes_max);
    type_text(&shown, schema->children[column]);
    assert_string_equal(buf_c_text(&shown), type);
    buf_done(&shown);
    for (size_t i = 0; i < 2; i++) {
        const struct ArrowArray *array = batches[i].children[column];
        for (int64_t row = 0; row < array->length; row++) {
            const char *expected = next_line(text);
            assert_non_null(expected);
            assert_value_in_slices(title, schema->children[column], array, row, expected + 1);
        }
    }
}

static void every_type(void **state)
{
    (void)state;
    struct fkv_error error;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray batches[2], end;
    int fd = open(DATA "values.arrow", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_ok(fkv_ipc_read(fd, &stream, &error));
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_int_equal(stream.get_next(&stream, &batches[0]), 0);
    assert_int_equal(stream.get_next(&stream, &batches[1]), 0);
    assert_int_equal(stream.get_next(&stream, &end), 0);
    assert_null(end.release);

    char *text = read_text(DATA "values.text"), *at = text;
    for (int64_t column = 0; column < schema.n_children; column++)
        assert_column(&schema, batches, column, &at);
    assert_null(next_line(&at));
    free(text);
    batches[0].release(&batches[0]);
    batches[1].release(&batches[1]);
    schema.release(&schema);
    stream.release(&stream);
}

/* ---- arrays that lie ---- */

static void strings_with_bad_offsets(void **state)
{
    (void)state;
    const int32_t offsets[] = {0, 5, 3, -1};
    const void *buffers[] = {NULL, offsets, "hello"};
    struct ArrowSchema schema = {.format = "u"};
    struct ArrowArray array = {.length = 3, .n_buffers = 3, .buffers = buffers};
    assert_value("good", &schema, &array, 0, "hello");
    assert_value("falling", &schema, &array, 1, "<invalid>");
    assert_value("negative", &schema, &array, 2, "<invalid>");
    assert_value("beyond", &schema, &array, 3, "<invalid>");
    assert_value("before", &schema, &array, -1, "<invalid>");
    array.n_buffers = 2;
    assert_value("no data", &schema, &array, 0, "<invalid>");
    array.offset = INT64_MAX;
    assert_value("overflow", &schema, &array, 2, "<invalid>");
}

static void views_outside_their_buffers(void **state)
{
    (void)state;
    const int32_t views[][4] = {
        {4, 0x64636261, 0, 0}, /* "abcd" in the view itself */
        {13, 0, 0, 0},         /* 13 bytes at 0 */
        {13, 0, 0, 1},         /* one byte too far */
        {13, 0, 1, 0},         /* no such buffer */
        {13, 0, -1, 0},        {13, 0, 0, -1}, {-1, 0, 0, 0}, {INT32_MAX, 0, 0, INT32_MAX},
    };
    const int64_t sizes[] = {13};
    const void *buffers[] = {NULL, views, "0123456789abc", sizes};
    struct ArrowSchema schema = {.format = "vu"};
    struct ArrowArray array = {.length = 8, .n_buffers = 4, .buffers = buffers};
    assert_value("inline", &schema, &array, 0, "abcd");
    assert_value("outside", &schema, &array, 1, "0123456789abc");
    for (int64_t row = 2; row < 8; row++)
        assert_value("bad view", &schema, &array, row, "<invalid>");
}

static void indices_outside_their_dictionary(void **state)
{
    (void)state;
    const int8_t indices[] = {0, 1, -1};
    const int32_t values[] = {7};
    const void *index_buffers[] = {NULL, indices}, *value_buffers[] = {NULL, values};
    struct ArrowSchema value_schema = {.format = "i"};
    struct ArrowSchema schema = {.format = "c", .dictionary = &value_schema};
    struct ArrowArray value_array = {.length = 1, .n_buffers = 2, .buffers = value_buffers};
    struct ArrowArray array = {
        .length = 3, .n_buffers = 2, .buffers = index_buffers, .dictionary = &value_array};
    assert_value("good", &schema, &array, 0, "7");
    assert_value("beyond", &schema, &array, 1, "<invalid>");
    assert_value("negative", &schema, &array, 2, "<invalid>");
    array.dictionary = NULL;
    assert_value("none", &schema, &array, 0, "<invalid>");
}

static void lists_longer_than_their_child(void **state)
{
    (void)state;
    const int32_t offsets[] = {0, 2, 3, 1}, values[] = {1, 2};
    const void *list_buffers[] = {NULL, offsets}, *value_buffers[] = {NULL, values};
    struct ArrowSchema value_schema = {.format = "i"}, *schema_children[] = {&value_schema};
    struct ArrowArray value_array = {.length = 2, .n_buffers = 2, .buffers = value_buffers};
    struct ArrowArray *children[] = {&value_array};
    struct ArrowSchema schema = {.format = "+l", .n_children = 1, .children = schema_children};
    struct ArrowArray array = {.length = 3,
                               .n_buffers = 2,
                               .buffers = list_buffers,
                               .n_children = 1,
                               .children = children};
    assert_value("good", &schema, &array, 0, "[1, 2]");
    assert_value("beyond", &schema, &array, 1, "<invalid>");
    assert_value("falling", &schema, &array, 2, "<invalid>");
    schema.format = "+w:2";
    assert_value("fixed", &schema, &array, 0, "[1, 2]");
    assert_value("fixed beyond", &schema, &array, 1, "<invalid>");
    schema.format = "+w:9223372036854775807";
    assert_value("fixed overflow", &schema, &array, 2, "<invalid>");
}

static void unions_and_runs_that_lead_nowhere(void **state)
{
    (void)state;
    const int8_t ids[] = {4, 5, 4};
    const int32_t offsets[] = {0, 0, 9}, values[] = {1};
    const void *union_buffers[] = {ids, offsets}, *value_buffers[] = {NULL, values};
    struct ArrowSchema value_schema = {.format = "i"},
                       *schema_children[] = {&value_schema, &value_schema};
    struct ArrowArray value_array = {.length = 1, .n_buffers = 2, .buffers = value_buffers};
    struct ArrowArray *children[] = {&value_array, &value_array};
    struct ArrowSchema schema = {.format = "+ud:4", .n_children = 1, .children = schema_children};
    struct ArrowArray array = {.length = 3,
                               .n_buffers = 2,
                               .buffers = union_buffers,
                               .n_children = 1,
                               .children = children};
    assert_value("good", &schema, &array, 0, "1");
    assert_value("no such id", &schema, &array, 1, "<invalid>");
    assert_value("no such row", &schema, &array, 2, "<invalid>");

    schema = (struct ArrowSchema){.format = "+r", .n_children = 2, .children = schema_children};
    array = (struct ArrowArray){.length = 3, .n_children = 2, .children = children};
    assert_value("first run", &schema, &array, 0, "1");
    assert_value("behind the runs", &schema, &array, 1, "<invalid>");
}

/* A dictionary whose values are its own indices would never end. */
static void a_dictionary_of_itself(void **state)
{
    (void)state;
    const int8_t indices[] = {0};
    const void *buffers[] = {NULL, indices};
    struct ArrowSchema schema = {.format = "c"};
    struct ArrowArray array = {.length = 1, .n_buffers = 2, .buffers = buffers};
    schema.dictionary = &schema;
    array.dictionary = &array;
    assert_value("loop", &schema, &array, 0, "<invalid>");
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    RUN_TESTS(cmocka_unit_test(every_type), cmocka_unit_test(strings_with_bad_offsets),
              cmocka_unit_test(views_outside_their_buffers),
              cmocka_unit_test(indices_outside_their_dictionary),
              cmocka_unit_test(lists_longer_than_their_child),
              cmocka_unit_test(unions_and_runs_that_lead_nowhere),
              cmocka_unit_test(a_dictionary_of_itself));
}
