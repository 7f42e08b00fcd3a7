/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/loop.h"
#include "net/transport.h"

struct fixture {
    struct test_alloc memory;
    struct net_loop *loop;
    unsigned turns, turns_max; /* 0: any number */
    uint64_t first_now_ns, due_ns;
    struct net_watch *watch;
    int fds[2];
    int events;
    atomic_int posted;
    int worked, done;
    int signal_number;
};

static uint64_t on_turn(void *context, uint64_t now_ns)
{
    struct fixture *f = context;
    if (++f->turns == f->turns_max)
        net_loop_stop(f->loop);
    if (f->first_now_ns == 0)
        f->first_now_ns = now_ns;
    if (f->due_ns == 0)
        return UINT64_MAX;
    if (now_ns >= f->first_now_ns + f->due_ns)
        net_loop_stop(f->loop);
    return f->first_now_ns + f->due_ns;
}

static void begin(struct fixture *f)
{
    *f = (struct fixture){0};
    test_alloc_init(&f->memory, 0);
    const struct net_loop_events events = {.on_turn = on_turn, .context = f};
    struct fkv_error error;
    assert_ok(net_loop_new(&f->memory.alloc, &events, &f->loop, &error));
}

static void end(struct fixture *f)
{
    net_loop_free(f->loop);
    assert_int_equal(f->memory.live, 0);
}

static void wakes_when_a_turn_is_due(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    f.due_ns = 3 * NS_PER_MS;
    net_loop_run(f.loop);
    assert_true(f.turns >= 2);
    end(&f);
}

static void on_pipe_readable(void *context, int events)
{
    struct fixture *f = context;
    unsigned turns = f->turns;
    char byte;
    f->events |= events;
    assert_int_equal(read(f->fds[0], &byte, 1), 1);
    assert_true(turns >= 1);
    if (byte == 'b') {
        net_watch_close(f->watch);
        net_loop_stop(f->loop);
    }
}

static void watches_descriptors(void **state)
{
    (void)state;
    struct fixture f;
    struct fkv_error error;
    begin(&f);
    assert_int_equal(pipe(f.fds), 0);
    assert_ok(net_watch_new(f.loop, f.fds[0], on_pipe_readable, &f, &f.watch, &error));
    net_watch_set(f.watch, NET_READABLE);
    net_watch_set(f.watch, 0);
    net_watch_set(f.watch, NET_READABLE);
    net_watch_set(f.watch, NET_READABLE);
    assert_int_equal(write(f.fds[1], "aab", 3), 3); /* level-triggered: three times */
    net_loop_run(f.loop);
    assert_int_equal(f.events, NET_READABLE);
    assert_true(f.turns >= 3);
    close(f.fds[0]);
    close(f.fds[1]);
    end(&f);
}

static void on_pipe_read(void *context, int events)
{
    (void)events;
    struct fixture *f = context;
    char byte;
    assert_int_equal(read(f->fds[0], &byte, 1), 1);
}

/* After one event, and none but a timer behind it: how many turns until `turns_max` or the timer.
 */
static unsigned turns_after_an_event(uint64_t busy_poll_ns, uint64_t due_ns)
{
    struct fixture f = {.turns_max = 1000, .due_ns = due_ns};
    struct fkv_error error;
    test_alloc_init(&f.memory, 0);
    const struct net_loop_events events = {on_turn, &f, busy_poll_ns};
    assert_ok(net_loop_new(&f.memory.alloc, &events, &f.loop, &error));
    assert_int_equal(pipe(f.fds), 0);
    assert_ok(net_watch_new(f.loop, f.fds[0], on_pipe_read, &f, &f.watch, &error));
    net_watch_set(f.watch, NET_READABLE);
    assert_int_equal(write(f.fds[1], "a", 1), 1);
    net_loop_run(f.loop);
    net_watch_close(f.watch);
    end(&f);
    close(f.fds[0]);
    close(f.fds[1]);
    return f.turns;
}

static void polls_busily_after_an_event(void **state)
{
    (void)state;
    assert_int_equal(turns_after_an_event(3600 * NS_PER_S, 600 * NS_PER_S), 1000);
    assert_true(turns_after_an_event(1, 20 * NS_PER_MS) < 100);
    assert_true(turns_after_an_event(0, 20 * NS_PER_MS) < 100);
}

static void count_posted(void *context)
{
    struct fixture *f = context;
    if (atomic_fetch_add(&f->posted, 1) + 1 == 300)
        net_loop_stop(f->loop);
}

static void post_many(void *context)
{
    struct fixture *f = context;
    for (int i = 0; i < 100; i++)
        assert_true(net_loop_post(f->loop, count_posted, f));
}

