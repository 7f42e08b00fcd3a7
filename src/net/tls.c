/* SPDX-License-Identifier: Apache-2.0 */
/* A transport over a transport:
 *
 *     owner -- write --> records of 16 KiB --> OpenSSL --> out --> one write --> inner
 *     owner <-- read --- OpenSSL (holds one record) <--- ahead <-- one read ---- inner
 *
 * OpenSSL talks to the inner transport by a BIO. Its writes only append to `out`, which has room
 * before each record, so it never waits for writing. `out` is flushed when much has gathered and at
 * the end of each write.
 *
 * OpenSSL reads a record's head, then its body. So that each of these isn't a system call, they
 * come from what one read of the inner transport has put into the owner's own room, behind where
 * the decrypted bytes go:
 *
 *     data:  | decrypted --> ...      | ahead --> ...        |
 *            0                        a record               size
 *
 * What comes out is never more than what went in and the one record that OpenSSL may hold, so that
 * the two don't meet. It needs no memory of its own, and nothing more of the cache. OpenSSL's own
 * reading ahead moves all that is left of it once for each record. Where the room is too small, and
 * during the handshake, its reads go through.
 *
 * Records cost by number, too, and of a byte there are ten thousand in 256 KiB. A read takes so
 * many at most; what is left of `ahead` then moves to `rest`, and is for the next turns.
 *
 * Readiness of the inner transport isn't ours, in three ways. During the handshake nothing is ready
 * for the owner, and only what the handshake waits for is wanted. Until `out` is empty, nothing is
 * writable. And OpenSSL may hold bytes (`has_bytes`) though the inner transport has none: so the
 * owner is called again, while it takes them, before its driver goes on; then without reading more
 * (`is_resting`), or a fast peer would hold up its neighbours. An owner that wants to read only
 * later is called by way of the inner transport being writable. */
#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/buf.h"
#include "base/status.h"
#include "net/socket.h"
#include "net/tls_internal.h"
#include "net/uri.h"

enum {
    record_bytes = 16 << 10,   /* the largest that TLS has */
    out_bytes = 256 << 10,     /* flushed when so much has gathered: it stays in the cache */
    out_bytes_max = 320 << 10, /* besides a record: what OpenSSL says by itself */
    out_bytes_kept = 16 << 10, /* by a connection that has nothing to say */
    ahead_offset = 17 << 10,   /* a record, and a little so that the two never touch */
    ahead_room_least = 2 * ahead_offset,
    ahead_bytes_max = 256 << 10, /* and so the most that `rest` holds */
    /* A head and a body for each record. 64 KiB of what a peer usually sends have fewer; 256 take
     * 0.1 ms, and if each has the next one take another key, 2.3 ms. */
    takes_max = 2 * 256,
    drains_max = 8, /* more than the reads that empty OpenSSL */
};

static struct tls *tls_of(struct net_transport *transport)
{
    return (struct tls *)transport;
}

static bool has_out(const struct tls *tls)
{
    return tls->out.size > tls->out_start;
}

/* Bytes, or why there are no more: a socket says that once. */
static bool has_ahead(const struct tls *tls)
{
    return tls->ahead.size > 0 || tls->ahead_code != -EAGAIN;
}

/* ---- what OpenSSL reads from and writes to ---- */

static ssize_t take(struct tls *tls, char *data, size_t size)
{
    if (tls->takes_left == 0)
        return -EAGAIN;
    tls->takes_left--;
    if (tls->ahead.size == 0 && (tls->ahead_code != -EAGAIN || tls->is_ahead || tls->is_resting))
        return tls->ahead_code;
    if (tls->ahead.size == 0)
        return net_read(tls->inner, data, size);
    struct slice part = slice_take(&tls->ahead, size < tls->ahead.size ? size : tls->ahead.size);
    memcpy(data, part.data, part.size);
    if (tls->ahead.size == 0)
        buf_clear(&tls->rest);
    return (ssize_t)part.size;
}

