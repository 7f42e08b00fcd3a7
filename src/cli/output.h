/* SPDX-License-Identifier: Apache-2.0 */
/* A file that is there whole or not at all: written under another name beside it and renamed at the
 * end. What isn't a regular file (a device, a FIFO) is written as it is. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "flightkv/status.h"

struct output {
    int fd;
    char *path;      /* where it will be, symbolic links followed */
    char *temporary; /* NULL: written as it is */
};

enum fkv_status output_open(const char *path, struct output *ret, struct fkv_error *error);

/* One of the two ends an output. */
enum fkv_status output_commit(struct output *output, struct fkv_error *error);
void output_abort(struct output *output);

#endif
