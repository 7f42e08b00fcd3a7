/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/figures.h"

static int run(struct cli *cli, const struct parsed *parsed)
{
    (void)parsed;
    struct fkv_error error;
    struct doc *stats = NULL;
    int exit_code = cli_connect(cli);
    if (exit_code != CLI_DONE)
        return exit_code;
    if (figures_call(cli->client, "flightkv.stats", "", &stats, &error) != FKV_OK)
        exit_code = cli_fail(cli, &error);
    else if (!cli->json)
        exit_code = figures_print(cli, stats);
    else if (!doc_print(stats, cli->out))
        exit_code = cli_no_memory(cli);
    doc_free(stats);
    return exit_code;
}

const struct command cmd_stats = {
    .name = "stats",
    .arguments = "",
    .summary = "Show the server's figures: memory, keys, calls",
    .details = "Into a pipe, a line is name and value with a tab between.\n",
    .examples = "  flightkv stats\n"
                "  flightkv stats --json\n",
    .flags = COMMAND_CALLS_SERVER | COMMAND_HAS_JSON,
    .run = run,
};
