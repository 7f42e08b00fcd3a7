/* SPDX-License-Identifier: Apache-2.0 */
/* Completion scripts, written from the command table. Keys are asked from the server. */
#include "cli/commands.h"

#include <ctype.h>
#include <string.h>

/* What comes of it has nothing that a shell would expand, whoever chose the keys. */
static const char keys_command[] = "flightkv ls --keys --timeout 1s 2>/dev/null";

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

static bool is_path(const struct option *option)
{
    return option->argument != NULL &&
           (strcmp(option->argument, "FILE") == 0 || strcmp(option->argument, "DIR") == 0 ||
            strstr(option->argument, "|FOLDER") != NULL);
}

/* "auto shm unix tcp" */
static void print_words(FILE *out, const struct option *option)
{
    struct slice word;
    for (size_t i = 0; (word = option_word(option, i)).size > 0; i++)
        fprintf(out, "%s%.*s", i > 0 ? " " : "", (int)word.size, (const char *)word.data);
}

/* A line of bash's case for each option whose values are known. */
static bool print_word_cases(FILE *out, const struct command *command)
{
    struct option_list list;
    if (!command_options(command, &list))
        return false;
    for (size_t i = 0; i < list.count; i++) {
        const struct option *option = &list.items[i];
        if (option_word(option, 0).size == 0)
            continue;
        fprintf(out, "        '%s --%s'", command->name, option->name);
        if (option->letter != '\0')
            fprintf(out, "|'%s -%c'", command->name, option->letter);
        fputs(") words=\"", out);
        print_words(out, option);
        fputs("\" ;;\n", out);
    }
    option_list_done(&list);
    return true;
}

/* "--output|-o|": the options of all commands that are followed by a path. */
static void print_path_options(FILE *out)
{
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        const struct option *option = command->options;
        for (; option != NULL && option->name != NULL; option++) {
            if (is_path(option) && option_word(option, 0).size == 0)
                fprintf(out, "--%s|", option->name);
            if (is_path(option) && option->letter != '\0')
                fprintf(out, "-%c|", option->letter);
        }
    }
}

/* Where nothing is offered, names of files are. zsh runs the script by its own bashcompinit. bash
 * makes three words of "--format=csv". */
static bool print_bash(FILE *out)
{
    const struct command *command;
    fputs("_flightkv() {\n"
          "    local word=\"${COMP_WORDS[COMP_CWORD]}\" command=\"${COMP_WORDS[1]}\" words=\"\"\n"
          "    local before=\"${COMP_WORDS[COMP_CWORD - 1]}\"\n"
          "    local commands=\"",
          out);
    print_names(out, COMPLETE_NOTHING, true, " ");
    fputs("\"\n"
          "    COMPREPLY=()\n"
          "    [ \"$before\" != = ] || before=\"${COMP_WORDS[COMP_CWORD - 2]}\"\n"
          "    [ \"$word\" != = ] || word=\"\"\n"
          "    case \"$before\" in\n"
          "        ",
          out);
    print_path_options(out);
    fputs("'>') return ;;\n"
          "    esac\n"
          "    case \"$command $before\" in\n",
          out);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        if (!print_word_cases(out, command))
            return false;
    }
    fputs("    esac\n"
          "    if [ -n \"$words\" ]; then\n"
          "        :\n"
          "    elif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
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
    print_names(out, COMPLETE_KEYS_AND_FILES, false, ":*|");
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
          "(( $+functions[compdef] )) || { autoload -U +X compinit && compinit; }\n"
          "autoload -U +X bashcompinit && bashcompinit\n",
          out);
    if (!print_bash(out))
        return false;
    /* As a file in fpath it is the first completion's own function, which has to answer, too. */
    fputs("[[ ${funcstack[1]} != _flightkv ]] ||\n"
          "    _bash_complete -o bashdefault -o default -F _flightkv flightkv\n",
          out);
    return true;
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
        fprintf(out, "complete -c flightkv -n '__flightkv_in %s' -l %s", command->name,
                option->name);
        if (option->letter != '\0')
            fprintf(out, " -s %c", option->letter);
        if (option_word(option, 0).size > 0) {
            fputs(" -a '", out);
            print_words(out, option);
            fputc('\'', out);
        }
        fputs(is_path(option) ? " -r -F -d " : option->argument != NULL ? " -x -d " : " -d ", out);
        print_quoted(out, option->help);
        fputc('\n', out);
    }
    option_list_done(&list);
    return true;
}

/* One rule for the arguments of all commands that complete in one way. */
static void print_fish_rule(FILE *out, const char *condition, enum command_completes completes,
                            const char *rule)
{
    fprintf(out, "complete -c flightkv -n '%s ", condition);
    print_names(out, completes, false, " ");
    fprintf(out, "' %s\n", rule);
}

/* The command is the second word; a key may have a command's name. */
static const char fish_conditions[] =
    "function __flightkv_in\n"
    "    set -l words (commandline -opc)\n"
    "    set -q words[2]; and contains -- $words[2] $argv\n"
    "end\n"
    "function __flightkv_first_in\n"
    "    test (count (commandline -opc)) -eq 2; and __flightkv_in $argv\n"
    "end\n"
    "function __flightkv_later_in\n"
    "    test (count (commandline -opc)) -gt 2; and __flightkv_in $argv\n"
    "end\n"
    "complete -c flightkv -f\n";

static bool print_fish(FILE *out)
{
    const struct command *command;
    bool is_done = true;
    char keys[sizeof keys_command + sizeof "-a '()'"];
    snprintf(keys, sizeof keys, "-a '(%s)'", keys_command);
    fputs(fish_conditions, out);
    for (size_t i = 0; (command = command_at(i)) != NULL && is_done; i++) {
        fprintf(out, "complete -c flightkv -n __fish_use_subcommand -a %s -d ", command->name);
        print_quoted(out, command->summary);
        fputc('\n', out);
        is_done = print_fish_options(out, command);
    }
    print_fish_rule(out, "__flightkv_in", COMPLETE_KEYS, keys);
    print_fish_rule(out, "__flightkv_in", COMPLETE_KEYS_AND_FILES, keys);
    print_fish_rule(out, "__flightkv_in", COMPLETE_KEYS_AND_FILES, "-F");
    print_fish_rule(out, "__flightkv_first_in", COMPLETE_KEY_THEN_FILE, keys);
    print_fish_rule(out, "__flightkv_later_in", COMPLETE_KEY_THEN_FILE, "-F");
    print_fish_rule(out, "__flightkv_in", COMPLETE_FILE, "-F");
    fputs("complete -c flightkv -n '__flightkv_first_in ", out);
    print_names(out, COMPLETE_COMMANDS, false, " ");
    fputs("' -a '", out);
    print_names(out, COMPLETE_NOTHING, true, " ");
    fputs("'\n"
          "complete -c flightkv -n '__flightkv_first_in completion' -a 'bash zsh fish'\n",
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
    .summary = "Print a script for the shell's completion",
    .examples = "  eval \"$(flightkv completion bash)\"      # in ~/.bashrc\n"
                "  eval \"$(flightkv completion zsh)\"       # in ~/.zshrc\n"
                "  flightkv completion fish | source       # in ~/.config/fish/config.fish\n",
    .arguments_least = 1,
    .arguments_most = 1,
    .run = run,
};
