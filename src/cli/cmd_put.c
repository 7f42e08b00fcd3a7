/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <unistd.h>

#include "cli/transfer.h"

static int put(const struct cli *cli, const char *path, struct table_source *source,
               enum fkv_put_mode mode)
{
    struct fkv_error error;
    struct fkv_progress result;
    struct transfer transfer;
    transfer_begin(&transfer, cli, "Putting");
    transfer.source = source;
    struct ArrowArrayStream stream = transfer_stream(&transfer, &source->stream);
    struct fkv_put_options put_options = {.size = sizeof put_options,
                                          .progress = transfer_progress,
                                          .progress_context = &transfer,
                                          .mode = mode};
    enum fkv_status status =
        fkv_put(cli->client, cli->key.data, cli->key.size, &stream, &put_options, &result, &error);
    transfer_end(&transfer);
    if (transfer.tap.failure.status != FKV_OK)
        table_source_blame(path, transfer.tap.failure.status, &transfer.tap.failure);
    if (status != FKV_OK)
        return transfer_fail(&transfer, cli, &error, cli_fail);
    return transfer_report(&transfer, cli, mode == FKV_PUT_APPEND ? "Appended to" : "Put", path,
                           &result);
}

/* "put FILE KEY" is what other programs' copying commands look like. */
static int fail_open(const struct cli *cli, const struct parsed *parsed,
                     const struct fkv_error *error)
{
    const char *first = parsed->arguments[0], *second = parsed->arguments[1];
    if (error->status == FKV_NOT_FOUND && access(first, R_OK) == 0)
        return cli_error(cli, CLI_FAILED, "%s; KEY comes first: flightkv put %s %s", error->message,
                         second, first);
    return cli_error(cli, CLI_FAILED, "%s", error->message);
}

/* The file is opened before the server is called: a wrong name is found without one. */
static int run(struct cli *cli, const struct parsed *parsed)
{
    struct fkv_error error;
    struct table_source source;
    const char *path = parsed->arguments[1];
    int exit_code = cli_key(cli, parsed->arguments[0]);
    if (exit_code != CLI_DONE)
        return exit_code;
    if (table_source_open(path, &source, &error) != FKV_OK)
        return fail_open(cli, parsed, &error);
    exit_code = cli_connect(cli);
    if (exit_code == CLI_DONE)
        exit_code = put(cli, path, &source,
                        parsed_has(parsed, "append") ? FKV_PUT_APPEND : FKV_PUT_REPLACE);
    table_source_done(&source);
    return exit_code;
}

static const struct option options[] = {
    {.name = "append",
     .letter = 'a',
     .help = "Put the rows behind those of the key's table, whose schema must be the same"},
    {0},
};

const struct command cmd_put = {
    .name = "put",
    .arguments = "KEY FILE|-",
    .summary = "Store a file's table under a key",
    .details =
        "FILE is Parquet or Arrow IPC, file or stream, whatever its name; - reads an Arrow IPC\n"
        "stream from standard input. The file is read piecewise.\n"
        "What was under the key is replaced when all of the table has arrived, and stays if\n"
        "anything fails; with --append it gets longer. In KEY, %XX stands for a byte and %25\n"
        "for a percent sign.\n",
    .examples = "  flightkv put prices prices.parquet\n"
                "  flightkv put prices prices.arrow --server grpc+tcp://db1:6666\n"
                "  flightkv put prices today.parquet --append\n"
                "  flightkv get prices | flightkv put prices/copy -\n",
    .options = options,
    .arguments_least = 2,
    .arguments_most = 2,
    .flags = COMMAND_CALLS_SERVER | COMMAND_HAS_JSON,
    .completes = COMPLETE_KEY_THEN_FILE,
    .run = run,
};
