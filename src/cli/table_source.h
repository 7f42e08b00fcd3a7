/* SPDX-License-Identifier: Apache-2.0 */
/* A table's file as a stream. */
#ifndef CLI_TABLE_SOURCE_H
#define CLI_TABLE_SOURCE_H

#include "cli/cli.h"
#include "cli/table_format.h"
#include "formats/formats.h"

/* A file being read. The stream's consumer may take it over; it must be released before done. */
struct table_source {
    struct ArrowArrayStream stream;
    struct formats *formats; /* NULL for IPC */
    int64_t rows;            /* 0: not known beforehand */
    int64_t file_bytes;      /* of a file that isn't Parquet; 0: not known */
};

struct table_source_options {
    enum table_format format;         /* TABLE_UNKNOWN: by the file's content and name */
    struct formats_text_options text; /* its delimiter 0: a comma, a tab in .tsv */
};

/* "-" is standard input, an IPC stream unless `format` says CSV or JSON. The first bytes tell
 * Parquet and IPC, whatever the name; text is what the name's ending says. NOT_FOUND: no such
 * file. */
enum fkv_status table_source_open(const char *path, const struct table_source_options *options,
                                  struct table_source *ret, struct fkv_error *error);
void table_source_done(struct table_source *source);

/* Puts the name of the source before what is wrong with it. */
enum fkv_status table_source_blame(const char *path, enum fkv_status status,
                                   struct fkv_error *error);

/* How much of it was read, given what came out so far; negative when that can't be known. */
double table_source_fraction(const struct table_source *source, const struct fkv_progress *so_far);

#endif
