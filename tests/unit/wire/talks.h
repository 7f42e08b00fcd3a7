/* SPDX-License-Identifier: Apache-2.0 */
/* Whole sessions, client to server, over a pipe: `talks` are calls whose both sides follow one plan
 * and check what they get. Everything random comes from one seed; nothing waits for time.
 *
 * Byte i of message k, of n bytes, is pattern(i, k, n), so that a receiver can check what comes
 * without knowing the plan. Messages are a few copied bytes and then a block of their own, so that
 * the allocator's count of live memory shows a reference that was lost. */
#ifndef TEST_WIRE_TALKS_H
#define TEST_WIRE_TALKS_H

#include "harness/test.h"

#include <stdlib.h>

#include "net/pipe.h"
#include "wire/pump.h"

enum { messages_most = 6, talks_most = 64 };

enum ending {
    END_NORMAL,
    END_CLIENT_CANCELS,
    END_SERVER_CANCELS,
    END_SERVER_REFUSES, /* an error before any message */
    END_SERVER_FAILS,   /* an error after some */
    END_CLIENT_SOURCE_FAILS,
    END_SERVER_RECEIVER_FAILS,
    END_CLIENT_RECEIVER_FAILS,
    END_COUNT,
};

struct plan {
    unsigned count;
    size_t sizes[messages_most];
};

struct talk;

struct side {
    struct talk *talk;
    struct wire_call *call; /* NULL before and after */
    struct plan plan;       /* what it sends */
    unsigned sent;
    bool wants_resume;
    bool is_held;

    unsigned received; /* whole messages */
    bool in_message;
    uint64_t size, offset;
    uint8_t *place; /* malloced, where it wanted the next bytes; freed when any have come */
    bool has_ended;
    unsigned closed; /* how often on_closed came */
    enum fkv_status status;
    char message[200];
};

struct talk {
    struct world *world;
    char path[32];
    enum ending ending;
    unsigned trigger; /* the ending comes when the server has received so many messages */
    struct side client, server;
};

struct world {
    struct test_alloc memory;
    uint64_t seed;
    bool is_shaky; /* waits and holds at random */
    struct net_transport *ends[2];
    struct wire_pump *pumps[2]; /* client, server */
    struct fkv_error reasons[2];
    uint8_t scratch[64 << 10];
    size_t scratch_bytes; /* of which are used; 0: all */
    uint64_t bytes_in_place;
    struct talk talks[talks_most];
    unsigned talk_count;
};

static inline uint64_t roll(struct world *world, uint64_t below)
{
    world->seed ^= world->seed << 13;
    world->seed ^= world->seed >> 7;
    world->seed ^= world->seed << 17;
    return (world->seed >> 11) % below;
}

static inline uint8_t pattern(uint64_t i, uint64_t k, uint64_t n)
{
    return (uint8_t)(i * 31 + (i >> 8) + k * 7 + n);
}

/* ---- sending ---- */

static inline void put_message(struct world *world, struct wire_out *out, unsigned k, size_t n)
{
    uint8_t head[100];
    size_t head_size = n < sizeof head ? n : sizeof head;
    for (size_t i = 0; i < head_size; i++)
        head[i] = pattern(i, k, n);
    wire_out_begin(out);
    wire_out_copy(out, slice_of(head, head_size / 2));
    wire_out_copy(out, slice_of(head + head_size / 2, head_size - head_size / 2));
    if (n > head_size) {
        struct block *block = block_new(&world->memory.alloc, n - head_size);
        if (block == NULL)
            return; /* not ended: the pump must cope with that too */
        for (size_t i = head_size; i < n; i++)
            block->data[i - head_size] = pattern(i, k, n);
        wire_out_ref(out, block_slice(block), block);
        block_unref(block);
    }
    wire_out_end(out);
}

static inline enum wire_pull talk_next(void *context, struct wire_call *call, struct wire_out *out,
                                       struct fkv_error *error)
{
    (void)call;
    struct side *side = context;
    struct talk *talk = side->talk;
    assert_int_equal(side->closed, 0);
    bool is_client = side == &talk->client;
    if (is_client && talk->ending == END_CLIENT_SOURCE_FAILS && side->sent >= talk->trigger) {
        status_set(error, FKV_DATA_LOSS, "the source ran dry");
        return WIRE_PULL_FAIL;
    }
    if (talk->world->is_shaky && roll(talk->world, 3) == 0) {
        side->wants_resume = true;
        return WIRE_PULL_WAIT;
    }
    if (side->sent == side->plan.count)
        return WIRE_PULL_END;
    put_message(talk->world, out, side->sent, side->plan.sizes[side->sent]);
    side->sent++;
    return WIRE_PULL_MESSAGE;
}

/* ---- receiving ---- */

