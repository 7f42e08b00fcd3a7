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

/* Looks for the messages that make the dictionaries in force before some message: of each id the
 * last whole one and the deltas behind it. Looks at dictionary messages only, backwards, so many at
 * a time as the caller says. */
struct dictionary_search {
    const struct store_table *table;
    const struct ipc_limits *limits;
    const struct alloc *alloc;
    struct ipc_id_map ids;
    bool *is_whole; /* by index in `ids` */
    uint32_t whole_count;
    uint64_t end;     /* messages from here on were looked at */
    struct buf found; /* of struct table_dictionary, the last message first */
};

/* `schema` is the table's, and lives as long. RESOURCE_EXHAUSTED; then too dictionary_search_done
 * is due. */
enum fkv_status dictionary_search_begin(struct dictionary_search *search,
                                        const struct store_table *table,
                                        const struct ipc_schema *schema, uint64_t end,
                                        const struct alloc *alloc, const struct ipc_limits *limits,
                                        struct fkv_error *error);
void dictionary_search_done(struct dictionary_search *search); /* also zeroed ones */

/* Looks at `steps` messages at most. */
enum fkv_status dictionary_search_run(struct dictionary_search *search, uint64_t steps,
                                      bool *ret_is_over, struct fkv_error *error);

/* Begins and runs a search of 256 messages and 4 an id at most, and appends what is found to `ret`;
 * ids may be missing, or have deltas only. */
enum fkv_status dictionaries_in_force(const struct store_table *table,
                                      const struct ipc_schema *schema, const struct alloc *alloc,
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
