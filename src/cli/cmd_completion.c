/* SPDX-License-Identifier: Apache-2.0 */
/* Completion scripts, written from the command table. Keys are asked from the server. */
#include "cli/commands.h"

#include <ctype.h>
#include <string.h>

/* A blank would end a word for the shell; commands read it escaped, too. */
static const char keys_command[] =
    "flightkv ls --timeout 1s 2>/dev/null | cut -f1 | sed s/\\ /%20/g";

static const char *const shells[] = {"bash", "zsh", "fish"};

/* "ls info rm ": the commands that complete in this way. */
static void print_names(FILE *out, enum command_completes completes, bool all, const char *between)
{
    const struct command *command;
    const char *before = "";
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        if (!all && command->completes != completes)
            continue;
        fprintf(out, "%s%s", before, command->name);
        before = between;
    }
}

static bool print_options(FILE *out, const struct command *command)
{
    struct option_list list;
    if (!command_options(command, &list))
        return false;
    for (size_t i = 0; i < list.count; i++)
        fprintf(out, "%s--%s", i > 0 ? " " : "", list.items[i].name);
    option_list_done(&list);
    return true;
}

/* zsh runs the script for bash by its own bashcompinit. */
static bool print_bash(FILE *out)
{
    const struct command *command;
    fputs("_flightkv() {\n"
          "    local word=\"${COMP_WORDS[COMP_CWORD]}\" command=\"${COMP_WORDS[1]}\" words=\"\"\n"
          "    local commands=\"",
          out);
    print_names(out, COMPLETE_NOTHING, true, " ");
    fputs("\"\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        words=\"$commands\"\n"
          "    elif [ \"${word#-}\" != \"$word\" ]; then\n"
          "        case \"$command\" in\n",
          out);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        fprintf(out, "            %s) words=\"", command->name);
        if (!print_options(out, command))
            return false;
        fputs("\" ;;\n", out);
    }
    fputs("        esac\n"
          "    else\n"
          "        case \"$command:$COMP_CWORD\" in\n"
          "            ",
          out);
    print_names(out, COMPLETE_KEYS, false, ":*|");
    fputs(":*|", out);
    print_names(out, COMPLETE_KEY_THEN_FILE, false, ":2|");
    fprintf(out, ":2) words=\"$(%s)\" ;;\n            ", keys_command);
    print_names(out, COMPLETE_COMMANDS, false, ":*|");
    fputs(":*) words=\"$commands\" ;;\n"
          "            completion:*) words=\"bash zsh fish\" ;;\n"
          "        esac\n"
          "    fi\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
          "}\n"
          "complete -o bashdefault -o default -F _flightkv flightkv\n",
          out);
    return true;
}

static bool print_zsh(FILE *out)
{
    fputs("#compdef flightkv\n"
          "autoload -U +X compinit && compinit\n"
          "autoload -U +X bashcompinit && bashcompinit\n",
          out);
    return print_bash(out);
}

/* A text within single quotes for fish. */
static void print_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text != '\0'; text++)
        fprintf(out, *text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
    fputc('\'', out);
}

static bool print_fish_options(FILE *out, const struct command *command)
{
    struct option_list list;
    if (!command_options(command, &list))
        return false;
    for (size_t i = 0; i < list.count; i++) {
        const struct option *option = &list.items[i];
        fprintf(out, "complete -c flightkv -n '__fish_seen_subcommand_from %s' -l %s",
                command->name, option->name);
        if (option->letter != '\0')
            fprintf(out, " -s %c", option->letter);
        fputs(option->argument != NULL ? " -r -d " : " -d ", out);
        print_quoted(out, option->help);
        fputc('\n', out);
    }
    option_list_done(&list);
    return true;
}

static bool print_fish(FILE *out)
{
    const struct command *command;
    bool is_done = true;
    for (size_t i = 0; (command = command_at(i)) != NULL && is_done; i++) {
        fprintf(out, "complete -c flightkv -n __fish_use_subcommand -f -a %s -d ", command->name);
        print_quoted(out, command->summary);
        fputc('\n', out);
        is_done = print_fish_options(out, command);
    }
    fputs("complete -c flightkv -f -n '__fish_seen_subcommand_from ", out);
    print_names(out, COMPLETE_KEYS, false, " ");
    fprintf(out, "' -a '(%s)'\n", keys_command);
    fputs("complete -c flightkv -n '__fish_seen_subcommand_from ", out);
    print_names(out, COMPLETE_KEY_THEN_FILE, false, " ");
    fprintf(out, "' -a '(%s)'\n", keys_command);
    fputs(
        "complete -c flightkv -f -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n",
        out);
    return is_done;
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    static bool (*const print[])(FILE * out) = {print_bash, print_zsh, print_fish};
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(parsed->arguments[0], shells[i]) == 0)
            return print[i](cli->out) ? CLI_DONE : cli_no_memory(cli);
    }
    return cli_error(cli, CLI_USAGE, "there is no completion for '%s'; expected bash, zsh or fish",
                     parsed->arguments[0]);
}

const struct command cmd_completion = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .summary = "Print a script that completes commands, options and keys",
    .examples = "  eval \"$(flightkv completion bash)\"      # in ~/.bashrc\n"
                "  eval \"$(flightkv completion zsh)\"       # in ~/.zshrc\n"
                "  flightkv completion fish | source       # in ~/.config/fish/config.fish\n",
    .arguments_least = 1,
    .arguments_most = 1,
    .run = run,
};
