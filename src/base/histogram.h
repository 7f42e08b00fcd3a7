/* SPDX-License-Identifier: Apache-2.0 */
/* How often each value came, within a part in a thousand: HdrHistogram's log-linear form
 * (http://hdrhistogram.org). Every power of two is cut into 1,024 equal steps, so that three
 * significant digits are kept from one nanosecond to more than an hour, in memory that doesn't
 * grow:
 *
 *     value            steps of   slots
 *     0 .. 2,047              1   0 .. 2,047
 *     2,048 .. 4,095          2   2,048 .. 3,071
 *     4,096 .. 8,191          4   3,072 .. 4,095
 *     ...
 *
 * One thread records; another one may meanwhile add it to a histogram of its own, and ask that one
 * for the rest: sums and counts of a histogram that is written to don't fit each other.
 * Memory that no value falls into is never touched: some 270 KiB of addresses, a few KiB of pages.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct histogram;

/* Larger values are counted as this one: 2^42 - 1, in nanoseconds 73 minutes. */
#define HISTOGRAM_VALUE_MAX ((UINT64_C(1) << 42) - 1)

struct histogram *histogram_new(void); /* NULL: out of memory */
void histogram_free(struct histogram *histogram);

void histogram_record(struct histogram *histogram, uint64_t value);

/* Adds what `from` has counted. */
void histogram_add(struct histogram *histogram, const struct histogram *from);

/* Takes away what it had counted when `before` was a copy of it. What is left has no exact least
 * and most of its own: those of its steps. */
void histogram_subtract(struct histogram *histogram, const struct histogram *before);
void histogram_clear(struct histogram *histogram);

uint64_t histogram_count(const struct histogram *histogram);
uint64_t histogram_min(const struct histogram *histogram); /* exact; 0 when it is empty */
uint64_t histogram_max(const struct histogram *histogram); /* likewise */
double histogram_mean(const struct histogram *histogram);  /* exact but for values cut to the max */
double histogram_deviation(const struct histogram *histogram); /* of the population */

/* The least value that `percentile` per cent of the values don't exceed: the largest one that falls
 * into the same step, at most the maximum. 0 when it is empty. */
uint64_t histogram_percentile(const struct histogram *histogram, double percentile);

/* One point of the distribution, as histogram_walk gives them. */
struct histogram_point {
    uint64_t value;
    double percentile;
    uint64_t count; /* of values up to this one */
};

/* Visits percentiles in ever smaller steps, five each time that the distance to 100 % halves, and
 * the maximum at 100 %. */
void histogram_walk(const struct histogram *histogram,
                    void (*visit)(void *context, const struct histogram_point *point),
                    void *context);

/* The percentile distribution as HdrHistogram's tools write and plot it (.hgrm); values are divided
 * by `unit`. False: writing failed. */
bool histogram_print(const struct histogram *histogram, double unit, FILE *out);

#endif
