/* SPDX-License-Identifier: Apache-2.0 */
#include "net/uri.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/slice.h"
#include "base/status.h"

static const struct {
    const char *prefix;
    enum net_scheme scheme;
} schemes[] = {
    {"grpc+tcp://", NET_TCP},
    {"grpc://", NET_TCP},
    {"grpc+tls://", NET_TLS},
    {"grpc+unix://", NET_UNIX},
};

static enum fkv_status bad_uri(struct fkv_error *error, const char *text, const char *cause)
{
    return status_set(error, FKV_INVALID_ARGUMENT,
                      "'%.300s' isn't a server address (%s); expected grpc+tcp://HOST:PORT, "
                      "grpc+tls://HOST:PORT or grpc+unix:///PATH",
                      text, cause);
}

static bool is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '.' || c == '-' || c == '_';
}

static bool is_ip6_byte(char c)
{
    return isalnum((unsigned char)c) || c == ':' || c == '.' || c == '%' || c == '-' || c == '_';
}

/* Cuts the host off *rest; the brackets of an IPv6 address aren't part of it. */
static const char *take_host(struct slice *rest, char ret_host[net_host_max + 1])
{
    bool is_ip6 = slice_starts(*rest, "[");
    if (is_ip6)
        slice_take(rest, 1);
    size_t size = 0;
    while (size < rest->size && (is_ip6 ? is_ip6_byte : is_name_byte)((char)rest->data[size]))
        size++;
    if (size == 0)
        return "no host";
    if (size > net_host_max)
        return "the host is too long";
    memcpy(ret_host, rest->data, size);
    ret_host[size] = '\0';
    slice_take(rest, size);
    if (!is_ip6)
        return NULL;
    if (!slice_starts(*rest, "]"))
        return "a '[' without its ']'";
    slice_take(rest, 1);
    return NULL;
}

/* ":PORT" or nothing, and then at most a slash. */
static const char *take_port(struct slice *rest, uint16_t *ret_port)
{
    unsigned port = net_port_default;
    if (slice_starts(*rest, ":")) {
        slice_take(rest, 1);
        size_t digits = 0;
        for (port = 0; rest->size > 0 && isdigit(rest->data[0]) && digits <= 5; digits++)
            port = port * 10 + (unsigned)(slice_take(rest, 1).data[0] - '0');
        if (digits == 0)
            return "no port behind the ':'";
        if (port > UINT16_MAX)
            return "the port is greater than 65535";
    }
    if (slice_is(*rest, "/"))
        slice_take(rest, 1);
    if (rest->size > 0)
        return "unexpected text behind host and port";
    *ret_port = (uint16_t)port;
    return NULL;
}

static const char *take_path(struct slice rest, char ret_path[net_path_max + 1])
{
    if (!slice_starts(rest, "/") || rest.size == 1)
        return "no absolute path";
    if (rest.size > net_path_max)
        return "the path has more than 107 bytes, the most that a socket's may have";
    memcpy(ret_path, rest.data, rest.size);
    ret_path[rest.size] = '\0';
    return NULL;
}

/* "7777", "db1:7777": what is meant is said where it would be an address. */
static enum fkv_status unknown_scheme(struct fkv_error *error, const char *text)
{
    char guess[net_uri_max];
    struct net_uri ignored;
    bool is_port = *text != '\0' && text[strspn(text, "0123456789")] == '\0';
    int size = snprintf(guess, sizeof guess, "grpc+tcp://%s%s", is_port ? "localhost:" : "", text);
    if (size < (int)sizeof guess && net_uri_parse(guess, &ignored, NULL) == FKV_OK)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "'%s' isn't a server address; did you mean %s?", text, guess);
    return bad_uri(error, text, "unknown scheme");
}

enum fkv_status net_uri_parse(const char *text, struct net_uri *ret, struct fkv_error *error)
{
    struct net_uri uri = {.scheme = NET_TCP};
    struct slice rest = slice_text(text);
    size_t i = 0;
    while (i < sizeof schemes / sizeof schemes[0] && !slice_starts(rest, schemes[i].prefix))
        i++;
    if (i == sizeof schemes / sizeof schemes[0])
        return unknown_scheme(error, text);
    uri.scheme = schemes[i].scheme;
    slice_take(&rest, strlen(schemes[i].prefix));

    const char *cause;
    if (uri.scheme == NET_UNIX)
        cause = take_path(rest, uri.path);
    else if ((cause = take_host(&rest, uri.host)) == NULL)
        cause = take_port(&rest, &uri.port);
    if (cause != NULL)
        return bad_uri(error, text, cause);
    *ret = uri;
    return FKV_OK;
}

void net_uri_text(const struct net_uri *uri, char ret[net_uri_max])
{
    const char *scheme = uri->scheme == NET_TLS ? "grpc+tls" : "grpc+tcp";
    if (uri->scheme == NET_UNIX)
        snprintf(ret, net_uri_max, "grpc+unix://%s", uri->path);
    else if (strchr(uri->host, ':') != NULL)
        snprintf(ret, net_uri_max, "%s://[%s]:%u", scheme, uri->host, uri->port);
    else
        snprintf(ret, net_uri_max, "%s://%s:%u", scheme, uri->host, uri->port);
}

bool net_uri_is_loopback(const struct net_uri *uri)
{
    if (uri->scheme == NET_UNIX || strcasecmp(uri->host, "localhost") == 0)
        return true;
    struct in_addr ip4;
    if (inet_pton(AF_INET, uri->host, &ip4) == 1)
        return (ntohl(ip4.s_addr) >> 24) == 127;
    struct in6_addr ip6;
    return inet_pton(AF_INET6, uri->host, &ip6) == 1 && IN6_IS_ADDR_LOOPBACK(&ip6);
}
