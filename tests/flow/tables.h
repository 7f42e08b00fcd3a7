/* SPDX-License-Identifier: Apache-2.0 */
/* Tables made by rule, so that what comes back can be checked without keeping what was sent: row i
 * of the whole table has x = seed + i (int64) and y = its text, null in every seventh row. */
#ifndef FLOW_TABLES_H
#define FLOW_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "flightkv/flightkv.h"

struct table_rule {
    uint64_t seed;
    uint32_t batches;
    uint32_t rows; /* of each batch */
    /* Fails the stream with EIO instead of giving batch number `fail_at` (from 1); 0: never. */
    uint32_t fail_at;
    /* Called before batch `number` (from 0) and before the end is given; may be NULL. */
    void (*before_batch)(void *context, uint32_t number);
    void *context;
};

void table_stream(const struct table_rule *rule, struct ArrowArrayStream *ret);

enum fkv_status table_put(struct fkv_client *client, const char *key, const struct table_rule *rule,
                          struct fkv_error *error);
enum fkv_status table_append(struct fkv_client *client, const char *key,
                             const struct table_rule *rule, struct fkv_error *error);
/* With its values checked. */
enum fkv_status table_get(struct fkv_client *client, const char *key, struct ArrowArrayStream *ret,
                          struct fkv_error *error);

/* Reads the stream to its end and releases it; true when it is exactly the rule's table. */
bool table_is(struct ArrowArrayStream *stream, const struct table_rule *rule);

/* The same of what is under a key. */
void assert_table(struct fkv_client *client, const char *key, const struct table_rule *rule);

/* The same for the one of several rules whose first row it has. */
bool table_is_one_of(struct ArrowArrayStream *stream, const struct table_rule *rules, size_t count);

/* Reads it to its end and releases it; true when its rows, in whatever batches, are `rows` ones of
 * which the first has x = `first`. */
bool table_rows_are(struct ArrowArrayStream *stream, uint64_t first, uint64_t rows,
                    uint64_t *ret_batches);

#endif
