/* SPDX-License-Identifier: Apache-2.0 */
#include "net/connect.h"

#include "base/status.h"
#include "net/socket.h"
#include "net/tcp.h"
#include "net/tls.h"
#include "net/unix.h"

/* One time-out for both. */
static enum fkv_status connect_tls(const struct alloc *alloc, const struct net_uri *uri,
                                   const struct net_connect_options *options,
                                   struct net_transport **ret, struct fkv_error *error)
{
    struct net_transport *tcp = NULL;
    uint64_t deadline = net_deadline(options->timeout_ns);
    enum fkv_status status = net_tcp_connect(alloc, uri, options->timeout_ns, &tcp, error);
    if (status != FKV_OK)
        return status;
    status =
        net_tls_connect(alloc, options->tls, uri->host, net_time_left(deadline), tcp, ret, error);
    char text[net_uri_max];
    net_uri_text(uri, text);
    return status == FKV_OK ? status
                            : status_prefix(error, status, "could not connect to %s", text);
}

enum fkv_status net_connect(const struct alloc *alloc, const struct net_uri *uri,
                            const struct net_connect_options *options, struct net_transport **ret,
                            struct fkv_error *error)
{
    switch (uri->scheme) {
    case NET_TCP:
        return net_tcp_connect(alloc, uri, options->timeout_ns, ret, error);
    case NET_UNIX:
        return net_unix_connect(alloc, uri, options->timeout_ns, ret, error);
    case NET_TLS:
        break;
    }
    return connect_tls(alloc, uri, options, ret, error);
}
