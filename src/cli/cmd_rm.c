/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include "base/buf.h"
#include "base/text.h"
#include "cli/json.h"

struct removal {
    const struct cli *cli;
    struct fkv_client *client;
    struct doc *removed; /* arrays, with --json only */
    struct doc *missing;
};

static void say_removed(const struct cli *cli, struct slice key)
{
    struct buf shown;
    buf_init(&shown, alloc_system(), 3 * key.size + 1);
    text_escape(&shown, key);
    fprintf(cli->out, "Removed %s\n", buf_c_text(&shown));
    buf_done(&shown);
}

/* A key that isn't there is told, and the others are still removed. */
static int remove_key(struct removal *removal, struct slice key)
{
    struct fkv_error error;
    enum fkv_status status = fkv_delete(removal->client, key.data, key.size, &error);
    if (status == FKV_OK && removal->cli->json)
        doc_append_key(removal->removed, key.data, key.size);
    else if (status == FKV_OK)
        say_removed(removal->cli, key);
    if (status == FKV_NOT_FOUND && removal->cli->json)
        doc_append_key(removal->missing, key.data, key.size);
    return status == FKV_OK ? CLI_DONE : cli_fail_key(removal->cli, &error);
}

static int remove_keys(struct removal *removal, const struct parsed *parsed)
{
    int worst = CLI_DONE;
    struct buf key;
    buf_init(&key, alloc_system(), cli_key_bytes_max);
    for (size_t i = 0; i < parsed->argument_count; i++) {
        buf_clear(&key);
        int exit_code = cli_key(removal->cli, parsed->arguments[i], &key);
        if (exit_code == CLI_DONE)
            exit_code = remove_key(removal, buf_slice(&key));
        if (exit_code != CLI_DONE)
            worst = exit_code;
        if (exit_code != CLI_DONE && exit_code != CLI_NO_KEY)
            break;
    }
    buf_done(&key);
    return worst;
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    struct removal removal = {.cli = cli};
    int exit_code = cli_connect(cli, &removal.client);
    if (exit_code != CLI_DONE)
        return exit_code;
    removal.removed = doc_array();
    removal.missing = doc_array();
    exit_code = remove_keys(&removal, parsed);
    struct doc *both = doc_object();
    doc_set(both, "removed", removal.removed);
    doc_set(both, "missing", removal.missing);
    if (cli->json && !doc_print(both, cli->out))
        exit_code = cli_no_memory(cli);
    doc_free(both);
    fkv_client_close(removal.client);
    return exit_code;
}

const struct command cmd_rm = {
    .name = "rm",
    .arguments = "KEY...",
    .summary = "Remove keys and their tables",
    .details =
        "Removes every KEY that is there; the exit code is 3 if one wasn't. Who is reading a\n"
        "table at the moment gets all of it.\n",
    .examples = "  flightkv rm prices\n"
                "  flightkv rm prices/2023 prices/2024\n"
                "  flightkv ls 'tmp/*' | cut -f1 | xargs flightkv rm\n",
    .arguments_least = 1,
    .arguments_most = SIZE_MAX,
    .flags = COMMAND_CALLS_SERVER | COMMAND_HAS_JSON,
    .completes = COMPLETE_KEYS,
    .run = run,
};
