/* SPDX-License-Identifier: Apache-2.0 */
/* Several puts and gets on the client's one connection. Each has a slot, which is always in one of
 * the lists:
 *
 *     idle -> waiting -> open -> done -> idle        begin; send; its call is over; its result is
 * taken
 *                ^________________|                  a get that the server wants a new token for
 *
 * Only fkv_pipeline_next moves bytes. It opens what waits, so that one write sends all of it, until
 * something is done. A call that needs others ahead of it (to connect, to log in, to ask for shared
 * memory) is opened when no other is open; those others mustn't meet it.
 *
 * client->pipeline keeps other users off, and is NULL inside. */
#include "base/options.h"
#include "base/status.h"
#include "client/get.h"
#include "client/put.h"

/* A flightkv server takes 256 calls at a time on a connection; a slot and its stream have 3 KiB. */
enum { depth_usual = 16, depth_max = 256 };

struct slot {
    struct list link;
    struct fkv_pipeline *pipeline;
    struct fkv_flight_stream *batches; /* NULL: a get that isn't open, or one that couldn't be */
    uint64_t tag;
    uint64_t deadline_ns;
    bool is_open;
    bool is_put;
    bool is_second;        /* it was refused before */
    bool had_token;        /* the client had, when it was opened */
    struct client_put put; /* of a put; of a get: */
    struct buf key;
    struct buf columns, rows; /* what get_options has */
    struct fkv_get_options get_options;
    enum fkv_status status; /* where there was no call */
    struct fkv_error error;
};

struct fkv_pipeline {
    const struct alloc *alloc;
    struct fkv_client *client; /* NULL once it is closed */
    struct list idle, waiting, open, done;
    size_t idle_count, waiting_count, open_count;
    uint64_t next_deadline_ns; /* none is before that */
    size_t depth;
    struct slot slots[];
};

static struct slot *first_of(const struct list *list)
{
    return list_empty(list) ? NULL : list_entry(list->next, struct slot, link);
}

static void move(struct slot *slot, struct list *to)
{
    list_unlink(&slot->link);
    list_push(to, &slot->link);
}

/* ---- opening and closing ---- */

static void slot_init(struct slot *slot, struct fkv_pipeline *pipeline)
{
    slot->pipeline = pipeline;
    buf_init(&slot->key, pipeline->alloc, SIZE_MAX);
    buf_init(&slot->columns, pipeline->alloc, SIZE_MAX);
    buf_init(&slot->rows, pipeline->alloc, SIZE_MAX);
    list_init(&slot->link);
    list_push(&pipeline->idle, &slot->link);
    pipeline->idle_count++;
}

static struct fkv_pipeline *new_pipeline(struct fkv_client *client, size_t depth)
{
    struct fkv_pipeline *pipeline =
        alloc_zero(client->alloc, sizeof *pipeline + depth * sizeof pipeline->slots[0]);
    if (pipeline == NULL)
        return NULL;
    pipeline->alloc = client->alloc;
    pipeline->client = client;
    pipeline->next_deadline_ns = UINT64_MAX;
    pipeline->depth = depth;
    list_init(&pipeline->idle);
    list_init(&pipeline->waiting);
    list_init(&pipeline->open);
    list_init(&pipeline->done);
    for (size_t i = 0; i < depth; i++)
        slot_init(&pipeline->slots[i], pipeline);
    return pipeline;
}

enum fkv_status fkv_pipeline_open(struct fkv_client *client,
                                  const struct fkv_pipeline_options *options,
                                  struct fkv_pipeline **ret, struct fkv_error *error)
{
    struct fkv_pipeline_options given;
    enum fkv_status status =
        options_read(options, "fkv_pipeline_options", &given, sizeof given, error);
    if (status == FKV_OK && given.depth > depth_max)
        status = status_set(error, FKV_INVALID_ARGUMENT,
                            "a pipeline of %llu calls at a time, expected at most %d",
                            (unsigned long long)given.depth, depth_max);
    if (status == FKV_OK)
        status = client_check_free(client, error);
    if (status != FKV_OK)
        return status;
    size_t depth = given.depth > 0 ? (size_t)given.depth : depth_usual;
    struct fkv_pipeline *pipeline = new_pipeline(client, depth);
    if (pipeline == NULL)
        return status_no_memory(error, sizeof *pipeline + depth * sizeof pipeline->slots[0]);
    client->pipeline = pipeline;
    *ret = pipeline;
    return FKV_OK;
}

