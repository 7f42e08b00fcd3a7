/* SPDX-License-Identifier: Apache-2.0 */
/* The free page runs of an address range, each warm (its pages are populated) or cold. Neighbours
 * of one state are always merged. All operations take constant time and, after runs_init, no memory
 * that could be refused, so that giving pages back never fails. Not thread-safe. */
#ifndef MEM_RUNS_H
#define MEM_RUNS_H

#include <stdbool.h>
#include <stdint.h>

enum run_state { RUN_WARM, RUN_COLD, run_states };

enum { runs_pages_max = 1 << 30, runs_bins = 240 };

struct run {
    uint32_t first;
    uint32_t pages;
};

struct run_tag;

struct runs {
    struct run_tag *tags;
    uint32_t pages; /* of the whole range */
    uint32_t free_pages[run_states];
    uint32_t heads[run_states][runs_bins];              /* the first page of a bin's first run */
    uint64_t filled[run_states][(runs_bins + 63) / 64]; /* a bit for each bin that isn't empty */
};

/* The whole range, at most runs_pages_max pages, is cold. False when there is no address space. */
bool runs_init(struct runs *runs, uint32_t pages);
void runs_done(struct runs *runs);

/* Cuts out `pages` pages: warm ones where a warm run is large enough, else a warm run and the cold
 * pages behind it, else cold ones. The first *ret_warm of them are warm. False when no run fits. */
bool runs_take(struct runs *runs, uint32_t pages, struct run *ret, uint32_t *ret_warm);

/* Cuts at most `pages_max` pages off the end of one of the largest warm runs; 0 pages when none. */
struct run runs_take_warm(struct runs *runs, uint32_t pages_max);

/* Frees a run that isn't free, of any number of pages. */
void runs_give(struct runs *runs, struct run run, enum run_state state);

/* Names the first broken invariant, NULL when there is none. For tests. */
const char *runs_check(const struct runs *runs);

#endif
