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
    /* With TLS nothing looks before it sleeps, unless asked to (flightkv.h). */
    net_socket_busy_poll(tcp, options->busy_poll_ns != 0 ? options->busy_poll_ns : UINT64_MAX);
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
    if (uri->scheme == NET_TLS)
        return connect_tls(alloc, uri, options, ret, error);
    struct net_transport *transport = NULL;
    enum fkv_status status =
        uri->scheme == NET_TCP
            ? net_tcp_connect(alloc, uri, options->timeout_ns, &transport, error)
            : net_unix_connect(alloc, uri, options->timeout_ns, &transport, error);
    if (status != FKV_OK)
        return status;
    net_socket_busy_poll(transport, options->busy_poll_ns);
    *ret = transport;
    return FKV_OK;
}
