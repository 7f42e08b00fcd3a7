/* SPDX-License-Identifier: Apache-2.0 */
/* A table to look at: schema, totals, the first and the last rows. All batches are read, few are
 * held.
 *
 * Where the height is given, rows have what is left of it, and the schema is the first to give way:
 *
 *     schema: and its lines    1 to 17; none where there isn't room for three, and 11 rows
 *     empty
 *     names, types, rule       3
 *     rows
 *     empty, totals            2
 *     the shell's prompt       1 */
#ifndef CLI_PREVIEW_H
#define CLI_PREVIEW_H

#include <stdio.h>

#include "flightkv/flightkv.h"

struct preview;

struct preview_options {
    size_t rows;   /* shown from either end; of no meaning where there is a height */
    size_t width;  /* of a line; 0 = unlimited */
    size_t height; /* of all, in lines; 0 = unlimited */
    bool has_color;
};

/* Takes the stream over, also on failure, and reads it to its end. */
enum fkv_status preview_read(struct ArrowArrayStream *stream, const struct preview_options *options,
                             fkv_progress_callback progress, void *progress_context,
                             struct preview **ret, struct fkv_error *error);
void preview_free(struct preview *preview);

/* False: memory was short. */
bool preview_print(const struct preview *preview, FILE *out);

#endif
