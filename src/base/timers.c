/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timers.h"

#include <assert.h>

void timers_init(struct timers *timers, const struct alloc *alloc)
{
    *timers = (struct timers){.alloc = alloc};
}

void timers_done(struct timers *timers)
{
    for (size_t i = 0; i < timers->count; i++)
        timers->heap[i]->slot = 0;
    if (timers->alloc != NULL)
        alloc_free(timers->alloc, timers->heap);
    timers->heap = NULL;
    timers->count = timers->capacity = 0;
}

static void place(struct timers *timers, size_t index, struct timer *timer)
{
    timers->heap[index] = timer;
    timer->slot = index + 1;
}

static void sift_up(struct timers *timers, size_t index, struct timer *timer)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (timers->heap[parent]->due_ns <= timer->due_ns)
            break;
        place(timers, index, timers->heap[parent]);
        index = parent;
    }
    place(timers, index, timer);
}

static void sift_down(struct timers *timers, size_t index, struct timer *timer)
{
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= timers->count)
            break;
        if (child + 1 < timers->count &&
            timers->heap[child + 1]->due_ns < timers->heap[child]->due_ns)
            child++;
        if (timer->due_ns <= timers->heap[child]->due_ns)
            break;
        place(timers, index, timers->heap[child]);
        index = child;
    }
    place(timers, index, timer);
}

bool timers_start(struct timers *timers, struct timer *timer, uint64_t due_ns)
{
    assert(timer->fire != NULL);
    timers_stop(timers, timer);
    if (timers->count == timers->capacity) {
        size_t capacity = timers->capacity == 0 ? 16 : timers->capacity * 2;
        struct timer **heap =
            alloc_resize(timers->alloc, timers->heap, capacity * sizeof(struct timer *));
        if (heap == NULL)
            return false;
        timers->heap = heap;
        timers->capacity = capacity;
    }
    timer->due_ns = due_ns;
    timers->count++;
    sift_up(timers, timers->count - 1, timer);
    return true;
}

void timers_stop(struct timers *timers, struct timer *timer)
{
    if (timer->slot == 0)
        return;
    size_t index = timer->slot - 1;
    assert(index < timers->count && timers->heap[index] == timer);
    timer->slot = 0;
    struct timer *last = timers->heap[--timers->count];
    if (last == timer)
        return;
    sift_down(timers, index, last);
    sift_up(timers, last->slot - 1, last);
}

uint64_t timers_due_ns(const struct timers *timers)
{
    return timers->count == 0 ? UINT64_MAX : timers->heap[0]->due_ns;
}

void timers_tick(struct timers *timers, uint64_t now_ns)
{
    while (timers->count > 0 && timers->heap[0]->due_ns <= now_ns) {
        struct timer *timer = timers->heap[0];
        timers_stop(timers, timer);
        timer->fire(timer, now_ns);
    }
}
