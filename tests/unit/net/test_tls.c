/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/certificates.h"
#include "harness/test.h"

#include <errno.h>

#include "base/clock.h"
#include "net/pipe.h"
#include "net/tls.h"

static struct fkv_error error;

/* ---- a connection ---- */

struct setup {
    const char *server, *client_ca; /* names of certificates; NULL: none */
    const char *client, *ca, *host;
    bool is_insecure;
    struct net_pipe_options pipe;
};

static const struct setup usual = {.server = "server", .ca = "ca", .host = "server.test"};

struct link {
    struct test_alloc memory;
    struct net_tls *server_tls, *client_tls;
    struct net_transport *client_end, *server_end; /* the pipe's */
    struct net_transport *client, *server;
    uint8_t received[250000];
    size_t received_bytes;
    ssize_t read_end; /* why the server's side reads no more; 1: it does */
    unsigned calls;
    size_t reads_at_once;
    size_t reads_between; /* every other time; 0: as much */
};

static void on_server_ready(void *context, int events)
{
    struct link *link = context;
    link->calls++;
    if ((events & NET_READABLE) == 0 || link->read_end != 1)
        return;
    bool is_other = link->calls % 2 == 0 && link->reads_between != 0;
    size_t room = is_other ? link->reads_between : link->reads_at_once;
    ssize_t size = net_read(link->server, link->received + link->received_bytes, room);
    if (size > 0)
        link->received_bytes += (size_t)size;
    else if (size != -EAGAIN)
        link->read_end = size;
    if (link->read_end != 1)
        net_want(link->server, 0);
}

static bool step_server(void *context)
{
    struct link *link = context;
    return net_pipe_step(link->server_end);
}

static enum fkv_status make_tls(struct link *link, const struct setup *setup)
{
    char a[100], b[100], c[100];
    const struct net_tls_server_options server = {certificate_file(setup->server, "pem", a),
                                                  certificate_file(setup->server, "key", b),
                                                  certificate_file(setup->client_ca, "pem", c)};
    enum fkv_status status =
        net_tls_new_server(&link->memory.alloc, &server, &link->server_tls, &error);
    const struct net_tls_client_options client = {
        certificate_file(setup->ca, "pem", a), certificate_file(setup->client, "pem", b),
        certificate_file(setup->client, "key", c), setup->is_insecure};
    if (status == FKV_OK)
        status = net_tls_new_client(&link->memory.alloc, &client, &link->client_tls, &error);
    return status;
}

/* A pipe whose server's side speaks TLS. */
static enum fkv_status begin_server(struct link *link, const struct setup *setup, size_t fail_at)
{
    *link = (struct link){.read_end = 1, .reads_at_once = 5000};
    test_alloc_init(&link->memory, fail_at);
    struct net_pipe_options pipe = setup->pipe;
    pipe.on_wait = step_server;
    pipe.context = link;
    enum fkv_status status = make_tls(link, setup);
    if (status == FKV_OK)
        status =
            net_pipe_new(&link->memory.alloc, &pipe, &link->client_end, &link->server_end, &error);
    if (status != FKV_OK)
        return status;
    net_pipe_hold(link->client_end);
    status = net_tls_accept(&link->memory.alloc, link->server_tls, link->server_end, &link->server,
                            &error);
    if (status != FKV_OK)
        return status;
    link->server->on_ready = on_server_ready;
    link->server->context = link;
    net_want(link->server, NET_READABLE);
    return FKV_OK;
}

static enum fkv_status begin(struct link *link, const struct setup *setup, size_t fail_at)
{
    enum fkv_status status = begin_server(link, setup, fail_at);
    struct net_transport *inner = link->client_end;
    if (status != FKV_OK)
        return status;
    link->client_end = NULL;
    return net_tls_connect(&link->memory.alloc, link->client_tls, setup->host, UINT64_MAX, inner,
                           &link->client, &error);
}

