/* SPDX-License-Identifier: Apache-2.0 */
/* TCP: connecting to, and listening at, the host and port of a URI; TLS runs on top (tls.h). */
#ifndef NET_TCP_H
#define NET_TCP_H

#include "base/alloc.h"
#include "net/listen.h"
#include "net/transport.h"
#include "net/uri.h"

/* Whether the host can be found: UNAVAILABLE says why not. May wait for a name server. */
enum fkv_status net_tcp_check_host(const struct net_uri *uri, struct fkv_error *error);

/* Connects, waiting up to `timeout_ns`; tries every address of the host in turn. The transport is
 * not driven by a loop: use net_wait. UNAVAILABLE names the address and the cause. */
enum fkv_status net_tcp_connect(const struct alloc *alloc, const struct net_uri *uri,
                                uint64_t timeout_ns, struct net_transport **ret,
                                struct fkv_error *error);

/* "localhost" gives one socket each for 127.0.0.1 and ::1 where the machine has IPv6, on the same
 * port. Port 0 picks a free one. UNAVAILABLE when taken, PERMISSION_DENIED when not allowed; the
 * sentence names the address. */
enum fkv_status net_tcp_listen(const struct net_uri *uri, int backlog, struct net_listen *ret,
                               struct fkv_error *error);

#endif
