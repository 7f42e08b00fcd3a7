/* SPDX-License-Identifier: Apache-2.0 */
/* A get over several connections. The server cuts the table into parts; runners, each a thread with
 * a client of its own, take the parts in order and read each to its end; the consumer gets the
 * batches of the first part, then those of the second, and so on.
 *
 *     parts      0      1      2      3      4      5      6   ...
 *              read,  being  being  being    not begun
 *              given  given  read   read
 *                      head |---- window ----|
 *
 * A part is begun only within a window of as many parts as there are runners, counted from the one
 * being given: that bounds what is received ahead. A runner never waits in the middle of a part, so
 * that the consumer always gets the next batch, and no server is kept waiting.
 *
 * `lock` guards all that is below it. */
#include <pthread.h>
#include <stdio.h>

#include "base/condition.h"
#include "base/list.h"
#include "base/status.h"
#include "client/client.h"
#include "exchange/convert.h"

enum { parts_max = 256 };
#define AHEAD_BYTES ((uint64_t)64 << 20)

enum { info_memory_max = 256 << 20 };

/* How long a wait lasts before fkv_client_cancel is looked at again. */
enum { wait_ns = 50 * 1000000 };

struct ready {
    struct list link;
    struct ArrowArray array;
};

struct part {
    struct slice ticket;
    struct list ready; /* struct ready */
    bool is_read;
};

struct runner {
    struct streams *streams;
    pthread_t thread;
    struct fkv_client *client; /* NULL until it is open */
};

struct streams {
    const struct alloc *alloc;
    struct fkv_client *client;      /* whose get it is; NULL once that is closed */
    struct fkv_get_options options; /* of one part's get */
    struct buf columns;             /* what options.columns points to */
    struct client_fields fields;    /* of each runner's client: the client's, its token too, */
    uint64_t renew_ns;              /* which holds until then */
    struct ArrowArrayStream empty;  /* where that may differ from the info's: for the schema */
    struct flight_memory memory;
    struct buf reply; /* the info; schema and tickets point into both */
    struct slice schema;
    struct part *parts;
    size_t part_count;
    struct runner runners[client_streams_max];
    size_t runner_count;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t head; /* the part being given */
    size_t next; /* the next one to be read */
    size_t running;
    bool is_stopping;
    enum fkv_status status;
    struct fkv_error error;
};

/* ---- runners ---- */

static void fail(struct streams *streams, enum fkv_status status, const struct fkv_error *error)
{
    pthread_mutex_lock(&streams->lock);
    if (streams->status == FKV_OK) {
        streams->status = status;
        streams->error = *error;
    }
    streams->is_stopping = true;
    pthread_cond_broadcast(&streams->changed);
    pthread_mutex_unlock(&streams->lock);
}

/* The next part to read, once it is in the window; NULL when there is no more to do. */
static struct part *take_part(struct streams *streams)
{
    struct part *part = NULL;
    pthread_mutex_lock(&streams->lock);
    while (!streams->is_stopping && streams->next < streams->part_count &&
           streams->next >= streams->head + streams->runner_count)
        pthread_cond_wait(&streams->changed, &streams->lock);
    if (!streams->is_stopping && streams->next < streams->part_count)
        part = &streams->parts[streams->next++];
    pthread_mutex_unlock(&streams->lock);
    return part;
}

/* Takes the array over. */
static enum fkv_status give(struct streams *streams, struct part *part, struct ArrowArray *array,
                            struct fkv_error *error)
{
    struct ready *ready = alloc_zero(streams->alloc, sizeof *ready);
    if (ready == NULL) {
        array->release(array);
        return status_no_memory(error, sizeof *ready);
    }
    ready->array = *array;
    pthread_mutex_lock(&streams->lock);
    list_push(&part->ready, &ready->link);
    bool is_stopping = streams->is_stopping;
    pthread_cond_broadcast(&streams->changed);
    pthread_mutex_unlock(&streams->lock);
    return is_stopping ? status_set(error, FKV_CANCELLED, "the get was ended") : FKV_OK;
}

static enum fkv_status read_part(struct streams *streams, struct fkv_client *client,
                                 struct part *part, struct fkv_error *error)
{
    struct ArrowArrayStream stream;
    struct ArrowArray array;
    enum fkv_status status =
        fkv_get(client, part->ticket.data, part->ticket.size, &streams->options, &stream, error);
    if (status != FKV_OK)
        return status;
    while (status == FKV_OK && stream.get_next(&stream, &array) == 0 && array.release != NULL)
        status = give(streams, part, &array, error);
    if (status == FKV_OK)
        status = fkv_stream_error(&stream, error);
    stream.release(&stream);
    if (status != FKV_OK)
        return status;
    pthread_mutex_lock(&streams->lock);
    part->is_read = true;
    pthread_cond_broadcast(&streams->changed);
    pthread_mutex_unlock(&streams->lock);
    return FKV_OK;
}

