/* SPDX-License-Identifier: Apache-2.0 */
/* For cutting views, list views, dense unions and run-end encoded columns, in memory and in IPC
 * messages: what a range of rows spans in a buffer or child. */
#ifndef IPC_SPAN_H
#define IPC_SPAN_H

#include <stdint.h>

enum { type_ids_max = 128, view_inline_max = 12, view_size = 16 };

/* A range that grows; empty while last < first. */
struct span {
    int64_t first;
    int64_t last;
};

static const struct span span_empty = {.first = INT64_MAX, .last = 0};

static inline void span_add(struct span *span, int64_t first, int64_t last)
{
    if (first < span->first)
        span->first = first;
    if (last > span->last)
        span->last = last;
}

static inline struct span span_or_zero(struct span span)
{
    return span.last < span.first ? (struct span){0, 0} : span;
}

#endif
