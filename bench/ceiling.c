/* SPDX-License-Identifier: Apache-2.0 */
/* ceiling: how fast the same bytes go through a bare TCP connection.
 *
 *     parent ("client")                          child ("server")
 *     order {way, chunk, fresh}   ------------>  obeys it
 *     put: sends size bytes       ------------>  receives them, answers one byte
 *     get: receives size bytes    <------------  sends them
 *
 * Both processes hold a buffer of `size` bytes that was written to before ("warm"). A receiver
 * takes the bytes into it by recv(2) of `chunk` bytes, where a table would end up. "fresh" receives
 * into memory that was never touched, as a program does that keeps what it gets for the first time:
 * the difference is what the kernel takes for handing out pages.
 *
 * Every chunk size is tried with a quarter of the bytes; the best one is then measured with all of
 * them. The parent's clock decides: from the order to the last byte, or its acknowledgement. Prints
 * one JSON object. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const size_t chunks[] = {64 << 10, 256 << 10, 1 << 20, 4 << 20};
enum { chunk_count = sizeof chunks / sizeof chunks[0], calls_max = 1000 };

enum way { WAY_PUT, WAY_GET, WAY_END };

struct order {
    uint64_t way;
    uint64_t bytes;
    uint64_t chunk;
    uint64_t fresh;
};

struct peer {
    int fd;
    uint8_t *warm;
    size_t size;
};

static void die(const char *what)
{
    fprintf(stderr, "ceiling: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static uint8_t *map_bytes(size_t size)
{
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        die("cannot map the buffer");
    return bytes;
}

static void send_bytes(int fd, const uint8_t *bytes, size_t size, size_t chunk)
{
    while (size > 0) {
        ssize_t n = send(fd, bytes, size < chunk ? size : chunk, MSG_NOSIGNAL);
        if (n < 0)
            die("send");
        bytes += n;
        size -= (size_t)n;
    }
}

static void receive_bytes(int fd, uint8_t *bytes, size_t size, size_t chunk)
{
    while (size > 0) {
        ssize_t n = recv(fd, bytes, size < chunk ? size : chunk, 0);
        if (n == 0)
            errno = ECONNRESET;
        if (n <= 0)
            die("recv");
        bytes += n;
        size -= (size_t)n;
    }
}

static void receive_table(const struct peer *peer, const struct order *order)
{
    uint8_t *bytes = order->fresh ? map_bytes(order->bytes) : peer->warm;
    receive_bytes(peer->fd, bytes, order->bytes, order->chunk);
    if (order->fresh)
        munmap(bytes, order->bytes);
}

static void serve(const struct peer *peer)
{
    struct order order;
    for (;;) {
        receive_bytes(peer->fd, (uint8_t *)&order, sizeof order, sizeof order);
        if (order.way == WAY_END)
            return;
        if (order.way == WAY_GET) {
            send_bytes(peer->fd, peer->warm, order.bytes, order.chunk);
            continue;
        }
        receive_table(peer, &order);
        send_bytes(peer->fd, (const uint8_t *)"", 1, 1);
    }
}

/* One transfer; gives its seconds. */
static double transfer(const struct peer *peer, enum way way, size_t bytes, size_t chunk,
                       bool fresh)
{
    struct order order = {way, bytes, chunk, fresh};
    uint8_t done;
    double start = now_s();
    send_bytes(peer->fd, (const uint8_t *)&order, sizeof order, sizeof order);
    if (way == WAY_PUT) {
        send_bytes(peer->fd, peer->warm, bytes, chunk);
        receive_bytes(peer->fd, &done, 1, 1);
    } else {
        receive_table(peer, &order);
    }
    return now_s() - start;
}

static void print_seconds(const char *name, const double *seconds, size_t count)
{
    printf("\"%s\": [", name);
    for (size_t i = 0; i < count; i++)
        printf("%s%.6f", i > 0 ? ", " : "", seconds[i]);
    printf("]");
}

static void measure_way(const struct peer *peer, enum way way, size_t calls, bool fresh)
{
    double seconds[calls_max] = {0};
    double trials[chunk_count];
    size_t best = 0;
    for (size_t i = 0; i < chunk_count; i++) {
        trials[i] = transfer(peer, way, peer->size / 4, chunks[i], false);
        best = trials[i] < trials[best] ? i : best;
    }
    for (size_t i = 0; i < calls; i++)
        seconds[i] = transfer(peer, way, peer->size, chunks[best], false);
    printf("\"%s\": {\"chunk\": %zu, ", way == WAY_PUT ? "put" : "get", chunks[best]);
    print_seconds("calls", seconds, calls);
    if (fresh)
        seconds[0] = transfer(peer, way, peer->size, chunks[best], true);
    printf(", ");
    print_seconds("fresh", seconds, fresh ? 1 : 0);
    printf(", ");
    print_seconds("trials", trials, chunk_count);
    printf("}");
}

static int listen_anywhere(struct sockaddr_in *ret_address)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        die("cannot listen on 127.0.0.1");
    *ret_address = address;
    return fd;
}

static int set_no_delay(int fd)
{
    int on = 1;
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        die("cannot connect on 127.0.0.1");
    return fd;
}

static void run_child(const struct sockaddr_in *address, size_t size)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
        die("cannot connect");
    struct peer peer = {set_no_delay(fd), map_bytes(size), size};
    memset(peer.warm, 2, size);
    send_bytes(peer.fd, (const uint8_t *)"", 1, 1);
    serve(&peer);
    _exit(0);
}

static void run_parent(int listener, size_t size, size_t calls, bool fresh)
{
    struct peer peer = {set_no_delay(accept(listener, NULL, NULL)), map_bytes(size), size};
    uint8_t is_ready;
    memset(peer.warm, 1, size);
    receive_bytes(peer.fd, &is_ready, 1, 1);
    printf("{\"size\": %zu, ", size);
    measure_way(&peer, WAY_PUT, calls, fresh);
    printf(", ");
    measure_way(&peer, WAY_GET, calls, fresh);
    printf("}\n");
    struct order end = {.way = WAY_END};
    send_bytes(peer.fd, (const uint8_t *)&end, sizeof end, sizeof end);
}

static size_t parse_number(const char *text, size_t least, size_t most)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || number < least || number > most) {
        fprintf(stderr, "ceiling: '%s': expected a number from %zu to %zu\n", text, least, most);
        exit(2);
    }
    return (size_t)number;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"size", required_argument, NULL, 's'},
                                            {"calls", required_argument, NULL, 'c'},
                                            {"fresh", no_argument, NULL, 'f'},
                                            {0}};
    size_t size = 256 << 20, calls = 2;
    bool fresh = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 's')
            size = parse_number(optarg, 1 << 20, SIZE_MAX / 2);
        else if (option == 'c')
            calls = parse_number(optarg, 1, calls_max);
        else if (option == 'f')
            fresh = true;
        else
            return fprintf(stderr, "usage: ceiling [--size BYTES] [--calls N] [--fresh]\n"), 2;
    }
    struct sockaddr_in address;
    int listener = listen_anywhere(&address);
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0)
        run_child(&address, size);
    run_parent(listener, size, calls, fresh);
    int status;
    waitpid(child, &status, 0);
    return status == 0 && fflush(stdout) == 0 ? 0 : 1;
}
