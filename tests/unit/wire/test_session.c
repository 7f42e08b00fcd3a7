/* SPDX-License-Identifier: Apache-2.0 */
/* Whole sessions: many calls at once, over pipes of awkward shapes, ended in every way. */
#include <stdlib.h>

#include "unit/wire/talks.h"

static struct world *new_world(uint64_t seed)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    test_alloc_init(&world->memory, 0);
    world->seed = seed * 0x9e3779b97f4a7c15 + 1;
    return world;
}

static void free_world(struct world *world)
{
    world_close(world);
    assert_int_equal(world->memory.live, 0);
    free(world);
}

static size_t random_size(struct world *world, size_t most)
{
    switch (roll(world, 4)) {
    case 0:
        return roll(world, 3);
    case 1:
        return roll(world, 300);
    case 2:
        return roll(world, most / 16 + 1);
    default:
        return roll(world, most + 1);
    }
}

static void random_plan(struct world *world, struct plan *plan, size_t most)
{
    plan->count = (unsigned)roll(world, messages_most + 1);
    for (unsigned i = 0; i < plan->count; i++)
        plan->sizes[i] = random_size(world, most);
}

static struct talk *add_talk(struct world *world, enum ending ending, size_t size_most)
{
    struct talk *talk = &world->talks[world->talk_count];
    *talk = (struct talk){.world = world, .ending = ending};
    snprintf(talk->path, sizeof talk->path, "/test.Service/%u", world->talk_count++);
    random_plan(world, &talk->client.plan, size_most);
    random_plan(world, &talk->server.plan, size_most);
    talk->trigger = (unsigned)roll(world, messages_most);
    if (ending == END_SERVER_FAILS || ending == END_SERVER_CANCELS ||
        ending == END_SERVER_RECEIVER_FAILS)
        talk->trigger = 1;
    return talk;
}

/* An ending that depends on messages may not come about: then the talk ends normally. */
static bool ends_normally(const struct talk *talk)
{
    return talk->client.status == FKV_OK && talk->client.received == talk->server.plan.count &&
           talk->client.has_ended && talk->client.message[0] == '\0';
}

static void check_talk(const struct talk *talk)
{
    static const struct {
        enum fkv_status status;
        const char *message;
    } expected[END_COUNT] = {
        [END_CLIENT_CANCELS] = {FKV_CANCELLED, "the call was cancelled"},
        [END_SERVER_CANCELS] = {FKV_CANCELLED, "the server reset the stream (CANCEL)"},
        [END_SERVER_REFUSES] = {FKV_PERMISSION_DENIED, "not you"},
        [END_SERVER_FAILS] = {FKV_ABORTED, "enough: \xe2\x82\xac 100%"},
        [END_CLIENT_SOURCE_FAILS] = {FKV_DATA_LOSS, "the source ran dry"},
        [END_SERVER_RECEIVER_FAILS] = {FKV_OUT_OF_RANGE, "the server doesn't like it"},
        [END_CLIENT_RECEIVER_FAILS] = {FKV_OUT_OF_RANGE, "the client doesn't like it"},
    };
    const struct side *client = &talk->client, *server = &talk->server;
    assert_int_equal(client->closed, 1);
    assert_true(server->closed <= 1);
    if (talk->ending == END_NORMAL) {
        assert_true(ends_normally(talk));
        assert_int_equal(server->status, FKV_OK);
        return;
    }
    if (talk->ending != END_SERVER_REFUSES && ends_normally(talk))
        return;
    assert_int_equal(client->status, expected[talk->ending].status);
    assert_string_equal(client->message, expected[talk->ending].message);
}

struct shape {
    struct net_pipe_options pipe;
    struct wire_limits limits;
    size_t size_most;
    size_t scratch_bytes; /* of the pumps; 0: as usual */
    bool is_shaky;
};

