/* SPDX-License-Identifier: Apache-2.0 */
/* A table in memory: a schema and the batches that came, kept as they came and given out as Arrow
 * streams as often as asked, without a copy of data.
 *
 * What is given out shares the buffers: each struct of its own (a consumer may move children out of
 * their parent, and release in any order and thread) counts on the struct that came, which is
 * released with the last of them. The table itself may be gone by then. Counts are atomic; a table
 * that is filled doesn't change, so all but filling may be done on any thread. */
#ifndef EXTENSION_TABLE_H
#define EXTENSION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flightkv/arrow_abi.h"

struct table;

/* Takes the schema over, also on failure; NULL: out of memory. */
struct table *table_new(struct ArrowSchema *schema);
void table_ref(struct table *table);
void table_unref(struct table *table); /* NULL is allowed */

/* Takes the batch over, also on failure; false: out of memory. */
bool table_add(struct table *table, struct ArrowArray *batch);

int64_t table_rows(const struct table *table);
size_t table_batches(const struct table *table);
const struct ArrowSchema *table_schema(const struct table *table);

/* false: out of memory. */
bool table_export_schema(const struct table *table, struct ArrowSchema *ret);

/* A stream of the first `rows` rows (batches are cut at their end); it keeps the table. */
bool table_export(struct table *table, int64_t rows, struct ArrowArrayStream *ret);

#endif
