/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords on their way into the program: never on a command line, which others can see. */
#ifndef CLI_CREDENTIALS_H
#define CLI_CREDENTIALS_H

#include "cli/cli.h"

enum { password_size = 1024 }; /* with its NUL; no server takes longer ones */

/* The password for --user, from --password-file or FLIGHTKV_PASSWORD, or asked for where there is a
 * terminal. */
int credentials_find(const struct cli *cli, char ret[password_size]);

/* A new one: asked for twice without echo, or standard input's first line where that is no
 * terminal. */
int credentials_ask_new(const struct cli *cli, char ret[password_size]);

#endif
