/* SPDX-License-Identifier: Apache-2.0 */
/* The measurement: a table of random numbers is put and got again and again over TCP, by the
 * library's client in this process and a server in a process of its own.
 *
 *     numbers -> FILE.parquet -> table in memory == put ==> server
 *                                      compared  <== get ==
 *
 * With --json it gives the raw timings; bench/demo.py runs it so, in turn with other clients and
 * servers. */
#include "cli/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/demo_machine.h"
#include "cli/demo_server.h"
#include "cli/demo_table.h"
#include "cli/demo_timing.h"
#include "cli/json.h"
#include "cli/numbers.h"
#include "cli/transfer.h"

static const char key[] = "speed-of-flight";
static const char default_folder[] = "build/demo";

enum { column_count = 64, count_max = 1000, folder_size = 512, path_size = 600, reason_size = 256 };

struct demo {
    const struct cli *cli;
    uint64_t size; /* of the table to make; 0: a file is given */
    struct demo_server server;
    struct fkv_client *client;
    struct demo_table table;
    struct demo_timing put, get;
    uint64_t memory_before; /* of our own server; 0: it isn't ours */
    uint64_t memory_after;  /* after the first put into it */
};

/* A line for a person who waits, gone with the next one. */
static void show_doing(const struct demo *demo, const char *what, size_t done, size_t whole)
{
    if (!demo->cli->err_is_terminal)
        return;
    fprintf(demo->cli->err, "\r\033[K%s", what);
    if (whole > 0)
        fprintf(demo->cli->err, " %zu of %zu", done, whole);
    fflush(demo->cli->err);
}

static void hide_doing(const struct demo *demo)
{
    if (demo->cli->err_is_terminal)
        fputs("\r\033[K", demo->cli->err);
}

/* ---- the dataset ---- */

struct dataset {
    char folder[folder_size];
    char path[path_size];
    bool is_temporary;
};

/* In `wanted`; else in build/demo where that exists; else in a folder that won't stay. */
static int choose_folder(struct demo *demo, const char *wanted, struct dataset *ret)
{
    struct stat about;
    bool has_default = stat(default_folder, &about) == 0 && S_ISDIR(about.st_mode);
    const char *temporary = getenv("TMPDIR");
    ret->is_temporary = wanted == NULL && !has_default;
    if (ret->is_temporary)
        snprintf(ret->folder, sizeof ret->folder, "%s/flightkv-demo-XXXXXX",
                 temporary != NULL ? temporary : "/tmp");
    else
        snprintf(ret->folder, sizeof ret->folder, "%s", wanted != NULL ? wanted : default_folder);
    if (ret->is_temporary && mkdtemp(ret->folder) == NULL)
        return cli_error(demo->cli, CLI_FAILED, "cannot make the folder '%s': %s", ret->folder,
                         strerror(errno));
    return CLI_DONE;
}

static void name_dataset(struct dataset *dataset, uint64_t size)
{
    const uint64_t mib = 1 << 20;
    bool is_whole = size % mib == 0;
    snprintf(dataset->path, sizeof dataset->path, "%s/numbers-%" PRIu64 "%s.parquet",
             dataset->folder, is_whole ? size / mib : size, is_whole ? "MiB" : "B");
}

static int generate(struct demo *demo, const struct dataset *dataset)
{
    struct fkv_error error;
    struct ArrowArrayStream numbers;
    struct table_sink sink;
    struct transfer transfer;
    struct numbers_options options = {.rows = (int64_t)(demo->size / (column_count * 8)),
                                      .columns = column_count,
                                      .batch_rows = numbers_batch_rows};
    int exit_code = transfer_sink(demo->cli, dataset->path, NULL, &sink);
    if (exit_code != CLI_DONE)
        return exit_code;
    sink.plain = true;
    enum fkv_status status = numbers_stream(&options, &numbers, &error);
    if (status == FKV_OK) {
        transfer_begin(&transfer, demo->cli, "Generating", NULL);
        transfer.rows = options.rows;
        transfer.bytes = (int64_t)demo->size;
        struct ArrowArrayStream stream = transfer_stream(&transfer, &numbers);
        status = table_sink_write(&sink, &stream, transfer_progress, &transfer, NULL, &error);
        transfer_end(&transfer);
        if (status != FKV_OK)
            exit_code = transfer_fail(&transfer, demo->cli, &error, cli_fail);
    } else {
        exit_code = cli_fail(demo->cli, &error);
    }
    table_sink_done(&sink);
    return exit_code;
}

