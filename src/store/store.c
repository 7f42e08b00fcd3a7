/* SPDX-License-Identifier: Apache-2.0 */
/* Keys to tables: a hash map in 64 shards, each with its lock. The last bits of a key's hash choose
 * the shard, the first ones the bucket in it (map.h).
 *
 * A cursor of store_list is the hash from which to go on, and so names its shard too: the scan goes
 * shard by shard and, in each, in order of the hash. No lock is held over more than a few buckets,
 * and nothing is freed under one. */
#include "base/status.h"
#include "store/internal.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

/* ---- making and freeing ---- */

static bool init_shard(struct shard *shard, const struct alloc *alloc)
{
    pthread_mutex_init(&shard->lock, NULL);
    pthread_mutex_init(&shard->append_lock, NULL);
    return map_init(&shard->map, alloc);
}

static enum fkv_status init_store(struct store *store, struct fkv_error *error)
{
    if (getrandom(&store->seed, sizeof store->seed, 0) != (ssize_t)sizeof store->seed)
        return status_set(error, FKV_INTERNAL, "could not get random bytes: %s", strerror(errno));
    bool is_made = schemas_init(&store->schemas, &store->heap, store->seed);
    for (size_t i = 0; i < store_shard_count; i++)
        is_made = init_shard(&store->shards[i], store->heap.alloc) && is_made;
    return is_made ? FKV_OK : status_no_memory(error, sizeof *store);
}

enum fkv_status store_new(const struct alloc *alloc, struct arena *arena, const struct clock *clock,
                          struct store **ret, struct fkv_error *error)
{
    struct store *store = alloc_aligned(alloc, alignof(struct store), sizeof *store);
    if (store == NULL)
        return status_no_memory(error, sizeof *store);
    memset(store, 0, sizeof *store);
    store->heap = (struct heap){.alloc = alloc, .arena = arena};
    store->charging_alloc = heap_charging_alloc(&store->heap);
    store->clock = clock;
    enum fkv_status status = init_store(store, error);
    if (status != FKV_OK) {
        store_free(store);
        return status;
    }
    *ret = store;
    return FKV_OK;
}

static void delete_all(struct store *store)
{
    struct store_table *tables[64];
    uint64_t cursor = 0;
    do {
        size_t count = store_list(store, &cursor, tables, 64);
        for (size_t i = 0; i < count; i++) {
            store_delete(store, tables[i]->key);
            store_table_unref(tables[i]);
        }
    } while (cursor != 0);
}

void store_free(struct store *store)
{
    if (store == NULL)
        return;
    bool is_whole = store->schemas.map.buckets != NULL;
    for (size_t i = 0; i < store_shard_count; i++)
        is_whole = is_whole && store->shards[i].map.buckets != NULL;
    if (is_whole)
        delete_all(store);
    assert(store->tables == 0 && store->puts_open == 0);
    for (size_t i = 0; i < store_shard_count; i++) {
        map_done(&store->shards[i].map);
        pthread_mutex_destroy(&store->shards[i].lock);
        pthread_mutex_destroy(&store->shards[i].append_lock);
    }
    schemas_done(&store->schemas);
    alloc_free(store->heap.alloc, store);
}

const struct alloc *store_charging_alloc(struct store *store)
{
    return &store->charging_alloc;
}

/* ---- keys ---- */

static struct shard *shard_of(struct store *store, uint64_t hash)
{
    return &store->shards[hash % store_shard_count];
}

static struct table *find(struct shard *shard, uint64_t hash, struct slice key)
{
    for (struct map_node *n = map_first(&shard->map, hash); n != NULL; n = map_next(n)) {
        struct table *table = map_entry(n, struct table, node);
        if (slice_equal(table->public.key, key))
            return table;
    }
    return NULL;
}

/* Takes what is under the key off its shard; the reference is the caller's. */
static struct table *take_out(struct shard *shard, uint64_t hash, struct slice key)
{
    struct table *table = find(shard, hash, key);
    if (table == NULL)
        return NULL;
    map_remove(&shard->map, &table->node);
    shard->table_bytes -= table->public.body_bytes;
    return table;
}

/* Puts the table in the place of `old`, which it gives (NULL: there was none). With `is_behind`
 * only if that is `base`; else nothing changes, and *ret_is_done is false. */
static struct table *publish(struct store *store, struct table *table, bool is_behind,
                             const struct table *base, bool *ret_is_done)
{
    uint64_t hash = digest_key(table->public.key, store->seed);
    struct shard *shard = shard_of(store, hash);
    struct table *old = NULL;
    pthread_mutex_lock(&shard->lock);
    *ret_is_done = !is_behind || find(shard, hash, table->public.key) == base;
    if (*ret_is_done) {
        old = take_out(shard, hash, table->public.key);
        table->public.version = atomic_fetch_add(&store->version, 1) + 1;
        map_insert(&shard->map, &table->node, hash);
        shard->table_bytes += table->public.body_bytes;
        shard->puts++;
    }
    pthread_mutex_unlock(&shard->lock);
    return old;
}

