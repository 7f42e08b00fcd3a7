/* SPDX-License-Identifier: Apache-2.0 */
/* The dictionaries of one table in the state in force. Deltas wait in a list and are appended when
 * a batch needs the dictionary (ipc_dictionaries_settle), so that a run of deltas costs one copy.
 *
 * Values are resolved late: a dictionary inside another one's values is looked up by its id when
 * a batch is exported, as Arrow C++ does, so that their order of arrival doesn't matter. */
#ifndef IPC_DICTIONARY_H
#define IPC_DICTIONARY_H

#include "ipc/batch.h"

/* One dictionary's values: counted by `refs`, never changed once made. */
struct ipc_values {
    struct block refs; /* counts; has no bytes */
    struct ipc_batch batch;
};

struct ipc_dictionary {
    const struct ipc_field *field; /* the first one with this id */
    struct ipc_values *values;     /* NULL before the first dictionary batch */
    struct buf deltas;             /* of struct ipc_values *, one reference each: to be appended */
    bool is_checked;
};

struct ipc_dictionaries {
    const struct alloc *alloc;
    struct ipc_dictionary *items; /* by id, rising */
    uint32_t count;
};

/* `schema` must live as long. */
enum fkv_status ipc_dictionaries_init(struct ipc_dictionaries *dictionaries,
                                      const struct alloc *alloc, const struct ipc_schema *schema,
                                      struct fkv_error *error);
void ipc_dictionaries_done(struct ipc_dictionaries *dictionaries); /* zeroed ones are allowed */

/* NULL when the schema has no such id. */
struct ipc_dictionary *ipc_dictionaries_find(const struct ipc_dictionaries *dictionaries,
                                             int64_t id);

/* The values, replaced or to be appended. Takes *values over (also on failure). */
enum fkv_status ipc_dictionaries_add(struct ipc_dictionaries *dictionaries, int64_t id,
                                     bool is_delta, struct ipc_batch *values,
                                     struct fkv_error *error);

/* Appends what waits. With `check`, the values that changed are checked (check.h), indices into
 * inner dictionaries too; what is appended is checked anyway, because appending follows offsets. */
enum fkv_status ipc_dictionaries_settle(struct ipc_dictionaries *dictionaries, bool check,
                                        struct fkv_error *error);

/* dictionary_concat.c: the values of all `parts` in a row, in memory of their own (the data buffers
 * of views stay where they are). Their values must have been checked. */
enum fkv_status ipc_values_concat(const struct alloc *alloc, const struct ipc_field *field,
                                  struct ipc_values *const *parts, size_t count,
                                  struct ipc_values **ret, struct fkv_error *error);

/* Takes *batch over; on failure (NULL) it is done with. */
struct ipc_values *ipc_values_new(const struct alloc *alloc, struct ipc_batch *batch);

#endif
