/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* A line without its end; `what` names where it comes from. */
static int read_line(const struct cli *cli, FILE *file, const char *what, char ret[password_size])
{
    ret[0] = '\0';
    if (fgets(ret, password_size, file) == NULL && ferror(file))
        return cli_error(cli, CLI_FAILED, "%s can't be read: %s", what, strerror(errno));
    size_t size = strcspn(ret, "\r\n");
    if (size == password_size - 1)
        return cli_error(cli, CLI_FAILED, "the password in %s is longer than %d bytes", what,
                         password_size - 2);
    ret[size] = '\0';
    return size > 0 ? CLI_DONE : cli_error(cli, CLI_FAILED, "%s has no password", what);
}

static int read_file(const struct cli *cli, const char *path, char ret[password_size])
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return cli_error(cli, CLI_FAILED, "password file '%s': %s", path, strerror(errno));
    int exit_code = read_line(cli, file, path, ret);
    fclose(file);
    return exit_code;
}

/* Asks without echo, on the terminal that `input` is. */
static int ask(const struct cli *cli, FILE *input, const char *prompt, char ret[password_size])
{
    int fd = fileno(input);
    struct termios shown, hidden;
    if (tcgetattr(fd, &shown) != 0)
        return cli_error(cli, CLI_FAILED, "the terminal doesn't answer: %s", strerror(errno));
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fd, TCSAFLUSH, &hidden); /* drops what was typed before, so not behind the prompt */
    fputs(prompt, cli->err);
    fflush(cli->err);
    int exit_code = read_line(cli, input, "the terminal", ret);
    tcsetattr(fd, TCSAFLUSH, &shown);
    fputc('\n', cli->err);
    return exit_code;
}

/* Standard input may be the table of a put: it is the terminal itself that is asked. */
static int ask_on_terminal(const struct cli *cli, char ret[password_size])
{
    FILE *terminal = isatty(fileno(cli->err)) ? fopen("/dev/tty", "re") : NULL;
    char prompt[256];
    if (terminal == NULL)
        return cli_error(cli, CLI_USAGE,
                         "--user needs a password: set FLIGHTKV_PASSWORD, or name a file by "
                         "--password-file FILE");
    snprintf(prompt, sizeof prompt, "Password of %s: ", cli->user);
    int exit_code = ask(cli, terminal, prompt, ret);
    fclose(terminal);
    return exit_code;
}

int credentials_find(const struct cli *cli, char ret[password_size])
{
    const char *from_environment = getenv("FLIGHTKV_PASSWORD");
    if (cli->password_file != NULL)
        return read_file(cli, cli->password_file, ret);
    if (from_environment == NULL || *from_environment == '\0')
        return ask_on_terminal(cli, ret);
    if (strlen(from_environment) >= password_size)
        return cli_error(cli, CLI_USAGE, "FLIGHTKV_PASSWORD is longer than %d bytes",
                         password_size - 1);
    memcpy(ret, from_environment, strlen(from_environment) + 1);
    return CLI_DONE;
}

int credentials_ask_new(const struct cli *cli, char ret[password_size])
{
    char again[password_size];
    if (!isatty(STDIN_FILENO))
        return read_line(cli, stdin, "standard input", ret);
    int exit_code = ask(cli, stdin, "Password: ", ret);
    if (exit_code == CLI_DONE)
        exit_code = ask(cli, stdin, "Once more: ", again);
    if (exit_code == CLI_DONE && strcmp(ret, again) != 0)
        exit_code = cli_error(cli, CLI_FAILED, "the two passwords differ");
    explicit_bzero(again, sizeof again);
    return exit_code;
}