static void end(struct link *link)
{
    struct net_transport *held = link->server_end;
    net_close(link->client);
    net_close(link->client_end);
    net_close(link->server);
    if (held != NULL && link->server_tls != NULL)
        net_pipe_release(held);
    net_tls_free(link->client_tls);
    net_tls_free(link->server_tls);
    assert_int_equal(link->memory.live, 0);
}

static void settle(struct link *link)
{
    while (net_pipe_step(link->server_end))
        ;
}

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

/* Writes `size` bytes in iovecs of many sizes, stepping the server's side where it must. */
static void write_all(struct link *link, const uint8_t *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        struct iovec iov[5];
        size_t at = done;
        for (int i = 0; i < 5; i++) {
            size_t part = (done * 31 + (size_t)i * 7919) % 40000;
            part = part < size - at ? part : size - at;
            iov[i] = (struct iovec){(void *)(bytes + at), part};
            at += part;
        }
        ssize_t moved = net_write(link->client, iov, 5);
        assert_true(moved > 0 || moved == -EAGAIN);
        done += moved > 0 ? (size_t)moved : 0;
        if (moved == -EAGAIN)
            assert_int_equal(net_wait(link->client, NET_WRITABLE, UINT64_MAX), NET_WRITABLE);
    }
}

static void carries_bytes_in_short_pieces(void **state)
{
    (void)state;
    static const struct net_pipe_options pipes[] = {
        {0},
        {.read_bytes_max = 1, .write_bytes_max = 3},
        {.buffer_bytes = 100, .read_bytes_max = 77},
        {.buffer_bytes = 1 << 20},
    };
    /* Up to 34 KiB OpenSSL reads for itself, from there on what was read ahead. */
    static const size_t rooms[][2] = {{5000}, {34816}, {40000}, {65536}, {65536, 5000}, {34816, 1}};
    enum { pipe_count = sizeof pipes / sizeof pipes[0], room_count = sizeof rooms / sizeof *rooms };
    static uint8_t bytes[150000];
    static struct link link;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = byte_at(i);
    for (size_t i = 0; i < pipe_count * room_count; i++) {
        struct setup setup = usual;
        setup.pipe = pipes[i % pipe_count];
        assert_int_equal(begin(&link, &setup, 0), FKV_OK);
        link.reads_at_once = rooms[i / pipe_count][0];
        link.reads_between = rooms[i / pipe_count][1];
        write_all(&link, bytes, sizeof bytes);
        for (int k = 0; k < 100000 && link.received_bytes < sizeof bytes; k++) {
            net_wait(link.client, NET_READABLE, 0); /* sends what is still to be sent */
            settle(&link);
        }
        assert_int_equal(link.received_bytes, sizeof bytes);
        assert_memory_equal(link.received, bytes, sizeof bytes);
        end(&link);
    }
}

/* Nothing comes on the pipe any more, and the owner still gets all that was decrypted. */
static void calls_again_for_bytes_that_it_holds(void **state)
{
    (void)state;
    static struct link link;
    static const uint8_t bytes[10000];
    assert_int_equal(begin(&link, &usual, 0), FKV_OK);
    settle(&link);
    write_all(&link, bytes, sizeof bytes);
    link.reads_at_once = 3000;
    assert_true(net_pipe_step(link.server_end));
    assert_int_equal(link.received_bytes, sizeof bytes);

    /* So does an owner that pauses between reads. */
    write_all(&link, bytes, sizeof bytes);
    net_want(link.server, 0);
    assert_false(net_pipe_step(link.server_end));
    char byte;
    assert_int_equal(net_read(link.server, &byte, 1), 1);
    net_want(link.server, NET_READABLE);
    settle(&link);
    assert_int_equal(link.received_bytes, 2 * sizeof bytes - 1);
    end(&link);
}

/* Records of a byte each: a turn takes so many, the next ones take the others, though nothing comes
 * any more; and what comes then stays in order. */
