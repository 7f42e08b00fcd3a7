/* SPDX-License-Identifier: Apache-2.0 */
/* A load generator, as redis-benchmark and memtier_benchmark are for Redis:
 *
 *     connect -> load all keys -> warm up -> measure -> report -> remove the keys
 *
 * Every client is a thread with a connection (bench_run.h); what they do is the same for the same
 * seed (bench_pick.h). */
#include "cli/commands.h"

#include <sys/resource.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/bench_files.h"
#include "cli/bench_live.h"
#include "cli/bench_report.h"
#include "cli/demo_server.h"
#include "cli/interrupt.h"

struct bench {
    const struct cli *cli;
    struct bench_options options;
    struct bench_work work;
    struct demo_server server;
    struct interrupt interrupt;
    struct bench_crowd crowd;
    struct bench_files files;
    struct bench_result result;
    bool is_gone;     /* the server is */
    uint64_t touched; /* keys that may be there because of us: those below */
};

/* ---- failures ---- */

static int fail(struct bench *bench, const char *doing, const struct fkv_error *error)
{
    struct fkv_error told = *error;
    bench->is_gone = error->status == FKV_UNAVAILABLE;
    if (atomic_load(&bench->interrupt.has_come))
        return cli_error(bench->cli, interrupt_exit_code(&bench->interrupt), "interrupted while %s",
                         doing);
    status_prefix(&told, told.status, "bench: while %s", doing);
    return cli_fail(bench->cli, &told);
}

/* The server went away in the middle. */
static int fail_gone(struct bench *bench, const struct fkv_error *error)
{
    char count[text_figure_size];
    bench->is_gone = true;
    return cli_error(bench->cli, CLI_FAILED,
                     "bench: the server is gone after %s operations, nothing is reported: %s",
                     text_count(count, bench_done(&bench->result)), error->message);
}

static int say_errors(const struct bench *bench)
{
    char errors[text_figure_size];
    const struct bench_result *result = &bench->result;
    if (result->errors == 0)
        return CLI_DONE;
    return cli_error(bench->cli, CLI_FAILED, "%s operation%s failed; the first: %s",
                     text_count(errors, result->errors), result->errors == 1 ? "" : "s",
                     result->first_error.message);
}

/* ---- phases ---- */

static enum fkv_status run_with_bar(struct bench *bench, const char *verb, bench_step *step,
                                    uint64_t count, uint64_t *ret_begun, uint64_t *ret_ns,
                                    struct fkv_error *error)
{
    struct bench_bar bar = {.count = count, .bytes = numbers_bytes(&bench->options.shape)};
    struct bench_phase phase = {
        .step = step, .count = count, .watch = bench_bar_watch, .context = &bar};
    progress_begin(&bar.progress, bench->cli, verb);
    enum fkv_status status = bench_run(&bench->crowd, &phase, ret_begun, ret_ns, error);
    progress_end(&bar.progress);
    return status;
}

static int load(struct bench *bench)
{
    struct fkv_error error;
    if (bench->options.no_load) {
        bench->touched = bench->options.pick.keys;
        return CLI_DONE;
    }
    enum fkv_status status = run_with_bar(bench, "Loading", bench_load, bench->options.pick.keys,
                                          &bench->touched, &bench->result.load_ns, &error);
    bench->result.loaded = bench->touched;
    return status == FKV_OK ? CLI_DONE : fail(bench, "loading the keys", &error);
}

static enum fkv_status operate(struct bench *bench, const char *verb, struct bench_phase *phase,
                               struct bench_samples *samples, struct fkv_error *error)
{
    struct bench_live live;
    uint64_t begun;
    enum fkv_status status;
    phase->step = bench_operate;
    phase->is_pipelined = bench->options.depth > 1;
    phase->rate = bench->options.rate;
    phase->watch = bench_live_watch;
    phase->context = &live;
    for (size_t i = 0; i < bench->crowd.count; i++)
        bench_client_clear(&bench->crowd.clients[i]);
    if (bench_live_init(&live, bench->cli, verb, &bench->crowd, phase)) {
        live.samples = samples;
        status = bench_run(&bench->crowd, phase, &begun, &bench->result.ns, error);
    } else {
        status = status_no_memory(error, sizeof live);
    }
    bench_live_done(&live);
    return status;
}

