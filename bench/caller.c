/* SPDX-License-Identifier: Apache-2.0 */
/* caller: libflightkv's client, called by lines of text and timed, for bench.py.
 *
 *     open NAME URI CA-FILE tcp|unix|shm BUSY-POLL-US     connects; CA-FILE "-": none
 *     put NAME KEY COLUMNS ROWS BATCH-ROWS      append: the same, behind what is there
 *     get NAME KEY COLUMNS ROWS STREAMS HOW     "-": all; rows as START:STOP; columns by commas
 *     many NAME get|put KEY KEYS COUNT THREADS ROWS
 *     list NAME PATTERN
 *
 * Each line is answered by one: "SECONDS ROWS BYTES READ-SECONDS shm|socket", of `many` "latency
 * P50 P99 P99.9 MAX SUM COUNT SECONDS", or "error WHAT".
 *
 * A put's table has float64 columns, is filled before the time begins and kept for the next one.
 * What a get brings is released batch by batch, inside the time, so that the client reuses its
 * memory ("batches"); or it is held until all is there ("whole"); or then every byte of it is read
 * once, which is timed apart ("read").
 *
 * `many` makes COUNT calls over THREADS connections (1: the one that is open), each of a table of
 * one column of ROWS. With KEYS, a put's keys are KEY0, KEY1, ... and a get's any of them; with 0
 * it is KEY itself. */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>

#include "flightkv/flightkv.h"
#include "source.h"
#include "timing.h"

enum { line_bytes_max = 1 << 16, words_max = 8, clients_max = 64, threads_max = 1000 };
enum { key_bytes_max = 256 };

struct server {
    char *name, *uri, *ca, *transport;
    uint64_t busy_poll_us;
    struct fkv_client *client;
};

struct caller {
    struct server servers[clients_max];
    size_t count;
    struct source source;
};

struct result {
    double seconds, read_seconds;
    uint64_t rows, bytes;
    bool is_shared; /* came by shared memory */
};

/* ---- connections ---- */

static uint64_t number_of(const char *word)
{
    char *end;
    uint64_t number = strtoull(word, &end, 10);
    if (*end != '\0' || end == word) {
        errno = EINVAL;
        die("caller: expected a number");
    }
    return number;
}

static enum fkv_status connect_to(const struct server *server, struct fkv_client **ret,
                                  struct fkv_error *error)
{
    struct fkv_client_options options = {.size = sizeof options, .tls_ca_file = server->ca};
    options.transport = strcmp(server->transport, "shm") == 0    ? FKV_TRANSPORT_SHM
                        : strcmp(server->transport, "unix") == 0 ? FKV_TRANSPORT_UNIX
                                                                 : FKV_TRANSPORT_TCP;
    options.busy_poll_us = server->busy_poll_us;
    return fkv_client_open(server->uri, &options, ret, error);
}

static bool open_server(struct caller *caller, char **words, struct fkv_error *error)
{
    struct server *server = &caller->servers[caller->count];
    if (caller->count == clients_max)
        die("caller: too many servers");
    *server = (struct server){.name = must(strdup(words[1])),
                              .uri = must(strdup(words[2])),
                              .ca = strcmp(words[3], "-") == 0 ? NULL : must(strdup(words[3])),
                              .transport = must(strdup(words[4])),
                              .busy_poll_us = number_of(words[5])};
    caller->count++;
    return connect_to(server, &server->client, error) == FKV_OK;
}

static const struct server *find_server(const struct caller *caller, const char *name)
{
    for (size_t i = 0; i < caller->count; i++)
        if (strcmp(caller->servers[i].name, name) == 0 && caller->servers[i].client != NULL)
            return &caller->servers[i];
    errno = EINVAL;
    die("caller: no such server is open");
    return NULL;
}

/* ---- one call ---- */

static enum fkv_status put(struct fkv_client *client, struct source *source, const char *key,
                           enum fkv_put_mode mode, struct result *ret, struct fkv_error *error)
{
    const struct fkv_put_options options = {.size = sizeof options, .mode = mode};
    struct ArrowArrayStream stream;
    struct fkv_progress progress = {0};
    double begin = now_s();
    source_stream(source, &stream);
    enum fkv_status status = fkv_put(client, key, strlen(key), &stream, &options, &progress, error);
    *ret =
        (struct result){.seconds = now_s() - begin, .rows = progress.rows, .bytes = progress.bytes};
    return status;
}

struct batches {
    struct ArrowArray *arrays;
    size_t count, capacity;
};

static void keep(struct batches *batches, const struct ArrowArray *array)
{
    if (batches->count == batches->capacity) {
        batches->capacity = batches->capacity * 2 + 64;
        batches->arrays =
            must(realloc(batches->arrays, batches->capacity * sizeof *batches->arrays));
    }
    batches->arrays[batches->count++] = *array;
}

static void release_all(struct batches *batches)
{
    for (size_t i = 0; i < batches->count; i++)
        batches->arrays[i].release(&batches->arrays[i]);
    free(batches->arrays);
}

