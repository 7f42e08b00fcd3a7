/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/figures.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/progress.h"
#include "cli/width.h"

enum { result_bytes_max = 16 << 20 };

static bool keep_result(void *context, const void *body, size_t size)
{
    struct buf *result = context;
    return buf_append(result, body, size);
}

enum fkv_status figures_call(struct fkv_client *client, const char *action, const char *body,
                             struct doc **ret, struct fkv_error *error)
{
    struct buf result;
    buf_init(&result, alloc_system(), result_bytes_max);
    enum fkv_status status =
        fkv_action(client, action, body, strlen(body), keep_result, &result, error);
    if (status == FKV_OK && result.failed)
        status = status_set(error, FKV_RESOURCE_EXHAUSTED, "the server's answer is too long");
    else if (status == FKV_OK) {
        status = doc_parse_object(result.data, result.size, ret, error);
        if (status != FKV_OK)
            status_prefix(error, status, "the server's answer to %s is", action);
    }
    buf_done(&result);
    return status;
}

struct doc *figures_besides(const struct fkv_table_info *info)
{
    struct doc *figures = NULL;
    if (info->app_metadata_size > 0)
        doc_parse_object(info->app_metadata, info->app_metadata_size, &figures, NULL);
    return figures;
}

/* ---- values for people ---- */

static bool ends_in(const char *text, const char *ending)
{
    size_t size = strlen(text), ending_size = strlen(ending);
    return size >= ending_size && strcmp(text + size - ending_size, ending) == 0;
}

static void show_size(struct buf *out, const struct doc_member *member)
{
    char size[text_figure_size], exact[text_figure_size];
    uint64_t bytes = (uint64_t)member->integer;
    buf_text(out, text_size(size, bytes));
    if (bytes >= 1024)
        buf_printf(out, " (%s)", text_count(exact, bytes));
}

static void show_time(struct buf *out, const struct doc_member *member)
{
    char text[64];
    struct tm parts;
    time_t seconds = (time_t)member->number;
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
        buf_text(out, member->text);
    else
        buf_text(out, text);
}

static void show(struct buf *out, const struct doc_member *member)
{
    char figure[text_figure_size];
    bool is_count = member->is_integer && member->integer >= 0;
    if (is_count && ends_in(member->name, "bytes"))
        show_size(out, member);
    else if (member->is_number && member->number >= 0 && member->number < 1e9 &&
             ends_in(member->name, "_s"))
        buf_text(out, text_duration(figure, (uint64_t)(member->number * 1e9)));
    else if (member->is_number && member->number > 0 && member->number < 1e11 &&
             strcmp(member->name, "created") == 0)
        show_time(out, member);
    else if (is_count)
        buf_text(out, text_count(figure, (uint64_t)member->integer));
    else
        width_escape(out, slice_text(member->text), 0);
}

struct listing {
    struct grid *grid;
    struct buf text;
    FILE *out;
};

static void add_row(void *context, const struct doc_member *member)
{
    struct listing *listing = context;
    buf_clear(&listing->text);
    width_escape(&listing->text, slice_text(member->name), 0);
    grid_dim_cell(listing->grid, buf_slice(&listing->text));
    buf_clear(&listing->text);
    show(&listing->text, member);
    grid_cell(listing->grid, buf_slice(&listing->text));
}

static void print_line(void *context, const struct doc_member *member)
{
    struct listing *listing = context;
    buf_clear(&listing->text);
    width_escape(&listing->text, slice_text(member->name), 0);
    buf_byte(&listing->text, '\t');
    width_escape(&listing->text, slice_text(member->text), 0);
    fprintf(listing->out, "%s\n", buf_c_text(&listing->text));
}

int figures_print(const struct cli *cli, const struct doc *doc)
{
    struct listing listing = {.out = cli->out};
    bool is_done = true;
    buf_init(&listing.text, alloc_system(), 2 * result_bytes_max);
    if (cli->out_is_terminal) {
        struct grid_style style = {.has_color = cli->has_color};
        listing.grid = grid_new(2);
        doc_each(doc, add_row, &listing);
        is_done = grid_print(listing.grid, &style, cli->out);
        grid_free(listing.grid);
    } else {
        doc_each(doc, print_line, &listing);
    }
    is_done = is_done && !listing.text.failed;
    buf_done(&listing.text);
    return is_done ? CLI_DONE : cli_no_memory(cli);
}
