/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.2 and 1.3 over another transport, for HTTP/2 (ALPN "h2", RFC 9113 section 9.2): no
 * renegotiation, no compression, only ciphers with forward secrecy and authenticated encryption.
 * Only the files tls*.c include OpenSSL.
 *
 * Handshakes that fail, and connections that end badly, have a `trouble` (transport.h) in words:
 * UNAUTHENTICATED when it couldn't be proved who the peer is, FAILED_PRECONDITION when it speaks no
 * TLS, or TLS in another way than expected, else UNAVAILABLE. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "net/transport.h"

/* Certificates, key and rules: what all connections of a server, or of a client, have in common.
 * Outlives them; any thread. */
struct net_tls;

struct net_tls_server_options {
    const char *cert_file; /* PEM: the server's certificate, then those between it and its CA */
    const char *key_file;  /* PEM, without a passphrase */
    const char *client_ca_file; /* PEM; NULL: clients need no certificate */
};

struct net_tls_client_options {
    const char *ca_file;   /* PEM; NULL: the system's */
    const char *cert_file; /* NULL: none; else with its key */
    const char *key_file;
    bool is_insecure; /* whoever answers is believed */
};

/* INVALID_ARGUMENT names the file and what is wrong with it. */
enum fkv_status net_tls_new_server(const struct alloc *alloc,
                                   const struct net_tls_server_options *options,
                                   struct net_tls **ret, struct fkv_error *error);
enum fkv_status net_tls_new_client(const struct alloc *alloc,
                                   const struct net_tls_client_options *options,
                                   struct net_tls **ret, struct fkv_error *error);
/* Connections made from now on are by the files of `with`, which is taken over; nobody else has it.
 * One thread at a time may do so; others may accept and connect meanwhile. */
void net_tls_renew(struct net_tls *tls, struct net_tls *with);

/* Another owner of it, in any thread; each frees it once. NULL is allowed, and given back. */
struct net_tls *net_tls_ref(struct net_tls *tls);
void net_tls_free(struct net_tls *tls);

/* The server's side of a connection over `inner`, which is taken over, also on failure. The
 * handshake goes on as the connection is driven; until it is done nothing is readable or writable.
 */
enum fkv_status net_tls_accept(const struct alloc *alloc, struct net_tls *tls,
                               struct net_transport *inner, struct net_transport **ret,
                               struct fkv_error *error);

/* The client's side, after the handshake with the server of that name or IP address. Waits by
 * net_wait, up to `timeout_ns`. Takes `inner` over, also on failure. */
enum fkv_status net_tls_connect(const struct alloc *alloc, struct net_tls *tls, const char *host,
                                uint64_t timeout_ns, struct net_transport *inner,
                                struct net_transport **ret, struct fkv_error *error);

#endif
