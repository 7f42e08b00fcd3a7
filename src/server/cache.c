/* SPDX-License-Identifier: Apache-2.0 */
#include "server/cache.h"

#include "base/status.h"
#include "ipc/verify.h"
#include "server/auth.h"
#include "server/sessions.h"
#include "shm/service.h"

/* The store's kinds are those of the IPC messages, and one more. */
_Static_assert((int)STORE_SCHEMA == 1 && (int)STORE_DICTIONARY == 2 && (int)STORE_BATCH == 3,
               "upload.c stores enum ipc_kind as enum store_kind");

enum fkv_status cache_init(struct cache *cache, const struct alloc *alloc,
                           const struct clock *clock, const struct fkv_server_config *config,
                           bool has_threads, struct fkv_error *error)
{
    *cache = (struct cache){
        .alloc = alloc, .clock = clock, .config = config, .started_ns = clock_now_ns(clock)};
    cache->ipc_limits = server_config_ipc_limits(config);
    const struct arena_options options = {.budget_bytes = config->memory_bytes,
                                          .warm_bytes_max = config->warm_bytes,
                                          .warm_idle_ns = config->warm_idle_ns,
                                          .ahead_bytes_max = has_threads ? arena_ahead_bytes : 0,
                                          .reserve_bytes = has_threads ? config->warm_bytes : 0,
                                          .huge_pages_clock =
                                              config->huge_pages != 0 ? clock : NULL};
    enum fkv_status status = arena_new(alloc, &options, &cache->arena, error);
    if (status == FKV_OK)
        status = store_new(alloc, cache->arena, clock, &cache->store, error);
    if (status == FKV_OK)
        status = sessions_new(alloc, (size_t)config->sessions_max, config->session_idle_ns,
                              &cache->sessions, error);
    if (status != FKV_OK)
        cache_done(cache);
    return status;
}

void cache_done(struct cache *cache)
{
    shm_service_free(cache->shm); /* which holds tables */
    cache->shm = NULL;
    ipc_verifier_free(atomic_exchange(&cache->verifier, NULL));
    auth_free(cache->auth);
    cache->auth = NULL;
    sessions_free(cache->sessions);
    cache->sessions = NULL;
    if (cache->store != NULL)
        store_free(cache->store);
    if (cache->arena != NULL)
        arena_free(cache->arena);
    cache->store = NULL;
    cache->arena = NULL;
}

static enum fkv_status admit(void *context, struct wire_metadata metadata, struct fkv_error *error)
{
    const struct cache *cache = context;
    return auth_admit(cache->auth, metadata, error);
}

struct host_service cache_service(struct cache *cache)
{
    bool has_auth = cache->auth != NULL;
    return (struct host_service){
        .admit = has_auth ? admit : NULL,
        .handshake = has_auth ? rpc_handshake : NULL,
        .list_flights = rpc_list_flights,
        .get_flight_info = rpc_get_flight_info,
        .poll_flight_info = rpc_poll_flight_info,
        .get_schema = rpc_get_schema,
        .do_get = rpc_do_get,
        .do_put = rpc_do_put,
        .do_exchange = rpc_do_exchange,
        .do_action = rpc_do_action,
        .list_actions = rpc_list_actions,
        .context = cache,
    };
}
