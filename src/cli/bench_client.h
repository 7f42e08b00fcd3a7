/* SPDX-License-Identifier: Apache-2.0 */
/* One client of a benchmark: a connection, what it puts and gets, and what it has counted. It runs
 * in a thread of its own; the one that watches may read the tallies meanwhile. */
#ifndef CLI_BENCH_CLIENT_H
#define CLI_BENCH_CLIENT_H

#include <stdatomic.h>

#include "base/histogram.h"
#include "cli/bench_pick.h"
#include "cli/demo_table.h"

enum bench_kind { BENCH_PUT, BENCH_GET, bench_kinds };
enum { bench_statuses = FKV_UNAUTHENTICATED + 1 };

/* What all clients share. */
struct bench_work {
    struct bench_pick pick;
    struct demo_table table; /* put under every key */
    uint64_t checksum;       /* of the table's values */
    uint64_t streams;        /* of a get */
    uint64_t depth;          /* operations at a time of each client */
    bool verify;             /* read every value that comes back */
};

/* Times in nanoseconds. Operations that failed are in `errors` alone; gets that found nothing are
 * operations, and misses besides. */
struct bench_tally {
    struct histogram *latency; /* of every operation */
    atomic_uint_fast64_t rows, bytes;
};

struct bench_begun;

struct bench_client {
    struct fkv_client *client;
    const struct bench_work *work;
    struct fkv_pipeline *pipeline; /* NULL: one operation at a time */
    struct bench_begun *begun;     /* by tag; NULL where work->depth is 1 */
    struct bench_tally tallies[bench_kinds];
    struct histogram *first_batch; /* of gets that found something */
    atomic_uint_fast64_t misses, errors;
    uint64_t errors_by_status[bench_statuses];
    struct fkv_error first_error; /* where `errors` isn't 0 */
    uint64_t now_ns;              /* when the last operation ended */
};

bool bench_client_init(struct bench_client *client, const struct bench_work *work);
void bench_client_done(struct bench_client *client); /* closes its connection, too */

/* Forgets what it has counted. */
void bench_client_clear(struct bench_client *client);

/* The steps of a benchmark: each does the n-th operation, which is due at `due_ns`, 0: now. A
 * status other than FKV_OK ends the benchmark. */
typedef enum fkv_status bench_step(struct bench_client *client, uint64_t n, uint64_t due_ns,
                                   struct fkv_error *error);
bench_step bench_load;    /* put key n */
bench_step bench_operate; /* what the pick says; only a server that is gone ends it */
bench_step bench_remove;  /* delete key n, if it is there */

/* The same as bench_operate, several at a time: between open and close, operations are begun while
 * there is room, and an end counts the first one that is over, of which there must be one. What
 * isn't ended when it is closed, isn't counted. */
enum fkv_status bench_pipeline_open(struct bench_client *client, struct fkv_error *error);
void bench_pipeline_close(struct bench_client *client);
bool bench_pipeline_has_room(const struct bench_client *client);
bool bench_pipeline_is_empty(const struct bench_client *client);
enum fkv_status bench_pipeline_begin(struct bench_client *client, uint64_t n, uint64_t due_ns,
                                     struct fkv_error *error);
enum fkv_status bench_pipeline_end(struct bench_client *client, struct fkv_error *error);

uint64_t bench_checksum(const struct ArrowArray *batch);

#endif
