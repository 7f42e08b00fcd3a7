/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mem/arena.h"
#include "mem/pages.h"

#define BLOCK ((size_t)pages_block_bytes)

/* What the system refuses, or can do. */
static bool has_huge_pages;
static bool can_split;
static bool is_refused; /* any punching */
static unsigned small_calls_left;
static uint64_t huge_ns, small_ns; /* what a block takes */
static unsigned collapses;
static uint64_t now;

static uint64_t now_ns(void *context)
{
    (void)context;
    return now;
}

static const struct clock clock_by_hand = {now_ns, NULL};

/* A huge page is had by a system without them, too: all its pages. */
int madvise(void *data, size_t size, int advice)
{
    enum { collapse = 25 };
    if (advice != collapse)
        return (int)syscall(SYS_madvise, data, size, advice);
    collapses++;
    now += huge_ns;
    if (!has_huge_pages) {
        errno = EINVAL;
        return -1;
    }
    if (syscall(SYS_madvise, data, size, advice) != 0)
        memset(data, 0, size);
    return 0;
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    if (mode == 0 && size > arena_page_bytes) {
        now += small_ns;
        if (small_calls_left-- == 0) {
            errno = ENOSPC;
            return -1;
        }
    }
    if (mode != 0 && is_refused) {
        errno = EPERM;
        return -1;
    }
    if (mode != 0 && !can_split)
        return 0; /* the zeroing is left out */
    return (int)syscall(SYS_fallocate, fd, mode, offset, size);
}

static int open_some(void **state)
{
    static struct pages pages;
    has_huge_pages = can_split = true;
    small_calls_left = UINT_MAX;
    collapses = 0;
    huge_ns = 100000;
    small_ns = 1000000;
    assert_true(pages_open(&pages, 256 * BLOCK, BLOCK, &clock_by_hand));
    *state = &pages;
    return 0;
}

static int close_some(void **state)
{
    pages_close(*state);
    return 0;
}

static size_t populated_bytes(const struct pages *pages)
{
    struct stat file;
    assert_int_equal(fstat(pages->fd, &file), 0);
    return (size_t)file.st_blocks * 512;
}

enum { block_pages = pages_block_bytes / arena_page_bytes };

/* How many of the pages are there still. */
static size_t punch(const struct pages *pages, size_t offset, size_t bytes)
{
    static uint8_t is_there[256 * block_pages];
    size_t count = 0;
    pages_punch(pages, offset, bytes, is_there);
    for (size_t i = 0; i < bytes / arena_page_bytes; i++)
        count += is_there[i];
    return count;
}

static void a_map_is_aligned(void **state)
{
    struct pages *pages = *state;
    assert_int_equal(pages->size, 256 * BLOCK);
    assert_int_equal((uintptr_t)pages->base % BLOCK, 0);
    struct pages other;
    assert_false(pages_open(&other, (uint64_t)1 << 60, (uint64_t)1 << 59, &clock_by_hand));
    pages_close(&other);
}

