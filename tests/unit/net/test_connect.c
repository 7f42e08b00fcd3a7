/* SPDX-License-Identifier: Apache-2.0 */
/* Who looks for bytes before it sleeps: told from the calls of recv(2), of which this file has one
 * of its own. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/certificates.h"
#include "harness/test.h"
#include "net/connect.h"
#include "net/listen.h"
#include "net/socket.h"
#include "net/tls.h"

static struct fkv_error error;
static _Thread_local unsigned looks; /* without sleeping */

ssize_t recv(int fd, void *data, size_t size, int flags)
{
    looks += (flags & MSG_DONTWAIT) != 0;
    return syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);
}

struct server {
    struct net_listen listen;
    struct net_tls *tls; /* NULL: without */
};

/* Takes one connection, and shakes hands; then it is silent until the client has gone. */
static void *serve(void *context)
{
    struct server *server = context;
    struct net_transport *transport;
    struct fkv_error why;
    char byte;
    struct pollfd listening = {.fd = server->listen.fds[0], .events = POLLIN};
    while (poll(&listening, 1, -1) != 1)
        ;
    int fd = accept4(server->listen.fds[0], NULL, NULL, SOCK_CLOEXEC);
    assert_ok(net_socket_new(alloc_system(), fd, &transport, &why));
    if (server->tls != NULL)
        assert_ok(net_tls_accept(alloc_system(), server->tls, transport, &transport, &why));
    while (net_read(transport, &byte, 1) == -EAGAIN)
        net_wait(transport, NET_READABLE, NS_PER_MS);
    net_close(transport);
    return NULL;
}

/* How often reads of a connection looked in which nothing came. */
static unsigned looks_of(bool is_tls, uint64_t busy_poll_ns)
{
    enum { room = 64 << 10 };
    static char data[room];
    char a[100], b[100];
    struct server server = {.tls = NULL};
    struct net_connect_options options = {.timeout_ns = 10 * NS_PER_S,
                                          .busy_poll_ns = busy_poll_ns};
    const struct net_tls_server_options own = {certificate_file("local", "pem", a),
                                               certificate_file("local", "key", b), NULL};
    const struct net_tls_client_options theirs = {.is_insecure = true};
    if (is_tls) {
        assert_ok(net_tls_new_server(alloc_system(), &own, &server.tls, &error));
        assert_ok(net_tls_new_client(alloc_system(), &theirs, &options.tls, &error));
    }
    struct net_uri uri;
    struct net_transport *client;
    pthread_t thread;
    assert_ok(
        net_uri_parse(is_tls ? "grpc+tls://127.0.0.1:0" : "grpc+tcp://127.0.0.1:0", &uri, &error));
    assert_ok(
        net_listen_open(&uri, &(struct net_listen_options){.backlog = 1}, &server.listen, &error));
    assert_int_equal(pthread_create(&thread, NULL, serve, &server), 0);
    assert_ok(net_connect(alloc_system(), &server.listen.uri, &options, &client, &error));
    assert_true(client->is_local);
    while (net_wait(client, NET_READABLE, 50 * NS_PER_MS) != 0) /* tickets of TLS sessions */
        assert_int_equal(net_read(client, data, room), -EAGAIN);
    looks = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(client->ops->read_within(client, data, room, NS_PER_MS), -EAGAIN);
    unsigned ret = looks;
    net_close(client);
    assert_int_equal(pthread_join(thread, NULL), 0);
    net_listen_close(&server.listen);
    net_tls_free(server.tls);
    net_tls_free(options.tls);
    return ret;
}

static void who_looks_before_it_sleeps(void **state)
{
    (void)state;
    assert_true(looks_of(false, 0) > 0);
    assert_int_equal(looks_of(false, UINT64_MAX), 0);
    assert_int_equal(looks_of(true, 0), 0);
    assert_int_equal(looks_of(true, UINT64_MAX), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_looks_before_it_sleeps)};
    return cmocka_run_group_tests(tests, certificates_make, certificates_remove);
}
