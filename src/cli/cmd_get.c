/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <string.h>

#include "cli/option_values.h"
#include "cli/preview.h"
#include "cli/transfer.h"

enum { rows_shown = 5, rows_shown_max = 1000, streams_max = 64 };

struct get {
    struct cli *cli;
    uint64_t streams;
    struct transfer transfer;
    const char *columns; /* NULL: all */
    const char *rows;    /* NULL: all */
};

/* How much there is: for the bar, and for the report. Of a part it isn't known before. */
static void learn_size(struct get *get)
{
    struct fkv_table_info info;
    if (get->columns != NULL || get->rows != NULL)
        return;
    const struct buf *key = &get->cli->key;
    if (fkv_info(get->cli->client, key->data, key->size, &info, NULL) != FKV_OK)
        return;
    get->transfer.rows = info.rows;
    get->transfer.bytes = info.bytes;
    fkv_table_info_done(&info);
}

/* Opens the stream, through the transfer's tap. Every value is checked on arrival, for what comes
 * next looks at them. */
static enum fkv_status open_stream(struct get *get, struct ArrowArrayStream *ret,
                                   struct fkv_error *error)
{
    struct ArrowArrayStream stream;
    struct fkv_get_options get_options = {.size = sizeof get_options,
                                          .flags = FKV_GET_CHECK_VALUES,
                                          .columns = get->columns,
                                          .rows = get->rows,
                                          .streams = get->streams};
    const struct buf *key = &get->cli->key;
    enum fkv_status status =
        fkv_get(get->cli->client, key->data, key->size, &get_options, &stream, error);
    if (status == FKV_OK)
        *ret = transfer_stream(&get->transfer, &stream);
    return status;
}

static int get_to_sink(struct get *get, struct table_sink *sink)
{
    struct fkv_error error;
    struct fkv_progress result;
    struct ArrowArrayStream stream;
    transfer_begin(&get->transfer, get->cli, "Getting");
    learn_size(get);
    enum fkv_status status = open_stream(get, &stream, &error);
    bool is_open = status == FKV_OK;
    if (is_open)
        status =
            table_sink_write(sink, &stream, transfer_progress, &get->transfer, &result, &error);
    transfer_end(&get->transfer);
    if (status != FKV_OK)
        return transfer_fail(&get->transfer, get->cli, &error, is_open ? cli_fail : cli_fail_key);
    if (sink->path == NULL)
        return CLI_DONE;
    /* The sink counts what it wrote; "bytes" is to be what put, ls and info say of the table. */
    if ((uint64_t)get->transfer.rows == result.rows)
        result.bytes = (uint64_t)get->transfer.bytes;
    return transfer_report(&get->transfer, get->cli, "Got", sink->path, &result);
}

static int get_to_preview(struct get *get, const struct preview_options *options)
{
    struct fkv_error error;
    struct ArrowArrayStream stream;
    struct preview *preview = NULL;
    transfer_begin(&get->transfer, get->cli, "Getting");
    learn_size(get);
    enum fkv_status status = open_stream(get, &stream, &error);
    bool is_open = status == FKV_OK;
    if (is_open)
        status =
            preview_read(&stream, options, transfer_progress, &get->transfer, &preview, &error);
    transfer_end(&get->transfer);
    if (status != FKV_OK)
        return transfer_fail(&get->transfer, get->cli, &error, is_open ? cli_fail : cli_fail_key);
    preview_print(preview, get->cli->out);
    preview_free(preview);
    return CLI_DONE;
}

/* "START:STOP", either left out. That START isn't behind STOP is for the server to say. */
static bool is_range(const char *text)
{
    const char *digits = "0123456789";
    text += strspn(text, digits);
    return *text == ':' && text[1 + strspn(text + 1, digits)] == '\0';
}

static int preview(struct get *get, const struct parsed *parsed)
{
    const struct cli *cli = get->cli;
    uint64_t rows;
    int exit_code = option_count(cli, parsed, "show", rows_shown, 0, rows_shown_max, &rows);
    struct preview_options options = {
        .rows = rows, .width = terminal_width(cli->out, 0), .has_color = cli->has_color};
    if (exit_code == CLI_DONE)
        exit_code = cli_connect(get->cli);
    if (exit_code == CLI_DONE)
        exit_code = get_to_preview(get, &options);
    return exit_code;
}