static void drop_batches(struct slot *slot)
{
    client_stream_free(slot->batches);
    slot->batches = NULL;
}

static void slot_done(struct slot *slot)
{
    drop_batches(slot);
    buf_done(&slot->key);
    buf_done(&slot->columns);
    buf_done(&slot->rows);
}

/* ---- the end of a call ---- */

/* Of one that waits. */
static void fail(struct slot *slot, enum fkv_status status, const struct fkv_error *error)
{
    drop_batches(slot);
    slot->status = status;
    slot->error = *error;
    slot->pipeline->waiting_count--;
    move(slot, &slot->pipeline->done);
}

static void fail_waiting(struct fkv_pipeline *pipeline, enum fkv_status status,
                         const struct fkv_error *error)
{
    struct slot *slot;
    while ((slot = first_of(&pipeline->waiting)) != NULL)
        fail(slot, status, error);
}

/* Of one that is open, by wire. */
static void on_over(void *context)
{
    struct slot *slot = context;
    slot->is_open = false;
    slot->pipeline->open_count--;
    move(slot, &slot->pipeline->done);
}

/* One turn sends all resets, and nothing of what the others still had to send. */
static void fail_all(struct fkv_pipeline *pipeline, enum fkv_status status,
                     const struct fkv_error *error)
{
    struct slot *slot;
    bool any_open = pipeline->open_count > 0;
    while ((slot = first_of(&pipeline->open)) != NULL)
        client_call_cancel(client_stream_call(slot->batches), status, error);
    fail_waiting(pipeline, status, error);
    if (any_open)
        wire_pump_turn(pipeline->client->pump, 0);
}

void client_pipeline_detach(struct fkv_pipeline *pipeline)
{
    struct fkv_error error;
    enum fkv_status status =
        status_set(&error, FKV_UNAVAILABLE, "the client was closed before the call's end");
    fail_all(pipeline, status, &error);
    pipeline->client = NULL;
}

static void cancel_all(struct fkv_pipeline *pipeline)
{
    struct fkv_error error;
    fail_all(pipeline, client_given_up(pipeline->client, FKV_CANCELLED, &error), &error);
}

void fkv_pipeline_close(struct fkv_pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    if (pipeline->client != NULL) {
        cancel_all(pipeline);
        pipeline->client->pipeline = NULL;
    }
    for (size_t i = 0; i < pipeline->depth; i++)
        slot_done(&pipeline->slots[i]);
    alloc_free(pipeline->alloc, pipeline);
}

/* ---- beginning a call ---- */

static enum fkv_status check_open(const struct fkv_pipeline *pipeline, struct fkv_error *error)
{
    if (pipeline->client == NULL)
        return status_set(error, FKV_FAILED_PRECONDITION, "the pipeline's client was closed");
    return pipeline->client->is_running ? client_check_free(pipeline->client, error) : FKV_OK;
}

static enum fkv_status check_room(const struct fkv_pipeline *pipeline, struct fkv_error *error)
{
    enum fkv_status status = check_open(pipeline, error);
    if (status == FKV_OK && pipeline->idle_count == 0)
        status = status_set(error, FKV_FAILED_PRECONDITION,
                            "%zu calls are begun, as many as the pipeline takes: take a result "
                            "first",
                            pipeline->depth);
    return status;
}

size_t fkv_pipeline_room(const struct fkv_pipeline *pipeline)
{
    return pipeline->client != NULL ? pipeline->idle_count : 0;
}

/* Out of the list: what the caller's stream does meanwhile doesn't meet it. */
static struct slot *take_idle(struct fkv_pipeline *pipeline)
{
    pipeline->idle_count--;
    return list_entry(list_shift(&pipeline->idle), struct slot, link);
}

