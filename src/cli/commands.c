/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <string.h>

static const struct command *const commands[] = {
    &cmd_serve, &cmd_put,    &cmd_get,        &cmd_ls,   &cmd_info,     &cmd_diff,
    &cmd_rm,    &cmd_stats,  &cmd_top,        &cmd_ping, &cmd_generate, &cmd_bench,
    &cmd_demo,  &cmd_passwd, &cmd_completion, &cmd_help,
};

static const struct option server_options[] = {
    {.name = "server",
     .letter = 's',
     .argument = "URI",
     .default_value = "FLIGHTKV_SERVER, else " FKV_DEFAULT_URI,
     .help = "Call the server at URI"},
    {.name = "timeout",
     .argument = "TIME",
     .default_value = "none; 10s to connect",
     .help = "Give every call at most TIME (\"500ms\", \"30s\", \"5m\")"},
    {.name = "transport",
     .argument = "auto|shm|unix|tcp",
     .default_value = "auto",
     .help = "Get tables by shm (shared memory, on the server's host only), by the connection of a "
             "unix "
             "or tcp URI, or by auto: shm where that can be"},
    {.name = "verbose", .letter = 'v', .help = "Say at the end how tables came"},
    {.name = "user",
     .letter = 'u',
     .argument = "NAME",
     .help = "Log in as NAME, with the password in FLIGHTKV_PASSWORD or --password-file, else "
             "asked for"},
    {.name = "password-file",
     .argument = "FILE",
     .help = "Take the password from FILE's first line"},
    {0},
};

static const struct option tls_options[] = {
    {.name = "tls-ca",
     .argument = "FILE",
     .default_value = "the system's",
     .help = "Believe servers whose certificate an authority in FILE has signed",
     .group = "TLS"},
    {.name = "tls-cert",
     .argument = "FILE",
     .help = "Show the server the client certificate in FILE",
     .group = "TLS"},
    {.name = "tls-key",
     .argument = "FILE",
     .help = "Use the client certificate's key in FILE",
     .group = "TLS"},
    {.name = "tls-insecure", .help = "Believe any server", .group = "TLS"},
    {0},
};

static const struct option json_options[] = {
    {.name = "json", .help = "Print the result as JSON"},
    {0},
};

static const struct option help_options[] = {
    {.name = "help", .letter = 'h', .help = "Show this help"},
    {0},
};

const struct command *command_at(size_t index)
{
    return index < sizeof commands / sizeof commands[0] ? commands[index] : NULL;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; command_at(i) != NULL; i++) {
        if (strcmp(command_at(i)->name, name) == 0)
            return command_at(i);
    }
    return NULL;
}

const struct option *client_option_at(size_t index)
{
    enum {
        server_count = sizeof server_options / sizeof server_options[0] - 1,
        tls_count = sizeof tls_options / sizeof tls_options[0] - 1,
    };
    if (index < server_count)
        return &server_options[index];
    return index < server_count + tls_count ? &tls_options[index - server_count] : NULL;
}

static bool add_all(struct option_list *list, const struct option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        if (!option_list_add(list, options))
            return false;
    }
    return true;
}

static bool add_server_options(struct option_list *list)
{
    const struct fkv_server_option *from;
    for (size_t i = 0; (from = fkv_server_option(i)) != NULL; i++) {
        struct option option = {.name = from->name,
                                .argument = from->argument,
                                .help = from->help,
                                .default_value = from->default_value,
                                .group = from->group};
        if (!option_list_add(list, &option))
            return false;
    }
    return true;
}

bool command_options(const struct command *command, struct option_list *ret)
{
    *ret = (struct option_list){0};
    bool is_done = add_all(ret, command->options) &&
                   (!(command->flags & COMMAND_IS_SERVER) || add_server_options(ret)) &&
                   (!(command->flags & COMMAND_CALLS_SERVER) || add_all(ret, server_options)) &&
                   (!(command->flags & COMMAND_HAS_JSON) || add_all(ret, json_options)) &&
                   add_all(ret, help_options) &&
                   (!(command->flags & COMMAND_CALLS_SERVER) || add_all(ret, tls_options));
    if (!is_done)
        option_list_done(ret);
    return is_done;
}