static int bio_read(BIO *bio, char *data, size_t size, size_t *ret_size)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t moved = take(tls, data, size);
    if (moved > 0) {
        if (tls->first_byte < 0)
            tls->first_byte = (unsigned char)data[0];
        *ret_size = (size_t)moved;
        return 1;
    }
    if (moved == -EAGAIN)
        BIO_set_retry_read(bio);
    else
        tls->inner_code = moved;
    return 0;
}

static int bio_write(BIO *bio, const char *data, size_t size, size_t *ret_size)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!buf_append(&tls->out, data, size)) {
        tls->inner_code = -ENOMEM;
        return 0;
    }
    *ret_size = size;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    const struct tls *tls = BIO_get_data(bio);
    if (command == BIO_CTRL_EOF)
        return tls->inner_code == 0;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_new_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "flightkv transport");
    if (method == NULL)
        return NULL;
    BIO_meth_set_read_ex(method, bio_read);
    BIO_meth_set_write_ex(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
    return method;
}

static void drop_out(struct tls *tls)
{
    tls->out_start = 0;
    buf_clear(&tls->out);
}

/* 0 when all is written, else -EAGAIN or another -errno; then nothing can be written any more. */
static ssize_t flush(struct tls *tls)
{
    while (has_out(tls) && tls->write_code == 0) {
        const struct iovec iov = {tls->out.data + tls->out_start, tls->out.size - tls->out_start};
        ssize_t moved = net_write(tls->inner, &iov, 1);
        if (moved == -EAGAIN)
            return moved;
        if (moved < 0)
            tls->write_code = moved;
        else
            tls->out_start += (size_t)moved;
    }
    drop_out(tls);
    if (tls->is_ending && !tls->has_ended) {
        tls->has_ended = true;
        net_end(tls->inner);
    }
    return tls->write_code;
}

static void release_out(struct tls *tls)
{
    if (has_out(tls) || tls->out.capacity <= out_bytes_kept)
        return;
    buf_done(&tls->out);
    buf_init(&tls->out, tls->alloc, out_bytes_max);
}

/* ---- the course of a connection ---- */

static void end(struct tls *tls, ssize_t code)
{
    tls->is_over = true;
    tls->code = code;
    if (code < 0)
        tls->transport.trouble = &tls->trouble;
}

/* The alert that OpenSSL doesn't send to clients without TLS: flightkv's know it (wire/session.c).
 * A record of an alert, TLS 1.0, 2 bytes: fatal, protocol_version. */
static const uint8_t plain_refused[] = {0x15, 3, 1, 0, 2, 2, 70};

/* After an OpenSSL call that didn't succeed: whether the connection goes on. */
static bool goes_on(struct tls *tls, int result)
{
    int cause = SSL_get_error(tls->ssl, result);
    if (cause == SSL_ERROR_WANT_READ || cause == SSL_ERROR_WANT_WRITE)
        return true;
    if (cause == SSL_ERROR_ZERO_RETURN) {
        end(tls, 0);
        return false;
    }
    tls_explain_error(tls);
    if (SSL_is_server(tls->ssl) && tls_peer_is_plain(tls))
        buf_append(&tls->out, plain_refused, sizeof plain_refused);
    end(tls, tls->inner_code < 0 ? tls->inner_code : -EPROTO);
    return false;
}

static void check_protocol(struct tls *tls)
{
    const unsigned char *name = NULL;
    unsigned size = 0;
    SSL_get0_alpn_selected(tls->ssl, &name, &size);
    tls->is_open = slice_is(slice_of(name, size), "h2");
    if (tls->is_open)
        return;
    status_set(&tls->trouble, FKV_FAILED_PRECONDITION, "the %s speaks no HTTP/2 over TLS (ALPN h2)",
               tls_peer_side(tls));
    end(tls, -EPROTO);
}

