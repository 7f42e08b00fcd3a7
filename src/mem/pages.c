/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem/arena.h"

/* Writing and punching go on, but the file keeps its size: who maps it needn't fear SIGBUS. Nobody
 * can open it for writing but its owner. */
static bool open_file(struct pages *pages, uint64_t bytes)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    pages->fd = memfd_create("flightkv", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return pages->fd >= 0 && fchmod(pages->fd, 0444) == 0 &&
           ftruncate(pages->fd, (off_t)bytes) == 0 && fcntl(pages->fd, F_ADD_SEALS, seals) == 0;
}

/* There may be a limit on address space. */
static bool map_file(struct pages *pages, uint64_t bytes, uint64_t least)
{
    for (; bytes >= least && bytes > 0; bytes = bytes / 2) {
        bytes = bytes / arena_page_bytes * arena_page_bytes;
        void *base =
            mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, pages->fd, 0);
        if (base == MAP_FAILED)
            continue;
        madvise(base, bytes, MADV_DONTDUMP); /* a core would be as large, and show all tables */
        pages->base = base;
        pages->size = bytes;
        return true;
    }
    return false;
}

bool pages_open(struct pages *pages, uint64_t bytes, uint64_t least)
{
    *pages = (struct pages){.fd = -1};
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

/* Pages that fallocate has made can be touched without fear; mapping them at once is only faster,
 * and older kernels can't. */
bool pages_populate(const struct pages *pages, size_t offset, size_t bytes)
{
    bool is_done = allocate(pages, 0, offset, bytes);
#ifdef MADV_POPULATE_WRITE
    if (is_done)
        madvise(pages->base + offset, bytes, MADV_POPULATE_WRITE);
#endif
    return is_done;
}

bool pages_punch(const struct pages *pages, size_t offset, size_t bytes)
{
    return allocate(pages, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
}
