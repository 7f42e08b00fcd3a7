/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tcp.h"

#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/status.h"

struct tcp {
    struct net_transport transport;
    const struct alloc *alloc;
    struct net_watch *watch; /* NULL when no loop drives it */
    int fd;
};

static struct tcp *tcp_of(struct net_transport *transport)
{
    return (struct tcp *)transport;
}

/* ---- the transport ---- */

static ssize_t tcp_read(struct net_transport *transport, void *data, size_t size)
{
    ssize_t moved;
    do
        moved = recv(tcp_of(transport)->fd, data, size, 0);
    while (moved < 0 && errno == EINTR);
    return moved < 0 ? -errno : moved;
}

/* sendmsg(2) because writev(2) can't be kept from raising SIGPIPE. */
static ssize_t tcp_write(struct net_transport *transport, const struct iovec *iov, int count)
{
    const struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
    ssize_t moved;
    do
        moved = sendmsg(tcp_of(transport)->fd, &message, MSG_NOSIGNAL);
    while (moved < 0 && errno == EINTR);
    return moved < 0 ? -errno : moved;
}

static void tcp_want(struct net_transport *transport, int events)
{
    if (tcp_of(transport)->watch != NULL)
        net_watch_set(tcp_of(transport)->watch, events);
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

static uint64_t deadline_of(uint64_t timeout_ns)
{
    uint64_t now = clock_now_ns(clock_system());
    return timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}

/* A broken socket counts as ready for what was asked: the read or write will tell. */
static int tcp_wait(struct net_transport *transport, int events, uint64_t timeout_ns)
{
    int ready = poll_until(tcp_of(transport)->fd, poll_events(events), deadline_of(timeout_ns));
    if ((ready & (POLLERR | POLLHUP | POLLNVAL)) != 0)
        return events;
    return ((ready & POLLIN) != 0 ? NET_READABLE : 0) | ((ready & POLLOUT) != 0 ? NET_WRITABLE : 0);
}

static void tcp_close(struct net_transport *transport)
{
    struct tcp *tcp = tcp_of(transport);
    net_watch_close(tcp->watch);
    close(tcp->fd);
    alloc_free(tcp->alloc, tcp);
}

static const struct net_transport_ops tcp_ops = {tcp_read, tcp_write, tcp_want, tcp_wait,
                                                 tcp_close};

static void on_tcp_ready(void *context, int events)
{
    struct net_transport *transport = context;
    transport->on_ready(transport->context, events);
}

/* ---- addresses ---- */

/* "127.0.0.1:6666", "[::1]:6666" */
static void address_text(const struct sockaddr *address, socklen_t size, char *ret, size_t ret_size)
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

static enum fkv_status check_scheme(const struct net_uri *uri, struct fkv_error *error)
{
    char text[net_uri_max];
    if (uri->scheme == NET_TCP)
        return FKV_OK;
    net_uri_text(uri, text);
    return status_set(error, FKV_UNIMPLEMENTED, "%s: only grpc+tcp:// is supported", text);
}

static enum fkv_status find_addresses(const struct net_uri *uri, int flags, struct addrinfo **ret,
                                      struct fkv_error *error)
{
    const struct addrinfo hints = {
        .ai_flags = flags | AI_NUMERICSERV, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[8];
    snprintf(port, sizeof port, "%u", uri->port);
    int code = getaddrinfo(uri->host, port, &hints, ret);
    if (code != 0)
        return status_set(error, FKV_UNAVAILABLE, "could not find the host '%s': %s", uri->host,
                          code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
    return FKV_OK;
}

enum fkv_status net_tcp_check_host(const struct net_uri *uri, struct fkv_error *error)
{
    struct addrinfo *addresses = NULL;
    enum fkv_status status = find_addresses(uri, AI_PASSIVE, &addresses, error);
    if (status == FKV_OK)
        freeaddrinfo(addresses);
    return status;
}

/* ---- a connected socket ---- */

/* Takes the descriptor over, also on failure. */
static enum fkv_status tcp_new(const struct alloc *alloc, int fd, struct tcp **ret,
                               struct fkv_error *error)
{
    struct tcp *tcp = alloc_zero(alloc, sizeof *tcp);
    if (tcp == NULL) {
        close(fd);
        return status_no_memory(error, sizeof *tcp);
    }
    tcp->transport.ops = &tcp_ops;
    tcp->alloc = alloc;
    tcp->fd = fd;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_storage peer = {0};
    socklen_t size = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0)
        address_text((struct sockaddr *)&peer, size, tcp->transport.peer,
                     sizeof tcp->transport.peer);
    *ret = tcp;
    return FKV_OK;
}

/* A connected, non-blocking socket, or -errno. */
static int connect_to(const struct addrinfo *address, uint64_t deadline_ns)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int cause = 0;
    socklen_t size = sizeof cause;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        cause = errno;
        if (cause == EINPROGRESS || cause == EINTR) {
            if (poll_until(fd, POLLOUT, deadline_ns) == 0)
                cause = ETIMEDOUT;
            else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &size) != 0)
                cause = errno;
        }
    }
    if (cause == 0)
        return fd;
    close(fd);
    return -cause;
}

