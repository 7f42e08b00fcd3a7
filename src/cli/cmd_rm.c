/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <string.h>

#include "base/text.h"
#include "cli/json.h"

/* What is told in the end with --json; arrays. */
struct removal {
    struct doc *removed;
    struct doc *missing;
};

static void say_removed(const struct cli *cli)
{
    struct buf shown;
    buf_init(&shown, alloc_system(), 3 * cli->key.size + 1);
    text_escape(&shown, buf_slice(&cli->key));
    fprintf(cli->out, "Removed %s\n", buf_c_text(&shown));
    buf_done(&shown);
}

/* A key that isn't there is told, and the others are still removed. */
static int remove_key(const struct cli *cli, struct removal *removal)
{
    struct fkv_error error;
    const struct buf *key = &cli->key;
    enum fkv_status status = fkv_delete(cli->client, key->data, key->size, &error);
    if (status == FKV_OK && cli->json)
        doc_append_key(removal->removed, key->data, key->size);
    else if (status == FKV_OK)
        say_removed(cli);
    if (status == FKV_NOT_FOUND && cli->json)
        doc_append_key(removal->missing, key->data, key->size);
    if (status == FKV_NOT_FOUND && memchr(key->data, '*', key->size) != NULL)
        return cli_error(cli, CLI_NO_KEY,
                         "%s; rm takes no patterns, expected keys: "
                         "\"flightkv ls --keys PATTERN | xargs -r flightkv rm\"",
                         error.message);
    return status == FKV_OK ? CLI_DONE : cli_fail_key(cli, &error);
}

static int remove_keys(struct cli *cli, const struct parsed *parsed, struct removal *removal)
{
    int worst = CLI_DONE;
    for (size_t i = 0; i < parsed->argument_count; i++) {
        int exit_code = cli_key(cli, parsed->arguments[i]);
        if (exit_code == CLI_DONE)
            exit_code = remove_key(cli, removal);
        if (exit_code != CLI_DONE)
            worst = exit_code;
        if (exit_code != CLI_DONE && exit_code != CLI_NO_KEY)
            break;
    }
    return worst;
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    int exit_code = cli_connect(cli);
    if (exit_code != CLI_DONE)
        return exit_code;
    struct removal removal = {doc_array(), doc_array()};
    exit_code = remove_keys(cli, parsed, &removal);
    struct doc *both = doc_object();
    doc_set(both, "removed", removal.removed);
    doc_set(both, "missing", removal.missing);
    if (cli->json && !doc_print(both, cli->out))
        exit_code = cli_no_memory(cli);
    doc_free(both);
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
                "  flightkv ls --keys 'tmp/*' | xargs -r flightkv rm\n",
    .arguments_least = 1,
    .arguments_most = SIZE_MAX,
    .flags = COMMAND_CALLS_SERVER | COMMAND_HAS_JSON,
    .completes = COMPLETE_KEYS,
    .run = run,
};
