/* SPDX-License-Identifier: Apache-2.0 */
/* One value of an Arrow array as text for people, for every type of the columnar format.
 *
 *     null, true, -12, 1.5e-08, 12.50 (decimals exactly), text, x'00ff' (binary)
 *     2024-01-31, 12:00:00.500, 2024-01-31T12:00:00Z[Europe/Paris], 1500ms, 2mo 3d 4ns
 *     [1, null], {a: 1, b: "text"}, {"key": 1}
 *
 * A timestamp with a zone by name is given in UTC with the name behind it, as RFC 9557 writes it;
 * one with an offset ("+02:00") in local time with that offset.
 *
 * Of arrays is asked what cell.h says. A value that fails is shown as <invalid>. */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include "base/buf.h"
#include "cli/cell.h"

/* A text that is this long goes on with "..." and no more. */
enum { value_bytes_most = 400 };

/* Appends the text of row `row` (0 to length - 1). Strings within other values are quoted. */
void value_text(struct buf *out, const struct ArrowSchema *schema, const struct ArrowArray *array,
                int64_t row);

/* The same for a cell; a string is quoted, so that "null" isn't taken for null. */
void value_literal(struct buf *out, const struct cell *cell);

/* Whether the row is null, looking through dictionaries, run ends and unions. */
bool value_is_null(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t row);

#endif
