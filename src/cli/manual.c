/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/manual.h"

#include <string.h>

/* A dash is a minus, or else terminals get another character; a backslash, and a dot or quote that
 * begins a line, would be read as orders. */
static void print_text(FILE *out, const char *text, size_t size)
{
    bool begins_line = true;
    for (size_t i = 0; i < size; i++) {
        if (begins_line && (text[i] == '.' || text[i] == '\''))
            fputs("\\&", out);
        begins_line = text[i] == '\n';
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else
            fputc(text[i], out);
    }
}

/* Within quotes, for an argument of a macro. */
static void print_quoted(FILE *out, const char *macro, const char *text)
{
    fprintf(out, "%s \"", macro);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputs("\\(dq", out);
        else
            print_text(out, text, 1);
    }
    fputs("\"\n", out);
}

/* Paragraphs, with empty lines between. */
static void print_paragraphs(FILE *out, const char *text)
{
    fputs(".PP\n", out);
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        if (size == 0)
            fputs(".PP\n", out);
        else
            print_text(out, text, size);
        if (size > 0)
            fputc('\n', out);
        text += size + (text[size] == '\n');
    }
}

/* As it stands, line for line. */
static void print_examples(FILE *out, const char *text)
{
    fputs(".PP\nExamples:\n.PP\n.nf\n.RS 2\n", out);
    print_text(out, text, strlen(text));
    fputs(".RE\n.fi\n", out);
}

static void print_option(FILE *out, const struct option *option)
{
    fputs(".TP\n", out);
    if (option->letter != '\0')
        fprintf(out, "\\fB\\-%c\\fR, ", option->letter);
    fputs("\\fB\\-\\-", out);
    print_text(out, option->name, strlen(option->name));
    fputs("\\fR", out);
    if (option->argument != NULL) {
        fputs(" \\fI", out);
        print_text(out, option->argument, strlen(option->argument));
        fputs("\\fR", out);
    }
    fputc('\n', out);
    print_text(out, option->help, strlen(option->help));
    if (option->default_value != NULL && option->argument != NULL) {
        fputs(" (default: ", out);
        print_text(out, option->default_value, strlen(option->default_value));
        fputc(')', out);
    }
    fputs(".\n", out);
}

static bool is_client_option(const struct option *option)
{
    const struct option *client;
    for (size_t i = 0; (client = client_option_at(i)) != NULL; i++) {
        if (strcmp(client->name, option->name) == 0)
            return true;
    }
    return false;
}

/* A command's own options; those that all clients have come once, at the end. */
static bool print_command(FILE *out, const struct command *command)
{
    struct option_list list;
    char usage[128];
    if (!command_options(command, &list))
        return false;
    snprintf(usage, sizeof usage, "%s%s%s", command->name, *command->arguments != '\0' ? " " : "",
             command->arguments);
    print_quoted(out, ".SS", usage);
    print_text(out, command->summary, strlen(command->summary));
    fputs(".\n", out);
    if (command->details != NULL)
        print_paragraphs(out, command->details);
    bool calls_server = command->flags & COMMAND_CALLS_SERVER;
    for (size_t i = 0; i < list.count; i++) {
        const struct option *option = &list.items[i];
        if (strcmp(option->name, "help") != 0 && !(calls_server && is_client_option(option)))
            print_option(out, option);
    }
    print_examples(out, command->examples);
    option_list_done(&list);
    return true;
}

static void print_end(FILE *out)
{
    const struct option *option;
    fputs(".SH CLIENT OPTIONS\n"
          "Every command that calls a server has these.\n",
          out);
    for (size_t i = 0; (option = client_option_at(i)) != NULL; i++)
        print_option(out, option);
    fputs(".SH ENVIRONMENT\n"
          ".TP\n\\fBFLIGHTKV_SERVER\\fR\nThe server to call, where \\-\\-server isn't said.\n"
          ".TP\n\\fBFLIGHTKV_PASSWORD\\fR\nThe password of \\-\\-user.\n"
          ".TP\n\\fBFLIGHTKV_FORMATS\\fR, \\fBFLIGHTKV_ARROW_DIR\\fR\n"
          "The module for Parquet, CSV and JSON, and the folder of Arrow's libraries.\n"
          ".TP\n\\fBNO_COLOR\\fR\nNo colors on a terminal.\n"
          ".SH FILES\n"
          ".TP\n\\fI$XDG_CONFIG_HOME/flightkv/config\\fR, \\fI~/.config/flightkv/config\\fR\n"
          "Defaults of the client options, as lines of \"name = value\" by their long names;\n"
          "a switch is yes or no. The command line goes before the environment, and that before\n"
          "the file. Files that it names are looked for beside it.\n"
          ".SH EXIT STATUS\n"
          "0 done, 1 failed, 2 wrong usage, 3 no such key, 130 ended by Ctrl\\-C (128 and the "
          "number of\n"
          "the signal).\n",
          out);
}

bool manual_print(FILE *out)
{
    const struct command *command;
    bool is_done = true;
    fprintf(out,
            ".TH FLIGHTKV 1 \"\" \"flightkv %s\" \"User Commands\"\n"
            ".SH NAME\n"
            "flightkv \\- keep Arrow tables in memory under keys, served over Arrow Flight\n"
            ".SH SYNOPSIS\n"
            ".B flightkv\n"
            ".I COMMAND\n"
            "[\\fIARGUMENT\\fR...] [\\fIOPTION\\fR...]\n"
            ".SH DESCRIPTION\n"
            "A server keeps tables; any Arrow Flight client, and the commands below, put them\n"
            "there and get them back.\n"
            ".SH COMMANDS\n",
            fkv_version());
    for (size_t i = 0; (command = command_at(i)) != NULL && is_done; i++)
        is_done = print_command(out, command);
    print_end(out);
    return is_done;
}
