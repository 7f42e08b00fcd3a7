/* SPDX-License-Identifier: Apache-2.0 */
/* Parquet, CSV and JSON <-> ArrowArrayStream. Arrow C++ does the work; it is loaded at run time, so
 * that programs start and do everything else without it:
 *
 *     formats.c   (C, in the program)   finds Arrow's libraries and the module, dlopens them
 *     *.cc        (the module, flightkv_formats.so)   a thin extern "C" shim over Arrow C++
 *
 * Where Arrow C++ is looked for, in turn: FLIGHTKV_ARROW_DIR, the system's library path, the
 * pyarrow package of `python3` on the PATH, `.venv` folders beside and above the program and the
 * current folder. The module: FLIGHTKV_FORMATS, beside the program, ../lib/flightkv/ from it.
 * Call from one thread at a time. */
#ifndef FORMATS_FORMATS_H
#define FORMATS_FORMATS_H

#include "flightkv/arrow_abi.h"
#include "flightkv/flightkv.h"

#ifdef __cplusplus
extern "C" {
#endif

struct formats;

/* UNIMPLEMENTED with a sentence that says what is missing and how to get it. */
enum fkv_status formats_load(struct formats **ret, struct fkv_error *error);

/* All its streams must be released; NULL is allowed. Arrow C++ itself stays loaded, for it has
 * threads of its own. */
void formats_unload(struct formats *formats);

/* Opens a Parquet file as a stream of batches of at most `batch_rows` rows (0 = 131,072): read
 * piecewise, memory bounded by a page of each column being decoded plus two batches. `ret_rows`
 * (may be NULL) is told the rows in the file. NOT_FOUND: no such file; INVALID_ARGUMENT: not a
 * Parquet file, and why. */
enum fkv_status formats_parquet_read(struct formats *formats, const char *path, int64_t batch_rows,
                                     struct ArrowArrayStream *ret, int64_t *ret_rows,
                                     struct fkv_error *error);

/* Floating-point columns are written without dictionaries, for their values seldom repeat. */
struct formats_parquet_options {
    const char *compression; /* "snappy" (also NULL), "zstd", "gzip", "lz4", "brotli", "none" */
    int64_t row_group_rows;  /* 0 = 1,048,576; a group ends sooner at 64 MiB, to bound memory */
    bool plain;              /* no dictionary encoding: for values that don't repeat */
    fkv_progress_callback progress;
    void *progress_context;
};

/* Takes the stream over, also on failure, and writes it to `fd` (not closed). `ret` may be NULL. */
enum fkv_status formats_parquet_write(struct formats *formats, struct ArrowArrayStream *stream,
                                      int fd, const struct formats_parquet_options *options,
                                      struct fkv_progress *ret, struct fkv_error *error);

/* A column's type, as the C Data Interface writes it: "l", "tsu:UTC". */
struct formats_column_type {
    const char *name;
    const char *format;
};

struct formats_text_options {
    char delimiter; /* of CSV; 0 = a comma */
    const struct formats_column_type *types;
    size_t type_count;
};

/* CSV with a header, and JSON: lines of objects, or one array of them. Read piecewise, a batch for
 * each 8 MiB of text, to the end of `fd`, which the stream takes over, also on failure. Types are
 * those of the options, and inferred from the first of these pieces where they say none; a later
 * value of another type is an error of the stream that names it. A column of CSV with a type must
 * be there; a member of JSON that isn't is null. In CSV, nothing is null and "" an empty text. */
enum fkv_status formats_csv_read(struct formats *formats, int fd,
                                 const struct formats_text_options *options,
                                 struct ArrowArrayStream *ret, struct fkv_error *error);
enum fkv_status formats_json_read(struct formats *formats, int fd,
                                  const struct formats_text_options *options,
                                  struct ArrowArrayStream *ret, struct fkv_error *error);

#ifdef __cplusplus
}
#endif
#endif
