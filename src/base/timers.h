/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines: a binary heap of intrusive timers over a `now` that is passed in. Starting, moving and
 * stopping cost O(log n). One set belongs to one thread. */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"

struct timer {
    uint64_t due_ns;
    size_t slot; /* 1 + index in the heap; 0 = not running */
    void (*fire)(struct timer *timer, uint64_t now_ns);
};

struct timers {
    const struct alloc *alloc;
    struct timer **heap;
    size_t count;
    size_t capacity;
};

void timers_init(struct timers *timers, const struct alloc *alloc);
void timers_done(struct timers *timers);

/* Starts or moves a timer whose `fire` is set. False when out of memory: it then doesn't run. */
bool timers_start(struct timers *timers, struct timer *timer, uint64_t due_ns);
void timers_stop(struct timers *timers, struct timer *timer); /* also one that doesn't run */

/* When the next one is due; UINT64_MAX when none runs. */
uint64_t timers_due_ns(const struct timers *timers);

/* Fires all that are due. A timer is stopped before it fires, and may start itself again. */
void timers_tick(struct timers *timers, uint64_t now_ns);

#endif
