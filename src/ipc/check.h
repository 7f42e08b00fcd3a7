/* SPDX-License-Identifier: Apache-2.0 */
/* Follows the values of a batch whose structure was verified: nothing in them may lead a consumer
 * out of the buffers or children that they refer to. Checked are
 *   - null counts against their bitmaps, lengths of children;
 *   - offsets: not negative, never falling, within the data or the child;
 *   - list views, dense-union offsets and type ids, views of binary and text (where not null);
 *   - dictionary indices (where not null); run ends: positive, rising, covering the column;
 *   - UTF-8 of text (where not null), each value by itself.
 * The range of numbers (a time of day over 24 h, a decimal of too many digits) isn't. Costs a pass
 * over all of this; numbers themselves aren't read. INVALID_ARGUMENT names column and row. */
#ifndef IPC_CHECK_H
#define IPC_CHECK_H

#include "ipc/batch.h"

struct ipc_dictionaries;

enum fkv_status ipc_check_batch(const struct ipc_schema *schema, const struct ipc_batch *batch,
                                const struct ipc_dictionaries *dictionaries,
                                struct fkv_error *error);

/* A dictionary's values. `dictionaries` may be NULL: indices into inner ones aren't checked then.
 */
enum fkv_status ipc_check_values(const struct ipc_field *field, const struct ipc_batch *values,
                                 const struct ipc_dictionaries *dictionaries,
                                 struct fkv_error *error);

#endif
