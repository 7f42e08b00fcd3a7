/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/demo_timing.h"

#include <math.h>

#include "base/alloc.h"

bool demo_timing_init(struct demo_timing *timing, size_t loops, size_t calls)
{
    *timing = (struct demo_timing){.loops = loops, .calls = calls};
    timing->seconds = alloc_array(alloc_system(), loops * calls, sizeof *timing->seconds);
    return timing->seconds != NULL;
}

void demo_timing_done(struct demo_timing *timing)
{
    alloc_free(alloc_system(), timing->seconds);
    *timing = (struct demo_timing){0};
}

static double loop_mean(const struct demo_timing *timing, size_t loop)
{
    double sum = 0;
    for (size_t i = 0; i < timing->calls; i++)
        sum += timing->seconds[loop * timing->calls + i];
    return sum / (double)timing->calls;
}

struct demo_stats demo_timing_stats(const struct demo_timing *timing)
{
    struct demo_stats stats = {.best_s = INFINITY};
    double squares = 0;
    for (size_t i = 0; i < timing->loops; i++) {
        double mean = loop_mean(timing, i);
        stats.best_s = mean < stats.best_s ? mean : stats.best_s;
        stats.mean_s += mean / (double)timing->loops;
        stats.total_s += mean * (double)timing->calls;
    }
    for (size_t i = 0; i < timing->loops; i++) {
        double distance = loop_mean(timing, i) - stats.mean_s;
        squares += distance * distance;
    }
    stats.deviation_s = sqrt(squares / (double)timing->loops);
    return stats;
}

void demo_timing_print(const struct demo_timing *timing, FILE *out)
{
    struct demo_stats stats = demo_timing_stats(timing);
    fprintf(out, "First: %.4gs\n", timing->first_s);
    fprintf(out,
            "Best timing out of %zu loops: %.4gs, avg/stdev: %.4gs/%.4gs, total execution time "
            "(%zu loops %zu times each): %.4gs\n",
            timing->loops, stats.best_s, stats.mean_s, stats.deviation_s, timing->loops,
            timing->calls, stats.total_s);
}

struct doc *demo_timing_doc(const struct demo_timing *timing)
{
    struct doc *object = doc_object(), *loops = doc_array();
    for (size_t i = 0; i < timing->loops; i++) {
        struct doc *calls = doc_array();
        for (size_t k = 0; k < timing->calls; k++)
            doc_append_number(calls, timing->seconds[i * timing->calls + k]);
        doc_append(loops, calls);
    }
    doc_set_number(object, "first", timing->first_s);
    doc_set(object, "loops", loops);
    return object;
}
