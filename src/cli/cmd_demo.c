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

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/demo_dataset.h"
#include "cli/demo_machine.h"
#include "cli/demo_server.h"
#include "cli/demo_table.h"
#include "cli/demo_timing.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/option_values.h"

static const char key[] = "speed-of-flight";

enum { count_max = 1000 };

struct demo {
    const struct cli *cli;
    struct demo_server server;
    struct fkv_client *client;
    struct interrupt interrupt; /* of the calls */
    struct demo_table table;
    struct demo_timing put, get;
    uint64_t memory_before; /* of our own server; 0: it isn't ours */
    uint64_t memory_after;  /* after the first put into it */
};

/* A line for a person who waits, gone with the next one. */
static void show_doing(const struct demo *demo, size_t call, size_t calls)
{
    if (!demo->cli->err_is_terminal)
        return;
    fprintf(demo->cli->err, "\r\033[KCall %zu of %zu", call, calls);
    fflush(demo->cli->err);
}

static void hide_doing(const struct demo *demo)
{
    if (demo->cli->err_is_terminal)
        fputs("\r\033[K", demo->cli->err);
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

/* Keeps the whole table, as read_all does. */
static enum fkv_status get_table(struct demo *demo, struct demo_table *ret, struct fkv_error *error)
{
    struct ArrowArrayStream stream;
    enum fkv_status status = fkv_get(demo->client, key, sizeof key - 1, NULL, &stream, error);
    return status == FKV_OK ? demo_table_collect(&stream, ret, error) : status;
}

/* Letting go of the table counts, as it does where a caller gets one after the other. */
static enum fkv_status get(struct demo *demo, double *ret_s, struct fkv_error *error)
{
    struct demo_table got = {0};
    double start = now_s();
    enum fkv_status status = get_table(demo, &got, error);
    demo_table_done(&got);
    *ret_s = now_s() - start;
    return status;
}

static enum fkv_status get_and_compare(struct demo *demo, double *ret_s, struct fkv_error *error)
{
    struct demo_table got = {0};
    double start = now_s();
    enum fkv_status status = get_table(demo, &got, error);
    *ret_s = now_s() - start;
    if (status == FKV_OK && !demo_table_equal(&got, &demo->table))
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
        show_doing(demo, i + 1, count);
        status = call(demo, &timing->seconds[i], error);
        if (atomic_load(&demo->interrupt.has_come))
            status = status_set(error, FKV_CANCELLED, "interrupted");
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
    interrupt_begin(&demo->interrupt, demo->client);
    enum fkv_status status = measure_put(demo, &error);
    if (status == FKV_OK)
        status = measure_get(demo, &error);
    interrupt_end(&demo->interrupt);
    if (atomic_load(&demo->interrupt.has_come))
        return cli_error(demo->cli, interrupt_exit_code(&demo->interrupt), "interrupted");
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

/* The other ways to compare with go over sockets. */
static enum fkv_transport socket_of(const char *uri)
{
    static const char unix_scheme[] = "grpc+unix:";
    bool is_unix = strncmp(uri, unix_scheme, sizeof unix_scheme - 1) == 0;
    return is_unix ? FKV_TRANSPORT_UNIX : FKV_TRANSPORT_TCP;
}

static int connect_client(struct demo *demo)
{
    struct cli cli = *demo->cli;
    if (demo->server.pid > 0)
        cli.server = demo->server.uri;
    if (cli.transport == FKV_TRANSPORT_AUTO)
        cli.transport = socket_of(cli.server);
    int exit_code = cli_connect(&cli);
    demo->client = cli.client; /* closed before its server stops */
    return exit_code;
}

/* What of the command line says which table. */
struct wish {
    const char *file;
    const char *folder;
    uint64_t size;
};

/* The server process is started while this one is small. */
static int run_demo(struct demo *demo, const struct wish *wish)
{
    int exit_code = start_server(demo);
    if (exit_code == CLI_DONE && wish->file != NULL)
        exit_code = demo_dataset_read(demo->cli, wish->file, &demo->table);
    else if (exit_code == CLI_DONE)
        exit_code = demo_dataset_make(demo->cli, wish->size, wish->folder, &demo->table);
    if (exit_code == CLI_DONE)
        exit_code = connect_client(demo);
    if (exit_code == CLI_DONE)
        exit_code = measure(demo);
    fkv_client_close(demo->client);
    demo_server_stop(&demo->server);
    demo_table_done(&demo->table);
    return exit_code;
}

static int parse_size(const struct cli *cli, const struct parsed *parsed, uint64_t *ret)
{
    const char *text = parsed_value(parsed, "size");
    if (text == NULL)
        return CLI_DONE;
    if (!text_parse_size(text, ret) || *ret < demo_row_bytes)
        return cli_error(cli, CLI_USAGE,
                         "--size: '%s' isn't a size of at least one row, %d bytes; expected one "
                         "like \"2GiB\" or \"512MiB\"",
                         text, (int)demo_row_bytes);
    *ret -= *ret % demo_row_bytes;
    return CLI_DONE;
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    struct demo demo = {.cli = cli};
    struct wish wish = {.folder = parsed_value(parsed, "dir")};
    uint64_t loops, calls;
    if (parsed->argument_count > 0)
        wish.file = parsed->arguments[0];
    if (wish.file != NULL && (parsed_has(parsed, "size") || wish.folder != NULL))
        return cli_error(cli, CLI_USAGE,
                         "--size and --dir are for a table to be made, and '%s' is given",
                         wish.file);
    int exit_code = option_count(cli, parsed, "loops", 5, 1, count_max, &loops);
    if (exit_code == CLI_DONE)
        exit_code = option_count(cli, parsed, "calls", 10, 1, count_max, &calls);
    if (exit_code == CLI_DONE)
        exit_code = parse_size(cli, parsed, &wish.size);
    if (exit_code != CLI_DONE)
        return exit_code;
    if (demo_timing_init(&demo.put, loops, calls) && demo_timing_init(&demo.get, loops, calls))
        exit_code = run_demo(&demo, &wish);
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
    {.name = "transport",
     .argument = "tcp|unix|shm",
     .default_value = "the connection",
     .help = "Get the table by the connection of a tcp or unix URI, or map it by shm: then "
             "a get is timed until the table could be read"},
    {0},
};

const struct command cmd_demo = {
    .name = "demo",
    .arguments = "[FILE]",
    .summary = "Measure a large table's way to a server and back",
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
    .completes = COMPLETE_FILE,
    .run = run,
};
