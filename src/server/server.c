/* SPDX-License-Identifier: Apache-2.0 */
#include "server/server.h"

#include <stdio.h>
#include <unistd.h>

#include "base/status.h"
#include "base/text.h"
#include "net/tcp.h"
#include "server/auth.h"
#include "server/same_host.h"
#include "server/sessions.h"

enum { workers_default_max = 64 };

static uint64_t default_workers(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores < 1)
        return 1;
    return cores > workers_default_max ? workers_default_max : (uint64_t)cores;
}

/* Whether strangers are kept out, and can't read a password or token on its way. */
static bool authenticates(const struct fkv_server_config *config, const struct net_uri *uri)
{
    return uri->scheme == NET_TLS &&
           (config->tls_client_ca_file[0] != '\0' || config->auth_file[0] != '\0');
}

/* What such a listener lacks, and what to do about it other than to say --insecure. */
static const char *lacking(const struct fkv_server_config *config, const struct net_uri *uri)
{
    if (uri->scheme == NET_TLS)
        return "authentication; demand client certificates by --tls-client-ca FILE, have users by "
               "--auth-file FILE, or";
    return config->auth_file[0] != '\0' ? "encryption;" : "encryption or authentication;";
}

static enum fkv_status check_listeners(const struct fkv_server_config *config,
                                       struct fkv_error *error)
{
    for (size_t i = 0; i < config->listen_count; i++) {
        const struct net_uri *uri = &config->listen[i];
        char text[net_uri_max];
        if (net_uri_is_loopback(uri))
            continue;
        net_uri_text(uri, text);
        if (net_tcp_check_host(uri, error) != FKV_OK)
            return status_prefix(error, FKV_INVALID_ARGUMENT, "could not listen on %s", text);
        if (!config->insecure && !authenticates(config, uri))
            return status_set(error, FKV_FAILED_PRECONDITION,
                              "%s can be reached from other machines, without %s say --insecure to "
                              "listen there all the same",
                              text, lacking(config, uri));
    }
    return FKV_OK;
}

static bool has_tls_listener(const struct fkv_server_config *config)
{
    for (size_t i = 0; i < config->listen_count; i++)
        if (config->listen[i].scheme == NET_TLS)
            return true;
    return false;
}

static const char *file_or_none(const char *path)
{
    return path[0] != '\0' ? path : NULL;
}

/* Options that would have no effect are refused: who gives them believes that there is TLS. */
enum fkv_status server_config_tls(const struct fkv_server_config *config, const struct alloc *alloc,
                                  struct net_tls **ret, struct fkv_error *error)
{
    const struct net_tls_server_options options = {file_or_none(config->tls_cert_file),
                                                   file_or_none(config->tls_key_file),
                                                   file_or_none(config->tls_client_ca_file)};
    bool has_options =
        options.cert_file != NULL || options.key_file != NULL || options.client_ca_file != NULL;
    if (has_tls_listener(config))
        return net_tls_new_server(alloc, &options, ret, error);
    if (has_options)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "TLS options are given, but nothing listens with TLS, expected --listen "
                          "grpc+tls://HOST:PORT");
    *ret = NULL;
    return FKV_OK;
}

/* The limit holds all the same, but the system may kill the server before it is reached. */
static void check_memory(const struct fkv_server *server)
{
    char wanted[text_figure_size], there[text_figure_size], message[200];
    uint64_t machine = server_machine_memory_bytes();
    if (server->config.memory_bytes <= machine)
        return;
    snprintf(message, sizeof message, "--memory %s is more than this machine's memory, %s",
             text_size(wanted, server->config.memory_bytes), text_size(there, machine));
    log_event(&server->log, LOG_WARN, "memory-limit", "reason", message, NULL);
}

/* Puts what depends on the machine in place of the zeros. */
enum fkv_status server_config_complete(struct fkv_server_config *config, struct fkv_error *error)
{
    if (config->workers == 0)
        config->workers = default_workers();
    if (config->memory_bytes == 0)
        config->memory_bytes = server_machine_memory_bytes() / 2;
    if (config->shm_leased_bytes == 0)
        config->shm_leased_bytes = config->memory_bytes / 2;
    if (config->listen_count == 0)
        return fkv_server_config_set(config, "listen", FKV_DEFAULT_URI, error);
    return check_listeners(config, error);
}

static void upkeep(void *context)
{
    struct cache *cache = context;
    arena_trim(cache->arena, clock_now_ns(cache->clock));
    sessions_trim(cache->sessions, clock_now_ns(cache->clock));
}

struct host_options server_config_host(const struct fkv_server_config *config)
{
    struct host_options options = {
        .listen_count = config->listen_count,
        .unix_mode = (mode_t)config->unix_mode,
        .workers = (unsigned)config->workers,
        .busy_poll_ns = config->busy_poll_ns,
        .connections_max = (uint32_t)config->connections_max,
        .request_bytes_max = config->request_bytes_max,
        .flight_data = {.descriptor_bytes_max = (size_t)config->request_bytes_max,
                        .header_bytes_max = (size_t)config->ipc_header_bytes_max,
                        .app_metadata_bytes_max = (size_t)config->app_metadata_bytes_max},
        .wire = wire_limits_default,
        .timeouts = {.handshake_ns = config->handshake_timeout_ns,
                     .upload_ns = config->upload_timeout_ns,
                     .stall_ns = config->stall_timeout_ns,
                     .idle_ns = config->idle_timeout_ns,
                     .drain_ns = config->drain_timeout_ns},
    };
    memcpy(options.listen, config->listen, sizeof options.listen);
    options.wire.streams_max = (uint32_t)config->streams_max;
    options.wire.header_bytes_max = (uint32_t)config->header_bytes_max;
    options.wire.message_bytes_max = config->message_bytes_max;
    return options;
}