/* Gives how many bytes were received where they were wanted. */
static uint64_t run_shape(const struct shape *shape, uint64_t seed, unsigned talks)
{
    struct world *world = new_world(seed);
    world->is_shaky = shape->is_shaky;
    world->scratch_bytes = shape->scratch_bytes;
    assert_true(world_open(world, &shape->limits, &shape->pipe));
    const struct wire_session *client = wire_pump_session(world->pumps[0]);
    assert_int_equal(wire_session_calls_max(client), 1);
    while (world_step(world)) /* the client doesn't know streams_max before */
        ;
    assert_int_equal(wire_session_calls_max(client), shape->limits.streams_max);
    for (unsigned i = 0; i < talks; i++)
        add_talk(world, roll(world, 2) == 0 ? END_NORMAL : roll(world, END_COUNT),
                 shape->size_most);
    for (unsigned i = 0; i < talks; i++)
        begin_talk(&world->talks[i]);
    wire_pump_wake(world->pumps[0]);
    world_run(world);
    for (unsigned i = 0; i < talks; i++)
        check_talk(&world->talks[i]);
    struct wire_session_stats stats = wire_session_stats(wire_pump_session(world->pumps[0]));
    assert_int_equal(stats.calls_open, 0);
    assert_int_equal(stats.calls_total, talks);
    uint64_t bytes_in_place = world->bytes_in_place;
    free_world(world);
    return bytes_in_place;
}

static void large_messages(void **state)
{
    (void)state;
    const struct shape shape = {.limits = wire_limits_default, .size_most = 1 << 20};
    for (uint64_t seed = 1; seed <= 4; seed++)
        run_shape(&shape, seed, 24);
}

static void waits_and_holds(void **state)
{
    (void)state;
    struct shape shape = {.limits = wire_limits_default, .size_most = 200 << 10, .is_shaky = true};
    shape.pipe.read_bytes_max = 5000;
    for (uint64_t seed = 1; seed <= 12; seed++)
        run_shape(&shape, seed, 40);
}

/* With a read buffer that is smaller than nearly all targets, in pieces of any size. */
static void received_in_place(void **state)
{
    (void)state;
    struct shape shape = {.limits = wire_limits_default, .size_most = 50 << 10, .is_shaky = true};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        shape.scratch_bytes = seed % 4 == 0 ? 1 : seed * 16;
        shape.pipe.read_bytes_max = seed % 3 == 0 ? 0 : seed * 40;
        assert_true(run_shape(&shape, seed, 40) > 100000);
    }
}

/* Windows far smaller than the messages: nothing moves without WINDOW_UPDATE. */
static void small_windows(void **state)
{
    (void)state;
    struct shape shape = {.limits = wire_limits_default, .size_most = 100 << 10, .is_shaky = true};
    shape.limits.stream_window_bytes = 3000;
    shape.limits.connection_window_bytes = 70000;
    shape.limits.output_bytes_max = 4000;
    shape.limits.send_frame_bytes_max = 700;
    for (uint64_t seed = 1; seed <= 8; seed++)
        run_shape(&shape, seed, 20);
}

static void byte_by_byte(void **state)
{
    (void)state;
    struct shape shape = {.limits = wire_limits_default, .size_most = 600, .is_shaky = true};
    shape.pipe = (struct net_pipe_options){.read_bytes_max = 1, .buffer_bytes = 100};
    for (uint64_t seed = 1; seed <= 6; seed++)
        run_shape(&shape, seed, 20);
    shape.pipe = (struct net_pipe_options){.write_bytes_max = 1, .buffer_bytes = 7};
    for (uint64_t seed = 1; seed <= 6; seed++)
        run_shape(&shape, seed, 20);
}

/* The server's limit is below the number of calls: they queue up in the client. */
static void more_calls_than_streams(void **state)
{
    (void)state;
    struct shape shape = {.limits = wire_limits_default, .size_most = 2000};
    shape.limits.streams_max = 3;
    for (uint64_t seed = 1; seed <= 6; seed++)
        run_shape(&shape, seed, talks_most);
}

