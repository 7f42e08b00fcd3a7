/* SPDX-License-Identifier: Apache-2.0 */
/* What the measuring programs share: the clock, how they end, and how they say many short times. */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Ends the process at once, also a forked one. */
static inline void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    _exit(1);
}

static inline void *must(void *memory)
{
    if (memory == NULL)
        die("out of memory");
    return memory;
}

static inline double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The line's words, at most so many of them; the rest of `words` stays as it is. */
static inline size_t split(char *line, char **words, size_t most)
{
    char *rest = NULL;
    size_t count = 0;
    for (char *word = strtok_r(line, " \n", &rest); word != NULL && count < most;
         word = strtok_r(NULL, " \n", &rest))
        words[count++] = word;
    return count;
}

static inline int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The least of the sorted times that `per_mille` of them don't pass. */
static inline double quantile(const double *sorted, size_t count, size_t per_mille)
{
    size_t rank = (count * per_mille + 999) / 1000;
    return sorted[rank > 0 ? rank - 1 : 0];
}

/* Sorts them, and prints "latency P50 P99 P99.9 MAX SUM COUNT" and the rest of the line. */
static inline void print_latencies(double *seconds, size_t count, const char *rest)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += seconds[i];
    qsort(seconds, count, sizeof *seconds, compare_doubles);
    printf("latency %.9f %.9f %.9f %.9f %.9f %zu%s\n", quantile(seconds, count, 500),
           quantile(seconds, count, 990), quantile(seconds, count, 999), seconds[count - 1], sum,
           count, rest);
}

#endif
