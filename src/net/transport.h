/* SPDX-License-Identifier: Apache-2.0 */
/* The transport seam: one connected byte stream. Implementations: socket.c (TCP and Unix sockets),
 * tls.c (over another transport) and pipe.c (in memory, for tests and for embedding). Nothing
 * blocks. One transport belongs to one thread. */
#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "flightkv/status.h"

struct net_transport;

enum { NET_READABLE = 1, NET_WRITABLE = 2 };

struct net_transport_ops {
    /* As read(2) and writev(2): bytes moved (possibly fewer), 0 at the peer's end of stream (read),
     * -EAGAIN when it would block, another -errno when the connection is broken. A read may change
     * all of `data`, not only what it gives. */
    ssize_t (*read)(struct net_transport *transport, void *data, size_t size);
    ssize_t (*write)(struct net_transport *transport, const struct iovec *iov, int count);
    /* What the owner waits for (NET_READABLE | NET_WRITABLE); on_ready is called, later, from the
     * transport's driver (the loop, or the test that steps a pipe). May be called at any time. */
    void (*want)(struct net_transport *transport, int events);
    /* Blocks until one of `events` is there or `timeout_ns` passed (UINT64_MAX: for ever); gives
     * what is there. Only for transports that no loop drives (a client's). */
    int (*wait)(struct net_transport *transport, int events, uint64_t timeout_ns);
    /* Nothing is written any more: behind what was, the peer reads the end of the stream. What it
     * still sends can be read (of TLS: until it has read that end). Once. */
    void (*end)(struct net_transport *transport);
    void (*close)(struct net_transport *transport); /* frees it */
    /* `wait` for bytes, not for ever, and `read` in one: -EAGAIN when none came, perhaps earlier.
     * NULL where that costs as much as both. */
    ssize_t (*read_within)(struct net_transport *transport, void *data, size_t size,
                           uint64_t timeout_ns);
};

struct net_transport {
    const struct net_transport_ops *ops;
    void (*on_ready)(void *context, int events); /* set by the owner */
    void *context;
    char peer[64]; /* "127.0.0.1:51234", for logs */
    bool is_local; /* as far as addresses tell, the peer is on this host */
    /* In words, why read or write failed, where there is more to say than -errno; else NULL. Valid
     * as long as the transport. */
    const struct fkv_error *trouble;
};

static inline ssize_t net_read(struct net_transport *t, void *data, size_t size)
{
    return t->ops->read(t, data, size);
}

static inline ssize_t net_write(struct net_transport *t, const struct iovec *iov, int count)
{
    return t->ops->write(t, iov, count);
}

static inline void net_want(struct net_transport *t, int events)
{
    t->ops->want(t, events);
}

static inline int net_wait(struct net_transport *t, int events, uint64_t timeout_ns)
{
    return t->ops->wait(t, events, timeout_ns);
}

static inline void net_end(struct net_transport *t)
{
    t->ops->end(t);
}

static inline void net_close(struct net_transport *t)
{
    if (t != NULL)
        t->ops->close(t);
}

#endif
