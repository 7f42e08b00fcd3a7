/* SPDX-License-Identifier: Apache-2.0 */
/* The memory behind an arena: one memfd, mapped once. A page costs memory only from its first
 * touch, or from being populated, until it is punched.
 *
 * A block (2 MiB) that is populated as a whole becomes a huge page where the system gives one: from
 * Linux 6.1 on nothing need be configured for that. It takes about an eighth of the time of small
 * pages, but several times as long where the system must first make room for it, or a host fetch
 * its memory. So it is measured, and huge pages rest for a while when they don't pay.
 *
 * A part of a huge page is punched only if the system can split it; else the part is zeroed and
 * its memory stays. It can't while another process is just mapping some of it. Any thread. */
#ifndef MEM_PAGES_H
#define MEM_PAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct pages {
    int fd; /* -1: none */
    uint8_t *base;
    size_t size;
    const struct clock *clock;            /* NULL: no huge pages */
    atomic_uint resting;                  /* so many blocks aren't tried as huge pages */
    atomic_uint next_rest;                /* how many not after the next time that they don't pay */
    atomic_uint_least64_t small_block_ns; /* what a block of small pages took last */
    atomic_bool has_huge;                 /* there was a huge page */
};

/* What one huge page takes: offsets that are a multiple of it begin a block. */
enum { pages_block_bytes = 2 << 20 };

/* Maps `bytes` bytes, whole pages, or as large a part of them as there is address space for, but at
 * least `least`. False, with errno, when not even those. Without a clock there are no huge pages.
 */
bool pages_open(struct pages *pages, uint64_t bytes, uint64_t least, const struct clock *clock);
void pages_close(struct pages *pages);

/* A shared map of a file's first bytes, at most SIZE_MAX / 2, without memory set aside, at an
 * address where huge pages can be; to be unmapped by munmap(2). NULL, with errno, when it can't be
 * made. */
void *pages_map(int fd, size_t bytes, int protection);

/* Of the whole pages from byte `offset` on, all of them cold. False, with errno, when it can't be
 * done; then they are cold still. */
bool pages_populate(struct pages *pages, size_t offset, size_t bytes);

/* Gives the memory of the whole pages from byte `offset` on back to the system. Which of them hold
 * memory all the same: one byte a page, 0 or 1. */
void pages_punch(const struct pages *pages, size_t offset, size_t bytes, uint8_t *ret_is_there);

/* Whether the next block shall be tried as a huge page: to be asked once a block, for blocks that
 * aren't tried are counted. And has the cold block at `offset` populated as one; false when it
 * can't, and then at most its first page is populated. */
bool pages_try_huge(struct pages *pages);
bool pages_populate_huge(struct pages *pages, size_t offset);

#endif
