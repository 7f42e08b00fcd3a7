/* SPDX-License-Identifier: Apache-2.0 */
/* C Data arrays and schemas as text, made by following every value: equal text means equal tables,
 * however they lie in memory, and a sanitizer sees every byte that a consumer would touch. Knows
 * nothing of the code under test. */
#ifndef HARNESS_ARROW_TEXT_H
#define HARNESS_ARROW_TEXT_H

#include "base/buf.h"
#include "flightkv/arrow_abi.h"

/* "name: format flags {metadata} (children) <dictionary>" */
void arrow_schema_text(struct buf *out, const struct ArrowSchema *schema);

/* One line a row, at most `rows_max` of each array on each level. Dictionaries and runs are shown
 * by their values. */
void arrow_array_text(struct buf *out, const struct ArrowSchema *schema,
                      const struct ArrowArray *array, int64_t rows_max);

#endif
