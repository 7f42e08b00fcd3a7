/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <inttypes.h>
#include <stdlib.h>
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
    char range[48];      /* what `rows` points to, with --limit */
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
    if (sink->path == NULL && get->cli->out_is_terminal)
        get->transfer.progress.out = NULL; /* the rows show that it goes on */
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

/* Cuts --rows to its first --limit ones: of START:STOP remains START:START+LIMIT. */
static int limit_rows(struct get *get, const struct parsed *parsed)
{
    uint64_t limit;
    if (!parsed_has(parsed, "limit"))
        return CLI_DONE;
    int exit_code = option_count(get->cli, parsed, "limit", 0, 0, INT64_MAX, &limit);
    if (exit_code != CLI_DONE)
        return exit_code;
    const char *colon = get->rows != NULL ? strchr(get->rows, ':') : NULL;
    uint64_t start = colon != NULL ? strtoull(get->rows, NULL, 10) : 0;
    uint64_t stop = start < INT64_MAX - limit ? start + limit : INT64_MAX;
    if (colon != NULL && colon[1] != '\0' && strtoull(colon + 1, NULL, 10) < stop)
        return CLI_DONE;
    snprintf(get->range, sizeof get->range, "%" PRIu64 ":%" PRIu64, start, stop);
    get->rows = get->range;
    return CLI_DONE;
}

static int preview(struct get *get, const struct parsed *parsed)
{
    const struct cli *cli = get->cli;
    uint64_t rows;
    int exit_code = option_count(cli, parsed, "show", rows_shown, 0, rows_shown_max, &rows);
    bool is_counted = parsed_has(parsed, "show") || !cli->out_is_terminal;
    struct preview_options options = {.rows = rows,
                                      .width = terminal_width(cli->out, 0),
                                      .height = is_counted ? 0 : terminal_height(cli->out, 0),
                                      .has_color = cli->has_color};
    if (exit_code == CLI_DONE)
        exit_code = cli_connect(get->cli);
    if (exit_code == CLI_DONE)
        exit_code = get_to_preview(get, &options);
    return exit_code;
}

static int transfer(struct get *get, const struct parsed *parsed, enum table_format format)
{
    struct table_sink sink;
    int exit_code = transfer_sink(get->cli, parsed_value(parsed, "output"), format,
                                  parsed_value(parsed, "compression"), &sink);
    if (exit_code != CLI_DONE)
        return exit_code;
    exit_code = cli_connect(get->cli);
    if (exit_code == CLI_DONE)
        exit_code = get_to_sink(get, &sink);
    table_sink_done(&sink);
    return exit_code;
}

/* How the table is to be shown or written. */
struct form {
    enum table_format format; /* TABLE_UNKNOWN: by the name's ending */
    bool is_preview;
};

/* "table" is the preview, "csv" and the like are formats; --csv is one of them. */
static int choose_form(const struct cli *cli, const struct parsed *parsed, struct form *ret)
{
    const char *name = parsed_value(parsed, "format");
    if (parsed_has(parsed, "csv") && name != NULL && strcmp(name, "csv") != 0)
        return cli_error(cli, CLI_USAGE, "get: --csv and --format %s can't go together", name);
    if (parsed_has(parsed, "csv"))
        name = "csv";
    *ret = (struct form){TABLE_UNKNOWN, name != NULL && strcmp(name, "table") == 0};
    if (name == NULL || ret->is_preview)
        return CLI_DONE;
    ret->format = table_format_named(name);
    if (ret->format == TABLE_UNKNOWN)
        return cli_error(cli, CLI_USAGE,
                         "--format: '%s' isn't one of table, csv, json, ndjson, arrow, arrows and "
                         "parquet",
                         name);
    bool is_binary =
        ret->format != TABLE_CSV && ret->format != TABLE_JSON && ret->format != TABLE_NDJSON;
    if (is_binary && cli->out_is_terminal && !parsed_has(parsed, "output"))
        return cli_error(cli, CLI_USAGE,
                         "get: %s isn't for a terminal; pipe it, or write a file by -o FILE", name);
    return CLI_DONE;
}