static int load(struct demo *demo, const char *path)
{
    struct fkv_error error;
    struct table_source source;
    struct transfer transfer;
    if (table_source_open(path, &source, &error) != FKV_OK)
        return cli_error(demo->cli, CLI_FAILED, "%s", error.message);
    show_doing(demo, "Reading the file", 0, 0);
    transfer_begin(&transfer, demo->cli, "Reading", NULL);
    struct ArrowArrayStream stream = transfer_stream(&transfer, &source.stream);
    enum fkv_status status = demo_table_collect(&stream, &demo->table, &error);
    transfer_end(&transfer);
    hide_doing(demo);
    int exit_code = CLI_DONE;
    if (status != FKV_OK)
        exit_code = transfer_fail(&transfer, demo->cli, &error, cli_fail);
    else if (demo->table.rows == 0)
        exit_code = cli_error(demo->cli, CLI_FAILED, "'%s' holds no rows to measure with", path);
    table_source_done(&source);
    return exit_code;
}

static int generate_and_load(struct demo *demo, const struct dataset *dataset)
{
    bool is_there = access(dataset->path, R_OK) == 0;
    if (!demo->cli->json)
        fprintf(demo->cli->out, "%s %s\n", is_there ? "Using" : "Generating", dataset->path);
    fflush(demo->cli->out);
    int exit_code = is_there ? CLI_DONE : generate(demo, dataset);
    if (exit_code == CLI_DONE)
        exit_code = load(demo, dataset->path);
    if (exit_code == CLI_DONE && demo_table_bytes(&demo->table) != demo->size)
        exit_code = cli_error(demo->cli, CLI_FAILED,
                              "'%s' isn't the table that its name says; remove it", dataset->path);
    return exit_code;
}

static int choose_size(struct demo *demo, const char *folder)
{
    char size[text_figure_size], memory_text[text_figure_size], disk_text[text_figure_size];
    char reason[reason_size];
    uint64_t memory = demo_memory_available(), disk = demo_disk_free(folder);
    demo->size = demo_choose_size(memory, disk, reason, sizeof reason);
    if (demo->size == 0)
        return cli_error(demo->cli, CLI_FAILED,
                         "%s of memory and %s of disk are too little for the smallest size, "
                         "256 MiB; name a smaller one by --size",
                         text_size(memory_text, memory), text_size(disk_text, disk));
    if (!demo->cli->json)
        fprintf(demo->cli->out, "Size: %s, %s\n", text_size(size, demo->size), reason);
    return CLI_DONE;
}

static int make_table(struct demo *demo, const char *wanted_folder)
{
    struct dataset dataset;
    int exit_code = choose_folder(demo, wanted_folder, &dataset);
    if (exit_code != CLI_DONE)
        return exit_code;
    if (demo->size == 0)
        exit_code = choose_size(demo, dataset.folder);
    if (exit_code == CLI_DONE) {
        name_dataset(&dataset, demo->size);
        exit_code = generate_and_load(demo, &dataset);
    }
    if (dataset.is_temporary) {
        unlink(dataset.path);
        rmdir(dataset.folder);
    }
    return exit_code;
}

/* ---- measuring ---- */

static double now_s(void)
{
    return (double)clock_now_ns(clock_system()) / 1e9;
}

static enum fkv_status put(struct demo *demo, double *ret_s, struct fkv_error *error)
{
    struct demo_table_reader reader;
    struct ArrowArrayStream stream = demo_table_stream(&demo->table, &reader);
    double start = now_s();
    enum fkv_status status = fkv_put(demo->client, key, sizeof key - 1, &stream, NULL, NULL, error);
    *ret_s = now_s() - start;
    return status;
}

/* Keeps the whole table, as read_all does, and lets go of it inside the time. */
static enum fkv_status get(struct demo *demo, double *ret_s, struct fkv_error *error)
{
    struct ArrowArrayStream stream;
    struct demo_table got;
    double start = now_s();
    enum fkv_status status = fkv_get(demo->client, key, sizeof key - 1, NULL, &stream, error);
    if (status == FKV_OK)
        status = demo_table_collect(&stream, &got, error);
    if (status == FKV_OK)
        demo_table_done(&got);
    *ret_s = now_s() - start;
    return status;
}

