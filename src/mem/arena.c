/* SPDX-License-Identifier: Apache-2.0 */
/* One memfd, one shared map, and the runs of its pages without data (runs.h). What is counted, in
 * bytes:
 *
 *     used       committed pages of extents, and what arena_charge counts
 *     warm       free pages that are populated
 *     lent       populated pages of extents, not yet committed
 *     settling   pages being punched, or populated though no extent has them: neither free nor
 *                in an extent while the lock is open for it
 *     rising     pages of an extent being populated by the thread, outside the lock
 *
 * Invariants, at every unlock:
 *   1. used + warm + lent + settling + rising <= budget
 *   2. every populated page is in one of the five, so the file's blocks never pass them
 *   3. pages of extents + free pages + settling ones = all pages
 *   4. an extent has at most one lent run, which begins where its committed pages end
 *   5. rising pages, and those to be populated next (ahead.h), follow the lent ones of their
 *      extent, or the committed ones where nothing is lent
 *
 * arena_take lends what is warm of the run that it hands out, and arena_commit takes that into use
 * step by step, for which no room need be made. So a peer that announces a large body and sends
 * nothing keeps address space from others, not memory: what make_room lacks it takes from the lent
 * pages.
 *
 * The map is a multiple of the budget, so that finding a contiguous run is not what limits; address
 * space costs nothing until it is touched. Pages are populated by arena_commit, fallocate(2) first:
 * it fails where a first touch would raise SIGBUS. A block that an extent begins, or goes on in, is
 * populated to its end, where it can be a huge page then: what is beyond the extent is warm. */
#include "mem/arena.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/condition.h"
#include "base/status.h"
#include "base/text.h"
#include "mem/ahead.h"
#include "mem/idle.h"
#include "mem/pages.h"
#include "mem/refusal.h"
#include "mem/runs.h"

/* The reserve's thread rests between two steps, and longer where extents are filling. */
enum { fill_rest_ns = 1000000, fill_rest_busy_ns = 20000000 };

/* Punching 4 MiB takes about a millisecond; whoever waits for room may have to wait for that. */
enum { punch_step_most = 4 << 20, punch_step_least = 1 << 20 };

/* A part of a huge page can't be punched while another process is just mapping some of it. */
enum { punch_tries = 20, punch_rest_ns = 1000000 };

/* Steps end where blocks do, so that these can be huge pages. */
enum { block_pages = pages_block_bytes / arena_page_bytes };

#define MAP_FACTOR 16
#define MAP_BYTES_LEAST (UINT64_C(1) << 30)
#define MAP_BYTES_MOST ((uint64_t)runs_pages_max * arena_page_bytes)
#define WARM_BYTES_DEFAULT (UINT64_C(64) << 20)
#define WARM_IDLE_DEFAULT (60 * NS_PER_S)

struct arena {
    const struct alloc *alloc;
    struct arena_options options;
    struct pages pages;
    atomic_uint_fast64_t stored_bytes; /* of used_bytes, those of tables */

    pthread_t thread; /* populates ahead and fills the reserve, if there is one */
    bool has_thread;

    pthread_mutex_t lock;   /* guards all below */
    pthread_cond_t settled; /* no longer settling, or rising */
    pthread_cond_t asked;   /* ahead has something, the reserve is to be filled, or the end */
    struct runs runs;
    struct ahead ahead;
    struct run rising;
    bool is_reserve_rising; /* some of its pages are settling */
    bool is_filling;        /* the reserve: until it is full, or something was in its way */
    bool is_busy;           /* an extent was taken or grew since the reserve's last step */
    bool is_ending;
    uint64_t used_bytes;
    uint64_t settling_bytes;
    uint64_t extent_pages;

    struct idle idle;            /* of the warm bytes */
    uint64_t recent_table_bytes; /* the largest of late */
    uint64_t recent_until_ns;
};

/* ---- the file and its map ---- */

