/* SPDX-License-Identifier: Apache-2.0 */
/* One memfd, one shared map, and the runs of its pages without data (runs.h). What is counted, in
 * bytes:
 *
 *     used       committed pages of extents, and what arena_charge counts
 *     warm       free pages that are populated
 *     lent       populated pages of extents, not yet committed
 *     punching   pages being punched, outside the lock; neither free nor in an extent
 *     rising     pages being populated by the thread, outside the lock; of an extent, or of the
 *                reserve: then they are neither free nor in an extent
 *
 * Invariants, at every unlock:
 *   1. used + warm + lent + punching + rising <= budget
 *   2. every populated page is in one of the five, so the file's blocks never pass them
 *   3. pages of extents + free pages + pages being punched + rising ones of the reserve = all pages
 *   4. an extent has at most one lent run, which begins where its committed pages end
 *   5. rising pages of an extent, and those to be populated next (ahead.h), follow its lent ones,
 * or the committed ones where nothing is lent
 *
 * arena_take lends what is warm of the run that it hands out, and arena_commit takes that into use
 * step by step, for which no room need be made. So a peer that announces a large body and sends
 * nothing keeps address space from others, not memory: what make_room lacks it takes from the lent
 * pages.
 *
 * The map is a multiple of the budget, so that finding a contiguous run is not what limits; address
 * space costs nothing until it is touched. Pages are populated by arena_commit, fallocate(2) first:
 * it fails where a first touch would raise SIGBUS. Both calls together are a third faster than
 * faults during the copy.
 *
 * How long warm pages have been idle is told by their low-water mark: of the least that was warm
 * during the last `warm_idle_ns`, nobody needed any. A time stamp on each run would be renewed by
 * every small extent that is cut from a large run and merged with it again. */
#include "mem/arena.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/status.h"
#include "base/text.h"
#include "mem/ahead.h"
#include "mem/pages.h"
#include "mem/runs.h"

/* So many windows, each with its own low-water mark, are looked back at, and the one that has begun
 * comes first: all of them together last `warm_idle_ns`, so that nothing stays longer. */
enum { idle_windows = 4 };

/* The reserve's thread rests between two steps, and longer where extents are filling. */
enum { fill_rest_ns = 1000000, fill_rest_busy_ns = 20000000 };

/* Punching 4 MiB takes about a millisecond; whoever waits for room may have to wait for that. */
enum { punch_step_most = 4 << 20, punch_step_least = 1 << 20 };

