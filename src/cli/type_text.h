/* SPDX-License-Identifier: Apache-2.0 */
/* A column's type in pyarrow's spelling: "int32", "timestamp[us, tz=UTC]", "list<item: string>". */
#ifndef CLI_TYPE_TEXT_H
#define CLI_TYPE_TEXT_H

#include "base/buf.h"
#include "flightkv/arrow_abi.h"

/* Printable whatever the schema holds. */
void type_text(struct buf *out, const struct ArrowSchema *schema);

/* Numbers stand at the right of their column. */
bool type_is_number(const struct ArrowSchema *schema);

/* The value of a key of the schema's own metadata; false when it isn't there. The slice points into
 * the metadata. */
bool type_metadata(const struct ArrowSchema *schema, const char *key, struct slice *ret);

#endif
