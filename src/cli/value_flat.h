/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the flat types that look alike wherever they are printed. Each function takes a
 * resolved cell of its kind, and gives false for a value that can't be read or isn't one. */
#ifndef CLI_VALUE_FLAT_H
#define CLI_VALUE_FLAT_H

#include "base/buf.h"
#include "cli/cell.h"

/* Times, to be read by people or by other programs:
 *
 *                  people                              files
 *     timestamp    2024-01-31T12:00:00.500             the same; CSV has a blank for the T
 *     with a zone  2024-01-31T12:00:00Z[Europe/Paris]  2024-01-31T12:00:00Z, always in UTC
 *     duration     1500ms                              1500: as many as the type's unit says
 *     interval     2mo 3d 4ns                          P2M3DT0.000000004S (ISO 8601) */
enum value_style { VALUE_FOR_PEOPLE, VALUE_FOR_CSV, VALUE_FOR_JSON };

bool value_number(struct buf *out, const struct cell *cell, int64_t position);
bool value_decimal_cell(struct buf *out, const struct cell *cell, int64_t position);
bool value_time_cell(struct buf *out, const struct cell *cell, int64_t position,
                     enum value_style style);

#endif
