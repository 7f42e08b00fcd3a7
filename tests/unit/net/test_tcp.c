/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/socket.h"
#include "net/tcp.h"

static struct net_uri uri_of(const char *text)
{
    struct net_uri uri;
    struct fkv_error error;
    assert_ok(net_uri_parse(text, &uri, &error));
    return uri;
}

static struct net_listen listen_on(const char *text)
{
    struct net_uri uri = uri_of(text);
    struct net_listen listen;
    struct fkv_error error;
    assert_ok(net_tcp_listen(&uri, 16, &listen, &error));
    assert_true(listen.uri.port != 0);
    return listen;
}

static void stop_listening(struct net_listen *listen)
{
    for (int i = 0; i < listen->count; i++)
        close(listen->fds[i]);
}

static void localhost_is_both_families(void **state)
{
    (void)state;
    struct net_listen listen = listen_on("grpc+tcp://localhost:0");
    assert_true(listen.count == 1 || listen.count == 2); /* 1: a machine without IPv6 */
    for (int i = 0; i < listen.count; i++) {
        struct sockaddr_storage name;
        socklen_t size = sizeof name;
        assert_int_equal(getsockname(listen.fds[i], (struct sockaddr *)&name, &size), 0);
        assert_int_equal(name.ss_family, i == 0 ? AF_INET : AF_INET6);
        uint16_t port = i == 0 ? ((struct sockaddr_in *)&name)->sin_port
                               : ((struct sockaddr_in6 *)&name)->sin6_port;
        assert_int_equal(ntohs(port), listen.uri.port);
    }
    /* Taken now: one clear sentence. */
    struct net_listen again = {.count = 77};
    struct fkv_error error;
    assert_int_equal(net_tcp_listen(&listen.uri, 16, &again, &error), FKV_UNAVAILABLE);
    assert_non_null(strstr(error.message, "could not listen on grpc+tcp://localhost:"));
    assert_non_null(strstr(error.message, strerror(EADDRINUSE)));
    assert_int_equal(again.count, 77);
    stop_listening(&listen);
}

static void refuses_what_it_cannot_do(void **state)
{
    (void)state;
    struct net_transport *transport = NULL;
    struct fkv_error error;
    struct net_uri nowhere = uri_of("grpc+tcp://no-such-host.invalid:1");
    assert_int_equal(net_tcp_connect(alloc_system(), &nowhere, NS_PER_S, &transport, &error),
                     FKV_UNAVAILABLE);
    assert_non_null(strstr(error.message, "no-such-host.invalid"));
    /* A port that was free a moment ago. */
    struct net_listen gone = listen_on("grpc+tcp://127.0.0.1:0");
    stop_listening(&gone);
    assert_int_equal(net_tcp_connect(alloc_system(), &gone.uri, NS_PER_S, &transport, &error),
                     FKV_UNAVAILABLE);
    assert_non_null(strstr(error.message, strerror(ECONNREFUSED)));
    assert_int_equal(error.hint, FKV_HINT_SERVER);
    assert_null(transport);
}

struct served {
    struct net_loop *loop;
    struct net_transport *transport;
    struct net_watch *acceptor;
    int listen_fd;
    size_t echoed; /* or read */
};

/* Sends back what it reads, and stops the loop when the client has gone. */
static void on_served_ready(void *context, int events)
{
    struct served *served = context;
    char buffer[1000];
    assert_true((events & NET_READABLE) != 0);
    ssize_t size = net_read(served->transport, buffer, sizeof buffer);
    if (size <= 0) {
        net_close(served->transport);
        net_watch_close(served->acceptor);
        net_loop_stop(served->loop);
        return;
    }
    const struct iovec iov[] = {{buffer, (size_t)size / 2},
                                {buffer + size / 2, (size_t)size - (size_t)size / 2}};
    assert_int_equal(net_write(served->transport, iov, 2), size);
    served->echoed += (size_t)size;
}

/* Reads some, as a connection does that takes turns with others. */
static void on_read_only(void *context, int events)
{
    struct served *served = context;
    char buffer[1000];
    assert_true((events & NET_READABLE) != 0);
    ssize_t size = net_read(served->transport, buffer, sizeof buffer);
    if (size > 0) {
        served->echoed += (size_t)size;
        net_want(served->transport, NET_READABLE);
        return;
    }
    assert_int_equal(size, -ECONNRESET);
    net_close(served->transport);
    net_loop_stop(served->loop);
}

static void on_acceptable(void *context, int events)
{
    (void)events;
    struct served *served = context;
    struct fkv_error error;
    int fd = accept4(served->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    assert_ok(net_socket_accepted(alloc_system(), served->loop, fd, &served->transport, &error));
    int on = 0;
    socklen_t size = sizeof on;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
    assert_true(on);
    char control[16] = "";
    size = sizeof control;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, control, &size), 0);
    assert_string_equal(control, "reno"); /* both are on this host */
    served->transport->on_ready = on_served_ready;
    served->transport->context = served;
    assert_true(strncmp(served->transport->peer, "127.0.0.1:", 10) == 0);
    net_want(served->transport, NET_READABLE);
}

static void serve(void *context)
{
    struct served *served = context;
    net_loop_run(served->loop);
}