static enum fkv_status open_client(struct runner *runner, struct fkv_error *error)
{
    struct streams *streams = runner->streams;
    struct fkv_client *client = NULL;
    enum fkv_status status =
        client_open_like(streams->client, &streams->fields, streams->renew_ns, &client, error);
    pthread_mutex_lock(&streams->lock);
    runner->client = client;
    pthread_mutex_unlock(&streams->lock);
    return status;
}

static void *run(void *context)
{
    struct runner *runner = context;
    struct streams *streams = runner->streams;
    struct fkv_error error;
    struct part *part;
    enum fkv_status status = open_client(runner, &error);
    while (status == FKV_OK && (part = take_part(streams)) != NULL)
        status = read_part(streams, runner->client, part, &error);
    if (status != FKV_OK)
        fail(streams, status, &error);
    pthread_mutex_lock(&streams->lock);
    streams->running--;
    pthread_cond_broadcast(&streams->changed);
    pthread_mutex_unlock(&streams->lock);
    return NULL;
}

/* ---- ending ---- */

/* Waits for the runners. A call that was just being opened forgets that it was cancelled, so they
 * are cancelled until they are gone. */
static void stop(struct streams *streams)
{
    pthread_mutex_lock(&streams->lock);
    streams->is_stopping = true;
    pthread_cond_broadcast(&streams->changed);
    while (streams->running > 0) {
        for (size_t i = 0; i < streams->runner_count; i++)
            if (streams->runners[i].client != NULL)
                fkv_client_cancel(streams->runners[i].client);
        condition_wait(&streams->changed, &streams->lock, wait_ns);
    }
    pthread_mutex_unlock(&streams->lock);
    for (size_t i = 0; i < streams->runner_count; i++) {
        pthread_join(streams->runners[i].thread, NULL);
        fkv_client_close(streams->runners[i].client);
    }
    streams->runner_count = 0;
}

static void let_go(struct streams *streams)
{
    if (streams->client != NULL && streams->client->streams == streams)
        streams->client->streams = NULL;
    streams->client = NULL;
}

static void streams_free(struct streams *streams)
{
    stop(streams);
    let_go(streams);
    for (size_t i = 0; i < streams->part_count; i++) {
        for (struct list *node; (node = list_shift(&streams->parts[i].ready)) != NULL;) {
            struct ready *ready = list_entry(node, struct ready, link);
            ready->array.release(&ready->array);
            alloc_free(streams->alloc, ready);
        }
    }
    alloc_free(streams->alloc, streams->parts);
    flight_memory_done(&streams->memory);
    buf_done(&streams->reply);
    buf_done(&streams->columns);
    client_fields_done(&streams->fields);
    if (streams->empty.release != NULL)
        streams->empty.release(&streams->empty);
    pthread_cond_destroy(&streams->changed);
    pthread_mutex_destroy(&streams->lock);
    alloc_free(streams->alloc, streams);
}

void client_streams_detach(struct streams *streams)
{
    struct fkv_error error;
    fail(streams,
         status_set(&error, FKV_UNAVAILABLE, "the client was closed before the stream's end"),
         &error);
    stop(streams);
    streams->client = NULL;
}

/* ---- the stream ---- */

static int stream_get_schema(struct ArrowArrayStream *arrow, struct ArrowSchema *out)
{
    struct streams *streams = arrow->private_data;
    struct fkv_error error;
    if (streams->empty.release != NULL)
        return streams->empty.get_schema(&streams->empty, out);
    enum fkv_status status = exchange_schema_from(streams->alloc, streams->schema, out, &error);
    if (status != FKV_OK)
        fail(streams, status, &error);
    return client_errno(status);
}

static void look_for_cancel(struct streams *streams)
{
    if (streams->client == NULL || streams->status != FKV_OK ||
        !client_is_cancelled(streams->client, clock_now_ns(streams->client->clock)))
        return;
    streams->status = status_set(&streams->error, FKV_CANCELLED, "the call was cancelled");
    streams->is_stopping = true;
    pthread_cond_broadcast(&streams->changed);
}

/* With the lock held: the next batch in order, waiting for it; NULL at the end and after a failure.
 */
static struct ready *wait_for_batch(struct streams *streams)
{
    while (streams->head < streams->part_count) {
        struct part *part = &streams->parts[streams->head];
        struct list *node = list_shift(&part->ready);
        if (node != NULL)
            return list_entry(node, struct ready, link);
        look_for_cancel(streams);
        if (part->is_read) {
            streams->head++;
            pthread_cond_broadcast(&streams->changed);
        } else if (streams->status != FKV_OK) {
            return NULL;
        } else {
            condition_wait(&streams->changed, &streams->lock, wait_ns);
        }
    }
    return NULL;
}

