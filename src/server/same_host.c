/* SPDX-License-Identifier: Apache-2.0 */
#include "server/same_host.h"

#include <stdio.h>

#include "base/status.h"
#include "shm/service.h"

enum { listen_backlog = 128 };

enum fkv_status same_host_start(struct cache *cache, const struct log *log, bool is_stepped,
                                struct fkv_error *error)
{
    const struct fkv_server_config *config = cache->config;
    const struct arena_file file = arena_file(cache->arena);
    bool is_asked_for = config->shm_folder[0] != '\0' || config->shm_group != 0;
    struct fkv_error why;
    const struct shm_service_options options = {
        .alloc = cache->alloc,
        .clock = cache->clock,
        .log = log,
        .file = file.fd,
        .map_bytes = file.size,
        .leased_bytes_max = config->shm_leased_bytes,
        .clients_max = config->shm_clients_max,
        .place = {.folder = config->shm_folder[0] != '\0' ? config->shm_folder : NULL,
                  .has_group = config->shm_group != 0,
                  .group = (gid_t)(config->shm_group - 1),
                  .backlog = listen_backlog},
        .is_stepped = is_stepped,
    };
    if (config->shm == SERVER_SHM_OFF)
        return FKV_OK;
    enum fkv_status status = shm_service_new(&options, &cache->shm, &why);
    if (status == FKV_OK)
        return FKV_OK;
    if (!is_asked_for) {
        log_event(log, LOG_WARN, "shm-off", "reason", why.message, NULL);
        return FKV_OK;
    }
    return status_set(error, status, "--shm: %s", why.message);
}

enum fkv_status same_host_offer(struct cache *cache, bool is_local, char ret[same_host_offer_size],
                                struct fkv_error *error)
{
    struct shm_offer offer;
    if (cache->shm == NULL)
        return status_set(error, FKV_FAILED_PRECONDITION,
                          "this server doesn't share its memory (--shm off, or it can't)");
    if (!is_local)
        return status_set(error, FKV_FAILED_PRECONDITION,
                          "the client isn't on this host, where it could map tables");
    if (!shm_service_offer(cache->shm, &offer))
        return status_set(error, FKV_RESOURCE_EXHAUSTED, "no random numbers for a nonce");
    snprintf(ret, same_host_offer_size, "%s;%s", offer.path, offer.nonce);
    return FKV_OK;
}

_Static_assert(same_host_offer_size > shm_path_max + 1 + 2 * shm_nonce_size, "path;nonce");

void same_host_get(struct cache *cache, struct host_call *call, const struct get_options *options,
                   struct store_table *table, struct replay *replay)
{
    uint64_t id;
    char text[24];
    /* A table that is smaller is packed, outside of the arena. */
    if (options->shm.data == NULL || cache->shm == NULL ||
        table->body_bytes < store_extent_bytes_least)
        return;
    struct shm_leases *leases = shm_service_leases(cache->shm);
    if (!shm_lease(leases, options->shm, &table->block, table->memory_bytes, &id))
        return;
    snprintf(text, sizeof text, "%llu", (unsigned long long)id);
    host_call_header(call, "flightkv-shm-lease", slice_text(text));
    replay_by_reference(replay, arena_file(cache->arena), leases);
}
