/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/credentials.h"

/* The server takes no longer ones (libcrypt's limit, without the NUL). */
enum { hashed_bytes_max = CRYPT_MAX_PASSPHRASE_SIZE - 1, name_bytes_max = 255 };

static int check(const struct cli *cli, const char *user, const char *password)
{
    size_t size = strlen(user);
    for (size_t i = 0; i < size; i++)
        if (user[i] == ':' || (unsigned char)user[i] < ' ' || user[i] == 127)
            size = 0;
    if (size == 0 || size > name_bytes_max || user[0] == '#')
        return cli_error(cli, CLI_USAGE,
                         "'%s' can't be a user's name; expected 1 to %d bytes without ':' and "
                         "control characters, and without '#' at the start",
                         user, name_bytes_max);
    if (strlen(password) > hashed_bytes_max)
        return cli_error(cli, CLI_FAILED, "the password is longer than %d bytes, the limit",
                         hashed_bytes_max);
    return CLI_DONE;
}

static int print_line(const struct cli *cli, const char *user, const char *password)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data *data = calloc(1, sizeof *data);
    if (data == NULL)
        return cli_no_memory(cli);
    const char *hash = NULL;
    if (crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof setting) != NULL)
        hash = crypt_r(password, setting, data);
    bool is_made = hash != NULL && hash[0] != '*';
    if (is_made)
        fprintf(cli->out, "%s:%s\n", user, hash);
    explicit_bzero(data, sizeof *data);
    free(data);
    return is_made
               ? CLI_DONE
               : cli_error(cli, CLI_FAILED, "the password can't be hashed: %s", strerror(errno));
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    char password[password_size];
    const char *user = parsed->arguments[0];
    int exit_code = check(cli, user, "");
    if (exit_code == CLI_DONE)
        exit_code = credentials_ask_new(cli, password);
    if (exit_code == CLI_DONE)
        exit_code = check(cli, user, password);
    if (exit_code == CLI_DONE)
        exit_code = print_line(cli, user, password);
    explicit_bzero(password, sizeof password);
    return exit_code;
}

const struct command cmd_passwd = {
    .name = "passwd",
    .arguments = "USER",
    .summary = "Print a line for a server's --auth-file",
    .details = "Asks for the password without showing it, or takes standard input's first line "
               "where that\n"
               "is no terminal, and prints \"USER:HASH\". The hash is yescrypt's.\n",
    .examples = "  flightkv passwd ann >>users\n"
                "  flightkv passwd ann <password-file >>users\n"
                "  flightkv serve --auth-file users\n",
    .arguments_least = 1,
    .arguments_most = 1,
    .run = run,
};
