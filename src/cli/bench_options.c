/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/option_values.h"

#define DISTRIBUTIONS "uniform, sequential, zipf or zipf:THETA"

static int read_work(const struct cli *cli, const struct parsed *parsed, struct bench_options *ret)
{
    const char *distribution = option_text(parsed, "distribution", "uniform");
    const char *ratio = option_text(parsed, "ratio", "1:10");
    struct bench_pick_options *pick = &ret->pick;
    int exit_code = option_shape(cli, parsed, "1KiB", 4, &ret->shape);
    if (exit_code == CLI_DONE)
        exit_code = option_count(cli, parsed, "keys", 1000, 1, bench_keys_max, &pick->keys);
    if (exit_code != CLI_DONE)
        return exit_code;
    pick->seed = ret->shape.seed;
    if (!bench_distribution_parse(distribution, &pick->distribution, &pick->theta))
        return cli_error(cli, CLI_USAGE,
                         "--distribution: '%s' is none; expected " DISTRIBUTIONS
                         " with THETA above 0, at most 10",
                         distribution);
    bench_distribution_print(pick->distribution, pick->theta, ret->distribution);
    if (!bench_ratio_parse(ratio, &pick->puts, &pick->gets))
        return cli_error(
            cli, CLI_USAGE,
            "--ratio: '%s' isn't PUTS:GETS, two whole numbers such as 1:10, 0:1 or 1:0", ratio);
    return CLI_DONE;
}

/* "5000", "5000/s". */
static int read_rate(const struct cli *cli, const struct parsed *parsed, uint64_t *ret)
{
    const char *text = parsed_value(parsed, "rate");
    char *end;
    if (text == NULL)
        return CLI_DONE;
    unsigned long long value = strtoull(text, &end, 10);
    bool is_number = text[0] >= '0' && text[0] <= '9' && (*end == '\0' || strcmp(end, "/s") == 0);
    if (!is_number || value < 1 || value > bench_rate_max)
        return cli_error(cli, CLI_USAGE,
                         "--rate: '%s' isn't a number of operations a second from 1 to %d", text,
                         (int)bench_rate_max);
    *ret = value;
    return CLI_DONE;
}

static int read_extent(const struct cli *cli, const struct parsed *parsed,
                       struct bench_options *ret)
{
    uint64_t usual_ns = parsed_has(parsed, "count") ? 0 : 10 * NS_PER_S;
    int exit_code = option_count(cli, parsed, "clients", 1, 1, bench_clients_max, &ret->clients);
    if (exit_code == CLI_DONE)
        exit_code = option_count(cli, parsed, "streams", 1, 1, bench_streams_max, &ret->streams);
    if (exit_code == CLI_DONE)
        exit_code = option_count(cli, parsed, "pipeline", 1, 1, bench_depth_max, &ret->depth);
    if (exit_code == CLI_DONE)
        exit_code = option_count(cli, parsed, "count", 0, 1, INT64_MAX, &ret->count);
    if (exit_code == CLI_DONE)
        exit_code = option_duration(cli, parsed, "duration", usual_ns, &ret->duration_ns);
    if (exit_code == CLI_DONE)
        exit_code = option_duration(cli, parsed, "warm-up", 0, &ret->warm_up_ns);
    if (exit_code == CLI_DONE)
        exit_code = read_rate(cli, parsed, &ret->rate);
    return exit_code;
}

int bench_options_read(const struct cli *cli, const struct parsed *parsed,
                       struct bench_options *ret)
{
    *ret = (struct bench_options){.own_server = parsed_has(parsed, "own-server"),
                                  .no_load = parsed_has(parsed, "no-load"),
                                  .keep = parsed_has(parsed, "keep"),
                                  .verify = parsed_has(parsed, "verify"),
                                  .csv = parsed_has(parsed, "csv"),
                                  .plot = parsed_value(parsed, "plot"),
                                  .hgrm = parsed_value(parsed, "hgrm")};
    if (ret->own_server && cli->server != NULL)
        return cli_error(cli, CLI_USAGE, "bench: --own-server and --server can't go together");
    if (ret->own_server && (ret->keep || ret->no_load))
        return cli_error(cli, CLI_USAGE,
                         "bench: --own-server and --%s can't go together: that server begins empty "
                         "and ends with the run",
                         ret->keep ? "keep" : "no-load");
    if (ret->csv && cli->json)
        return cli_error(cli, CLI_USAGE, "bench: --csv and --json can't go together");
    int exit_code = read_work(cli, parsed, ret);
    if (exit_code == CLI_DONE)
        exit_code = read_extent(cli, parsed, ret);
    if (exit_code == CLI_DONE && ret->streams > 1 && ret->depth > 1)
        return cli_error(cli, CLI_USAGE,
                         "bench: --streams and --pipeline can't go together: a pipeline is one "
                         "connection");
    return exit_code;
}

