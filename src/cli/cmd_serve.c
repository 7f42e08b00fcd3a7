/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <signal.h>
#include <stdio_ext.h>

static int configure(const struct cli *cli, const struct parsed *parsed,
                     struct fkv_server_config *config)
{
    struct fkv_error error;
    for (size_t i = 0; i < parsed->value_count; i++) {
        const struct option_value *value = &parsed->values[i];
        if (fkv_server_config_set(config, value->option->name, value->value, &error) != FKV_OK)
            return cli_error(cli, CLI_USAGE, "%s", error.message);
    }
    return CLI_DONE;
}

static void print_addresses(const struct cli *cli, const struct fkv_server *server)
{
    const char *uri;
    for (size_t i = 0; (uri = fkv_server_uri(server, i)) != NULL; i++)
        fprintf(cli->out, "Server is running! %s\n", uri);
    fflush(cli->out);
}

/* Until the server is to stop. SIGHUP asks for its files to be read anew; operators send it to
 * servers of all kinds, so that it mustn't stop one that has none. The log says what came of it. */
static void wait_for_end(struct fkv_server *server, const sigset_t *signals)
{
    int number;
    while (sigwait(signals, &number) == 0 && number == SIGHUP)
        fkv_server_reload(server, NULL);
}

/* Who started it and read along may be gone; that nobody hears it is no failure. */
static void say_farewell(const struct cli *cli, const char *text)
{
    fputs(text, cli->out);
    if (fflush(cli->out) == 0)
        return;
    __fpurge(cli->out);
    clearerr(cli->out);
}

static int serve(const struct cli *cli, const struct fkv_server_config *config)
{
    struct fkv_error error;
    struct fkv_server *server;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before the server's threads, which inherit it */
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    enum fkv_status status = fkv_server_start(config, &server, &error);
    if (status == FKV_FAILED_PRECONDITION || status == FKV_INVALID_ARGUMENT)
        return cli_error(cli, CLI_USAGE, "%s", error.message);
    if (status == FKV_UNAVAILABLE)
        return cli_error(cli, CLI_FAILED,
                         "%s; stop what listens there, or take another address by --listen URI",
                         error.message);
    if (status != FKV_OK)
        return cli_fail(cli, &error);
    print_addresses(cli, server);
    wait_for_end(server, &signals);
    say_farewell(cli, "\nStopping the server...\n");
    fkv_server_stop(server);
    say_farewell(cli, "Server stopped...\n");
    return CLI_DONE;
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    struct fkv_server_config *config = fkv_server_config_new();
    if (config == NULL)
        return cli_no_memory(cli);
    int exit_code = configure(cli, parsed, config);
    if (exit_code == CLI_DONE)
        exit_code = serve(cli, config);
    fkv_server_config_free(config);
    return exit_code;
}

const struct command cmd_serve = {
    .name = "serve",
    .arguments = "",
    .summary = "Run a server until Ctrl-C or SIGTERM",
    .details =
        "Prints one line for each address when it is ready. Sizes are written like \"512MiB\" or\n"
        "\"4GiB\", times like \"500ms\", \"30s\" or \"5m\". Logs go to standard error.\n"
        "\n"
        "With --auth-file, only the users in it are served. A line is \"USER:HASH\", with a hash "
        "of\n"
        "yescrypt, scrypt, bcrypt or sha512crypt: \"flightkv passwd\", mkpasswd and \"openssl "
        "passwd\n"
        "-6\" make such; lines that begin with '#' are comments. Clients send name and password "
        "once "
        "and\n"
        "get a token, which holds for --token-lifetime.\n"
        "\n"
        "SIGHUP reads the files of --auth-file and --tls-... anew. What is wrong with one is "
        "logged, "
        "and\n"
        "all stays as it was. It never stops the server.\n",
    .examples = "  flightkv serve\n"
                "  flightkv serve --memory 8GiB --workers 4\n"
                "  flightkv serve --listen grpc+tcp://localhost:7777\n"
                "  flightkv serve --auth-file users --token-lifetime 8h\n"
                "  flightkv serve --listen grpc+unix:///run/flightkv/socket --unix-mode 0660\n"
                "  flightkv serve --listen grpc+tcp://0.0.0.0:6666 --insecure\n"
                "  flightkv serve --listen grpc+tls://0.0.0.0:6666 --tls-cert server.pem \\\n"
                "      --tls-key server.key --tls-client-ca clients.pem\n",
    .flags = COMMAND_IS_SERVER,
    .run = run,
};
