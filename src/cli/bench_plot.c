/* SPDX-License-Identifier: Apache-2.0 */
/* Two panels, one below the other:
 *
 *     latency (log)                     operations a second
 *     |            __/                  |  _   _____   __
 *     |      _____/                     | / \_/     \_/
 *     +-----------------                +------------------
 *      0 %  90 %  99 %  99.9 %           0          time
 *
 * Percentiles are spaced by how seldom they are exceeded, as HdrHistogram's plots have it: the tail
 * is what the picture is about. */
#include "cli/bench_plot.h"

#include <math.h>

#include "base/text.h"
#include "cli/bench_report.h"

enum {
    picture_width = 860,
    picture_height = 700,
    panel_left = 90,
    panel_width = 720,
    panel_height = 240,
    panel_tops = 80, /* of the first */
    panel_apart = 330,
    nines_max = 7,
};

static const char *const colors[bench_kinds] = {"#2f6fb0", "#e0892b"};
static const char ink[] = "#222222", faint[] = "#666666", lines[] = "#dddddd";

/* What part of the plane a panel shows, and where. */
struct panel {
    FILE *out;
    double top;
    double x_most;
    double y_least, y_most;
};

static double x_of(const struct panel *panel, double x)
{
    return panel_left + panel_width * x / panel->x_most;
}

static double y_of(const struct panel *panel, double y)
{
    double share = (y - panel->y_least) / (panel->y_most - panel->y_least);
    return panel->top + panel_height * (1 - share);
}

static void draw_text(FILE *out, double x, double y, const char *anchor, const char *color,
                      const char *text)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\">%s</text>\n", x, y,
            anchor, color, text);
}

static void draw_line(FILE *out, double x1, double y1, double x2, double y2)
{
    fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x1, y1,
            x2, y2, lines);
}

static void draw_y_mark(const struct panel *panel, double y, const char *label)
{
    double at = y_of(panel, y);
    draw_line(panel->out, panel_left, at, panel_left + panel_width, at);
    draw_text(panel->out, panel_left - 8, at + 4, "end", faint, label);
}

static void draw_x_mark(const struct panel *panel, double x, const char *label)
{
    double at = x_of(panel, x), bottom = panel->top + panel_height;
    draw_line(panel->out, at, panel->top, at, bottom);
    draw_text(panel->out, at, bottom + 18, "middle", faint, label);
}

static void begin_curve(const struct panel *panel, const char *color)
{
    fprintf(panel->out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\" points=\"",
            color);
}

static void add_to_curve(const struct panel *panel, double x, double y)
{
    fprintf(panel->out, "%.1f,%.1f ", x_of(panel, x), y_of(panel, y));
}

static void end_curve(const struct panel *panel)
{
    fputs("\"/>\n", panel->out);
}

/* ---- latency ---- */

/* How many nines a percentile has. */
static double nines(double percentile)
{
    return percentile < 100 ? log10(100 / (100 - percentile)) : INFINITY;
}

static double log_of(uint64_t ns)
{
    return log10((double)(ns > 0 ? ns : 1));
}

/* From a decade to a decade, and percentiles as far as there are values beyond them. */
static struct panel latency_panel(const struct bench_result *result, FILE *out)
{
    struct panel panel = {.out = out, .top = panel_tops, .x_most = 1, .y_least = INFINITY};
    for (int kind = 0; kind < bench_kinds; kind++) {
        const struct histogram *histogram = result->sums[kind].latency;
        uint64_t count = histogram_count(histogram);
        if (count == 0)
            continue;
        panel.x_most = fmax(panel.x_most, log10((double)count));
        panel.y_least = fmin(panel.y_least, floor(log_of(histogram_min(histogram))));
        panel.y_most = fmax(panel.y_most, ceil(log_of(histogram_max(histogram))));
    }
    panel.x_most = fmin(panel.x_most, nines_max);
    if (!(panel.y_most > panel.y_least))
        panel.y_most = (isfinite(panel.y_least) ? panel.y_least : (panel.y_least = 3)) + 1;
    return panel;
}

static void draw_latency_axes(const struct panel *panel)
{
    char label[text_figure_size];
    for (int i = 0; i <= (int)panel->x_most; i++) {
        double percentile = 100 - 100 * pow(10, -i);
        snprintf(label, sizeof label, "%.*f %%", i > 2 ? i - 2 : 0, percentile);
        draw_x_mark(panel, i, label);
    }
    static const int digits[] = {1, 2, 5};
    int marks = panel->y_most - panel->y_least < 3 ? 3 : 1; /* of a decade */
    for (int decade = (int)panel->y_least; decade <= (int)panel->y_most; decade++) {
        for (int i = 0; i < marks; i++) {
            double y = decade + log10(digits[i]);
            if (y <= panel->y_most + 1e-9)
                draw_y_mark(panel, y, text_duration(label, (uint64_t)(pow(10, y) + 0.5)));
        }
    }
}

