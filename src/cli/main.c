/* SPDX-License-Identifier: Apache-2.0 */
/* The program: finds the command, reads its options, runs it, and sees to it that what was printed
 * really was written. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/option_values.h"

static int unknown_option(const struct cli *cli, const char *name)
{
    static const char *const names[] = {"--help", "--version"};
    const char *nearest = text_nearest(name, names, sizeof names / sizeof names[0]);
    if (strcmp(name, "-v") == 0)
        nearest = "--version";
    if (nearest != NULL)
        return cli_error(cli, CLI_USAGE, "unknown option '%s'; did you mean '%s'?", name, nearest);
    return cli_error(cli, CLI_USAGE,
                     "unknown option '%s'; options follow the command: flightkv COMMAND %s", name,
                     name);
}

static bool has_output_option(const struct command *command)
{
    for (const struct option *o = command->options; o != NULL && o->name != NULL; o++) {
        if (strcmp(o->name, "output") == 0)
            return true;
    }
    return false;
}

static int refuse_argument(const struct cli *cli, const char *argument)
{
    const struct command *command = cli->command;
    if (has_output_option(command))
        return cli_error(cli, CLI_USAGE,
                         "'%s' is one argument too many for %s; to write it, say -o %s", argument,
                         command->name, argument);
    return cli_error(cli, CLI_USAGE,
                     "'%s' is one argument too many for %s; see \"flightkv help %s\"", argument,
                     command->name, command->name);
}

static int check_arguments(const struct cli *cli, const struct parsed *parsed)
{
    const struct command *command = cli->command;
    if (parsed->argument_count < command->arguments_least)
        return cli_error(cli, CLI_USAGE, "%s needs %s; see \"flightkv help %s\"", command->name,
                         command->arguments, command->name);
    if (parsed->argument_count > command->arguments_most)
        return refuse_argument(cli, parsed->arguments[command->arguments_most]);
    return CLI_DONE;
}

/* By enum fkv_transport. */
static const char *const transports[] = {"auto", "shm", "unix", "tcp"};

static int apply_transport(struct cli *cli, const char *value)
{
    cli->transport = FKV_TRANSPORT_AUTO;
    if (value == NULL)
        return CLI_DONE;
    for (unsigned i = 0; i < sizeof transports / sizeof transports[0]; i++) {
        if (strcmp(value, transports[i]) == 0) {
            cli->transport = (enum fkv_transport)i;
            return CLI_DONE;
        }
    }
    return cli_error(cli, CLI_USAGE, "--transport: '%s' isn't one of auto, shm, unix, tcp", value);
}

static void tell_transport(const struct cli *cli)
{
    const char *why = "";
    if (!cli->verbose || cli->client == NULL)
        return;
    const char *name = transports[fkv_client_transport(cli->client, &why)];
    fprintf(cli->err, "flightkv: transport %s%s%s\n", name, *why != '\0' ? "; not shm: " : "", why);
}

/* What every command understands alike. */
static int apply_common(struct cli *cli, const struct parsed *parsed)
{
    cli->json = parsed_has(parsed, "json");
    cli->server = parsed_value(parsed, "server");
    cli->tls_ca = parsed_value(parsed, "tls-ca");
    cli->tls_cert = parsed_value(parsed, "tls-cert");
    cli->tls_key = parsed_value(parsed, "tls-key");
    cli->tls_insecure = parsed_has(parsed, "tls-insecure");
    cli->user = parsed_value(parsed, "user");
    cli->password_file = parsed_value(parsed, "password-file");
    if (cli->password_file != NULL && cli->user == NULL)
        return cli_error(cli, CLI_USAGE, "--password-file needs --user NAME");
    uint64_t timeout_ns = 0;
    if (cli->command->flags & COMMAND_CALLS_SERVER) {
        int exit_code = option_duration(cli, parsed, "timeout", 0, &timeout_ns);
        cli->verbose = parsed_has(parsed, "verbose");
        if (exit_code != CLI_DONE)
            return exit_code;
    }
    cli->timeout_ms = timeout_ns / NS_PER_MS;
    return apply_transport(cli, parsed_value(parsed, "transport"));
}

static int run_parsed(struct cli *cli, struct parsed *parsed)
{
    struct config config = {0};
    if (parsed_has(parsed, "help"))
        return help_print_command(cli->out, cli->command) ? CLI_DONE : cli_no_memory(cli);
    int exit_code = check_arguments(cli, parsed);
    if (exit_code == CLI_DONE && cli->command->flags & COMMAND_CALLS_SERVER)
        exit_code = config_apply(cli, parsed, &config);
    if (exit_code == CLI_DONE)
        exit_code = apply_common(cli, parsed);
    if (exit_code == CLI_DONE)
        exit_code = cli->command->run(cli, parsed);
    config_done(&config);
    return exit_code;
}

static int run_command(struct cli *cli, int count, char *const *words)
{
    struct option_list list;
    struct parsed parsed;
    struct fkv_error error;
    if (!command_options(cli->command, &list))
        return cli_no_memory(cli);
    int exit_code;
    if (options_parse(&list, count, words, &parsed, &error) != FKV_OK) {
        exit_code = cli_error(cli, CLI_USAGE, "%s: %s", cli->command->name, error.message);
    } else {
        exit_code = run_parsed(cli, &parsed);
        parsed_done(&parsed);
    }
    option_list_done(&list);
    return exit_code;
}

static int run(struct cli *cli, int argc, char **argv)
{
    if (argc < 2) {
        help_print_program(cli->err);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        fprintf(cli->out, "flightkv %s\n", fkv_version());
        return CLI_DONE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (name[0] == '-')
        return unknown_option(cli, name);
    cli->command = command_find(name);
    if (cli->command == NULL)
        return cli_unknown_command(cli, name);
    return run_command(cli, argc - 2, argv + 2);
}

/* A standard stream that the caller has closed would be the next file or connection opened here:
 * its number is taken by what can't be read or written, as the stream can't. */
static void keep_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

int main(int argc, char **argv)
{
    keep_standard_streams();
    /* A write past the limit on a file's size fails then, and the half file is removed. */
    sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    setlocale(LC_CTYPE, "C.UTF-8"); /* text is UTF-8 here whatever the terminal calls it */
    struct cli cli = {.out = stdout,
                      .err = stderr,
                      .out_is_terminal = isatty(STDOUT_FILENO) == 1,
                      .err_is_terminal = isatty(STDERR_FILENO) == 1};
    cli.has_color = cli.out_is_terminal && getenv("NO_COLOR") == NULL;
    buf_init(&cli.key, alloc_system(), cli_pattern_bytes_max);
    int exit_code = run(&cli, argc, argv);
    tell_transport(&cli);
    fkv_client_close(cli.client);
    buf_done(&cli.key);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        int failure =
            cli_error(&cli, CLI_FAILED, "cannot write to standard output: %s", strerror(errno));
        exit_code = exit_code == CLI_DONE ? failure : exit_code;
    }
    return exit_code;
}