/* At most a page over `bytes`; bytes <= SIZE_MAX - page. */
static size_t whole_pages(size_t bytes)
{
    return (bytes + arena_page_bytes - 1) / arena_page_bytes * arena_page_bytes;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t beyond(uint64_t bytes, uint64_t bound)
{
    return bytes > bound ? bytes - bound : 0;
}

static size_t run_bytes(struct run run)
{
    return (size_t)run.pages * arena_page_bytes;
}

static size_t run_offset(struct run run)
{
    return (size_t)run.first * arena_page_bytes;
}

/* Of a run's pages, those of the first step. */
static uint32_t step_pages(struct run run)
{
    return (uint32_t)smaller(run.pages, block_pages - run.first % block_pages);
}

static uint64_t map_bytes_wanted(uint64_t budget_bytes)
{
    uint64_t bytes =
        budget_bytes > MAP_BYTES_MOST / MAP_FACTOR ? MAP_BYTES_MOST : budget_bytes * MAP_FACTOR;
    return whole_pages(bytes < MAP_BYTES_LEAST ? MAP_BYTES_LEAST : bytes);
}

static enum fkv_status open_pages(struct arena *arena, struct fkv_error *error)
{
    char figure[text_figure_size];
    uint64_t bytes = map_bytes_wanted(arena->options.budget_bytes);
    if (!pages_open(&arena->pages, bytes, arena->options.budget_bytes,
                    arena->options.huge_pages_clock) ||
        !runs_init(&arena->runs, (uint32_t)(arena->pages.size / arena_page_bytes)))
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "could not map a memory file of %s for the tables: %s",
                          text_size(figure, bytes), strerror(errno));
    return FKV_OK;
}

/* ---- the thread that populates ahead ---- */

static uint64_t warm_bytes(const struct arena *arena)
{
    return (uint64_t)arena->runs.pages_of[RUN_WARM] * arena_page_bytes;
}

static uint64_t lent_bytes(const struct arena *arena)
{
    return (uint64_t)arena->runs.pages_of[RUN_LENT] * arena_page_bytes;
}

/* All that the budget bounds. */
static uint64_t counted_bytes(const struct arena *arena)
{
    return arena->used_bytes + warm_bytes(arena) + lent_bytes(arena) + arena->settling_bytes +
           run_bytes(arena->rising);
}

/* Whether so much more can be populated without punching anything. */
static bool has_room(const struct arena *arena, uint64_t bytes)
{
    return counted_bytes(arena) + bytes <= arena->options.budget_bytes;
}

/* ---- populating a part of an extent ---- */

/* Of a block whose first pages alone are an extent's, the others, if they are free and cold: with
 * them it can be a huge page. None where huge pages don't pay. */
static struct run take_spare(struct arena *arena, struct run part)
{
    uint32_t missing = block_pages - part.pages % block_pages;
    struct run behind = runs_cold(&arena->runs, part.first + part.pages);
    if (part.first % block_pages != 0 || missing == block_pages || behind.pages < missing ||
        !has_room(arena, (uint64_t)missing * arena_page_bytes) || !pages_try_huge(&arena->pages))
        return (struct run){0, 0};
    arena->settling_bytes += (uint64_t)missing * arena_page_bytes;
    return runs_cut_front(&arena->runs, behind, missing);
}

static void give_settled(struct arena *arena, struct run run, bool is_populated)
{
    arena->settling_bytes -= run_bytes(run);
    runs_give(&arena->runs, run, is_populated ? RUN_WARM : RUN_COLD);
    pthread_cond_broadcast(&arena->settled);
}

/* Outside the lock. Whether the spare pages are populated too is another question. */
static bool populate(struct arena *arena, struct run part, struct run spare, bool *ret_has_spare)
{
    *ret_has_spare = spare.pages > 0 && pages_populate_huge(&arena->pages, run_offset(part));
    return *ret_has_spare || pages_populate(&arena->pages, run_offset(part), run_bytes(part));
}

