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
    const char *text;
};

#define CA_HINT "; give the certificate of its authority as tls_ca_file (--tls-ca FILE)"

static const struct explanation refusals[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, "has expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "is not valid yet"},
    {X509_V_ERR_CERT_REVOKED, "was revoked"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
     "is signed by itself, which proves nothing here" CA_HINT},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
     "comes from an authority that is not known here" CA_HINT},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
     "comes from an authority that is not known here" CA_HINT},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
     "comes from an authority that is not known here" CA_HINT},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
     "comes from an authority that is not known here" CA_HINT},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "has a signature that is not its authority's"},
    {X509_V_ERR_INVALID_PURPOSE, "is not meant for this use (its extended key usage)"},
};

/* What the peer says by an alert, and what OpenSSL finds by itself. */
static const struct explanation alerts[] = {
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
     "the server demands a client certificate: give tls_cert_file and tls_key_file (--tls-cert, "
     "--tls-key)"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA,
     "the peer does not know the authority of this side's certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "the peer finds this side's certificate expired"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "the peer finds this side's certificate revoked"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the peer refuses this side's certificate"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, "the peer refuses this side's kind of certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the peer refuses this side's certificate"},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, "the peer refuses this side's certificate"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the client shows no certificate, and must"},
};

static const struct explanation mismatches[] = {
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
     "the peer refuses the handshake: no common ciphers, or it demands a certificate"},
    {SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, "the server speaks no HTTP/2 (ALPN h2)"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "the client offers other protocols than HTTP/2 (ALPN h2)"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "the peer speaks no TLS 1.2 or 1.3"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the peer speaks no TLS 1.2 or 1.3"},
    {SSL_R_NO_SHARED_CIPHER, "the peer has no cipher that HTTP/2 allows"},
};

#define EXPLAIN(table, code) explain(table, sizeof(table) / sizeof(table)[0], code)

static const char *explain(const struct explanation *table, size_t count, long code)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].code == code)
            return table[i].text;
    return NULL;
}

const char *tls_peer_side(const struct tls *tls)
{
    return SSL_is_server(tls->ssl) ? "client" : "server";
}

static void explain_certificate(struct tls *tls, long code)
{
    const char *text = EXPLAIN(refusals, code);
    if (code == X509_V_ERR_HOSTNAME_MISMATCH || code == X509_V_ERR_IP_ADDRESS_MISMATCH)
        status_set(&tls->trouble, FKV_UNAUTHENTICATED,
                   "the server's certificate is not for '%s' (its subjectAltName has no such name)",
                   tls->host);
    else
        status_set(&tls->trouble, FKV_UNAUTHENTICATED, "the %s's certificate %s%s",
                   tls_peer_side(tls), text != NULL ? "" : "is refused: ",
                   text != NULL ? text : X509_verify_cert_error_string(code));
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
    const char *text;
    if (tls_peer_is_plain(tls))
        status_set(&tls->trouble, FKV_FAILED_PRECONDITION, "the %s speaks no TLS%s",
                   tls_peer_side(tls),
                   SSL_is_server(tls->ssl) ? "" : "; grpc+tcp:// is for servers without");
    else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK)
        explain_certificate(tls, verified);
    else if ((text = EXPLAIN(alerts, reason)) != NULL)
        status_set(&tls->trouble, FKV_UNAUTHENTICATED, "%s", text);
    else if ((text = EXPLAIN(mismatches, reason)) != NULL)
        status_set(&tls->trouble, FKV_FAILED_PRECONDITION, "%s", text);
    else if (tls->inner_code <= 0)
        tls_explain_end(tls);
    else
        status_set(&tls->trouble, FKV_UNAVAILABLE, "TLS failed: %s",
                   error != 0 ? ERR_reason_error_string(error) : "unknown cause");
}
