/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <string.h>
#include <unistd.h>

#include "cli/table_files.h"
#include "cli/table_types.h"
#include "cli/transfer.h"

static int put(const struct cli *cli, struct table_files *files, enum fkv_put_mode mode)
{
    struct fkv_error error;
    struct fkv_progress result;
    struct transfer transfer;
    bool is_one = files->count == 1;
    transfer_begin(&transfer, cli, "Putting");
    transfer.source = is_one ? &files->source : NULL;
    struct ArrowArrayStream stream = transfer_stream(&transfer, &files->stream);
    struct fkv_put_options put_options = {.size = sizeof put_options,
                                          .progress = transfer_progress,
                                          .progress_context = &transfer,
                                          .mode = mode};
    enum fkv_status status =
        fkv_put(cli->client, cli->key.data, cli->key.size, &stream, &put_options, &result, &error);
    transfer_end(&transfer);
    if (status != FKV_OK)
        return transfer_fail(&transfer, cli, &error, cli_fail);
    return transfer_report(&transfer, cli, mode == FKV_PUT_APPEND ? "Appended to" : "Put",
                           is_one ? files->paths[0] : NULL, &result);
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

static int read_delimiter(const struct cli *cli, const struct parsed *parsed, char *ret)
{
    const char *delimiter = parsed_value(parsed, "delimiter");
    if (delimiter == NULL)
        return CLI_DONE;
    bool is_tab = strcmp(delimiter, "\\t") == 0;
    *ret = is_tab ? '\t' : delimiter[0];
    if (strchr("\"\r\n", *ret) != NULL || (delimiter[1] != '\0' && !is_tab) ||
        (unsigned char)delimiter[0] >= 0x80)
        return cli_error(cli, CLI_USAGE,
                         "--delimiter: '%s' isn't one character of ASCII, as in ';' or '\\t'",
                         delimiter);
    return CLI_DONE;
}

/* `ret` borrows from `ret_types`, which is to be done with also on failure. */
static int read_options(const struct cli *cli, const struct parsed *parsed,
                        struct table_source_options *ret, struct table_types *ret_types)
{
    struct fkv_error error;
    const char *format = parsed_value(parsed, "format"), *types = parsed_value(parsed, "types");
    if (format != NULL)
        ret->format = table_format_named(format);
    if (format != NULL && ret->format == TABLE_UNKNOWN)
        return cli_error(cli, CLI_USAGE,
                         "--format: '%s' isn't one of csv, json, ndjson, arrow and parquet",
                         format);
    if (types != NULL && table_types_parse(types, ret_types, &error) != FKV_OK)
        return cli_error(cli, CLI_USAGE, "--types: %s", error.message);
    ret->text.types = ret_types->items;
    ret->text.type_count = ret_types->count;
    return read_delimiter(cli, parsed, &ret->text.delimiter);
}

/* The file is opened before the server is called: a wrong name is found without one. */
static int put_files(struct cli *cli, const struct parsed *parsed,
                     const struct table_source_options *options)
{
    struct fkv_error error;
    struct table_files files;
    if (table_files_open(parsed->arguments + 1, parsed->argument_count - 1, options, &files,
                         &error) != FKV_OK)
        return fail_open(cli, parsed, &error);
    int exit_code = cli_connect(cli);
    if (exit_code == CLI_DONE)
        exit_code =
            put(cli, &files, parsed_has(parsed, "append") ? FKV_PUT_APPEND : FKV_PUT_REPLACE);
    table_files_done(&files);
    return exit_code;
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    struct table_source_options options = {0};
    struct table_types types = {0};
    int exit_code = cli_key(cli, parsed->arguments[0]);
    if (exit_code == CLI_DONE)
        exit_code = read_options(cli, parsed, &options, &types);
    if (exit_code == CLI_DONE)
        exit_code = put_files(cli, parsed, &options);
    table_types_done(&types);
    return exit_code;
}

static const struct option options[] = {
    {.name = "append",
     .letter = 'a',
     .help = "Put the rows behind those of the key's table, whose schema must be the same"},
    {.name = "format",
     .letter = 'f',
     .argument = "csv|json|ndjson|arrow|parquet",
     .default_value = "by FILE's content and ending; arrow from standard input",
     .help = "Read FILE as this"},
    {.name = "delimiter",
     .argument = "CHAR",
     .default_value = "a comma; a tab in .tsv",
     .help = "The values of CSV are parted by CHAR; \\t is a tab"},
    {.name = "types",
     .argument = "COLUMN=TYPE,...",
     .default_value = "inferred from the first 8 MiB",
     .help = "These columns of CSV or JSON are of these types, named as info shows them; in a "
             "column's name, %2C is a comma, %3D an equals sign and %25 a percent sign"},
    {0},
};

const struct command cmd_put = {
    .name = "put",
    .arguments = "KEY FILE|DIR|-...",
    .summary = "Store the table of one or more files under a key",
    .details =
        "FILE is Parquet or Arrow IPC, file or stream, whatever its name; or CSV with a header, "
        "or\n"
        "JSON (a line for each object, or one array of them), by its ending: .csv, .tsv, .json,\n"
        ".ndjson or .jsonl. DIR stands for all Parquet files in it, a quoted glob for what it "
        "fits,\n"
        "both in the order of the names; several files are put one behind the other and must have\n"
        "the same schema. - reads standard input, an Arrow IPC stream unless --format says CSV or\n"
        "JSON. Files are read piecewise.\n"
        "\n"
        "Types of CSV and JSON are inferred from the first 8 MiB, but those that --types says. In\n"
        "CSV, nothing is a null and \"\" an empty text.\n"
        "\n"
        "What was under the key is replaced when all of the table has arrived, and stays if\n"
        "anything fails; with --append it gets longer. In KEY, %XX stands for a byte and %25\n"
        "for a percent sign.\n",
    .examples = "  flightkv put prices prices.parquet\n"
                "  flightkv put prices prices.csv\n"
                "  flightkv put prices prices.csv --types 'id=string,at=timestamp[us, tz=UTC]'\n"
                "  flightkv put prices 'archive/2026-*.parquet'\n"
                "  flightkv put prices prices.arrow --server grpc+tcp://db1:6666\n"
                "  flightkv put prices today.parquet --append\n"
                "  zcat prices.csv.gz | flightkv put prices - --format csv\n"
                "  flightkv get prices | flightkv put prices/copy -\n",
    .options = options,
    .arguments_least = 2,
    .arguments_most = SIZE_MAX,
    .flags = COMMAND_CALLS_SERVER | COMMAND_HAS_JSON,
    .completes = COMPLETE_KEY_THEN_FILE,
    .run = run,
};
