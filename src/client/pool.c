/* SPDX-License-Identifier: Apache-2.0 */
#include "client/pool.h"

#include <pthread.h>
#include <sys/mman.h>

#include "base/list.h"
#include "ipc/reader.h"

/* Below this the heap's own recycling does as well. */
enum { pooled_bytes_least = 64 << 10 };
enum { huge_page_bytes = 2 << 20 };

struct client_pool {
    const struct alloc *alloc;
    pthread_mutex_t lock;
    struct list kept; /* oldest first */
    struct client_pool_stats stats;
    struct ipc_reader *readers[client_pool_readers_max]; /* kept ones, the latest last */
    size_t reader_count;
    size_t users;  /* blocks alive, kept ones too; readers that are out */
    size_t owners; /* 0: it is closed */
};

struct pooled {
    struct block block;
    struct client_pool *pool;
    struct list link;
    size_t capacity;
};

struct client_pool *client_pool_new(const struct alloc *alloc)
{
    struct client_pool *pool = alloc_zero(alloc, sizeof *pool);
    if (pool == NULL)
        return NULL;
    pool->alloc = alloc;
    pool->owners = 1;
    pthread_mutex_init(&pool->lock, NULL);
    list_init(&pool->kept);
    return pool;
}

static void pool_free(struct client_pool *pool)
{
    pthread_mutex_destroy(&pool->lock);
    alloc_free(pool->alloc, pool);
}

/* With the lock held. */
static void drop(struct client_pool *pool, struct pooled *pooled)
{
    alloc_free(pool->alloc, pooled->block.data);
    alloc_free(pool->alloc, pooled);
    pool->users--;
}

/* With the lock held: drops kept blocks, oldest first, until at most `bytes` are kept. */
static void keep_at_most(struct client_pool *pool, size_t bytes)
{
    while (pool->stats.kept_bytes > bytes) {
        struct pooled *pooled = list_entry(list_shift(&pool->kept), struct pooled, link);
        pool->stats.kept_bytes -= pooled->capacity;
        drop(pool, pooled);
    }
}

struct client_pool *client_pool_share(struct client_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->owners++;
    pthread_mutex_unlock(&pool->lock);
    return pool;
}

void client_pool_close(struct client_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    bool is_closed = --pool->owners == 0;
    if (is_closed)
        keep_at_most(pool, 0);
    while (is_closed && pool->reader_count > 0)
        ipc_reader_free(pool->readers[--pool->reader_count]);
    bool is_last = is_closed && pool->users == 0;
    pthread_mutex_unlock(&pool->lock);
    if (is_last)
        pool_free(pool);
}

static void pooled_free(struct block *block)
{
    struct pooled *pooled = (struct pooled *)(void *)block;
    struct client_pool *pool = pooled->pool;
    pthread_mutex_lock(&pool->lock);
    pool->stats.used_bytes -= pooled->capacity;
    if (pool->owners == 0) {
        drop(pool, pooled);
    } else {
        list_push(&pool->kept, &pooled->link);
        pool->stats.kept_bytes += pooled->capacity;
    }
    bool is_last = pool->owners == 0 && pool->users == 0;
    pthread_mutex_unlock(&pool->lock);
    if (is_last)
        pool_free(pool);
}

/* With the lock held: the smallest kept block that holds `size` and wastes at most a quarter. */
static struct pooled *take_kept(struct client_pool *pool, size_t size)
{
    struct pooled *best = NULL;
    list_each(node, &pool->kept)
    {
        struct pooled *pooled = list_entry(node, struct pooled, link);
        if (pooled->capacity >= size && pooled->capacity - size <= size / 4 &&
            (best == NULL || pooled->capacity < best->capacity))
            best = pooled;
    }
    if (best != NULL) {
        list_unlink(&best->link);
        pool->stats.kept_bytes -= best->capacity;
    }
    return best;
}

static struct pooled *make_pooled(struct client_pool *pool, size_t size)
{
    bool is_huge = size >= huge_page_bytes;
    size_t alignment = is_huge ? (size_t)huge_page_bytes : (size_t)block_alignment;
    struct pooled *pooled = alloc_zero(pool->alloc, sizeof *pooled);
    void *data = pooled == NULL ? NULL : alloc_aligned(pool->alloc, alignment, size);
    if (data == NULL) {
        alloc_free(pool->alloc, pooled);
        return NULL;
    }
    if (is_huge) /* only advice: without it pages are small, and all works */
        madvise(data, size / huge_page_bytes * huge_page_bytes, MADV_HUGEPAGE);
    pooled->pool = pool;
    pooled->capacity = size;
    pooled->block.data = data;
    list_init(&pooled->link);
    pool->users++;
    return pooled;
}

struct block *client_pool_get(struct client_pool *pool, size_t size)
{
    if (size < pooled_bytes_least)
        return block_new(pool->alloc, size);
    if (size > SIZE_MAX / 2)
        return NULL;
    pthread_mutex_lock(&pool->lock);
    struct pooled *pooled = take_kept(pool, size);
    if (pooled == NULL) {
        size_t used = pool->stats.used_bytes + size;
        size_t most = pool->stats.most_used_bytes;
        keep_at_most(pool, most > used ? most - used : 0);
        pooled = make_pooled(pool, size);
    }
    if (pooled != NULL) {
        pool->stats.used_bytes += pooled->capacity;
        if (pool->stats.used_bytes > pool->stats.most_used_bytes)
            pool->stats.most_used_bytes = pool->stats.used_bytes;
    }
    pthread_mutex_unlock(&pool->lock);
    if (pooled == NULL)
        return NULL;
    block_init(&pooled->block, pooled->block.data, size, pooled_free);
    return &pooled->block;
}

struct ipc_reader *client_pool_take_reader(struct client_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct ipc_reader *reader = pool->reader_count > 0 ? pool->readers[--pool->reader_count] : NULL;
    pool->users++;
    pthread_mutex_unlock(&pool->lock);
    return reader;
}

void client_pool_give_reader(struct client_pool *pool, struct ipc_reader *reader)
{
    bool is_clean = reader != NULL && ipc_reader_restart(reader, 0);
    pthread_mutex_lock(&pool->lock);
    pool->users--;
    if (is_clean && pool->owners > 0 && pool->reader_count < client_pool_readers_max) {
        pool->readers[pool->reader_count++] = reader;
        reader = NULL;
    }
    bool is_last = pool->owners == 0 && pool->users == 0;
    pthread_mutex_unlock(&pool->lock);
    ipc_reader_free(reader);
    if (is_last)
        pool_free(pool);
}

struct client_pool_stats client_pool_stats(struct client_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct client_pool_stats stats = pool->stats;
    pthread_mutex_unlock(&pool->lock);
    return stats;
}
