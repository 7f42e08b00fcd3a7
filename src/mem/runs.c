/* SPDX-License-Identifier: Apache-2.0 */
/* Boundary tags (Knuth, The Art of Computer Programming 1, 2.5, algorithm C), kept beside the pages
 * instead of in them: a free page must not be touched, and peers may map the pages one day.
 *
 *     pages   |  in use  |   warm run   |       cold run        |  in use  |
 *     tags     0 0 0 0 0  5 0 0 0 5      8 0 0 0 0 0 0 8         0 0 0 0
 *
 * The tag of a run's first and of its last page hold its length and state, every other tag has
 * length 0. So whoever frees a range sees the runs before and behind it at once, and whoever was
 * lent pages sees how many of them are left. One tag a page is a lot of address space and hardly
 * any memory: the system populates the table of tags where it is written, 4 KiB for each MiB in
 * which runs begin or end.
 *
 * Runs of one state and of about one size (eight bins to each power of two) are chained through
 * their first tag. A search looks through the bin of the size wanted, which may hold runs too small
 * for it, but no further than `scan_max`, and then takes the first run of the next bin filled. */
#include "mem/runs.h"

#include <stddef.h>
#include <sys/mman.h>

struct run_tag {
    uint32_t pages;
    uint32_t state;
    uint32_t prev, next; /* first pages of the neighbours in the bin */
};

enum { scan_max = 32 };

#define NO_PAGE UINT32_MAX

_Static_assert(sizeof(struct run_tag) == 16, "the head says 4 KiB a MiB");

static unsigned log2_floor(uint32_t n)
{
    return 31 - (unsigned)__builtin_clz(n);
}

static unsigned bin_of(uint32_t pages)
{
    if (pages < 8)
        return pages;
    unsigned log = log2_floor(pages);
    return (log - 2) * 8 + (pages >> (log - 3) & 7);
}

