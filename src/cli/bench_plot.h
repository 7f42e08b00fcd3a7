/* SPDX-License-Identifier: Apache-2.0 */
/* A benchmark's result as a picture: latency by percentile, and operations a second over time. */
#ifndef CLI_BENCH_PLOT_H
#define CLI_BENCH_PLOT_H

#include <stdio.h>

#include "cli/bench_options.h"
#include "cli/bench_result.h"

/* Writes SVG. */
void bench_plot(const struct bench_options *options, const struct bench_result *result, FILE *out);

/* A step of 1, 2 or 5 times a power of ten, of which `most` takes 4 to 10. `most` is above 0. */
double bench_plot_step(double most);

#endif
