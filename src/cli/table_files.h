/* SPDX-License-Identifier: Apache-2.0 */
/* Several files as one table: one behind the other, each opened when the one before it is at its
 * end. All must have the schema of the first. */
#ifndef CLI_TABLE_FILES_H
#define CLI_TABLE_FILES_H

#include "cli/table_source.h"

struct table_files {
    struct ArrowArrayStream stream; /* errors name the file; may be taken over */
    struct table_source_options options;
    char **paths;
    size_t count;
    size_t at;                  /* the file being read */
    struct table_source source; /* it, opened */
    struct ArrowSchema schema;  /* of the first */
    struct fkv_error failure;
};

/* Opens the first. A name is a file's, "-" for standard input, a folder's (all its Parquet files,
 * in the order of their names), or, where no such file is there, a glob. NOT_FOUND: no such file,
 * or none that fits. `ret` must stay where it is. */
enum fkv_status table_files_open(const char *const *names, size_t count,
                                 const struct table_source_options *options,
                                 struct table_files *ret, struct fkv_error *error);
void table_files_done(struct table_files *files);

#endif
