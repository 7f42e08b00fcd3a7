/* SPDX-License-Identifier: Apache-2.0 */
/* Which cold pages are to be populated before their owners come to them: a few runs, one an extent,
 * of which the extents' pieces are taken in turn. Bookkeeping only; the arena's lock guards it, and
 * its thread does the work. */
#ifndef MEM_AHEAD_H
#define MEM_AHEAD_H

#include "mem/runs.h"

/* More extents than that filling at once have cold pages populated by their own threads. */
enum { ahead_runs_max = 16 };

struct ahead {
    struct run runs[ahead_runs_max]; /* the one to be served next first */
    unsigned count;
};

/* Adds a run that isn't empty. When there are too many, it is left out. */
void ahead_add(struct ahead *ahead, struct run run);

/* Removes all runs that begin in `extent`. */
void ahead_forget(struct ahead *ahead, struct run extent);

/* Takes the pages up to the next multiple of `pages` off the first run, which then is the last one;
 * 0 pages when there is none. */
struct run ahead_take(struct ahead *ahead, uint32_t pages);

#endif
