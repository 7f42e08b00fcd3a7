/* SPDX-License-Identifier: Apache-2.0 */
/* The help, made from the command table, so that it can't differ from what is parsed. */
#include "cli/cli.h"

#include <string.h>

#include "cli/progress.h"

/* Names stand in a column of their own where there is room for it, else on lines of their own. */
enum { name_column = 26, name_column_least = 70, narrow_indent = 8 };

struct page {
    FILE *out;
    size_t width;  /* of a line */
    size_t indent; /* of what is said of a name */
};

static struct page page_of(FILE *out)
{
    enum { usual = 80, least = 30, most = 100 };
    size_t width = terminal_width(out, usual);
    width = width < least ? least : width > most ? most : width;
    return (struct page){out, width, width < name_column_least ? narrow_indent : name_column + 3};
}

/* One paragraph, up to an empty line or the end, broken at blanks; lines but the first begin at
 * `indent`, where the first is, too. Gives what is behind it. */
static const char *print_wrapped(const struct page *page, const char *text, size_t indent)
{
    size_t column = indent;
    while (*text != '\0' && *text != '\n') {
        size_t word = strcspn(text, " \n");
        if (column > indent && column + 1 + word > page->width) {
            fprintf(page->out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', page->out);
            column++;
        }
        fwrite(text, 1, word, page->out);
        column += word;
        text += word;
        text += *text == '\n' ? 1 : strspn(text, " ");
    }
    fputc('\n', page->out);
    return text;
}

static void print_paragraphs(const struct page *page, const char *text)
{
    while (*text != '\0') {
        text = print_wrapped(page, text, 0);
        if (*text == '\n') {
            fputc('\n', page->out);
            text++;
        }
    }
}

/* A name, and what is said of it. */
static void print_entry(const struct page *page, const char *name, const char *text)
{
    int room = (int)page->indent - 3;
    if ((int)strlen(name) > room)
        fprintf(page->out, "  %s\n  %*s ", name, room, "");
    else
        fprintf(page->out, "  %-*s ", room, name);
    print_wrapped(page, text, page->indent);
}

void help_print_program(FILE *out)
{
    const struct page page = page_of(out);
    print_paragraphs(&page,
                     "flightkv keeps Arrow tables in memory under keys, served over Arrow Flight.\n"
                     "\n"
                     "Usage: flightkv COMMAND [ARGUMENT...] [OPTION...]\n"
                     "\n"
                     "Commands:\n");
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        char usage[64];
        snprintf(usage, sizeof usage, "%s %s", command->name, command->arguments);
        print_entry(&page, usage, command->summary);
    }
    fputs("\n"
          "A first minute:\n"
          "  flightkv serve &\n"
          "  flightkv generate --size 64MiB -o numbers.parquet\n"
          "  flightkv put numbers numbers.parquet\n"
          "  flightkv get numbers\n"
          "\n",
          out);
    print_paragraphs(
        &page, "\"flightkv help COMMAND\" says more about each; \"flightkv --version\" gives the "
               "version.\n"
               "\n"
               "Defaults of --server, --user and the like can stand in "
               "~/.config/flightkv/config, as lines of \"server = URI\".\n"
               "\n"
               "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such key, 130 ended by "
               "Ctrl-C.\n");
}

static void print_option(const struct page *page, const struct option *option)
{
    char name[64], letter[8] = "    ";
    if (option->letter != '\0')
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(name, sizeof name, "%s--%s%s%s", letter, option->name,
             option->argument != NULL ? " " : "", option->argument != NULL ? option->argument : "");
    char help[512];
    if (option->default_value != NULL && option->argument != NULL)
        snprintf(help, sizeof help, "%s (default: %s)", option->help, option->default_value);
    else
        snprintf(help, sizeof help, "%s", option->help);
    print_entry(page, name, help);
}

static void print_options(const struct page *page, const struct option_list *list)
{
    const char *group = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const struct option *option = &list->items[i];
        const char *next = option->group != NULL ? option->group : "Options";
        if (group == NULL || strcmp(group, next) != 0)
            fprintf(page->out, "\n%s:\n", next);
        group = next;
        print_option(page, option);
    }
}

bool help_print_command(FILE *out, const struct command *command)
{
    const struct page page = page_of(out);
    struct option_list list;
    if (!command_options(command, &list))
        return false;
    fprintf(out, "Usage: flightkv %s%s%s [OPTION...]\n\n%s.\n", command->name,
            *command->arguments != '\0' ? " " : "", command->arguments, command->summary);
    if (command->details != NULL) {
        fputc('\n', out);
        print_paragraphs(&page, command->details);
    }
    print_options(&page, &list);
    fprintf(out, "\nExamples:\n%s", command->examples);
    option_list_done(&list);
    return true;
}
