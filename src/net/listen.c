/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listen.h"

#include <unistd.h>

#include "net/tcp.h"
#include "net/unix.h"

enum fkv_status net_listen_open(const struct net_uri *uri, const struct net_listen_options *options,
                                struct net_listen *ret, struct fkv_error *error)
{
    if (uri->scheme == NET_UNIX)
        return net_unix_listen(uri, options->unix_mode, options->backlog, ret, error);
    return net_tcp_listen(uri, options->backlog, ret, error);
}

void net_listen_close(struct net_listen *listen)
{
    if (listen->count > 0 && listen->uri.scheme == NET_UNIX)
        net_unix_remove(listen); /* before the socket: nobody takes the file for a stale one */
    for (int i = 0; i < listen->count; i++)
        close(listen->fds[i]);
    listen->count = 0;
}
