/* SPDX-License-Identifier: Apache-2.0 */
#include "service/server.h"

#include <unistd.h>

#include "base/options.h"
#include "base/status.h"
#include "service/rows.h"

typedef enum fkv_status start_host(const struct host_options *options, struct host **ret,
                                   struct fkv_error *error);

static enum fkv_status init(struct fkv_flight_server *server,
                            const struct fkv_flight_service *service,
                            const struct fkv_server_config *config, const struct clock *clock,
                            start_host *start, struct fkv_error *error)
{
    if (config != NULL)
        server->config = *config;
    else
        server_config_init(&server->config);
    enum fkv_status status = options_read(service, "fkv_flight_service", &server->service,
                                          sizeof server->service, error);
    if (status == FKV_OK && server->config.auth_file[0] != '\0')
        status = status_set(error, FKV_INVALID_ARGUMENT,
                            "auth-file is for the cache's server, expected a handshake of the "
                            "service's own");
    if (status == FKV_OK)
        status = server_config_complete(&server->config, error);
    if (status == FKV_OK)
        status = server_config_tls(&server->config, server->alloc, &server->tls, error);
    if (status == FKV_OK)
        status = service_memory_new(server->alloc, clock, &server->config, start == host_start,
                                    &server->memory, error);
    if (status != FKV_OK)
        return status;
    server->log = (struct log){STDERR_FILENO, (enum log_level)server->config.log_level};
    struct host_options options = server_config_host(&server->config);
    options.alloc = server->alloc;
    options.message_alloc = service_memory_alloc(server->memory);
    options.upkeep = service_memory_trim;
    options.upkeep_context = server->memory;
    options.clock = clock;
    options.log = &server->log;
    options.tls = server->tls;
    options.service = service_rows(&server->service);
    status = start(&options, &server->host, error);
    for (size_t i = 0; status == FKV_OK && i < host_uri_count(server->host); i++)
        net_uri_text(host_uri(server->host, i), server->uris[i]);
    return status;
}

static enum fkv_status server_start(const struct fkv_flight_service *service,
                                    const struct fkv_server_config *config,
                                    const struct alloc *alloc, const struct clock *clock,
                                    start_host *start, struct fkv_flight_server **ret,
                                    struct fkv_error *error)
{
    struct fkv_flight_server *server = alloc_zero(alloc, sizeof *server);
    if (server == NULL)
        return status_no_memory(error, sizeof *server);
    server->alloc = alloc;
    enum fkv_status status = init(server, service, config, clock, start, error);
    if (status != FKV_OK) {
        fkv_flight_server_stop(server);
        return status;
    }
    *ret = server;
    return FKV_OK;
}

enum fkv_status fkv_flight_server_start(const struct fkv_flight_service *service,
                                        const struct fkv_server_config *config,
                                        struct fkv_flight_server **ret, struct fkv_error *error)
{
    return server_start(service, config, alloc_system(), clock_system(), host_start, ret, error);
}

enum fkv_status service_start_stepped(const struct fkv_flight_service *service,
                                      const struct fkv_server_config *config,
                                      const struct alloc *alloc, const struct clock *clock,
                                      struct fkv_flight_server **ret, struct fkv_error *error)
{
    return server_start(service, config, alloc, clock, host_new_stepped, ret, error);
}

const char *fkv_flight_server_uri(const struct fkv_flight_server *server, size_t index)
{
    return index < host_uri_count(server->host) ? server->uris[index] : NULL;
}

void fkv_flight_server_stop(struct fkv_flight_server *server)
{
    if (server == NULL)
        return;
    host_stop(server->host);
    service_memory_close(server->memory);
    net_tls_free(server->tls);
    alloc_free(server->alloc, server);
}
