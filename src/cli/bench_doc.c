/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_doc.h"

#include <math.h>
#include <stdio.h>

#include "cli/bench_report.h"

static void set_us(struct doc *doc, const char *name, double ns)
{
    doc_set_number(doc, name, ns / 1e3);
}

/* Not there where there was nothing: 0 us would be a figure. */
static void set_latency(struct doc *parent, const char *name, const struct histogram *histogram)
{
    if (histogram_count(histogram) == 0)
        return;
    struct doc *doc = doc_object();
    set_us(doc, "min_us", (double)histogram_min(histogram));
    set_us(doc, "mean_us", histogram_mean(histogram));
    for (int i = 0; i < bench_percentile_count; i++) {
        uint64_t ns = histogram_percentile(histogram, bench_percentiles[i].percentile);
        set_us(doc, bench_percentiles[i].name, (double)ns);
    }
    set_us(doc, "max_us", (double)histogram_max(histogram));
    doc_set(parent, name, doc);
}

static struct doc *kind_doc(const struct bench_result *result, enum bench_kind kind)
{
    struct doc *doc = doc_object();
    const struct bench_sum *sum = &result->sums[kind];
    uint64_t count = histogram_count(sum->latency);
    doc_set_count(doc, "count", count);
    if (kind == BENCH_GET)
        doc_set_count(doc, "misses", result->misses);
    doc_set_count(doc, "rows", sum->rows);
    doc_set_count(doc, "bytes", sum->bytes);
    doc_set_number(doc, "per_s", bench_per_second(result, count));
    doc_set_number(doc, "rows_per_s", bench_per_second(result, sum->rows));
    doc_set_number(doc, "bytes_per_s", bench_per_second(result, sum->bytes));
    set_latency(doc, "latency", sum->latency);
    if (kind == BENCH_GET)
        set_latency(doc, "first_batch", result->first_batch);
    return doc;
}

static struct doc *work_doc(const struct bench_options *options)
{
    char ratio[48];
    struct doc *doc = doc_object();
    const struct numbers_options *shape = &options->shape;
    snprintf(ratio, sizeof ratio, "%llu:%llu", (unsigned long long)options->pick.puts,
             (unsigned long long)options->pick.gets);
    doc_set_count(doc, "keys", options->pick.keys);
    doc_set_count(doc, "table_bytes", numbers_bytes(shape));
    doc_set_count(doc, "rows", (uint64_t)shape->rows);
    doc_set_count(doc, "columns", (uint64_t)shape->columns);
    doc_set_count(doc, "batch_rows", (uint64_t)shape->batch_rows);
    doc_set_text(doc, "ratio", ratio);
    doc_set_text(doc, "distribution", options->distribution);
    doc_set_count(doc, "seed", options->pick.seed);
    doc_set_count(doc, "clients", options->clients);
    doc_set_count(doc, "pipeline", options->depth);
    doc_set_count(doc, "streams", options->streams);
    if (options->rate > 0)
        doc_set_count(doc, "rate_per_s", options->rate);
    doc_set_bool(doc, "verify", options->verify);
    return doc;
}

static struct doc *errors_doc(const struct bench_result *result)
{
    struct doc *doc = doc_object();
    for (int status = 0; status < bench_statuses; status++) {
        if (result->errors_by_status[status] > 0)
            doc_set_count(doc, fkv_status_text((enum fkv_status)status),
                          result->errors_by_status[status]);
    }
    return doc;
}

static struct doc *samples_doc(const struct bench_samples *samples)
{
    struct doc *doc = doc_array();
    for (size_t i = 1; i < samples->count; i++) {
        struct doc *item = doc_object();
        doc_set_number(item, "seconds", samples->items[i].seconds);
        doc_set_count(item, "operations", samples->items[i].operations);
        doc_append(doc, item);
    }
    return doc;
}

/* A difference of two times, without the digits that come of subtracting. */
static void set_cpu(struct doc *doc, double seconds)
{
    doc_set_number(doc, "cpu_s", round(seconds * 1e6) / 1e6);
}

static struct doc *client_doc(const struct bench_result *result)
{
    struct doc *doc = doc_object();
    set_cpu(doc, result->client_cpu_s);
    doc_set_count(doc, "peak_bytes", result->client_peak_bytes);
    return doc;
}

static struct doc *server_doc(const struct bench_result *result)
{
    struct doc *doc = doc_object();
    set_cpu(doc, result->server_cpu_s);
    doc_set_count(doc, "resident_bytes", result->server.resident_bytes);
    doc_set_count(doc, "table_bytes", result->server.table_bytes);
    return doc;
}

static struct doc *load_doc(const struct bench_result *result)
{
    struct doc *doc = doc_object();
    doc_set_count(doc, "keys", result->loaded);
    doc_set_number(doc, "seconds", (double)result->load_ns / 1e9);
    return doc;
}

struct doc *bench_doc(const struct bench_options *options, const struct bench_result *result,
                      bool with_samples)
{
    struct doc *doc = doc_object();
    doc_set(doc, "work", work_doc(options));
    if (result->loaded > 0)
        doc_set(doc, "load", load_doc(result));
    doc_set_number(doc, "seconds", (double)result->ns / 1e9);
    doc_set_bool(doc, "interrupted", result->is_interrupted);
    doc_set_count(doc, "operations", bench_done(result));
    doc_set_number(doc, "per_s", bench_per_second(result, bench_done(result)));
    for (int kind = 0; kind < bench_kinds; kind++)
        doc_set(doc, bench_kind_names[kind], kind_doc(result, kind));
    doc_set_count(doc, "errors", result->errors);
    if (result->errors > 0)
        doc_set(doc, "errors_by_status", errors_doc(result));
    doc_set(doc, "client", client_doc(result));
    if (result->server.is_known)
        doc_set(doc, "server", server_doc(result));
    if (with_samples)
        doc_set(doc, "samples", samples_doc(&result->samples));
    return doc;
}
