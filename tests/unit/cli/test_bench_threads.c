/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/bench_run.h"

enum { clients = 4, operations = 10000 };

/* What the steps have seen; a test runs one phase at a time. */
static struct seen {
    atomic_uint begun[operations];
    _Atomic uint64_t first_due_ns;
    atomic_uint early; /* operations before they were due */
    atomic_bool stop;
} seen;

static enum fkv_status run(bench_step *step, struct bench_phase phase, uint64_t *ret_begun,
                           struct fkv_error *error)
{
    struct bench_client them[clients] = {0};
    const struct bench_crowd crowd = {.clients = them, .count = clients, .stop = &seen.stop};
    uint64_t ns;
    phase.step = step;
    return bench_run(&crowd, &phase, ret_begun, &ns, error);
}

static int clear(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
    return 0;
}

static enum fkv_status note(struct bench_client *client, uint64_t n, uint64_t due_ns,
                            struct fkv_error *error)
{
    (void)error;
    assert_true(n < operations);
    atomic_fetch_add(&seen.begun[n], 1);
    client->now_ns = clock_now_ns(clock_system());
    if (due_ns > client->now_ns)
        atomic_fetch_add(&seen.early, 1);
    if (n == 0)
        atomic_store(&seen.first_due_ns, due_ns);
    return FKV_OK;
}

static void every_operation_is_done_once(void **state)
{
    (void)state;
    struct fkv_error error;
    uint64_t begun = 0;
    assert_ok(run(note, (struct bench_phase){.count = operations}, &begun, &error));
    assert_int_equal(begun, operations);
    for (int n = 0; n < operations; n++)
        assert_int_equal(seen.begun[n], 1);
}

static void nothing_is_begun_before_it_is_due(void **state)
{
    (void)state;
    struct fkv_error error;
    uint64_t begun = 0;
    const struct bench_phase phase = {.count = 100, .rate = 10000};
    assert_ok(run(note, phase, &begun, &error));
    assert_int_equal(begun, 100);
    assert_int_equal(seen.early, 0);
    assert_true(seen.first_due_ns > 0);
}

/* What is due behind the end isn't done, however fast it could be. */
static void the_end_leaves_out_what_is_due_later(void **state)
{
    (void)state;
    struct fkv_error error;
    uint64_t begun = 0;
    const struct bench_phase phase = {.duration_ns = 50 * NS_PER_MS, .rate = 1000};
    assert_ok(run(note, phase, &begun, &error));
    for (int n = 0; n < 50; n++)
        assert_int_equal(seen.begun[n], 1);
    assert_int_equal(seen.begun[50], 0);
}

static void time_ends_what_has_no_count(void **state)
{
    (void)state;
    struct fkv_error error;
    uint64_t begun = 0;
    struct bench_phase phase = {.duration_ns = 1, .count = operations};
    assert_ok(run(note, phase, &begun, &error));
    assert_true(begun <= 2 * clients);
}

static enum fkv_status fail_at_100(struct bench_client *client, uint64_t n, uint64_t due_ns,
                                   struct fkv_error *error)
{
    (void)client;
    (void)due_ns;
    return n == 100 ? status_set(error, FKV_DATA_LOSS, "the hundredth") : FKV_OK;
}

static void a_failure_ends_it_and_is_told(void **state)
{
    (void)state;
    struct fkv_error error;
    uint64_t begun = 0;
    assert_int_equal(run(fail_at_100, (struct bench_phase){0}, &begun, &error), FKV_DATA_LOSS);
    assert_string_equal(error.message, "the hundredth");
    assert_true(begun > 100);
}

static enum fkv_status stop_at_100(struct bench_client *client, uint64_t n, uint64_t due_ns,
                                   struct fkv_error *error)
{
    (void)client;
    (void)due_ns;
    (void)error;
    if (n == 100)
        atomic_store(&seen.stop, true);
    return FKV_OK;
}

static void a_signal_ends_it(void **state)
{
    (void)state;
    struct fkv_error error;
    uint64_t begun = 0;
    assert_int_equal(run(stop_at_100, (struct bench_phase){0}, &begun, &error), FKV_CANCELLED);
    assert_true(begun > 100);
}

/* Clients that wait for the time to come are woken, too. */
static void a_signal_ends_waiting(void **state)
{
    (void)state;
    struct fkv_error error;
    uint64_t begun = 0;
    atomic_store(&seen.stop, true);
    assert_int_equal(run(note, (struct bench_phase){.rate = 1}, &begun, &error), FKV_CANCELLED);
    assert_int_equal(seen.begun[clients], 0);
}

static void dues_are_exact_for_ever(void **state)
{
    (void)state;
    assert_int_equal(bench_due_ns(5, 3, 0), 5);
    assert_int_equal(bench_due_ns(5, 3, 1), 5 + 333333333);
    assert_int_equal(bench_due_ns(5, 3, 3), 5 + NS_PER_S);
    for (uint64_t rate = 1; rate <= 10000000; rate = rate * 7 + 1)
        assert_int_equal(bench_due_ns(9, rate, rate * 86400), 9 + 86400 * NS_PER_S);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test_setup(every_operation_is_done_once, clear),
              cmocka_unit_test_setup(nothing_is_begun_before_it_is_due, clear),
              cmocka_unit_test_setup(the_end_leaves_out_what_is_due_later, clear),
              cmocka_unit_test_setup(time_ends_what_has_no_count, clear),
              cmocka_unit_test_setup(a_failure_ends_it_and_is_told, clear),
              cmocka_unit_test_setup(a_signal_ends_it, clear),
              cmocka_unit_test_setup(a_signal_ends_waiting, clear),
              cmocka_unit_test_setup(dues_are_exact_for_ever, clear));
}
