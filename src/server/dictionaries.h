/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a table's dictionary messages a reader must have seen to understand a batch. */
#ifndef SERVER_DICTIONARIES_H
#define SERVER_DICTIONARIES_H

#include "base/buf.h"
#include "ipc/match.h"
#include "store/store.h"

struct table_dictionary {
    uint64_t index; /* of the message */
    int64_t id;
    bool is_delta;
};

/* The messages that make the dictionaries in force before message `end`: of each id the last whole
 * one and the deltas behind it. Appends struct table_dictionary to `ret`, in the table's order.
 * `schema` is the table's. Looks at dictionary messages only, backwards, until it has all ids; with
 * `is_bounded` at 256 and 4 an id at most, and then ids may be missing, or have deltas only.
 * RESOURCE_EXHAUSTED. */
enum fkv_status dictionaries_in_force(const struct store_table *table,
                                      const struct ipc_schema *schema, uint64_t end,
                                      bool is_bounded, const struct alloc *alloc,
                                      const struct ipc_limits *limits, struct buf *ret,
                                      struct fkv_error *error);

static inline size_t dictionaries_count(const struct buf *found)
{
    return found->size / sizeof(struct table_dictionary);
}

static inline struct table_dictionary *dictionaries_at(const struct buf *found, size_t index)
{
    return (struct table_dictionary *)(void *)found->data + index;
}

#endif
