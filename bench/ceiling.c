/* SPDX-License-Identifier: Apache-2.0 */
/* ceiling: how fast the same bytes go through bare sockets.
 *
 *     ceiling --size BYTES [--calls N] [--fresh]     measures TCP, prints one JSON object
 *     ceiling --size BYTES --lines [--child-core N]  obeys lines of text, up to that size:
 *
 *     put tcp|unix BYTES CHUNK                       "SECONDS"
 *     get tcp|unix BYTES CHUNK                       "SECONDS"
 *     ping tcp|unix COUNT REQUEST ANSWER block|spin  "latency P50 P99 P99.9 MAX SUM COUNT"
 *     copy BYTES                                     "SECONDS" of a memcpy, both sides warm
 *
 *     parent ("client")                          child ("server")
 *     order {way, socket, ...}    ------------>  obeys it; orders always go over TCP
 *     put: sends size bytes       ------------>  receives them, answers one byte
 *     get: receives size bytes    <------------  sends them
 *     ping: REQUEST bytes         ------------>  ANSWER bytes back, COUNT times
 *
 * Both processes hold a buffer of `size` bytes that was written to before ("warm"). A receiver
 * takes the bytes into it by recv(2) of `chunk` bytes, where a table would end up. "fresh" receives
 * into memory that was never touched, as a program does that keeps what it gets for the first time:
 * the difference is what the kernel takes for handing out pages. A ping-pong blocks in recv(2) at
 * both ends, or spins there without sleeping. The child may have a core of its own; the parent has
 * those that it was started with.
 *
 * Without --lines, every chunk size is tried with a quarter of the bytes; the best one is then
 * measured with all of them. The parent's clock decides: from the order to the last byte, or its
 * acknowledgement. */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "timing.h"

static const size_t chunks[] = {64 << 10, 256 << 10, 1 << 20, 4 << 20};
enum { chunk_count = sizeof chunks / sizeof chunks[0], calls_max = 1000, ping_count_max = 1 << 20 };

enum way { WAY_PUT, WAY_GET, WAY_PING, WAY_END };
enum socket { SOCKET_TCP, SOCKET_UNIX, SOCKET_COUNT };

struct order {
    uint64_t way;
    uint64_t socket;
    uint64_t bytes; /* of a ping: its request's */
    uint64_t chunk;
    uint64_t fresh;
    uint64_t answer; /* what follows is for pings only */
    uint64_t count;
    uint64_t spins;
};

struct peer {
    int fds[SOCKET_COUNT];
    uint8_t *warm;
    size_t size;
};

static uint8_t *map_bytes(size_t size)
{
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        die("ceiling: cannot map the buffer");
    return bytes;
}

static void send_bytes(int fd, const uint8_t *bytes, size_t size, size_t chunk)
{
    while (size > 0) {
        ssize_t n = send(fd, bytes, size < chunk ? size : chunk, MSG_NOSIGNAL);
        if (n < 0)
            die("ceiling: send");
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
            die("ceiling: recv");
        bytes += n;
        size -= (size_t)n;
    }
}

/* Without sleeping in the kernel. */
static void receive_spinning(int fd, uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = recv(fd, bytes, size, MSG_DONTWAIT);
        if (n == 0)
            errno = ECONNRESET;
        if (n == 0 || (n < 0 && errno != EAGAIN))
            die("ceiling: recv");
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
}

static void receive_ping(const struct peer *peer, const struct order *order, size_t size)
{
    if (order->spins)
        receive_spinning(peer->fds[order->socket], peer->warm, size);
    else
        receive_bytes(peer->fds[order->socket], peer->warm, size, size);
}

static void receive_table(const struct peer *peer, const struct order *order)
{
    uint8_t *bytes = order->fresh ? map_bytes(order->bytes) : peer->warm;
    receive_bytes(peer->fds[order->socket], bytes, order->bytes, order->chunk);
    if (order->fresh)
        munmap(bytes, order->bytes);
}

static void send_order(const struct peer *peer, const struct order *order)
{
    send_bytes(peer->fds[SOCKET_TCP], (const uint8_t *)order, sizeof *order, sizeof *order);
}

