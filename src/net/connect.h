/* SPDX-License-Identifier: Apache-2.0 */
/* A client's connection to a URI, whatever its scheme. */
#ifndef NET_CONNECT_H
#define NET_CONNECT_H

#include "base/alloc.h"
#include "net/tls.h"
#include "net/transport.h"
#include "net/uri.h"

struct net_connect_options {
    uint64_t timeout_ns;
    uint64_t busy_poll_ns; /* as net_socket_busy_poll takes it; 0 with TLS: nothing does */
    struct net_tls *tls;   /* for NET_TLS: what a client's connections share; outlives them */
};

/* The transport is not driven by a loop: use net_wait. UNAVAILABLE names the address and what was
 * wrong; for TLS also UNAUTHENTICATED and FAILED_PRECONDITION (tls.h). */
enum fkv_status net_connect(const struct alloc *alloc, const struct net_uri *uri,
                            const struct net_connect_options *options, struct net_transport **ret,
                            struct fkv_error *error);

#endif