/* In four sums, so that one addition needn't wait for the other. */
static uint64_t sum_of(const uint64_t *values, size_t count)
{
    uint64_t sums[4] = {0};
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (size_t j = 0; j < 4; j++)
            sums[j] += values[i + j];
    for (; i < count; i++)
        sums[0] += values[i];
    return sums[0] + sums[1] + sums[2] + sums[3];
}

static void read_all(const struct batches *batches)
{
    volatile uint64_t sum = 0; /* or the compiler leaves the reading out */
    for (size_t i = 0; i < batches->count; i++) {
        const struct ArrowArray *batch = &batches->arrays[i];
        for (int64_t j = 0; j < batch->n_children; j++)
            sum += sum_of(batch->children[j]->buffers[1], (size_t)batch->length);
    }
}

static enum fkv_status drain(struct ArrowArrayStream *stream, bool keeps, struct batches *batches,
                             struct result *result, struct fkv_error *error)
{
    struct ArrowArray batch;
    int failed;
    while ((failed = stream->get_next(stream, &batch)) == 0 && batch.release != NULL) {
        result->rows += (uint64_t)batch.length;
        result->bytes += (uint64_t)(batch.length * batch.n_children) * sizeof(double);
        if (keeps)
            keep(batches, &batch);
        else
            batch.release(&batch);
    }
    return failed != 0 ? fkv_stream_error(stream, error) : FKV_OK;
}

static enum fkv_status get(struct fkv_client *client, const char *key,
                           const struct fkv_get_options *options, const char *how,
                           struct result *ret, struct fkv_error *error)
{
    struct ArrowArrayStream stream;
    struct batches batches = {0};
    double begin = now_s();
    *ret = (struct result){0};
    enum fkv_status status = fkv_get(client, key, strlen(key), options, &stream, error);
    if (status != FKV_OK)
        return status;
    status = drain(&stream, strcmp(how, "batches") != 0, &batches, ret, error);
    stream.release(&stream);
    ret->seconds = now_s() - begin;
    ret->is_shared = fkv_client_transport(client, NULL) == FKV_TRANSPORT_SHM;
    if (strcmp(how, "read") == 0) {
        begin = now_s();
        read_all(&batches);
        ret->read_seconds = now_s() - begin;
    }
    release_all(&batches);
    return status;
}

static bool on_table(void *context, struct fkv_table_info *info)
{
    struct result *result = context;
    result->rows++;
    result->bytes += (uint64_t)info->bytes;
    return true;
}

/* ---- many calls ---- */

struct many {
    const struct server *server;
    const char *key;
    uint64_t keys, count, threads;
    bool is_put;
    pthread_barrier_t start;
    double *seconds; /* of every call */
};

struct share {
    pthread_t thread;
    struct many *many;
    struct fkv_client *client;
    struct source source;
    uint64_t first, end; /* which of the calls */
    enum fkv_status status;
    struct fkv_error error;
};

static enum fkv_status call_once(struct share *share, const char *key)
{
    const struct fkv_get_options options = {.size = sizeof options};
    struct result result;
    return share->many->is_put
               ? put(share->client, &share->source, key, FKV_PUT_REPLACE, &result, &share->error)
               : get(share->client, key, &options, "batches", &result, &share->error);
}

static void *run_share(void *context)
{
    struct share *share = context;
    struct many *many = share->many;
    uint64_t bits = share->first * 2 + 1;
    char key[key_bytes_max];
    pthread_barrier_wait(&many->start);
    for (uint64_t i = share->first; i < share->end && share->status == FKV_OK; i++) {
        bits = bits * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
        uint64_t which = many->keys == 0 ? 0 : (many->is_put ? i : bits >> 33) % many->keys;
        if (many->keys == 0)
            snprintf(key, sizeof key, "%s", many->key);
        else
            snprintf(key, sizeof key, "%s%" PRIu64, many->key, which);
        double begin = now_s();
        share->status = call_once(share, key);
        many->seconds[i] = now_s() - begin;
    }
    return NULL;
}

static void start_share(struct share *share, pthread_attr_t *attributes)
{
    const struct server *server = share->many->server;
    share->client = share->many->threads == 1 ? server->client : NULL;
    if (share->client == NULL)
        share->status = connect_to(server, &share->client, &share->error);
    errno = pthread_create(&share->thread, attributes, run_share, share);
    if (errno != 0)
        die("caller: cannot start a thread");
}

