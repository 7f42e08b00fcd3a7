/* SPDX-License-Identifier: Apache-2.0 */
/* Types of columns as they are typed: "id=int64,day=date32[day],paid=decimal128(12, 2)". Types are
 * written as type_text writes them, or by other names that pyarrow has for them. */
#ifndef CLI_TABLE_TYPES_H
#define CLI_TABLE_TYPES_H

#include "formats/formats.h"

struct table_types {
    struct formats_column_type *items; /* both members owned */
    size_t count;
};

/* In a name, %XX stands for a byte. INVALID_ARGUMENT says what is wrong, and what was expected. */
enum fkv_status table_types_parse(const char *text, struct table_types *ret,
                                  struct fkv_error *error);
void table_types_done(struct table_types *types);

#endif