static void takes_many_small_records_by_turns(void **state)
{
    (void)state;
    enum { small = 3000, turn = 256 };
    static const size_t rooms[] = {100000, 34816};
    static struct link link;
    static uint8_t bytes[small + 50000];
    struct setup setup = usual;
    setup.pipe.buffer_bytes = 1 << 20;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = byte_at(i);
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        assert_int_equal(begin(&link, &setup, 0), FKV_OK);
        settle(&link);
        link.reads_at_once = rooms[i];
        for (size_t k = 0; k < small; k++)
            assert_int_equal(net_write(link.client, &(struct iovec){bytes + k, 1}, 1), 1);
        for (size_t k = 1; k <= small / turn; k++) {
            assert_true(net_pipe_step(link.server_end));
            assert_true(link.received_bytes <= k * turn);
        }
        write_all(&link, bytes + small, sizeof bytes - small);
        settle(&link);
        assert_int_equal(link.received_bytes, sizeof bytes);
        assert_memory_equal(link.received, bytes, sizeof bytes);
        assert_int_equal(link.read_end, 1);
        end(&link);
    }
}

/* The reason why nothing can be written any more lies behind many small records. */
static void looks_for_the_reason_behind_what_it_holds(void **state)
{
    (void)state;
    static struct link link;
    struct setup setup = usual;
    assert_int_equal(begin(&link, &setup, 0), FKV_OK);
    settle(&link);
    link.reads_at_once = 65536;
    for (int k = 0; k < 400; k++)
        assert_int_equal(net_write(link.client, &(struct iovec){"x", 1}, 1), 1);
    assert_true(net_pipe_step(link.server_end));
    net_close(link.client);
    link.client = NULL;
    assert_int_equal(net_write(link.server, &(struct iovec){"y", 1}, 1), 1);
    assert_int_equal(net_write(link.server, &(struct iovec){"y", 1}, 1), -EPIPE);
    settle(&link);
    assert_int_equal(link.received_bytes, 400);
    assert_int_equal(link.read_end, 0);
    end(&link);
}

static void tells_an_end_from_a_truncation(void **state)
{
    (void)state;
    static struct link link;
    assert_int_equal(begin(&link, &usual, 0), FKV_OK);
    net_close(link.client);
    link.client = NULL;
    settle(&link);
    assert_int_equal(link.read_end, 0);
    assert_null(link.server->trouble);
    end(&link);

    assert_int_equal(begin_server(&link, &usual, 0), FKV_OK);
    struct net_transport *inner = link.client_end;
    link.client_end = NULL;
    assert_int_equal(net_tls_connect(&link.memory.alloc, link.client_tls, usual.host, UINT64_MAX,
                                     inner, &link.client, &error),
                     FKV_OK);
    settle(&link);
    net_pipe_break(inner);
    settle(&link);
    assert_int_equal(link.read_end, -ECONNRESET);
    assert_int_equal(link.server->trouble->status, FKV_UNAVAILABLE);
    char byte;
    assert_int_equal(net_read(link.client, &byte, 1), -ECONNRESET);
    assert_int_equal(net_write(link.client, &(struct iovec){"x", 1}, 1), -ECONNRESET);
    end(&link);
}

/* A socket says so once: to the read that is made ahead of bytes which OpenSSL still holds. */
static void keeps_the_reason_until_all_is_read(void **state)
{
    (void)state;
    static struct link link;
    static const uint8_t bytes[10000];
    assert_int_equal(begin(&link, &usual, 0), FKV_OK);
    settle(&link);
    write_all(&link, bytes, sizeof bytes);
    assert_int_equal(net_read(link.server, link.received, 3000), 3000);
    net_pipe_break(link.server_end);
    assert_int_equal(net_read(link.server, link.received, 40000), 7000);
    link.reads_at_once = 40000;
    settle(&link);
    assert_int_equal(link.read_end, -ECONNRESET);
    assert_non_null(strstr(link.server->trouble->message, "reset by peer"));
    end(&link);
}

