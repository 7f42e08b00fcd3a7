/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_client.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/status.h"

enum { key_size = 32 };

/* An operation that was begun in a pipeline. */
struct bench_begun {
    struct bench_operation operation;
    uint64_t begin_ns;
    struct demo_table_reader reader; /* of a put */
    bool is_there;
};

static uint64_t now_ns(void)
{
    return clock_now_ns(clock_system());
}

bool bench_client_init(struct bench_client *client, const struct bench_work *work)
{
    *client = (struct bench_client){.work = work, .first_batch = histogram_new()};
    bool is_whole = client->first_batch != NULL;
    if (work->depth > 1) {
        client->begun = alloc_array(alloc_system(), work->depth, sizeof *client->begun);
        is_whole = is_whole && client->begun != NULL;
    }
    for (int kind = 0; kind < bench_kinds; kind++) {
        client->tallies[kind].latency = histogram_new();
        is_whole = is_whole && client->tallies[kind].latency != NULL;
    }
    return is_whole;
}

void bench_client_done(struct bench_client *client)
{
    fkv_client_close(client->client);
    alloc_free(alloc_system(), client->begun);
    for (int kind = 0; kind < bench_kinds; kind++)
        histogram_free(client->tallies[kind].latency);
    histogram_free(client->first_batch);
}

void bench_client_clear(struct bench_client *client)
{
    for (int kind = 0; kind < bench_kinds; kind++) {
        histogram_clear(client->tallies[kind].latency);
        atomic_store(&client->tallies[kind].rows, 0);
        atomic_store(&client->tallies[kind].bytes, 0);
    }
    histogram_clear(client->first_batch);
    atomic_store(&client->misses, 0);
    atomic_store(&client->errors, 0);
    memset(client->errors_by_status, 0, sizeof client->errors_by_status);
}

/* ---- calls ---- */

static size_t key_of(uint64_t n, char ret[key_size])
{
    return (size_t)snprintf(ret, key_size, "bench:%" PRIu64, n);
}

static enum fkv_status put(struct bench_client *client, uint64_t key, struct fkv_error *error)
{
    char text[key_size];
    size_t size = key_of(key, text);
    struct demo_table_reader reader;
    struct ArrowArrayStream stream = demo_table_stream(&client->work->table, &reader);
    return fkv_put(client->client, text, size, &stream, NULL, NULL, error);
}

/* What a get brought. */
struct arrival {
    uint64_t rows;
    uint64_t values; /* of all columns */
    uint64_t checksum;
    uint64_t first_ns; /* when the first batch was there; 0: there was none */
};

/* Sum and bits: as fast as memory, and a value that differs shows. */
uint64_t bench_checksum(const struct ArrowArray *batch)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < batch->n_children; i++) {
        const struct ArrowArray *column = batch->children[i];
        const uint64_t *values = (const uint64_t *)column->buffers[1] + column->offset;
        for (int64_t k = 0; k < column->length; k++)
            sum += values[k];
    }
    return sum;
}

static void take_batch(struct bench_client *client, struct ArrowArray *batch,
                       struct arrival *arrival)
{
    if (arrival->first_ns == 0)
        arrival->first_ns = now_ns();
    arrival->rows += (uint64_t)batch->length;
    arrival->values += (uint64_t)(batch->length * batch->n_children);
    if (client->work->verify)
        arrival->checksum += bench_checksum(batch);
    batch->release(batch);
}

static enum fkv_status read_stream(struct bench_client *client, struct ArrowArrayStream *stream,
                                   struct arrival *arrival, struct fkv_error *error)
{
    struct ArrowArray batch;
    int failure;
    while ((failure = stream->get_next(stream, &batch)) == 0 && batch.release != NULL)
        take_batch(client, &batch, arrival);
    return failure != 0 ? fkv_stream_error(stream, error) : FKV_OK;
}

/* Releases the stream. */
static enum fkv_status take_table(struct bench_client *client, struct ArrowArrayStream *stream,
                                  uint64_t key, struct arrival *arrival, struct fkv_error *error)
{
    char text[key_size];
    const struct bench_work *work = client->work;
    enum fkv_status status = read_stream(client, stream, arrival, error);
    stream->release(stream);
    key_of(key, text);
    if (status == FKV_OK && work->verify && arrival->checksum != work->checksum)
        status =
            status_set(error, FKV_DATA_LOSS, "%s came back with other values than were put", text);
    return status;
}

static enum fkv_status get(struct bench_client *client, uint64_t key, struct arrival *arrival,
                           struct fkv_error *error)
{
    char text[key_size];
    size_t size = key_of(key, text);
    struct ArrowArrayStream stream;
    const struct fkv_get_options options = {.size = sizeof options,
                                            .streams = client->work->streams};
    enum fkv_status status = fkv_get(client->client, text, size, &options, &stream, error);
    return status == FKV_OK ? take_table(client, &stream, key, arrival, error) : status;
}

/* ---- steps ---- */

/* What is counted and gone on after: a server that is gone, and a call that was cancelled because
 * the benchmark ends, aren't. */
static enum fkv_status count_error(struct bench_client *client, enum fkv_status status,
                                   const struct fkv_error *error)
{
    if (status == FKV_UNAVAILABLE || status == FKV_CANCELLED)
        return status;
    if (client->errors == 0)
        client->first_error = *error;
    client->errors_by_status[status]++; /* statuses from a peer are in the enum's range */
    counter_add(&client->errors, 1);
    return FKV_OK;
}