/* The options' values, none of which the server has to be asked for. */
static int check_options(struct get *get, const struct parsed *parsed, struct form *ret)
{
    const struct cli *cli = get->cli;
    const char *output = parsed_value(parsed, "output");
    bool asks_preview = parsed_has(parsed, "preview") || parsed_has(parsed, "show");
    int exit_code = choose_form(cli, parsed, ret);
    if (exit_code != CLI_DONE)
        return exit_code;
    if (asks_preview && ret->format != TABLE_UNKNOWN)
        return cli_error(cli, CLI_USAGE, "get: --%s shows a table; it can't go with another format",
                         parsed_has(parsed, "preview") ? "preview" : "show");
    if (cli->json && output == NULL)
        return cli_error(cli, CLI_USAGE,
                         "get: --json is about the transfer and goes together with -o FILE only; "
                         "--format json prints the table");
    if (output != NULL && asks_preview)
        return cli_error(cli, CLI_USAGE, "get: --%s and -o FILE can't go together",
                         parsed_has(parsed, "preview") ? "preview" : "show");
    if (output != NULL && ret->is_preview)
        return cli_error(cli, CLI_USAGE, "get: --format table and -o FILE can't go together");
    ret->is_preview = ret->is_preview || asks_preview ||
                      (output == NULL && ret->format == TABLE_UNKNOWN && cli->out_is_terminal);
    if (get->rows != NULL && !is_range(get->rows))
        return cli_error(cli, CLI_USAGE, "--rows: '%s' isn't START:STOP, as in 10:20, 10: or :20",
                         get->rows);
    return limit_rows(get, parsed);
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    struct form form;
    struct get get = {.cli = cli,
                      .columns = parsed_value(parsed, "columns"),
                      .rows = parsed_value(parsed, "rows")};
    int exit_code = check_options(&get, parsed, &form);
    if (exit_code == CLI_DONE)
        exit_code = cli_key(cli, parsed->arguments[0]);
    if (exit_code == CLI_DONE)
        exit_code = option_count(cli, parsed, "streams", 1, 0, streams_max, &get.streams);
    if (exit_code != CLI_DONE)
        return exit_code;
    return form.is_preview ? preview(&get, parsed) : transfer(&get, parsed, form.format);
}

static const struct option options[] = {
    {.name = "output",
     .letter = 'o',
     .argument = "FILE",
     .help = "Write FILE, whole or not at all; its ending says the format: " TABLE_ENDINGS
             "; - is standard output"},
    {.name = "format",
     .letter = 'f',
     .argument = "table|csv|json|ndjson|arrow|arrows|parquet",
     .default_value = "by FILE's ending; table on a terminal, arrow into a pipe",
     .help = "Write this; table is to look at"},
    {.name = "csv", .help = "The same as --format csv"},
    {.name = "compression",
     .argument = "snappy|zstd|gzip|lz4|brotli|none",
     .default_value = "snappy in Parquet, none in Arrow IPC",
     .help = "Compress by this (Arrow IPC: lz4 or zstd, or none)"},
    {.name = "columns",
     .argument = "NAMES",
     .help = "Only these columns, as in a,b.c: c is a field of the struct b; in a name, %2C is a "
             "comma, %2E a dot and %25 a percent sign"},
    {.name = "rows",
     .argument = "START:STOP",
     .help = "Only rows START to STOP - 1, counted from 0; either may be left out"},
    {.name = "limit", .letter = 'n', .argument = "N", .help = "Only the first N of these rows"},
    {.name = "preview", .letter = 'p', .help = "Show the table as on a terminal, also into a pipe"},
    {.name = "show",
     .argument = "N",
     .default_value = "what fits the terminal, 5 into a pipe",
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
        "On a terminal, shows schema, totals and the first and last rows, as many as fit. Into a\n"
        "pipe, writes an Arrow IPC stream, or what --format says. With -o, writes a file,\n"
        "piecewise, in place of one that is there. In KEY, %XX stands for a byte and %25 for a\n"
        "percent sign.\n"
        "\n"
        "CSV and JSON: a null is nothing in CSV and null in JSON; an empty text is \"\". Numbers "
        "are\n"
        "exact, floats in the fewest digits that read back as the same; nan, inf and -inf are "
        "null\n"
        "in JSON. Times are ISO 8601, instants in UTC with a Z; durations count their type's "
        "unit;\n"
        "binary is base64. Lists, structs and maps (as arrays of key and value) are JSON, in CSV\n"
        "too. Dictionaries, runs and unions are the values that they stand for.\n",
    .examples = "  flightkv get prices\n"
                "  flightkv get prices -o prices.parquet\n"
                "  flightkv get prices -o prices.arrow --compression zstd\n"
                "  flightkv get prices --csv --limit 1000 > some.csv\n"
                "  flightkv get prices --format ndjson | jq .day\n"
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