/* What the client says last doesn't fit into the pipe at once; all of it comes, then the end. */
static void ends_its_writing_alone(void **state)
{
    (void)state;
    static struct link link;
    static const uint8_t bytes[50000];
    static char back[4];
    struct setup setup = usual;
    setup.pipe.buffer_bytes = 20000;
    assert_int_equal(begin(&link, &setup, 0), FKV_OK);
    settle(&link);
    assert_int_equal(net_write(link.client, &(struct iovec){(void *)bytes, sizeof bytes}, 1),
                     sizeof bytes);
    net_end(link.client);
    assert_int_equal(net_write(link.server, &(struct iovec){"back", 4}, 1), 4);
    assert_int_equal(net_write(link.client, &(struct iovec){"x", 1}, 1), -EPIPE);
    for (int i = 0; i < 100 && link.read_end == 1; i++) {
        net_wait(link.client, NET_READABLE | NET_WRITABLE, 0); /* sends what is still to be sent */
        settle(&link);
    }
    assert_int_equal(link.received_bytes, sizeof bytes);
    assert_int_equal(link.read_end, 0);
    assert_null(link.server->trouble);

    assert_int_equal(net_read(link.client, back, sizeof back), 4);
    assert_int_equal(net_read(link.client, back, sizeof back), -EAGAIN);
    end(&link);
}

static void talk_nonsense(const void *bytes, size_t size, const char *sentence)
{
    static struct link link;
    assert_int_equal(begin_server(&link, &usual, 0), FKV_OK);
    if (size > 0)
        assert_int_equal(net_write(link.client_end, &(struct iovec){(void *)bytes, size}, 1), size);
    settle(&link);
    if (link.read_end == 1) { /* it could still become a handshake */
        net_close(link.client_end);
        link.client_end = NULL;
        settle(&link);
    }
    assert_true(link.read_end < 0);
    if (strstr(link.server->trouble->message, sentence) == NULL)
        fail_msg("'%s', expected '%s'", link.server->trouble->message, sentence);
    assert_int_equal(link.received_bytes, 0);
    end(&link);
}

static void refuses_what_is_no_handshake(void **state)
{
    (void)state;
    static const uint8_t broken[] = {0x16, 3, 1, 0, 5, 1, 0, 0, 1, 9};
    static const uint8_t cut[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};
    talk_nonsense("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24, "the client speaks no TLS");
    talk_nonsense("GET / HTTP/1.1\r\n\r\n", 18, "the client speaks no TLS");
    talk_nonsense("\0\0\0\0\0\0\0\0\0\0", 10, "the client speaks no TLS");
    talk_nonsense(broken, sizeof broken, "TLS failed: ");
    talk_nonsense(
        cut, sizeof cut,
        "the client closed the connection during the TLS handshake; perhaps it speaks no TLS");
    talk_nonsense(
        "", 0,
        "the client closed the connection during the TLS handshake; perhaps it speaks no TLS");
}

static void says_why_a_certificate_is_refused(void **state)
{
    (void)state;
    static const struct {
        struct setup setup;
        enum fkv_status status;
        enum fkv_hint hint;
        const char *sentence;
    } rows[] = {
        {{.server = "server", .ca = "ca", .host = "192.0.2.1"}, FKV_OK, FKV_HINT_NONE, ""},
        {{.server = "server", .ca = "ca", .host = "2001:db8::1"}, FKV_OK, FKV_HINT_NONE, ""},
        {{.server = "server", .ca = "ca", .host = "2001:db8::1%eth0"}, FKV_OK, FKV_HINT_NONE, ""},
        {{.server = "server", .ca = "ca", .host = "SERVER.test"}, FKV_OK, FKV_HINT_NONE, ""},
        {{.server = "server", .host = "nobody", .is_insecure = true}, FKV_OK, FKV_HINT_NONE, ""},
        {{.server = "server", .ca = "ca", .host = "elsewhere.test"},
         FKV_UNAUTHENTICATED,
         FKV_HINT_NONE,
         "the server's certificate is not for 'elsewhere.test'"},
        {{.server = "server", .ca = "ca", .host = "server"}, /* its common name */
         FKV_UNAUTHENTICATED,
         FKV_HINT_NONE,
         "the server's certificate is not for 'server'"},
        {{.server = "server", .ca = "ca", .host = "192.0.2.2"},
         FKV_UNAUTHENTICATED,
         FKV_HINT_NONE,
         "the server's certificate is not for '192.0.2.2'"},
        {{.server = "stranger", .ca = "ca", .host = "server.test"},
         FKV_UNAUTHENTICATED,
         FKV_HINT_AUTHORITY,
         "comes from an authority that is not known here"},
        {{.server = "server", .host = "server.test"}, /* the system's store */
         FKV_UNAUTHENTICATED,
         FKV_HINT_AUTHORITY,
         "comes from an authority that is not known here"},
        {{.server = "other", .ca = "ca", .host = "server.test"},
         FKV_UNAUTHENTICATED,
         FKV_HINT_AUTHORITY,
         "is signed by itself"},
        {{.server = "expired", .ca = "ca", .host = "server.test"},
         FKV_UNAUTHENTICATED,
         FKV_HINT_NONE,
         "the server's certificate has expired"},
    };
    static struct link link;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(begin(&link, &rows[i].setup, 0), rows[i].status);
        if (rows[i].status != FKV_OK && strstr(error.message, rows[i].sentence) == NULL)
            fail_msg("'%s', expected '%s'", error.message, rows[i].sentence);
        if (rows[i].status != FKV_OK)
            assert_int_equal(error.hint, rows[i].hint);
        settle(&link);
        assert_true(link.read_end == 1 ? rows[i].status == FKV_OK : link.read_end < 0);
        end(&link);
    }
}

