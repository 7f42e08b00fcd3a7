/* SPDX-License-Identifier: Apache-2.0 */
/* stores: a client of Redis and memcached that adds as little as can be, for bench.py.
 *
 *     stores redis|memcached PORT FILE
 *
 *     put KEY BYTES SPLIT                the file's first BYTES, in values of at most SPLIT
 *     get KEY BYTES SPLIT                into one buffer, which is kept for the next get
 *     many get|put KEY BYTES COUNT       one value, so many times
 *
 * Each line is answered by "SECONDS", of `many` "latency P50 P99 P99.9 MAX SUM COUNT". The file is
 * mapped and read once before. Values go out from the map and come in where they are wanted, behind
 * one another: Arrow's reader takes them from there without a copy. The commands are Redis' SET and
 * GET in RESP 2, memcached's set and get in its text protocol. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "timing.h"

enum { line_max = 256, key_max = 64, count_max = 1 << 20 };

struct store {
    bool is_redis;
    int fd;
    const char *file;
    size_t file_size;
    char *buffer;
    size_t buffer_size;
};

static void send_bytes(int fd, const char *bytes, size_t size, int flags)
{
    while (size > 0) {
        ssize_t n = send(fd, bytes, size, flags | MSG_NOSIGNAL);
        if (n < 0)
            die("stores: send");
        bytes += n;
        size -= (size_t)n;
    }
}

static size_t receive_some(int fd, char *bytes, size_t size)
{
    ssize_t n = recv(fd, bytes, size, 0);
    if (n == 0)
        errno = ECONNRESET;
    if (n <= 0)
        die("stores: recv");
    return (size_t)n;
}

/* What follows a value, or answers a set: nothing is sent behind it. */
static void expect(int fd, const char *text, const char *got, size_t got_size)
{
    char line[line_max];
    size_t size = strlen(text);
    memcpy(line, got, got_size);
    while (got_size < size)
        got_size += receive_some(fd, line + got_size, size - got_size);
    errno = EPROTO;
    if (memcmp(line, text, size) != 0) {
        fprintf(stderr, "stores: got '%.*s'\n", (int)got_size, line);
        die("stores: not what was expected");
    }
}

static void set(const struct store *store, const char *key, const char *value, size_t size)
{
    char head[line_max];
    int length = store->is_redis
                     ? snprintf(head, sizeof head, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%zu\r\n",
                                strlen(key), key, size)
                     : snprintf(head, sizeof head, "set %s 0 0 %zu\r\n", key, size);
    send_bytes(store->fd, head, (size_t)length, MSG_MORE);
    send_bytes(store->fd, value, size, MSG_MORE);
    send_bytes(store->fd, "\r\n", 2, 0);
    expect(store->fd, store->is_redis ? "+OK\r\n" : "STORED\r\n", "", 0);
}

/* Receives the line in front of a value, and what came behind it; gives where the latter begins. */
static size_t receive_head(const struct store *store, char *line, size_t *ret_end)
{
    size_t end = 0;
    for (;;) {
        end += receive_some(store->fd, line + end, line_max - end);
        const char *found = memchr(line, '\n', end);
        errno = EPROTO;
        if (found == NULL && end == line_max)
            die("stores: a value's head was expected");
        if (found != NULL) {
            *ret_end = end;
            return (size_t)(found - line) + 1;
        }
    }
}

static void get(const struct store *store, const char *key, char *place, size_t size)
{
    char head[line_max], line[line_max], expected[line_max];
    int length = store->is_redis ? snprintf(head, sizeof head, "*2\r\n$3\r\nGET\r\n$%zu\r\n%s\r\n",
                                            strlen(key), key)
                                 : snprintf(head, sizeof head, "get %s\r\n", key);
    send_bytes(store->fd, head, (size_t)length, 0);
    size_t end, begin = receive_head(store, line, &end);
    int head_size = store->is_redis
                        ? snprintf(expected, sizeof expected, "$%zu\r\n", size)
                        : snprintf(expected, sizeof expected, "VALUE %s 0 %zu\r\n", key, size);
    if ((size_t)head_size != begin || memcmp(line, expected, begin) != 0)
        die("stores: another value was expected");
    size_t here = end - begin < size ? end - begin : size;
    memcpy(place, line + begin, here);
    for (size_t have = here; have < size;)
        have += receive_some(store->fd, place + have, size - have);
    expect(store->fd, store->is_redis ? "\r\n" : "\r\nEND\r\n", line + begin + here,
           end - begin - here);
}

/* ---- lines ---- */

static size_t number_of(const char *word, size_t most)
{
    char *end;
    errno = EINVAL;
    size_t number = word == NULL ? 0 : strtoull(word, &end, 10);
    if (number == 0 || *end != '\0' || number > most)
        die("stores: expected a number that isn't 0 nor too large");
    return number;
}

static void transfer(struct store *store, bool is_put, const char *name, size_t size, size_t split)
{
    char key[key_max];
    double begin = now_s();
    for (size_t i = 0, at = 0; at < size; i++, at += split) {
        size_t part = size - at < split ? size - at : split;
        snprintf(key, sizeof key, "%s:%zu", name, i);
        if (is_put)
            set(store, key, store->file + at, part);
        else
            get(store, key, store->buffer + at, part);
    }
    printf("%.9f\n", now_s() - begin);
}

static void many(struct store *store, bool is_put, const char *key, size_t size, size_t count)
{
    double *seconds = must(calloc(count, sizeof *seconds));
    for (size_t i = 0; i < count; i++) {
        double begin = now_s();
        if (is_put)
            set(store, key, store->file, size);
        else
            get(store, key, store->buffer, size);
        seconds[i] = now_s() - begin;
    }
    print_latencies(seconds, count, "");
    free(seconds);
}

static void make_room(struct store *store, size_t size)
{
    if (store->buffer_size >= size)
        return;
    free(store->buffer);
    store->buffer = must(aligned_alloc(64, (size + 63) / 64 * 64));
    store->buffer_size = size;
}

static void obey_lines(struct store *store)
{
    char line[line_max];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *words[5] = {NULL};
        size_t count = split(line, words, 5);
        errno = EINVAL;
        if (count < 4 || strlen(words[count - 3]) > key_max / 2)
            die("stores: a line is put, get or many");
        bool is_many = count == 5;
        size_t size = number_of(words[is_many ? 3 : 2], store->file_size);
        make_room(store, size);
        if (is_many)
            many(store, strcmp(words[1], "put") == 0, words[2], size,
                 number_of(words[4], count_max));
        else
            transfer(store, strcmp(words[0], "put") == 0, words[1], size,
                     number_of(words[3], SIZE_MAX));
        fflush(stdout);
    }
}

static void connect_to(struct store *store, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)number_of(port, UINT16_MAX))};
    int on = 1;
    store->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (store->fd < 0 || connect(store->fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        setsockopt(store->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        die("stores: cannot connect");
}

static void map_file(struct store *store, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) < 0)
        die("stores: cannot open the file");
    store->file_size = (size_t)about.st_size;
    store->file = mmap(NULL, store->file_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (store->file == MAP_FAILED)
        die("stores: cannot map the file");
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return fprintf(stderr, "usage: stores redis|memcached PORT FILE\n"), 2;
    struct store store = {.is_redis = strcmp(argv[1], "redis") == 0};
    map_file(&store, argv[3]);
    connect_to(&store, argv[2]);
    obey_lines(&store);
    free(store.buffer);
    return 0;
}