static void give_idle(struct slot *slot)
{
    slot->pipeline->idle_count++;
    move(slot, &slot->pipeline->idle);
}

static void wait_to_be_sent(struct slot *slot)
{
    slot->pipeline->waiting_count++;
    move(slot, &slot->pipeline->waiting);
}

static void begin(struct slot *slot, uint64_t timeout_ms, uint64_t tag)
{
    struct fkv_pipeline *pipeline = slot->pipeline;
    if (pipeline->open_count + pipeline->waiting_count == 0) /* what was meant for others */
        atomic_store(&pipeline->client->is_cancelled, false);
    slot->tag = tag;
    slot->is_second = false;
    slot->status = FKV_OK;
    slot->deadline_ns = client_deadline(pipeline->client, timeout_ms);
    if (slot->deadline_ns < pipeline->next_deadline_ns)
        pipeline->next_deadline_ns = slot->deadline_ns;
    wait_to_be_sent(slot);
}

/* NULL stays NULL; false when out of memory. */
static bool keep_text(struct buf *buf, const char **text)
{
    if (*text == NULL)
        return true;
    buf_clear(buf);
    *text = buf_text(buf, *text) ? buf_c_text(buf) : NULL;
    return *text != NULL;
}

static enum fkv_status keep_request(struct slot *slot, struct slice key,
                                    const struct fkv_get_options *options, struct fkv_error *error)
{
    struct fkv_get_options *kept = &slot->get_options;
    enum fkv_status status = options_read(options, "fkv_get_options", kept, sizeof *kept, error);
    if (status == FKV_OK && kept->streams > 1)
        status = status_set(error, FKV_INVALID_ARGUMENT,
                            "a get of a pipeline over %llu connections, expected `streams` of at "
                            "most 1",
                            (unsigned long long)kept->streams);
    if (status != FKV_OK)
        return status;
    buf_clear(&slot->key);
    if (!buf_append(&slot->key, key.data, key.size) || !keep_text(&slot->columns, &kept->columns) ||
        !keep_text(&slot->rows, &kept->rows))
        return status_no_memory(error, key.size);
    return FKV_OK;
}

enum fkv_status fkv_pipeline_get(struct fkv_pipeline *pipeline, const void *key, size_t key_size,
                                 const struct fkv_get_options *options, uint64_t tag,
                                 struct fkv_error *error)
{
    enum fkv_status status = check_room(pipeline, error);
    if (status != FKV_OK)
        return status;
    struct slot *slot = take_idle(pipeline);
    slot->is_put = false;
    status = keep_request(slot, slice_of(key, key_size), options, error);
    if (status == FKV_OK)
        begin(slot, slot->get_options.timeout_ms, tag);
    else
        give_idle(slot);
    return status;
}

enum fkv_status fkv_pipeline_put(struct fkv_pipeline *pipeline, const void *key, size_t key_size,
                                 struct ArrowArrayStream *stream,
                                 const struct fkv_put_options *options, uint64_t tag,
                                 struct fkv_error *error)
{
    enum fkv_status status = check_room(pipeline, error);
    if (status != FKV_OK) {
        stream->release(stream);
        return status;
    }
    struct slot *slot = take_idle(pipeline);
    slot->is_put = true;
    status = client_put_new(&slot->put, pipeline->client, slice_of(key, key_size), stream, options,
                            on_over, slot, &slot->batches, error);
    if (status == FKV_OK)
        begin(slot, slot->put.options.timeout_ms, tag);
    else
        give_idle(slot);
    return status;
}

/* ---- sending what was begun ---- */

static enum fkv_status send_get(struct slot *slot, struct fkv_client *client,
                                struct fkv_error *error)
{
    struct client_get get = {.key = buf_slice(&slot->key),
                             .options = &slot->get_options,
                             .deadline_ns = slot->deadline_ns,
                             .on_over = on_over,
                             .context = slot};
    struct shm_map *map;
    bool may_be_lost = client_same_host_is_due(client);
    enum fkv_status status = client_same_host_map(client, slot->deadline_ns, &map, error);
    if (status != FKV_OK)
        return status;
    get.map = map != NULL ? shm_map_ref(map) : NULL;
    if (may_be_lost) /* the connection, while it was used to ask; and the map with it */
        status = client_prepare(client, error);
    if (status == FKV_OK)
        status = client_get_open(client, &get, &slot->batches, error);
    shm_map_unref(get.map);
    return status;
}