/* By the thread: populates pages of an extent and lends them to it. */
static void raise_ahead(struct arena *arena, struct run run)
{
    bool is_done = false, has_spare;
    if (has_room(arena, run_bytes(run))) {
        arena->rising = run;
        struct run spare = take_spare(arena, run);

        pthread_mutex_unlock(&arena->lock);
        is_done = populate(arena, run, spare, &has_spare);
        pthread_mutex_lock(&arena->lock);

        arena->rising.pages = 0;
        give_settled(arena, spare, has_spare);
    }
    if (is_done)
        runs_lengthen_lent(&arena->runs, run);
    else
        arena->ahead.count = 0; /* their owners hear it from the system themselves */
}

static uint64_t reserve_missing_pages(const struct arena *arena)
{
    return beyond(arena->options.reserve_bytes, warm_bytes(arena)) / arena_page_bytes;
}

/* Populates the reserve's next pages, those behind the last ones, so that they make a long run. */
static void raise_reserve(struct arena *arena)
{
    struct run run = runs_large(&arena->runs, RUN_COLD);
    uint32_t pages = (uint32_t)smaller(reserve_missing_pages(arena), step_pages(run));
    arena->is_filling = pages > 0 && has_room(arena, (uint64_t)pages * arena_page_bytes);
    if (!arena->is_filling)
        return;
    run = runs_cut_front(&arena->runs, run, pages);
    arena->settling_bytes += run_bytes(run);
    arena->is_reserve_rising = true;

    pthread_mutex_unlock(&arena->lock);
    bool is_done = pages_populate(&arena->pages, run_offset(run), run_bytes(run));
    pthread_mutex_lock(&arena->lock);

    arena->is_reserve_rising = false;
    give_settled(arena, run, is_done);
    arena->is_filling = is_done && reserve_missing_pages(arena) > 0;
}

/* A step of the reserve, unless others need the processor for their memory. */
static void fill(struct arena *arena)
{
    bool was_busy = arena->is_busy;
    arena->is_busy = false;
    if (!was_busy)
        raise_reserve(arena);
    if (arena->is_filling)
        condition_wait(&arena->asked, &arena->lock, was_busy ? fill_rest_busy_ns : fill_rest_ns);
}

static void *populate_pages(void *context)
{
    struct arena *arena = context;
    pthread_mutex_lock(&arena->lock);
    while (!arena->is_ending) {
        struct run run = ahead_take(&arena->ahead, block_pages);
        if (run.pages != 0)
            raise_ahead(arena, run);
        else if (arena->is_filling)
            fill(arena);
        else
            pthread_cond_wait(&arena->asked, &arena->lock);
    }
    pthread_mutex_unlock(&arena->lock);
    return NULL;
}

/* Signals are for the program's other threads. */
static bool start_thread(struct arena *arena)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_started = pthread_create(&arena->thread, NULL, populate_pages, arena) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return is_started;
}

static void end_thread(struct arena *arena)
{
    pthread_mutex_lock(&arena->lock);
    arena->is_ending = true;
    pthread_cond_signal(&arena->asked);
    pthread_mutex_unlock(&arena->lock);
    pthread_join(arena->thread, NULL);
}

/* `what` of so many bytes doesn't fit, at a time when so many were used. */
static enum fkv_status refuse(const struct arena *arena, const char *what, uint64_t bytes,
                              uint64_t used, struct fkv_error *error)
{
    const struct refusal refusal = {.what = what,
                                    .bytes = bytes,
                                    .used_bytes = used,
                                    .stored_bytes = atomic_load(&arena->stored_bytes),
                                    .budget_bytes = arena->options.budget_bytes,
                                    .holders = arena->options.holders};
    return refusal_set(&refusal, error);
}

/* ---- making and freeing ---- */

