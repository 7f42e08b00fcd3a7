/* SPDX-License-Identifier: Apache-2.0 */
/* A table of random numbers as a stream: float64 columns "c0", "c1", ... of standard normal values.
 * A column's values depend on seed and column only, not on the size of the batches. */
#ifndef CLI_NUMBERS_H
#define CLI_NUMBERS_H

#include <stdint.h>

#include "flightkv/arrow_abi.h"
#include "flightkv/status.h"

enum { numbers_columns_max = 10000, numbers_batch_rows = 131072 };

struct numbers_options {
    int64_t rows;
    int64_t columns; /* 1 to numbers_columns_max */
    int64_t batch_rows;
    uint64_t seed;
};

/* Of all values. */
static inline uint64_t numbers_bytes(const struct numbers_options *options)
{
    return (uint64_t)options->rows * (uint64_t)options->columns * sizeof(double);
}

/* Arrays may outlive the stream and be released by any thread. */
enum fkv_status numbers_stream(const struct numbers_options *options, struct ArrowArrayStream *ret,
                               struct fkv_error *error);

#endif
