/* SPDX-License-Identifier: Apache-2.0 */
/* What tls.c (connections), tls_setup.c (certificates, keys and rules) and tls_trouble.c (what went
 * wrong) share; only they include OpenSSL. */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "net/tls.h"

struct net_tls {
    const struct alloc *alloc;
    atomic_uint owners;
    pthread_mutex_t lock; /* of `context`, which net_tls_renew replaces */
    SSL_CTX *context;
    BIO_METHOD *method;
};

struct tls {
    struct net_transport transport;
    const struct alloc *alloc;
    struct net_transport *inner;
    SSL *ssl;
    const char *host; /* whom the client meant; during net_tls_connect only */
    struct buf out;   /* not yet taken by the inner transport: from out_start on */
    size_t out_start;
    struct slice ahead; /* read, and not yet taken by OpenSSL: outside of a read all of `rest` */
    ssize_t ahead_code; /* behind it: -EAGAIN, or why nothing comes any more: 0 or -errno */
    bool is_ahead;      /* OpenSSL reads from it only */
    struct buf rest;    /* its end is `ahead`; empty: there is none, or it is in the owner's room */
    unsigned takes_left; /* how often OpenSSL may read until it is called anew */
    ssize_t write_code;  /* 0, or the -errno by which the inner transport takes nothing more */
    int wanted;
    int first_byte;     /* of the peer's; -1: none yet */
    ssize_t inner_code; /* of the inner transport's end: 0 or -errno; 1: it goes on */
    ssize_t code;       /* what reads answer when is_over */
    bool is_open;       /* the handshake is done */
    bool is_over;
    bool is_ending; /* `out` is the last to be written */
    bool has_ended; /* the inner transport too */
    bool has_bytes;
    bool is_resting;
    bool *is_closed; /* set when closed from inside on_ready */
    struct fkv_error trouble;
};

/* How OpenSSL reaches the inner transport (tls.c). */
BIO_METHOD *tls_new_method(void);

enum fkv_status tls_no_memory(struct fkv_error *error);

/* "client" or "server" */
const char *tls_peer_side(const struct tls *tls);

/* Whether what came first can't be TLS. */
bool tls_peer_is_plain(const struct tls *tls);

/* Both fill in tls->trouble: after a failed call of OpenSSL, and when the inner transport failed.
 */
void tls_explain_error(struct tls *tls);
void tls_explain_end(struct tls *tls);

#endif
