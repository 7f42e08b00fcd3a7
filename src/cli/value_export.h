/* SPDX-License-Identifier: Apache-2.0 */
/* One value as other programs read it, whole, in CSV and in JSON.
 *
 *                    CSV                        JSON
 *     null           nothing                    null
 *     numbers        as they are; a float in the fewest digits that read back as the same
 *     nan, infinite  nan, inf, -inf             null, for JSON has no name for them
 *     text           quoted where it has to be  "text"
 *     empty text     ""                         ""
 *     binary         base64                     "base64"
 *     times          as value_flat.h says       the same as text, a duration as number
 *     list           its JSON, quoted           [1, 2]
 *     struct         its JSON, quoted           {"a": 1}
 *     map            its JSON, quoted           [{"key": "a", "value": 1}], in its order
 *
 * Dictionaries, runs and unions are the values that they stand for. */
#ifndef CLI_VALUE_EXPORT_H
#define CLI_VALUE_EXPORT_H

#include "base/buf.h"
#include "cli/cell.h"

/* False: the value can't be read, isn't one (text that isn't UTF-8, a time outside the day), or
 * memory was short, in which case out->failed says so. */
bool value_csv(struct buf *out, const struct cell *cell);
bool value_json(struct buf *out, const struct cell *cell);

/* Text that stands by itself: a column's name. False when it isn't UTF-8. */
bool value_csv_text(struct buf *out, struct slice text);
bool value_json_text(struct buf *out, struct slice text);

#endif