enum { charge_ahead_pages = arena_charge_ahead / arena_page_bytes };

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
    pthread_cond_t settled; /* no longer punching, or rising */
    pthread_cond_t asked;   /* ahead has something, the reserve is to be filled, or the end */
    struct runs runs;
    struct ahead ahead;
    struct run rising;
    bool is_reserve_rising; /* it is not an extent's */
    bool is_filling;        /* the reserve: until it is full, or something was in its way */
    bool is_busy;           /* an extent was taken or grew since the reserve's last step */
    bool is_ending;
    uint64_t used_bytes;
    uint64_t punching_bytes;
    uint64_t extent_pages;

    uint64_t low_bytes[1 + idle_windows]; /* least warm bytes of a window, the newest first */
    uint64_t window_start_ns;
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
    if (!pages_open(&arena->pages, bytes, arena->options.budget_bytes) ||
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

/* Whether so much more can be populated without punching anything. */
static bool has_room(const struct arena *arena, uint64_t bytes)
{
    uint64_t counted =
        arena->used_bytes + warm_bytes(arena) + lent_bytes(arena) + arena->punching_bytes;
    return counted + bytes <= arena->options.budget_bytes;
}

/* Populates a run outside the lock. */
static bool raise_pages(struct arena *arena, struct run run)
{
    arena->rising = run;

    pthread_mutex_unlock(&arena->lock);
    bool is_done = pages_populate(&arena->pages, run_offset(run), run_bytes(run));
    pthread_mutex_lock(&arena->lock);

    arena->rising.pages = 0;
    pthread_cond_broadcast(&arena->settled);
    return is_done;
}

/* Populates pages of an extent and lends them to it. */
static void raise_ahead(struct arena *arena, struct run run)
{
    if (has_room(arena, run_bytes(run)) && raise_pages(arena, run))
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
    size_t most = smaller(run.pages, charge_ahead_pages);
    uint32_t pages = (uint32_t)smaller(reserve_missing_pages(arena), most);
    arena->is_filling = pages > 0 && has_room(arena, (uint64_t)pages * arena_page_bytes);
    if (!arena->is_filling)
        return;
    run = runs_cut_front(&arena->runs, run, pages);
    arena->is_reserve_rising = true;
    bool is_done = raise_pages(arena, run);
    arena->is_reserve_rising = false;
    runs_give(&arena->runs, run, is_done ? RUN_WARM : RUN_COLD);
    arena->is_filling = is_done && reserve_missing_pages(arena) > 0;
}

static void rest(struct arena *arena, long ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ns;
    until.tv_sec += until.tv_nsec / (long)NS_PER_S;
    until.tv_nsec %= (long)NS_PER_S;
    pthread_cond_timedwait(&arena->asked, &arena->lock, &until);
}

/* A step of the reserve, unless others need the processor for their memory. */
static void fill(struct arena *arena)
{
    bool was_busy = arena->is_busy;
    arena->is_busy = false;
    if (!was_busy)
        raise_reserve(arena);
    if (arena->is_filling)
        rest(arena, was_busy ? fill_rest_busy_ns : fill_rest_ns);
}

static void *populate_pages(void *context)
{
    struct arena *arena = context;
    pthread_mutex_lock(&arena->lock);
    while (!arena->is_ending) {
        struct run run = ahead_take(&arena->ahead, charge_ahead_pages);
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

/* ---- making and freeing ---- */

static void init_timed(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

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
    if (arena->options.warm_idle_ns == 0)
        arena->options.warm_idle_ns = WARM_IDLE_DEFAULT;
    pthread_mutex_init(&arena->lock, NULL);
    pthread_cond_init(&arena->settled, NULL);
    init_timed(&arena->asked);
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
    assert(arena->used_bytes == 0 && arena->extent_pages == 0 && arena->punching_bytes == 0);
    runs_done(&arena->runs);
    pages_close(&arena->pages);
    pthread_cond_destroy(&arena->settled);
    pthread_cond_destroy(&arena->asked);
    pthread_mutex_destroy(&arena->lock);
    alloc_free(arena->alloc, arena);
}

/* ---- warm pages: counting and punching; all under the lock ---- */

/* After warm pages were taken or lent. */
static void lower_mark(struct arena *arena)
{
    if (arena->low_bytes[0] > warm_bytes(arena))
        arena->low_bytes[0] = warm_bytes(arena);
}

/* Pages that are punched were the idle ones: the others are no more idle than before. */
static void drop_idle(struct arena *arena, uint64_t bytes)
{
    for (size_t i = 0; i <= idle_windows; i++)
        arena->low_bytes[i] -= arena->low_bytes[i] < bytes ? arena->low_bytes[i] : bytes;
}

static bool punch_pages(struct arena *arena, struct run run)
{
    return pages_punch(&arena->pages, run_offset(run), run_bytes(run));
}

static uint32_t punch_step_pages(uint64_t bytes)
{
    if (bytes < punch_step_least)
        bytes = punch_step_least;
    if (bytes > punch_step_most)
        bytes = punch_step_most;
    return (uint32_t)((bytes + arena_page_bytes - 1) / arena_page_bytes);
}

/* Punches one warm run, about `bytes` bytes of it, with the lock open meanwhile. Gives how many; 0
 * when there was none or the system refused. */
static uint64_t punch_warm(struct arena *arena, uint64_t bytes)
{
    struct run run = runs_large(&arena->runs, RUN_WARM);
    if (run.pages == 0)
        return 0;
    run = runs_cut_end(&arena->runs, run, punch_step_pages(bytes));
    uint64_t punched = run_bytes(run);
    arena->punching_bytes += punched;
    drop_idle(arena, punched);

    pthread_mutex_unlock(&arena->lock);
    bool is_done = punch_pages(arena, run);
    pthread_mutex_lock(&arena->lock);

    arena->punching_bytes -= punched;
    runs_give(&arena->runs, run, is_done ? RUN_COLD : RUN_WARM);
    pthread_cond_broadcast(&arena->settled);
    return is_done ? punched : 0;
}

/* The same for the largest lent run: its last pages become cold ones of its extent. The lock stays
 * closed, because the extent's owner may commit or give back these very pages meanwhile; a step is
 * about a millisecond. Nothing may be rising, and nothing is populated ahead any more: it would not
 * follow what is lent. */
static uint64_t punch_lent(struct arena *arena, uint64_t bytes)
{
    struct run run = runs_large(&arena->runs, RUN_LENT);
    uint32_t pages = (uint32_t)smaller(run.pages, punch_step_pages(bytes));
    struct run end = {run.first + run.pages - pages, pages};
    if (pages == 0 || !punch_pages(arena, end))
        return 0;
    arena->ahead.count = 0;
    runs_cut_end(&arena->runs, run, pages);
    return run_bytes(end);
}

/* Makes `bytes` more bytes fit the budget, at the cost of warm pages, free ones first; they may be
 * counted as used at once. */
static bool make_room(struct arena *arena, uint64_t bytes)
{
    const uint64_t budget = arena->options.budget_bytes;
    for (;;) {
        if (bytes > budget || arena->used_bytes > budget - bytes)
            return false;
        uint64_t wanted = arena->used_bytes + bytes + warm_bytes(arena) + lent_bytes(arena);
        if (wanted + arena->punching_bytes + run_bytes(arena->rising) <= budget)
            return true;
        arena->is_filling = false;
        if (wanted > budget && punch_warm(arena, wanted - budget) != 0)
            continue;
        arena->ahead.count = 0; /* what is lent is the next to go */
        if (wanted <= budget || arena->rising.pages != 0)
            pthread_cond_wait(&arena->settled, &arena->lock);
        else if (punch_lent(arena, wanted - budget) == 0)
            return false;
    }
}

/* ---- refusals ---- */

/* What isn't of a stored table is of uploads, down to their schemas and gathered messages. */
static enum fkv_status refuse(const struct arena *arena, const char *what, uint64_t bytes,
                              uint64_t used, struct fkv_error *error)
{
    char wanted[text_figure_size], tables[text_figure_size], uploads[text_figure_size],
        most[text_figure_size];
    uint64_t stored = atomic_load(&arena->stored_bytes);
    if (arena->options.holders != NULL)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "%s %s does not fit: %s of %s are held by %s; start the server with a "
                          "larger --memory",
                          what, text_size(wanted, bytes), text_size(uploads, used),
                          text_size(most, arena->options.budget_bytes), arena->options.holders);
    return status_set(error, FKV_RESOURCE_EXHAUSTED,
                      "%s %s does not fit: stored %s, uploads %s, of %s; remove keys, or start the "
                      "server with a larger --memory",
                      what, text_size(wanted, bytes), text_size(tables, stored),
                      text_size(uploads, used > stored ? used - stored : 0),
                      text_size(most, arena->options.budget_bytes));
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
        lower_mark(arena);
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

/* Counts a step of the extent's next bytes as used: those lent to it, else cold ones, of which only
 * `least` when there is no room for more. 0 when not for that. */
static size_t charge_step(struct arena *arena, const struct arena_extent *extent, size_t least,
                          bool *ret_is_warm, uint64_t *ret_used)
{
    size_t step = smaller(extent->size - extent->charged, arena_charge_ahead), charged;
    struct run next = run_of(arena, extent->data + extent->charged, arena_page_bytes);
    pthread_mutex_lock(&arena->lock);
    arena->is_busy = true;
    settle(arena, next);
    struct run lent = lent_of(arena, extent);
    *ret_is_warm = lent.pages != 0;
    if (lent.pages == 0) /* nobody shall populate what this thread is about to */
        ahead_forget(&arena->ahead, next);
    if (lent.pages != 0)
        charged = run_bytes(runs_cut_front(&arena->runs, lent, charge_ahead_pages));
    else
        charged = make_room(arena, step) ? step : make_room(arena, least) ? least : 0;
    *ret_used = arena->used_bytes;
    arena->used_bytes += charged;
    pthread_mutex_unlock(&arena->lock);
    return charged;
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
    if (from < end) {
        ahead_add(&arena->ahead, run_of(arena, extent->data + from, end - from));
        pthread_cond_signal(&arena->asked);
    }
    pthread_mutex_unlock(&arena->lock);
}

static bool populate(struct arena *arena, const struct arena_extent *extent, size_t bytes)
{
    struct run run = run_of(arena, extent->data + extent->charged, bytes);
    return pages_populate(&arena->pages, run_offset(run), run_bytes(run));
}

enum fkv_status arena_commit(struct arena *arena, struct arena_extent *extent, size_t bytes,
                             struct fkv_error *error)
{
    assert(bytes <= extent->size);
    while (extent->charged < bytes) {
        size_t least = smaller(whole_pages(bytes - extent->charged), arena_charge_ahead);
        uint64_t used = 0;
        bool is_warm = false;
        size_t charged = charge_step(arena, extent, least, &is_warm, &used);
        if (charged == 0)
            return refuse(arena, "a further", least, used, error);
        if (!is_warm && !populate(arena, extent, charged)) {
            char figure[text_figure_size];
            int reason = errno;
            arena_discharge(arena, charged);
            return status_set(error, FKV_RESOURCE_EXHAUSTED,
                              "the system has no %s of memory to give: %s",
                              text_size(figure, charged), strerror(reason));
        }
        extent->charged += charged;
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
        arena->recent_until_ns = now_ns + arena->options.warm_idle_ns;
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

/* Begins a new window when its time has come. One that lasted the whole time stands for all. */
static void turn_windows(struct arena *arena, uint64_t now_ns)
{
    const uint64_t idle_ns = arena->options.warm_idle_ns, window_ns = idle_ns / (idle_windows + 1);
    uint64_t lasted_ns = now_ns - arena->window_start_ns;
    if (lasted_ns < window_ns)
        return;
    bool is_whole = lasted_ns >= idle_ns;
    for (size_t i = idle_windows; i > 0; i--)
        arena->low_bytes[i] = is_whole ? arena->low_bytes[0] : arena->low_bytes[i - 1];
    arena->low_bytes[0] = warm_bytes(arena);
    /* Looking late doesn't make the next window later. */
    arena->window_start_ns = is_whole ? now_ns : arena->window_start_ns + window_ns;
}

static uint64_t idle_bytes(const struct arena *arena)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i <= idle_windows; i++)
        if (arena->low_bytes[i] < least)
            least = arena->low_bytes[i];
    return least;
}

/* What trim has to give back now: never of the reserve. */
static uint64_t excess_bytes(struct arena *arena, uint64_t now_ns)
{
    uint64_t idle = idle_bytes(arena), warm = warm_bytes(arena);
    uint64_t unreserved = beyond(warm, arena->options.reserve_bytes);
    return larger(idle < unreserved ? idle : unreserved, beyond(warm, warm_bound(arena, now_ns)));
}

void arena_trim(struct arena *arena, uint64_t now_ns)
{
    pthread_mutex_lock(&arena->lock);
    turn_windows(arena, now_ns);
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
                                .warm_bytes = warm_bytes(arena) + lent_bytes(arena) +
                                              arena->punching_bytes + run_bytes(arena->rising)};
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
    uint64_t charged = arena->used_bytes + warm_bytes(arena) + lent_bytes(arena) +
                       arena->punching_bytes + run_bytes(arena->rising);
    if (charged > arena->options.budget_bytes)
        return "more is charged than the budget";
    uint64_t pages = arena->extent_pages + arena->punching_bytes / arena_page_bytes +
                     arena->runs.pages_of[RUN_WARM] + arena->runs.pages_of[RUN_COLD] +
                     (arena->is_reserve_rising ? arena->rising.pages : 0);
    if (pages != arena->pages.size / arena_page_bytes)
        return "pages are lost or counted twice";
    if (arena->runs.pages_of[RUN_LENT] > arena->extent_pages)
        return "more pages are lent than extents have";
    if (arena->low_bytes[0] > warm_bytes(arena))
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
