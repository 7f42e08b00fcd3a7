/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>

#include "base/alloc.h"

enum {
    step_bits = 10,         /* 2^10 steps to a power of two: 3 significant digits */
    steps = 1 << step_bits, /* of the upper half of a bucket; the lower half is the bucket below */
    bucket_count = 42 - step_bits, /* up to HISTOGRAM_VALUE_MAX */
    slot_count = (bucket_count + 1) * steps,
    ticks_per_half = 5, /* of histogram_walk; what HdrHistogram's tools write */
};

/* Relaxed atomics with one writer cost what plain numbers do. `sum` is of the values as recorded.
 */
struct histogram {
    _Atomic uint64_t count, min, max, sum;
    _Atomic uint32_t first, end; /* the slots in use */
    _Atomic uint64_t slots[slot_count];
};

static uint64_t load(const _Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

static void store(_Atomic uint64_t *number, uint64_t value)
{
    atomic_store_explicit(number, value, memory_order_relaxed);
}

static uint32_t first_of(const struct histogram *histogram)
{
    return atomic_load_explicit(&histogram->first, memory_order_relaxed);
}

static uint32_t end_of(const struct histogram *histogram)
{
    return atomic_load_explicit(&histogram->end, memory_order_relaxed);
}

/* ---- slots ---- */

static unsigned bucket_of(uint64_t value)
{
    return 63 - (unsigned)__builtin_clzll(value | (2 * steps - 1)) - step_bits;
}

static uint32_t slot_of(uint64_t value)
{
    unsigned bucket = bucket_of(value);
    return bucket * steps + (uint32_t)(value >> bucket);
}

/* The least and the largest value that fall into a slot. */
static uint64_t slot_least(uint32_t slot)
{
    unsigned bucket = slot < 2 * steps ? 0 : slot / steps - 1;
    return (uint64_t)(slot - bucket * steps) << bucket;
}

static uint64_t slot_most(uint32_t slot)
{
    return slot_least(slot + 1) - 1;
}

_Static_assert(slot_count == bucket_count * steps + steps, "the lowest bucket has a lower half");

/* ---- counting ---- */

struct histogram *histogram_new(void)
{
    struct histogram *histogram = alloc_zero(alloc_system(), sizeof *histogram);
    if (histogram != NULL)
        atomic_init(&histogram->first, slot_count);
    return histogram;
}

void histogram_free(struct histogram *histogram)
{
    alloc_free(alloc_system(), histogram);
}

static void widen(struct histogram *histogram, uint32_t first, uint32_t end)
{
    if (first < first_of(histogram))
        atomic_store_explicit(&histogram->first, first, memory_order_relaxed);
    if (end > end_of(histogram))
        atomic_store_explicit(&histogram->end, end, memory_order_relaxed);
}

static void count_extremes(struct histogram *histogram, uint64_t min, uint64_t max)
{
    bool is_empty = load(&histogram->count) == 0;
    if (is_empty || min < load(&histogram->min))
        store(&histogram->min, min);
    if (is_empty || max > load(&histogram->max))
        store(&histogram->max, max);
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
    value = value < HISTOGRAM_VALUE_MAX ? value : HISTOGRAM_VALUE_MAX;
    uint32_t slot = slot_of(value);
    count_extremes(histogram, value, value);
    widen(histogram, slot, slot + 1);
    store(&histogram->slots[slot], load(&histogram->slots[slot]) + 1);
    store(&histogram->sum, load(&histogram->sum) + value);
    store(&histogram->count, load(&histogram->count) + 1);
}

/* The count is that of the slots as they were read, so that it fits them while others record. */
void histogram_add(struct histogram *histogram, const struct histogram *from)
{
    uint32_t first = first_of(from), end = end_of(from);
    uint64_t count = 0;
    for (uint32_t slot = first; slot < end; slot++) {
        uint64_t more = load(&from->slots[slot]);
        count += more;
        if (more > 0)
            store(&histogram->slots[slot], load(&histogram->slots[slot]) + more);
    }
    if (count == 0)
        return;
    count_extremes(histogram, load(&from->min), load(&from->max));
    widen(histogram, first, end);
    store(&histogram->sum, load(&histogram->sum) + load(&from->sum));
    store(&histogram->count, load(&histogram->count) + count);
}

void histogram_subtract(struct histogram *histogram, const struct histogram *before)
{
    uint64_t count = 0;
    uint32_t first = slot_count, end = 0;
    for (uint32_t slot = first_of(histogram); slot < end_of(histogram); slot++) {
        uint64_t left = load(&histogram->slots[slot]) - load(&before->slots[slot]);
        store(&histogram->slots[slot], left);
        if (left == 0)
            continue;
        count += left;
        first = first < slot ? first : slot;
        end = slot + 1;
    }
    atomic_store_explicit(&histogram->first, first, memory_order_relaxed);
    atomic_store_explicit(&histogram->end, end, memory_order_relaxed);
    store(&histogram->sum, load(&histogram->sum) - load(&before->sum));
    store(&histogram->count, count);
    store(&histogram->min, count > 0 ? slot_least(first) : 0);
    store(&histogram->max, count > 0 ? slot_most(end - 1) : 0);
}

void histogram_clear(struct histogram *histogram)
{
    for (uint32_t slot = first_of(histogram); slot < end_of(histogram); slot++)
        store(&histogram->slots[slot], 0);
    atomic_store_explicit(&histogram->first, slot_count, memory_order_relaxed);
    atomic_store_explicit(&histogram->end, 0, memory_order_relaxed);
    store(&histogram->count, 0);
    store(&histogram->sum, 0);
    store(&histogram->min, 0);
    store(&histogram->max, 0);
}

/* ---- reading ---- */

uint64_t histogram_count(const struct histogram *histogram)
{
    return load(&histogram->count);
}

uint64_t histogram_min(const struct histogram *histogram)
{
    return load(&histogram->min);
}

uint64_t histogram_max(const struct histogram *histogram)
{
    return load(&histogram->max);
}

double histogram_mean(const struct histogram *histogram)
{
    uint64_t count = load(&histogram->count);
    return count > 0 ? (double)load(&histogram->sum) / (double)count : 0;
}

/* By the middle of each step. */
double histogram_deviation(const struct histogram *histogram)
{
    double mean = histogram_mean(histogram), squares = 0;
    uint64_t count = load(&histogram->count);
    for (uint32_t slot = first_of(histogram); slot < end_of(histogram); slot++) {
        double middle = ((double)slot_least(slot) + (double)slot_most(slot)) / 2;
        squares += (double)load(&histogram->slots[slot]) * (middle - mean) * (middle - mean);
    }
    return count > 0 ? sqrt(squares / (double)count) : 0;
}

/* Advances to the slot in which the `wanted`th value lies, counted from 1. `slot` and `counted` say
 * where the last search ended: `counted` values lie below `slot`. */
static uint64_t value_at(const struct histogram *histogram, uint64_t wanted, uint32_t *slot,
                         uint64_t *counted)
{
    while (*slot < end_of(histogram) && *counted + load(&histogram->slots[*slot]) < wanted)
        *counted += load(&histogram->slots[(*slot)++]);
    uint64_t most = slot_most(*slot);
    return most < load(&histogram->max) ? most : load(&histogram->max);
}

/* How many values `percentile` per cent are, at least one. Products such as 99.9 % of 1,000 come
 * out a little above the whole number that they are, which would be one value too many. */
static uint64_t count_at(uint64_t count, double percentile)
{
    double share = percentile >= 100 ? (double)count : percentile / 100 * (double)count;
    uint64_t wanted = (uint64_t)ceil(share - share * 1e-14);
    wanted = wanted < count ? wanted : count;
    return wanted > 0 ? wanted : 1;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percentile)
{
    uint64_t count = load(&histogram->count), counted = 0;
    uint32_t slot = first_of(histogram);
    if (count == 0)
        return 0;
    return value_at(histogram, count_at(count, percentile), &slot, &counted);
}

/* ---- the distribution ---- */

/* The next percentile: a fifth of the way that halves the distance to 100, as HdrHistogram's
 * iterators go. */
static double next_percentile(double percentile)
{
    double halvings = floor(log2(100 / (100 - percentile))) + 1;
    return percentile + 100 / (ticks_per_half * exp2(halvings));
}

void histogram_walk(const struct histogram *histogram,
                    void (*visit)(void *context, const struct histogram_point *point),
                    void *context)
{
    uint64_t count = load(&histogram->count), counted = 0;
    uint32_t slot = first_of(histogram);
    struct histogram_point point = {0};
    if (count == 0)
        return;
    while (point.percentile < 100 && point.count < count) {
        point.value = value_at(histogram, count_at(count, point.percentile), &slot, &counted);
        point.count = counted + load(&histogram->slots[slot]);
        visit(context, &point);
        point.percentile = next_percentile(point.percentile);
    }
    point = (struct histogram_point){load(&histogram->max), 100, count};
    visit(context, &point);
}

struct printing {
    FILE *out;
    double unit;
};

static void print_point(void *context, const struct histogram_point *point)
{
    const struct printing *printing = context;
    double value = (double)point->value / printing->unit, share = point->percentile / 100;
    fprintf(printing->out, "%12.3f %2.12f %10" PRIu64, value, share, point->count);
    if (share < 1)
        fprintf(printing->out, " %14.2f", 1 / (1 - share));
    fputc('\n', printing->out);
}

bool histogram_print(const struct histogram *histogram, double unit, FILE *out)
{
    struct printing printing = {out, unit};
    fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
            "1/(1-Percentile)");
    histogram_walk(histogram, print_point, &printing);
    fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", histogram_mean(histogram) / unit,
            histogram_deviation(histogram) / unit);
    fprintf(out, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n",
            (double)load(&histogram->max) / unit, load(&histogram->count));
    fprintf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n", (int)bucket_count, 2 * steps);
    return fflush(out) == 0 && !ferror(out);
}
