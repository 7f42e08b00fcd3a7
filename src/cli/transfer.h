/* SPDX-License-Identifier: Apache-2.0 */
/* What put, get and generate share: a progress bar that knows the whole, Ctrl-C, and the line that
 * says what was done. */
#ifndef CLI_TRANSFER_H
#define CLI_TRANSFER_H

#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/table_sink.h"
#include "cli/table_source.h"
#include "cli/tap.h"

struct transfer {
    struct progress progress;
    struct interrupt interrupt;
    struct tap tap;
    int64_t rows;                      /* of the whole table; 0: not known */
    int64_t bytes;                     /* likewise; for readers that don't count them */
    const struct table_source *source; /* knows the whole in its own way; may be NULL */
};

/* table_sink_init; on failure says why and gives the exit code. */
int transfer_sink(const struct cli *cli, const char *path, enum table_format format,
                  const char *compression, struct table_sink *ret);

/* An interruption cancels what cli->client is at, if there is one. */
void transfer_begin(struct transfer *transfer, const struct cli *cli, const char *verb);
void transfer_end(struct transfer *transfer);

/* Also behind the end: a signal that came too late to fail the transfer is still one. */
bool transfer_is_interrupted(const struct transfer *transfer);

/* The fkv_progress_callback; its context is the transfer. */
bool transfer_progress(void *transfer, const struct fkv_progress *so_far);

/* The stream through the tap: fails when interrupted. */
struct ArrowArrayStream transfer_stream(struct transfer *transfer, struct ArrowArrayStream *inner);

/* Says why it failed: that it was interrupted, else what the tap has seen, else `error`, by `fail`.
 */
int transfer_fail(struct transfer *transfer, const struct cli *cli, struct fkv_error *error,
                  int (*fail)(const struct cli *cli, const struct fkv_error *error));

/* One line on cli->out about cli->key, "DID KEY: 4,194,304 rows in 32 batches, 2.0 GiB in 1.2 s
 * (1.7 GiB/s)", or JSON with the same figures; `path` goes into the JSON (may be NULL). */
int transfer_report(const struct transfer *transfer, const struct cli *cli, const char *did,
                    const char *path, const struct fkv_progress *result);

#endif
