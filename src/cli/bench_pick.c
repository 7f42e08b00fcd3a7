/* SPDX-License-Identifier: Apache-2.0 */
/* Zipf's distribution (key k comes in proportion to 1 / k^theta) by rejection-inversion: W.
 * Hoermann and G. Derflinger, "Rejection-Inversion to Generate Variates from Monotone Discrete
 * Distributions", ACM TOMACS 6 (1996). It needs no table and no sum over all keys, and is exact.
 *
 * The steps 1 / k^theta, each as wide as 1 around k, lie nearly under the curve x^-theta. A point
 * is taken evenly from the area below the curve, by the inverse of its integral; it belongs to the
 * step below which it is, and is thrown away where curve and step differ. The integral is written
 * as
 *
 *     (x^(1 - theta) - 1) / (1 - theta)
 *
 * which has a limit, log(x), at theta = 1. */
#include "cli/bench_pick.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random numbers that are a function of seed and n ---- */

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* splitmix64: S. Vigna's, after G. Steele, D. Lea and C. Flood, "Fast Splittable Pseudorandom
 * Number Generators" (2014). */
static uint64_t next_bits(uint64_t *state)
{
    return mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

static double next_unit(uint64_t *state)
{
    return (double)(next_bits(state) >> 11) * 0x1p-53; /* in [0, 1) */
}

/* Below `count`, which is less than 2^32, evenly but for count / 2^32. */
static uint64_t next_below(uint64_t *state, uint64_t count)
{
    return (next_bits(state) >> 32) * count >> 32;
}

/* ---- Zipf ---- */

/* (e^x - 1) / x and log(1 + x) / x, with their limits at 0. */
static double exp_ratio(double x)
{
    return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x / 2;
}

static double log_ratio(double x)
{
    return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x / 2;
}

static double curve(double theta, double x)
{
    return exp(-theta * log(x));
}

static double area(double theta, double x)
{
    double log_x = log(x);
    return exp_ratio((1 - theta) * log_x) * log_x;
}

static double area_inverse(double theta, double area)
{
    double t = area * (1 - theta);
    return exp(log_ratio(t > -1 ? t : -1 + 0x1p-53) * area);
}

static void zipf_init(struct bench_pick *pick)
{
    double theta = pick->options.theta;
    pick->area_first = area(theta, 1.5) - 1;
    pick->area_all = area(theta, (double)pick->options.keys + 0.5);
    pick->surely_under = 2 - area_inverse(theta, area(theta, 2.5) - curve(theta, 2));
}

static uint64_t zipf_next(const struct bench_pick *pick, uint64_t *state)
{
    double theta = pick->options.theta, keys = (double)pick->options.keys;
    for (;;) {
        double point = pick->area_all + next_unit(state) * (pick->area_first - pick->area_all);
        double x = area_inverse(theta, point);
        double k = floor(x + 0.5);
        k = k < 1 ? 1 : k > keys ? keys : k;
        if (k - x <= pick->surely_under || point >= area(theta, k + 0.5) - curve(theta, k))
            return (uint64_t)k - 1;
    }
}

/* ---- operations ---- */

void bench_pick_init(struct bench_pick *pick, const struct bench_pick_options *options)
{
    *pick = (struct bench_pick){.options = *options};
    if (options->distribution == BENCH_ZIPF)
        zipf_init(pick);
}

struct bench_operation bench_pick_at(const struct bench_pick *pick, uint64_t n)
{
    const struct bench_pick_options *options = &pick->options;
    uint64_t state = mix(mix(options->seed + UINT64_C(0x9e3779b97f4a7c15)) + n);
    struct bench_operation operation = {
        .is_put = next_below(&state, options->puts + options->gets) < options->puts};
    if (options->distribution == BENCH_SEQUENTIAL)
        operation.key = n % options->keys;
    else if (options->distribution == BENCH_UNIFORM)
        operation.key = next_below(&state, options->keys);
    else
        operation.key = zipf_next(pick, &state);
    return operation;
}

/* ---- as text ---- */

bool bench_distribution_parse(const char *text, enum bench_distribution *ret, double *ret_theta)
{
    static const char zipf[] = "zipf";
    double theta = 0.99;
    char *end = NULL;
    if (strcmp(text, "uniform") == 0) {
        *ret = BENCH_UNIFORM;
    } else if (strcmp(text, "sequential") == 0) {
        *ret = BENCH_SEQUENTIAL;
    } else if (strncmp(text, zipf, sizeof zipf - 1) == 0) {
        text += sizeof zipf - 1;
        if (*text == ':')
            theta = strtod(text + 1, &end);
        if (*text != '\0' && (end == NULL || end == text + 1 || *end != '\0'))
            return false;
        if (!(theta > 0 && theta <= 10))
            return false;
        *ret = BENCH_ZIPF;
        *ret_theta = theta;
    } else {
        return false;
    }
    return true;
}

void bench_distribution_print(enum bench_distribution distribution, double theta,
                              char ret[bench_distribution_size])
{
    static const char *const names[] = {
        [BENCH_UNIFORM] = "uniform", [BENCH_ZIPF] = "zipf", [BENCH_SEQUENTIAL] = "sequential"};
    int size = snprintf(ret, bench_distribution_size, "%s", names[distribution]);
    if (distribution == BENCH_ZIPF)
        snprintf(ret + size, bench_distribution_size - (size_t)size, ":%g", theta);
}

/* A whole number of at most a million, and what follows it; NULL where there is none. */
static const char *parse_share(const char *text, uint64_t *ret)
{
    char *end;
    if (*text < '0' || *text > '9')
        return NULL;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    return errno == 0 && *ret <= 1000000 ? end : NULL;
}

bool bench_ratio_parse(const char *text, uint64_t *ret_puts, uint64_t *ret_gets)
{
    uint64_t puts, gets;
    text = parse_share(text, &puts);
    if (text == NULL || *text != ':')
        return false;
    text = parse_share(text + 1, &gets);
    if (text == NULL || *text != '\0' || puts + gets == 0)
        return false;
    *ret_puts = puts;
    *ret_gets = gets;
    return true;
}