static enum fkv_status open_slot(struct slot *slot, struct fkv_client *client,
                                 struct fkv_error *error)
{
    struct fkv_pipeline *pipeline = slot->pipeline;
    slot->had_token = client->login.user != NULL && client->login.renew_ns != 0;
    enum fkv_status status =
        slot->is_put ? client_put_open(&slot->put, client, slot->batches, slot->deadline_ns, error)
                     : send_get(slot, client, error);
    if (status != FKV_OK)
        return status;
    slot->is_open = true;
    pipeline->waiting_count--;
    pipeline->open_count++;
    move(slot, &pipeline->open);
    return FKV_OK;
}

static bool needs_the_connection(const struct slot *slot, const struct fkv_client *client)
{
    return client_login_is_due(client) || (!slot->is_put && client_same_host_is_due(client));
}

/* Beside those that are open. */
static bool may_open(const struct fkv_pipeline *pipeline, const struct slot *slot)
{
    const struct fkv_client *client = pipeline->client;
    const struct wire_session *session = wire_pump_session(client->pump);
    return wire_session_takes_calls(session) &&
           pipeline->open_count < wire_session_calls_max(session) &&
           !needs_the_connection(slot, client);
}

/* What can't be sent for want of a connection, or of a token, can't be for all alike; and who
 * cancels means all. To prepare for a call forgets that, so it is asked ahead. */
static void open_waiting(struct fkv_pipeline *pipeline)
{
    struct fkv_error error;
    struct slot *slot;
    if (client_is_cancelled(pipeline->client, clock_now_ns(pipeline->client->clock)))
        cancel_all(pipeline);
    while ((slot = first_of(&pipeline->waiting)) != NULL) {
        if (pipeline->open_count > 0 && !may_open(pipeline, slot))
            return;
        enum fkv_status all =
            pipeline->open_count == 0 ? client_prepare(pipeline->client, &error) : FKV_OK;
        enum fkv_status status = all == FKV_OK ? open_slot(slot, pipeline->client, &error) : all;
        if (all != FKV_OK || status == FKV_CANCELLED)
            fail_waiting(pipeline, status, &error);
        else if (status != FKV_OK)
            fail(slot, status, &error);
    }
}

/* ---- waiting for results ---- */

static void give_up(struct slot *slot, enum fkv_status status)
{
    struct fkv_error error;
    if (slot->is_open)
        client_call_give_up(client_stream_call(slot->batches), status);
    else
        fail(slot, client_given_up(slot->pipeline->client, status, &error), &error);
}

/* NULL: there is none. Else *earliest becomes the first deadline. */
static struct slot *late_one(const struct list *list, uint64_t now_ns, uint64_t *earliest)
{
    list_each(node, list)
    {
        struct slot *slot = list_entry(node, struct slot, link);
        if (slot->deadline_ns <= now_ns)
            return slot;
        if (slot->deadline_ns < *earliest)
            *earliest = slot->deadline_ns;
    }
    return NULL;
}

static void give_late_ones_up(struct fkv_pipeline *pipeline, uint64_t now_ns)
{
    struct slot *slot;
    uint64_t earliest = UINT64_MAX;
    while ((slot = late_one(&pipeline->open, now_ns, &earliest)) != NULL ||
           (slot = late_one(&pipeline->waiting, now_ns, &earliest)) != NULL)
        give_up(slot, FKV_DEADLINE_EXCEEDED);
    pipeline->next_deadline_ns = earliest;
}

