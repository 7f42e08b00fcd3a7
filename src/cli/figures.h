/* SPDX-License-Identifier: Apache-2.0 */
/* Results that are names with values: a server's JSON shown to a person, a program or as it is. */
#ifndef CLI_FIGURES_H
#define CLI_FIGURES_H

#include "cli/cli.h"
#include "cli/grid.h"
#include "cli/json.h"

/* Calls an action whose result is one JSON object. INVALID_ARGUMENT when it isn't. */
enum fkv_status figures_call(struct fkv_client *client, const char *action, const char *body,
                             struct doc **ret, struct fkv_error *error);

/* What a flightkv server says of a table besides what Flight does: batches, created, ...; NULL
 * where it doesn't. To be freed with doc_free. */
struct doc *figures_besides(const struct fkv_table_info *info);

/* The members one a line: aligned, with units and thousands marked, on a terminal; name, tab and
 * plain value elsewhere. */
int figures_print(const struct cli *cli, const struct doc *doc);

#endif