static void add_point(void *context, const struct histogram_point *point)
{
    const struct panel *panel = context;
    add_to_curve(panel, fmin(nines(point->percentile), panel->x_most), log_of(point->value));
}

static void draw_latency(const struct bench_result *result, FILE *out)
{
    struct panel panel = latency_panel(result, out);
    draw_text(out, panel_left, panel.top - 12, "start", ink,
              "Latency: this share of the operations took at most this long");
    draw_latency_axes(&panel);
    for (int kind = 0; kind < bench_kinds; kind++) {
        const struct histogram *histogram = result->sums[kind].latency;
        double x = panel_left + panel_width - 110 + 60.0 * kind;
        if (histogram_count(histogram) == 0)
            continue;
        begin_curve(&panel, colors[kind]);
        histogram_walk(histogram, add_point, &panel);
        end_curve(&panel);
        fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\" fill=\"%s\"/>\n", x,
                panel.top - 22, colors[kind]);
        draw_text(out, x + 17, panel.top - 12, "start", ink, bench_kind_names[kind]);
    }
}

/* ---- throughput ---- */

double bench_plot_step(double most)
{
    double power = pow(10, floor(log10(most)) - 1);
    static const double factors[] = {1, 2, 5, 10, 20, 50};
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
        if (most / (power * factors[i]) <= 10)
            return power * factors[i];
    }
    return power * 100;
}

/* Between a sample and the one before. */
static double rate_at(const struct bench_samples *samples, size_t i)
{
    const struct bench_sample *now = &samples->items[i], *before = &samples->items[i - 1];
    double seconds = now->seconds - before->seconds;
    return seconds > 0 ? (double)(now->operations - before->operations) / seconds : 0;
}

static struct panel throughput_panel(const struct bench_samples *samples, FILE *out)
{
    struct panel panel = {.out = out, .top = panel_tops + panel_apart, .x_most = 0, .y_most = 0};
    for (size_t i = 1; i < samples->count; i++) {
        panel.x_most = samples->items[i].seconds;
        panel.y_most = fmax(panel.y_most, rate_at(samples, i));
    }
    panel.x_most = panel.x_most > 0 ? panel.x_most : 1;
    panel.y_most = panel.y_most > 0 ? panel.y_most : 1;
    double step = bench_plot_step(panel.y_most);
    panel.y_most = step * ceil(panel.y_most / step);
    return panel;
}

static void draw_throughput_axes(const struct panel *panel)
{
    char label[text_figure_size];
    double step = bench_plot_step(panel->x_most);
    for (int i = 0; i * step <= panel->x_most * 1.0001; i++) {
        snprintf(label, sizeof label, "%g s", i * step);
        draw_x_mark(panel, i * step, label);
    }
    step = bench_plot_step(panel->y_most);
    for (int i = 0; i * step <= panel->y_most * 1.0001; i++) {
        snprintf(label, sizeof label, "%g", i * step);
        draw_y_mark(panel, i * step,
                    step >= 1 ? text_count(label, (uint64_t)(i * step + 0.5)) : label);
    }
}

static void draw_throughput(const struct bench_samples *samples, FILE *out)
{
    struct panel panel = throughput_panel(samples, out);
    draw_text(out, panel_left, panel.top - 12, "start", ink, "Operations a second, over time");
    draw_throughput_axes(&panel);
    begin_curve(&panel, "#3a8f5a");
    for (size_t i = 1; i < samples->count; i++) {
        add_to_curve(&panel, samples->items[i - 1].seconds, rate_at(samples, i));
        add_to_curve(&panel, samples->items[i].seconds, rate_at(samples, i));
    }
    end_curve(&panel);
}

void bench_plot(const struct bench_options *options, const struct bench_result *result, FILE *out)
{
    char title[bench_title_size];
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\" font-family=\"DejaVu Sans, Verdana, sans-serif\" font-size=\"12\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
            (int)picture_width, (int)picture_height, (int)picture_width, (int)picture_height);
    fprintf(out, "<text x=\"20\" y=\"30\" font-size=\"14\" font-weight=\"bold\" fill=\"%s\">", ink);
    fprintf(out, "flightkv bench: %s</text>\n", bench_title(options, title));
    draw_latency(result, out);
    draw_throughput(&result->samples, out);
    fputs("</svg>\n", out);
}
