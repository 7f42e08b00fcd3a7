/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/connect.h"
#include "net/listen.h"
#include "net/socket.h"

static struct fkv_error error;
static const struct net_connect_options patient = {.timeout_ns = 10 * NS_PER_S};

struct folder {
    char path[64];
    struct net_uri uri; /* of "socket" in it */
};

static void begin(struct folder *folder)
{
    char text[net_uri_max];
    snprintf(folder->path, sizeof folder->path, "/tmp/flightkv-test-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    snprintf(text, sizeof text, "grpc+unix://%s/socket", folder->path);
    assert_ok(net_uri_parse(text, &folder->uri, &error));
}

/* Fails when something was left in it. */
static void end(struct folder *folder)
{
    assert_int_equal(rmdir(folder->path), 0);
}

static enum fkv_status listen_with(const struct folder *folder, mode_t mode, int backlog,
                                   struct net_listen *ret)
{
    const struct net_listen_options options = {backlog, mode};
    return net_listen_open(&folder->uri, &options, ret, &error);
}

static void assert_refused(const struct folder *folder, enum fkv_status status, const char *text)
{
    struct net_listen listen = {.count = 77};
    assert_int_equal(listen_with(folder, 0600, 1, &listen), status);
    assert_non_null(strstr(error.message, text));
    assert_non_null(strstr(error.message, folder->uri.path));
    assert_int_equal(listen.count, 77);
}

static void carries_bytes(void **state)
{
    (void)state;
    struct folder folder;
    struct net_listen listen;
    struct net_transport *client, *server;
    char byte = 0, pid[32];
    begin(&folder);
    assert_ok(listen_with(&folder, 0600, 4, &listen));
    assert_int_equal(listen.count, 1);
    assert_ok(net_connect(alloc_system(), &folder.uri, &patient, &client, &error));
    int fd = accept4(listen.fds[0], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_ok(net_socket_new(alloc_system(), fd, &server, &error));
    const struct iovec iov = {"x", 1};
    assert_int_equal(net_write(client, &iov, 1), 1);
    assert_int_equal(net_wait(server, NET_READABLE, 10 * NS_PER_S), NET_READABLE);
    assert_int_equal(net_read(server, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    snprintf(pid, sizeof pid, "pid:%d", (int)getpid());
    assert_string_equal(server->peer, pid);
    assert_string_equal(client->peer, folder.uri.path);
    net_close(client);
    net_close(server);
    net_listen_close(&listen);
    net_listen_close(&listen);
    end(&folder);
}

static void waits_busily_and_then_asleep(void **state)
{
    (void)state;
    struct folder folder;
    struct net_listen listen;
    struct net_transport *client;
    const struct net_connect_options busy = {.timeout_ns = 10 * NS_PER_S,
                                             .busy_poll_ns = 2 * NS_PER_MS};
    begin(&folder);
    assert_ok(listen_with(&folder, 0600, 4, &listen));
    assert_ok(net_connect(alloc_system(), &folder.uri, &busy, &client, &error));
    int fd = accept4(listen.fds[0], NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(net_wait(client, NET_READABLE, NS_PER_MS), 0);
    assert_int_equal(net_wait(client, NET_READABLE, 4 * NS_PER_MS), 0);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(net_wait(client, NET_READABLE, 10 * NS_PER_S), NET_READABLE);
    close(fd);
    net_close(client);
    net_listen_close(&listen);
    end(&folder);
}

static void *echo(void *context)
{
    int fd = *(int *)context;
    char byte;
    while (read(fd, &byte, 1) == 1)
        assert_int_equal(write(fd, &byte, 1), 1);
    return NULL;
}

static void reads(const struct net_connect_options *options)
{
    enum { rounds = 300 };
    struct folder folder;
    struct net_listen listen;
    struct net_transport *client;
    pthread_t thread;
    char byte = 0;
    begin(&folder);
    assert_ok(listen_with(&folder, 0600, 4, &listen));
    assert_ok(net_connect(alloc_system(), &folder.uri, options, &client, &error));
    int fd = accept4(listen.fds[0], NULL, NULL, SOCK_CLOEXEC);
    for (int i = 0; i < 5; i++)
        assert_int_equal(client->ops->read_within(client, &byte, 1, NS_PER_MS), -EAGAIN);
    assert_int_equal(pthread_create(&thread, NULL, echo, &fd), 0);
    for (int i = 0; i < rounds; i++) {
        const struct iovec iov = {&(char){(char)i}, 1};
        assert_int_equal(net_write(client, &iov, 1), 1);
        assert_int_equal(client->ops->read_within(client, &byte, 1, 10 * NS_PER_S), 1);
        assert_int_equal(byte, (char)i);
    }
    net_end(client);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close(fd);
    assert_int_equal(client->ops->read_within(client, &byte, 1, 10 * NS_PER_S), 0);
    net_close(client);
    net_listen_close(&listen);
    end(&folder);
}

static void reads_whether_it_looks_before_it_sleeps_or_not(void **state)
{
    (void)state;
    static const uint64_t busy_polls_ns[] = {0, UINT64_MAX, NS_PER_MS};
    for (size_t i = 0; i < sizeof busy_polls_ns / sizeof busy_polls_ns[0]; i++) {
        const struct net_connect_options options = {.timeout_ns = 10 * NS_PER_S,
                                                    .busy_poll_ns = busy_polls_ns[i]};
        reads(&options);
    }
}

static void the_file_has_the_mode_whatever_the_umask(void **state)
{
    (void)state;
    static const mode_t modes[] = {0600, 0660, 0777, 0};
    struct folder folder;
    struct net_listen listen;
    struct stat file;
    begin(&folder);
    mode_t before = umask(077);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_ok(listen_with(&folder, modes[i], 1, &listen));
        assert_int_equal(stat(folder.uri.path, &file), 0);
        assert_int_equal(file.st_mode & 07777, modes[i]);
        net_listen_close(&listen);
    }
    umask(before);
    end(&folder);
}

static void a_stale_file_is_replaced(void **state)
{
    (void)state;
    struct folder folder;
    struct net_listen killed, listen;
    begin(&folder);
    assert_ok(listen_with(&folder, 0600, 1, &killed));
    close(killed.fds[0]); /* as the system does for a killed process */
    assert_ok(listen_with(&folder, 0600, 1, &listen));
    net_listen_close(&listen);
    end(&folder);
}

static void removes_no_file_of_another(void **state)
{
    (void)state;
    struct folder folder;
    struct net_listen first, second;
    begin(&folder);
    assert_ok(listen_with(&folder, 0600, 1, &first));
    assert_int_equal(unlink(folder.uri.path), 0); /* somebody's mistake */
    assert_ok(listen_with(&folder, 0600, 1, &second));
    net_listen_close(&first);
    assert_int_equal(access(folder.uri.path, F_OK), 0);
    net_listen_close(&second);
    end(&folder);
}

static void an_address_in_use_is_left_alone(void **state)
{
    (void)state;
    struct folder folder;
    struct net_listen listen;
    begin(&folder);
    assert_ok(listen_with(&folder, 0600, 1, &listen));
    assert_refused(&folder, FKV_UNAVAILABLE, strerror(EADDRINUSE));
    assert_refused(&folder, FKV_UNAVAILABLE, strerror(EADDRINUSE)); /* its queue is full now */
    net_listen_close(&listen);
    end(&folder);
}

static void other_files_are_left_alone(void **state)
{
    (void)state;
    struct folder folder;
    begin(&folder);
    int fd = open(folder.uri.path, O_CREAT | O_EXCL | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_refused(&folder, FKV_FAILED_PRECONDITION, "a file that is no socket");
    assert_int_equal(unlink(folder.uri.path), 0);
    end(&folder);
    assert_refused(&folder, FKV_FAILED_PRECONDITION, strerror(ENOENT));
}

static void waits_for_the_folders_lock(void **state)
{
    (void)state;
    struct folder folder;
    begin(&folder);
    int lock = open(folder.path, O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_refused(&folder, FKV_UNAVAILABLE, "stays locked by another process");
    close(lock);
    end(&folder);
}

static void connecting_to_nobody_names_the_path(void **state)
{
    (void)state;
    struct folder folder;
    struct net_listen listen;
    struct net_transport *client = NULL;
    begin(&folder);
    assert_int_equal(net_connect(alloc_system(), &folder.uri, &patient, &client, &error),
                     FKV_UNAVAILABLE);
    assert_non_null(strstr(error.message, folder.uri.path));
    assert_non_null(strstr(error.message, strerror(ENOENT)));

    /* A server that never accepts: the queue takes one more than its length. */
    const struct net_connect_options hasty = {.timeout_ns = 20 * NS_PER_MS};
    struct net_transport *queued = NULL;
    assert_ok(listen_with(&folder, 0600, 0, &listen));
    assert_ok(net_connect(alloc_system(), &folder.uri, &patient, &queued, &error));
    assert_int_equal(net_connect(alloc_system(), &folder.uri, &hasty, &client, &error),
                     FKV_UNAVAILABLE);
    assert_non_null(strstr(error.message, strerror(ETIMEDOUT)));
    assert_null(client);
    net_close(queued);
    net_listen_close(&listen);
    end(&folder);
}

int main(void)
{
    RUN_TESTS(
        cmocka_unit_test(carries_bytes), cmocka_unit_test(the_file_has_the_mode_whatever_the_umask),
        cmocka_unit_test(waits_busily_and_then_asleep),
        cmocka_unit_test(reads_whether_it_looks_before_it_sleeps_or_not),
        cmocka_unit_test(a_stale_file_is_replaced), cmocka_unit_test(removes_no_file_of_another),
        cmocka_unit_test(an_address_in_use_is_left_alone),
        cmocka_unit_test(other_files_are_left_alone), cmocka_unit_test(waits_for_the_folders_lock),
        cmocka_unit_test(connecting_to_nobody_names_the_path));
}
