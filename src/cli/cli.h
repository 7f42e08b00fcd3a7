/* SPDX-License-Identifier: Apache-2.0 */
/* What every command of the program shares: the command table's row, the context it runs in, how
 * it fails. One command is one file, cmd_NAME.c; a new one is listed in commands.c.
 *
 * Results go to cli->out and nothing else does; everything said to a person goes to cli->err. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "cli/options.h"
#include "flightkv/flightkv.h"

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_NO_KEY = 3 }; /* exit codes */

struct cli {
    const struct command *command;
    FILE *out;
    FILE *err;
    bool out_is_terminal;
    bool err_is_terminal;
    bool has_color; /* on cli->out */
    bool json;
    const char *server;  /* NULL: the library's choice */
    uint64_t timeout_ms; /* of each call; 0 = none */
    enum fkv_transport transport;
    bool verbose;
    const char *tls_ca; /* files, NULL when not given */
    const char *tls_cert;
    const char *tls_key;
    bool tls_insecure;
    const char *user; /* NULL: none */
    const char *password_file;
    struct fkv_client *client; /* of cli_connect; main closes it */
    struct buf key;            /* of cli_key or cli_pattern; main frees it */
};

/* What an argument is, for the shell's completion. */
enum command_completes {
    COMPLETE_NOTHING,
    COMPLETE_FILE,
    COMPLETE_KEYS,
    COMPLETE_KEY_THEN_FILE,
    COMPLETE_KEYS_AND_FILES,
    COMPLETE_COMMANDS,
};

enum {
    COMMAND_CALLS_SERVER = 1, /* has --server, --timeout and those for TLS */
    COMMAND_HAS_JSON = 2,     /* has --json */
    COMMAND_IS_SERVER = 4,    /* has every option of fkv_server_option */
};

struct command {
    const char *name;
    const char *arguments;        /* "KEY FILE|-" */
    const char *summary;          /* one line */
    const char *details;          /* paragraphs for its help; may be NULL */
    const char *examples;         /* lines of "command  # what it does" */
    const struct option *options; /* its own, ended by one without a name; may be NULL */
    size_t arguments_least;
    size_t arguments_most;
    unsigned flags; /* COMMAND_... */
    enum command_completes completes;
    int (*run)(struct cli *cli, const struct parsed *parsed); /* gives the exit code */
};

/* The commands in the order in which to show them; NULL behind the last one. */
const struct command *command_at(size_t index);
const struct command *command_find(const char *name);

/* All options of a command: its own, then those that its flags bring. */
bool command_options(const struct command *command, struct option_list *ret);

/* The options of every command that calls a server, NULL behind the last one. */
const struct option *client_option_at(size_t index);

void help_print_program(FILE *out);
bool help_print_command(FILE *out, const struct command *command);

/* "flightkv: message" on one line; gives the exit code. */
int cli_error(const struct cli *cli, int exit_code, const char *format, ...) FKV_PRINTF(3, 4);
int cli_no_memory(const struct cli *cli);

/* Suggests the nearest one. */
int cli_unknown_command(const struct cli *cli, const char *name);

/* Says what failed; 1, or 2 for what isn't built. */
int cli_fail(const struct cli *cli, const struct fkv_error *error);

/* The same for a call about a key: 3 when there is no such key. */
int cli_fail_key(const struct cli *cli, const struct fkv_error *error);

/* Opens cli->client; on failure says so, and what to do, and gives the exit code. */
int cli_connect(struct cli *cli);

/* A key or a glob as typed (percent-escaped) to its bytes in cli->key, in place of the last one. */
enum { cli_key_bytes_max = 4096, cli_pattern_bytes_max = 65536 };
int cli_key(struct cli *cli, const char *text);
int cli_pattern(struct cli *cli, const char *text);

#endif
