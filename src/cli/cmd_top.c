/* SPDX-License-Identifier: Apache-2.0 */
/* The server's figures again and again: a screen on a terminal, a line at a time elsewhere. Rates
 * are what has come between two looks, and since the server's start for the first one. */
#include "cli/commands.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/age.h"
#include "cli/figures.h"
#include "cli/interrupt.h"
#include "cli/listing.h"
#include "cli/option_values.h"
#include "cli/progress.h"

/* More keys than this are counted, but not listed each time. */
enum { keys_listed_most = 1000, figure_lines = 9 };

static const char screen_begin[] = "\033[?1049h\033[?25l"; /* another screen, without a cursor */
static const char screen_end[] = "\033[?25h\033[?1049l";

/* Of flightkv.stats. */
struct look {
    double uptime_s, cpu_s;
    double keys, table_bytes, memory_used_bytes, memory_limit_bytes, resident_bytes;
    double connections, calls;                       /* open now */
    double calls_total, hits, misses, puts, deletes; /* since the start, as all below */
    double received_bytes, sent_bytes, shm_sent_bytes;
};

/* Each a second. */
struct rates {
    double calls, gets, misses, puts, deletes;
    double received_bytes, sent_bytes, shm_sent_bytes;
    double cpu; /* cores in use */
};

struct top {
    struct cli *cli;
    struct interrupt interrupt;
    uint64_t interval_ns;
    bool has_screen;
    bool reads_keys;
    struct termios usual;
    struct look before;
    struct fkv_error error; /* to be told when the screen has been given back */
};

/* ---- looking ---- */

static void take_figure(void *context, const struct doc_member *member)
{
    struct look *look = context;
    const struct {
        const char *name;
        double *figure;
    } figures[] = {{"uptime_s", &look->uptime_s},
                   {"cpu_s", &look->cpu_s},
                   {"keys", &look->keys},
                   {"table_bytes", &look->table_bytes},
                   {"memory_used_bytes", &look->memory_used_bytes},
                   {"memory_limit_bytes", &look->memory_limit_bytes},
                   {"resident_bytes", &look->resident_bytes},
                   {"connections", &look->connections},
                   {"calls", &look->calls},
                   {"calls_total", &look->calls_total},
                   {"hits", &look->hits},
                   {"misses", &look->misses},
                   {"puts", &look->puts},
                   {"deletes", &look->deletes},
                   {"received_bytes", &look->received_bytes},
                   {"sent_bytes", &look->sent_bytes},
                   {"shm_sent_bytes", &look->shm_sent_bytes}};
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        if (member->is_number && strcmp(member->name, figures[i].name) == 0)
            *figures[i].figure = member->number;
    }
}

static bool look_now(struct top *top, struct look *ret)
{
    struct doc *figures = NULL;
    struct look look = {0};
    if (figures_call(top->cli->client, "flightkv.stats", "", &figures, &top->error) != FKV_OK)
        return false;
    doc_each(figures, take_figure, &look);
    doc_free(figures);
    *ret = look;
    return true;
}

/* A server that was started anew meanwhile has counted from 0. */
static struct rates rates_of(const struct look *before, const struct look *now)
{
    static const struct look start = {0};
    if (now->uptime_s <= before->uptime_s)
        before = &start;
    double seconds = now->uptime_s - before->uptime_s;
    if (!(seconds > 0))
        return (struct rates){0};
    return (struct rates){
        .calls = (now->calls_total - before->calls_total) / seconds,
        .gets = (now->hits - before->hits) / seconds,
        .misses = (now->misses - before->misses) / seconds,
        .puts = (now->puts - before->puts) / seconds,
        .deletes = (now->deletes - before->deletes) / seconds,
        .received_bytes = (now->received_bytes - before->received_bytes) / seconds,
        .sent_bytes = (now->sent_bytes - before->sent_bytes) / seconds,
        .shm_sent_bytes = (now->shm_sent_bytes - before->shm_sent_bytes) / seconds,
        .cpu = (now->cpu_s - before->cpu_s) / seconds};
}

/* ---- lines ---- */

static void print_head(FILE *out)
{
    fputs("   keys    memory clients   gets/s   puts/s      in/s     out/s     shm/s cores\n", out);
}

static void print_line(FILE *out, const struct look *look, const struct rates *rates)
{
    char memory[text_figure_size], in[text_figure_size], sent[text_figure_size],
        shm[text_figure_size];
    fprintf(out, "%7.0f %9s %7.0f %8.0f %8.0f %9s %9s %9s %5.2f\n", look->keys,
            text_size(memory, (uint64_t)look->memory_used_bytes), look->connections, rates->gets,
            rates->puts, text_size(in, (uint64_t)rates->received_bytes),
            text_size(sent, (uint64_t)rates->sent_bytes),
            text_size(shm, (uint64_t)rates->shm_sent_bytes), rates->cpu);
}