/* In TLS 1.3 the server refuses when the client's handshake is done: it learns by its first read,
 * or write. */
static void demands_client_certificates(void **state)
{
    (void)state;
    static const struct {
        const char *client;
        enum fkv_hint hint;
        const char *to_client, *to_server;
    } rows[] = {
        {"client", FKV_HINT_NONE, NULL, NULL},
        {NULL, FKV_HINT_CERTIFICATE, "the server demands a client certificate",
         "the client shows no certificate"},
        {"stranger", FKV_HINT_NONE, "does not know the authority",
         "comes from an authority that is not known"},
        {"expired", FKV_HINT_NONE, "finds this side's certificate expired",
         "certificate has expired"},
    };
    static struct link link;
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof rows[0]); i++) {
        struct setup setup = usual;
        setup.client_ca = "ca";
        setup.client = rows[i / 2].client;
        assert_int_equal(begin(&link, &setup, 0), FKV_OK);
        settle(&link);
        char byte;
        ssize_t code = i % 2 == 0 ? net_read(link.client, &byte, 1)
                                  : net_write(link.client, &(struct iovec){"x", 1}, 1);
        if (i % 2 == 1 && code == 1)
            code = net_read(link.client, &byte, 1);
        assert_int_equal(code, rows[i / 2].to_client == NULL ? -EAGAIN : -EPROTO);
        if (rows[i / 2].to_client != NULL) {
            assert_int_equal(link.client->trouble->status, FKV_UNAUTHENTICATED);
            assert_non_null(strstr(link.client->trouble->message, rows[i / 2].to_client));
            assert_int_equal(link.client->trouble->hint, rows[i / 2].hint);
            assert_int_equal(link.server->trouble->status, FKV_UNAUTHENTICATED);
            assert_int_equal(link.server->trouble->hint, FKV_HINT_NONE);
            assert_non_null(strstr(link.server->trouble->message, rows[i / 2].to_server));
        }
        end(&link);
    }
}

/* The server's side of the pipe takes no steps: nobody answers. */
static bool nothing_happens(void *context)
{
    (void)context;
    return false;
}

