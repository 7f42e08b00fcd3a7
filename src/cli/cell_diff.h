/* SPDX-License-Identifier: Apache-2.0 */
/* Whether two cells of one type hold the same value, however it is laid out: views and offsets,
 * dictionaries and runs of any kind compare by what they stand for. Floats compare by their bits,
 * so that 0.0 and -0.0 differ, but any nan is a nan. */
#ifndef CLI_CELL_DIFF_H
#define CLI_CELL_DIFF_H

#include "base/buf.h"
#include "cli/cell.h"

enum cell_diff { CELLS_SAME, CELLS_DIFFER, CELLS_INVALID };

/* CELLS_DIFFER: the two cells are set to the first inner ones that differ, and `path` gets the way
 * there: ".field", "[2]", "[2].key". A list that is shorter than the other differs as a whole. */
enum cell_diff cell_diff(struct cell *left, struct cell *right, struct buf *path);

/* The first of `count` rows in which two columns differ, from row `left_row` and `right_row` on;
 * `count` when none does. False: a value can't be read. */
bool cell_diff_rows(const struct cell *left, const struct cell *right, int64_t count, int64_t *ret);

#endif
