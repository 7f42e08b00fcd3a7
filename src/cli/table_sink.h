/* SPDX-License-Identifier: Apache-2.0 */
/* A stream as a table's file, or on standard output. */
#ifndef CLI_TABLE_SINK_H
#define CLI_TABLE_SINK_H

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/table_format.h"
#include "formats/formats.h"

/* A file to be written; nothing is created before table_sink_write. */
struct table_sink {
    const char *path; /* NULL: standard output */
    enum table_format format;
    const char *compression; /* NULL: the format's usual one */
    bool plain;              /* formats_parquet_options.plain */
    struct formats *formats;
};

/* INVALID_ARGUMENT for an unknown ending or compression; UNIMPLEMENTED without the Parquet module.
 * `path` NULL or "-" is standard output. `format` TABLE_UNKNOWN: by the name's ending, an IPC
 * stream on standard output; TABLE_IPC_FILE is an IPC stream there, too. */
enum fkv_status table_sink_init(const char *path, enum table_format format, const char *compression,
                                struct table_sink *ret, struct fkv_error *error);
void table_sink_done(struct table_sink *sink);

/* Takes the stream over, also on failure. */
enum fkv_status table_sink_write(struct table_sink *sink, struct ArrowArrayStream *stream,
                                 fkv_progress_callback progress, void *progress_context,
                                 struct fkv_progress *ret, struct fkv_error *error);

#endif
