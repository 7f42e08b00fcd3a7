/* SPDX-License-Identifier: Apache-2.0 */
/* What the n-th operation of a benchmark is: a put or a get, and of which key. It follows from seed
 * and n alone, whichever client comes to do it, so that two runs do the same work. */
#ifndef CLI_BENCH_PICK_H
#define CLI_BENCH_PICK_H

#include <stdbool.h>
#include <stdint.h>

enum { bench_keys_max = 1000000000 };

enum bench_distribution { BENCH_UNIFORM, BENCH_ZIPF, BENCH_SEQUENTIAL };

struct bench_pick_options {
    enum bench_distribution distribution;
    double theta;        /* Zipf's exponent, above 0 */
    uint64_t keys;       /* 1 to bench_keys_max */
    uint64_t puts, gets; /* their ratio; not both 0 */
    uint64_t seed;
};

struct bench_pick {
    struct bench_pick_options options;
    double area_first, area_all, surely_under; /* of the hat over Zipf's steps */
};

void bench_pick_init(struct bench_pick *pick, const struct bench_pick_options *options);

struct bench_operation {
    bool is_put;
    uint64_t key; /* below `keys` */
};

struct bench_operation bench_pick_at(const struct bench_pick *pick, uint64_t n);

/* "uniform", "sequential", "zipf" (0.99, as YCSB has it), "zipf:1.2". False when it is none. */
bool bench_distribution_parse(const char *text, enum bench_distribution *ret, double *ret_theta);

/* The way back: "zipf:0.99". */
enum { bench_distribution_size = 32 };
void bench_distribution_print(enum bench_distribution distribution, double theta,
                              char ret[bench_distribution_size]);

/* "1:10"; false when it is no ratio of two whole numbers, or both are 0. */
bool bench_ratio_parse(const char *text, uint64_t *ret_puts, uint64_t *ret_gets);

#endif