static enum fkv_status get_and_compare(struct demo *demo, double *ret_s, struct fkv_error *error)
{
    struct ArrowArrayStream stream;
    struct demo_table got;
    double start = now_s();
    enum fkv_status status = fkv_get(demo->client, key, sizeof key - 1, NULL, &stream, error);
    if (status == FKV_OK)
        status = demo_table_collect(&stream, &got, error);
    *ret_s = now_s() - start;
    if (status != FKV_OK)
        return status;
    if (!demo_table_equal(&got, &demo->table))
        status = status_set(error, FKV_DATA_LOSS, "what came back differs from what went in");
    demo_table_done(&got);
    return status;
}

typedef enum fkv_status (*demo_call)(struct demo *demo, double *ret_s, struct fkv_error *error);

static enum fkv_status run_loops(struct demo *demo, struct demo_timing *timing, demo_call call,
                                 struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    size_t count = timing->loops * timing->calls;
    for (size_t i = 0; status == FKV_OK && i < count; i++) {
        show_doing(demo, "Call", i + 1, count);
        status = call(demo, &timing->seconds[i], error);
    }
    hide_doing(demo);
    return status;
}

static void say(const struct demo *demo, const char *text)
{
    if (!demo->cli->json)
        fputs(text, demo->cli->out);
    fflush(demo->cli->out);
}

static enum fkv_status measure_put(struct demo *demo, struct fkv_error *error)
{
    say(demo, "Caching the table...\n");
    demo->memory_before = demo_process_memory(demo->server.pid, "VmRSS");
    enum fkv_status status = put(demo, &demo->put.first_s, error);
    demo->memory_after = demo_process_memory(demo->server.pid, "VmRSS");
    if (status == FKV_OK)
        status = run_loops(demo, &demo->put, put, error);
    if (status == FKV_OK && !demo->cli->json)
        demo_timing_print(&demo->put, demo->cli->out);
    return status;
}

static enum fkv_status measure_get(struct demo *demo, struct fkv_error *error)
{
    say(demo, "\nRetrieve the table...\n");
    enum fkv_status status = get_and_compare(demo, &demo->get.first_s, error);
    if (status == FKV_OK)
        status = run_loops(demo, &demo->get, get, error);
    if (status == FKV_OK && !demo->cli->json)
        demo_timing_print(&demo->get, demo->cli->out);
    return status;
}

/* ---- the result ---- */

static int print_json(const struct demo *demo)
{
    struct doc *doc = doc_object(), *memory = doc_object();
    doc_set_count(doc, "bytes", demo_table_bytes(&demo->table));
    doc_set_count(doc, "rows", (uint64_t)demo->table.rows);
    doc_set_count(doc, "columns", (uint64_t)demo->table.schema.n_children);
    doc_set_count(doc, "batches", demo->table.batch_count);
    doc_set(doc, "put", demo_timing_doc(&demo->put));
    doc_set(doc, "get", demo_timing_doc(&demo->get));
    doc_set_count(memory, "before", demo->memory_before);
    doc_set_count(memory, "after_put", demo->memory_after);
    doc_set_count(memory, "peak", demo_process_memory(demo->server.pid, "VmHWM"));
    doc_set(doc, "server_memory", memory);
    doc_set_count(doc, "client_peak", demo_process_memory(getpid(), "VmHWM"));
    bool is_done = doc_print(doc, demo->cli->out);
    doc_free(doc);
    return is_done ? CLI_DONE : cli_no_memory(demo->cli);
}

static void print_rest(const struct demo *demo)
{
    char memory[text_figure_size], stored[text_figure_size];
    uint64_t bytes = demo_table_bytes(&demo->table);
    fputs("\nWhat came back equals what went in.\n", demo->cli->out);
    if (demo->memory_after > 0)
        fprintf(demo->cli->out,
                "Memory of the server after its first put: %s for %s of values (%+.1f %%).\n",
                text_size(memory, demo->memory_after), text_size(stored, bytes),
                100 * ((double)demo->memory_after / (double)bytes - 1));
}

static int measure(struct demo *demo)
{
    struct fkv_error error;
    char size[text_figure_size];
    if (!demo->cli->json)
        fprintf(demo->cli->out, "Size of the table: %s\n",
                text_size_short(size, demo_table_bytes(&demo->table)));
    enum fkv_status status = measure_put(demo, &error);
    if (status == FKV_OK)
        status = measure_get(demo, &error);
    if (status != FKV_OK)
        return cli_fail(demo->cli, &error);
    if (demo->cli->json)
        return print_json(demo);
    print_rest(demo);
    return CLI_DONE;
}

/* ---- the command ---- */

static int start_server(struct demo *demo)
{
    struct fkv_error error;
    if (demo->cli->server != NULL || demo_server_start(&demo->server, &error) == FKV_OK)
        return CLI_DONE;
    return cli_fail(demo->cli, &error);
}

