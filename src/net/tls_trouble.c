/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, in words of people: by tables from the codes of alerts, of OpenSSL's own errors
 * and of certificates that were refused. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/status.h"
#include "net/tls_internal.h"

struct explanation {
    long code;
    enum fkv_hint hint;
    const char *text;
};

static const struct explanation refusals[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, FKV_HINT_NONE, "has expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID, FKV_HINT_NONE, "is not valid yet"},
    {X509_V_ERR_CERT_REVOKED, FKV_HINT_NONE, "was revoked"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, FKV_HINT_AUTHORITY,
     "is signed by itself, which proves nothing here"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, FKV_HINT_AUTHORITY,
     "comes from an authority that is not known here"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, FKV_HINT_AUTHORITY,
     "comes from an authority that is not known here"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, FKV_HINT_AUTHORITY,
     "comes from an authority that is not known here"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, FKV_HINT_AUTHORITY,
     "comes from an authority that is not known here"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, FKV_HINT_NONE,
     "has a signature that is not its authority's"},
    {X509_V_ERR_INVALID_PURPOSE, FKV_HINT_NONE,
     "is not meant for this use (its extended key usage)"},
};

/* What the peer says by an alert, and what OpenSSL finds by itself. */
static const struct explanation alerts[] = {
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, FKV_HINT_CERTIFICATE,
     "the server demands a client certificate"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, FKV_HINT_NONE,
     "the peer does not know the authority of this side's certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, FKV_HINT_NONE,
     "the peer finds this side's certificate expired"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, FKV_HINT_NONE,
     "the peer finds this side's certificate revoked"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, FKV_HINT_NONE, "the peer refuses this side's certificate"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, FKV_HINT_NONE,
     "the peer refuses this side's kind of certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, FKV_HINT_NONE,
     "the peer refuses this side's certificate"},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, FKV_HINT_NONE, "the peer refuses this side's certificate"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, FKV_HINT_NONE,
     "the client shows no certificate, and must"},
};

static const struct explanation mismatches[] = {
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, FKV_HINT_NONE,
     "the peer refuses the handshake: no common ciphers, or it demands a certificate"},
    {SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, FKV_HINT_NONE,
     "the server speaks no HTTP/2 (ALPN h2)"},
    {SSL_R_NO_APPLICATION_PROTOCOL, FKV_HINT_NONE,
     "the client offers other protocols than HTTP/2 (ALPN h2)"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, FKV_HINT_NONE, "the peer speaks no TLS 1.2 or 1.3"},
    {SSL_R_UNSUPPORTED_PROTOCOL, FKV_HINT_NONE, "the peer speaks no TLS 1.2 or 1.3"},
    {SSL_R_NO_SHARED_CIPHER, FKV_HINT_NONE, "the peer has no cipher that HTTP/2 allows"},
};

#define EXPLAIN(table, code) explain(table, sizeof(table) / sizeof(table)[0], code)

static const struct explanation *explain(const struct explanation *table, size_t count, long code)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].code == code)
            return &table[i];
    return NULL;
}

const char *tls_peer_side(const struct tls *tls)
{
    return SSL_is_server(tls->ssl) ? "client" : "server";
}

static void explain_certificate(struct tls *tls, long code)
{
    const struct explanation *found = EXPLAIN(refusals, code);
    /* A client's certificate isn't this side's to choose. */
    bool is_ours = found != NULL && !SSL_is_server(tls->ssl);
    if (code == X509_V_ERR_HOSTNAME_MISMATCH || code == X509_V_ERR_IP_ADDRESS_MISMATCH)
        status_set(&tls->trouble, FKV_UNAUTHENTICATED,
                   "the server's certificate is not for '%s' (its subjectAltName has no such name)",
                   tls->host);
    else
        status_set_hint(&tls->trouble, FKV_UNAUTHENTICATED, is_ours ? found->hint : FKV_HINT_NONE,
                        "the %s's certificate %s%s", tls_peer_side(tls),
                        found != NULL ? "" : "is refused: ",
                        found != NULL ? found->text : X509_verify_cert_error_string(code));
}

/* Records begin with their type, the first is one of a handshake or an alert. */
bool tls_peer_is_plain(const struct tls *tls)
{
    return !tls->is_open && tls->first_byte >= 0 && tls->first_byte != SSL3_RT_HANDSHAKE &&
           tls->first_byte != SSL3_RT_ALERT;
}

void tls_explain_end(struct tls *tls)
{
    if (tls->inner_code < 0)
        status_set(&tls->trouble, FKV_UNAVAILABLE, "%s%s", strerror((int)-tls->inner_code),
                   tls->is_open ? "" : " during the TLS handshake");
    else if (tls->is_open)
        status_set(&tls->trouble, FKV_UNAVAILABLE,
                   "the %s cut the connection off, without TLS's "
                   "closing message",
                   tls_peer_side(tls));
    else
        status_set(
            &tls->trouble, FKV_UNAVAILABLE,
            "the %s closed the connection during the TLS handshake; perhaps it speaks no TLS",
            tls_peer_side(tls));
}

void tls_explain_error(struct tls *tls)
{
    unsigned long error = ERR_peek_last_error();
    int reason = ERR_GET_REASON(error);
    long verified = SSL_get_verify_result(tls->ssl);
    const struct explanation *found;
    if (tls_peer_is_plain(tls))
        status_set(&tls->trouble, FKV_FAILED_PRECONDITION, "the %s speaks no TLS%s",
                   tls_peer_side(tls),
                   SSL_is_server(tls->ssl) ? "" : "; grpc+tcp:// is for servers without");
    else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK)
        explain_certificate(tls, verified);
    else if ((found = EXPLAIN(alerts, reason)) != NULL)
        status_set_hint(&tls->trouble, FKV_UNAUTHENTICATED, found->hint, "%s", found->text);
    else if ((found = EXPLAIN(mismatches, reason)) != NULL)
        status_set(&tls->trouble, FKV_FAILED_PRECONDITION, "%s", found->text);
    else if (tls->inner_code <= 0)
        tls_explain_end(tls);
    else
        status_set(&tls->trouble, FKV_UNAVAILABLE, "TLS failed: %s",
                   error != 0 ? ERR_reason_error_string(error) : "unknown cause");
}
