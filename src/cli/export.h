/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of batches as text that other programs read; value_export.h says what values look like.
 *
 *     CSV      RFC 4180 with a header and line feeds. In a table of one column a null is "", too,
 *              because readers skip empty lines.
 *     NDJSON   an object a row and line
 *     JSON     one array of these objects */
#ifndef CLI_EXPORT_H
#define CLI_EXPORT_H

#include "flightkv/flightkv.h"

enum export_format { EXPORT_CSV, EXPORT_NDJSON, EXPORT_JSON };

/* Takes the stream over, also on failure, and writes all of it to `fd`, which stays the caller's.
 * `ret` may be NULL; the bytes of progress are those written. INVALID_ARGUMENT names row and column
 * of a value that can't be written. */
enum fkv_status export_write(struct ArrowArrayStream *stream, int fd, enum export_format format,
                             fkv_progress_callback progress, void *progress_context,
                             struct fkv_progress *ret, struct fkv_error *error);

#endif
