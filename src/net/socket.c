/* SPDX-License-Identifier: Apache-2.0 */
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/status.h"

struct stream {
    struct net_transport transport;
    const struct alloc *alloc;
    struct net_watch *watch; /* NULL when no loop drives it */
    uint64_t busy_poll_ns;
    int fd;
    bool is_unix;
    bool blocks;              /* the socket does, where it isn't told otherwise */
    uint64_t read_timeout_ns; /* of a read that blocks */
    bool is_eager;            /* such a read looks before it sleeps */
    unsigned pause, skips;    /* reads that sleep at once after one that looked; of them, to come */
};

static struct stream *stream_of(struct net_transport *transport)
{
    return (struct stream *)transport;
}

/* ---- the transport ---- */

static ssize_t stream_read(struct net_transport *transport, void *data, size_t size)
{
    ssize_t moved;
    do
        moved = recv(stream_of(transport)->fd, data, size, MSG_DONTWAIT);
    while (moved < 0 && errno == EINTR);
    return moved < 0 ? -errno : moved;
}

/* sendmsg(2) because writev(2) can't be kept from raising SIGPIPE. */
static ssize_t stream_write(struct net_transport *transport, const struct iovec *iov, int count)
{
    const struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
    ssize_t moved;
    do
        moved = sendmsg(stream_of(transport)->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (moved < 0 && errno == EINTR);
    return moved < 0 ? -errno : moved;
}

static void stream_want(struct net_transport *transport, int events)
{
    if (stream_of(transport)->watch != NULL)
        net_watch_set(stream_of(transport)->watch, events);
}

static int poll_events(int events)
{
    return ((events & NET_READABLE) != 0 ? POLLIN : 0) |
           ((events & NET_WRITABLE) != 0 ? POLLOUT : 0);
}

/* poll(2) until `deadline_ns` (UINT64_MAX: for ever), rounded up to its milliseconds. Gives the
 * revents. */
static int poll_until(int fd, int events, uint64_t deadline_ns)
{
    struct pollfd p = {.fd = fd, .events = (short)events};
    for (;;) {
        int wait_ms = -1;
        if (deadline_ns != UINT64_MAX) {
            uint64_t now = clock_now_ns(clock_system());
            uint64_t left = deadline_ns > now ? (deadline_ns - now + NS_PER_MS - 1) / NS_PER_MS : 0;
            wait_ms = left > INT32_MAX ? INT32_MAX : (int)left;
        }
        int count = poll(&p, 1, wait_ms);
        if (count >= 0)
            return count == 0 ? 0 : p.revents;
        if (errno != EINTR)
            return 0;
    }
}

uint64_t net_deadline(uint64_t timeout_ns)
{
    uint64_t now = clock_now_ns(clock_system());
    return timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}

uint64_t net_time_left(uint64_t deadline_ns)
{
    uint64_t now = clock_now_ns(clock_system());
    if (deadline_ns == UINT64_MAX)
        return UINT64_MAX;
    return deadline_ns > now ? deadline_ns - now : 0;
}

/* Looks without sleeping until `end_ns`; 0 when nothing came. */
static int poll_busily(int fd, int events, uint64_t end_ns)
{
    struct pollfd p = {.fd = fd, .events = (short)events};
    int count;
    do
        count = poll(&p, 1, 0);
    while (count == 0 && clock_now_ns(clock_system()) < end_ns);
    return count > 0 ? p.revents : 0;
}

/* A broken socket counts as ready for what was asked: the read or write will tell. */
static int stream_wait(struct net_transport *transport, int events, uint64_t timeout_ns)
{
    struct stream *stream = stream_of(transport);
    uint64_t deadline = net_deadline(timeout_ns);
    int ready = 0;
    if (stream->busy_poll_ns != 0 && timeout_ns != 0) {
        uint64_t end = net_deadline(stream->busy_poll_ns);
        ready = poll_busily(stream->fd, poll_events(events), end < deadline ? end : deadline);
    }
    if (ready == 0)
        ready = poll_until(stream->fd, poll_events(events), deadline);
    if ((ready & (POLLERR | POLLHUP | POLLNVAL)) != 0)
        return events;
    return ((ready & POLLIN) != 0 ? NET_READABLE : 0) | ((ready & POLLOUT) != 0 ? NET_WRITABLE : 0);
}

static void stream_end(struct net_transport *transport)
{
    shutdown(stream_of(transport)->fd, SHUT_WR); /* a failure comes again, to the next read */
}

/* The socket's own time-out: most callers wait equally long each time, and it is set once. */
static bool set_read_timeout(struct stream *stream, uint64_t timeout_ns)
{
    uint64_t us = timeout_ns < 1000 ? 1 : timeout_ns / 1000; /* 0 would be for ever */
    const struct timeval time = {.tv_sec = (time_t)(us / 1000000), .tv_usec = (long)(us % 1000000)};
    if (stream->read_timeout_ns == timeout_ns)
        return true;
    if (setsockopt(stream->fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) != 0)
        return false;
    stream->read_timeout_ns = timeout_ns;
    return true;
}

/* An answer on the same host often comes sooner than a sleeping thread can be woken. So who waits
 * for it looks again and again for about as long as waking up takes, and sleeps then. Where there
 * is no core to spare, nothing comes before the reader sleeps: after a look in vain the next reads
 * go without one, four times as many each time, and after one that has paid half as many. */
enum { eager_ns = 100 * 1000, pause_max = 256 };

static ssize_t recv_eagerly(struct stream *stream, void *data, size_t size)
{
    if (!stream->is_eager || stream->skips > 0) {
        stream->skips -= stream->skips > 0;
        return recv(stream->fd, data, size, 0);
    }
    ssize_t moved = recv(stream->fd, data, size, MSG_DONTWAIT);
    if (moved >= 0 || errno != EAGAIN)
        return moved;
    uint64_t now, end = net_deadline(eager_ns);
    do {
        moved = recv(stream->fd, data, size, MSG_DONTWAIT);
        now = clock_now_ns(clock_system());
    } while (moved < 0 && errno == EAGAIN && now < end);
    stream->pause = now < end ? stream->pause / 2 : stream->pause * 4 + 1;
    if (stream->pause > pause_max)
        stream->pause = pause_max;
    stream->skips = stream->pause;
    return moved < 0 && errno == EAGAIN ? recv(stream->fd, data, size, 0) : moved;
}

/* One system call in place of poll(2) and recv(2). */
static ssize_t stream_read_within(struct net_transport *transport, void *data, size_t size,
                                  uint64_t timeout_ns)
{
    struct stream *stream = stream_of(transport);
    if (!stream->blocks || stream->busy_poll_ns != 0 || !set_read_timeout(stream, timeout_ns)) {
        bool is_ready = stream_wait(transport, NET_READABLE, timeout_ns) != 0;
        return is_ready ? stream_read(transport, data, size) : -EAGAIN;
    }
    ssize_t moved = recv_eagerly(stream, data, size);
    if (moved < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    return moved;
}

static void stream_close(struct net_transport *transport)
{
    struct stream *stream = stream_of(transport);
    net_watch_close(stream->watch);
    close(stream->fd);
    alloc_free(stream->alloc, stream);
}

static const struct net_transport_ops stream_ops = {stream_read,       stream_write, stream_want,
                                                    stream_wait,       stream_end,   stream_close,
                                                    stream_read_within};

static void on_stream_ready(void *context, int events)
{
    struct net_transport *transport = context;
    transport->on_ready(transport->context, events);
}

/* ---- the peer's name ---- */

/* A client of a Unix socket has no name, but a process. */
static void unix_peer_text(int fd, const struct sockaddr_un *name, char *ret, size_t ret_size)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    if (name->sun_path[0] != '\0')
        snprintf(ret, ret_size, "%s", name->sun_path);
    else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
        snprintf(ret, ret_size, "pid:%d", (int)peer.pid);
    else
        snprintf(ret, ret_size, "an unknown process");
}

/* "127.0.0.1:6666", "[::1]:6666" */
static void tcp_peer_text(const struct sockaddr *address, socklen_t size, char *ret,
                          size_t ret_size)
{
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE], port[8]; /* the scope of a link-local one follows */
    if (getnameinfo(address, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(ret, ret_size, "an unknown address");
    else if (address->sa_family == AF_INET6)
        snprintf(ret, ret_size, "[%s]:%s", host, port);
    else
        snprintf(ret, ret_size, "%s:%s", host, port);
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
    struct sockaddr_storage largest;
};

/* Unix sockets don't leave the host, and who connects from an address to the same one hasn't left
 * it either: loopback is a case of that. */
static bool is_local(int fd, const union address *peer)
{
    union address own = {0};
    socklen_t size = sizeof own;
    if (peer->any.sa_family == AF_UNIX)
        return true;
    if (getsockname(fd, &own.any, &size) != 0 || own.any.sa_family != peer->any.sa_family)
        return false;
    if (peer->any.sa_family == AF_INET)
        return own.v4.sin_addr.s_addr == peer->v4.sin_addr.s_addr;
    return peer->any.sa_family == AF_INET6 &&
           memcmp(&own.v6.sin6_addr, &peer->v6.sin6_addr, sizeof own.v6.sin6_addr) == 0;
}

static void describe_peer(struct stream *stream)
{
    union address peer = {0};
    socklen_t size = sizeof peer;
    char *ret = stream->transport.peer;
    if (getpeername(stream->fd, &peer.any, &size) != 0)
        return;
    stream->transport.is_local = is_local(stream->fd, &peer);
    stream->is_unix = peer.any.sa_family == AF_UNIX;
    if (stream->is_unix)
        unix_peer_text(stream->fd, &peer.local, ret, sizeof stream->transport.peer);
    else
        tcp_peer_text(&peer.any, size, ret, sizeof stream->transport.peer);
}

/* ---- a connected socket ---- */

/* Who writes to a Unix socket waits until the reader has taken most of what its buffer holds; 208
 * KiB, Linux's default, make the two wait for each other in turn. More than this falls out of the
 * cache on the way. The system's wmem_max cuts it. */
enum { unix_send_bytes = 1 << 20 };

/* Between two processes of one host there is no network to be measured or spared: BBR would pace
 * what is sent. Every kernel has this one, and lets everybody choose it. */
static const char local_congestion_control[] = "reno";

static void set_options(const struct stream *stream)
{
    int on = 1, send_bytes = unix_send_bytes;
    if (stream->is_unix)
        setsockopt(stream->fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
    else
        setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (stream->transport.is_local && !stream->is_unix)
        setsockopt(stream->fd, IPPROTO_TCP, TCP_CONGESTION, local_congestion_control,
                   sizeof local_congestion_control - 1);
}

static enum fkv_status stream_new(const struct alloc *alloc, int fd, struct stream **ret,
                                  struct fkv_error *error)
{
    struct stream *stream = alloc_zero(alloc, sizeof *stream);
    if (stream == NULL) {
        close(fd);
        return status_no_memory(error, sizeof *stream);
    }
    stream->transport.ops = &stream_ops;
    stream->alloc = alloc;
    stream->fd = fd;
    describe_peer(stream);
    set_options(stream);
    *ret = stream;
    return FKV_OK;
}

int net_socket_connect(const struct sockaddr *address, socklen_t size, uint64_t deadline_ns)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int cause = 0;
    socklen_t cause_size = sizeof cause;
    if (connect(fd, address, size) != 0) {
        cause = errno;
        if (cause == EINPROGRESS || cause == EINTR) {
            if (poll_until(fd, POLLOUT, deadline_ns) == 0)
                cause = ETIMEDOUT;
            else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &cause_size) != 0)
                cause = errno;
        }
    }
    if (cause == 0)
        return fd;
    close(fd);
    return -cause;
}

