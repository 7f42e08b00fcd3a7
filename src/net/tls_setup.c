/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#include "base/status.h"
#include "net/tls_internal.h"

enum fkv_status tls_no_memory(struct fkv_error *error)
{
    return status_set(error, FKV_RESOURCE_EXHAUSTED, "out of memory: OpenSSL could not allocate");
}

/* Why OpenSSL couldn't use a file. */
static enum fkv_status bad_file(const char *path, const char *expected, struct fkv_error *error)
{
    unsigned long first = ERR_peek_error();
    const char *why = ERR_reason_error_string(first);
    if (ERR_SYSTEM_ERROR(first))
        why = strerror(ERR_GET_REASON(first));
    return status_set(error, FKV_INVALID_ARGUMENT, "'%s' can't be used (%s), expected %s", path,
                      why != NULL ? why : "unknown cause", expected);
}

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *room, int size, int rwflag, void *context)
{
    (void)room;
    (void)size;
    (void)rwflag;
    (void)context;
    return -1;
}

static enum fkv_status load_identity(SSL_CTX *context, const char *cert_file, const char *key_file,
                                     struct fkv_error *error)
{
    if (cert_file == NULL || key_file == NULL)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "TLS needs a certificate together with its key, but the %s is missing",
                          cert_file == NULL ? "certificate" : "key");
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, cert_file) != 1)
        return bad_file(cert_file, "a certificate in PEM", error);
    ERR_clear_error();
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1)
        return bad_file(key_file, "the certificate's key in PEM, without a passphrase", error);
    return FKV_OK;
}

static enum fkv_status load_authorities(SSL_CTX *context, const char *ca_file,
                                        struct fkv_error *error)
{
    ERR_clear_error();
    if (SSL_CTX_load_verify_file(context, ca_file) != 1)
        return bad_file(ca_file, "certificates of authorities in PEM", error);
    return FKV_OK;
}

static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_size,
                           const unsigned char *offered, unsigned size, void *context)
{
    static const unsigned char h2[] = "\2h2";
    (void)ssl;
    (void)context;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, ret_size, h2, sizeof h2 - 1, offered, size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Buffers that are empty are given back, for a server may have many connections that rest. Ciphers:
 * RFC 9113 appendix A leaves these; AES-128 first, as the fastest. */
static bool set_rules(SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                             "TLS_CHACHA20_POLY1305_SHA256") == 1;
}

static enum fkv_status shared_new(const struct alloc *alloc, const SSL_METHOD *side,
                                  struct net_tls **ret, struct fkv_error *error)
{
    struct net_tls *tls = alloc_zero(alloc, sizeof *tls);
    if (tls == NULL)
        return status_no_memory(error, sizeof *tls);
    tls->alloc = alloc;
    atomic_init(&tls->owners, 1);
    pthread_mutex_init(&tls->lock, NULL);
    tls->context = SSL_CTX_new(side);
    tls->method = tls_new_method();
    if (tls->context == NULL || tls->method == NULL || !set_rules(tls->context)) {
        net_tls_free(tls);
        return tls_no_memory(error);
    }
    *ret = tls;
    return FKV_OK;
}

/* Tickets hold what a session needs; nothing is kept here for clients that may never come back. */
static enum fkv_status init_server(SSL_CTX *context, const struct net_tls_server_options *options,
                                   struct fkv_error *error)
{
    static const unsigned char name[] = "flightkv";
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context, name, sizeof name - 1);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    enum fkv_status status = load_identity(context, options->cert_file, options->key_file, error);
    if (status != FKV_OK || options->client_ca_file == NULL)
        return status;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(options->client_ca_file));
    return load_authorities(context, options->client_ca_file, error);
}

static enum fkv_status init_client(SSL_CTX *context, const struct net_tls_client_options *options,
                                   struct fkv_error *error)
{
    static const unsigned char h2[] = "\2h2";
    SSL_CTX_set_verify(context, options->is_insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    enum fkv_status status = FKV_OK;
    if (SSL_CTX_set_alpn_protos(context, h2, sizeof h2 - 1) != 0 || /* 0 is its success */
        (options->ca_file == NULL && SSL_CTX_set_default_verify_paths(context) != 1))
        status = tls_no_memory(error);
    if (status == FKV_OK && options->ca_file != NULL)
        status = load_authorities(context, options->ca_file, error);
    if (status == FKV_OK && (options->cert_file != NULL || options->key_file != NULL))
        status = load_identity(context, options->cert_file, options->key_file, error);
    return status;
}

enum fkv_status net_tls_new_server(const struct alloc *alloc,
                                   const struct net_tls_server_options *options,
                                   struct net_tls **ret, struct fkv_error *error)
{
    struct net_tls *tls = NULL;
    enum fkv_status status = shared_new(alloc, TLS_server_method(), &tls, error);
    if (status == FKV_OK)
        status = init_server(tls->context, options, error);
    if (status == FKV_OK)
        *ret = tls;
    else
        net_tls_free(tls);
    return status;
}

enum fkv_status net_tls_new_client(const struct alloc *alloc,
                                   const struct net_tls_client_options *options,
                                   struct net_tls **ret, struct fkv_error *error)
{
    struct net_tls *tls = NULL;
    enum fkv_status status = shared_new(alloc, TLS_client_method(), &tls, error);
    if (status == FKV_OK)
        status = init_client(tls->context, options, error);
    if (status == FKV_OK)
        *ret = tls;
    else
        net_tls_free(tls);
    return status;
}

void net_tls_renew(struct net_tls *tls, struct net_tls *with)
{
    SSL_CTX *old = tls->context;
    pthread_mutex_lock(&tls->lock);
    tls->context = with->context;
    pthread_mutex_unlock(&tls->lock);
    with->context = old;
    net_tls_free(with);
}

struct net_tls *net_tls_ref(struct net_tls *tls)
{
    if (tls != NULL)
        atomic_fetch_add(&tls->owners, 1);
    return tls;
}

void net_tls_free(struct net_tls *tls)
{
    if (tls == NULL || atomic_fetch_sub(&tls->owners, 1) > 1)
        return;
    pthread_mutex_destroy(&tls->lock);
    SSL_CTX_free(tls->context);
    BIO_meth_free(tls->method);
    alloc_free(tls->alloc, tls);
}
