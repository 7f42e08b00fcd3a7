/* SPDX-License-Identifier: Apache-2.0 */
/* The page runs of an address range that hold no data: free ones, warm (populated) or cold, and
 * lent ones: warm pages inside what somebody took, who may take them into use from the front.
 * Free neighbours of one state are always merged; lent runs never, for each belongs to an owner,
 * who finds it by its first page. All operations take constant time and, after runs_init, no memory
 * that could be refused, so that giving pages back never fails. Not thread-safe. */
#ifndef MEM_RUNS_H
#define MEM_RUNS_H

#include <stdbool.h>
#include <stdint.h>

enum run_state { RUN_WARM, RUN_COLD, RUN_LENT, run_states };

enum { runs_pages_max = 1 << 30, runs_bins = 240 };

struct run {
    uint32_t first;
    uint32_t pages;
};

struct run_tag;

struct runs {
    struct run_tag *tags;
    uint32_t pages; /* of the whole range */
    uint32_t pages_of[run_states];
    uint32_t heads[run_states][runs_bins];              /* the first page of a bin's first run */
    uint64_t filled[run_states][(runs_bins + 63) / 64]; /* a bit for each bin that isn't empty */
};

/* The whole range, at most runs_pages_max pages, is cold. False when there is no address space. */
bool runs_init(struct runs *runs, uint32_t pages);
void runs_done(struct runs *runs);

/* Cuts out `pages` pages: warm ones where a warm run is large enough, else a warm run and the cold
 * pages behind it, else cold ones. The first *ret_warm of them are warm. False when no run fits. */
bool runs_take(struct runs *runs, uint32_t pages, struct run *ret, uint32_t *ret_warm);

/* Frees a run that is in use, of any number of pages; or marks it as lent. */
void runs_give(struct runs *runs, struct run run, enum run_state state);

/* Marks as lent the pages of an extent that follow its committed or its lent ones. */
void runs_lengthen_lent(struct runs *runs, struct run run);

/* One of the largest runs of that state, and the lent or cold run that begins at `page`; 0 pages
 * when there is none. It can be cut until the next call. */
struct run runs_large(const struct runs *runs, enum run_state state);
struct run runs_lent(const struct runs *runs, uint32_t page);
struct run runs_cold(const struct runs *runs, uint32_t page);

/* Cuts at most `pages` pages off the front or the end of a run; they are in use then. */
struct run runs_cut_front(struct runs *runs, struct run run, uint32_t pages);
struct run runs_cut_end(struct runs *runs, struct run run, uint32_t pages);

/* Names the first broken invariant, NULL when there is none. For tests. */
const char *runs_check(const struct runs *runs);

#endif