static bool print_json(FILE *out, const struct look *look, const struct rates *rates)
{
    struct doc *doc = doc_object();
    doc_set_number(doc, "uptime_s", look->uptime_s);
    doc_set_count(doc, "keys", (uint64_t)look->keys);
    doc_set_count(doc, "table_bytes", (uint64_t)look->table_bytes);
    doc_set_count(doc, "memory_used_bytes", (uint64_t)look->memory_used_bytes);
    doc_set_count(doc, "connections", (uint64_t)look->connections);
    doc_set_number(doc, "calls_per_s", rates->calls);
    doc_set_number(doc, "gets_per_s", rates->gets);
    doc_set_number(doc, "misses_per_s", rates->misses);
    doc_set_number(doc, "puts_per_s", rates->puts);
    doc_set_number(doc, "deletes_per_s", rates->deletes);
    doc_set_number(doc, "received_bytes_per_s", rates->received_bytes);
    doc_set_number(doc, "sent_bytes_per_s", rates->sent_bytes);
    doc_set_number(doc, "shm_sent_bytes_per_s", rates->shm_sent_bytes);
    doc_set_number(doc, "cores", rates->cpu);
    bool is_done = doc_print(doc, out);
    doc_free(doc);
    return is_done;
}

/* ---- a screen ---- */

/* How much of the text fits, parts between commas whole where one does. */
static size_t fitting(const char *text, size_t room)
{
    size_t size = strlen(text);
    if (size <= room)
        return size;
    for (size_t i = room; i > 0; i--)
        if (text[i] == ',' && text[i + 1] == ' ')
            return i;
    return room;
}

/* A figure with its name, cut to the width. */
static void print_figure(const struct top *top, const char *name, const char *text)
{
    enum { name_width = 9 };
    FILE *out = top->cli->out;
    size_t width = terminal_width(out, 80);
    int room = (int)fitting(text, width > name_width ? width - name_width : 0);
    bool has_color = top->cli->has_color;
    fprintf(out, "%s%-*s%s%.*s\n", has_color ? "\033[2m" : "", name_width, name,
            has_color ? "\033[0m" : "", room, text);
}

static void print_figures(const struct top *top, const struct look *look, const struct rates *rates)
{
    char text[256], a[text_figure_size], b[text_figure_size], c[text_figure_size];
    print_figure(top, "up", age_text(a, look->uptime_s));
    double share =
        look->memory_limit_bytes > 0 ? 100 * look->memory_used_bytes / look->memory_limit_bytes : 0;
    snprintf(text, sizeof text, "%s of %s, %.0f %%",
             text_size(a, (uint64_t)look->memory_used_bytes),
             text_size(b, (uint64_t)look->memory_limit_bytes), share);
    print_figure(top, "memory", text);
    snprintf(text, sizeof text, "%s, %s of tables", text_count(a, (uint64_t)look->keys),
             text_size(b, (uint64_t)look->table_bytes));
    print_figure(top, "keys", text);
    snprintf(text, sizeof text, "%.0f, %.0f %s open", look->connections, look->calls,
             look->calls > 1 ? "calls" : "call");
    print_figure(top, "clients", text);
    snprintf(text, sizeof text, "%.0f/s: %.0f gets, %.0f misses, %.0f puts, %.0f deletes",
             rates->calls, rates->gets, rates->misses, rates->puts, rates->deletes);
    print_figure(top, "calls", text);
    snprintf(text, sizeof text, "%s/s in, %s/s out, %s/s by shared memory",
             text_size(a, (uint64_t)rates->received_bytes),
             text_size(b, (uint64_t)rates->sent_bytes),
             text_size(c, (uint64_t)rates->shm_sent_bytes));
    print_figure(top, "traffic", text);
    snprintf(text, sizeof text, "%.2f in use", rates->cpu);
    print_figure(top, "cores", text);
}

/* The largest tables, as many as there is room for. What fails here fails at the next look. */
static void print_keys(struct top *top, const struct look *look, size_t lines,
                       const struct grid_style *style)
{
    struct listing listing = {0};
    if (look->keys > keys_listed_most || lines < 2 ||
        listing_fetch(top->cli, NULL, false, &listing) != CLI_DONE)
        return;
    listing_sort(&listing, ORDER_SIZE, false);
    listing_print_grid(&listing, false, lines - 1, style, top->cli->out);
    listing_done(&listing);
}

static void draw(struct top *top, const struct look *look, const struct rates *rates)
{
    FILE *out = top->cli->out;
    struct grid_style style = {.width = terminal_width(out, 80), .has_color = top->cli->has_color};
    size_t height = terminal_height(out, 24);
    fputs("\033[H\033[J", out);
    print_figures(top, look, rates);
    fputc('\n', out);
    print_keys(top, look, height > figure_lines ? height - figure_lines : 0, &style);
}