void store_publish(struct store *store, struct table *table)
{
    bool is_done;
    struct table *old = publish(store, table, false, NULL, &is_done);
    if (old != NULL)
        store_table_unref(&old->public);
}

bool store_publish_behind(struct store *store, struct table *table, const struct table *base)
{
    bool is_done;
    struct table *old = publish(store, table, true, base, &is_done);
    if (old != NULL)
        store_table_unref(&old->public);
    return is_done;
}

pthread_mutex_t *store_append_lock(struct store *store, struct slice key)
{
    return &shard_of(store, digest_key(key, store->seed))->append_lock;
}

static struct store_table *look_up(struct store *store, struct slice key, bool is_counted)
{
    uint64_t hash = digest_key(key, store->seed);
    struct shard *shard = shard_of(store, hash);
    pthread_mutex_lock(&shard->lock);
    struct table *table = find(shard, hash, key);
    if (table != NULL)
        block_ref(&table->public.block);
    if (is_counted)
        *(table != NULL ? &shard->hits : &shard->misses) += 1;
    pthread_mutex_unlock(&shard->lock);
    return table != NULL ? &table->public : NULL;
}

struct store_table *store_get(struct store *store, struct slice key)
{
    return look_up(store, key, true);
}

struct store_table *store_peek(struct store *store, struct slice key)
{
    return look_up(store, key, false);
}

bool store_delete(struct store *store, struct slice key)
{
    uint64_t hash = digest_key(key, store->seed);
    struct shard *shard = shard_of(store, hash);
    pthread_mutex_lock(&shard->lock);
    struct table *table = take_out(shard, hash, key);
    shard->deletes += table != NULL;
    pthread_mutex_unlock(&shard->lock);
    if (table != NULL)
        store_table_unref(&table->public);
    return table != NULL;
}

/* ---- listing ---- */

/* Buckets, mostly empty ones, that one call looks through. */
enum { list_buckets_most = 4096 };

struct listing {
    struct store_table **tables;
    size_t count;
    size_t capacity;
    bool is_full; /* there is one more, at: */
    uint64_t next;
};

static uint64_t hash_at(const struct listing *listing, size_t index)
{
    return table_of(listing->tables[index])->node.hash;
}

/* A cursor can't stand between two keys of one hash, so the first of them, if the last one has no
 * place any more, are given another time. (That fails only for more than `capacity` keys of one
 * 64-bit hash.) Dropped references aren't the last ones: the map has its own. */
static void list_visit(void *context, struct map_node *node)
{
    struct listing *listing = context;
    if (listing->is_full)
        return;
    if (listing->count < listing->capacity) {
        struct table *table = map_entry(node, struct table, node);
        block_ref(&table->public.block);
        listing->tables[listing->count++] = &table->public;
        return;
    }
    listing->is_full = true;
    listing->next = node->hash;
    if (hash_at(listing, 0) == node->hash)
        return;
    while (hash_at(listing, listing->count - 1) == node->hash)
        store_table_unref(listing->tables[--listing->count]);
}

/* Goes through one shard from `cursor` on; gives the cursor to go on with, that of the next shard
 * when this one is done. */
static uint64_t list_shard(struct store *store, uint64_t cursor, struct listing *listing,
                           unsigned *buckets_left)
{
    uint64_t index = cursor % store_shard_count, next = cursor;
    struct shard *shard = &store->shards[index];
    bool is_done = false;
    pthread_mutex_lock(&shard->lock);
    while (!is_done && !listing->is_full && *buckets_left > 0) {
        uint64_t bucket = map_scan(&shard->map, next, list_visit, listing);
        is_done = bucket == 0;
        next = bucket | index; /* a bucket's first bits and the shard's last */
        --*buckets_left;
    }
    pthread_mutex_unlock(&shard->lock);
    if (listing->is_full)
        return listing->next;
    return is_done ? (index + 1) % store_shard_count : next;
}

size_t store_list(struct store *store, uint64_t *cursor, struct store_table **ret, size_t capacity)
{
    assert(capacity > 0);
    struct listing listing = {.tables = ret, .capacity = capacity};
    unsigned buckets_left = list_buckets_most;
    do {
        *cursor = list_shard(store, *cursor, &listing, &buckets_left);
    } while (*cursor != 0 && !listing.is_full && buckets_left > 0);
    return listing.count;
}

/* ---- figures ---- */

struct store_stats store_stats(struct store *store)
{
    struct store_stats stats = {.tables = store->tables,
                                .puts_aborted = store->puts_aborted,
                                .puts_open = store->puts_open,
                                .memory = arena_stats(store->heap.arena)};
    for (size_t i = 0; i < store_shard_count; i++) {
        struct shard *shard = &store->shards[i];
        pthread_mutex_lock(&shard->lock);
        stats.keys += shard->map.count;
        stats.table_bytes += shard->table_bytes;
        stats.puts += shard->puts;
        stats.hits += shard->hits;
        stats.misses += shard->misses;
        stats.deletes += shard->deletes;
        pthread_mutex_unlock(&shard->lock);
    }
    return stats;
}
