/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of text: widths of characters, cutting, leaving out. */
#include "harness/test.h"

#include <locale.h>
#include <stdlib.h>

#include "cli/grid.h"
#include "cli/width.h"

static void widths_of_characters(void **state)
{
    (void)state;
    assert_int_equal(width_of(slice_text("plain")), 5);
    assert_int_equal(width_of(slice_text("\u65e5\u672c")), 4);
    assert_int_equal(width_of(slice_text("e\u0301")), 1);
    assert_int_equal(width_of(slice_text("")), 0);
}

static void cuts_between_characters(void **state)
{
    (void)state;
    size_t width;
    struct slice text = slice_text("a\u65e5e\u0301z");
    static const struct {
        size_t wanted, size, width;
    } rows[] = {{0, 0, 0}, {1, 1, 1}, {2, 1, 1}, {3, 4, 3}, {4, 7, 4}, {5, 8, 5}, {99, 8, 5}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(width_cut(text, rows[i].wanted, &width), rows[i].size);
        assert_int_equal(width, rows[i].width);
    }
}

static void escapes_what_a_terminal_would_obey(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, alloc_system(), 1000);
    width_escape(&out, slice_text("a\nb\tc\r\033[31m\xc2\x9b\xff\u202e\"\\"), 0);
    assert_string_equal(buf_c_text(&out), "a\\nb\\tc\\r\\x1B[31m\\u{9B}\\xFF\\u{202E}\"\\");
    buf_clear(&out);
    width_escape(&out, slice_text("\"\\"), '"');
    assert_string_equal(buf_c_text(&out), "\\\"\\\\");
    buf_done(&out);
}

/* Prints a grid of 6 columns "aaaa" ... "ffff" with a right-aligned number below. */
static char *print_six(const struct grid_style *style)
{
    char *text = NULL;
    size_t size;
    struct grid *grid = grid_new(6);
    assert_non_null(grid);
    for (char c = 'a'; c <= 'f'; c++)
        grid_cell(grid, slice_of((char[]){c, c, c, c}, 4));
    grid_rule(grid);
    for (size_t i = 0; i < 6; i++) {
        grid_align_right(grid, i);
        grid_dim_cell(grid, slice_text("1"));
    }
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_true(grid_print(grid, style, out));
    fclose(out);
    grid_free(grid);
    return text;
}

static void assert_six(struct grid_style style, const char *expected)
{
    char *text = print_six(&style);
    assert_string_equal(text, expected);
    free(text);
}

static void fits_a_width(void **state)
{
    (void)state;
    assert_six((struct grid_style){0}, "aaaa  bbbb  cccc  dddd  eeee  ffff\n"
                                       "----  ----  ----  ----  ----  ----\n"
                                       "   1     1     1     1     1     1\n");
    assert_six((struct grid_style){.width = 34}, "aaaa  bbbb  cccc  dddd  eeee  ffff\n"
                                                 "----  ----  ----  ----  ----  ----\n"
                                                 "   1     1     1     1     1     1\n");
    assert_six((struct grid_style){.width = 33}, "aaaa  bbbb  cccc  ...  eeee  ffff\n"
                                                 "----  ----  ----  ---  ----  ----\n"
                                                 "   1     1     1  ...     1     1\n");
    assert_six((struct grid_style){.width = 32}, "aaaa  bbbb  cccc  ...  ffff\n"
                                                 "----  ----  ----  ---  ----\n"
                                                 "   1     1     1  ...     1\n");
    assert_six((struct grid_style){.width = 15}, "aaaa  ...  ffff\n"
                                                 "----  ---  ----\n"
                                                 "   1  ...     1\n");
    assert_six((struct grid_style){.width = 9}, "aaaa  ...\n"
                                                "----  ---\n"
                                                "   1  ...\n");
    assert_six((struct grid_style){.width = 8}, "...  ...\n"
                                                "---  ---\n"
                                                "  1  ...\n");
}

static void colors_what_is_dim(void **state)
{
    (void)state;
    struct grid_style style = {.width = 9, .has_color = true};
    assert_six(style, "aaaa  ...\n"
                      "----  ---\n"
                      "   \033[2m1\033[0m  ...\n");
}

static void cuts_long_cells(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    struct grid *grid = grid_new(2);
    grid_cell(grid, slice_text("\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e"));
    grid_cell(grid, slice_text("x"));
    FILE *out = open_memstream(&text, &size);
    struct grid_style style = {.cell_width = 8};
    assert_true(grid_print(grid, &style, out));
    fclose(out);
    assert_string_equal(text, "\u65e5\u672c...   x\n");
    free(text);
    grid_free(grid);
}

static char *print_texts(size_t width)
{
    static const char *const texts[] = {"0123456789012345678901234567890123456789", "short",
                                        "9876543210", "abcdefghijklmnopqrstuvwxyz0123456789"};
    char *text = NULL;
    size_t size;
    struct grid *grid = grid_new(4);
    grid_align_right(grid, 2);
    grid_may_narrow(grid, 0);
    grid_may_narrow(grid, 3);
    for (size_t i = 0; i < 4; i++)
        grid_cell(grid, slice_text(texts[i]));
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_true(grid_print(grid, &(struct grid_style){.width = width}, out));
    fclose(out);
    grid_free(grid);
    return text;
}

/* Texts first, down to 20; then columns in the middle, and their room goes to the first text. */
static void cuts_texts_before_it_leaves_out_columns(void **state)
{
    (void)state;
    static const struct {
        size_t width;
        const char *text;
    } rows[] = {
        {97, "0123456789012345678901234567890123456789  short  9876543210  "
             "abcdefghijklmnopqrstuvwxyz0123456789\n"},
        {80, "012345678901234567890123456...  short  9876543210  abcdefghijklmnopqrstuvwxyz...\n"},
        {61, "01234567890123456...  short  9876543210  abcdefghijklmnopq...\n"},
        {60, "01234567890123456789012...  short  ...  abcdefghijklmnopq...\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = print_texts(rows[i].width);
        assert_string_equal(text, rows[i].text);
        free(text);
    }
}

static void survives_without_memory(void **state)
{
    (void)state;
    grid_cell(NULL, slice_text("x"));
    grid_rule(NULL);
    grid_align_right(NULL, 0);
    assert_false(grid_print(NULL, &(struct grid_style){0}, stdout));
    grid_free(NULL);
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    RUN_TESTS(cmocka_unit_test(widths_of_characters), cmocka_unit_test(cuts_between_characters),
              cmocka_unit_test(escapes_what_a_terminal_would_obey), cmocka_unit_test(fits_a_width),
              cmocka_unit_test(colors_what_is_dim), cmocka_unit_test(cuts_long_cells),
              cmocka_unit_test(cuts_texts_before_it_leaves_out_columns),
              cmocka_unit_test(survives_without_memory));
}