static void takes_messages_of_threads(void **state)
{
    (void)state;
    struct fixture f;
    struct fkv_error error;
    struct net_thread *threads[3];
    begin(&f);
    const struct alloc *alloc = alloc_system(); /* test_alloc's counters are for one thread */
    const struct net_loop_events events = {.on_turn = on_turn, .context = &f};
    net_loop_free(f.loop);
    assert_ok(net_loop_new(alloc, &events, &f.loop, &error));
    for (int i = 0; i < 3; i++)
        assert_ok(net_thread_start(alloc, post_many, &f, &threads[i], &error));
    net_loop_run(f.loop);
    for (int i = 0; i < 3; i++)
        net_thread_join(threads[i]);
    assert_int_equal(f.posted, 300);
    net_thread_join(NULL);
    end(&f);
}

static void count_late(void *context)
{
    (*(int *)context)++;
}

/* What a message carries may have to be freed by who takes it. */
static void runs_messages_left_at_the_end(void **state)
{
    (void)state;
    struct fixture f;
    int count = 0;
    begin(&f);
    assert_true(net_loop_post(f.loop, count_late, &count));
    assert_true(net_loop_post(f.loop, count_late, &count));
    f.memory.fail_at = f.memory.requests + 1;
    assert_false(net_loop_post(f.loop, count_late, &count));
    end(&f);
    assert_int_equal(count, 2);
}

/* Each allocation fails once; nothing is left behind. */
static void out_of_memory(void **state)
{
    (void)state;
    struct fixture f;
    struct test_alloc none;
    struct net_loop *loop = NULL;
    struct net_watch *watch = NULL;
    struct net_signal *usr1 = NULL;
    struct net_thread *thread = NULL;
    const struct net_loop_events events = {.on_turn = on_turn, .context = &f};
    test_alloc_init(&none, 1);
    assert_int_equal(net_loop_new(&none.alloc, &events, &loop, NULL), FKV_RESOURCE_EXHAUSTED);
    begin(&f);
    f.memory.fail_at = f.memory.requests + 1;
    f.memory.fail_forever = true;
    assert_int_equal(net_watch_new(f.loop, 0, on_pipe_readable, &f, &watch, NULL),
                     FKV_RESOURCE_EXHAUSTED);
    assert_int_equal(net_signal_new(f.loop, SIGUSR1, NULL, &f, &usr1, NULL),
                     FKV_RESOURCE_EXHAUSTED);
    assert_int_equal(net_thread_start(&f.memory.alloc, post_many, &f, &thread, NULL),
                     FKV_RESOURCE_EXHAUSTED);
    assert_false(net_loop_work(f.loop, count_late, NULL, NULL));
    assert_true(loop == NULL && watch == NULL && usr1 == NULL && thread == NULL);
    end(&f);
}

static void refuses_what_cannot_be_watched(void **state)
{
    (void)state;
    struct fixture f;
    struct net_watch *watch = NULL;
    struct net_signal *none = NULL;
    struct fkv_error error;
    begin(&f);
    assert_int_equal(net_watch_new(f.loop, -1, on_pipe_readable, &f, &watch, &error),
                     FKV_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.message, "could not watch a descriptor: "));
    assert_int_equal(net_signal_new(f.loop, 0, NULL, &f, &none, &error), FKV_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.message, "could not watch a signal: "));
    assert_true(watch == NULL && none == NULL);
    end(&f);
    net_loop_free(NULL);
}

static void work(void *context)
{
    ((struct fixture *)context)->worked++;
}

static void work_done(void *context)
{
    struct fixture *f = context;
    assert_int_equal(f->worked, 1);
    f->done++;
    net_loop_stop(f->loop);
}

static void works_in_the_background(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_true(net_loop_work(f.loop, work, work_done, &f));
    net_loop_run(f.loop);
    assert_int_equal(f.done, 1);
    end(&f);
}

static void on_signal(void *context, int number)
{
    struct fixture *f = context;
    f->signal_number = number;
    net_loop_stop(f->loop);
}

static void hears_signals(void **state)
{
    (void)state;
    struct fixture f;
    struct fkv_error error;
    struct net_signal *usr1;
    begin(&f);
    assert_ok(net_signal_new(f.loop, SIGUSR1, on_signal, &f, &usr1, &error));
    assert_int_equal(raise(SIGUSR1), 0);
    net_loop_run(f.loop);
    assert_int_equal(f.signal_number, SIGUSR1);
    net_signal_close(usr1);
    net_signal_close(NULL);
    net_watch_close(NULL);
    end(&f);
}

static void stops_before_it_runs(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    net_loop_stop(f.loop);
    net_loop_run(f.loop);
    end(&f);
}

int main(void)
{
    RUN_TESTS(
        cmocka_unit_test(wakes_when_a_turn_is_due), cmocka_unit_test(watches_descriptors),
        cmocka_unit_test(polls_busily_after_an_event), cmocka_unit_test(takes_messages_of_threads),
        cmocka_unit_test(runs_messages_left_at_the_end), cmocka_unit_test(out_of_memory),
        cmocka_unit_test(refuses_what_cannot_be_watched), cmocka_unit_test(works_in_the_background),
        cmocka_unit_test(hears_signals), cmocka_unit_test(stops_before_it_runs));
}
