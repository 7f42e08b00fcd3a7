/* SPDX-License-Identifier: Apache-2.0 */
/* Where two schemas first differ: columns by name and order, types at every depth, what may be
 * null. Metadata isn't looked at, but for the names of extension types. */
#ifndef CLI_SCHEMA_DIFF_H
#define CLI_SCHEMA_DIFF_H

#include <stdbool.h>

#include "base/buf.h"
#include "flightkv/arrow_abi.h"

/* A schema and what to call it in the sentence. */
struct schema_side {
    const struct ArrowSchema *schema;
    const char *name;
};

/* True: they differ, and `out` says how: "column 'x' is int64 in NAME and string in NAME". */
bool schema_diff(struct buf *out, const struct schema_side *left, const struct schema_side *right);

#endif
