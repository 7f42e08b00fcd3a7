/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/figures.h"

static const char *server_name(const struct cli *cli)
{
    const char *named = cli->server != NULL ? cli->server : getenv("FLIGHTKV_SERVER");
    return named != NULL && *named != '\0' ? named : FKV_DEFAULT_URI;
}

static int report(const struct cli *cli, struct doc *answer, uint64_t ns)
{
    char time[text_figure_size];
    if (!cli->json) {
        fprintf(cli->out, "%s answered in %s\n", server_name(cli), text_duration(time, ns));
        return CLI_DONE;
    }
    struct doc *doc = doc_object();
    doc_set_text(doc, "server", server_name(cli));
    doc_set_number(doc, "seconds", (double)ns / 1e9);
    doc_merge(doc, answer);
    bool is_done = doc_print(doc, cli->out);
    doc_free(doc);
    return is_done ? CLI_DONE : cli_no_memory(cli);
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    (void)parsed;
    struct fkv_error error;
    struct doc *answer = NULL;
    int exit_code = cli_connect(cli);
    if (exit_code != CLI_DONE)
        return exit_code;
    uint64_t started_ns = clock_now_ns(clock_system());
    enum fkv_status status = figures_call(cli->client, "flightkv.ping", "", &answer, &error);
    uint64_t ns = clock_now_ns(clock_system()) - started_ns;
    exit_code = status == FKV_OK ? report(cli, answer, ns) : cli_fail(cli, &error);
    doc_free(answer);
    return exit_code;
}

const struct command cmd_ping = {
    .name = "ping",
    .arguments = "",
    .summary = "See whether a server answers, and how fast",
    .examples = "  flightkv ping\n"
                "  flightkv ping --server grpc+tcp://db1:6666 --timeout 2s\n",
    .flags = COMMAND_CALLS_SERVER | COMMAND_HAS_JSON,
    .run = run,
};
