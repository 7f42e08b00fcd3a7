/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/grid.h"

#include "base/alloc.h"
#include "cli/width.h"

static const char gap[] = "  ";
static const char dots[] = "...";
enum { gap_width = 2, dots_width = 3 };

enum cell_kind { CELL_TEXT, CELL_DIM, CELL_RULE };

struct cell {
    char *text;
    size_t size;
    size_t width;
    enum cell_kind kind;
};

struct grid {
    size_t columns;
    bool *right;
    bool *flexible;
    struct cell *cells;
    size_t count;
    size_t capacity;
    bool has_failed;
};

struct grid *grid_new(size_t columns)
{
    struct grid *grid = alloc_zero(alloc_system(), sizeof *grid);
    if (grid == NULL)
        return NULL;
    grid->columns = columns;
    grid->right = alloc_array(alloc_system(), columns, sizeof *grid->right);
    grid->flexible = alloc_array(alloc_system(), columns, sizeof *grid->flexible);
    if (grid->right == NULL || grid->flexible == NULL) {
        grid_free(grid);
        return NULL;
    }
    return grid;
}

void grid_free(struct grid *grid)
{
    if (grid == NULL)
        return;
    for (size_t i = 0; i < grid->count; i++)
        alloc_free(alloc_system(), grid->cells[i].text);
    alloc_free(alloc_system(), grid->cells);
    alloc_free(alloc_system(), grid->right);
    alloc_free(alloc_system(), grid->flexible);
    alloc_free(alloc_system(), grid);
}

void grid_align_right(struct grid *grid, size_t column)
{
    if (grid != NULL)
        grid->right[column] = true;
}

void grid_may_narrow(struct grid *grid, size_t column)
{
    if (grid != NULL)
        grid->flexible[column] = true;
}

static void add(struct grid *grid, struct slice text, enum cell_kind kind)
{
    if (grid == NULL || grid->has_failed)
        return;
    if (grid->count == grid->capacity) {
        size_t capacity = grid->capacity == 0 ? 64 : 2 * grid->capacity;
        struct cell *cells = alloc_resize(alloc_system(), grid->cells, capacity * sizeof *cells);
        grid->has_failed = cells == NULL;
        if (cells == NULL)
            return;
        grid->cells = cells;
        grid->capacity = capacity;
    }
    char *copy = alloc_text(alloc_system(), (const char *)text.data, text.size);
    grid->has_failed = copy == NULL;
    if (copy != NULL)
        grid->cells[grid->count++] = (struct cell){copy, text.size, width_of(text), kind};
}

void grid_cell(struct grid *grid, struct slice text)
{
    add(grid, text, CELL_TEXT);
}

void grid_dim_cell(struct grid *grid, struct slice text)
{
    add(grid, text, CELL_DIM);
}

void grid_rule(struct grid *grid)
{
    for (size_t i = 0; grid != NULL && i < grid->columns; i++)
        add(grid, slice_text(""), CELL_RULE);
}

/* ---- fitting ---- */

static size_t rows_of(const struct grid *grid)
{
    return grid->columns > 0 ? grid->count / grid->columns : 0;
}

static size_t column_width(const struct grid *grid, const struct grid_style *style, size_t column)
{
    size_t width = 0;
    for (size_t row = 0; row < rows_of(grid); row++) {
        const struct cell *cell = &grid->cells[row * grid->columns + column];
        if (cell->width > width)
            width = cell->width;
    }
    if (style->cell_width > 0 && width > style->cell_width)
        width = style->cell_width;
    if (style->width > 0 && width > style->width)
        width = style->width;
    return width;
}

/* Which columns are shown: the first `left`, and the last `right` behind "...". */
struct fit {
    size_t *widths;
    size_t left;
    size_t right;
};

/* What may be narrowed is cut down to this before a column is left out. */
enum { text_width_least = 20 };

static size_t capped(const struct grid *grid, const size_t *widths, size_t column, size_t cap)
{
    return !grid->flexible[column] || widths[column] < cap ? widths[column] : cap;
}

/* Of all columns, were none that may be narrowed wider than `cap`. */
static size_t total_width(const struct grid *grid, const size_t *widths, size_t cap)
{
    size_t total = 0;
    for (size_t i = 0; i < grid->columns; i++)
        total += capped(grid, widths, i, cap) + (i > 0 ? gap_width : 0);
    return total;
}

/* Makes the widest of those that may be narrower, all alike, until everything fits, by bisection.
 */
static void shrink(const struct grid *grid, const struct grid_style *style, size_t *widths)
{
    size_t low = text_width_least, high = style->width > low ? style->width : low;
    while (low < high) {
        size_t middle = low + (high - low + 1) / 2;
        if (total_width(grid, widths, middle) <= style->width)
            low = middle;
        else
            high = middle - 1;
    }
    for (size_t i = 0; i < grid->columns; i++)
        widths[i] = capped(grid, widths, i, low);
}