enum fkv_status net_tcp_connect(const struct alloc *alloc, const struct net_uri *uri,
                                uint64_t timeout_ns, struct net_transport **ret,
                                struct fkv_error *error)
{
    struct addrinfo *addresses = NULL;
    enum fkv_status status = check_scheme(uri, error);
    if (status == FKV_OK)
        status = find_addresses(uri, 0, &addresses, error);
    if (status != FKV_OK)
        return status;
    uint64_t deadline = deadline_of(timeout_ns);
    int fd = -ECONNREFUSED;
    for (struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next)
        fd = connect_to(a, deadline);
    freeaddrinfo(addresses);
    if (fd < 0) {
        char text[net_uri_max];
        net_uri_text(uri, text);
        return status_set(error, FKV_UNAVAILABLE, "could not connect to %s: %s", text,
                          strerror(-fd));
    }
    struct tcp *tcp = NULL;
    status = tcp_new(alloc, fd, &tcp, error);
    if (status == FKV_OK)
        *ret = &tcp->transport;
    return status;
}

enum fkv_status net_tcp_accepted(const struct alloc *alloc, struct net_loop *loop, int fd,
                                 struct net_transport **ret, struct fkv_error *error)
{
    struct tcp *tcp = NULL;
    enum fkv_status status = tcp_new(alloc, fd, &tcp, error);
    if (status != FKV_OK)
        return status;
    status = net_watch_new(loop, fd, on_tcp_ready, &tcp->transport, &tcp->watch, error);
    if (status != FKV_OK)
        tcp_close(&tcp->transport);
    else
        *ret = &tcp->transport;
    return status;
}

/* ---- listening ---- */

static uint16_t port_of(int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t size = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &size) != 0)
        return 0;
    return name.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&name)->sin6_port)
                                      : ntohs(((struct sockaddr_in *)&name)->sin_port);
}

/* An IPv6 socket takes IPv4 as well only where it stands for every address ("[::]"). */
static bool takes_both_families(const struct sockaddr *address)
{
    return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

/* A listening socket on the address with that port, or -errno. */
static int listen_at(const struct addrinfo *address, uint16_t port, int backlog)
{
    struct sockaddr_storage name = {0};
    memcpy(&name, address->ai_addr, address->ai_addrlen);
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (name.ss_family == AF_INET6) {
        int only6 = !takes_both_families(address->ai_addr);
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof only6);
        ((struct sockaddr_in6 *)&name)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)&name)->sin_port = htons(port);
    }
    if (bind(fd, (struct sockaddr *)&name, address->ai_addrlen) == 0 && listen(fd, backlog) == 0)
        return fd;
    int cause = errno;
    close(fd);
    return -cause;
}

static void close_all(struct net_listen *listen)
{
    for (int i = 0; i < listen->count; i++)
        close(listen->fds[i]);
    listen->count = 0;
}

/* A family that the machine hasn't isn't an error as long as another address works. */
static bool is_missing_family(int cause)
{
    return cause == EAFNOSUPPORT || cause == EADDRNOTAVAIL;
}

/* Listens on all addresses at one port. Answers 0 or an errno. */
static int listen_at_all(const struct addrinfo *addresses, int backlog, struct net_listen *listen)
{
    uint16_t port = listen->uri.port;
    int missing = EADDRNOTAVAIL;
    for (const struct addrinfo *a = addresses; a != NULL && listen->count < net_listen_max;
         a = a->ai_next) {
        int fd = listen_at(a, port, backlog);
        if (fd >= 0) {
            listen->fds[listen->count++] = fd;
            port = port_of(fd);
        } else if (is_missing_family(-fd)) {
            missing = -fd;
        } else {
            close_all(listen);
            return -fd;
        }
    }
    if (listen->count == 0)
        return missing;
    listen->uri.port = port;
    return 0;
}

/* What "localhost" means to a listener, whatever /etc/hosts says. */
static int listen_at_localhost(int backlog, struct net_listen *listen)
{
    struct sockaddr_in ip4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct addrinfo second = {
        .ai_family = AF_INET6, .ai_addr = (struct sockaddr *)&ip6, .ai_addrlen = sizeof ip6};
    struct addrinfo first = {.ai_family = AF_INET,
                             .ai_addr = (struct sockaddr *)&ip4,
                             .ai_addrlen = sizeof ip4,
                             .ai_next = &second};
    return listen_at_all(&first, backlog, listen);
}

/* A free port of the first address may be taken at the second: then another one is picked. */
enum { any_port_attempts = 16 };

enum fkv_status net_tcp_listen(const struct net_uri *uri, int backlog, struct net_listen *ret,
                               struct fkv_error *error)
{
    struct addrinfo *addresses = NULL;
    bool is_localhost = strcasecmp(uri->host, "localhost") == 0;
    enum fkv_status status = check_scheme(uri, error);
    if (status == FKV_OK && !is_localhost)
        status = find_addresses(uri, AI_PASSIVE, &addresses, error);
    if (status != FKV_OK)
        return status;
    struct net_listen listen = {.uri = *uri};
    int cause, attempts = 0;
    do
        cause = is_localhost ? listen_at_localhost(backlog, &listen)
                             : listen_at_all(addresses, backlog, &listen);
    while (cause == EADDRINUSE && uri->port == 0 && ++attempts < any_port_attempts);
    if (addresses != NULL)
        freeaddrinfo(addresses);
    if (cause != 0) {
        char text[net_uri_max];
        net_uri_text(uri, text);
        status = cause == EADDRINUSE ? FKV_UNAVAILABLE
                 : cause == EACCES   ? FKV_PERMISSION_DENIED
                                     : FKV_UNKNOWN;
        return status_set(error, status, "could not listen on %s: %s", text, strerror(cause));
    }
    *ret = listen;
    return FKV_OK;
}
