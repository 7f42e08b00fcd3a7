/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for received bodies, recycled. The first touch of fresh memory costs about as much as
 * receiving into it, so a block whose arrays were released is kept and handed out again.
 *
 * Bound: kept + in use never pass the most that was in use at one time; the pool thus holds at most
 * what its user once needed at once, and gives everything back when the user is gone
 * (client_pool_close) and the last block is released. Blocks are 64-byte aligned; large ones ask
 * for huge pages. Any thread may take and release blocks; clients of one user share a pool. */
#ifndef CLIENT_POOL_H
#define CLIENT_POOL_H

#include "base/block.h"

struct client_pool;
struct ipc_reader;

struct client_pool *client_pool_new(const struct alloc *alloc);  /* NULL: out of memory */
struct client_pool *client_pool_share(struct client_pool *pool); /* to be closed once more */
void client_pool_close(struct client_pool *pool);                /* NULL is allowed */

/* Of the last streams' readers, for as many as a pipeline usually has: */
enum { client_pool_readers_max = 16 };

/* one, restarted without flags, since the next table's schema is likely the same; NULL: there is
 * none. The pool stays until client_pool_give_reader brings one back, or NULL. Any thread. */
struct ipc_reader *client_pool_take_reader(struct client_pool *pool);
void client_pool_give_reader(struct client_pool *pool, struct ipc_reader *reader);

/* A block of `size` bytes (block->size), uninitialised; NULL when out of memory. */
struct block *client_pool_get(struct client_pool *pool, size_t size);

struct client_pool_stats {
    size_t used_bytes;
    size_t kept_bytes;
    size_t most_used_bytes;
};
struct client_pool_stats client_pool_stats(struct client_pool *pool);

#endif
