/* SPDX-License-Identifier: Apache-2.0 */
/* A benchmark's result for a person (a table on a terminal), for a shell (a name, a tab and a value
 * a line), as JSON and as CSV. */
#ifndef CLI_BENCH_REPORT_H
#define CLI_BENCH_REPORT_H

#include "cli/bench_options.h"
#include "cli/bench_result.h"

extern const char *const bench_kind_names[bench_kinds]; /* "put", "get" */

/* The percentiles that are shown. */
struct bench_percentile {
    const char *title, *name; /* "p99.9", "p99_9_us" */
    double percentile;
};
enum { bench_percentile_count = 4 };
extern const struct bench_percentile bench_percentiles[bench_percentile_count];

double bench_per_second(const struct bench_result *result, uint64_t count);

/* As the command line asks; gives the exit code. */
int bench_report(const struct cli *cli, const struct bench_options *options,
                 const struct bench_result *result);

/* "1,000 keys of 1.0 KiB (32 rows, 4 columns), uniform, put:get 1:10, 8 clients" */
enum { bench_title_size = 256 };
const char *bench_title(const struct bench_options *options, char ret[bench_title_size]);

#endif