static int stream_get_next(struct ArrowArrayStream *arrow, struct ArrowArray *out)
{
    struct streams *streams = arrow->private_data;
    pthread_mutex_lock(&streams->lock);
    struct ready *ready = wait_for_batch(streams);
    bool is_failed = ready == NULL && streams->head < streams->part_count;
    enum fkv_status status = is_failed ? streams->status : FKV_OK;
    pthread_mutex_unlock(&streams->lock);
    if (ready != NULL) {
        *out = ready->array;
        alloc_free(streams->alloc, ready);
        return 0;
    }
    stop(streams);
    let_go(streams);
    if (status == FKV_OK)
        *out = (struct ArrowArray){0};
    return client_errno(status);
}

/* Once it isn't OK, it and the error stay. */
static enum fkv_status status_now(struct streams *streams)
{
    pthread_mutex_lock(&streams->lock);
    enum fkv_status status = streams->status;
    pthread_mutex_unlock(&streams->lock);
    return status;
}

static const char *stream_get_last_error(struct ArrowArrayStream *arrow)
{
    struct streams *streams = arrow->private_data;
    return status_now(streams) != FKV_OK ? streams->error.message : NULL;
}

static void stream_release(struct ArrowArrayStream *arrow)
{
    streams_free(arrow->private_data);
    arrow->release = NULL;
    arrow->private_data = NULL;
}

enum fkv_status client_streams_error(struct ArrowArrayStream *arrow, bool *ret_is_ours,
                                     struct fkv_error *error)
{
    *ret_is_ours = arrow->release == stream_release;
    if (!*ret_is_ours)
        return FKV_UNKNOWN;
    struct streams *streams = arrow->private_data;
    enum fkv_status status = status_now(streams);
    if (status != FKV_OK && error != NULL)
        *error = streams->error;
    return status;
}

/* ---- beginning ---- */

/* Parts of a share of AHEAD_BYTES each, as far as there may be so many. */
static size_t parts_for(uint64_t bytes, uint64_t count)
{
    uint64_t parts = bytes / (AHEAD_BYTES / count) + 1;
    if (parts < count)
        parts = count;
    return parts > parts_max ? parts_max : (size_t)parts;
}

static enum fkv_status on_info(void *context, struct slice message, bool *ret_more,
                               struct fkv_error *error)
{
    struct streams *streams = context;
    *ret_more = false;
    buf_clear(&streams->reply);
    return buf_append(&streams->reply, message.data, message.size)
               ? FKV_OK
               : status_no_memory(error, message.size);
}

static enum fkv_status ask_info(struct streams *streams, struct fkv_client *client,
                                struct slice key, const char *rows, size_t wanted,
                                struct fkv_error *error)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", wanted);
    const struct wire_pair pairs[] = {
        {slice_text("flightkv-endpoints"), slice_text(text)},
        {slice_text("flightkv-rows"), slice_text(rows != NULL ? rows : "")}};
    const struct client_call_options options = {
        .path = CLIENT_PATH("GetFlightInfo"),
        .timeout_ms = streams->options.timeout_ms,
        .metadata = {pairs, rows != NULL ? 2 : 1},
    };
    struct buf descriptor;
    buf_init(&descriptor, streams->alloc, SIZE_MAX);
    enum fkv_status status = client_encode_key(key.data, key.size, false, &descriptor, error);
    if (status == FKV_OK)
        status = client_ask_with(client, &options, buf_slice(&descriptor), on_info, streams, error);
    if (status == FKV_OK && streams->reply.size == 0)
        status = status_set(error, FKV_INTERNAL, "the server's answer has no info");
    buf_done(&descriptor);
    return status;
}

/* How much there is, as far as the server says. */
static enum fkv_status ask_bytes(struct streams *streams, struct fkv_client *client,
                                 struct slice key, const char *rows, uint64_t *ret,
                                 struct fkv_error *error)
{
    struct flight_memory memory;
    struct flight_info info;
    flight_memory_init(&memory, streams->alloc, info_memory_max);
    enum fkv_status status = ask_info(streams, client, key, rows, 1, error);
    if (status == FKV_OK)
        status = flight_info_decode(&memory, buf_slice(&streams->reply), &info, error);
    if (status == FKV_OK)
        *ret = info.total_bytes > 0 ? (uint64_t)info.total_bytes : 0;
    flight_memory_done(&memory);
    return status;
}

static enum fkv_status take_info(struct streams *streams, struct fkv_error *error)
{
    struct flight_info info;
    enum fkv_status status =
        flight_info_decode(&streams->memory, buf_slice(&streams->reply), &info, error);
    if (status != FKV_OK)
        return status;
    streams->schema = info.schema;
    streams->parts = alloc_array(streams->alloc, info.endpoint_count, sizeof *streams->parts);
    if (streams->parts == NULL)
        return status_no_memory(error, info.endpoint_count * sizeof *streams->parts);
    streams->part_count = info.endpoint_count;
    for (size_t i = 0; i < streams->part_count; i++) {
        streams->parts[i].ticket = info.endpoints[i].ticket;
        list_init(&streams->parts[i].ready);
    }
    return FKV_OK;
}