struct host_options server_host_options(struct fkv_server *server)
{
    struct host_options options = server_config_host(&server->config);
    options.alloc = server->cache.alloc;
    options.message_alloc = store_charging_alloc(server->cache.store);
    options.clock = server->cache.clock;
    options.log = &server->log;
    options.tls = server->tls;
    options.service = cache_service(&server->cache);
    options.upkeep = upkeep;
    options.upkeep_context = &server->cache;
    return options;
}

static enum fkv_status init_auth(struct fkv_server *server, struct fkv_error *error)
{
    struct cache *cache = &server->cache;
    if (server->config.auth_file[0] == '\0')
        return FKV_OK;
    return auth_new(cache->alloc, cache->clock, &server->log, server->config.auth_file,
                    server->config.token_lifetime_ns, &cache->auth, error);
}

static enum fkv_status server_new(const struct fkv_server_config *config, const struct alloc *alloc,
                                  const struct clock *clock, bool has_threads,
                                  struct fkv_server **ret, struct fkv_error *error)
{
    struct fkv_server *server = alloc_zero(alloc, sizeof *server);
    if (server == NULL)
        return status_no_memory(error, sizeof *server);
    if (config != NULL)
        server->config = *config;
    else
        server_config_init(&server->config);
    server->log = (struct log){STDERR_FILENO, (enum log_level)server->config.log_level};
    enum fkv_status status = server_config_complete(&server->config, error);
    if (status == FKV_OK)
        status = cache_init(&server->cache, alloc, clock, &server->config, has_threads, error);
    if (status == FKV_OK && (status = init_auth(server, error)) != FKV_OK)
        cache_done(&server->cache);
    if (status != FKV_OK) {
        alloc_free(alloc, server);
        return status;
    }
    check_memory(server);
    *ret = server;
    return FKV_OK;
}

typedef enum fkv_status start_host(const struct host_options *options, struct host **ret,
                                   struct fkv_error *error);

static enum fkv_status server_start(const struct fkv_server_config *config,
                                    const struct alloc *alloc, const struct clock *clock,
                                    start_host *start, struct fkv_server **ret,
                                    struct fkv_error *error)
{
    struct fkv_server *server = NULL;
    enum fkv_status status = server_new(config, alloc, clock, start == host_start, &server, error);
    if (status != FKV_OK)
        return status;
    status = server_config_tls(&server->config, alloc, &server->tls, error);
    if (status == FKV_OK)
        status = same_host_start(&server->cache, &server->log, start == host_new_stepped, error);
    if (status == FKV_OK) {
        const struct host_options options = server_host_options(server);
        status = start(&options, &server->host, error);
    }
    if (status != FKV_OK) {
        fkv_server_stop(server);
        return status;
    }
    for (size_t i = 0; i < host_uri_count(server->host); i++)
        net_uri_text(host_uri(server->host, i), server->uris[i]);
    *ret = server;
    return FKV_OK;
}

enum fkv_status fkv_server_start(const struct fkv_server_config *config, struct fkv_server **ret,
                                 struct fkv_error *error)
{
    return server_start(config, alloc_system(), clock_system(), host_start, ret, error);
}

enum fkv_status server_start_stepped(const struct fkv_server_config *config,
                                     const struct alloc *alloc, const struct clock *clock,
                                     struct fkv_server **ret, struct fkv_error *error)
{
    return server_start(config, alloc, clock, host_new_stepped, ret, error);
}

const char *fkv_server_uri(const struct fkv_server *server, size_t index)
{
    return index < host_uri_count(server->host) ? server->uris[index] : NULL;
}

enum fkv_status fkv_server_reload(struct fkv_server *server, struct fkv_error *error)
{
    struct net_tls *tls = NULL;
    struct fkv_error own;
    enum fkv_status status = FKV_OK;
    error = error != NULL ? error : &own;
    if (server->cache.auth == NULL && server->tls == NULL) {
        status = status_set(error, FKV_FAILED_PRECONDITION,
                            "nothing to read anew: the server has no --auth-file and no TLS files");
        log_event(&server->log, LOG_INFO, "nothing-reloaded", "reason", error->message, NULL);
        return status;
    }
    if (server->tls != NULL)
        status = server_config_tls(&server->config, server->cache.alloc, &tls, error);
    if (status == FKV_OK && server->cache.auth != NULL)
        status = auth_reload(server->cache.auth, error);
    if (status != FKV_OK) {
        net_tls_free(tls);
        log_event(&server->log, LOG_ERROR, "reload-failed", "reason", error->message, NULL);
        return status;
    }
    if (tls != NULL)
        net_tls_renew(server->tls, tls);
    log_event(&server->log, LOG_INFO, "reloaded", NULL);
    return FKV_OK;
}

void fkv_server_stop(struct fkv_server *server)
{
    if (server == NULL)
        return;
    host_stop(server->host);
    net_tls_free(server->tls);
    cache_done(&server->cache);
    alloc_free(server->cache.alloc, server);
}
