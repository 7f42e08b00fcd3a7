/* SPDX-License-Identifier: Apache-2.0 */
/* Clients at work, each in a thread of its own, until a number of operations is done, a time is
 * over, one of them fails, or a signal comes:
 *
 *     phase: load | warm up | measure | remove
 *        operation n = 0, 1, 2, ... -> the next client that is free
 *
 * With a rate, operation n is due at n / rate, however long those before it take, and its latency
 * counts from then on: what waits while the server hangs isn't left out (G. Tene, "How NOT to
 * Measure Latency", and his wrk2: without it the load generator omits the bad times in coordination
 * with the server). Waking up is part of the latency then, some 50 us. */
#ifndef CLI_BENCH_RUN_H
#define CLI_BENCH_RUN_H

#include "cli/bench_client.h"

struct bench_phase {
    bench_step *step;
    bool is_pipelined;    /* bench_operate, several at a time, in place of the step */
    uint64_t count;       /* operations; 0: no bound */
    uint64_t duration_ns; /* 0: no bound */
    uint64_t rate;        /* operations a second; 0: as fast as it goes */
    /* Called ten times a second and at the end; may be NULL. */
    void (*watch)(void *context, uint64_t begun, uint64_t elapsed_ns);
    void *context;
};

struct bench_crowd {
    struct bench_client *clients;
    size_t count;
    const atomic_bool *stop; /* true: a signal has come; may be NULL */
};

/* Runs a phase to its end, and tells how many operations were begun and how long it took. Not
 * FKV_OK: what ended it, CANCELLED for a signal; the outputs are set all the same. */
enum fkv_status bench_run(const struct bench_crowd *crowd, const struct bench_phase *phase,
                          uint64_t *ret_begun, uint64_t *ret_ns, struct fkv_error *error);

/* When operation n is due, `begin_ns` being when the first one is. */
uint64_t bench_due_ns(uint64_t begin_ns, uint64_t rate, uint64_t n);

#endif
