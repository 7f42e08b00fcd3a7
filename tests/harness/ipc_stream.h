/* SPDX-License-Identifier: Apache-2.0 */
/* IPC streams on disk, for tests: reading files, finding sets of them, and the framing around the
 * messages. Knows nothing of what is inside a message. */
#ifndef HARNESS_IPC_STREAM_H
#define HARNESS_IPC_STREAM_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* Cuts the next message's header off *rest: continuation marker (absent before Arrow 0.15), length,
 * header; its body follows there. False at the end-of-stream marker, at the end, and where the
 * framing is broken. */
bool ipc_stream_next(struct slice *rest, struct slice *ret_header);

/* Appends a header with its framing, padded to 8 bytes. */
void ipc_stream_put(struct buf *stream, struct slice header);

/* The whole file; false when it can't be read. */
bool ipc_stream_load(const char *path, struct buf *ret);

/* Calls `visit` for each file below `folder` whose name ends in `suffix`, in order of names.
 * Gives their number; 0 when the folder isn't there. */
typedef void ipc_stream_visit(void *context, const char *path, struct slice bytes);
size_t ipc_stream_each(const char *folder, const char *suffix, ipc_stream_visit *visit,
                       void *context);

/* Arrow's own golden files, which aren't part of the project: FKV_GOLDEN, or ../shared/golden where
 * that is there; else NULL. */
const char *ipc_stream_golden(void);

#endif