enum fkv_status arena_new(const struct alloc *alloc, const struct arena_options *options,
                          struct arena **ret, struct fkv_error *error)
{
    char figure[text_figure_size], most[text_figure_size];
    if (options->budget_bytes > MAP_BYTES_MOST)
        return status_set(
            error, FKV_INVALID_ARGUMENT, "a memory budget of %s is too large, expected at most %s",
            text_size(figure, options->budget_bytes), text_size(most, MAP_BYTES_MOST));
    struct arena *arena = alloc_zero(alloc, sizeof *arena);
    if (arena == NULL)
        return status_no_memory(error, sizeof *arena);
    arena->alloc = alloc;
    arena->options = *options;
    arena->idle.ns = options->warm_idle_ns != 0 ? options->warm_idle_ns : WARM_IDLE_DEFAULT;
    pthread_mutex_init(&arena->lock, NULL);
    condition_init(&arena->settled);
    condition_init(&arena->asked);
    enum fkv_status status = open_pages(arena, error);
    if (status != FKV_OK) {
        arena_free(arena);
        return status;
    }
    arena->is_filling = options->reserve_bytes > 0;
    if (arena->is_filling || options->ahead_bytes_max > 0) /* without the thread, only slower */
        arena->has_thread = start_thread(arena);
    *ret = arena;
    return FKV_OK;
}

void arena_free(struct arena *arena)
{
    if (arena == NULL)
        return;
    if (arena->has_thread)
        end_thread(arena);
    assert(arena->used_bytes == 0 && arena->extent_pages == 0 && arena->settling_bytes == 0);
    runs_done(&arena->runs);
    pages_close(&arena->pages);
    pthread_cond_destroy(&arena->settled);
    pthread_cond_destroy(&arena->asked);
    pthread_mutex_destroy(&arena->lock);
    alloc_free(arena->alloc, arena);
}

/* ---- warm pages: counting and punching; all under the lock ---- */

/* Of a run, about `bytes` bytes at its end: whole blocks, where it has any, for a part of one may
 * be of a huge page that can't be split. */
static struct run punch_step(struct run run, uint64_t bytes)
{
    if (bytes < punch_step_least)
        bytes = punch_step_least;
    if (bytes > punch_step_most)
        bytes = punch_step_most;
    uint32_t pages =
        (uint32_t)smaller(run.pages, (bytes + arena_page_bytes - 1) / arena_page_bytes);
    uint32_t first = run.first + run.pages - pages, partial = first % block_pages;
    pages += first - run.first < partial ? first - run.first : partial;
    return (struct run){run.first + run.pages - pages, pages};
}

/* Which pages of a step are there still. */
struct punched {
    uint8_t is_there[(punch_step_most + pages_block_bytes) / arena_page_bytes];
};

/* Gives what was punched back, cold or warm as it is; how many bytes are gone. */
static uint64_t give_punched(struct arena *arena, struct run run, const struct punched *punched)
{
    uint64_t gone = 0;
    for (uint32_t from = 0, to; from < run.pages; from = to) {
        bool is_there = punched->is_there[from];
        for (to = from + 1; to < run.pages && punched->is_there[to] == is_there; to++) {
        }
        struct run part = {run.first + from, to - from};
        runs_give(&arena->runs, part, is_there ? RUN_WARM : RUN_COLD);
        gone += is_there ? 0 : run_bytes(part);
    }
    return gone;
}

/* Punches one warm run, about `bytes` bytes of it, with the lock open meanwhile. Gives how many; 0
 * when there was none or the system refused. */
static uint64_t punch_warm(struct arena *arena, uint64_t bytes)
{
    struct punched punched;
    struct run run = runs_large(&arena->runs, RUN_WARM);
    if (run.pages == 0)
        return 0;
    run = runs_cut_end(&arena->runs, run, punch_step(run, bytes).pages);
    arena->settling_bytes += run_bytes(run);
    idle_drop(&arena->idle, run_bytes(run));

    pthread_mutex_unlock(&arena->lock);
    pages_punch(&arena->pages, run_offset(run), run_bytes(run), punched.is_there);
    pthread_mutex_lock(&arena->lock);

    arena->settling_bytes -= run_bytes(run);
    uint64_t gone = give_punched(arena, run, &punched);
    pthread_cond_broadcast(&arena->settled);
    return gone;
}

