/* SPDX-License-Identifier: Apache-2.0 */
/* The user's own defaults of what every command that calls a server takes, one "name = value" a
 * line, by the options' long names:
 *
 *     # $XDG_CONFIG_HOME/flightkv/config, else ~/.config/flightkv/config
 *     server = grpc+tls://db1:6666
 *     user = alice
 *     password-file = ~/.flightkv-password
 *     verbose = yes
 *
 * The command line goes before the environment (FLIGHTKV_SERVER, FLIGHTKV_PASSWORD), and that
 * before the file. Files that it names are looked for in its own folder. */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "cli/cli.h"

struct config {
    char **texts; /* the values that `parsed` points to */
    size_t count;
};

/* Adds what the file says to `parsed`, as if it had been said before everything else. Nothing is
 * done without a file. On failure names file and line, and gives the exit code. `ret` is to be
 * freed in either case. */
int config_apply(const struct cli *cli, struct parsed *parsed, struct config *ret);

/* Not before the last use of `parsed`. */
void config_done(struct config *config);

#endif
