/* SPDX-License-Identifier: Apache-2.0 */
/* What a benchmark has measured: the clients' tallies added up, what happened over time, and what
 * it cost client and server. */
#ifndef CLI_BENCH_RESULT_H
#define CLI_BENCH_RESULT_H

#include "cli/bench_client.h"

/* What was done until a time. Sampled ten times a second; when there are too many, every other one
 * goes, so that samples are evenly spaced however long it takes. */
struct bench_sample {
    double seconds;
    uint64_t operations;
};

enum { bench_samples_max = 512 };

struct bench_samples {
    struct bench_sample items[bench_samples_max];
    size_t count;
    uint64_t next_ns, every_ns; /* when the next one is due, and how often */
};

void bench_samples_begin(struct bench_samples *samples);
void bench_samples_add(struct bench_samples *samples, uint64_t elapsed_ns, uint64_t operations);

/* Figures of the server, by flightkv.stats. */
struct bench_server {
    bool is_known;
    double cpu_s;
    uint64_t resident_bytes, table_bytes;
};

void bench_server_ask(struct fkv_client *client, struct bench_server *ret);

/* What all clients have done of one kind. */
struct bench_sum {
    struct histogram *latency;
    uint64_t rows, bytes;
};

struct bench_result {
    uint64_t load_ns, loaded; /* 0: nothing was */
    uint64_t ns;
    bool is_interrupted;
    struct bench_sum sums[bench_kinds];
    struct histogram *first_batch;
    uint64_t misses, errors;
    uint64_t errors_by_status[bench_statuses];
    struct fkv_error first_error;
    struct bench_samples samples;
    double client_cpu_s, server_cpu_s;
    uint64_t client_peak_bytes;
    struct bench_server server; /* at the end */
};

bool bench_result_init(struct bench_result *result);
void bench_result_done(struct bench_result *result);

/* Adds what a client has counted. */
void bench_result_add(struct bench_result *result, const struct bench_client *client);

/* Operations of all kinds. */
uint64_t bench_done(const struct bench_result *result);

/* This process's, up to now. */
double bench_cpu_s(void);
uint64_t bench_peak_bytes(void);

#endif
