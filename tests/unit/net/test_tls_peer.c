/* SPDX-License-Identifier: Apache-2.0 */
/* What only other peers do; the peer is OpenSSL itself, over a pipe. One that asks for another
 * handshake in the middle of a connection, as TLS 1.2 still has it, is refused by either side. One
 * that takes new keys all the time, as TLS 1.3 has it, doesn't hold others up. */
#include <errno.h>

#include "base/clock.h"
#include "harness/certificates.h"
#include "harness/test.h"
#include "net/pipe.h"
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

static struct fkv_error error;

struct peer {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;
    struct net_transport *end; /* the pipe's, on the peer's side */
    struct net_transport *other_end;
    struct net_tls *tls; /* ours */
    struct net_transport *ours;
    char received[16];
    size_t received_bytes;
    size_t room; /* of our reads */
    size_t our_bytes;
};

static int choose_h2(SSL *ssl, const unsigned char **ret, unsigned char *ret_size,
                     const unsigned char *offered, unsigned size, void *context)
{
    (void)ssl;
    (void)context;
    assert_true(size == 3 && memcmp(offered, "\2h2", 3) == 0);
    *ret = offered + 1;
    *ret_size = 2;
    return SSL_TLSEXT_ERR_OK;
}

static void use_openssl(struct peer *peer, bool is_server, int version)
{
    char pem[100], key[100];
    peer->context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    assert_int_equal(SSL_CTX_set_max_proto_version(peer->context, version), 1);
    if (is_server) {
        certificate_file("server", "pem", pem);
        certificate_file("server", "key", key);
        assert_int_equal(SSL_CTX_use_certificate_chain_file(peer->context, pem), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(peer->context, key, SSL_FILETYPE_PEM), 1);
        SSL_CTX_set_alpn_select_cb(peer->context, choose_h2, NULL);
    } else {
        assert_int_equal(SSL_CTX_set_alpn_protos(peer->context, (const uint8_t *)"\2h2", 3), 0);
    }
    peer->ssl = SSL_new(peer->context);
    peer->in = BIO_new(BIO_s_mem());
    peer->out = BIO_new(BIO_s_mem());
    SSL_set_bio(peer->ssl, peer->in, peer->out);
    if (is_server)
        SSL_set_accept_state(peer->ssl);
    else
        SSL_set_connect_state(peer->ssl);
}

/* What either side has written goes to the other; says whether anything moved. */
static bool carry(struct peer *peer)
{
    uint8_t bytes[4096];
    bool has_moved = false;
    int size;
    while ((size = BIO_read(peer->out, bytes, sizeof bytes)) > 0) {
        const struct iovec iov = {bytes, (size_t)size};
        assert_int_equal(net_write(peer->end, &iov, 1), size);
        has_moved = true;
    }
    ssize_t read;
    while ((read = net_read(peer->end, bytes, sizeof bytes)) > 0) {
        assert_int_equal(BIO_write(peer->in, bytes, (int)read), read);
        has_moved = true;
    }
    return has_moved;
}

/* One step of OpenSSL's, and our side's; the reason of OpenSSL's error, 0 without one. */
static int advance(struct peer *peer)
{
    ERR_clear_error();
    int result = SSL_do_handshake(peer->ssl);
    if (result == 1)
        result = SSL_read(peer->ssl, peer->received, sizeof peer->received);
    int cause = SSL_get_error(peer->ssl, result);
    if (result > 0)
        peer->received_bytes += (size_t)result;
    return cause == SSL_ERROR_SSL ? ERR_GET_REASON(ERR_peek_error()) : 0;
}

static bool step_peer(void *context)
{
    struct peer *peer = context;
    bool has_moved = carry(peer);
    advance(peer);
    return carry(peer) || has_moved;
}

static void on_ready(void *context, int events)
{
    struct peer *peer = context;
    static char bytes[64 << 10];
    if ((events & NET_READABLE) == 0)
        return;
    ssize_t size = net_read(peer->ours, bytes, peer->room);
    if (size > 0)
        peer->our_bytes += (size_t)size;
    else if (size != -EAGAIN)
        net_want(peer->ours, 0);
}

static void open_pipe(struct peer *peer)
{
    const struct net_pipe_options options = {.on_wait = step_peer, .context = peer};
    assert_ok(net_pipe_new(alloc_system(), &options, &peer->other_end, &peer->end, &error));
    net_pipe_hold(peer->other_end);
}

