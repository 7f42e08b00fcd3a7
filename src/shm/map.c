/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/map.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/list.h"
#include "base/status.h"
#include "mem/pages.h"

struct shm_map {
    struct block block; /* counts the references; its bytes are the map */
    const struct alloc *alloc;
    int fd;
    pid_t process; /* whose leases these are */
    char token[2 * shm_token_size + 1];
    pthread_mutex_t lock;
    struct list waiting; /* leases to be released; no more than were taken */
};

struct lease {
    struct block block;
    struct shm_map *map;
    struct list link;
    uint64_t id; /* 0: the server hasn't made it */
};

_Static_assert(offsetof(struct shm_map, block) == 0 && offsetof(struct lease, block) == 0,
               "map_free and lease_free cast");

/* ---- the map ---- */

static void map_free(struct block *block)
{
    struct shm_map *map = (struct shm_map *)(void *)block;
    if (map->block.data != NULL)
        munmap(map->block.data, map->block.size);
    for (struct list *node; (node = list_shift(&map->waiting)) != NULL;)
        alloc_free(map->alloc, list_entry(node, struct lease, link));
    close(map->fd);
    pthread_mutex_destroy(&map->lock);
    alloc_free(map->alloc, map);
}

/* tmpfs's, where memory files are but those of huge pages: for these the system sets no pages
 * aside, and who reads one that can't be had gets SIGBUS. */
enum { tmpfs_magic = 0x01021994 };

static enum fkv_status check_file(int file, uint64_t bytes, struct fkv_error *error)
{
    struct stat stat;
    struct statfs system;
    if (fstat(file, &stat) != 0 || !S_ISREG(stat.st_mode) || bytes == 0 || bytes > SIZE_MAX / 2 ||
        (uint64_t)stat.st_size < bytes)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the server's file is shorter than the %llu bytes that it announced",
                          (unsigned long long)bytes);
    if (fstatfs(file, &system) != 0 || system.f_type != tmpfs_magic)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the server's file isn't a memory file of ordinary pages");
    int seals = fcntl(file, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the server's file could become shorter, expected a sealed one");
    return FKV_OK;
}

static enum fkv_status map_file(struct shm_map *map, int file, uint64_t bytes,
                                struct fkv_error *error)
{
    enum fkv_status status = check_file(file, bytes, error);
    if (status != FKV_OK)
        return status;
    void *data = pages_map(file, (size_t)bytes, PROT_READ);
    if (data == NULL)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "could not map %llu bytes of the server's memory: %s",
                          (unsigned long long)bytes, strerror(errno));
    madvise(data, (size_t)bytes, MADV_DONTDUMP); /* a core would be as large, and show all tables */
    map->block.data = data;
    map->block.size = (size_t)bytes;
    return FKV_OK;
}

enum fkv_status shm_map_new(const struct alloc *alloc, int fd, int file,
                            const struct shm_welcome *welcome, struct shm_map **ret,
                            struct fkv_error *error)
{
    struct shm_map *map = alloc_zero(alloc, sizeof *map);
    if (map == NULL) {
        close(fd);
        close(file);
        return status_no_memory(error, sizeof *map);
    }
    block_init(&map->block, NULL, 0, map_free);
    map->alloc = alloc;
    map->fd = fd;
    map->process = getpid();
    shm_hex(welcome->token, shm_token_size, map->token);
    pthread_mutex_init(&map->lock, NULL);
    list_init(&map->waiting);
    enum fkv_status status = map_file(map, file, welcome->map_bytes, error);
    close(file);
    if (status == FKV_OK)
        *ret = map;
    else
        shm_map_unref(map);
    return status;
}

struct shm_map *shm_map_ref(struct shm_map *map)
{
    block_ref(&map->block);
    return map;
}

void shm_map_unref(struct shm_map *map)
{
    if (map != NULL)
        block_unref(&map->block);
}

struct slice shm_map_bytes(const struct shm_map *map)
{
    return block_slice(&map->block);
}

struct slice shm_map_token(const struct shm_map *map)
{
    return slice_of(map->token, sizeof map->token - 1);
}

/* ---- leases ---- */

/* With the lock held: as many packets as the connection takes. One that is broken has ended all
 * leases, and takes any. */
static void release_waiting(struct shm_map *map)
{
    while (!list_empty(&map->waiting)) {
        uint64_t ids[shm_ids_max];
        size_t count = 0;
        list_each(node, &map->waiting)
        {
            ids[count++] = list_entry(node, struct lease, link)->id;
            if (count == shm_ids_max)
                break;
        }
        if (shm_send_release(map->fd, ids, count) == -EAGAIN)
            return;
        for (; count > 0; count--)
            alloc_free(map->alloc, list_entry(list_shift(&map->waiting), struct lease, link));
    }
}

void shm_map_flush(struct shm_map *map)
{
    pthread_mutex_lock(&map->lock);
    release_waiting(map);
    pthread_mutex_unlock(&map->lock);
}

static void lease_free(struct block *block)
{
    struct lease *lease = (struct lease *)(void *)block;
    struct shm_map *map = lease->map;
    if (lease->id == 0 || getpid() != map->process) {
        alloc_free(map->alloc, lease);
    } else {
        pthread_mutex_lock(&map->lock);
        list_push(&map->waiting, &lease->link);
        release_waiting(map);
        pthread_mutex_unlock(&map->lock);
    }
    shm_map_unref(map);
}

struct block *shm_map_lease(struct shm_map *map)
{
    struct lease *lease = alloc_zero(map->alloc, sizeof *lease);
    if (lease == NULL)
        return NULL;
    block_init(&lease->block, NULL, 0, lease_free);
    lease->map = shm_map_ref(map);
    return &lease->block;
}

void shm_map_name_lease(struct block *block, uint64_t id)
{
    ((struct lease *)(void *)block)->id = id;
}