/* Once in three times no matter, and else for as many bytes as are asked for, or fewer. */
static inline uint8_t *talk_target(void *context, struct wire_call *call, size_t *size)
{
    struct side *side = context;
    assert_ptr_equal(side->call, call);
    assert_true(side->in_message && *size > 0 && *size <= side->size - side->offset);
    free(side->place);
    side->place = NULL;
    uint64_t choice = roll(side->talk->world, 3);
    if (choice == 0)
        return NULL;
    if (choice == 1)
        *size = roll(side->talk->world, *size) + 1;
    side->place = malloc(*size);
    return side->place;
}

static inline enum fkv_status talk_message(void *context, struct wire_call *call, uint64_t size,
                                           struct fkv_error *error)
{
    (void)call;
    (void)error;
    struct side *side = context;
    assert_int_equal(side->closed, 0);
    assert_false(side->in_message);
    assert_false(side->has_ended);
    side->in_message = true;
    side->size = size;
    side->offset = 0;
    return FKV_OK;
}

static inline enum fkv_status talk_bytes(void *context, struct wire_call *call, struct slice bytes,
                                         struct fkv_error *error)
{
    (void)error;
    struct side *side = context;
    assert_int_equal(side->closed, 0);
    assert_true(side->in_message);
    assert_true(bytes.size > 0 && bytes.size <= side->size - side->offset);
    for (size_t i = 0; i < bytes.size; i++)
        if (bytes.data[i] != pattern(side->offset + i, side->received, side->size))
            fail_msg("wrong byte in message %u", side->received);
    side->offset += bytes.size;
    if (bytes.data == side->place)
        side->talk->world->bytes_in_place += bytes.size;
    free(side->place); /* nothing may read these bytes any more */
    side->place = NULL;
    if (side->talk->world->is_shaky && roll(side->talk->world, 8) == 0) {
        side->is_held = true;
        wire_call_hold(call, true);
    }
    return FKV_OK;
}

static inline enum fkv_status talk_client_message_end(void *context, struct wire_call *call,
                                                      struct fkv_error *error)
{
    (void)call;
    struct side *side = context;
    assert_true(side->in_message && side->offset == side->size);
    side->in_message = false;
    side->received++;
    if (side->talk->ending == END_CLIENT_RECEIVER_FAILS)
        return status_set(error, FKV_OUT_OF_RANGE, "the client doesn't like it");
    return FKV_OK;
}

static inline enum fkv_status talk_server_message_end(void *context, struct wire_call *call,
                                                      struct fkv_error *error)
{
    struct side *side = context;
    struct talk *talk = side->talk;
    assert_true(side->in_message && side->offset == side->size);
    side->in_message = false;
    side->received++;
    if (side->received < talk->trigger)
        return FKV_OK;
    if (talk->ending == END_SERVER_RECEIVER_FAILS)
        return status_set(error, FKV_OUT_OF_RANGE, "the server doesn't like it");
    if (talk->ending == END_SERVER_FAILS)
        wire_call_finish(call, FKV_ABORTED, "enough: \xe2\x82\xac 100%");
    else if (talk->ending == END_SERVER_CANCELS)
        wire_call_cancel(call);
    return FKV_OK;
}

static inline void talk_end(void *context, struct wire_call *call)
{
    (void)call;
    struct side *side = context;
    assert_int_equal(side->closed, 0);
    assert_false(side->in_message || side->has_ended);
    side->has_ended = true;
}

static inline void talk_closed(void *context, struct wire_call *call, enum fkv_status status,
                               const char *message)
{
    struct side *side = context;
    assert_ptr_equal(side->call, call);
    free(side->place);
    side->place = NULL;
    side->closed++;
    side->call = NULL;
    side->status = status;
    snprintf(side->message, sizeof side->message, "%s", message);
}

static const struct wire_receiver talk_client = {
    .on_message = talk_message,
    .on_bytes = talk_bytes,
    .target = talk_target,
    .on_message_end = talk_client_message_end,
    .on_end = talk_end,
    .on_closed = talk_closed,
};

static const struct wire_receiver talk_server = {
    .on_message = talk_message,
    .on_bytes = talk_bytes,
    .target = talk_target,
    .on_message_end = talk_server_message_end,
    .on_end = talk_end,
    .on_closed = talk_closed,
};

/* ---- the world ---- */

static inline void world_on_call(void *context, struct wire_call *call)
{
    struct world *world = context;
    for (unsigned i = 0; i < world->talk_count; i++) {
        struct talk *talk = &world->talks[i];
        if (!slice_is(wire_call_path(call), talk->path))
            continue;
        if (talk->ending == END_SERVER_REFUSES) {
            wire_call_finish(call, FKV_PERMISSION_DENIED, "not you");
            return;
        }
        talk->server.call = call;
        struct wire_source source = {talk_next, &talk->server};
        wire_call_accept(call, &talk_server, &talk->server);
        wire_call_send(call, &source);
        return;
    }
    fail_msg("an unknown path");
}