/* Something is open. */
static void move_bytes(struct fkv_pipeline *pipeline)
{
    struct fkv_client *client = pipeline->client;
    struct client_call *any = client_stream_call(first_of(&pipeline->open)->batches);
    uint64_t now = clock_now_ns(client->clock), left = pipeline->next_deadline_ns - now;
    client->is_running = true;
    if (client_call_is_kept_waiting(any, now))
        client_call_give_connection_up(any);
    else if (now >= pipeline->next_deadline_ns)
        give_late_ones_up(pipeline, now);
    else
        wire_pump_turn(client->pump, left < client_turn_ns_max ? left : client_turn_ns_max);
    client->is_running = false;
}

/* A get that a new token may help waits again. */
static bool is_to_be_repeated(struct slot *slot)
{
    struct fkv_client *client = slot->pipeline->client;
    if (client == NULL || slot->batches == NULL)
        return false;
    enum fkv_status status = client_stream_status(slot->batches, NULL);
    client_login_again(client, status);
    return status == FKV_UNAUTHENTICATED && !slot->is_put && slot->had_token && !slot->is_second;
}

static struct slot *take_done(struct fkv_pipeline *pipeline)
{
    struct slot *slot;
    while ((slot = first_of(&pipeline->done)) != NULL && is_to_be_repeated(slot)) {
        drop_batches(slot);
        slot->is_second = true;
        wait_to_be_sent(slot);
    }
    return slot;
}

static struct slot *await_done(struct fkv_pipeline *pipeline)
{
    struct slot *slot = NULL;
    while ((slot = take_done(pipeline)) == NULL &&
           pipeline->open_count + pipeline->waiting_count > 0) {
        open_waiting(pipeline);
        if (list_empty(&pipeline->done))
            move_bytes(pipeline);
    }
    return slot;
}

/* While there are results to be taken, half of the calls at a time are sent: so the server has work
 * while the user looks at what it has done (docs/design/017-pipelines.md). */
static void send_ahead(struct fkv_pipeline *pipeline)
{
    struct fkv_client *client = pipeline->client;
    if (2 * pipeline->waiting_count < pipeline->depth)
        return;
    open_waiting(pipeline);
    client->is_running = true;
    if (pipeline->open_count > 0)
        wire_pump_turn(client->pump, 0);
    client->is_running = false;
}

static struct slot *next_done(struct fkv_pipeline *pipeline)
{
    struct fkv_client *client = pipeline->client;
    if (client == NULL)
        return take_done(pipeline);
    client->pipeline = NULL;
    struct slot *slot = await_done(pipeline);
    send_ahead(pipeline);
    client->pipeline = pipeline;
    return slot;
}

static enum fkv_status give_table(struct slot *slot, struct ArrowArrayStream *ret,
                                  struct fkv_error *error)
{
    struct fkv_pipeline *pipeline = slot->pipeline;
    enum fkv_status status = client_stream_check(slot->batches, error);
    if (status == FKV_OK)
        status = client_get_stream(pipeline->alloc, slot->batches, ret, error);
    if (status != FKV_OK)
        return status;
    if (pipeline->client != NULL)
        client_same_host_got(pipeline->client, client_stream_is_mapped(slot->batches));
    slot->batches = NULL;
    return FKV_OK;
}

static void give(struct slot *slot, struct fkv_pipeline_result *ret)
{
    ret->tag = slot->tag;
    ret->table.release = NULL;
    ret->progress = slot->is_put ? slot->put.progress : (struct fkv_progress){0};
    if (slot->batches == NULL) {
        ret->status = slot->status;
        ret->error = slot->error;
    } else if (slot->is_put) {
        ret->status = client_stream_status(slot->batches, &ret->error);
    } else {
        ret->status = give_table(slot, &ret->table, &ret->error);
    }
    drop_batches(slot);
    give_idle(slot);
}

enum fkv_status fkv_pipeline_next(struct fkv_pipeline *pipeline, struct fkv_pipeline_result *ret,
                                  bool *ret_more, struct fkv_error *error)
{
    if (pipeline->client != NULL && pipeline->client->is_running)
        return client_check_free(pipeline->client, error);
    struct slot *slot = next_done(pipeline);
    *ret_more = slot != NULL;
    if (slot != NULL)
        give(slot, ret);
    return FKV_OK;
}
