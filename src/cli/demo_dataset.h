/* SPDX-License-Identifier: Apache-2.0 */
/* Where the demo's table comes from: random numbers, made as a Parquet file and read back, or a
 * file of the user's. */
#ifndef CLI_DEMO_DATASET_H
#define CLI_DEMO_DATASET_H

#include "cli/cli.h"
#include "cli/demo_table.h"

enum { demo_columns = 64, demo_row_bytes = demo_columns * sizeof(double) };

/* Reads a file whole; on failure says so and gives the exit code. Ctrl-C ends it. */
int demo_dataset_read(const struct cli *cli, const char *path, struct demo_table *ret);

/* Reads the table of `size` bytes from its file in `folder`, and makes the file when it isn't there
 * yet. `size` 0: the largest one that there is room for. `folder` NULL: build/demo where that
 * exists, else a folder that is gone afterwards. */
int demo_dataset_make(const struct cli *cli, uint64_t size, const char *folder,
                      struct demo_table *ret);

#endif
