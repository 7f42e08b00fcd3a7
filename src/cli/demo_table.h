/* SPDX-License-Identifier: Apache-2.0 */
/* A table held in memory, to be put again and again and compared with what comes back. Its columns
 * are float64 without nulls, as generate makes them, so that comparing is comparing bytes. */
#ifndef CLI_DEMO_TABLE_H
#define CLI_DEMO_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flightkv/flightkv.h"

struct demo_table {
    struct ArrowSchema schema;
    struct ArrowArray *batches;
    size_t batch_count;
    size_t capacity;
    int64_t rows;
};

/* Reads the stream to its end and releases it, also on failure. FAILED_PRECONDITION for columns of
 * another kind. */
enum fkv_status demo_table_collect(struct ArrowArrayStream *stream, struct demo_table *ret,
                                   struct fkv_error *error);
void demo_table_done(struct demo_table *table);

uint64_t demo_table_bytes(const struct demo_table *table); /* of the values */

/* The table as a stream that borrows it: what comes out is valid as long as the table, and its
 * children can't be taken out of it. */
struct demo_table_reader {
    const struct demo_table *table;
    size_t next;
};
struct ArrowArrayStream demo_table_stream(const struct demo_table *table,
                                          struct demo_table_reader *reader);

/* Same column names, same batches, same bytes. */
bool demo_table_equal(const struct demo_table *a, const struct demo_table *b);

#endif