static int transfer(struct get *get, const struct parsed *parsed)
{
    struct table_sink sink;
    int exit_code = transfer_sink(get->cli, parsed_value(parsed, "output"),
                                  parsed_value(parsed, "compression"), &sink);
    if (exit_code != CLI_DONE)
        return exit_code;
    exit_code = cli_connect(get->cli);
    if (exit_code == CLI_DONE)
        exit_code = get_to_sink(get, &sink);
    table_sink_done(&sink);
    return exit_code;
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    bool has_output = parsed_has(parsed, "output");
    bool asks_preview = parsed_has(parsed, "preview") || parsed_has(parsed, "show");
    bool is_preview = asks_preview || (!has_output && cli->out_is_terminal);
    if (cli->json && !has_output)
        return cli_error(cli, CLI_USAGE, "get: --json goes together with -o FILE only");
    if (has_output && asks_preview)
        return cli_error(cli, CLI_USAGE, "get: --%s and -o FILE can't go together",
                         parsed_has(parsed, "preview") ? "preview" : "show");
    const char *rows = parsed_value(parsed, "rows");
    if (rows != NULL && !is_range(rows))
        return cli_error(cli, CLI_USAGE, "--rows: '%s' isn't START:STOP, as in 10:20, 10: or :20",
                         rows);
    int exit_code = cli_key(cli, parsed->arguments[0]);
    struct get get = {.cli = cli, .columns = parsed_value(parsed, "columns"), .rows = rows};
    if (exit_code == CLI_DONE)
        exit_code = option_count(cli, parsed, "streams", 1, 0, streams_max, &get.streams);
    if (exit_code != CLI_DONE)
        return exit_code;
    return is_preview ? preview(&get, parsed) : transfer(&get, parsed);
}

static const struct option options[] = {
    {.name = "output",
     .letter = 'o',
     .argument = "FILE",
     .help = "Write FILE, whole or not at all; its ending says the format: " TABLE_ENDINGS
             "; - is standard output"},
    {.name = "compression",
     .argument = "NAME",
     .default_value = "snappy in Parquet, none in Arrow IPC",
     .help = "Compress by snappy, zstd, gzip, lz4 or brotli (Arrow IPC: lz4 or zstd), or none"},
    {.name = "columns",
     .argument = "NAMES",
     .help = "Only these columns, as in a,b.c: c is a field of the struct b; in a name, %2C is a "
             "comma, %2E a dot and %25 a percent sign"},
    {.name = "rows",
     .argument = "START:STOP",
     .help = "Only rows START to STOP - 1, counted from 0; either may be left out"},
    {.name = "preview", .letter = 'p', .help = "Show the table as on a terminal, also into a pipe"},
    {.name = "show",
     .argument = "N",
     .default_value = "5",
     .help = "Show the first N and the last N rows, also into a pipe"},
    {.name = "streams",
     .argument = "N",
     .default_value = "1",
     .help = "Fetch over N connections at once, for networks where one isn't fast enough"},
    {0},
};

const struct command cmd_get = {
    .name = "get",
    .arguments = "KEY",
    .summary = "Fetch a key's table, to look at or into a file",
    .details =
        "On a terminal, shows schema, totals and the first and last rows. Into a pipe, writes an\n"
        "Arrow IPC stream. With -o, writes a file, piecewise, in place of one that is there. In\n"
        "KEY, %XX stands for a byte and %25 for a percent sign.\n",
    .examples = "  flightkv get prices\n"
                "  flightkv get prices -o prices.parquet\n"
                "  flightkv get prices -o prices.arrow --compression zstd\n"
                "  flightkv get prices --columns day,bid.size --rows 1000:2000\n"
                "  flightkv get prices | python3 -c 'import pyarrow, sys\n"
                "  print(pyarrow.ipc.open_stream(sys.stdin.buffer).read_all())'\n",
    .options = options,
    .arguments_least = 1,
    .arguments_most = 1,
    .flags = COMMAND_CALLS_SERVER | COMMAND_HAS_JSON,
    .completes = COMPLETE_KEYS,
    .run = run,
};