enum fkv_status net_socket_new(const struct alloc *alloc, int fd, struct net_transport **ret,
                               struct fkv_error *error)
{
    struct stream *stream = NULL;
    enum fkv_status status = stream_new(alloc, fd, &stream, error);
    if (status != FKV_OK)
        return status;
    int flags = fcntl(fd, F_GETFL);
    stream->blocks = flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0;
    *ret = &stream->transport;
    return FKV_OK;
}

void net_socket_busy_poll(struct net_transport *transport, uint64_t busy_poll_ns)
{
    struct stream *stream = stream_of(transport);
    stream->is_eager = busy_poll_ns == 0 && transport->is_local;
    stream->busy_poll_ns = busy_poll_ns == UINT64_MAX ? 0 : busy_poll_ns;
}

enum fkv_status net_socket_accepted(const struct alloc *alloc, struct net_loop *loop, int fd,
                                    struct net_transport **ret, struct fkv_error *error)
{
    struct stream *stream = NULL;
    enum fkv_status status = stream_new(alloc, fd, &stream, error);
    if (status != FKV_OK)
        return status;
    status = net_watch_new(loop, fd, on_stream_ready, &stream->transport, &stream->watch, error);
    if (status != FKV_OK)
        stream_close(&stream->transport);
    else
        *ret = &stream->transport;
    return status;
}