static int warm_up(struct bench *bench)
{
    struct fkv_error error;
    struct bench_phase phase = {.duration_ns = bench->options.warm_up_ns};
    if (phase.duration_ns == 0)
        return CLI_DONE;
    if (operate(bench, "Warming up", &phase, NULL, &error) != FKV_OK)
        return fail(bench, "warming up", &error);
    return CLI_DONE;
}

/* Ended by a signal, it is reported as far as it got. */
static int measure(struct bench *bench)
{
    struct fkv_error error;
    struct bench_server before;
    struct bench_result *result = &bench->result;
    struct fkv_client *client = bench->crowd.clients[0].client;
    struct bench_phase phase = {.duration_ns = bench->options.duration_ns,
                                .count = bench->options.count};
    bench_samples_begin(&result->samples);
    bench_server_ask(client, &before);
    double cpu_s = bench_cpu_s();
    enum fkv_status status = operate(bench, "Measuring", &phase, &result->samples, &error);
    result->client_cpu_s = bench_cpu_s() - cpu_s;
    result->client_peak_bytes = bench_peak_bytes();
    for (size_t i = 0; i < bench->crowd.count; i++)
        bench_result_add(result, &bench->crowd.clients[i]);
    result->is_interrupted = status == FKV_CANCELLED;
    if (status != FKV_OK && !result->is_interrupted)
        return status == FKV_UNAVAILABLE ? fail_gone(bench, &error)
                                         : fail(bench, "measuring", &error);
    bench_server_ask(client, &result->server);
    result->server_cpu_s = result->server.cpu_s - before.cpu_s;
    return CLI_DONE;
}

/* A second signal ends the program. */
static int clean_up(struct bench *bench)
{
    uint64_t begun, ns;
    struct fkv_error error;
    bench->crowd.stop = NULL;
    if (bench->options.keep || bench->server.pid > 0 || bench->is_gone || bench->touched == 0)
        return CLI_DONE;
    if (run_with_bar(bench, "Removing", bench_remove, bench->touched, &begun, &ns, &error) ==
        FKV_OK)
        return CLI_DONE;
    return cli_error(bench->cli, CLI_FAILED, "bench: keys bench:0 to bench:%llu may be left: %s",
                     (unsigned long long)bench->touched - 1, error.message);
}

/* ---- the whole ---- */

static int work(struct bench *bench)
{
    int exit_code = load(bench);
    if (exit_code == CLI_DONE)
        exit_code = warm_up(bench);
    if (exit_code == CLI_DONE)
        exit_code = measure(bench);
    if (exit_code == CLI_DONE)
        exit_code = bench_report(bench->cli, &bench->options, &bench->result);
    if (exit_code == CLI_DONE)
        exit_code = bench_files_write(bench->cli, &bench->options, &bench->result, &bench->files);
    if (exit_code == CLI_DONE)
        exit_code = say_errors(bench);
    return exit_code;
}

static int connect_one(const struct bench *bench, struct bench_client *client)
{
    struct cli cli = *bench->cli;
    if (bench->server.pid > 0)
        cli.server = bench->server.uri;
    int exit_code = cli_connect(&cli);
    client->client = cli.client;
    return exit_code;
}

static int connect_all(struct bench *bench)
{
    size_t count = bench->options.clients;
    bench->crowd.clients = alloc_array(alloc_system(), count, sizeof *bench->crowd.clients);
    if (bench->crowd.clients == NULL)
        return cli_no_memory(bench->cli);
    int exit_code = CLI_DONE;
    while (exit_code == CLI_DONE && bench->crowd.count < count &&
           !atomic_load(&bench->interrupt.has_come)) {
        struct bench_client *client = &bench->crowd.clients[bench->crowd.count++];
        if (!bench_client_init(client, &bench->work))
            return cli_no_memory(bench->cli);
        exit_code = connect_one(bench, client);
    }
    return exit_code;
}

