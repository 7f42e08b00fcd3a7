/* SPDX-License-Identifier: Apache-2.0 */
/* The cache's side of the same-host path (shm/service.h): who is offered it, and which gets go by
 * it. */
#ifndef SERVER_SAME_HOST_H
#define SERVER_SAME_HOST_H

#include "server/cache.h"
#include "server/replay.h"

/* Lets clients in, as the configuration has it. What can't be had is logged, and clients then get
 * tables by the socket; it is an error where a folder or a group was asked for. */
enum fkv_status same_host_start(struct cache *cache, const struct log *log, bool is_stepped,
                                struct fkv_error *error);

/* The value of the metadata that tells a client the way. FAILED_PRECONDITION says why it can't have
 * one. */
enum { same_host_offer_size = 160 };
enum fkv_status same_host_offer(struct cache *cache, bool is_local, char ret[same_host_offer_size],
                                struct fkv_error *error);

/* Leases the table to the session that the get names, if that may be, and makes the replay send it
 * by reference. */
void same_host_get(struct cache *cache, struct host_call *call, const struct get_options *options,
                   struct store_table *table, struct replay *replay);

#endif
