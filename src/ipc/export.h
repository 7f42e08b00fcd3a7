/* SPDX-License-Identifier: Apache-2.0 */
/* ipc_batch -> ArrowArray, without copying: the arrays of one export lie in one allocation that
 * keeps the batch's buffers, and every array not yet released holds a reference on it, so that
 * children may be moved out and outlive their parent. Cost: O(columns). */
#ifndef IPC_EXPORT_H
#define IPC_EXPORT_H

#include "flightkv/arrow_abi.h"
#include "ipc/dictionary.h"

/* A record batch as a struct array. Takes *batch over (also on failure). The arrays hold the
 * dictionaries as they are now. INVALID_ARGUMENT when a dictionary is missing, or nulls are counted
 * and there is no bitmap. */
enum fkv_status ipc_export_batch(const struct alloc *alloc, const struct ipc_schema *schema,
                                 const struct ipc_dictionaries *dictionaries,
                                 struct ipc_batch *batch, struct ArrowArray *ret,
                                 struct fkv_error *error);

/* A dictionary's values by themselves; dictionaries inside them are left NULL, so that the result
 * is for ipc_import_values, not for consumers. `values` must outlive it. */
enum fkv_status ipc_export_values(const struct alloc *alloc, const struct ipc_field *field,
                                  struct ipc_values *values, struct ArrowArray *ret,
                                  struct fkv_error *error);

#endif
