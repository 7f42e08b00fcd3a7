/* SPDX-License-Identifier: Apache-2.0 */
/* What a get sends: a table's messages as they are stored, or the columns, rows and message sizes
 * asked for of them. Pulled message by message; a pull does a bounded amount of work and yields
 * when that wasn't enough for a message. */
#ifndef SERVER_REPLAY_H
#define SERVER_REPLAY_H

#include "server/cache.h"
#include "server/get_options.h"
#include "shm/leases.h"

struct replay;

/* The messages [first, end), behind the schema and the dictionaries in force before the first. All
 * of a table: 1, table->messages. */
struct replay_range {
    uint64_t first, end;
};

/* Takes the reference on `table` over, also on failure. Memory that grows with the table is asked
 * from `message_alloc`. INVALID_ARGUMENT for columns that aren't there; RESOURCE_EXHAUSTED. */
enum fkv_status replay_new(const struct alloc *alloc, const struct alloc *message_alloc,
                           const struct ipc_limits *limits, struct store_table *table,
                           struct replay_range range, const struct get_options *options,
                           bool skips_bare, struct replay **ret, struct fkv_error *error);
void replay_free(struct replay *replay); /* NULL is allowed */

/* Before the first message: what lies in the arena goes as references into it
 * (flight/body_refs.h), for a client that maps it and has one of `leases` of the table. */
void replay_by_reference(struct replay *replay, struct arena_file file, struct shm_leases *leases);

/* As `next` of a host_stream. */
enum wire_pull replay_next(struct replay *replay, struct host_call *call, struct wire_out *out,
                           struct fkv_error *error);

#endif
