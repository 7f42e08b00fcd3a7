/* SPDX-License-Identifier: Apache-2.0 */
/* The clock seam: monotonic nanoseconds. A loop asks once a turn and passes `now` down; code below
 * never asks by itself. Tests bring a clock that they wind on. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
    uint64_t (*now_ns)(void *context);
    void *context;
};

const struct clock *clock_system(void); /* CLOCK_MONOTONIC */

static inline uint64_t clock_now_ns(const struct clock *clock)
{
    return clock->now_ns(clock->context);
}

/* Microseconds since 1970, for showing to people and peers; never for measuring. */
int64_t clock_wall_us(void);

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

#endif
