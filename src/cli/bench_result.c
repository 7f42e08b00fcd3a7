/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_result.h"

#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "cli/figures.h"

bool bench_result_init(struct bench_result *result)
{
    *result = (struct bench_result){.first_batch = histogram_new()};
    bool is_whole = result->first_batch != NULL;
    for (int kind = 0; kind < bench_kinds; kind++) {
        result->sums[kind].latency = histogram_new();
        is_whole = is_whole && result->sums[kind].latency != NULL;
    }
    return is_whole;
}

void bench_result_done(struct bench_result *result)
{
    histogram_free(result->first_batch);
    for (int kind = 0; kind < bench_kinds; kind++)
        histogram_free(result->sums[kind].latency);
}

void bench_result_add(struct bench_result *result, const struct bench_client *client)
{
    for (int kind = 0; kind < bench_kinds; kind++) {
        const struct bench_tally *tally = &client->tallies[kind];
        histogram_add(result->sums[kind].latency, tally->latency);
        result->sums[kind].rows += tally->rows;
        result->sums[kind].bytes += tally->bytes;
    }
    histogram_add(result->first_batch, client->first_batch);
    if (result->errors == 0 && client->errors > 0)
        result->first_error = client->first_error;
    result->misses += client->misses;
    result->errors += client->errors;
    for (int status = 0; status < bench_statuses; status++)
        result->errors_by_status[status] += client->errors_by_status[status];
}

uint64_t bench_done(const struct bench_result *result)
{
    uint64_t sum = 0;
    for (int kind = 0; kind < bench_kinds; kind++)
        sum += histogram_count(result->sums[kind].latency);
    return sum;
}

/* ---- over time ---- */

static const uint64_t sample_ns = 100 * NS_PER_MS;

void bench_samples_begin(struct bench_samples *samples)
{
    *samples = (struct bench_samples){.count = 1, .next_ns = sample_ns, .every_ns = sample_ns};
}

static void drop_every_other(struct bench_samples *samples)
{
    for (size_t i = 1; i < bench_samples_max / 2; i++)
        samples->items[i] = samples->items[2 * i];
    samples->count = bench_samples_max / 2;
    samples->every_ns *= 2;
}

/* Watchers come a little late, and a little early after that: half a tick is in time. */
void bench_samples_add(struct bench_samples *samples, uint64_t elapsed_ns, uint64_t operations)
{
    uint64_t nearly_ns = elapsed_ns + sample_ns / 2;
    if (nearly_ns < samples->next_ns)
        return;
    if (samples->count == bench_samples_max)
        drop_every_other(samples);
    samples->items[samples->count++] = (struct bench_sample){(double)elapsed_ns / 1e9, operations};
    samples->next_ns = (nearly_ns / samples->every_ns + 1) * samples->every_ns;
}

/* ---- the processes ---- */

double bench_cpu_s(void)
{
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

uint64_t bench_peak_bytes(void)
{
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss * 1024;
}

static void take_figure(void *context, const struct doc_member *member)
{
    struct bench_server *server = context;
    if (strcmp(member->name, "cpu_s") == 0)
        server->cpu_s = member->number;
    else if (strcmp(member->name, "resident_bytes") == 0)
        server->resident_bytes = (uint64_t)member->integer;
    else if (strcmp(member->name, "table_bytes") == 0)
        server->table_bytes = (uint64_t)member->integer;
}

void bench_server_ask(struct fkv_client *client, struct bench_server *ret)
{
    struct doc *stats = NULL;
    *ret = (struct bench_server){0};
    if (figures_call(client, "flightkv.stats", "", &stats, NULL) != FKV_OK)
        return;
    doc_each(stats, take_figure, ret);
    ret->is_known = true;
    doc_free(stats);
}
