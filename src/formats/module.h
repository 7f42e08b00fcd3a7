/* SPDX-License-Identifier: Apache-2.0 */
/* What the loader (formats.c, C) and the module (module.cc, C++) say to each other: one table of
 * functions, found by name. Nothing of C++ crosses: no exception, no type. Streams and errors are
 * the C structs of the public headers. */
#ifndef FORMATS_MODULE_H
#define FORMATS_MODULE_H

#include "flightkv/arrow_abi.h"
#include "flightkv/flightkv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Raised with every change of the table, so that a module of another build is refused. */
enum { formats_module_version = 3 };

struct formats_parquet_options;
struct formats_text_options;

struct formats_module {
    int version;

    enum fkv_status (*parquet_read)(const char *path, int64_t batch_rows,
                                    struct ArrowArrayStream *ret, int64_t *ret_rows,
                                    struct fkv_error *error);

    /* Takes the stream over, also on failure. */
    enum fkv_status (*parquet_write)(struct ArrowArrayStream *stream, int fd,
                                     const struct formats_parquet_options *options,
                                     struct fkv_progress *ret, struct fkv_error *error);

    /* Both take the descriptor over, also on failure. */
    enum fkv_status (*csv_read)(int fd, const struct formats_text_options *options,
                                struct ArrowArrayStream *ret, struct fkv_error *error);
    enum fkv_status (*json_read)(int fd, const struct formats_text_options *options,
                                 struct ArrowArrayStream *ret, struct fkv_error *error);
};

#define FORMATS_MODULE_ENTRY "flightkv_formats_module"
typedef const struct formats_module *(*formats_module_entry)(void);

FKV_API const struct formats_module *flightkv_formats_module(void);

#ifdef __cplusplus
}
#endif
#endif
