/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <errno.h>

#include "net/pipe.h"

static ssize_t write_text(struct net_transport *end, const char *a, const char *b)
{
    const struct iovec iov[] = {{(void *)a, strlen(a)}, {(void *)b, strlen(b)}};
    return net_write(end, iov, 2);
}

static void carries_bytes_round_the_ring(void **state)
{
    (void)state;
    struct test_alloc memory;
    test_alloc_init(&memory, 0);
    const struct net_pipe_options options = {.buffer_bytes = 7};
    struct net_transport *a, *b;
    assert_int_equal(net_pipe_new(&memory.alloc, &options, &a, &b, NULL), FKV_OK);
    uint8_t next_in = 0, next_out = 0, buffer[16];
    for (unsigned i = 0; i < 200; i++) {
        uint8_t bytes[5];
        for (unsigned k = 0; k < sizeof bytes; k++)
            bytes[k] = (uint8_t)(next_in + k);
        const struct iovec iov = {bytes, i % sizeof bytes + 1};
        ssize_t moved = net_write(a, &iov, 1);
        next_in = (uint8_t)(next_in + (moved > 0 ? moved : 0));
        ssize_t got = net_read(b, buffer, i % 4 + 1);
        for (ssize_t k = 0; k < got; k++)
            assert_int_equal(buffer[k], next_out++);
    }
    assert_true(next_out > 50);
    net_close(a);
    net_close(b);
    assert_int_equal(memory.live, 0);
}

static void tells_the_end_and_breaks(void **state)
{
    (void)state;
    const struct net_pipe_options options = {.read_bytes_max = 2, .write_bytes_max = 3};
    struct net_transport *a, *b;
    char buffer[8];
    assert_int_equal(net_pipe_new(alloc_system(), &options, &a, &b, NULL), FKV_OK);
    assert_int_equal(net_read(b, buffer, 8), -EAGAIN);
    assert_int_equal(write_text(a, "ab", "cd"), 3);
    assert_int_equal(net_read(b, buffer, 8), 2);
    net_close(a);
    assert_int_equal(net_read(b, buffer, 8), 1);
    assert_int_equal(net_read(b, buffer, 8), 0);
    assert_int_equal(write_text(b, "x", ""), -EPIPE);
    net_close(b);

    assert_int_equal(net_pipe_new(alloc_system(), &options, &a, &b, NULL), FKV_OK);
    assert_int_equal(write_text(a, "ab", ""), 2);
    net_pipe_break(a);
    assert_int_equal(net_read(b, buffer, 8), -ECONNRESET);
    assert_int_equal(write_text(a, "x", ""), -ECONNRESET);
    net_close(a);
    net_close(b);
}

static void note_events(void *context, int events)
{
    *(int *)context = events;
}

static void ends_its_writing_alone(void **state)
{
    (void)state;
    struct net_transport *a, *b;
    char buffer[8];
    int seen = 0;
    assert_int_equal(net_pipe_new(alloc_system(), NULL, &a, &b, NULL), FKV_OK);
    b->on_ready = note_events;
    b->context = &seen;
    net_want(b, NET_READABLE);
    assert_int_equal(write_text(a, "ab", ""), 2);
    net_end(a);
    assert_int_equal(write_text(a, "c", ""), -EPIPE);
    assert_int_equal(net_read(b, buffer, 8), 2);
    assert_true(net_pipe_step(b));
    assert_int_equal(net_read(b, buffer, 8), 0);
    assert_int_equal(write_text(b, "xyz", ""), 3);
    assert_int_equal(net_read(a, buffer, 8), 3);
    assert_int_equal(net_read(a, buffer, 8), -EAGAIN);
    net_close(b);
    assert_int_equal(net_read(a, buffer, 8), 0);
    net_close(a);
}

static void steps_what_is_wanted(void **state)
{
    (void)state;
    struct net_transport *a, *b;
    const struct net_pipe_options options = {.buffer_bytes = 2};
    int seen = 0;
    assert_int_equal(net_pipe_new(alloc_system(), &options, &a, &b, NULL), FKV_OK);
    a->on_ready = note_events;
    a->context = &seen;
    assert_false(net_pipe_step(a));
    net_want(a, NET_READABLE | NET_WRITABLE);
    assert_true(net_pipe_step(a));
    assert_int_equal(seen, NET_WRITABLE);
    assert_int_equal(write_text(a, "xy", "z"), 2);
    assert_int_equal(write_text(a, "z", ""), -EAGAIN);
    assert_false(net_pipe_step(a));
    assert_int_equal(write_text(b, "!", ""), 1);
    assert_true(net_pipe_step(a));
    assert_int_equal(seen, NET_READABLE);
    net_pipe_hold(a);
    net_close(a);
    net_close(b);
    assert_false(net_pipe_step(a));
    net_pipe_release(a);
}

static bool write_later(void *context)
{
    struct net_transport *end = context;
    return write_text(end, "now", "") > 0;
}

static void waits_by_the_callers_means(void **state)
{
    (void)state;
    struct net_transport *a, *b;
    struct net_pipe_options options = {.buffer_bytes = 3, .on_wait = write_later};
    assert_int_equal(net_pipe_new(alloc_system(), &options, &a, &b, NULL), FKV_OK);
    assert_int_equal(net_wait(a, NET_WRITABLE, UINT64_MAX), NET_WRITABLE);
    net_close(a);
    net_close(b);
    assert_int_equal(net_pipe_new(alloc_system(), NULL, &a, &b, NULL), FKV_OK);
    assert_int_equal(net_wait(a, NET_READABLE, UINT64_MAX), 0);
    write_later(b);
    assert_int_equal(net_wait(a, NET_READABLE | NET_WRITABLE, 0), NET_READABLE | NET_WRITABLE);
    net_close(b);
    net_close(a);
}

static void out_of_memory(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 3; n++) {
        struct test_alloc memory;
        test_alloc_init(&memory, n);
        struct net_transport *a = NULL, *b = NULL;
        assert_int_equal(net_pipe_new(&memory.alloc, NULL, &a, &b, NULL), FKV_RESOURCE_EXHAUSTED);
        assert_null(a);
        assert_int_equal(memory.live, 0);
    }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(carries_bytes_round_the_ring),
              cmocka_unit_test(tells_the_end_and_breaks), cmocka_unit_test(ends_its_writing_alone),
              cmocka_unit_test(steps_what_is_wanted), cmocka_unit_test(waits_by_the_callers_means),
              cmocka_unit_test(out_of_memory));
}
