/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned columns of text, fitted to a width: cells that are too long are cut, columns that don't
 * fit are left out in the middle, and both are shown by "...". Columns that may
 * be narrowed are, first. */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include <stdbool.h>
#include <stdio.h>

#include "base/slice.h"

struct grid;

struct grid *grid_new(size_t columns); /* NULL: out of memory; all below take NULL */
void grid_free(struct grid *grid);

void grid_align_right(struct grid *grid, size_t column);
void grid_may_narrow(struct grid *grid, size_t column);

/* The next cell, row by row. `text` must be printable UTF-8. Copied. */
void grid_cell(struct grid *grid, struct slice text);
void grid_dim_cell(struct grid *grid, struct slice text); /* less bright, where there is color */

/* A row that is a line across. */
void grid_rule(struct grid *grid);

struct grid_style {
    size_t width;      /* of all; 0 = unlimited */
    size_t cell_width; /* the most a column takes; 0 = unlimited */
    bool has_color;
};

/* False: memory was short at some time. */
bool grid_print(const struct grid *grid, const struct grid_style *style, FILE *out);

#endif