const struct option bench_option_table[] = {
    {.name = "size",
     .argument = "SIZE",
     .default_value = "1KiB",
     .help = "Put tables of SIZE of values; cut to whole rows",
     .group = "The tables"},
    {.name = "columns",
     .argument = "N",
     .default_value = "4",
     .help = "Give them N columns",
     .group = "The tables"},
    {.name = "batch-rows",
     .argument = "N",
     .default_value = "131072",
     .help = "Cut them into batches of N rows",
     .group = "The tables"},
    {.name = "keys",
     .argument = "N",
     .default_value = "1000",
     .help = "Use N keys, bench:0 to bench:N-1",
     .group = "The tables"},
    {.name = "no-load",
     .help = "Don't put all keys first: they are there from a run with --keep, or are to be missed",
     .group = "The tables"},
    {.name = "keep", .help = "Leave the keys there at the end", .group = "The tables"},

    {.name = "ratio",
     .argument = "PUTS:GETS",
     .default_value = "1:10",
     .help = "Mix puts and gets so",
     .group = "The work"},
    {.name = "distribution",
     .argument = "NAME",
     .default_value = "uniform",
     .help = "Choose keys so: " DISTRIBUTIONS
             ", where the k-th key comes in proportion to 1/k^THETA (0.99)",
     .group = "The work"},
    {.name = "seed",
     .argument = "N",
     .default_value = "0",
     .help = "Begin the random numbers at N; the same seed makes the same operations",
     .group = "The work"},
    {.name = "clients",
     .letter = 'c',
     .argument = "N",
     .default_value = "1",
     .help = "Work over N connections at once, each with a thread; at most 1000",
     .group = "The work"},
    {.name = "pipeline",
     .letter = 'P',
     .argument = "N",
     .default_value = "1",
     .help = "Have N operations at a time on each of them; at most 256",
     .group = "The work"},
    {.name = "streams",
     .argument = "N",
     .default_value = "1",
     .help = "Make every get over N connections at once",
     .group = "The work"},
    {.name = "verify",
     .help = "Read every value that comes back, and compare their sum with what was put",
     .group = "The work"},
    {.name = "duration",
     .letter = 'd',
     .argument = "TIME",
     .default_value = "10s, or what --count takes",
     .help = "Work for TIME",
     .group = "The work"},
    {.name = "count",
     .letter = 'n',
     .argument = "N",
     .default_value = "what --duration allows",
     .help = "Do N operations",
     .group = "The work"},
    {.name = "warm-up",
     .argument = "TIME",
     .default_value = "none",
     .help = "Work for TIME before anything counts",
     .group = "The work"},
    {.name = "rate",
     .argument = "N",
     .default_value = "as fast as it goes",
     .help = "Begin N operations a second, whatever they take; latencies count from when each was "
             "due",
     .group = "The work"},

    {.name = "csv", .help = "Print the result as CSV, a line for puts and one for gets"},
    {.name = "plot",
     .argument = "FILE",
     .help = "Draw latencies by percentile, and throughput over time, into the SVG file FILE"},
    {.name = "hgrm",
     .argument = "FILE",
     .help = "Write the latencies in us as HdrHistogram's text, for puts and gets apart: a.hgrm "
             "becomes a.put.hgrm and a.get.hgrm"},
    {.name = "own-server",
     .help = "Start a server for this run, a process of its own on a free port of the loopback "
             "address"},
    {0},
};
