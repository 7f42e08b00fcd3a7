/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the arena share. */
#ifndef TESTS_UNIT_MEM_ARENA_USE_H
#define TESTS_UNIT_MEM_ARENA_USE_H

#include "harness/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem/arena.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define S NS_PER_S

static inline struct arena *open_arena(struct arena_options options)
{
    struct fkv_error error;
    struct arena *arena = NULL;
    assert_ok(arena_new(alloc_system(), &options, &arena, &error));
    return arena;
}

static inline void close_arena(struct arena *arena)
{
    arena_validate(arena);
    assert_int_equal(arena_stats(arena).used_bytes, 0);
    arena_free(arena);
}

static inline struct arena_extent take(struct arena *arena, size_t size)
{
    struct fkv_error error;
    struct arena_extent extent;
    assert_ok(arena_take(arena, size, &extent, &error));
    return extent;
}

/* An extent with all of its bytes written. */
static inline struct arena_extent fill(struct arena *arena, size_t size, int byte)
{
    struct fkv_error error;
    struct arena_extent extent = take(arena, size);
    assert_ok(arena_commit(arena, &extent, size, &error));
    memset(extent.data, byte, size);
    return extent;
}

/* A descriptor of the arena's file, found as another process would be given one. */
static inline int open_file_of_arena(int flags)
{
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    int found = -1;
    for (struct dirent *entry; found < 0 && (entry = readdir(folder)) != NULL;) {
        char path[300], target[64] = "";
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        if (readlink(path, target, sizeof target - 1) > 0 && strstr(target, "memfd:flightkv"))
            found = open(path, flags);
    }
    closedir(folder);
    return found;
}

static inline uint64_t populated_bytes(void)
{
    struct stat file;
    int fd = open_file_of_arena(O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &file), 0);
    close(fd);
    return (uint64_t)file.st_blocks * 512;
}

static inline void assert_counts(struct arena *arena, uint64_t used, uint64_t warm)
{
    arena_validate(arena);
    assert_int_equal(arena_stats(arena).used_bytes, used);
    assert_int_equal(arena_stats(arena).warm_bytes, warm);
}

/* The thread's work takes milliseconds; it may take long under other load. */
static inline void wait_for_warm(struct arena *arena, uint64_t bytes)
{
    for (unsigned i = 0; i < 20000 && arena_stats(arena).warm_bytes != bytes; i++)
        usleep(1000);
    arena_validate(arena);
    assert_int_equal(arena_stats(arena).warm_bytes, bytes);
}

/* Pages count from when their populating begins. */
static inline void wait_for_populated(uint64_t bytes)
{
    for (unsigned i = 0; i < 20000 && populated_bytes() != bytes; i++)
        usleep(1000);
    assert_int_equal(populated_bytes(), bytes);
}

#endif
