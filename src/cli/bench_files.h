/* SPDX-License-Identifier: Apache-2.0 */
/* The files that a benchmark leaves: opened before it, so that it isn't run for nothing, and there
 * whole or not at all. */
#ifndef CLI_BENCH_FILES_H
#define CLI_BENCH_FILES_H

#include "cli/bench_options.h"
#include "cli/bench_result.h"
#include "cli/output.h"

struct bench_file {
    struct output output;
    bool is_open;
};

struct bench_files {
    struct bench_file plot;
    struct bench_file hgrm[bench_kinds];
};

/* Opens what is asked for; gives the exit code. */
int bench_files_open(const struct cli *cli, const struct bench_options *options,
                     struct bench_files *ret);

/* Writes and commits them; the rest is bench_files_abort's. */
int bench_files_write(const struct cli *cli, const struct bench_options *options,
                      const struct bench_result *result, struct bench_files *files);

/* Removes what was opened and not committed. */
void bench_files_abort(struct bench_files *files);

#endif
