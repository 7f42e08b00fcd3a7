/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/test.h"

static struct host *start(const struct log *log, const struct clock *clock,
                          uint32_t connections_max)
{
    struct fkv_error error;
    struct host_options options = {.log = log,
                                   .clock = clock,
                                   .listen_count = 1,
                                   .workers = 1,
                                   .connections_max = connections_max,
                                   .request_bytes_max = 1 << 20,
                                   .wire = wire_limits_default};
    struct host *host;
    assert_ok(net_uri_parse("grpc+tcp://127.0.0.1:0", &options.listen[0], &error));
    assert_ok(host_start(&options, &host, &error));
    return host;
}

static int connect_to(const struct host *host)
{
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons(host_uri(host, 0)->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

/* Takes all descriptors but one. Gives how many. */
static int take_descriptors(int *fds, int count)
{
    int taken = 0;
    while (taken < count && (fds[taken] = dup(0)) >= 0)
        taken++;
    assert_true(taken > 0 && taken < count);
    close(fds[--taken]);
    return taken;
}

static int count_in_log(int fd, const char *what)
{
    char text[4096];
    int count = 0;
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    assert_true(size >= 0);
    text[size] = '\0';
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
        count++;
    return count;
}

/* Without descriptors a listener rests, and goes on when there are some again. */
static void rests_without_descriptors(void **state)
{
    (void)state;
    struct log log = {memfd_create("log", MFD_CLOEXEC), LOG_ERROR};
    struct host *host = start(&log, NULL, 100);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit few = {100, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int fds[100];
    int taken = take_descriptors(fds, 100);
    int client = connect_to(host); /* the last one; the system holds the connection for us */
    usleep(200000);                /* enough for thousands of attempts */
    int lines = count_in_log(log.fd, "\n");
    assert_true(lines >= 1 && lines < 5);
    assert_int_equal(host_stats(host).connections_total, 0);
    while (taken > 0)
        close(fds[--taken]);
    char settings[9];
    assert_int_equal(recv(client, settings, sizeof settings, MSG_WAITALL), sizeof settings);
    setrlimit(RLIMIT_NOFILE, &before);
    close(client);
    host_stop(host);
    close(log.fd);
}

static uint64_t standing_now(void *context)
{
    return atomic_load((atomic_uint_fast64_t *)context);
}

static void be_refused(const struct host *host)
{
    char byte;
    int fd = connect_to(host);
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

/* One line when it begins, one a second later, whatever happens between. */
static void a_flood_of_refused_connections_is_not_logged(void **state)
{
    (void)state;
    atomic_uint_fast64_t now_ns = NS_PER_S;
    const struct clock clock = {standing_now, &now_ns};
    struct log log = {memfd_create("log", MFD_CLOEXEC), LOG_INFO};
    struct host *host = start(&log, &clock, 1);
    int client = connect_to(host);
    char settings[9];
    assert_int_equal(recv(client, settings, sizeof settings, MSG_WAITALL), sizeof settings);
    for (int i = 0; i < 50; i++)
        be_refused(host);
    atomic_fetch_add(&now_ns, NS_PER_S);
    for (int i = 0; i < 50; i++)
        be_refused(host);
    close(client);
    host_stop(host);
    assert_int_equal(count_in_log(log.fd, "event=connection-refused"), 2);
    assert_int_equal(count_in_log(log.fd, "not_logged=4"), 1); /* 49, or 48 and the 50th itself */
    close(log.fd);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(rests_without_descriptors),
              cmocka_unit_test(a_flood_of_refused_connections_is_not_logged));
}