/* The connection breaks at some point: every call hears of it once. */
static void connection_breaks(void **state)
{
    (void)state;
    for (unsigned steps = 1; steps < 200; steps += 3) {
        struct world *world = new_world(steps);
        const struct net_pipe_options pipe = {.read_bytes_max = 700};
        assert_true(world_open(world, &wire_limits_default, &pipe));
        for (unsigned i = 0; i < 10; i++)
            begin_talk(add_talk(world, END_NORMAL, 20000));
        for (unsigned i = 0; i < steps; i++)
            world_step(world);
        net_pipe_break(world->ends[0]);
        world_run(world);
        for (unsigned i = 0; i < world->talk_count; i++) {
            struct talk *talk = &world->talks[i];
            assert_int_equal(talk->client.closed, 1);
            assert_true(ends_normally(talk) || talk->client.status == FKV_UNAVAILABLE);
            assert_true(talk->server.closed <= 1);
        }
        while (world_step(world))
            ;
        assert_null(world->pumps[0]);
        assert_int_equal(world->reasons[0].status,
                         world->reasons[0].message[0] == '\0' ? FKV_OK : FKV_UNAVAILABLE);
        free_world(world);
    }
}

/* Calls in flight end, new ones are refused, and then the connection closes by itself. */
static void drain(void **state)
{
    (void)state;
    struct world *world = new_world(5);
    const struct net_pipe_options pipe = {.read_bytes_max = 3000};
    assert_true(world_open(world, &wire_limits_default, &pipe));
    for (unsigned i = 0; i < 10; i++)
        begin_talk(add_talk(world, END_NORMAL, 300000));
    while (world->talks[9].server.call == NULL && world->talks[9].server.closed == 0)
        assert_true(world_step(world));
    wire_session_drain(wire_pump_session(world->pumps[1]));
    wire_pump_wake(world->pumps[1]);
    world_run(world);
    for (unsigned i = 0; i < 10; i++)
        check_talk(&world->talks[i]);
    if (world->pumps[0] != NULL) {
        begin_talk(add_talk(world, END_NORMAL, 100));
        assert_int_equal(world->talks[10].client.status, FKV_RESOURCE_EXHAUSTED); /* not begun */
    }
    while (world_step(world))
        ;
    assert_null(world->pumps[0]);
    assert_null(world->pumps[1]);
    assert_int_equal(world->reasons[0].status, FKV_OK);
    assert_int_equal(world->reasons[1].status, FKV_OK);
    free_world(world);
}

/* A call that the draining server had not seen yet is UNAVAILABLE, so that it can be made again
 * elsewhere. */
static void drain_refuses_what_is_on_the_way(void **state)
{
    (void)state;
    struct world *world = new_world(6);
    const struct net_pipe_options pipe = {0};
    assert_true(world_open(world, &wire_limits_default, &pipe));
    while (world_step(world))
        ;
    begin_talk(add_talk(world, END_NORMAL, 100));
    wire_pump_wake(world->pumps[0]);
    net_pipe_step(world->ends[0]);
    wire_session_drain(wire_pump_session(world->pumps[1]));
    wire_pump_wake(world->pumps[1]);
    world_run(world);
    assert_int_equal(world->talks[0].client.status, FKV_UNAVAILABLE);
    assert_int_equal(world->talks[0].server.closed, 0);
    free_world(world);
}

/* Every allocation of a small scenario fails once: no crash, no leak, every call closed. */
static void out_of_memory(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct world *world = new_world(3);
        world->memory.fail_at = n;
        const struct net_pipe_options pipe = {.buffer_bytes = 4096};
        if (world_open(world, &wire_limits_default, &pipe)) {
            begin_talk(add_talk(world, END_NORMAL, 30000));
            begin_talk(add_talk(world, END_SERVER_FAILS, 30000));
            begin_talk(add_talk(world, END_SERVER_REFUSES, 30000));
            world_run(world);
        }
        for (unsigned i = 0; i < world->talk_count; i++)
            assert_int_equal(world->talks[i].client.closed, 1);
        bool was_enough = world->memory.requests < n;
        free_world(world);
        if (was_enough)
            break;
        assert_true(n < 100000);
    }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(large_messages), cmocka_unit_test(waits_and_holds),
              cmocka_unit_test(received_in_place), cmocka_unit_test(small_windows),
              cmocka_unit_test(byte_by_byte), cmocka_unit_test(more_calls_than_streams),
              cmocka_unit_test(connection_breaks), cmocka_unit_test(drain),
              cmocka_unit_test(drain_refuses_what_is_on_the_way), cmocka_unit_test(out_of_memory));
}
