/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_report.h"

#include <inttypes.h>

#include "base/text.h"
#include "cli/bench_doc.h"
#include "cli/figures.h"
#include "cli/progress.h"

const char *const bench_kind_names[bench_kinds] = {"put", "get"};

const struct bench_percentile bench_percentiles[bench_percentile_count] = {
    {"p50", "p50_us", 50},
    {"p90", "p90_us", 90},
    {"p99", "p99_us", 99},
    {"p99.9", "p99_9_us", 99.9},
};

double bench_per_second(const struct bench_result *result, uint64_t count)
{
    return result->ns > 0 ? (double)count * 1e9 / (double)result->ns : 0;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

const char *bench_title(const struct bench_options *options, char ret[bench_title_size])
{
    char keys[text_figure_size], size[text_figure_size], rows[text_figure_size];
    const struct numbers_options *shape = &options->shape;
    const struct bench_pick_options *pick = &options->pick;
    int used = snprintf(ret, bench_title_size,
                        "%s key%s of %s (%s row%s, %" PRId64 " column%s), %s, put:get %" PRIu64
                        ":%" PRIu64 ", %" PRIu64 " client%s",
                        text_count(keys, pick->keys), plural(pick->keys),
                        text_size(size, numbers_bytes(shape)),
                        text_count(rows, (uint64_t)shape->rows), plural((uint64_t)shape->rows),
                        shape->columns, plural((uint64_t)shape->columns), options->distribution,
                        pick->puts, pick->gets, options->clients, plural(options->clients));
    bool is_pipelined = options->depth > 1;
    if ((options->streams > 1 || is_pipelined) && used > 0 && used < bench_title_size)
        snprintf(ret + used, (size_t)(bench_title_size - used),
                 is_pipelined ? ", pipelines of %" PRIu64 : ", %" PRIu64 " streams",
                 is_pipelined ? options->depth : options->streams);
    return ret;
}

/* ---- for a person ---- */

static void cell(struct grid *grid, const char *text)
{
    grid_cell(grid, slice_text(text));
}

static void count_cell(struct grid *grid, double count)
{
    char text[text_figure_size];
    cell(grid, text_count(text, (uint64_t)count));
}

static void rate_cell(struct grid *grid, double bytes)
{
    char size[text_figure_size], text[text_figure_size + 2];
    snprintf(text, sizeof text, "%s/s", text_size(size, (uint64_t)bytes));
    cell(grid, text);
}

static void duration_cell(struct grid *grid, const struct histogram *histogram, double percentile)
{
    char text[text_figure_size];
    bool is_empty = histogram_count(histogram) == 0;
    cell(grid, is_empty ? "" : text_duration(text, histogram_percentile(histogram, percentile)));
}

static void add_kind(struct grid *grid, const struct bench_result *result, enum bench_kind kind,
                     bool has_rows)
{
    const struct bench_sum *sum = &result->sums[kind];
    uint64_t count = histogram_count(sum->latency);
    if (count == 0)
        return;
    grid_dim_cell(grid, slice_text(bench_kind_names[kind]));
    count_cell(grid, (double)count);
    count_cell(grid, bench_per_second(result, count));
    rate_cell(grid, bench_per_second(result, sum->bytes));
    if (has_rows)
        count_cell(grid, bench_per_second(result, sum->rows));
    for (int i = 0; i < bench_percentile_count; i++)
        duration_cell(grid, sum->latency, bench_percentiles[i].percentile);
    duration_cell(grid, sum->latency, 100);
}

/* How long gets took until their first batch was there. */
static void add_first_batch(struct grid *grid, const struct bench_result *result, int figures)
{
    if (histogram_count(result->first_batch) == 0)
        return;
    grid_dim_cell(grid, slice_text("first batch"));
    for (int i = 0; i < figures; i++)
        cell(grid, "");
    for (int i = 0; i < bench_percentile_count; i++)
        duration_cell(grid, result->first_batch, bench_percentiles[i].percentile);
    duration_cell(grid, result->first_batch, 100);
}

/* Rows give way to the percentiles on a narrow terminal. */
static bool print_grid(const struct cli *cli, const struct bench_result *result)
{
    static const char *const titles[] = {"done", "done/s", "values", "rows/s"};
    enum { with_rows_least = 90 };
    const struct grid_style style = {.width = terminal_width(cli->out, 0),
                                     .has_color = cli->has_color};
    bool has_rows = style.width == 0 || style.width >= with_rows_least;
    int figures = has_rows ? 4 : 3;
    size_t columns = (size_t)figures + bench_percentile_count + 2;
    struct grid *grid = grid_new(columns);
    for (size_t i = 1; i < columns; i++)
        grid_align_right(grid, i);
    cell(grid, "");
    for (int i = 0; i < figures; i++)
        grid_dim_cell(grid, slice_text(titles[i]));
    for (int i = 0; i < bench_percentile_count; i++)
        grid_dim_cell(grid, slice_text(bench_percentiles[i].title));
    grid_dim_cell(grid, slice_text("max"));
    for (int kind = 0; kind < bench_kinds; kind++)
        add_kind(grid, result, kind, has_rows);
    add_first_batch(grid, result, figures);
    bool is_done = grid_print(grid, &style, cli->out);
    grid_free(grid);
    return is_done;
}

static void print_costs(const struct cli *cli, const struct bench_result *result)
{
    char memory[text_figure_size], tables[text_figure_size];
    fprintf(cli->out, "CPU: %.2f s here", result->client_cpu_s);
    if (result->server.is_known)
        fprintf(cli->out,
                ", %.2f s in the server, which has %s of memory resident for %s of tables",
                result->server_cpu_s, text_size(memory, result->server.resident_bytes),
                text_size(tables, result->server.table_bytes));
    fputc('\n', cli->out);
}

static int print_pretty(const struct cli *cli, const struct bench_options *options,
                        const struct bench_result *result)
{
    char title[bench_title_size], time[text_figure_size], count[text_figure_size];
    char asked[text_figure_size];
    if (result->loaded > 0)
        fprintf(cli->out, "Loaded %s key%s in %s, ", text_count(count, result->loaded),
                plural(result->loaded), text_duration(time, result->load_ns));
    if (result->loaded > 0 && result->load_ns > 0)
        fprintf(
            cli->out, "%s a second\n",
            text_count(count, (uint64_t)((double)result->loaded * 1e9 / (double)result->load_ns)));
    fprintf(cli->out, "%s: %s%s\n\n", bench_title(options, title), text_duration(time, result->ns),
            result->is_interrupted ? ", ended early" : "");
    bool is_done = print_grid(cli, result);
    fputc('\n', cli->out);
    if (options->rate > 0)
        fprintf(cli->out, "Asked for %s operations a second, reached %s\n",
                text_count(asked, options->rate),
                text_count(count, (uint64_t)bench_per_second(result, bench_done(result))));
    if (result->misses > 0)
        fprintf(cli->out, "%s of the gets found nothing\n", text_count(count, result->misses));
    print_costs(cli, result);
    return is_done ? CLI_DONE : cli_no_memory(cli);
}

/* ---- CSV ---- */

static void print_csv_kind(FILE *out, const struct bench_options *options,
                           const struct bench_result *result, enum bench_kind kind)
{
    const struct bench_sum *sum = &result->sums[kind];
    uint64_t count = histogram_count(sum->latency);
    if (count == 0)
        return;
    fprintf(out, "%s,%" PRIu64 ",%" PRIu64 ",%.3f,%.3f,%.3f,%.3f,%.3f,%.3f", bench_kind_names[kind],
            count, kind == BENCH_GET ? result->misses : 0, (double)result->ns / 1e9,
            bench_per_second(result, count), bench_per_second(result, sum->rows),
            bench_per_second(result, sum->bytes), (double)histogram_min(sum->latency) / 1e3,
            histogram_mean(sum->latency) / 1e3);
    for (int i = 0; i < bench_percentile_count; i++) {
        uint64_t ns = histogram_percentile(sum->latency, bench_percentiles[i].percentile);
        fprintf(out, ",%.3f", (double)ns / 1e3);
    }
    fprintf(out, ",%.3f", (double)histogram_max(sum->latency) / 1e3);
    if (kind == BENCH_GET && histogram_count(result->first_batch) > 0)
        fprintf(out, ",%.3f", (double)histogram_percentile(result->first_batch, 50) / 1e3);
    else
        fputc(',', out);
    fprintf(out, ",%" PRIu64 "\n", options->depth);
}

static int print_csv(FILE *out, const struct bench_options *options,
                     const struct bench_result *result)
{
    fputs("operation,count,misses,seconds,per_s,rows_per_s,bytes_per_s,min_us,mean_us", out);
    for (int i = 0; i < bench_percentile_count; i++)
        fprintf(out, ",%s", bench_percentiles[i].name);
    fputs(",max_us,first_batch_p50_us,pipeline\n", out);
    for (int kind = 0; kind < bench_kinds; kind++)
        print_csv_kind(out, options, result, kind);
    return CLI_DONE;
}

/* ---- as asked ---- */

static int print_doc(const struct cli *cli, const struct bench_options *options,
                     const struct bench_result *result)
{
    int exit_code = CLI_DONE;
    struct doc *doc = bench_doc(options, result, cli->json);
    if (!cli->json)
        exit_code = figures_print(cli, doc);
    else if (!doc_print(doc, cli->out))
        exit_code = cli_no_memory(cli);
    doc_free(doc);
    return exit_code;
}

int bench_report(const struct cli *cli, const struct bench_options *options,
                 const struct bench_result *result)
{
    int exit_code;
    if (options->csv)
        exit_code = print_csv(cli->out, options, result);
    else if (cli->json || !cli->out_is_terminal)
        exit_code = print_doc(cli, options, result);
    else
        exit_code = print_pretty(cli, options, result);
    fflush(cli->out);
    return exit_code;
}
