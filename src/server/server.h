/* SPDX-License-Identifier: Apache-2.0 */
/* The cache as one Flight server: configuration in, a running host out. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "server/cache.h"

struct fkv_server {
    struct fkv_server_config config;
    struct log log;
    struct cache cache;
    struct host *host;
    struct net_tls *tls; /* NULL: no listener has TLS */
    char uris[host_listeners_max][net_uri_max];
};

/* Puts what depends on the machine in place of what was left open. FAILED_PRECONDITION for a
 * listener that others reach without leave. */
enum fkv_status server_config_complete(struct fkv_server_config *config, struct fkv_error *error);

/* The TLS of its listeners; NULL when none has it. INVALID_ARGUMENT for files that can't be used.
 */
enum fkv_status server_config_tls(const struct fkv_server_config *config, const struct alloc *alloc,
                                  struct net_tls **ret, struct fkv_error *error);

/* What a complete configuration means to a host, whatever it serves; beside it are to be set
 * allocators, clock, log, TLS and service. */
struct host_options server_config_host(const struct fkv_server_config *config);

/* The same for the cache. */
struct host_options server_host_options(struct fkv_server *server);

/* The same server without threads and listeners, for tests that bring transport and clock; also
 * freed by fkv_server_stop. */
enum fkv_status server_start_stepped(const struct fkv_server_config *config,
                                     const struct alloc *alloc, const struct clock *clock,
                                     struct fkv_server **ret, struct fkv_error *error);

#endif