/* Goes as far as it can; what it says, an alert too, is sent as far as the peer takes it. */
static void shake_hands(struct tls *tls)
{
    tls->takes_left = takes_max;
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1)
        check_protocol(tls);
    else
        goes_on(tls, result);
    tls->has_bytes = tls->is_open && SSL_has_pending(tls->ssl) == 1;
    flush(tls);
}

/* 0 when open, else -EAGAIN or why it can't be. */
static ssize_t be_open(struct tls *tls)
{
    if (!tls->is_open && !tls->is_over)
        shake_hands(tls);
    if (tls->is_over)
        return tls->code != 0 ? tls->code : -EPIPE;
    return tls->is_open ? 0 : -EAGAIN;
}

/* ---- reading ---- */

/* One read of the inner transport into the back of the owner's room; `patience_ns` as in
 * read_within, 0: without waiting. */
static void read_ahead(struct tls *tls, uint8_t *data, size_t size, uint64_t patience_ns)
{
    uint8_t *room = data + ahead_offset;
    ssize_t moved = -EAGAIN;
    tls->is_ahead = size >= ahead_room_least;
    if (!tls->is_ahead || tls->is_resting || has_ahead(tls))
        return;
    size = size < ahead_offset + ahead_bytes_max ? size - ahead_offset : ahead_bytes_max;
    if (patience_ns == 0)
        moved = net_read(tls->inner, room, size);
    else
        moved = tls->inner->ops->read_within(tls->inner, room, size, patience_ns);
    tls->ahead = slice_of(room, moved > 0 ? (size_t)moved : 0);
    tls->ahead_code = moved > 0 ? -EAGAIN : moved;
}

/* Until the room is full, OpenSSL has no more, or has taken enough; gives how much. */
static size_t decrypt(struct tls *tls, uint8_t *data, size_t size)
{
    bool is_in_room = tls->rest.size == 0;
    size_t done = 0, part;
    int result = 1;
    tls->takes_left = takes_max;
    do {
        const uint8_t *end = is_in_room && tls->ahead.size > 0 ? tls->ahead.data : data + size;
        ERR_clear_error();
        result = SSL_read_ex(tls->ssl, data + done, (size_t)(end - data) - done, &part);
        done += result == 1 ? part : 0;
    } while (result == 1 && done < size && (tls->ahead.size > 0 || SSL_has_pending(tls->ssl) == 1));
    bool is_dry = result != 1 && goes_on(tls, result);
    bool has_pending = !is_dry && SSL_has_pending(tls->ssl) == 1;
    tls->has_bytes = !tls->is_over && (has_pending || has_ahead(tls));
    return done;
}

/* The owner's room is its own again. */
static void leave_room(struct tls *tls)
{
    tls->is_ahead = false;
    if (tls->is_over || tls->ahead.size == 0) {
        tls->ahead = slice_of(NULL, 0);
        buf_done(&tls->rest);
    } else if (tls->rest.size == 0) {
        if (!buf_append(&tls->rest, tls->ahead.data, tls->ahead.size)) {
            tls->inner_code = -ENOMEM;
            tls_explain_end(tls);
            end(tls, -ENOMEM);
        }
        tls->ahead = buf_slice(&tls->rest);
    }
}

static ssize_t read_some(struct tls *tls, uint8_t *data, size_t size, uint64_t patience_ns)
{
    read_ahead(tls, data, size, patience_ns);
    size_t done = decrypt(tls, data, size);
    leave_room(tls);
    flush(tls); /* OpenSSL answers some messages by itself */
    if (done > 0)
        return (ssize_t)done;
    return tls->is_over ? tls->code : -EAGAIN;
}

static ssize_t tls_read(struct net_transport *transport, void *data, size_t size)
{
    struct tls *tls = tls_of(transport);
    if (tls->is_over)
        return tls->code;
    ssize_t code = be_open(tls);
    return code != 0 ? code : read_some(tls, data, size, 0);
}