static size_t address_space_bytes(void)
{
    char text[64] = "";
    int fd = open("/proc/self/statm", O_RDONLY);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    return strtoul(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* Of a size that another process says. */
static void a_map_leaves_nothing_behind(void **state)
{
    struct pages *pages = *state;
    static const size_t sizes[] = {1, arena_page_bytes, BLOCK - 1, BLOCK, BLOCK + 5000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t before = address_space_bytes();
        void *map = pages_map(pages->fd, sizes[i], PROT_READ);
        assert_non_null(map);
        assert_int_equal((uintptr_t)map % BLOCK, 0);
        assert_int_equal(munmap(map, sizes[i]), 0);
        assert_int_equal(address_space_bytes(), before);
    }
}

/* With or without huge pages: just what was asked for is there, and zero. */
static void assert_populates(struct pages *pages, size_t offset, size_t bytes)
{
    assert_int_equal(populated_bytes(pages), 0);
    assert_true(pages_populate(pages, offset, bytes));
    assert_int_equal(populated_bytes(pages), bytes);
    for (size_t i = 0; i < bytes; i += arena_page_bytes)
        assert_int_equal(pages->base[offset + i]++, 0);
    assert_int_equal(populated_bytes(pages), bytes);
    assert_int_equal(punch(pages, offset, bytes), 0);
    assert_int_equal(populated_bytes(pages), 0);
}

static void populate_all(struct pages *pages)
{
    assert_populates(pages, 0, arena_page_bytes);
    assert_populates(pages, 0, BLOCK);
    assert_populates(pages, BLOCK - arena_page_bytes, 2 * arena_page_bytes);
    assert_populates(pages, BLOCK / 2, 3 * BLOCK);
}

static void just_the_pages_asked_for_are_populated(void **state)
{
    populate_all(*state);
    assert_true(collapses > 0);
}

static unsigned collapses_of(struct pages *pages, size_t blocks)
{
    unsigned before = collapses;
    assert_populates(pages, 0, blocks * BLOCK);
    return collapses - before;
}

/* After each failure in a row, twice as many blocks aren't tried, though never more than 64. */
static void what_is_not_to_be_had_is_tried_seldom(void **state)
{
    struct pages *pages = *state;
    has_huge_pages = false;
    populate_all(pages);
    assert_int_equal(collapses, 2);
    collapses_of(pages, 255);
    collapses_of(pages, 255);
    assert_int_equal(collapses_of(pages, 65 * 3), 3);
    has_huge_pages = true;
    assert_in_range(collapses_of(pages, 65 + 10), 10, 75);
    assert_int_equal(collapses_of(pages, 10), 10);
    has_huge_pages = false;
    assert_int_equal(collapses_of(pages, 1 + 1 + 1 + 2 + 1 + 4), 3);
}

/* As for one that was populated by small pages meanwhile. */
static void what_takes_longer_is_tried_seldom(void **state)
{
    struct pages *pages = *state;
    assert_int_equal(collapses_of(pages, 10), 10);
    huge_ns = 3000000;
    assert_int_equal(collapses_of(pages, 1 + 1 + 1 + 2 + 1 + 4), 3);
    huge_ns = 400000; /* now it pays */
    collapses_of(pages, 255);
    assert_int_equal(collapses_of(pages, 10), 10);
}

/* Small pages were slow once, and huge ones seem fast since. */
static void what_small_pages_take_is_measured_again(void **state)
{
    struct pages *pages = *state;
    has_huge_pages = false;
    small_ns = 50000000;
    collapses_of(pages, 3);
    has_huge_pages = true;
    small_ns = 1000000;
    huge_ns = 10000000;
    for (unsigned i = 0; i < 4; i++)
        collapses_of(pages, 255);
    assert_in_range(collapses_of(pages, 255), 1, 5);
}

static void small_pages_can_be_asked_for(void **state)
{
    (void)state;
    struct pages pages;
    assert_true(pages_open(&pages, 256 * BLOCK, BLOCK, NULL));
    assert_false(pages_try_huge(&pages));
    populate_all(&pages);
    assert_int_equal(collapses, 0);
    pages_close(&pages);
}

/* Half of what may be a huge page. */
static void parts_can_be_punched(void **state)
{
    struct pages *pages = *state;
    assert_true(pages_populate(pages, 0, BLOCK));
    memset(pages->base, 7, BLOCK);
    assert_int_equal(punch(pages, BLOCK / 2, BLOCK / 2), 0);
    assert_int_equal(populated_bytes(pages), BLOCK / 2);
    assert_int_equal(pages->base[BLOCK / 2 - 1], 7);
    assert_int_equal(pages->base[BLOCK / 2], 0);
}

static void what_stays_is_seen(void **state)
{
    struct pages *pages = *state;
    assert_true(pages_populate(pages, 0, 3 * BLOCK));
    assert_int_equal(punch(pages, BLOCK / 2, BLOCK), 0);
    assert_int_equal(populated_bytes(pages), 2 * BLOCK);
    can_split = false;
    assert_int_equal(punch(pages, 2 * BLOCK, BLOCK / 2), block_pages / 2);
    is_refused = true;
    assert_int_equal(punch(pages, 2 * BLOCK, BLOCK), block_pages);
    is_refused = false;
    can_split = true;
    assert_int_equal(punch(pages, 0, 3 * BLOCK), 0);
}

static void what_failed_is_cold_again(void **state)
{
    struct pages *pages = *state;
    has_huge_pages = false;
    for (unsigned i = 0; i < 4; i++) {
        small_calls_left = i;
        errno = 0;
        assert_false(pages_populate(pages, BLOCK / 2, 4 * BLOCK));
        assert_int_equal(errno, ENOSPC);
        assert_int_equal(populated_bytes(pages), 0);
    }
}

#define WITH_PAGES(test) cmocka_unit_test_setup_teardown(test, open_some, close_some)

int main(void)
{
    RUN_TESTS(WITH_PAGES(a_map_is_aligned), WITH_PAGES(a_map_leaves_nothing_behind),
              WITH_PAGES(just_the_pages_asked_for_are_populated),
              WITH_PAGES(what_is_not_to_be_had_is_tried_seldom),
              WITH_PAGES(what_takes_longer_is_tried_seldom),
              WITH_PAGES(what_small_pages_take_is_measured_again),
              WITH_PAGES(small_pages_can_be_asked_for), WITH_PAGES(parts_can_be_punched),
              WITH_PAGES(what_stays_is_seen), WITH_PAGES(what_failed_is_cold_again));
}
