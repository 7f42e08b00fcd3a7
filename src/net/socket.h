/* SPDX-License-Identifier: Apache-2.0 */
/* The transport over a connected stream socket, TCP or Unix, and what both need to connect.
 * TCP_NODELAY is set, and TCP's buffer sizes are left to the kernel's autotuning; Unix sockets, for
 * which there is none, get a larger one for sending. Between processes of one host TCP's congestion
 * control is Reno (docs/design/016-tcp-on-one-host.md). */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include <sys/socket.h>

#include "base/alloc.h"
#include "net/loop.h"
#include "net/transport.h"

/* A transport on a connected socket that no loop drives: use net_wait. Takes the descriptor over,
 * also on failure; so does the next one. */
enum fkv_status net_socket_new(const struct alloc *alloc, int fd, struct net_transport **ret,
                               struct fkv_error *error);

/* Has each net_wait and read of a transport from net_socket_new look again and again for so long
 * before it sleeps. 0: reads do as long as waking up takes, where the peer is on this host and that
 * keeps paying; UINT64_MAX: nothing does, as without this call. */
void net_socket_busy_poll(struct net_transport *transport, uint64_t busy_poll_ns);

/* A transport on an accepted socket, driven by `loop`. */
enum fkv_status net_socket_accepted(const struct alloc *alloc, struct net_loop *loop, int fd,
                                    struct net_transport **ret, struct fkv_error *error);

/* A connected, non-blocking socket, or -errno; -ETIMEDOUT when the deadline has passed. */
int net_socket_connect(const struct sockaddr *address, socklen_t size, uint64_t deadline_ns);

/* The system clock's time `timeout_ns` from now; UINT64_MAX stays "for ever". */
uint64_t net_deadline(uint64_t timeout_ns);
uint64_t net_time_left(uint64_t deadline_ns); /* the way back; 0 when it has passed */

#endif
