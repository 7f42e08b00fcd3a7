/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include "base/text.h"
#include "cli/json.h"
#include "cli/option_values.h"
#include "cli/transfer.h"

static int report(const struct cli *cli, const struct numbers_options *options, const char *path)
{
    char size[text_figure_size], rows[text_figure_size], columns[text_figure_size];
    uint64_t bytes = numbers_bytes(options);
    if (!cli->json) {
        fprintf(cli->out, "Memory size: %s\n", text_size_short(size, bytes));
        fprintf(cli->out, "Number of rows: %s\n", text_count(rows, (uint64_t)options->rows));
        fprintf(cli->out, "Number of columns: %s\n",
                text_count(columns, (uint64_t)options->columns));
        return CLI_DONE;
    }
    struct doc *doc = doc_object();
    if (text_is_utf8(slice_text(path)))
        doc_set_text(doc, "file", path);
    doc_set_count(doc, "bytes", bytes);
    doc_set_count(doc, "rows", (uint64_t)options->rows);
    doc_set_count(doc, "columns", (uint64_t)options->columns);
    doc_set_count(doc, "seed", options->seed);
    bool is_done = doc_print(doc, cli->out);
    doc_free(doc);
    return is_done ? CLI_DONE : cli_no_memory(cli);
}

static int generate(struct cli *cli, const struct numbers_options *options, struct table_sink *sink)
{
    struct fkv_error error;
    struct ArrowArrayStream numbers;
    if (numbers_stream(options, &numbers, &error) != FKV_OK)
        return cli_fail(cli, &error);
    struct transfer transfer;
    transfer_begin(&transfer, cli, "Generating");
    transfer.rows = options->rows;
    struct ArrowArrayStream stream = transfer_stream(&transfer, &numbers);
    enum fkv_status status =
        table_sink_write(sink, &stream, transfer_progress, &transfer, NULL, &error);
    transfer_end(&transfer);
    if (status != FKV_OK)
        return transfer_fail(&transfer, cli, &error, cli_fail);
    return sink->path != NULL ? report(cli, options, sink->path) : CLI_DONE;
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    struct numbers_options options;
    int exit_code = option_shape(cli, parsed, "64MiB", 64, &options);
    if (exit_code != CLI_DONE)
        return exit_code;
    const char *path = parsed_value(parsed, "output");
    if (path == NULL && cli->out_is_terminal)
        return cli_error(cli, CLI_USAGE,
                         "generate needs -o FILE, or a pipe to write Arrow IPC into");
    struct table_sink sink;
    exit_code = transfer_sink(cli, path, TABLE_UNKNOWN, parsed_value(parsed, "compression"), &sink);
    if (exit_code != CLI_DONE)
        return exit_code;
    sink.plain = true;
    exit_code = generate(cli, &options, &sink);
    table_sink_done(&sink);
    return exit_code;
}

static const struct option options[] = {
    {.name = "size",
     .argument = "SIZE",
     .default_value = "64MiB",
     .help = "Make SIZE of values; cut to whole rows"},
    {.name = "columns", .argument = "N", .default_value = "64", .help = "Make N columns"},
    {.name = "seed",
     .argument = "N",
     .default_value = "0",
     .help = "Begin the random numbers at N; the same seed gives the same numbers"},
    {.name = "output",
     .letter = 'o',
     .argument = "FILE",
     .default_value = "standard output",
     .help = "Write FILE; its ending says the format: " TABLE_ENDINGS},
    {.name = "compression",
     .argument = "snappy|zstd|gzip|lz4|brotli|none",
     .default_value = "snappy in Parquet, none in Arrow IPC",
     .help = "Compress by this (Arrow IPC: lz4 or zstd, or none)"},
    {.name = "batch-rows",
     .argument = "N",
     .default_value = "131072",
     .help = "Put N rows into a record batch"},
    {0},
};

const struct command cmd_generate = {
    .name = "generate",
    .arguments = "",
    .summary = "Make a file of random numbers to try things with",
    .details =
        "Every column is float64, its values standard normal. The file is written piecewise, so\n"
        "that its size isn't bounded by memory, and replaces one that is there. A \"Memory size\"\n"
        "of 2.0GB is --size 2GiB: it counts in powers of 1,024.\n",
    .examples = "  flightkv generate --size 2GiB --columns 64 -o numbers.parquet\n"
                "  flightkv generate --size 1MiB --columns 4 --seed 7 -o small.arrow\n"
                "  flightkv generate --size 1GiB | flightkv put numbers -\n",
    .options = options,
    .flags = COMMAND_HAS_JSON,
    .run = run,
};