/* ---- writing ---- */

struct gather {
    const struct iovec *iov;
    int count;
    size_t offset; /* in the first */
};

static void advance(struct gather *from, size_t size)
{
    from->offset += size;
    if (from->offset < from->iov->iov_len)
        return;
    from->iov++;
    from->count--;
    from->offset = 0;
}

/* The next record's bytes: where they are when they lie together, else copied to `room`. */
static struct slice take_record(struct gather *from, uint8_t room[record_bytes])
{
    size_t size = 0;
    while (from->count > 0 && size < record_bytes) {
        const uint8_t *at = (const uint8_t *)from->iov->iov_base + from->offset;
        size_t part = from->iov->iov_len - from->offset;
        if (part > record_bytes - size)
            part = record_bytes - size;
        advance(from, part);
        if (part == record_bytes)
            return slice_of(at, part);
        memcpy(room + size, at, part);
        size += part;
    }
    return slice_of(room, size);
}

/* Fills `out`; false when nothing is left or the connection is over. */
static bool encrypt_some(struct tls *tls, struct gather *from, size_t *taken)
{
    uint8_t room[record_bytes];
    size_t before = *taken;
    while (tls->out.size < out_bytes) {
        struct slice record = take_record(from, room);
        size_t part = 0;
        if (record.size == 0)
            break;
        ERR_clear_error();
        int result = SSL_write_ex(tls->ssl, record.data, record.size, &part);
        if (result != 1) {
            goes_on(tls, result);
            return false;
        }
        *taken += part;
    }
    return *taken > before;
}

/* A peer that refuses this side's certificate says so, and closes: what it said explains more than
 * that it takes nothing any more. */
static void hear_why(struct tls *tls, ssize_t code)
{
    char byte;
    size_t size;
    ERR_clear_error();
    tls->takes_left = takes_max;
    tls->inner_code = code;
    int result = SSL_peek_ex(tls->ssl, &byte, 1, &size);
    if (result == 1)
        return; /* there is more to read first */
    if (!goes_on(tls, result) && tls->code < 0)
        return;
    tls_explain_end(tls);
    end(tls, code);
}

static ssize_t tls_write(struct net_transport *transport, const struct iovec *iov, int count)
{
    struct tls *tls = tls_of(transport);
    struct gather from = {iov, count, 0};
    size_t taken = 0;
    if (tls->is_ending)
        return -EPIPE;
    ssize_t code = be_open(tls);
    if (code == 0)
        code = flush(tls);
    while (code == 0 && encrypt_some(tls, &from, &taken))
        code = flush(tls);
    if (code < 0 && code != -EAGAIN && !tls->is_over)
        hear_why(tls, code);
    if (taken > 0)
        return (ssize_t)taken;
    if (tls->is_over)
        return tls->code != 0 ? tls->code : -EPIPE;
    return code == 0 ? -EAGAIN : code;
}

/* ---- readiness ---- */

static void update_want(struct tls *tls)
{
    int events = 0;
    if (tls->is_open || tls->is_over)
        events = tls->wanted;
    else if (tls->wanted != 0)
        events = NET_READABLE;
    if (has_out(tls) || (tls->wanted != 0 && tls->is_over) ||
        ((tls->wanted & NET_READABLE) != 0 && tls->has_bytes))
        events |= NET_WRITABLE;
    net_want(tls->inner, events);
}

static int ready_events(const struct tls *tls, int inner_events)
{
    if (tls->is_over)
        return tls->wanted;
    if (!tls->is_open)
        return 0;
    int ready = has_out(tls) ? 0 : NET_WRITABLE;
    if ((inner_events & NET_READABLE) != 0 || tls->has_bytes)
        ready |= NET_READABLE;
    return ready & tls->wanted;
}

