/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/status.h"
#include "net/socket.h"

static enum fkv_status find_addresses(const struct net_uri *uri, int flags, struct addrinfo **ret,
                                      struct fkv_error *error)
{
    const struct addrinfo hints = {
        .ai_flags = flags | AI_NUMERICSERV, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[8];
    snprintf(port, sizeof port, "%u", uri->port);
    int code = getaddrinfo(uri->host, port, &hints, ret);
    bool is_passive = (flags & AI_PASSIVE) != 0;
    if (code != 0 && !is_passive && strcasecmp(uri->host, "localhost") == 0)
        code = getaddrinfo(NULL, port, &hints, ret); /* an image without /etc/hosts */
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

/* ---- connecting ---- */

enum fkv_status net_tcp_connect(const struct alloc *alloc, const struct net_uri *uri,
                                uint64_t timeout_ns, struct net_transport **ret,
                                struct fkv_error *error)
{
    struct addrinfo *addresses = NULL;
    enum fkv_status status = find_addresses(uri, 0, &addresses, error);
    if (status != FKV_OK)
        return status;
    uint64_t deadline = net_deadline(timeout_ns);
    int fd = -ECONNREFUSED;
    for (struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next)
        fd = net_socket_connect(a->ai_addr, a->ai_addrlen, deadline);
    freeaddrinfo(addresses);
    if (fd >= 0)
        return net_socket_new(alloc, fd, ret, error);
    char text[net_uri_max];
    net_uri_text(uri, text);
    return status_set_hint(error, FKV_UNAVAILABLE,
                           fd == -ECONNREFUSED ? FKV_HINT_SERVER : FKV_HINT_NONE,
                           "could not connect to %s: %s", text, strerror(-fd));
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
            net_listen_close(listen);
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
    enum fkv_status status =
        is_localhost ? FKV_OK : find_addresses(uri, AI_PASSIVE, &addresses, error);
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
