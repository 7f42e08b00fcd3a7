/* SPDX-License-Identifier: Apache-2.0 */
/* The help, made from the command table, so that it can't differ from what is parsed. */
#include "cli/cli.h"

#include <string.h>

enum { name_column = 26, line_width = 100 };

void help_print_program(FILE *out)
{
    fputs("flightkv keeps Arrow tables in memory under keys and hands them out over Arrow Flight.\n"
          "\n"
          "Usage: flightkv COMMAND [ARGUMENT...] [OPTION...]\n"
          "\n"
          "Commands:\n",
          out);
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        char usage[64];
        snprintf(usage, sizeof usage, "%s %s", command->name, command->arguments);
        fprintf(out, "  %-*s %s\n", name_column, usage, command->summary);
    }
    fputs("\n"
          "A first minute:\n"
          "  flightkv serve &\n"
          "  flightkv generate --size 64MiB -o numbers.parquet\n"
          "  flightkv put numbers numbers.parquet\n"
          "  flightkv get numbers\n"
          "\n"
          "\"flightkv help COMMAND\" says more about each; \"flightkv --version\" gives the "
          "version.\n"
          "Defaults of --server, --user and the like can stand in ~/.config/flightkv/config, as\n"
          "lines of \"server = URI\".\n"
          "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such key, 130 ended by Ctrl-C.\n",
          out);
}

/* Breaks `text` at blanks so that lines end before line_width; they begin at `indent`. */
static void print_wrapped(FILE *out, const char *text, size_t indent)
{
    size_t column = indent;
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column > indent && column + 1 + word > line_width) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, word, out);
        column += word;
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct option *option)
{
    char name[64], letter[8] = "    ";
    if (option->letter != '\0')
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    int size = snprintf(name, sizeof name, "%s--%s%s%s", letter, option->name,
                        option->argument != NULL ? " " : "",
                        option->argument != NULL ? option->argument : "");
    if (size > name_column)
        fprintf(out, "  %s\n  %*s ", name, name_column, "");
    else
        fprintf(out, "  %-*s ", name_column, name);
    char help[512];
    if (option->default_value != NULL && option->argument != NULL)
        snprintf(help, sizeof help, "%s (default: %s)", option->help, option->default_value);
    else
        snprintf(help, sizeof help, "%s", option->help);
    print_wrapped(out, help, name_column + 3);
}

static void print_options(FILE *out, const struct option_list *list)
{
    const char *group = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const struct option *option = &list->items[i];
        const char *next = option->group != NULL ? option->group : "Options";
        if (group == NULL || strcmp(group, next) != 0)
            fprintf(out, "\n%s:\n", next);
        group = next;
        print_option(out, option);
    }
}

bool help_print_command(FILE *out, const struct command *command)
{
    struct option_list list;
    if (!command_options(command, &list))
        return false;
    fprintf(out, "Usage: flightkv %s%s%s [OPTION...]\n\n%s.\n", command->name,
            *command->arguments != '\0' ? " " : "", command->arguments, command->summary);
    if (command->details != NULL)
        fprintf(out, "\n%s", command->details);
    print_options(out, &list);
    fprintf(out, "\nExamples:\n%s", command->examples);
    option_list_done(&list);
    return true;
}