static void serve(struct peer *peer, int version)
{
    char pem[100], key[100];
    certificate_file("server", "pem", pem);
    certificate_file("server", "key", key);
    const struct net_tls_server_options options = {pem, key, NULL};
    use_openssl(peer, false, version);
    open_pipe(peer);
    assert_ok(net_tls_new_server(alloc_system(), &options, &peer->tls, &error));
    assert_ok(net_tls_accept(alloc_system(), peer->tls, peer->other_end, &peer->ours, &error));
    peer->ours->on_ready = on_ready;
    peer->ours->context = peer;
    net_want(peer->ours, NET_READABLE);
}

static void connect_to(struct peer *peer)
{
    char ca[100];
    certificate_file("ca", "pem", ca);
    const struct net_tls_client_options options = {.ca_file = ca};
    use_openssl(peer, true, TLS1_2_VERSION);
    open_pipe(peer);
    assert_ok(net_tls_new_client(alloc_system(), &options, &peer->tls, &error));
    assert_ok(net_tls_connect(alloc_system(), peer->tls, "server.test", UINT64_MAX, peer->other_end,
                              &peer->ours, &error));
    peer->ours->on_ready = on_ready;
    peer->ours->context = peer;
    net_want(peer->ours, NET_READABLE);
}

/* The first error of OpenSSL's, when nothing moves any more; 0 for none. */
static int settle(struct peer *peer)
{
    bool has_moved;
    int reason;
    do {
        reason = advance(peer);
        has_moved = carry(peer);
        while (net_pipe_step(peer->other_end))
            has_moved = true;
        has_moved = carry(peer) || has_moved;
    } while (has_moved && reason == 0);
    return reason;
}

static void close_peer(struct peer *peer)
{
    net_close(peer->ours);
    net_close(peer->end);
    net_pipe_release(peer->other_end);
    net_tls_free(peer->tls);
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->context);
}

static void expect_refusal(struct peer *peer)
{
    assert_int_equal(settle(peer), 0);
    assert_true(SSL_is_init_finished(peer->ssl));
    assert_int_equal(SSL_version(peer->ssl), TLS1_2_VERSION);
    assert_int_equal(net_write(peer->ours, &(struct iovec){"before", 6}, 1), 6);
    assert_int_equal(settle(peer), 0);
    assert_int_equal(peer->received_bytes, 6);

    assert_int_equal(SSL_renegotiate(peer->ssl), 1);
    assert_int_equal(settle(peer), SSL_R_NO_RENEGOTIATION); /* the other side's alert */
    close_peer(peer);
}

static void the_server_refuses_a_second_handshake(void **state)
{
    (void)state;
    struct peer peer = {.room = 16};
    serve(&peer, TLS1_2_VERSION);
    expect_refusal(&peer);
}

static void the_client_refuses_a_second_handshake(void **state)
{
    (void)state;
    struct peer peer = {.room = 16};
    connect_to(&peer);
    expect_refusal(&peer);
}

static void many_new_keys_take_many_turns(void **state)
{
    (void)state;
    enum { keys = 1000, turn = 256 };
    static const size_t rooms[] = {16, 64 << 10};
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        struct peer peer = {.room = rooms[i]};
        serve(&peer, TLS1_3_VERSION);
        assert_int_equal(settle(&peer), 0);
        for (size_t k = 0; k < keys; k++) {
            assert_int_equal(SSL_key_update(peer.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
            assert_int_equal(SSL_do_handshake(peer.ssl), 1);
        }
        assert_int_equal(SSL_write(peer.ssl, "end", 3), 3);
        carry(&peer);
        for (size_t k = 0; k < keys / turn; k++) {
            assert_true(net_pipe_step(peer.other_end));
            assert_int_equal(peer.our_bytes, 0);
        }
        assert_int_equal(settle(&peer), 0);
        assert_int_equal(peer.our_bytes, 3);
        close_peer(&peer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_refuses_a_second_handshake),
        cmocka_unit_test(the_client_refuses_a_second_handshake),
        cmocka_unit_test(many_new_keys_take_many_turns),
    };
    return cmocka_run_group_tests(tests, certificates_make, certificates_remove);
}
