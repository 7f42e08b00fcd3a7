/* SPDX-License-Identifier: Apache-2.0 */
/* What the values of options mean: numbers within bounds, sizes, durations. Each gives the exit
 * code, having said in one sentence what was wrong. */
#ifndef CLI_OPTION_VALUES_H
#define CLI_OPTION_VALUES_H

#include "cli/cli.h"
#include "cli/numbers.h"

/* The value of --name, or `fallback` where it wasn't said. */
const char *option_text(const struct parsed *parsed, const char *name, const char *fallback);

/* A whole number of least to most. */
int option_count(const struct cli *cli, const struct parsed *parsed, const char *name,
                 uint64_t fallback, uint64_t least, uint64_t most, uint64_t *ret);

/* "10s", "500ms"; at least a millisecond. */
int option_duration(const struct cli *cli, const struct parsed *parsed, const char *name,
                    uint64_t fallback_ns, uint64_t *ret_ns);

/* A table of random numbers by --size, --columns, --batch-rows and --seed, cut to whole rows. */
int option_shape(const struct cli *cli, const struct parsed *parsed, const char *size,
                 uint64_t columns, struct numbers_options *ret);

#endif