static void a_handshake_times_out(void **state)
{
    (void)state;
    static struct link link;
    const struct net_pipe_options silent = {.on_wait = nothing_happens};
    struct net_transport *inner, *other;
    assert_int_equal(begin_server(&link, &usual, 0), FKV_OK);
    assert_int_equal(net_pipe_new(&link.memory.alloc, &silent, &inner, &other, &error), FKV_OK);
    assert_int_equal(net_tls_connect(&link.memory.alloc, link.client_tls, "server.test", NS_PER_S,
                                     inner, &link.client, &error),
                     FKV_UNAVAILABLE);
    assert_non_null(strstr(error.message, "did not answer in time during the TLS handshake"));
    net_close(other);
    end(&link);
}

static void names_files_that_cannot_be_used(void **state)
{
    (void)state;
    char pem[100], key[100], other[100];
    struct net_tls *tls = NULL;
    certificate_file("server", "pem", pem);
    certificate_file("server", "key", key);
    certificate_file("other", "key", other);
    const struct {
        struct net_tls_server_options options;
        const char *sentence;
    } rows[] = {
        {{"/no/such/file", key, NULL}, "'/no/such/file' can't be used (No such file"},
        {{key, key, NULL}, "expected a certificate in PEM"},
        {{pem, pem, NULL}, "expected the certificate's key in PEM"},
        {{pem, other, NULL}, "expected the certificate's key in PEM"},
        {{pem, NULL, NULL}, "together with its key"},
        {{pem, key, key}, "expected certificates of authorities in PEM"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(net_tls_new_server(alloc_system(), &rows[i].options, &tls, &error),
                         FKV_INVALID_ARGUMENT);
        if (strstr(error.message, rows[i].sentence) == NULL)
            fail_msg("'%s', expected '%s'", error.message, rows[i].sentence);
    }
    const struct net_tls_client_options client = {.ca_file = "/no/such/file"};
    assert_int_equal(net_tls_new_client(alloc_system(), &client, &tls, &error),
                     FKV_INVALID_ARGUMENT);
    assert_null(tls);
    net_tls_free(NULL);
}

/* What one turn leaves for the next needs memory. */
static void takes_or_fails(struct link *link)
{
    link->reads_at_once = 65536;
    for (int k = 0; k < 400; k++)
        net_write(link->client, &(struct iovec){"x", 1}, 1);
    settle(link);
    assert_true(link->read_end == 1 || link->read_end == -ENOMEM || link->read_end == -EPROTO);
}

/* Each of our allocations fails once, in any step. */
static void out_of_memory(void **state)
{
    (void)state;
    static struct link link;
    size_t n = 1;
    for (;; n++) {
        enum fkv_status status = begin(&link, &usual, n);
        if (status == FKV_OK) {
            ssize_t moved = net_write(link.client, &(struct iovec){link.received, 100000}, 1);
            assert_true(moved == 100000 || moved == -ENOMEM || link.memory.requests >= n);
            takes_or_fails(&link);
        }
        bool was_last = link.memory.requests < n;
        end(&link);
        if (was_last)
            break;
    }
    assert_true(n > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_bytes_in_short_pieces),
        cmocka_unit_test(calls_again_for_bytes_that_it_holds),
        cmocka_unit_test(takes_many_small_records_by_turns),
        cmocka_unit_test(looks_for_the_reason_behind_what_it_holds),
        cmocka_unit_test(tells_an_end_from_a_truncation),
        cmocka_unit_test(keeps_the_reason_until_all_is_read),
        cmocka_unit_test(ends_its_writing_alone),
        cmocka_unit_test(refuses_what_is_no_handshake),
        cmocka_unit_test(says_why_a_certificate_is_refused),
        cmocka_unit_test(demands_client_certificates),
        cmocka_unit_test(a_handshake_times_out),
        cmocka_unit_test(names_files_that_cannot_be_used),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, certificates_make, certificates_remove);
}
