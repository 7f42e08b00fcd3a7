/* SPDX-License-Identifier: Apache-2.0 */
/* Standard normal random numbers, many and fast, the same for the same seed. */
#ifndef CLI_NORMAL_H
#define CLI_NORMAL_H

#include <stddef.h>
#include <stdint.h>

enum { normal_layers = 256 };

/* The layers of the ziggurat; made once, then read by any number of generators. */
struct normal_table {
    double x[normal_layers + 1]; /* right edges, from the base up */
    double density[normal_layers + 1];
};

void normal_table_init(struct normal_table *table);

struct normal {
    const struct normal_table *table;
    uint64_t state[4];
};

/* Different `stream`s of one seed are independent. */
void normal_init(struct normal *normal, const struct normal_table *table, uint64_t seed,
                 uint64_t stream);
void normal_fill(struct normal *normal, double *values, size_t count);

#endif
