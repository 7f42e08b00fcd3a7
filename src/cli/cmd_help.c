/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/manual.h"

static int run(struct cli *cli, const struct parsed *parsed)
{
    if (parsed_has(parsed, "man"))
        return manual_print(cli->out) ? CLI_DONE : cli_no_memory(cli);
    if (parsed->argument_count == 0) {
        help_print_program(cli->out);
        return CLI_DONE;
    }
    const struct command *command = command_find(parsed->arguments[0]);
    if (command == NULL)
        return cli_unknown_command(cli, parsed->arguments[0]);
    return help_print_command(cli->out, command) ? CLI_DONE : cli_no_memory(cli);
}

static const struct option options[] = {
    {.name = "man", .help = "Print the manual page, for man -l and the like"},
    {0},
};

const struct command cmd_help = {
    .name = "help",
    .arguments = "[COMMAND]",
    .summary = "Show what there is, or how one command is used",
    .examples = "  flightkv help\n"
                "  flightkv help put\n"
                "  flightkv help --man | man -l -\n",
    .options = options,
    .arguments_most = 1,
    .completes = COMPLETE_COMMANDS,
    .run = run,
};
