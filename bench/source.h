/* SPDX-License-Identifier: Apache-2.0 */
/* A table of float64 columns, made in memory: what is put. */
#ifndef BENCH_SOURCE_H
#define BENCH_SOURCE_H

#include <stdint.h>

#include "flightkv/arrow_abi.h"

/* Batch after batch, in each column after column. */
struct source {
    double *values; /* free() */
    uint64_t values_count;
    uint64_t columns, rows, batch_rows;
    uint64_t next;
};

/* Sees to at least so many values; those that are there stay. */
void source_fill(struct source *source, uint64_t values);

/* Streams the rows from the first one on; valid while the source is, one stream at a time. */
void source_stream(struct source *source, struct ArrowArrayStream *ret);

#endif
