/* SPDX-License-Identifier: Apache-2.0 */
/* A stream's schema and batches, each checked against the other as far as a reader of rows relies
 * on it: as many columns as the schema has, and a length and offset that make sense. */
#ifndef CLI_BATCHES_H
#define CLI_BATCHES_H

#include "flightkv/arrow_abi.h"
#include "flightkv/status.h"

/* The schema is the caller's to release; `ret` is untouched on failure. */
enum fkv_status batches_schema(struct ArrowArrayStream *stream, struct ArrowSchema *ret,
                               struct fkv_error *error);

/* The next batch, the caller's to release; at the end ret->release is NULL. */
enum fkv_status batches_next(struct ArrowArrayStream *stream, const struct ArrowSchema *schema,
                             struct ArrowArray *ret, struct fkv_error *error);

#endif
