/* SPDX-License-Identifier: Apache-2.0 */
/* A client's half of the same-host path: a server's arena, mapped read-only, and the control
 * connection on which leases are given back.
 *
 *     map <-- one reference by the client
 *         <-- one by each lease <-- by each array that is a view of the leased table
 *
 * So arrays outlive the client; the map and the connection, which ends whatever is leased, go with
 * the last of them. References may be given back on any thread.
 *
 * A forked child has copies of the references, and the same connection: it releases nothing, and
 * sees what its parent has leased for as long as that is leased. The connection ends with both.
 *
 * What the server says is checked: the file must be one of ordinary pages that can't become
 * shorter, so that no page of the map ever raises SIGBUS for that. Bytes that are leased don't
 * change as long as the server keeps its word; a server that dies leaves them as they are. */
#ifndef SHM_MAP_H
#define SHM_MAP_H

#include "base/alloc.h"
#include "base/block.h"
#include "flightkv/status.h"
#include "shm/control.h"

struct shm_map;

/* Maps what came with the server's welcome on `fd`. Takes `fd` and `file` over, also on failure. */
enum fkv_status shm_map_new(const struct alloc *alloc, int fd, int file,
                            const struct shm_welcome *welcome, struct shm_map **ret,
                            struct fkv_error *error);
struct shm_map *shm_map_ref(struct shm_map *map);
void shm_map_unref(struct shm_map *map); /* NULL is allowed */

struct slice shm_map_bytes(const struct shm_map *map);
struct slice shm_map_token(const struct shm_map *map); /* in hex; valid as long as the map */

/* What owns the bytes of one get, a block without bytes of its own; NULL when out of memory. It
 * keeps the map, and once the server has said under which id it made a lease (not 0), its last
 * reference releases that. */
struct block *shm_map_lease(struct shm_map *map);
void shm_map_name_lease(struct block *lease, uint64_t id);

/* Gives back what could not be while the connection was full. */
void shm_map_flush(struct shm_map *map);

#endif