static inline void world_on_closed(void *context, struct wire_pump *pump,
                                   const struct fkv_error *error)
{
    struct world *world = context;
    unsigned i = world->pumps[0] == pump ? 0 : 1;
    world->reasons[i] = *error;
    wire_pump_free(pump);
    world->pumps[i] = NULL;
    world->ends[i] = NULL;
}

/* False when out of memory. */
static inline bool world_open(struct world *world, const struct wire_limits *limits,
                              const struct net_pipe_options *pipe)
{
    static const size_t turn_bytes = 100000;
    const struct alloc *alloc = &world->memory.alloc;
    struct net_transport *ends[2];
    if (net_pipe_new(alloc, pipe, &ends[0], &ends[1], NULL) != FKV_OK)
        return false;
    const struct wire_events events = {world_on_call, world};
    const struct wire_pump_options options = {
        .scratch = world->scratch,
        .scratch_bytes = world->scratch_bytes > 0 ? world->scratch_bytes : sizeof world->scratch,
        .turn_bytes = &turn_bytes,
        .on_closed = world_on_closed,
        .context = world,
    };
    for (int i = 0; i < 2; i++) {
        struct wire_session *session;
        if (wire_session_new(alloc, i == 0 ? WIRE_CLIENT : WIRE_SERVER, limits, &events, "here",
                             &session, NULL) != FKV_OK) {
            net_close(ends[i]);
            continue;
        }
        if (wire_pump_new(alloc, ends[i], session, &options, &world->pumps[i], NULL) == FKV_OK)
            world->ends[i] = ends[i];
    }
    return world->pumps[0] != NULL && world->pumps[1] != NULL;
}

static inline void world_close(struct world *world)
{
    wire_pump_free(world->pumps[0]);
    wire_pump_free(world->pumps[1]);
    world->pumps[0] = world->pumps[1] = NULL;
}

static inline void begin_talk(struct talk *talk)
{
    talk->client.talk = talk->server.talk = talk;
    const struct wire_request request = {
        .path = talk->path,
        .timeout_ns = UINT64_MAX,
        .receiver = &talk_client,
        .context = &talk->client,
        .source = {talk_next, &talk->client},
    };
    struct wire_call *call = NULL;
    if (talk->world->pumps[0] == NULL ||
        wire_call_open(wire_pump_session(talk->world->pumps[0]), &request, &call, NULL) != FKV_OK) {
        talk->client.closed = 1;
        talk->client.status = FKV_RESOURCE_EXHAUSTED;
    }
    talk->client.call = call;
}

static inline bool world_is_quiet(const struct world *world)
{
    for (unsigned i = 0; i < world->talk_count; i++)
        if (world->talks[i].client.call != NULL || world->talks[i].server.call != NULL)
            return false;
    return true;
}

/* Lets go on what waits or is held on one side of one talk. */
static inline bool side_let_go(struct side *side)
{
    bool has_done = false;
    if (side->call != NULL && side->wants_resume) {
        side->wants_resume = false;
        wire_call_resume(side->call);
        has_done = true;
    }
    if (side->call != NULL && side->is_held) {
        side->is_held = false;
        wire_call_hold(side->call, false);
        has_done = true;
    }
    return has_done;
}

static inline bool world_let_go(struct world *world, bool all)
{
    bool has_done = false;
    for (unsigned i = 0; i < world->talk_count; i++) {
        struct talk *talk = &world->talks[i];
        if (all || roll(world, 4) == 0)
            has_done |= side_let_go(&talk->client);
        if (all || roll(world, 4) == 0)
            has_done |= side_let_go(&talk->server);
        if (talk->ending == END_CLIENT_CANCELS && talk->client.call != NULL &&
            talk->server.received >= talk->trigger && roll(world, 4) == 0)
            wire_call_cancel(talk->client.call);
    }
    for (int i = 0; i < 2; i++)
        if (world->pumps[i] != NULL)
            wire_pump_wake(world->pumps[i]);
    return has_done;
}

static inline bool world_step(struct world *world)
{
    int first = (int)roll(world, 2);
    bool has_done = false;
    for (int i = 0; i < 2; i++) {
        struct net_transport *end = world->ends[first ^ i];
        if (end != NULL)
            has_done |= net_pipe_step(end);
    }
    return has_done;
}

/* Until all talks are over; fails the test when they hang. */
static inline void world_run(struct world *world)
{
    unsigned idle = 0;
    for (unsigned long steps = 0; !world_is_quiet(world); steps++) {
        bool has_done = world_step(world);
        if (world->is_shaky && roll(world, 4) == 0)
            has_done |= world_let_go(world, false);
        else if (!has_done)
            has_done |= world_let_go(world, true);
        idle = has_done ? 0 : idle + 1;
        if (idle > 8)
            fail_msg("the talks hang (seed %llu)", (unsigned long long)world->seed);
    }
}

#endif
