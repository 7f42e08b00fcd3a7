/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem/arena.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1; older ones refuse it */
#endif

/* So many blocks aren't tried after huge pages went wrong again and again. */
enum { resting_most = 64 };

/* What small pages are thought to take until some were measured. */
#define SMALL_BLOCK_NS UINT64_C(500000)

/* Writing and punching go on, but the file keeps its size: who maps it needn't fear SIGBUS. Nobody
 * can open it for writing but its owner. */
static bool open_file(struct pages *pages, uint64_t bytes)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    pages->fd = memfd_create("flightkv", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return pages->fd >= 0 && fchmod(pages->fd, 0444) == 0 &&
           ftruncate(pages->fd, (off_t)bytes) == 0 && fcntl(pages->fd, F_ADD_SEALS, seals) == 0;
}

void *pages_map(int fd, size_t bytes, int protection)
{
    const size_t block = pages_block_bytes;
    bytes = (bytes + arena_page_bytes - 1) / arena_page_bytes * arena_page_bytes;
    uint8_t *room = mmap(NULL, bytes + block, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return NULL;
    size_t before = (block - (uintptr_t)room % block) % block;
    void *base =
        mmap(room + before, bytes, protection, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0);
    if (base == MAP_FAILED) {
        int reason = errno;
        munmap(room, bytes + block);
        errno = reason;
        return NULL;
    }
    if (before > 0)
        munmap(room, before);
    munmap(room + before + bytes, block - before);
    return base;
}

/* There may be a limit on address space. */
static bool map_file(struct pages *pages, uint64_t bytes, uint64_t least)
{
    for (; bytes >= least && bytes > 0; bytes = bytes / 2) {
        bytes = bytes / arena_page_bytes * arena_page_bytes;
        pages->base = pages_map(pages->fd, bytes, PROT_READ | PROT_WRITE);
        if (pages->base == NULL)
            continue;
        pages->size = bytes;
        madvise(pages->base, bytes, MADV_DONTDUMP); /* a core would be as large, and show tables */
        return true;
    }
    return false;
}

bool pages_open(struct pages *pages, uint64_t bytes, uint64_t least, const struct clock *clock)
{
    *pages =
        (struct pages){.fd = -1, .clock = clock, .next_rest = 1, .small_block_ns = SMALL_BLOCK_NS};
    return open_file(pages, bytes) && map_file(pages, bytes, least);
}

void pages_close(struct pages *pages)
{
    if (pages->base != NULL)
        munmap(pages->base, pages->size);
    if (pages->fd >= 0)
        close(pages->fd);
    *pages = (struct pages){.fd = -1};
}

static bool allocate(const struct pages *pages, int mode, size_t offset, size_t bytes)
{
    int result;
    do {
        result = fallocate(pages->fd, mode, (off_t)offset, (off_t)bytes);
    } while (result != 0 && errno == EINTR);
    return result == 0;
}

static uint64_t now_ns(const struct pages *pages)
{
    return pages->clock != NULL ? clock_now_ns(pages->clock) : 0;
}

bool pages_try_huge(struct pages *pages)
{
    if (pages->clock == NULL)
        return false;
    unsigned left = atomic_load(&pages->resting);
    while (left > 0 && !atomic_compare_exchange_weak(&pages->resting, &left, left - 1)) {
    }
    return left == 0;
}

/* Each time in a row that a huge page isn't to be had, or took longer than small ones, they rest
 * twice as long. What small ones took is measured anew some time: it ages until it is. */
static void note_huge(struct pages *pages, bool is_done, uint64_t ns)
{
    uint64_t small_ns = atomic_load(&pages->small_block_ns);
    bool has_paid = is_done && ns <= small_ns;
    unsigned rest = has_paid ? 0 : atomic_load(&pages->next_rest);
    atomic_store(&pages->resting, rest);
    atomic_store(&pages->next_rest, has_paid ? 1 : rest < resting_most ? rest * 2 : rest);
    if (has_paid && small_ns > SMALL_BLOCK_NS)
        atomic_store(&pages->small_block_ns, small_ns - small_ns / 64);
}

/* The system makes a huge page of a block of which at least one page is there. */
bool pages_populate_huge(struct pages *pages, size_t offset)
{
    uint64_t start = now_ns(pages);
    bool is_done = allocate(pages, 0, offset, arena_page_bytes) &&
                   madvise(pages->base + offset, pages_block_bytes, MADV_COLLAPSE) == 0;
    uint64_t ns = now_ns(pages) - start;
    note_huge(pages, is_done, ns);
    if (is_done)
        atomic_store(&pages->has_huge, true);
    return is_done;
}

/* Pages that fallocate has made can be touched without fear; mapping them at once is only faster,
 * and older kernels can't. */
static bool populate_small(struct pages *pages, size_t offset, size_t bytes)
{
    uint64_t start = now_ns(pages);
    bool is_done = allocate(pages, 0, offset, bytes);
#ifdef MADV_POPULATE_WRITE
    if (is_done)
        madvise(pages->base + offset, bytes, MADV_POPULATE_WRITE);
#endif
    if (is_done && bytes == pages_block_bytes)
        atomic_store(&pages->small_block_ns, now_ns(pages) - start);
    return is_done;
}

static bool punch(const struct pages *pages, size_t offset, size_t bytes)
{
    return allocate(pages, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
}

bool pages_populate(struct pages *pages, size_t offset, size_t bytes)
{
    const size_t end = offset + bytes;
    bool is_done = true;
    while (is_done && offset < end) {
        size_t step = pages_block_bytes - offset % pages_block_bytes;
        if (step > end - offset)
            step = end - offset;
        is_done = (step == pages_block_bytes && pages_try_huge(pages) &&
                   pages_populate_huge(pages, offset)) ||
                  populate_small(pages, offset, step);
        offset += step;
    }
    if (!is_done) {
        int reason = errno;
        punch(pages, end - bytes, bytes);
        errno = reason;
    }
    return is_done;
}

void pages_punch(const struct pages *pages, size_t offset, size_t bytes, uint8_t *ret_is_there)
{
    size_t count = bytes / arena_page_bytes;
    bool is_done = punch(pages, offset, bytes);
    memset(ret_is_there, is_done ? 0 : 1, count);
    if (is_done && atomic_load(&pages->has_huge))
        mincore(pages->base + offset, bytes, ret_is_there);
    for (size_t i = 0; i < count; i++)
        ret_is_there[i] &= 1;
}