static void serve_order(const struct peer *peer, const struct order *order)
{
    int fd = peer->fds[order->socket];
    if (order->way == WAY_GET) {
        send_bytes(fd, peer->warm, order->bytes, order->chunk);
    } else if (order->way == WAY_PUT) {
        receive_table(peer, order);
        send_bytes(fd, (const uint8_t *)"", 1, 1);
    } else {
        for (uint64_t i = 0; i < order->count; i++) {
            receive_ping(peer, order, order->bytes);
            send_bytes(fd, peer->warm, order->answer, order->answer);
        }
    }
}

static void serve(const struct peer *peer)
{
    struct order order;
    for (;;) {
        receive_bytes(peer->fds[SOCKET_TCP], (uint8_t *)&order, sizeof order, sizeof order);
        if (order.way == WAY_END)
            return;
        serve_order(peer, &order);
    }
}

/* One transfer; gives its seconds. */
static double transfer(const struct peer *peer, const struct order *order)
{
    int fd = peer->fds[order->socket];
    uint8_t done;
    double start = now_s();
    send_order(peer, order);
    if (order->way == WAY_PUT) {
        send_bytes(fd, peer->warm, order->bytes, order->chunk);
        receive_bytes(fd, &done, 1, 1);
    } else {
        receive_table(peer, order);
    }
    return now_s() - start;
}

static void ping(const struct peer *peer, const struct order *order)
{
    double *seconds = must(calloc(order->count, sizeof *seconds));
    send_order(peer, order);
    for (uint64_t i = 0; i < order->count; i++) {
        double start = now_s();
        send_bytes(peer->fds[order->socket], peer->warm, order->bytes, order->bytes);
        receive_ping(peer, order, order->answer);
        seconds[i] = now_s() - start;
    }
    print_latencies(seconds, order->count, "");
    free(seconds);
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
    struct order order;
    for (size_t i = 0; i < chunk_count; i++) {
        order = (struct order){.way = way, .bytes = peer->size / 4, .chunk = chunks[i]};
        trials[i] = transfer(peer, &order);
        best = trials[i] < trials[best] ? i : best;
    }
    order = (struct order){.way = way, .bytes = peer->size, .chunk = chunks[best]};
    for (size_t i = 0; i < calls; i++)
        seconds[i] = transfer(peer, &order);
    printf("\"%s\": {\"chunk\": %zu, ", way == WAY_PUT ? "put" : "get", chunks[best]);
    print_seconds("calls", seconds, calls);
    order.fresh = fresh;
    if (fresh)
        seconds[0] = transfer(peer, &order);
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
        die("ceiling: cannot listen on 127.0.0.1");
    *ret_address = address;
    return fd;
}

/* Reno, as flightkv has it between processes of one host: BBR would be a lower ceiling. */
static int set_options(int fd)
{
    int on = 1;
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) < 0)
        die("ceiling: cannot connect on 127.0.0.1");
    return fd;
}

static void stay_on(size_t core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) < 0)
        die("ceiling: cannot stay on that core");
}

/* A descriptor that was closed by mistake is given out anew, and measured under the other's name.
 */
static void check_domains(const struct peer *peer)
{
    static const int domains[SOCKET_COUNT] = {[SOCKET_TCP] = AF_INET, [SOCKET_UNIX] = AF_UNIX};
    for (int i = 0; i < SOCKET_COUNT; i++) {
        int domain = 0;
        socklen_t size = sizeof domain;
        if (getsockopt(peer->fds[i], SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0)
            die("ceiling: getsockopt");
        errno = EPROTOTYPE;
        if (domain != domains[i])
            die("ceiling: a socket isn't of the kind that is to be measured");
    }
}

static void run_child(const struct sockaddr_in *address, int unix_fd, size_t size)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
        die("ceiling: cannot connect");
    struct peer peer = {{set_options(fd), unix_fd}, map_bytes(size), size};
    check_domains(&peer);
    memset(peer.warm, 2, size);
    send_bytes(fd, (const uint8_t *)"", 1, 1);
    serve(&peer);
    _exit(0);
}

static void measure_all(const struct peer *peer, size_t calls, bool fresh)
{
    printf("{\"size\": %zu, ", peer->size);
    measure_way(peer, WAY_PUT, calls, fresh);
    printf(", ");
    measure_way(peer, WAY_GET, calls, fresh);
    printf("}\n");
}

/* ---- lines ---- */

