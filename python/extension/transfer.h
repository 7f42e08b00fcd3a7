/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXTENSION_TRANSFER_H
#define EXTENSION_TRANSFER_H

#include "flightkv/flightkv.h"
#include "table.h"

/* A table of the stream's schema, and up to `most` batches. Without the GIL. */
enum fkv_status transfer_gather(struct ArrowArrayStream *stream, size_t most, struct table **ret,
                                struct fkv_error *error);

#endif
