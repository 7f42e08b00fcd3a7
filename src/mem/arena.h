/* SPDX-License-Identifier: Apache-2.0 */
/* The arena: where table bodies live. One memfd, mapped once, far larger than the memory it may
 * use; a page costs memory only from its first touch to its punching. An extent is a run of whole
 * pages of it.
 *
 *     address space  |in use|  warm free  |in use|  cold free (never touched, or punched) ... |
 *     charged          yes       yes         yes                 no
 *
 * Touching fresh pages costs about three times what the copy costs that fills them, so freed
 * extents stay warm (populated) and are handed out first. In use + warm + other charges (store
 * heads, small bodies: arena_charge) never pass `budget_bytes`; under pressure warm pages are
 * punched to make room. arena_trim gives idle warm memory back to the system.
 *
 * A lying peer must not starve others: an extent is charged piece by piece (arena_commit) at most
 * `arena_charge_ahead` beyond what its owner says has really arrived, or is about to be read. Until
 * then the warm pages in it are only lent, and under pressure they are punched as well, after the
 * free ones:
 *
 *     an extent      | committed | lent warm | cold |
 *     counted as         used        warm       no
 *
 * While an extent fills with cold pages, a thread of the arena may populate the next ones, which
 * are lent to it then like warm ones (`ahead_bytes_max`): the faults overlap with the copy.
 *
 * With a reserve (`reserve_bytes`), the same thread keeps that many free pages warm: it populates
 * them from the start on, whenever no extent grows, and arena_trim leaves them alone. Under
 * pressure they are punched like other warm pages, and populated again later where there is room.
 *
 * Any thread may call anything. */
#ifndef MEM_ARENA_H
#define MEM_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "flightkv/status.h"

struct arena;

struct arena_options {
    uint64_t budget_bytes;   /* never more charged than this */
    uint64_t warm_bytes_max; /* warm free kept at most; 0 = max(64 MiB, the largest recent table) */
    uint64_t warm_idle_ns;   /* warm memory unused for so long goes back; 0 = 60 s */
    const char *holders;     /* in refusals, what holds the memory; NULL: tables and uploads */
    /* A thread populates extents so far ahead of what is committed of them, though never further
     * than as much again; 0: no thread. */
    uint64_t ahead_bytes_max;
    uint64_t reserve_bytes; /* so much free is kept warm, by the thread; 0: only what was freed */
    const struct clock *huge_pages_clock; /* tells whether huge pages pay; NULL: there are none */
};

/* A step ends where a huge page would. Larger ones gain nothing, and populating 16 MiB of small
 * pages would hold up the caller for 13 ms. */
enum { arena_page_bytes = 4096, arena_charge_ahead = 2 << 20 };

/* What a server's `ahead_bytes_max` is. */
enum { arena_ahead_bytes = 16 << 20 };

struct arena_extent {
    uint8_t *data;  /* page-aligned */
    size_t size;    /* whole pages */
    size_t charged; /* the first so many bytes are counted in the budget */
};

struct arena_stats {
    uint64_t budget_bytes;
    uint64_t used_bytes; /* charged by extents in use and by arena_charge */
    uint64_t warm_bytes; /* populated, and free or not yet committed */
};

enum fkv_status arena_new(const struct alloc *alloc, const struct arena_options *options,
                          struct arena **ret, struct fkv_error *error);
void arena_free(struct arena *arena); /* no extent may be in use */

/* Reserves room for `size` bytes: contiguous, nothing charged yet. Warm pages come first.
 * RESOURCE_EXHAUSTED with the numbers when size can't fit beside what is in use now. */
enum fkv_status arena_take(struct arena *arena, size_t size, struct arena_extent *ret,
                           struct fkv_error *error);

/* Makes the first `bytes` bytes of the extent writable for the caller: charges, in steps of
 * arena_charge_ahead, what isn't yet. Must precede writing. RESOURCE_EXHAUSTED with the numbers;
 * the extent stays valid and must be given back all the same. */
enum fkv_status arena_commit(struct arena *arena, struct arena_extent *extent, size_t bytes,
                             struct fkv_error *error);

/* Gives the whole pages behind the first `bytes` bytes back; warm are those that were populated. */
void arena_shrink(struct arena *arena, struct arena_extent *extent, size_t bytes);

void arena_give(struct arena *arena, struct arena_extent *extent);

/* Counts heap memory of the arena's user in the budget, and takes it off again. */
enum fkv_status arena_charge(struct arena *arena, size_t bytes, struct fkv_error *error);
void arena_discharge(struct arena *arena, size_t bytes);

/* Tells the size of a table just stored; raises what may be kept warm for `warm_idle_ns`. */
void arena_note_table(struct arena *arena, uint64_t bytes, uint64_t now_ns);

/* How much of what is charged is of tables: refusals tell them from uploads by it. Forgotten before
 * the memory is given back. */
void arena_note_stored(struct arena *arena, uint64_t bytes);
void arena_forget_stored(struct arena *arena, uint64_t bytes);

/* Gives back warm memory over the bound, and all that was idle too long, but for the reserve, which
 * is filled again if something was in its way. Slow (0.2 s a GiB), so for
 * a helper thread; the lock is open while it punches. */
void arena_trim(struct arena *arena, uint64_t now_ns);

struct arena_stats arena_stats(struct arena *arena);

/* What lies behind extents, for processes that map it too; the descriptor stays the arena's. It is
 * a memfd of at least `size` bytes that can't change its size. */
struct arena_file {
    int fd;
    const uint8_t *base; /* of its first byte */
    size_t size;
};
struct arena_file arena_file(const struct arena *arena);

/* Checks every invariant in the head of arena.c; aborts with a message. For tests. */
void arena_validate(struct arena *arena);

#endif
