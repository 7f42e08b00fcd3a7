/* SPDX-License-Identifier: Apache-2.0 */
/* What clients send to a service, on the budget that the option "memory" gives: bodies in extents
 * of an arena, counted as they come and not as they are announced; the rest on the heap. Batches
 * that the service keeps stay counted until they are released, on any thread and also behind the
 * server's end: the memory lives as long as what was taken from it. */
#ifndef SERVICE_MEMORY_H
#define SERVICE_MEMORY_H

#include "base/clock.h"
#include "exchange/incoming.h"
#include "mem/arena.h"
#include "server/config.h"

struct service_memory;

/* Without `has_threads`, none is started. */
enum fkv_status service_memory_new(const struct alloc *alloc, const struct clock *clock,
                                   const struct fkv_server_config *config, bool has_threads,
                                   struct service_memory **ret, struct fkv_error *error);
/* Nothing more is taken. NULL is allowed. */
void service_memory_close(struct service_memory *memory);

struct exchange_memory service_memory_bodies(struct service_memory *memory);

/* Heap memory; up to heap_uncharged_bytes_max an allocation stays out of the budget. */
const struct alloc *service_memory_alloc(struct service_memory *memory);

/* Slow upkeep; struct host_options has when. */
void service_memory_trim(void *memory);

struct arena_stats service_memory_stats(struct service_memory *memory);

#endif
