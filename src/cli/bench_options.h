/* SPDX-License-Identifier: Apache-2.0 */
/* What was asked of the benchmark. */
#ifndef CLI_BENCH_OPTIONS_H
#define CLI_BENCH_OPTIONS_H

#include "cli/bench_pick.h"
#include "cli/cli.h"
#include "cli/numbers.h"

enum {
    bench_clients_max = 1000,
    bench_streams_max = 64,
    bench_depth_max = 256,
    bench_rate_max = 10000000
};

struct bench_options {
    struct numbers_options shape; /* of the table under every key */
    struct bench_pick_options pick;
    char distribution[bench_distribution_size]; /* "uniform", "zipf:0.99" */
    uint64_t clients;
    uint64_t streams;
    uint64_t depth;                   /* of each client's pipeline; 1: there is none */
    uint64_t count;                   /* 0: no bound */
    uint64_t rate;                    /* 0: as fast as it goes */
    uint64_t duration_ns, warm_up_ns; /* 0: none */
    bool own_server, no_load, keep, verify, csv;
    const char *plot, *hgrm; /* files; NULL: none */
};

int bench_options_read(const struct cli *cli, const struct parsed *parsed,
                       struct bench_options *ret);

/* The options for the command's table. */
extern const struct option bench_option_table[];

#endif