static void carries_bytes_both_ways(void **state)
{
    (void)state;
    struct net_listen listen = listen_on("grpc+tcp://127.0.0.1:0");
    struct served served = {.listen_fd = listen.fds[0]};
    struct fkv_error error;
    struct net_thread *thread;
    const struct net_loop_events events = {0};
    assert_ok(net_loop_new(alloc_system(), &events, &served.loop, &error));
    assert_ok(net_watch_new(served.loop, listen.fds[0], on_acceptable, &served, &served.acceptor,
                            &error));
    net_watch_set(served.acceptor, NET_READABLE);
    assert_ok(net_thread_start(alloc_system(), serve, &served, &thread, &error));

    struct net_transport *client;
    assert_ok(net_tcp_connect(alloc_system(), &listen.uri, 10 * NS_PER_S, &client, &error));
    char byte;
    assert_int_equal(net_read(client, &byte, 1), -EAGAIN);
    assert_int_equal(net_wait(client, NET_READABLE, 0), 0);
    for (int i = 0; i < 300; i++) {
        const struct iovec iov = {"hello", 5};
        char back[6] = "";
        assert_int_equal(net_write(client, &iov, 1), 5);
        for (ssize_t got = 0; got < 5;) {
            assert_int_equal(net_wait(client, NET_READABLE, UINT64_MAX), NET_READABLE);
            ssize_t size = net_read(client, back + got, (size_t)(5 - got));
            assert_true(size > 0);
            got += size;
        }
        assert_string_equal(back, "hello");
    }
    net_close(client);
    net_thread_join(thread);
    net_loop_free(served.loop);
    stop_listening(&listen);
    assert_int_equal(served.echoed, 1500);
}

/* A peer sends much and resets the connection: what came first is read, piece by piece, and then
 * the error. epoll reports the error from the start. */
static void reads_on_after_a_reset(void **state)
{
    (void)state;
    struct net_listen listen = listen_on("grpc+tcp://127.0.0.1:0");
    struct served served = {.listen_fd = listen.fds[0]};
    struct fkv_error error;
    const struct net_loop_events events = {0};
    assert_ok(net_loop_new(alloc_system(), &events, &served.loop, &error));
    int client = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons(listen.uri.port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(client, (struct sockaddr *)&name, sizeof name), 0);
    int fd = accept4(listen.fds[0], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_ok(net_socket_accepted(alloc_system(), served.loop, fd, &served.transport, &error));
    served.transport->on_ready = on_read_only;
    served.transport->context = &served;
    net_want(served.transport, NET_READABLE);

    static const char bytes[10000];
    const struct linger reset = {.l_onoff = 1};
    assert_int_equal(send(client, bytes, sizeof bytes, 0), sizeof bytes);
    assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(client);
    alarm(60); /* instead of hanging */
    net_loop_run(served.loop);
    alarm(0);
    net_loop_free(served.loop);
    stop_listening(&listen);
    assert_int_equal(served.echoed, sizeof bytes);
}

static void ends_its_writing_alone(void **state)
{
    (void)state;
    int fds[2];
    struct net_transport *a, *b;
    struct fkv_error error;
    char bytes[8];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_ok(net_socket_new(alloc_system(), fds[0], &a, &error));
    assert_ok(net_socket_new(alloc_system(), fds[1], &b, &error));
    assert_int_equal(net_write(a, &(struct iovec){"ab", 2}, 1), 2);
    net_end(a);
    assert_int_equal(net_write(a, &(struct iovec){"c", 1}, 1), -EPIPE);
    assert_int_equal(net_read(b, bytes, sizeof bytes), 2);
    assert_int_equal(net_read(b, bytes, sizeof bytes), 0);
    assert_int_equal(net_write(b, &(struct iovec){"xyz", 3}, 1), 3);
    assert_int_equal(net_read(a, bytes, sizeof bytes), 3);
    assert_int_equal(net_read(a, bytes, sizeof bytes), -EAGAIN);
    net_close(b);
    assert_int_equal(net_read(a, bytes, sizeof bytes), 0);
    net_close(a);
}

/* Writing to a peer that is gone must be an error, not a signal. */
static void survives_a_gone_peer(void **state)
{
    (void)state;
    struct net_listen listen = listen_on("grpc+tcp://127.0.0.1:0");
    struct net_transport *client;
    struct fkv_error error;
    assert_ok(net_tcp_connect(alloc_system(), &listen.uri, NS_PER_S, &client, &error));
    stop_listening(&listen); /* resets what wasn't accepted */
    const struct iovec iov = {"x", 1};
    ssize_t size = 0;
    for (int i = 0; i < 100 && size >= 0; i++) {
        net_wait(client, NET_READABLE, 10 * NS_PER_MS);
        size = net_write(client, &iov, 1);
    }
    assert_true(size == -EPIPE || size == -ECONNRESET);
    net_close(client);
    net_close(NULL);
}

int main(void)
{
    signal(SIGPIPE, SIG_DFL);
    RUN_TESTS(cmocka_unit_test(localhost_is_both_families),
              cmocka_unit_test(refuses_what_it_cannot_do),
              cmocka_unit_test(carries_bytes_both_ways), cmocka_unit_test(reads_on_after_a_reset),
              cmocka_unit_test(ends_its_writing_alone), cmocka_unit_test(survives_a_gone_peer));
}