static void count(struct bench_client *client, enum bench_kind kind, uint64_t begin_ns,
                  uint64_t rows, uint64_t values)
{
    struct bench_tally *tally = &client->tallies[kind];
    counter_add(&tally->rows, (int64_t)rows);
    counter_add(&tally->bytes, (int64_t)(values * sizeof(double)));
    histogram_record(tally->latency, client->now_ns - begin_ns);
}

static enum fkv_status count_put(struct bench_client *client, enum fkv_status status,
                                 uint64_t begin_ns, const struct fkv_error *error)
{
    const struct demo_table *table = &client->work->table;
    client->now_ns = now_ns();
    if (status != FKV_OK)
        return count_error(client, status, error);
    count(client, BENCH_PUT, begin_ns, (uint64_t)table->rows,
          demo_table_bytes(table) / sizeof(double));
    return FKV_OK;
}

static enum fkv_status count_get(struct bench_client *client, enum fkv_status status,
                                 uint64_t begin_ns, const struct arrival *arrival,
                                 const struct fkv_error *error)
{
    client->now_ns = now_ns();
    if (status == FKV_NOT_FOUND)
        counter_add(&client->misses, 1);
    else if (status != FKV_OK)
        return count_error(client, status, error);
    count(client, BENCH_GET, begin_ns, arrival->rows, arrival->values);
    return FKV_OK;
}

static enum fkv_status operate_put(struct bench_client *client, uint64_t key, uint64_t begin_ns,
                                   struct fkv_error *error)
{
    enum fkv_status status = put(client, key, error);
    return count_put(client, status, begin_ns, error);
}

static enum fkv_status operate_get(struct bench_client *client, uint64_t key, uint64_t begin_ns,
                                   struct fkv_error *error)
{
    struct arrival arrival = {0};
    enum fkv_status status = get(client, key, &arrival, error);
    if (status == FKV_OK && arrival.first_ns != 0)
        histogram_record(client->first_batch, arrival.first_ns - begin_ns);
    return count_get(client, status, begin_ns, &arrival, error);
}

enum fkv_status bench_operate(struct bench_client *client, uint64_t n, uint64_t due_ns,
                              struct fkv_error *error)
{
    struct bench_operation operation = bench_pick_at(&client->work->pick, n);
    uint64_t begin_ns = due_ns > 0 ? due_ns : now_ns();
    return operation.is_put ? operate_put(client, operation.key, begin_ns, error)
                            : operate_get(client, operation.key, begin_ns, error);
}

enum fkv_status bench_load(struct bench_client *client, uint64_t n, uint64_t due_ns,
                           struct fkv_error *error)
{
    (void)due_ns;
    return put(client, n, error);
}

enum fkv_status bench_remove(struct bench_client *client, uint64_t n, uint64_t due_ns,
                             struct fkv_error *error)
{
    (void)due_ns;
    char text[key_size];
    size_t size = key_of(n, text);
    enum fkv_status status = fkv_delete(client->client, text, size, error);
    return status == FKV_NOT_FOUND ? FKV_OK : status;
}

/* ---- several at a time ---- */

enum fkv_status bench_pipeline_open(struct bench_client *client, struct fkv_error *error)
{
    const struct fkv_pipeline_options options = {.size = sizeof options,
                                                 .depth = client->work->depth};
    for (uint64_t tag = 0; tag < client->work->depth; tag++)
        client->begun[tag].is_there = false;
    return fkv_pipeline_open(client->client, &options, &client->pipeline, error);
}

void bench_pipeline_close(struct bench_client *client)
{
    fkv_pipeline_close(client->pipeline);
    client->pipeline = NULL;
}

bool bench_pipeline_has_room(const struct bench_client *client)
{
    return fkv_pipeline_room(client->pipeline) > 0;
}

bool bench_pipeline_is_empty(const struct bench_client *client)
{
    return fkv_pipeline_room(client->pipeline) == client->work->depth;
}

enum fkv_status bench_pipeline_begin(struct bench_client *client, uint64_t n, uint64_t due_ns,
                                     struct fkv_error *error)
{
    uint64_t tag = 0;
    while (client->begun[tag].is_there)
        tag++;
    struct bench_begun *begun = &client->begun[tag];
    client->now_ns = now_ns();
    begun->is_there = true;
    begun->operation = bench_pick_at(&client->work->pick, n);
    begun->begin_ns = due_ns > 0 ? due_ns : client->now_ns;
    char text[key_size];
    size_t size = key_of(begun->operation.key, text);
    if (!begun->operation.is_put)
        return fkv_pipeline_get(client->pipeline, text, size, NULL, tag, error);
    struct ArrowArrayStream stream = demo_table_stream(&client->work->table, &begun->reader);
    return fkv_pipeline_put(client->pipeline, text, size, &stream, NULL, tag, error);
}

enum fkv_status bench_pipeline_end(struct bench_client *client, struct fkv_error *error)
{
    struct fkv_pipeline_result result;
    struct arrival arrival = {0};
    bool more;
    enum fkv_status status = fkv_pipeline_next(client->pipeline, &result, &more, error);
    if (status != FKV_OK)
        return status;
    struct bench_begun *begun = &client->begun[result.tag];
    begun->is_there = false;
    status = result.status;
    if (status == FKV_OK && !begun->operation.is_put)
        status = take_table(client, &result.table, begun->operation.key, &arrival, &result.error);
    if (status != FKV_OK)
        *error = result.error;
    return begun->operation.is_put ? count_put(client, status, begun->begin_ns, error)
                                   : count_get(client, status, begun->begin_ns, &arrival, error);
}
