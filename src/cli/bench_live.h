/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the clients while they work: samples for the result, and for a person a line that says
 * how it goes. */
#ifndef CLI_BENCH_LIVE_H
#define CLI_BENCH_LIVE_H

#include "cli/bench_result.h"
#include "cli/bench_run.h"
#include "cli/progress.h"

struct bench_live {
    const struct bench_crowd *crowd;
    const struct bench_phase *phase;
    struct bench_samples *samples; /* NULL: none are wanted */
    struct progress progress;
    struct histogram *all, *before,
        *latest;               /* latencies: until now, until the last line, between */
    uint64_t next_ns, last_ns; /* of lines */
};

bool bench_live_init(struct bench_live *live, const struct cli *cli, const char *verb,
                     const struct bench_crowd *crowd, const struct bench_phase *phase);
void bench_live_done(struct bench_live *live);

/* bench_phase.watch; the context is the bench_live. */
void bench_live_watch(void *live, uint64_t begun, uint64_t elapsed_ns);

/* For loading and removing: a bar. `bytes` of each operation. */
struct bench_bar {
    struct progress progress;
    uint64_t count, bytes;
};
void bench_bar_watch(void *bar, uint64_t begun, uint64_t elapsed_ns);

#endif