/* The same for the largest lent run: its last pages become cold ones of its extent, but no block
 * that it shares with others together with the one before. The lock stays closed, because the
 * extent's owner may commit or give back these very pages meanwhile; a step is about a millisecond.
 * Nothing may be rising, and nothing is populated ahead any more: it would not follow what is lent.
 */
static uint64_t punch_lent(struct arena *arena, uint64_t bytes)
{
    struct punched punched;
    struct run run = runs_large(&arena->runs, RUN_LENT);
    if (run.pages == 0)
        return 0;
    struct run end = punch_step(run, bytes);
    uint32_t shared = (run.first + run.pages) % block_pages;
    if (shared > 0 && shared < end.pages)
        end = (struct run){run.first + run.pages - shared, shared};
    pages_punch(&arena->pages, run_offset(end), run_bytes(end), punched.is_there);
    arena->ahead.count = 0;
    uint32_t gone = 0;
    while (gone < end.pages && !punched.is_there[end.pages - 1 - gone])
        gone++;
    runs_cut_end(&arena->runs, run, gone);
    return (uint64_t)gone * arena_page_bytes;
}

/* Makes `bytes` more bytes fit the budget, at the cost of warm pages, free ones first; they may be
 * counted as used at once. */
static bool make_room(struct arena *arena, uint64_t bytes)
{
    const uint64_t budget = arena->options.budget_bytes;
    unsigned tries = 0;
    for (;;) {
        if (bytes > budget || arena->used_bytes > budget - bytes)
            return false;
        if (has_room(arena, bytes))
            return true;
        uint64_t wanted = arena->used_bytes + bytes + warm_bytes(arena) + lent_bytes(arena);
        arena->is_filling = false;
        if (wanted > budget && punch_warm(arena, wanted - budget) != 0)
            continue;
        arena->ahead.count = 0; /* what is lent is the next to go */
        if (wanted <= budget || arena->rising.pages != 0)
            pthread_cond_wait(&arena->settled, &arena->lock);
        else if (punch_lent(arena, wanted - budget) == 0) {
            if (++tries == punch_tries)
                return false;
            condition_wait(&arena->settled, &arena->lock, punch_rest_ns);
        }
    }
}

/* ---- extents ---- */

static struct run run_of(const struct arena *arena, const uint8_t *data, size_t size)
{
    return (struct run){(uint32_t)((size_t)(data - arena->pages.base) / arena_page_bytes),
                        (uint32_t)(size / arena_page_bytes)};
}

/* Takes a run of free pages. Where warm and cold ones alternate so that no run fits, punching makes
 * longer ones. */
static enum fkv_status take_pages(struct arena *arena, size_t size, struct run *ret,
                                  uint32_t *ret_warm, struct fkv_error *error)
{
    const uint64_t budget = arena->options.budget_bytes;
    size_t pages = size > arena->pages.size ? SIZE_MAX : whole_pages(size) / arena_page_bytes;
    do {
        if (pages > (budget - arena->used_bytes) / arena_page_bytes)
            return refuse(arena, "a body of", size, arena->used_bytes, error);
        if (runs_take(&arena->runs, (uint32_t)pages, ret, ret_warm))
            return FKV_OK;
    } while (punch_warm(arena, punch_step_most) != 0);
    char figure[text_figure_size];
    return status_set(error, FKV_RESOURCE_EXHAUSTED,
                      "a body of %s does not fit: no free stretch of address space is that long",
                      text_size(figure, size));
}

enum fkv_status arena_take(struct arena *arena, size_t size, struct arena_extent *ret,
                           struct fkv_error *error)
{
    struct run run;
    uint32_t warm;
    pthread_mutex_lock(&arena->lock);
    arena->is_busy = true;
    while (arena->is_reserve_rising) /* between warm pages and the cold ones behind them */
        pthread_cond_wait(&arena->settled, &arena->lock);
    enum fkv_status status = take_pages(arena, size, &run, &warm, error);
    if (status == FKV_OK) {
        arena->extent_pages += run.pages;
        runs_give(&arena->runs, (struct run){run.first, warm}, RUN_LENT);
        idle_lower(&arena->idle, warm_bytes(arena));
    }
    pthread_mutex_unlock(&arena->lock);
    if (status == FKV_OK)
        *ret = (struct arena_extent){.data = arena->pages.base + run_offset(run),
                                     .size = (size_t)run.pages * arena_page_bytes};
    return status;
}

