/* SPDX-License-Identifier: Apache-2.0 */
#include "net/connect.h"

#include "base/status.h"
#include "net/tcp.h"
#include "net/unix.h"

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
    return status_set(error, FKV_UNIMPLEMENTED, "connecting to grpc+tls is not built yet");
}
