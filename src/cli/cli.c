/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/credentials.h"

int cli_error(const struct cli *cli, int exit_code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("flightkv: ", cli->err);
    vfprintf(cli->err, format, args);
    fputc('\n', cli->err);
    va_end(args);
    return exit_code;
}

int cli_no_memory(const struct cli *cli)
{
    return cli_error(cli, CLI_FAILED, "out of memory");
}

/* What other programs call what we have; too far from our names to be taken for misspelt. */
static const char *command_meant(const char *name)
{
    static const struct {
        const char *name;
        const char *meant;
    } guesses[] = {
        {"set", "put"},   {"store", "put"},   {"del", "rm"},       {"delete", "rm"},
        {"remove", "rm"}, {"start", "serve"}, {"server", "serve"}, {"version", "--version"},
    };
    for (size_t i = 0; i < sizeof guesses / sizeof guesses[0]; i++) {
        if (strcmp(name, guesses[i].name) == 0)
            return guesses[i].meant;
    }
    return NULL;
}

int cli_unknown_command(const struct cli *cli, const char *name)
{
    const char *names[32];
    size_t count = 0;
    while (count < sizeof names / sizeof names[0] && command_at(count) != NULL) {
        names[count] = command_at(count)->name;
        count++;
    }
    const char *nearest = command_meant(name);
    if (nearest == NULL)
        nearest = text_nearest(name, names, count);
    if (nearest != NULL)
        return cli_error(cli, CLI_USAGE, "unknown command '%s'; did you mean '%s'?", name, nearest);
    return cli_error(cli, CLI_USAGE, "unknown command '%s'; \"flightkv help\" lists them", name);
}

int cli_fail(const struct cli *cli, const struct fkv_error *error)
{
    static const char *const hints[] = {
        [FKV_HINT_NONE] = "",
        [FKV_HINT_SERVER] = "; start a server with \"flightkv serve\", or name another by --server "
                            "URI or FLIGHTKV_SERVER",
        [FKV_HINT_AUTHORITY] = "; name a file with its authority's certificate by --tls-ca FILE",
        [FKV_HINT_CERTIFICATE] = "; name one by --tls-cert FILE and --tls-key FILE",
        [FKV_HINT_USER] = "; where the server has users, give --user NAME",
    };
    int exit_code = error->status == FKV_UNIMPLEMENTED ? CLI_USAGE : CLI_FAILED;
    const char *message = error->message;
    if (*message == '\0')
        message = fkv_status_text(error->status);
    return cli_error(cli, exit_code, "%s%s", message, hints[error->hint]);
}

int cli_fail_key(const struct cli *cli, const struct fkv_error *error)
{
    if (error->status != FKV_NOT_FOUND)
        return cli_fail(cli, error);
    return cli_error(cli, CLI_NO_KEY, "%s; \"flightkv ls\" lists the keys", error->message);
}

static int open_client(struct cli *cli, const char *password)
{
    struct fkv_error error;
    struct fkv_client_options options = {.size = sizeof options,
                                         .call_timeout_ms = cli->timeout_ms,
                                         .connect_timeout_ms = cli->timeout_ms,
                                         .tls_ca_file = cli->tls_ca,
                                         .tls_cert_file = cli->tls_cert,
                                         .tls_key_file = cli->tls_key,
                                         .tls_insecure = cli->tls_insecure,
                                         .transport = cli->transport,
                                         .user = cli->user,
                                         .password = password};
    enum fkv_status status = fkv_client_open(cli->server, &options, &cli->client, &error);
    if (status == FKV_INVALID_ARGUMENT)
        return cli_error(cli, CLI_USAGE, "%s", error.message);
    return status == FKV_OK ? CLI_DONE : cli_fail(cli, &error);
}

int cli_connect(struct cli *cli)
{
    char password[password_size];
    if (cli->user == NULL)
        return open_client(cli, NULL);
    int exit_code = credentials_find(cli, password);
    if (exit_code == CLI_DONE)
        exit_code = open_client(cli, password);
    explicit_bzero(password, sizeof password);
    return exit_code;
}

static int unescape(struct cli *cli, const char *what, size_t bytes_max, const char *text)
{
    struct buf *key = &cli->key;
    char most[text_figure_size];
    buf_clear(key);
    bool is_well_formed = text_unescape(key, slice_text(text));
    if (key->failed || key->size > bytes_max)
        return cli_error(cli, CLI_USAGE, "the %s is too long; expected at most %s bytes", what,
                         text_count(most, bytes_max));
    if (!is_well_formed)
        return cli_error(
            cli, CLI_USAGE,
            "%s '%s': '%%' must be followed by two hex digits; write a percent sign as "
            "%%25",
            what, text);
    if (key->size == 0)
        return cli_error(cli, CLI_USAGE, "the %s is empty; expected 1 to %s bytes", what,
                         text_count(most, bytes_max));
    if (key->data[0] == 0)
        return cli_error(cli, CLI_USAGE, "%s '%s' begins with a zero byte, which no key may", what,
                         text);
    return CLI_DONE;
}

int cli_key(struct cli *cli, const char *text)
{
    return unescape(cli, "key", cli_key_bytes_max, text);
}

int cli_pattern(struct cli *cli, const char *text)
{
    return unescape(cli, "pattern", cli_pattern_bytes_max, text);
}
