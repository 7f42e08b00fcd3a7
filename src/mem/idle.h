/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory that is kept ready nobody has needed of late, by its low-water mark: of the least
 * that there was during a time, nobody needed any. A time stamp on each run of pages would be
 * renewed by every small extent that is cut from a large run and merged with it again. */
#ifndef MEM_IDLE_H
#define MEM_IDLE_H

#include <stdint.h>

/* So many windows, each with its own mark, are looked back at, and the one that has begun comes
 * first: all of them together last `ns`, so that nothing stays longer. */
enum { idle_windows = 4 };

struct idle {
    uint64_t ns;                      /* how long memory must lie unused to be idle */
    uint64_t bytes[1 + idle_windows]; /* the least of each window, the newest first */
    uint64_t window_start_ns;
};

/* After memory was taken: so much is left. */
void idle_lower(struct idle *idle, uint64_t left_bytes);

/* After memory was given back to the system, which is what was idle: the rest is no more idle than
 * before. */
void idle_drop(struct idle *idle, uint64_t bytes);

/* Begins a new window when its time has come. */
void idle_turn(struct idle *idle, uint64_t ready_bytes, uint64_t now_ns);

uint64_t idle_bytes(const struct idle *idle);

#endif
