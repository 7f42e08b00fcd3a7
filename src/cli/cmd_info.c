/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include "base/buf.h"
#include "base/text.h"
#include "cli/figures.h"
#include "cli/progress.h"
#include "cli/type_text.h"
#include "cli/width.h"

enum { cell_bytes_max = 1 << 20 };

/* What Flight itself knows of the table, and what the server adds. */
static struct doc *figures_of(const struct fkv_table_info *info)
{
    struct doc *doc = doc_object(), *more = figures_besides(info);
    doc_set_key(doc, info->key, info->key_size);
    doc_set_count(doc, "rows", (uint64_t)info->rows);
    doc_set_count(doc, "columns", (uint64_t)info->schema.n_children);
    doc_set_count(doc, "bytes", (uint64_t)info->bytes);
    doc_merge(doc, more);
    doc_free(more);
    return doc;
}

static struct slice name_of(const struct ArrowSchema *column)
{
    return slice_text(column->name != NULL ? column->name : "");
}

static void write_type(struct buf *text, const struct ArrowSchema *column)
{
    type_text(text, column);
    if (!(column->flags & ARROW_FLAG_NULLABLE))
        buf_text(text, " not null");
}

static struct doc *schema_doc(const struct ArrowSchema *schema)
{
    struct doc *array = doc_array();
    struct buf text;
    buf_init(&text, alloc_system(), cell_bytes_max);
    for (int64_t i = 0; i < schema->n_children; i++) {
        const struct ArrowSchema *column = schema->children[i];
        struct doc *object = doc_object();
        buf_clear(&text);
        type_text(&text, column);
        doc_set_text(object, "name", column->name != NULL ? column->name : "");
        doc_set_text(object, "type", buf_c_text(&text));
        doc_set_bool(object, "nullable", column->flags & ARROW_FLAG_NULLABLE);
        doc_append(array, object);
    }
    buf_done(&text);
    return array;
}

static void print_columns_plain(const struct cli *cli, const struct ArrowSchema *schema)
{
    struct buf line;
    buf_init(&line, alloc_system(), cell_bytes_max);
    for (int64_t i = 0; i < schema->n_children; i++) {
        buf_clear(&line);
        width_escape(&line, name_of(schema->children[i]), 0);
        buf_byte(&line, '\t');
        write_type(&line, schema->children[i]);
        fprintf(cli->out, "column\t%s\n", buf_c_text(&line));
    }
    buf_done(&line);
}

static bool print_columns_pretty(const struct cli *cli, const struct ArrowSchema *schema)
{
    struct grid *grid = grid_new(2);
    struct buf text;
    buf_init(&text, alloc_system(), cell_bytes_max);
    for (int64_t i = 0; i < schema->n_children; i++) {
        buf_clear(&text);
        width_escape(&text, name_of(schema->children[i]), 0);
        grid_cell(grid, buf_slice(&text));
        buf_clear(&text);
        write_type(&text, schema->children[i]);
        grid_cell(grid, buf_slice(&text));
    }
    struct grid_style style = {.width = terminal_width(cli->out, 0), .has_color = cli->has_color};
    fputs(schema->n_children > 0 ? "\n" : "", cli->out);
    bool is_done = grid_print(grid, &style, cli->out);
    buf_done(&text);
    grid_free(grid);
    return is_done;
}

static int print(const struct cli *cli, struct doc *figures, const struct ArrowSchema *schema)
{
    bool is_done = true;
    int exit_code = CLI_DONE;
    if (cli->json) {
        doc_set(figures, "schema", schema_doc(schema));
        is_done = doc_print(figures, cli->out);
    } else {
        exit_code = figures_print(cli, figures);
        if (cli->out_is_terminal)
            is_done = print_columns_pretty(cli, schema);
        else
            print_columns_plain(cli, schema);
    }
    return is_done ? exit_code : cli_no_memory(cli);
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    struct fkv_error error;
    struct fkv_table_info info;
    int exit_code = cli_key(cli, parsed->arguments[0]);
    if (exit_code == CLI_DONE)
        exit_code = cli_connect(cli);
    if (exit_code != CLI_DONE)
        return exit_code;
    if (fkv_info(cli->client, cli->key.data, cli->key.size, &info, &error) != FKV_OK)
        return cli_fail_key(cli, &error);
    struct doc *figures = figures_of(&info);
    exit_code = print(cli, figures, &info.schema);
    doc_free(figures);
    fkv_table_info_done(&info);
    return exit_code;
}

const struct command cmd_info = {
    .name = "info",
    .arguments = "KEY",
    .summary = "Show a table's figures and its schema",
    .details = "Into a pipe, a line is name and value with a tab between; columns come last, as\n"
               "\"column\", name and type.\n",
    .examples = "  flightkv info prices\n"
                "  flightkv info prices --json\n",
    .arguments_least = 1,
    .arguments_most = 1,
    .flags = COMMAND_CALLS_SERVER | COMMAND_HAS_JSON,
    .completes = COMPLETE_KEYS,
    .run = run,
};