static enum fkv_status run_many(struct many *many, const struct source *source, double *ret_elapsed,
                                struct fkv_error *error)
{
    struct share *shares = must(calloc(many->threads, sizeof *shares));
    pthread_attr_t attributes;
    enum fkv_status status = FKV_OK;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    pthread_barrier_init(&many->start, NULL, (unsigned)many->threads + 1);
    for (uint64_t i = 0; i < many->threads; i++) {
        shares[i] = (struct share){.many = many,
                                   .source = *source,
                                   .first = many->count * i / many->threads,
                                   .end = many->count * (i + 1) / many->threads};
        start_share(&shares[i], &attributes);
    }
    pthread_barrier_wait(&many->start);
    double begin = now_s();
    for (uint64_t i = 0; i < many->threads; i++) {
        pthread_join(shares[i].thread, NULL);
        if (shares[i].status != FKV_OK) {
            status = shares[i].status;
            *error = shares[i].error;
        }
    }
    *ret_elapsed = now_s() - begin;
    for (uint64_t i = 0; i < many->threads && many->threads > 1; i++)
        fkv_client_close(shares[i].client);
    pthread_barrier_destroy(&many->start);
    pthread_attr_destroy(&attributes);
    free(shares);
    return status;
}

/* ---- lines ---- */

static bool obey_many(struct caller *caller, char **words, struct fkv_error *error)
{
    struct many many = {.server = find_server(caller, words[1]),
                        .is_put = strcmp(words[2], "put") == 0,
                        .key = words[3],
                        .keys = number_of(words[4]),
                        .count = number_of(words[5]),
                        .threads = number_of(words[6])};
    double elapsed;
    char rest[32];
    errno = EINVAL;
    if (many.count == 0 || many.threads == 0 || many.threads > threads_max)
        die("caller: many what?");
    struct source *source = &caller->source;
    source->columns = 1;
    source->rows = source->batch_rows = number_of(words[7]);
    source_fill(source, source->rows);
    many.seconds = must(calloc(many.count, sizeof *many.seconds));
    bool is_done = run_many(&many, source, &elapsed, error) == FKV_OK;
    if (is_done) {
        snprintf(rest, sizeof rest, " %.9f", elapsed);
        print_latencies(many.seconds, many.count, rest);
    }
    free(many.seconds);
    return is_done;
}

static enum fkv_status obey_put(struct caller *caller, char **words, struct result *ret,
                                struct fkv_error *error)
{
    struct source *source = &caller->source;
    enum fkv_put_mode mode = strcmp(words[0], "append") == 0 ? FKV_PUT_APPEND : FKV_PUT_REPLACE;
    source->columns = number_of(words[3]);
    source->rows = number_of(words[4]);
    source->batch_rows = number_of(words[5]);
    source_fill(source, source->columns * source->rows);
    return put(find_server(caller, words[1])->client, source, words[2], mode, ret, error);
}

static enum fkv_status obey_get(const struct caller *caller, char **words, struct result *ret,
                                struct fkv_error *error)
{
    const struct fkv_get_options options = {
        .size = sizeof options,
        .columns = strcmp(words[3], "-") == 0 ? NULL : words[3],
        .rows = strcmp(words[4], "-") == 0 ? NULL : words[4],
        .streams = number_of(words[5]),
    };
    return get(find_server(caller, words[1])->client, words[2], &options, words[6], ret, error);
}

static enum fkv_status obey_list(const struct caller *caller, char **words, struct result *ret,
                                 struct fkv_error *error)
{
    double begin = now_s();
    *ret = (struct result){0};
    enum fkv_status status =
        fkv_list(find_server(caller, words[1])->client, words[2], on_table, ret, error);
    ret->seconds = now_s() - begin;
    return status;
}

/* False: the error says why. */
static bool obey(struct caller *caller, char **words, size_t count, struct fkv_error *error)
{
    struct result result = {0};
    enum fkv_status status;
    if (count == 6 && strcmp(words[0], "open") == 0) {
        if (!open_server(caller, words, error))
            return false;
        status = FKV_OK;
    } else if (count == 8 && strcmp(words[0], "many") == 0) {
        return obey_many(caller, words, error);
    } else if (count == 7 && strcmp(words[0], "get") == 0) {
        status = obey_get(caller, words, &result, error);
    } else if (count == 3 && strcmp(words[0], "list") == 0) {
        status = obey_list(caller, words, &result, error);
    } else if (count == 6) {
        status = obey_put(caller, words, &result, error);
    } else {
        errno = EINVAL;
        die("caller: a line as the head of caller.c has it was expected");
        return false;
    }
    if (status == FKV_OK)
        printf("%.9f %" PRIu64 " %" PRIu64 " %.9f %s\n", result.seconds, result.rows, result.bytes,
               result.read_seconds, result.is_shared ? "shm" : "socket");
    return status == FKV_OK;
}

static void caller_done(struct caller *caller)
{
    for (size_t i = 0; i < caller->count; i++) {
        fkv_client_close(caller->servers[i].client);
        free(caller->servers[i].name);
        free(caller->servers[i].uri);
        free(caller->servers[i].ca);
        free(caller->servers[i].transport);
    }
    free(caller->source.values);
}

int main(void)
{
    static char line[line_bytes_max];
    struct caller caller = {0};
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *words[words_max] = {NULL};
        struct fkv_error error = {0};
        size_t count = split(line, words, words_max);
        if (count > 0 && !obey(&caller, words, count, &error))
            printf("error %s\n", error.message);
        fflush(stdout);
    }
    caller_done(&caller);
    return 0;
}