static int make_table(struct bench *bench)
{
    struct fkv_error error;
    struct ArrowArrayStream stream;
    struct demo_table *table = &bench->work.table;
    enum fkv_status status = numbers_stream(&bench->options.shape, &stream, &error);
    if (status == FKV_OK)
        status = demo_table_collect(&stream, table, &error);
    for (size_t i = 0; status == FKV_OK && i < table->batch_count; i++)
        bench->work.checksum += bench_checksum(&table->batches[i]);
    return status == FKV_OK ? CLI_DONE : cli_fail(bench->cli, &error);
}

static int start_server(struct bench *bench)
{
    struct fkv_error error;
    if (!bench->options.own_server || demo_server_start(&bench->server, &error) == FKV_OK)
        return CLI_DONE;
    return cli_fail(bench->cli, &error);
}

/* A connection is a file, here and in a server of our own. */
static void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int prepare(struct bench *bench)
{
    bench_pick_init(&bench->work.pick, &bench->options.pick);
    bench->work.streams = bench->options.streams;
    bench->work.depth = bench->options.depth;
    bench->work.verify = bench->options.verify;
    allow_many_files();
    int exit_code = bench_files_open(bench->cli, &bench->options, &bench->files);
    if (exit_code == CLI_DONE)
        exit_code = start_server(bench); /* while this process is small */
    if (exit_code != CLI_DONE)
        return exit_code;
    interrupt_begin(&bench->interrupt, NULL); /* before there are threads */
    bench->crowd.stop = &bench->interrupt.has_come;
    exit_code = make_table(bench);
    if (exit_code == CLI_DONE)
        exit_code = connect_all(bench);
    return exit_code;
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    struct bench bench = {.cli = cli};
    int exit_code = bench_options_read(cli, parsed, &bench.options);
    if (exit_code != CLI_DONE)
        return exit_code;
    exit_code = bench_result_init(&bench.result) ? prepare(&bench) : cli_no_memory(cli);
    if (exit_code == CLI_DONE) {
        exit_code = work(&bench);
        int cleaned = clean_up(&bench);
        exit_code = exit_code == CLI_DONE ? cleaned : exit_code;
    }
    if (bench.crowd.count > 0) { /* of one, --verbose says how tables came */
        cli->client = bench.crowd.clients[0].client;
        bench.crowd.clients[0].client = NULL;
    }
    for (size_t i = 0; i < bench.crowd.count; i++)
        bench_client_done(&bench.crowd.clients[i]);
    alloc_free(alloc_system(), bench.crowd.clients);
    interrupt_end(&bench.interrupt);
    demo_server_stop(&bench.server);
    demo_table_done(&bench.work.table);
    bench_files_abort(&bench.files);
    bench_result_done(&bench.result);
    return exit_code;
}

const struct command cmd_bench = {
    .name = "bench",
    .arguments = "",
    .summary = "Load a server with puts and gets, and measure them",
    .details =
        "Puts a table of random float64 values under every key, then puts and gets them as asked,\n"
        "reports operations, rows and bytes a second, latencies by percentile (to a part in a\n"
        "thousand) and CPU time, and removes the keys. \"first batch\" is how long gets took "
        "until\n"
        "their first record batch was there.\n"
        "\n"
        "A client has one call at a time, or as many as --pipeline says: then latencies count\n"
        "from when an operation was begun, until its result was taken. Without --rate, a slow\n"
        "server gets fewer operations, so that its bad times are counted seldom; with it, they\n"
        "are counted in full. Ctrl-C ends the run early and still reports. Into a pipe, a line is\n"
        "name and value with a tab between. Failed operations are counted, the first one is\n"
        "shown, and the exit code is 1.\n",
    .examples =
        "  flightkv bench --own-server\n"
        "  flightkv bench --clients 50 --keys 100000 --distribution zipf --duration 30s\n"
        "  flightkv bench --clients 50 --pipeline 16 --ratio 0:1\n"
        "  flightkv bench --size 64MiB --columns 64 --ratio 0:1 --keys 4 --verify\n"
        "  flightkv bench --rate 5000/s --warm-up 2s --plot latency.svg --hgrm latency.hgrm\n"
        "  flightkv bench --count 100000 --json --server grpc+unix:///run/flightkv.sock\n",
    .options = bench_option_table,
    .flags = COMMAND_CALLS_SERVER | COMMAND_HAS_JSON,
    .run = run,
};
