/* SPDX-License-Identifier: Apache-2.0 */
/* What tls.c (connections) and tls_setup.c (certificates, keys and rules) share; only they include
 * OpenSSL. */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "net/tls.h"

struct net_tls {
    const struct alloc *alloc;
    SSL_CTX *context;
    BIO_METHOD *method;
};

/* How OpenSSL reaches the inner transport (tls.c). */
BIO_METHOD *tls_new_method(void);

enum fkv_status tls_no_memory(struct fkv_error *error);

#endif
