/* SPDX-License-Identifier: Apache-2.0 */
/* The cache service: what the RPCs share. Read-only after the start but for what is thread-safe by
 * itself: store, arena, sessions, and the verifier that lies idle. */
#ifndef SERVER_CACHE_H
#define SERVER_CACHE_H

#include <stdatomic.h>

#include "flightkv/flightkv.h"
#include "host/host.h"
#include "ipc/limits.h"
#include "server/config.h"
#include "store/store.h"

struct auth;
struct ipc_verifier;
struct sessions;
struct shm_service;

struct cache {
    const struct alloc *alloc;
    const struct clock *clock;
    const struct fkv_server_config *config;
    struct ipc_limits ipc_limits;
    struct arena *arena;
    struct store *store;
    struct auth *auth; /* NULL: everybody is served */
    struct sessions *sessions;
    struct shm_service *shm;               /* NULL: nobody maps tables */
    struct ipc_verifier *_Atomic verifier; /* the last upload's, for the next one; NULL: none */
    uint64_t started_ns;
};

/* Arena and store; `config` must outlive the cache. Without `has_threads`, none is started. */
enum fkv_status cache_init(struct cache *cache, const struct alloc *alloc,
                           const struct clock *clock, const struct fkv_server_config *config,
                           bool has_threads, struct fkv_error *error);
void cache_done(struct cache *cache);

/* The rows of the service, one file each: rpc_*.c. `context` is the cache. */
struct host_service cache_service(struct cache *cache);

void rpc_handshake(void *context, struct host_call *call);
void rpc_do_put(void *context, struct host_call *call);
void rpc_do_exchange(void *context, struct host_call *call);
void rpc_do_get(void *context, struct host_call *call, struct slice ticket);
void rpc_get_flight_info(void *context, struct host_call *call,
                         const struct flight_descriptor *descriptor);
void rpc_poll_flight_info(void *context, struct host_call *call,
                          const struct flight_descriptor *descriptor);
void rpc_get_schema(void *context, struct host_call *call,
                    const struct flight_descriptor *descriptor);
void rpc_list_flights(void *context, struct host_call *call, struct slice expression);
void rpc_do_action(void *context, struct host_call *call, const struct flight_action *action);
void rpc_list_actions(void *context, struct host_call *call);

/* ---- keys (keys.c) ---- */

/* The key that a descriptor names, in `buf`: a CMD's bytes, or a PATH's segments joined by '/'.
 * INVALID_ARGUMENT when there is none or it breaks the store's rules. */
enum fkv_status key_from_descriptor(const struct flight_descriptor *descriptor, struct buf *buf,
                                    struct fkv_error *error);

/* A key as shown in messages, cut where it is long. */
enum { key_shown_size = 160 };
const char *key_shown(char ret[key_shown_size], struct slice key);

enum fkv_status key_not_found(struct slice key, struct fkv_error *error);

/* Whether the client is known to fail on messages that carry only app_metadata (Go, Rust). */
bool client_needs_headers(const struct host_call *call);

#endif
