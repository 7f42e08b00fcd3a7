/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/test.h"

static struct host *start(const struct log *log)
{
    struct fkv_error error;
    struct host_options options = {.log = log,
                                   .listen_count = 1,
                                   .workers = 1,
                                   .connections_max = 100,
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

static int count_lines(int fd)
{
    char text[4096];
    int lines = 0;
    ssize_t size = pread(fd, text, sizeof text, 0);
    for (ssize_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    return lines;
}

/* Without descriptors a listener rests, and goes on when there are some again. */
static void rests_without_descriptors(void **state)
{
    (void)state;
    struct log log = {memfd_create("log", MFD_CLOEXEC), LOG_ERROR};
    struct host *host = start(&log);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit few = {100, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int fds[100];
    int taken = take_descriptors(fds, 100);
    int client = connect_to(host); /* the last one; the system holds the connection for us */
    usleep(200000);                /* enough for thousands of attempts */
    int lines = count_lines(log.fd);
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

int main(void)
{
    RUN_TESTS(cmocka_unit_test(rests_without_descriptors));
}
