/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

/* What is over sooner shows no bar; a bar that is shown moves ten times a second. */
static const uint64_t silent_ns = 300 * NS_PER_MS;
static const uint64_t redraw_ns = 100 * NS_PER_MS;

enum { bar_width_max = 30, figures_width = 50 };

size_t terminal_width(FILE *out, size_t fallback)
{
    struct winsize size;
    if (isatty(fileno(out)) != 1)
        return fallback;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

size_t terminal_height(FILE *out, size_t fallback)
{
    struct winsize size;
    bool is_known = ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
    return is_known ? size.ws_row : fallback;
}

void progress_begin(struct progress *progress, const struct cli *cli, const char *verb)
{
    const char *kind = getenv("TERM");
    bool can_redraw = cli->err_is_terminal && kind != NULL && strcmp(kind, "dumb") != 0;
    *progress = (struct progress){.out = can_redraw ? cli->err : NULL,
                                  .verb = verb,
                                  .started_ns = clock_now_ns(clock_system())};
}

uint64_t progress_elapsed_ns(const struct progress *progress)
{
    return clock_now_ns(clock_system()) - progress->started_ns;
}

static void draw_bar(FILE *out, double fraction, size_t width)
{
    char bar[bar_width_max + 1];
    size_t full = (size_t)(fraction * (double)width);
    memset(bar, ' ', width);
    memset(bar, '=', full);
    if (full < width)
        bar[full] = '>';
    bar[width] = '\0';
    fprintf(out, " %3d%% [%s]", (int)(fraction * 100), bar);
}

static void draw(const struct progress *progress, double fraction, uint64_t bytes,
                 uint64_t elapsed_ns)
{
    char size[text_figure_size], rate[text_figure_size];
    double seconds = (double)elapsed_ns / 1e9;
    size_t terminal = terminal_width(progress->out, 80);
    size_t taken = strlen(progress->verb) + figures_width;
    size_t width = terminal > taken ? terminal - taken : 0;
    fprintf(progress->out, "\r\033[K%s", progress->verb);
    if (fraction >= 0 && width >= 5)
        draw_bar(progress->out, fraction, width < bar_width_max ? width : bar_width_max);
    fprintf(progress->out, " %s, %s/s", text_size(size, bytes),
            text_size(rate, (uint64_t)((double)bytes / seconds)));
    if (fraction > 0.001) {
        unsigned left_s = (unsigned)(seconds * (1 - fraction) / fraction + 0.5);
        fprintf(progress->out, ", %u:%02u left", left_s / 60, left_s % 60);
    }
    fflush(progress->out);
}

void progress_update(struct progress *progress, double fraction, uint64_t bytes)
{
    if (progress->out == NULL)
        return;
    uint64_t elapsed_ns = progress_elapsed_ns(progress);
    if (elapsed_ns < silent_ns || elapsed_ns < progress->drawn_ns + redraw_ns)
        return;
    draw(progress, fraction > 1 ? 1 : fraction, bytes, elapsed_ns);
    progress->drawn_ns = elapsed_ns;
}

void progress_say(struct progress *progress, const char *text)
{
    if (progress->out == NULL)
        return;
    /* A line that goes on in the next one couldn't be taken away. */
    int room = (int)terminal_width(progress->out, 80) - 1;
    fprintf(progress->out, "\r\033[K%.*s", room, text);
    fflush(progress->out);
    progress->drawn_ns = progress_elapsed_ns(progress);
}

void progress_end(struct progress *progress)
{
    if (progress->out != NULL && progress->drawn_ns > 0) {
        fputs("\r\033[K", progress->out);
        fflush(progress->out);
    }
}
