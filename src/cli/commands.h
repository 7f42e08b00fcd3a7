/* SPDX-License-Identifier: Apache-2.0 */
/* Every command, in the order in which the help shows them; each is defined by its cmd_NAME.c. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct command cmd_serve;
extern const struct command cmd_put;
extern const struct command cmd_get;
extern const struct command cmd_ls;
extern const struct command cmd_info;
extern const struct command cmd_diff;
extern const struct command cmd_rm;
extern const struct command cmd_stats;
extern const struct command cmd_top;
extern const struct command cmd_ping;
extern const struct command cmd_generate;
extern const struct command cmd_bench;
extern const struct command cmd_demo;
extern const struct command cmd_passwd;
extern const struct command cmd_completion;
extern const struct command cmd_help;

#endif
