/* SPDX-License-Identifier: Apache-2.0 */
/* Pipelines over tables made by rule: key n has the small table whose first row is 1,000 n. */
#ifndef FLOW_PIPELINES_H
#define FLOW_PIPELINES_H

#include "flow/flow.h"
#include "flow/tables.h"

extern const struct table_rule piped_small;
/* More than a turn moves; of more batches than a stream keeps unread. */
extern const struct table_rule piped_large;

struct table_rule piped_rule(uint64_t n);
size_t piped_key(uint64_t n, char ret[16]); /* "key N" */

struct fkv_pipeline *piped_open(struct fkv_client *client, uint64_t depth);

/* They begin, with n for a tag. */
void piped_get(struct fkv_pipeline *pipeline, uint64_t n);
void piped_put_of(struct fkv_pipeline *pipeline, uint64_t n, const struct table_rule *rule);
void piped_put(struct fkv_pipeline *pipeline, uint64_t n);

/* What results were, by tag. */
enum { keys_max = 64 };
struct tally {
    enum fkv_status statuses[keys_max];
    unsigned times[keys_max];
    char message[FKV_ERROR_MESSAGE_SIZE]; /* of the last failure */
    size_t count;
    uint64_t order[keys_max]; /* of tags */
};

/* The next result into the tally; a table must be its key's, but one whose tag is `odd_tag` is
 * `odd`. False: there was none. */
bool piped_take_odd(struct fkv_pipeline *pipeline, struct tally *tally, uint64_t odd_tag,
                    const struct table_rule *odd);
bool piped_take(struct fkv_pipeline *pipeline, struct tally *tally);
struct tally piped_take_all(struct fkv_pipeline *pipeline);
struct tally piped_statuses(struct fkv_pipeline *pipeline); /* without a look at tables */

size_t piped_count(const struct tally *tally, enum fkv_status status);

/* Does something for keys 0 to count - 1 with as many at a time as there is room for. */
struct tally piped_run(struct fkv_pipeline *pipeline, uint64_t count,
                       void (*begin)(struct fkv_pipeline *pipeline, uint64_t n));

void piped_put_keys(struct fkv_client *client, uint64_t count);
uint64_t piped_calls_open(const struct flow *flow); /* at the server */

#endif
