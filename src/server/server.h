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

/* What the configuration means to the host. */
struct host_options server_host_options(struct fkv_server *server);

/* The same server without threads and listeners, for tests that bring transport and clock; also
 * freed by fkv_server_stop. */
enum fkv_status server_start_stepped(const struct fkv_server_config *config,
                                     const struct alloc *alloc, const struct clock *clock,
                                     struct fkv_server **ret, struct fkv_error *error);

#endif