/* Gives the room that is left to the shown columns, the first ones first. */
static void grow(const struct grid *grid, const struct grid_style *style, struct fit *fit,
                 size_t room)
{
    for (size_t i = 0; i < grid->columns && room > 0; i++) {
        bool is_shown = i < fit->left || i >= grid->columns - fit->right;
        size_t more = is_shown ? column_width(grid, style, i) - fit->widths[i] : 0;
        more = more < room ? more : room;
        fit->widths[i] += more;
        room -= more;
    }
}

/* Takes columns from both sides in turn, so long as they fit beside "..."; the left is one ahead,
 * for what stands there says what the row is. */
static void choose_columns(const struct grid *grid, const struct grid_style *style, struct fit *fit)
{
    size_t used = dots_width;
    fit->left = 0;
    while (fit->left + fit->right < grid->columns) {
        bool is_left = fit->left <= fit->right + (fit->left > 1);
        size_t column = is_left ? fit->left : grid->columns - 1 - fit->right;
        size_t wanted = fit->widths[column] + gap_width;
        if (used + wanted > style->width && fit->left > 0)
            break;
        used += wanted;
        if (is_left)
            fit->left++;
        else
            fit->right++;
        if (used > style->width) { /* not even one fits: it is cut */
            size_t over = used - style->width;
            fit->widths[column] -= over < fit->widths[column] ? over : fit->widths[column];
            return;
        }
    }
    grow(grid, style, fit, style->width - used);
}

static void fit_columns(const struct grid *grid, const struct grid_style *style, struct fit *fit)
{
    for (size_t i = 0; i < grid->columns; i++)
        fit->widths[i] = column_width(grid, style, i);
    fit->left = grid->columns;
    fit->right = 0;
    if (style->width == 0 || total_width(grid, fit->widths, SIZE_MAX) <= style->width)
        return;
    shrink(grid, style, fit->widths);
    size_t total = total_width(grid, fit->widths, SIZE_MAX);
    if (total > style->width)
        choose_columns(grid, style, fit);
    else
        grow(grid, style, fit, style->width - total);
}

/* ---- printing ---- */

static void print_blanks(FILE *out, size_t count)
{
    fprintf(out, "%*s", (int)count, "");
}

static void print_rule(FILE *out, size_t width)
{
    for (size_t i = 0; i < width; i++)
        fputc('-', out);
}

/* `is_last` leaves no blanks at the end of a line. */
static void print_cell(FILE *out, const struct cell *cell, size_t width, bool is_right,
                       bool is_last, const struct grid_style *style)
{
    if (cell->kind == CELL_RULE) {
        print_rule(out, width);
        return;
    }
    size_t size = cell->size, shown = cell->width;
    bool is_cut = cell->width > width;
    if (is_cut) {
        size_t room = width > dots_width ? width - dots_width : 0;
        size = width_cut(slice_of(cell->text, cell->size), room, &shown);
        shown += width < dots_width ? width : dots_width;
    }
    bool is_dim = cell->kind == CELL_DIM && style->has_color && cell->size > 0;
    if (is_right)
        print_blanks(out, width - shown);
    if (is_dim)
        fputs("\033[2m", out);
    fwrite(cell->text, 1, size, out);
    if (is_cut)
        fprintf(out, "%.*s", (int)width, dots);
    if (is_dim)
        fputs("\033[0m", out);
    if (!is_right && !is_last)
        print_blanks(out, width - shown);
}

static void print_row(FILE *out, const struct grid *grid, const struct cell *row,
                      const struct fit *fit, const struct grid_style *style)
{
    bool has_gap = fit->left + fit->right < grid->columns;
    for (size_t i = 0; i < fit->left; i++) {
        bool is_last = i + 1 == grid->columns;
        fputs(i > 0 ? gap : "", out);
        print_cell(out, &row[i], fit->widths[i], grid->right[i], is_last, style);
    }
    if (has_gap)
        fprintf(out, "%s%s", fit->left > 0 ? gap : "", row[0].kind == CELL_RULE ? "---" : dots);
    for (size_t i = grid->columns - fit->right; i < grid->columns; i++) {
        fputs(gap, out);
        print_cell(out, &row[i], fit->widths[i], grid->right[i], i + 1 == grid->columns, style);
    }
    fputc('\n', out);
}

bool grid_print(const struct grid *grid, const struct grid_style *style, FILE *out)
{
    if (grid == NULL || grid->has_failed)
        return false;
    struct fit fit = {.widths = alloc_array(alloc_system(), grid->columns, sizeof *fit.widths)};
    if (fit.widths == NULL)
        return false;
    fit_columns(grid, style, &fit);
    for (size_t row = 0; row < rows_of(grid); row++)
        print_row(out, grid, &grid->cells[row * grid->columns], &fit, style);
    alloc_free(alloc_system(), fit.widths);
    return true;
}