/* The server process is started while this one is small. */
static int run_demo(struct demo *demo, const char *file, const char *folder)
{
    int exit_code = start_server(demo);
    if (exit_code == CLI_DONE)
        exit_code = file != NULL ? load(demo, file) : make_table(demo, folder);
    if (exit_code == CLI_DONE) {
        struct cli cli = *demo->cli;
        if (demo->server.pid > 0)
            cli.server = demo->server.uri;
        exit_code = cli_connect(&cli, &demo->client);
    }
    if (exit_code == CLI_DONE)
        exit_code = measure(demo);
    fkv_client_close(demo->client);
    demo_server_stop(&demo->server);
    demo_table_done(&demo->table);
    return exit_code;
}

static int parse_count(const struct cli *cli, const struct parsed *parsed, const char *name,
                       size_t fallback, size_t *ret)
{
    const char *text = parsed_value(parsed, name);
    char *end;
    *ret = fallback;
    if (text == NULL)
        return CLI_DONE;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || value < 1 || value > count_max)
        return cli_error(cli, CLI_USAGE, "--%s: '%s' isn't a whole number from 1 to %d", name, text,
                         count_max);
    *ret = value;
    return CLI_DONE;
}

static int parse_size(const struct cli *cli, const struct parsed *parsed, uint64_t *ret)
{
    const uint64_t row = column_count * sizeof(double);
    const char *text = parsed_value(parsed, "size");
    if (text == NULL)
        return CLI_DONE;
    if (!text_parse_size(text, ret) || *ret < row)
        return cli_error(cli, CLI_USAGE,
                         "--size: '%s' isn't a size of at least one row, %d bytes; expected one "
                         "like \"2GiB\" or \"512MiB\"",
                         text, (int)row);
    *ret -= *ret % row;
    return CLI_DONE;
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    struct demo demo = {.cli = cli};
    size_t loops, calls;
    const char *file = parsed->argument_count > 0 ? parsed->arguments[0] : NULL;
    if (file != NULL && (parsed_has(parsed, "size") || parsed_has(parsed, "dir")))
        return cli_error(cli, CLI_USAGE,
                         "--size and --dir are for a table to be made, and '%s' is "
                         "given",
                         file);
    int exit_code = parse_count(cli, parsed, "loops", 5, &loops);
    if (exit_code == CLI_DONE)
        exit_code = parse_count(cli, parsed, "calls", 10, &calls);
    if (exit_code == CLI_DONE)
        exit_code = parse_size(cli, parsed, &demo.size);
    if (exit_code != CLI_DONE)
        return exit_code;
    if (demo_timing_init(&demo.put, loops, calls) && demo_timing_init(&demo.get, loops, calls))
        exit_code = run_demo(&demo, file, parsed_value(parsed, "dir"));
    else
        exit_code = cli_no_memory(cli);
    demo_timing_done(&demo.put);
    demo_timing_done(&demo.get);
    return exit_code;
}

static const struct option options[] = {
    {.name = "size",
     .argument = "SIZE",
     .default_value = "the largest of 2GiB, 1GiB, 512MiB and 256MiB that fits 8 times into memory",
     .help = "Make a table of SIZE"},
    {.name = "loops", .argument = "N", .default_value = "5", .help = "Time N loops"},
    {.name = "calls", .argument = "N", .default_value = "10", .help = "Call N times in each loop"},
    {.name = "dir",
     .argument = "DIR",
     .default_value = "build/demo where that exists, else a folder that is removed",
     .help = "Keep the table's file in DIR and use it the next time"},
    {.name = "server",
     .letter = 's',
     .argument = "URI",
     .default_value = "a process of its own",
     .help = "Measure the server at URI"},
    {0},
};

const struct command cmd_demo = {
    .name = "demo",
    .arguments = "[FILE]",
    .summary = "Measure how fast a large table goes to a server and comes back",
    .details =
        "Makes a table of 64 float64 columns as a Parquet file, or takes the one in FILE, reads "
        "it,\n"
        "puts it and gets it back. The first call of each finds cold memory and is shown by\n"
        "itself; then come the loops, whose timing is the mean of their calls. What came back is\n"
        "compared with what went in. Needs about 8 times the table's size in memory.\n",
    .examples = "  flightkv demo\n"
                "  flightkv demo --size 256MiB --loops 3\n"
                "  flightkv demo numbers.parquet --json\n",
    .options = options,
    .arguments_most = 1,
    .flags = COMMAND_HAS_JSON,
    .run = run,
};
