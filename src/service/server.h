/* SPDX-License-Identifier: Apache-2.0 */
/* A service as one server. */
#ifndef SERVICE_SERVER_H
#define SERVICE_SERVER_H

#include "flightkv/flight.h"
#include "server/server.h"
#include "service/memory.h"

struct fkv_flight_server {
    const struct alloc *alloc;
    struct fkv_flight_service service;
    struct fkv_server_config config;
    struct log log;
    struct service_memory *memory;
    struct host *host;
    struct net_tls *tls; /* NULL: no listener has TLS */
    char uris[host_listeners_max][net_uri_max];
};

/* The server of the service that its rows are given. */
static inline const struct fkv_flight_server *
service_server_of(const struct fkv_flight_service *service)
{
    size_t offset = offsetof(struct fkv_flight_server, service);
    return (const void *)((const char *)service - offset);
}

/* Without threads and listeners, for tests that bring transport and clock; also freed by
 * fkv_flight_server_stop. `config` as for fkv_flight_server_start. */
enum fkv_status service_start_stepped(const struct fkv_flight_service *service,
                                      const struct fkv_server_config *config,
                                      const struct alloc *alloc, const struct clock *clock,
                                      struct fkv_flight_server **ret, struct fkv_error *error);

#endif
