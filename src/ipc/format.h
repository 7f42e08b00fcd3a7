/* SPDX-License-Identifier: Apache-2.0 */
/* Format strings of the C Data interface ("i", "tsu:UTC", "+ud:0,1") and what an ipc_field says of
 * its type.
 * https://arrow.apache.org/docs/format/CDataInterface.html#data-type-description-format-strings */
#ifndef IPC_FORMAT_H
#define IPC_FORMAT_H

#include "ipc/schema.h"

enum { ipc_format_fixed_size = 48 }; /* room for any format but a time zone and union type ids */

/* Fills in the type and its parameters; everything else is left as it is. The time zone stays in
 * `format`. Union type ids are not read: ipc_format_type_ids. False when it isn't a format that we
 * know, or a number doesn't fit. */
bool ipc_format_parse(const char *format, struct ipc_field *ret);

/* The type ids of a union's format: at most `limit` are written to `ret`; their number, or -1 when
 * they aren't numbers parted by commas, or are more than `limit`. */
int ipc_format_type_ids(const char *format, int32_t *ret, int limit);

/* Writes the format, NUL included, to `ret`, whose room must be ipc_format_size of the field at
 * least. `as_values` as in layout.h: false gives the indices' format of a dictionary-encoded field.
 */
size_t ipc_format_size(const struct ipc_field *field);
void ipc_format_print(const struct ipc_field *field, bool as_values, char *ret, size_t room);

#endif