/* What is left of the pages lent to the extent; 0 pages when nothing. Under the lock. */
static struct run lent_of(const struct arena *arena, const struct arena_extent *extent)
{
    struct run rest = run_of(arena, extent->data + extent->charged, extent->size - extent->charged);
    return rest.pages == 0 ? rest : runs_lent(&arena->runs, rest.first);
}

/* Waits until no page between the two is rising; first of all, the thread shall not begin anew. */
static void settle(struct arena *arena, struct run part)
{
    while (arena->rising.pages != 0 && arena->rising.first - part.first < part.pages)
        pthread_cond_wait(&arena->settled, &arena->lock);
}

/* What an extent grows by at once. */
struct step {
    struct run part; /* no pages: there was no room */
    struct run spare;
    bool is_warm;
    uint64_t used_bytes; /* before */
};

/* Counts the extent's next pages as used: those lent to it, else cold ones, of which only `least`
 * bytes when there is no room for more. */
static struct step charge_step(struct arena *arena, const struct arena_extent *extent, size_t least)
{
    struct run rest = run_of(arena, extent->data + extent->charged, extent->size - extent->charged);
    struct run next = {rest.first, 1};
    struct step step = {.part = {rest.first, step_pages(rest)}};
    pthread_mutex_lock(&arena->lock);
    arena->is_busy = true;
    settle(arena, next);
    struct run lent = lent_of(arena, extent);
    step.is_warm = lent.pages != 0;
    if (!step.is_warm) /* nobody shall populate what this thread is about to */
        ahead_forget(&arena->ahead, next);
    if (step.is_warm)
        step.part = runs_cut_front(&arena->runs, lent, block_pages);
    else if (!make_room(arena, run_bytes(step.part))) {
        least = smaller(least, run_bytes(step.part));
        step.part.pages = make_room(arena, least) ? (uint32_t)(least / arena_page_bytes) : 0;
    }
    step.used_bytes = arena->used_bytes;
    arena->used_bytes += run_bytes(step.part);
    if (!step.is_warm && step.part.pages > 0)
        step.spare = take_spare(arena, step.part);
    pthread_mutex_unlock(&arena->lock);
    return step;
}

/* Populates what was charged; on failure nothing is charged any more. */
static bool populate_step(struct arena *arena, const struct step *step)
{
    bool has_spare;
    bool is_done = populate(arena, step->part, step->spare, &has_spare);
    if (is_done && step->spare.pages == 0)
        return true;
    int reason = errno;
    pthread_mutex_lock(&arena->lock);
    give_settled(arena, step->spare, has_spare);
    if (!is_done)
        arena->used_bytes -= run_bytes(step->part);
    pthread_mutex_unlock(&arena->lock);
    errno = reason;
    return is_done;
}

/* Has the pages behind those lent populated, as far ahead as is allowed. */
static void look_ahead(struct arena *arena, const struct arena_extent *extent)
{
    const uint64_t most = arena->options.ahead_bytes_max;
    uint64_t distance = extent->charged < most ? extent->charged : most;
    size_t end = extent->charged + smaller(extent->size - extent->charged, (size_t)distance);
    struct run whole = run_of(arena, extent->data, extent->size);
    pthread_mutex_lock(&arena->lock);
    size_t from = extent->charged + run_bytes(lent_of(arena, extent));
    if (from < end && arena->rising.pages != 0 &&
        arena->rising.first == run_of(arena, extent->data + from, 0).first)
        from += run_bytes(arena->rising);
    ahead_forget(&arena->ahead, whole);
    struct run next = run_of(arena, extent->data + from, from < end ? end - from : 0);
    if (end < extent->size) /* half a step now would be the end of the huge page */
        next.pages -= (uint32_t)smaller(next.pages, (next.first + next.pages) % block_pages);
    if (next.pages > 0) {
        ahead_add(&arena->ahead, next);
        pthread_cond_signal(&arena->asked);
    }
    pthread_mutex_unlock(&arena->lock);
}

