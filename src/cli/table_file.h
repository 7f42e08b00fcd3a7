/* SPDX-License-Identifier: Apache-2.0 */
/* Tables in files: what a name's ending says, a file as a stream, a stream as a file. */
#ifndef CLI_TABLE_FILE_H
#define CLI_TABLE_FILE_H

#include "cli/cli.h"
#include "cli/output.h"
#include "formats/formats.h"

enum table_format {
    TABLE_UNKNOWN,
    TABLE_IPC_FILE,   /* .arrow .feather .ipc */
    TABLE_IPC_STREAM, /* .arrows */
    TABLE_PARQUET,    /* .parquet .pq */
};

#define TABLE_ENDINGS ".arrow, .arrows, .feather, .ipc or .parquet"

enum table_format table_format_of(const char *path);

/* A file being read. The stream's consumer may take it over; it must be released before done. */
struct table_source {
    struct ArrowArrayStream stream;
    struct formats *formats; /* NULL for IPC */
    int64_t rows;            /* 0: not known beforehand */
    int64_t file_bytes;      /* of an IPC file; 0: not known */
};

/* "-" is standard input, an IPC stream. The first bytes tell Parquet from IPC, whatever the name.
 * NOT_FOUND: no such file. */
enum fkv_status table_source_open(const char *path, struct table_source *ret,
                                  struct fkv_error *error);
void table_source_done(struct table_source *source);

/* Puts the name of the source before what is wrong with it. */
enum fkv_status table_source_blame(const char *path, enum fkv_status status,
                                   struct fkv_error *error);

/* How much of it was read, given what came out so far; negative when that can't be known. */
double table_source_fraction(const struct table_source *source, const struct fkv_progress *so_far);

/* A file to be written; nothing is created before table_sink_write. */
struct table_sink {
    const char *path; /* NULL: standard output */
    enum table_format format;
    const char *compression; /* NULL: the format's usual one */
    bool plain;              /* formats_parquet_options.plain */
    struct formats *formats;
};

/* INVALID_ARGUMENT for an unknown ending or compression; UNIMPLEMENTED without the Parquet module.
 * `path` NULL or "-" is standard output as an IPC stream. */
enum fkv_status table_sink_init(const char *path, const char *compression, struct table_sink *ret,
                                struct fkv_error *error);
void table_sink_done(struct table_sink *sink);

/* Takes the stream over, also on failure. */
enum fkv_status table_sink_write(struct table_sink *sink, struct ArrowArrayStream *stream,
                                 fkv_progress_callback progress, void *progress_context,
                                 struct fkv_progress *ret, struct fkv_error *error);

#endif
