/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of listeners and servers: grpc+tcp://HOST:PORT (grpc:// is the same), grpc+tls://,
 * grpc+unix:///path. IPv6 hosts stand in brackets. */
#ifndef NET_URI_H
#define NET_URI_H

#include <stdbool.h>
#include <stdint.h>

#include "flightkv/status.h"

enum net_scheme { NET_TCP, NET_TLS, NET_UNIX };

enum { net_port_default = 6666, net_host_max = 255, net_path_max = 107, net_uri_max = 300 };

struct net_uri {
    enum net_scheme scheme;
    char host[net_host_max + 1]; /* without brackets; for NET_TCP, NET_TLS */
    uint16_t port;
    char path[net_path_max + 1]; /* for NET_UNIX */
};

/* INVALID_ARGUMENT says what was wrong and shows the form expected. */
enum fkv_status net_uri_parse(const char *text, struct net_uri *ret, struct fkv_error *error);
void net_uri_text(const struct net_uri *uri, char ret[net_uri_max]);

/* "localhost", 127.0.0.0/8, ::1, and every Unix socket. */
bool net_uri_is_loopback(const struct net_uri *uri);

#endif