enum fkv_status arena_commit(struct arena *arena, struct arena_extent *extent, size_t bytes,
                             struct fkv_error *error)
{
    assert(bytes <= extent->size);
    while (extent->charged < bytes) {
        size_t least = smaller(whole_pages(bytes - extent->charged), arena_charge_ahead);
        struct step step = charge_step(arena, extent, least);
        if (step.part.pages == 0)
            return refuse(arena, "a further", least, step.used_bytes, error);
        if (!step.is_warm && !populate_step(arena, &step)) {
            char figure[text_figure_size];
            return status_set(error, FKV_RESOURCE_EXHAUSTED,
                              "the system has no %s of memory to give: %s",
                              text_size(figure, run_bytes(step.part)), strerror(errno));
        }
        extent->charged += run_bytes(step.part);
        if (arena->has_thread)
            look_ahead(arena, extent);
    }
    return FKV_OK;
}

/* From byte `from` of the extent to byte `to`. */
static void give_part(struct arena *arena, const struct arena_extent *extent, size_t from,
                      size_t to, enum run_state state)
{
    runs_give(&arena->runs, run_of(arena, extent->data + from, to - from), state);
}

void arena_shrink(struct arena *arena, struct arena_extent *extent, size_t bytes)
{
    assert(bytes <= extent->size);
    size_t kept = whole_pages(bytes);
    if (kept == extent->size)
        return;
    size_t kept_charged = smaller(extent->charged, kept);
    struct run whole = run_of(arena, extent->data, extent->size);
    pthread_mutex_lock(&arena->lock);
    ahead_forget(&arena->ahead, whole);
    settle(arena, whole);
    struct run lent = lent_of(arena, extent);
    if (lent.pages != 0)
        runs_cut_front(&arena->runs, lent, lent.pages);
    size_t populated = extent->charged + run_bytes(lent);
    size_t kept_populated = smaller(populated, kept);
    give_part(arena, extent, kept_charged, kept_populated, RUN_LENT);
    give_part(arena, extent, kept, kept + populated - kept_populated, RUN_WARM);
    give_part(arena, extent, kept + populated - kept_populated, extent->size, RUN_COLD);
    arena->used_bytes -= extent->charged - kept_charged;
    arena->extent_pages -= (extent->size - kept) / arena_page_bytes;
    pthread_mutex_unlock(&arena->lock);
    extent->size = kept;
    extent->charged = kept_charged;
}

void arena_give(struct arena *arena, struct arena_extent *extent)
{
    arena_shrink(arena, extent, 0);
    *extent = (struct arena_extent){0};
}

/* ---- heap memory of the user ---- */

enum fkv_status arena_charge(struct arena *arena, size_t bytes, struct fkv_error *error)
{
    pthread_mutex_lock(&arena->lock);
    uint64_t used = arena->used_bytes;
    bool is_room = make_room(arena, bytes);
    if (is_room)
        arena->used_bytes += bytes;
    pthread_mutex_unlock(&arena->lock);
    return is_room ? FKV_OK : refuse(arena, "a further", bytes, used, error);
}

void arena_discharge(struct arena *arena, size_t bytes)
{
    pthread_mutex_lock(&arena->lock);
    assert(arena->used_bytes >= bytes);
    arena->used_bytes -= bytes;
    pthread_mutex_unlock(&arena->lock);
}

/* ---- giving warm memory back ---- */