static enum fkv_status start_runners(struct streams *streams, size_t count, struct fkv_error *error)
{
    if (count > streams->part_count)
        count = streams->part_count;
    pthread_mutex_lock(&streams->lock); /* they begin when all are there */
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++) {
        struct runner *runner = &streams->runners[i];
        runner->streams = streams;
        code = pthread_create(&runner->thread, NULL, run, runner);
        streams->runner_count += code == 0;
    }
    streams->running = streams->runner_count;
    pthread_mutex_unlock(&streams->lock);
    if (code == 0)
        return FKV_OK;
    return status_set(error, FKV_RESOURCE_EXHAUSTED, "could not start a thread: %s",
                      strerror(code));
}

/* Says whether the columns are there, and has their schema. Another version's would do no harm:
 * then no part can be read. */
static enum fkv_status get_no_rows(struct streams *streams, struct fkv_client *client,
                                   struct slice key, struct fkv_error *error)
{
    struct fkv_get_options options = streams->options;
    struct ArrowArray array;
    options.rows = "0:0";
    enum fkv_status status = fkv_get(client, key.data, key.size, &options, &streams->empty, error);
    if (status != FKV_OK)
        return status;
    while (streams->empty.get_next(&streams->empty, &array) == 0 && array.release != NULL)
        array.release(&array);
    return fkv_stream_error(&streams->empty, error);
}

/* The options of each part's get, which outlive what the caller gave. */
static enum fkv_status keep_options(struct streams *streams, const struct fkv_get_options *given,
                                    struct fkv_error *error)
{
    streams->options = *given;
    streams->options.streams = 0;
    streams->options.rows = NULL; /* a part's ticket has its own */
    if (given->columns == NULL)
        return FKV_OK;
    if (!buf_append(&streams->columns, given->columns, strlen(given->columns) + 1))
        return status_no_memory(error, strlen(given->columns) + 1);
    streams->options.columns = (const char *)streams->columns.data;
    return FKV_OK;
}

/* Fields that the user set, and cookies, may ask for columns too. */
static bool may_have_columns(const struct streams *streams)
{
    return streams->options.columns != NULL || !client_fields_are_empty(&streams->fields);
}

static enum fkv_status begin(struct streams *streams, struct fkv_client *client, struct slice key,
                             const char *rows, size_t count, struct fkv_error *error)
{
    uint64_t bytes = 0;
    enum fkv_status status = ask_bytes(streams, client, key, rows, &bytes, error);
    if (status == FKV_OK)
        status = ask_info(streams, client, key, rows, parts_for(bytes, count), error);
    if (status == FKV_OK)
        status = take_info(streams, error);
    if (status == FKV_OK)
        status = client_fields_copy(&streams->fields, &client->fields, error);
    streams->renew_ns = client->login.renew_ns;
    if (status == FKV_OK && may_have_columns(streams))
        status = get_no_rows(streams, client, key, error);
    if (status != FKV_OK)
        return status;
    streams->client = client;
    client->streams = streams;
    return start_runners(streams, count, error);
}

enum fkv_status client_get_streams(struct fkv_client *client, struct slice key,
                                   const struct fkv_get_options *options,
                                   struct ArrowArrayStream *ret, struct fkv_error *error)
{
    if (options->streams > client_streams_max)
        return status_set(error, FKV_INVALID_ARGUMENT, "%llu streams, expected at most %d",
                          (unsigned long long)options->streams, client_streams_max);
    struct streams *streams = alloc_zero(client->alloc, sizeof *streams);
    if (streams == NULL)
        return status_no_memory(error, sizeof *streams);
    streams->alloc = client->alloc;
    flight_memory_init(&streams->memory, client->alloc, info_memory_max);
    buf_init(&streams->reply, client->alloc, SIZE_MAX);
    buf_init(&streams->columns, client->alloc, SIZE_MAX);
    client_fields_init(&streams->fields, client->alloc);
    condition_init(&streams->changed);
    pthread_mutex_init(&streams->lock, NULL);
    enum fkv_status status = keep_options(streams, options, error);
    if (status == FKV_OK)
        status = begin(streams, client, key, options->rows, (size_t)options->streams, error);
    if (status != FKV_OK) {
        streams_free(streams);
        return status;
    }
    *ret = (struct ArrowArrayStream){
        .get_schema = stream_get_schema,
        .get_next = stream_get_next,
        .get_last_error = stream_get_last_error,
        .release = stream_release,
        .private_data = streams,
    };
    return FKV_OK;
}
