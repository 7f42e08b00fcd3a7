/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page, in the man(7) language, made from the command table as the help is. */
#ifndef CLI_MANUAL_H
#define CLI_MANUAL_H

#include "cli/cli.h"

/* False: out of memory. */
bool manual_print(FILE *out);

#endif