static void on_inner_ready(void *context, int events)
{
    struct tls *tls = context;
    struct net_transport *transport = &tls->transport;
    bool is_closed = false;
    tls->is_closed = &is_closed;
    flush(tls); /* a failure comes again, to the owner's write */
    if (!tls->is_open && !tls->is_over) {
        shake_hands(tls);
        events = 0; /* what was readable has been read */
    }
    int ready = ready_events(tls, events);
    for (int i = 0; i < drains_max && ready != 0; i++) {
        transport->on_ready(transport->context, ready);
        if (is_closed)
            return;
        tls->is_resting = true;
        ready = tls->has_bytes && tls->ahead.size == 0 ? tls->wanted & NET_READABLE : 0;
    }
    tls->is_resting = false;
    tls->is_closed = NULL;
    update_want(tls);
}

static void tls_want(struct net_transport *transport, int events)
{
    struct tls *tls = tls_of(transport);
    tls->wanted = events;
    if ((events & NET_WRITABLE) == 0)
        release_out(tls);
    if (tls->is_closed == NULL) /* else at the end of on_inner_ready */
        update_want(tls);
}

static int tls_wait(struct net_transport *transport, int events, uint64_t timeout_ns)
{
    struct tls *tls = tls_of(transport);
    uint64_t deadline = net_deadline(timeout_ns);
    for (;;) {
        if (tls->is_over)
            return events;
        int ready = tls->has_bytes ? events & NET_READABLE : 0;
        int inner = net_wait(tls->inner, events | (has_out(tls) ? NET_WRITABLE : 0),
                             ready != 0 ? 0 : net_time_left(deadline));
        ssize_t code = (inner & NET_WRITABLE) != 0 ? flush(tls) : 0;
        ready |= inner & events & NET_READABLE;
        if (code != -EAGAIN)
            ready |= inner & events & NET_WRITABLE;
        if (ready != 0 || inner == 0)
            return ready;
    }
}

/* One system call where the inner transport needs but one, and only bytes from it are waited for.
 */
static ssize_t tls_read_within(struct net_transport *transport, void *data, size_t size,
                               uint64_t timeout_ns)
{
    struct tls *tls = tls_of(transport);
    bool is_simple = tls->is_open && !tls->is_over && !tls->has_bytes && !has_out(tls) &&
                     size >= ahead_room_least && tls->inner->ops->read_within != NULL;
    if (is_simple && timeout_ns > 0)
        return read_some(tls, data, size, timeout_ns);
    return tls_wait(transport, NET_READABLE, timeout_ns) != 0 ? tls_read(transport, data, size)
                                                              : -EAGAIN;
}

static void tls_free(struct tls *tls)
{
    if (tls->is_closed != NULL)
        *tls->is_closed = true;
    SSL_free(tls->ssl);
    buf_done(&tls->out);
    buf_done(&tls->rest);
    net_close(tls->inner);
    alloc_free(tls->alloc, tls);
}

/* Says by TLS's own means, too, that nothing more is written. */
static void say_end(struct tls *tls)
{
    ERR_clear_error();
    if (tls->is_open && !tls->is_over && !tls->is_ending)
        SSL_shutdown(tls->ssl);
    tls->is_ending = true;
    flush(tls);
}

static void tls_end(struct net_transport *transport)
{
    struct tls *tls = tls_of(transport);
    say_end(tls);
    if (tls->is_closed == NULL) /* else at the end of on_inner_ready */
        update_want(tls);
}

static void tls_close(struct net_transport *transport)
{
    struct tls *tls = tls_of(transport);
    say_end(tls);
    tls_free(tls);
}

static const struct net_transport_ops tls_ops = {tls_read, tls_write, tls_want,       tls_wait,
                                                 tls_end,  tls_close, tls_read_within};

/* ---- one connection ---- */