/* Keys are read one by one, and Ctrl-C is one of them, so that the screen is always given back. */
static void screen_enter(struct top *top)
{
    struct termios raw;
    top->has_screen = top->cli->out_is_terminal && !top->cli->json;
    if (!top->has_screen)
        return;
    fputs(screen_begin, top->cli->out);
    top->reads_keys = tcgetattr(STDIN_FILENO, &top->usual) == 0;
    if (!top->reads_keys)
        return;
    raw = top->usual;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void screen_leave(struct top *top)
{
    if (top->reads_keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &top->usual);
    if (top->has_screen)
        fputs(screen_end, top->cli->out);
    fflush(top->cli->out);
}

/* ---- again and again ---- */

/* Waits for the next look; false when it is enough: q, Ctrl-C, Ctrl-D or a signal. */
static bool wait_for_next(struct top *top)
{
    const struct clock *clock = clock_system();
    uint64_t end_ns = clock_now_ns(clock) + top->interval_ns;
    for (;;) {
        enum { step_ms = 100 }; /* between looks for a signal, whose watcher is another thread */
        uint64_t now_ns = clock_now_ns(clock);
        if (atomic_load(&top->interrupt.has_come))
            return false;
        if (now_ns >= end_ns)
            return true;
        uint64_t left_ms = (end_ns - now_ns) / NS_PER_MS + 1;
        struct pollfd input = {.fd = top->reads_keys ? STDIN_FILENO : -1, .events = POLLIN};
        char key = 0;
        if (poll(&input, 1, left_ms < step_ms ? (int)left_ms : step_ms) <= 0)
            continue;
        if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 3 || key == 4)
            return false;
    }
}

/* False: top->error says why not; no memory without one. */
static bool show(struct top *top, bool is_first)
{
    struct look now;
    FILE *out = top->cli->out;
    if (!look_now(top, &now))
        return false;
    struct rates rates = rates_of(&top->before, &now);
    top->before = now;
    bool is_done = true;
    if (is_first && !top->cli->json && !top->has_screen)
        print_head(out);
    if (top->has_screen)
        draw(top, &now, &rates);
    else if (top->cli->json)
        is_done = print_json(out, &now, &rates);
    else
        print_line(out, &now, &rates);
    fflush(out);
    return is_done;
}

static int watch(struct top *top, uint64_t count)
{
    bool is_done = true;
    interrupt_begin(&top->interrupt, top->cli->client);
    screen_enter(top);
    for (uint64_t i = 0; i < count && is_done; i++) {
        if (i > 0 && !wait_for_next(top))
            break;
        is_done = show(top, i == 0);
    }
    screen_leave(top);
    bool was_ended = atomic_load(&top->interrupt.has_come);
    interrupt_end(&top->interrupt);
    if (is_done || was_ended)
        return CLI_DONE;
    return top->error.status != FKV_OK ? cli_fail(top->cli, &top->error) : cli_no_memory(top->cli);
}

static int run(struct cli *cli, const struct parsed *parsed)
{
    struct top top = {.cli = cli};
    uint64_t count;
    int exit_code = option_count(cli, parsed, "count", UINT64_MAX, 1, UINT64_MAX, &count);
    if (exit_code == CLI_DONE)
        exit_code = option_duration(cli, parsed, "interval", NS_PER_S, &top.interval_ns);
    if (exit_code == CLI_DONE)
        exit_code = cli_connect(cli);
    return exit_code == CLI_DONE ? watch(&top, count) : exit_code;
}

static const struct option options[] = {
    {.name = "count",
     .letter = 'n',
     .argument = "N",
     .default_value = "no end",
     .help = "Look N times, then end"},
    {.name = "interval", .argument = "TIME", .default_value = "1s", .help = "Look every TIME"},
    {0},
};

const struct command cmd_top = {
    .name = "top",
    .arguments = "",
    .summary = "Watch a server: calls, traffic, clients, memory",
    .details =
        "On a terminal, a screen that is drawn anew each second, with the largest tables where\n"
        "there are at most 1,000 keys; q or Ctrl-C ends it. Elsewhere, a line each time, or a "
        "JSON\n"
        "object with --json. Rates are those since the look before, at first since the start. "
        "What\n"
        "goes in and out is that of all connections, with what HTTP/2 adds to the tables; what\n"
        "clients on the same host get by shared memory is apart.\n",
    .examples = "  flightkv top\n"
                "  flightkv top --count 10 --interval 5s\n"
                "  flightkv top --json >> load.ndjson\n",
    .options = options,
    .flags = COMMAND_CALLS_SERVER | COMMAND_HAS_JSON,
    .run = run,
};
