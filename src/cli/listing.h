/* SPDX-License-Identifier: Apache-2.0 */
/* The server's keys with their figures, in an order. */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include "base/slice.h"
#include "cli/cli.h"
#include "cli/grid.h"

struct entry {
    struct slice key; /* owned */
    int64_t rows;
    int64_t columns;
    int64_t bytes;
    /* Of a long listing; 0 where the server doesn't say it. */
    int64_t batches;
    double created_s; /* since 1970 */
};

struct listing {
    struct entry *entries;
    size_t count;
    size_t capacity;
    bool is_long;
    bool has_failed;
};

enum listing_order { ORDER_KEY, ORDER_ROWS, ORDER_COLUMNS, ORDER_BATCHES, ORDER_SIZE, ORDER_AGE };

/* "key", "rows", "columns", "batches", "size", "age" */
bool listing_order_named(const char *name, enum listing_order *ret);

/* All keys that fit `pattern` (NULL: all); on failure says why, and gives the exit code.
 * `is_long`: with batches and age. */
int listing_fetch(struct cli *cli, const char *pattern, bool is_long, struct listing *ret);
void listing_done(struct listing *listing);

/* Keys in the order of their bytes; figures with the largest first, ages with the youngest, equal
 * ones by key. `is_reversed`: all the other way round. */
void listing_sort(struct listing *listing, enum listing_order order, bool is_reversed);

/* The first `most` as aligned columns; `is_long`: with batches and age. False: out of
 * memory. */
bool listing_print_grid(const struct listing *listing, bool is_long, size_t most,
                        const struct grid_style *style, FILE *out);

#endif
