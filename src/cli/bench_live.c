/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_live.h"

#include "base/clock.h"
#include "base/text.h"

static const uint64_t line_ns = NS_PER_S;

bool bench_live_init(struct bench_live *live, const struct cli *cli, const char *verb,
                     const struct bench_crowd *crowd, const struct bench_phase *phase)
{
    *live = (struct bench_live){.crowd = crowd,
                                .phase = phase,
                                .all = histogram_new(),
                                .before = histogram_new(),
                                .latest = histogram_new(),
                                .next_ns = line_ns};
    progress_begin(&live->progress, cli, verb);
    return live->all != NULL && live->before != NULL && live->latest != NULL;
}

void bench_live_done(struct bench_live *live)
{
    progress_end(&live->progress);
    histogram_free(live->all);
    histogram_free(live->before);
    histogram_free(live->latest);
}

static void gather(struct bench_live *live)
{
    histogram_clear(live->all);
    for (size_t i = 0; i < live->crowd->count; i++) {
        for (int kind = 0; kind < bench_kinds; kind++)
            histogram_add(live->all, live->crowd->clients[i].tallies[kind].latency);
    }
    histogram_clear(live->latest);
    histogram_add(live->latest, live->all);
    histogram_subtract(live->latest, live->before);
}

/* By the bound that is nearer; 0: over. */
static uint64_t left_ns(const struct bench_live *live, uint64_t begun, uint64_t elapsed_ns)
{
    const struct bench_phase *phase = live->phase;
    uint64_t left = UINT64_MAX;
    if (phase->duration_ns > 0)
        left = phase->duration_ns > elapsed_ns ? phase->duration_ns - elapsed_ns : 0;
    if (phase->count > 0 && begun > 0) {
        double each_ns = (double)elapsed_ns / (double)begun;
        double left_by_count = each_ns * (double)(phase->count - begun);
        if (left_by_count < (double)left)
            left = (uint64_t)left_by_count;
    }
    return left;
}

static void show(struct bench_live *live, uint64_t begun, uint64_t elapsed_ns)
{
    char line[256], rate[text_figure_size], p99[text_figure_size];
    gather(live);
    uint64_t count = histogram_count(live->latest);
    double seconds = (double)(elapsed_ns - live->last_ns) / 1e9;
    unsigned left_s = (unsigned)((left_ns(live, begun, elapsed_ns) + NS_PER_S / 2) / NS_PER_S);
    snprintf(line, sizeof line, "%s: %s operations/s, p99 %s, %u:%02u left", live->progress.verb,
             text_count(rate, (uint64_t)((double)count / seconds)),
             text_duration(p99, histogram_percentile(live->latest, 99)), left_s / 60, left_s % 60);
    progress_say(&live->progress, line);
    struct histogram *before = live->before;
    live->before = live->all;
    live->all = before;
    live->last_ns = elapsed_ns;
    live->next_ns = elapsed_ns - elapsed_ns % line_ns + line_ns;
}

static uint64_t operations(const struct bench_live *live)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < live->crowd->count; i++) {
        for (int kind = 0; kind < bench_kinds; kind++)
            sum += histogram_count(live->crowd->clients[i].tallies[kind].latency);
    }
    return sum;
}

void bench_live_watch(void *context, uint64_t begun, uint64_t elapsed_ns)
{
    struct bench_live *live = context;
    if (live->samples != NULL)
        bench_samples_add(live->samples, elapsed_ns, operations(live));
    if (live->progress.out != NULL && elapsed_ns >= live->next_ns)
        show(live, begun, elapsed_ns);
}

void bench_bar_watch(void *context, uint64_t begun, uint64_t elapsed_ns)
{
    struct bench_bar *bar = context;
    (void)elapsed_ns;
    progress_update(&bar->progress, (double)begun / (double)bar->count, begun * bar->bytes);
}