static bool attach(struct tls *tls, struct net_tls *shared)
{
    pthread_mutex_lock(&shared->lock);
    tls->ssl = SSL_new(shared->context); /* which holds it */
    pthread_mutex_unlock(&shared->lock);
    BIO *bio = tls->ssl == NULL ? NULL : BIO_new(shared->method);
    if (bio == NULL)
        return false;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    return true;
}

static enum fkv_status tls_new(const struct alloc *alloc, struct net_tls *shared,
                               struct net_transport *inner, struct tls **ret,
                               struct fkv_error *error)
{
    struct tls *tls = alloc_zero(alloc, sizeof *tls);
    if (tls == NULL) {
        net_close(inner);
        return status_no_memory(error, sizeof *tls);
    }
    tls->transport.ops = &tls_ops;
    memcpy(tls->transport.peer, inner->peer, sizeof inner->peer);
    tls->transport.is_local = inner->is_local;
    tls->alloc = alloc;
    tls->inner = inner;
    tls->first_byte = -1;
    tls->inner_code = 1;
    tls->ahead_code = -EAGAIN;
    buf_init(&tls->out, alloc, out_bytes_max);
    buf_init(&tls->rest, alloc, ahead_bytes_max);
    inner->on_ready = on_inner_ready;
    inner->context = tls;
    if (!attach(tls, shared)) {
        tls_free(tls);
        return tls_no_memory(error);
    }
    *ret = tls;
    return FKV_OK;
}

enum fkv_status net_tls_accept(const struct alloc *alloc, struct net_tls *shared,
                               struct net_transport *inner, struct net_transport **ret,
                               struct fkv_error *error)
{
    struct tls *tls = NULL;
    enum fkv_status status = tls_new(alloc, shared, inner, &tls, error);
    if (status != FKV_OK)
        return status;
    SSL_set_accept_state(tls->ssl);
    *ret = &tls->transport;
    return FKV_OK;
}

/* The name is looked for among the certificate's alternative names only (RFC 9525). */
static bool expect_host(SSL *ssl, const char *host)
{
    char name[net_host_max + 1] = "";
    unsigned char address[sizeof(struct in6_addr)];
    size_t size = strcspn(host, "%"); /* less the scope of a link-local address */
    memcpy(name, host, size < net_host_max ? size : net_host_max);
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
    return SSL_set_tlsext_host_name(ssl, name) == 1 &&
           X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

static enum fkv_status shake_hands_until(struct tls *tls, uint64_t deadline_ns,
                                         struct fkv_error *error)
{
    while (!tls->is_open && !tls->is_over) {
        shake_hands(tls);
        if (tls->is_open || tls->is_over)
            break;
        int events = NET_READABLE | (has_out(tls) ? NET_WRITABLE : 0);
        if (net_wait(tls->inner, events, net_time_left(deadline_ns)) == 0)
            return status_set(error, FKV_UNAVAILABLE,
                              "%s did not answer in time during the TLS handshake",
                              tls->transport.peer);
    }
    if (tls->is_open)
        return FKV_OK;
    return status_set_hint(error, tls->trouble.status, tls->trouble.hint, "%s: %s",
                           tls->transport.peer, tls->trouble.message);
}

enum fkv_status net_tls_connect(const struct alloc *alloc, struct net_tls *shared, const char *host,
                                uint64_t timeout_ns, struct net_transport *inner,
                                struct net_transport **ret, struct fkv_error *error)
{
    struct tls *tls = NULL;
    enum fkv_status status = tls_new(alloc, shared, inner, &tls, error);
    if (status != FKV_OK)
        return status;
    tls->host = host;
    SSL_set_connect_state(tls->ssl);
    status = expect_host(tls->ssl, host)
                 ? shake_hands_until(tls, net_deadline(timeout_ns), error)
                 : status_set(error, FKV_INVALID_ARGUMENT, "'%s' can't be a host's name", host);
    tls->host = "";
    if (status != FKV_OK)
        tls_free(tls);
    else
        *ret = &tls->transport;
    return status;
}
