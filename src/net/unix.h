/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets: connecting to, and listening at, the path of a URI. */
#ifndef NET_UNIX_H
#define NET_UNIX_H

#include "base/alloc.h"
#include "net/listen.h"
#include "net/transport.h"
#include "net/uri.h"

/* The transport is not driven by a loop: use net_wait. UNAVAILABLE names the path and the cause. */
enum fkv_status net_unix_connect(const struct alloc *alloc, const struct net_uri *uri,
                                 uint64_t timeout_ns, struct net_transport **ret,
                                 struct fkv_error *error);

/* Makes the file with exactly the permissions `mode`, in place of a socket's file that nobody
 * answers on. UNAVAILABLE when somebody does, FAILED_PRECONDITION for a file that isn't a socket,
 * PERMISSION_DENIED when not allowed; the sentence names the path. */
enum fkv_status net_unix_listen(const struct net_uri *uri, mode_t mode, int backlog,
                                struct net_listen *ret, struct fkv_error *error);

/* Removes the file if it is still the one that `listen` made. */
void net_unix_remove(const struct net_listen *listen);

#endif
