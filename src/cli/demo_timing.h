/* SPDX-License-Identifier: Apache-2.0 */
/* The harness: one call by itself, then `loops` times `calls` calls. A loop's timing is the mean of
 * its calls, so that a single lucky call doesn't make the best one. */
#ifndef CLI_DEMO_TIMING_H
#define CLI_DEMO_TIMING_H

#include <stddef.h>
#include <stdio.h>

#include "cli/json.h"

struct demo_timing {
    size_t loops;
    size_t calls;
    double first_s;  /* the first call, which finds cold memory and isn't part of a loop */
    double *seconds; /* loops x calls */
};

struct demo_stats {
    double best_s; /* of the loops' timings */
    double mean_s;
    double deviation_s; /* of the population */
    double total_s;
};

/* False: out of memory. */
bool demo_timing_init(struct demo_timing *timing, size_t loops, size_t calls);
void demo_timing_done(struct demo_timing *timing);

struct demo_stats demo_timing_stats(const struct demo_timing *timing);

/* "First: 2.113s" and "Best timing out of 5 loops: 1.826s, avg/stdev: ..." */
void demo_timing_print(const struct demo_timing *timing, FILE *out);

/* {"first": seconds, "loops": [[seconds of each call]]} */
struct doc *demo_timing_doc(const struct demo_timing *timing);

#endif