bool runs_init(struct runs *runs, uint32_t pages)
{
    void *tags = mmap(NULL, (size_t)pages * sizeof(struct run_tag), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (tags == MAP_FAILED)
        return false;
    *runs = (struct runs){.tags = tags, .pages = pages};
    for (unsigned state = 0; state < run_states; state++)
        for (unsigned bin = 0; bin < runs_bins; bin++)
            runs->heads[state][bin] = NO_PAGE;
    runs_give(runs, (struct run){0, pages}, RUN_COLD);
    return true;
}

void runs_done(struct runs *runs)
{
    if (runs->tags != NULL)
        munmap(runs->tags, (size_t)runs->pages * sizeof(struct run_tag));
    runs->tags = NULL;
}

/* ---- one run in its bin ---- */

static void link_run(struct runs *runs, struct run run, enum run_state state)
{
    unsigned bin = bin_of(run.pages);
    uint32_t *head = &runs->heads[state][bin];
    struct run_tag *last = &runs->tags[run.first + run.pages - 1];
    *last = (struct run_tag){run.pages, state, NO_PAGE, NO_PAGE};
    runs->tags[run.first] = (struct run_tag){run.pages, state, NO_PAGE, *head};
    if (*head != NO_PAGE)
        runs->tags[*head].prev = run.first;
    *head = run.first;
    runs->filled[state][bin / 64] |= UINT64_C(1) << bin % 64;
    runs->pages_of[state] += run.pages;
}

static void unlink_run(struct runs *runs, struct run run)
{
    struct run_tag *first = &runs->tags[run.first];
    unsigned bin = bin_of(run.pages);
    uint32_t *head = &runs->heads[first->state][bin];
    if (first->prev != NO_PAGE)
        runs->tags[first->prev].next = first->next;
    else
        *head = first->next;
    if (first->next != NO_PAGE)
        runs->tags[first->next].prev = first->prev;
    if (*head == NO_PAGE)
        runs->filled[first->state][bin / 64] &= ~(UINT64_C(1) << bin % 64);
    runs->pages_of[first->state] -= run.pages;
    runs->tags[run.first + run.pages - 1].pages = 0;
    first->pages = 0;
}

/* ---- search ---- */

static struct run run_at(const struct runs *runs, uint32_t first)
{
    return (struct run){first, first == NO_PAGE ? 0 : runs->tags[first].pages};
}

/* The lowest bin from `bin` on that isn't empty; runs_bins when there is none. */
static unsigned next_filled(const struct runs *runs, enum run_state state, unsigned bin)
{
    for (unsigned word = bin / 64; word * 64 < runs_bins; word++) {
        uint64_t bits = runs->filled[state][word];
        if (word == bin / 64)
            bits &= UINT64_MAX << bin % 64;
        if (bits != 0)
            return word * 64 + (unsigned)__builtin_ctzll(bits);
    }
    return runs_bins;
}

/* The smallest sufficient one of the first runs in the bin; 0 pages when there is none. */
static struct run best_of_bin(const struct runs *runs, enum run_state state, uint32_t pages)
{
    struct run best = {0, 0};
    uint32_t first = runs->heads[state][bin_of(pages)];
    for (unsigned i = 0; i < scan_max && first != NO_PAGE; i++) {
        struct run run = run_at(runs, first);
        if (run.pages >= pages && (best.pages == 0 || run.pages < best.pages))
            best = run;
        first = runs->tags[first].next;
    }
    return best;
}

static struct run find_fit(const struct runs *runs, enum run_state state, uint32_t pages)
{
    struct run run = best_of_bin(runs, state, pages);
    if (run.pages != 0)
        return run;
    unsigned bin = next_filled(runs, state, bin_of(pages) + 1);
    return bin == runs_bins ? (struct run){0, 0} : run_at(runs, runs->heads[state][bin]);
}

/* The first of the highest bin filled. */
struct run runs_large(const struct runs *runs, enum run_state state)
{
    for (unsigned word = (runs_bins + 63) / 64; word-- > 0;) {
        uint64_t bits = runs->filled[state][word];
        if (bits != 0) {
            unsigned bin = word * 64 + 63 - (unsigned)__builtin_clzll(bits);
            return run_at(runs, runs->heads[state][bin]);
        }
    }
    return (struct run){0, 0};
}

/* The run of that state that begins at `page`; 0 pages when there is none. */
static struct run run_behind(const struct runs *runs, uint32_t page, enum run_state state)
{
    if (page >= runs->pages || runs->tags[page].pages == 0 || runs->tags[page].state != state)
        return (struct run){page, 0};
    return run_at(runs, page);
}

/* The run of that state that ends before `page`. */
static struct run run_before(const struct runs *runs, uint32_t page, enum run_state state)
{
    if (page == 0 || runs->tags[page - 1].pages == 0 || runs->tags[page - 1].state != state)
        return (struct run){page, 0};
    return run_at(runs, page - runs->tags[page - 1].pages);
}

/* ---- taking and giving ---- */

struct run runs_lent(const struct runs *runs, uint32_t page)
{
    return run_behind(runs, page, RUN_LENT);
}

struct run runs_cold(const struct runs *runs, uint32_t page)
{
    return run_behind(runs, page, RUN_COLD);
}

struct run runs_cut_front(struct runs *runs, struct run run, uint32_t pages)
{
    enum run_state state = (enum run_state)runs->tags[run.first].state;
    unlink_run(runs, run);
    if (run.pages <= pages)
        return run;
    link_run(runs, (struct run){run.first + pages, run.pages - pages}, state);
    return (struct run){run.first, pages};
}

struct run runs_cut_end(struct runs *runs, struct run run, uint32_t pages)
{
    enum run_state state = (enum run_state)runs->tags[run.first].state;
    unlink_run(runs, run);
    if (run.pages <= pages)
        return run;
    link_run(runs, (struct run){run.first, run.pages - pages}, state);
    return (struct run){run.first + run.pages - pages, pages};
}

bool runs_take(struct runs *runs, uint32_t pages, struct run *ret, uint32_t *ret_warm)
{
    if (pages == 0) {
        *ret = (struct run){0, 0};
        *ret_warm = 0;
        return true;
    }
    struct run warm = find_fit(runs, RUN_WARM, pages);
    if (warm.pages == 0)
        warm = runs_large(runs, RUN_WARM);
    struct run cold = run_behind(runs, warm.first + warm.pages, RUN_COLD);
    if (warm.pages == 0 || warm.pages + cold.pages < pages) {
        cold = find_fit(runs, RUN_COLD, pages);
        warm = (struct run){cold.first, 0};
    }
    if (warm.pages + cold.pages < pages)
        return false;
    uint32_t from_warm = warm.pages < pages ? warm.pages : pages;
    if (from_warm > 0)
        runs_cut_front(runs, warm, from_warm);
    if (from_warm < pages)
        runs_cut_front(runs, cold, pages - from_warm);
    *ret = (struct run){warm.first, pages};
    *ret_warm = from_warm;
    return true;
}

/* Unlinks the neighbours of that state; the run with them. */
static struct run merge(struct runs *runs, struct run run, enum run_state state)
{
    struct run before = run_before(runs, run.first, state);
    struct run behind = run_behind(runs, run.first + run.pages, state);
    if (before.pages != 0) {
        unlink_run(runs, before);
        run = (struct run){before.first, before.pages + run.pages};
    }
    if (behind.pages != 0) {
        unlink_run(runs, behind);
        run.pages += behind.pages;
    }
    return run;
}

void runs_give(struct runs *runs, struct run run, enum run_state state)
{
    if (run.pages != 0)
        link_run(runs, state == RUN_LENT ? run : merge(runs, run, state), state);
}

void runs_lengthen_lent(struct runs *runs, struct run run)
{
    struct run before = run_before(runs, run.first, RUN_LENT);
    if (before.pages != 0) {
        unlink_run(runs, before);
        run = (struct run){before.first, before.pages + run.pages};
    }
    link_run(runs, run, RUN_LENT);
}

/* ---- invariants ---- */

static const char *check_run(const struct runs *runs, struct run run, enum run_state state,
                             unsigned bin)
{
    if (run.pages == 0 || run.pages > runs->pages || run.first > runs->pages - run.pages)
        return "a run leaves the range";
    const struct run_tag *first = &runs->tags[run.first];
    const struct run_tag *last = &runs->tags[run.first + run.pages - 1];
    if (first->state != state || bin_of(run.pages) != bin)
        return "a run is in the wrong bin";
    if (last->pages != run.pages || last->state != state)
        return "a run's last tag differs from its first";
    bool has_neighbour = run_before(runs, run.first, state).pages != 0 ||
                         run_behind(runs, run.first + run.pages, state).pages != 0;
    if (has_neighbour && state != RUN_LENT)
        return "two neighbours of one state are not merged";
    for (uint32_t page = run.first + 1; page + 1 < run.first + run.pages; page++)
        if (runs->tags[page].pages != 0)
            return "a tag inside a run";
    return NULL;
}

static const char *check_bin(const struct runs *runs, enum run_state state, unsigned bin,
                             uint64_t *pages)
{
    uint32_t prev = NO_PAGE, first = runs->heads[state][bin];
    bool is_filled = (runs->filled[state][bin / 64] >> bin % 64 & 1) != 0;
    if (is_filled != (first != NO_PAGE))
        return "a bin's bit is wrong";
    for (; first != NO_PAGE; prev = first, first = runs->tags[first].next) {
        struct run run = run_at(runs, first);
        const char *problem = check_run(runs, run, state, bin);
        if (problem != NULL)
            return problem;
        if (runs->tags[first].prev != prev)
            return "a bin's chain is broken";
        *pages += run.pages;
        if (*pages > runs->pages)
            return "more pages are in runs than there are";
    }
    return NULL;
}

const char *runs_check(const struct runs *runs)
{
    for (unsigned state = 0; state < run_states; state++) {
        uint64_t pages = 0;
        for (unsigned bin = 0; bin < runs_bins; bin++) {
            const char *problem = check_bin(runs, (enum run_state)state, bin, &pages);
            if (problem != NULL)
                return problem;
        }
        if (pages != runs->pages_of[state])
            return "the count of a state's pages is wrong";
    }
    return NULL;
}