void arena_note_table(struct arena *arena, uint64_t bytes, uint64_t now_ns)
{
    if (bytes <= WARM_BYTES_DEFAULT) /* so much is kept anyway */
        return;
    pthread_mutex_lock(&arena->lock);
    if (bytes >= arena->recent_table_bytes || now_ns >= arena->recent_until_ns) {
        arena->recent_table_bytes = bytes;
        arena->recent_until_ns = now_ns + arena->idle.ns;
    }
    pthread_mutex_unlock(&arena->lock);
}

void arena_note_stored(struct arena *arena, uint64_t bytes)
{
    atomic_fetch_add(&arena->stored_bytes, bytes);
}

void arena_forget_stored(struct arena *arena, uint64_t bytes)
{
    atomic_fetch_sub(&arena->stored_bytes, bytes);
}

static uint64_t warm_bound(struct arena *arena, uint64_t now_ns)
{
    if (arena->options.warm_bytes_max != 0)
        return larger(arena->options.warm_bytes_max, arena->options.reserve_bytes);
    if (now_ns >= arena->recent_until_ns)
        arena->recent_table_bytes = 0;
    return larger(larger(arena->recent_table_bytes, WARM_BYTES_DEFAULT),
                  arena->options.reserve_bytes);
}

/* What trim has to give back now: never of the reserve. */
static uint64_t excess_bytes(struct arena *arena, uint64_t now_ns)
{
    uint64_t idle = idle_bytes(&arena->idle), warm = warm_bytes(arena);
    uint64_t unreserved = beyond(warm, arena->options.reserve_bytes);
    return larger(idle < unreserved ? idle : unreserved, beyond(warm, warm_bound(arena, now_ns)));
}

void arena_trim(struct arena *arena, uint64_t now_ns)
{
    pthread_mutex_lock(&arena->lock);
    idle_turn(&arena->idle, warm_bytes(arena), now_ns);
    uint64_t excess, punched;
    do {
        excess = excess_bytes(arena, now_ns);
        punched = excess == 0 ? 0 : punch_warm(arena, excess);
    } while (punched != 0);
    arena->is_filling = arena->options.reserve_bytes > 0;
    if (arena->is_filling)
        pthread_cond_signal(&arena->asked);
    pthread_mutex_unlock(&arena->lock);
}

/* ---- looking at it ---- */

struct arena_stats arena_stats(struct arena *arena)
{
    pthread_mutex_lock(&arena->lock);
    struct arena_stats stats = {.budget_bytes = arena->options.budget_bytes,
                                .used_bytes = arena->used_bytes,
                                .warm_bytes = counted_bytes(arena) - arena->used_bytes};
    pthread_mutex_unlock(&arena->lock);
    return stats;
}

struct arena_file arena_file(const struct arena *arena)
{
    return (struct arena_file){arena->pages.fd, arena->pages.base, arena->pages.size};
}

static const char *check(struct arena *arena)
{
    const char *problem = runs_check(&arena->runs);
    if (problem != NULL)
        return problem;
    uint64_t charged = counted_bytes(arena);
    if (charged > arena->options.budget_bytes)
        return "more is charged than the budget";
    uint64_t pages = arena->extent_pages + arena->settling_bytes / arena_page_bytes +
                     arena->runs.pages_of[RUN_WARM] + arena->runs.pages_of[RUN_COLD];
    if (pages != arena->pages.size / arena_page_bytes)
        return "pages are lost or counted twice";
    if (arena->runs.pages_of[RUN_LENT] > arena->extent_pages)
        return "more pages are lent than extents have";
    if (arena->idle.bytes[0] > warm_bytes(arena))
        return "the low-water mark is above the warm pages";
    struct stat file;
    if (fstat(arena->pages.fd, &file) == 0 && (uint64_t)file.st_blocks * 512 > charged)
        return "pages are populated that nobody is charged for";
    return NULL;
}

void arena_validate(struct arena *arena)
{
    pthread_mutex_lock(&arena->lock);
    const char *problem = check(arena);
    pthread_mutex_unlock(&arena->lock);
    if (problem == NULL)
        return;
    fprintf(stderr, "arena: %s\n", problem);
    abort();
}