static uint64_t number_of(const char *word, uint64_t most)
{
    char *end;
    errno = EINVAL;
    uint64_t number = word == NULL ? 0 : strtoull(word, &end, 10);
    if (number == 0 || *end != '\0' || number > most)
        die("ceiling: expected a number that isn't 0 nor too large");
    return number;
}

static void copy(const struct peer *peer, uint64_t bytes)
{
    double start = now_s();
    memcpy(peer->warm + bytes / 2, peer->warm, bytes / 2);
    memcpy(peer->warm, peer->warm + bytes / 2, bytes / 2);
    printf("%.9f\n", now_s() - start);
}

static void obey(const struct peer *peer, char **words)
{
    struct order order = {.way = strcmp(words[0], "put") == 0   ? WAY_PUT
                                 : strcmp(words[0], "get") == 0 ? WAY_GET
                                                                : WAY_PING,
                          .socket = strcmp(words[1], "unix") == 0 ? SOCKET_UNIX : SOCKET_TCP};
    if (strcmp(words[0], "copy") == 0) {
        copy(peer, number_of(words[1], peer->size));
    } else if (order.way == WAY_PING) {
        order.count = number_of(words[2], ping_count_max);
        order.bytes = number_of(words[3], peer->size);
        order.answer = number_of(words[4], peer->size);
        order.spins = words[5] != NULL && strcmp(words[5], "spin") == 0;
        ping(peer, &order);
    } else {
        order.bytes = number_of(words[2], peer->size);
        order.chunk = number_of(words[3], SIZE_MAX);
        printf("%.9f\n", transfer(peer, &order));
    }
}

static void obey_lines(const struct peer *peer)
{
    char line[256];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *words[6] = {NULL};
        size_t count = split(line, words, 6);
        errno = EINVAL;
        if (count < 2)
            die("ceiling: a line is put, get, ping or copy");
        obey(peer, words);
        fflush(stdout);
    }
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

struct arguments {
    size_t size, calls, child_core;
    bool fresh, lines, has_child_core;
};

static _Noreturn void usage(void)
{
    fputs("usage: ceiling [--size BYTES] [--calls N] [--fresh] [--lines] [--child-core N]\n",
          stderr);
    exit(2);
}

static struct arguments parse_arguments(int argc, char **argv)
{
    static const struct option options[] = {{"size", required_argument, NULL, 's'},
                                            {"calls", required_argument, NULL, 'c'},
                                            {"fresh", no_argument, NULL, 'f'},
                                            {"lines", no_argument, NULL, 'l'},
                                            {"child-core", required_argument, NULL, 'o'},
                                            {0}};
    struct arguments arguments = {.size = 256 << 20, .calls = 2};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 's')
            arguments.size = parse_number(optarg, 1 << 20, SIZE_MAX / 2);
        else if (option == 'c')
            arguments.calls = parse_number(optarg, 1, calls_max);
        else if (option == 'f')
            arguments.fresh = true;
        else if (option == 'l')
            arguments.lines = true;
        else if (option == 'o') {
            arguments.child_core = parse_number(optarg, 0, CPU_SETSIZE - 1);
            arguments.has_child_core = true;
        } else
            usage();
    }
    return arguments;
}

int main(int argc, char **argv)
{
    struct arguments arguments = parse_arguments(argc, argv);
    struct sockaddr_in address;
    int listener = listen_anywhere(&address), pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        die("ceiling: socketpair");
    pid_t child = fork();
    if (child < 0)
        die("ceiling: fork");
    close(pair[child != 0]);
    if (child == 0 && arguments.has_child_core)
        stay_on(arguments.child_core);
    if (child == 0)
        run_child(&address, pair[1], arguments.size);
    struct peer peer = {{set_options(accept(listener, NULL, NULL)), pair[0]},
                        map_bytes(arguments.size),
                        arguments.size};
    uint8_t is_ready;
    check_domains(&peer);
    memset(peer.warm, 1, peer.size);
    receive_bytes(peer.fds[SOCKET_TCP], &is_ready, 1, 1);
    if (arguments.lines)
        obey_lines(&peer);
    else
        measure_all(&peer, arguments.calls, arguments.fresh);
    struct order end = {.way = WAY_END};
    send_order(&peer, &end);
    int status;
    waitpid(child, &status, 0);
    return status == 0 && fflush(stdout) == 0 ? 0 : 1;
}
