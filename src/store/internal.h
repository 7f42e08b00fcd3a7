/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "base/map.h"
#include "store/digest.h"
#include "store/draft.h"
#include "store/part.h"
#include "store/schemas.h"
#include "store/store.h"

enum { store_shard_bits = 6, store_shard_count = 1 << store_shard_bits };

/* The keys whose hash ends in the shard's number. `lock` guards all of it. */
struct shard {
    alignas(64) pthread_mutex_t lock;
    pthread_mutex_t append_lock; /* taken before `lock` */
    struct map map;
    uint64_t table_bytes;
    uint64_t puts, hits, misses, deletes;
};

struct store {
    struct heap heap;
    struct alloc charging_alloc; /* over `heap` */
    const struct clock *clock;
    uint64_t seed; /* of the keys' hash, so that no peer can make long chains */
    struct schemas schemas;
    atomic_uint_fast64_t version;
    atomic_uint_fast64_t tables;
    atomic_uint_fast64_t puts_open;
    atomic_uint_fast64_t puts_aborted;
    struct shard shards[store_shard_count];
};

/* struct table | key | descriptor, in the leaf of the one put that made it, or an allocation of its
 * own. */
struct table {
    struct store_table public; /* first */
    struct map_node node;      /* in its shard; guarded by that */
    struct store *store;
    size_t own_bytes; /* of its own allocation; 0 when it lies in its leaf */
    size_t root_count;
    struct part *roots[]; /* part.h */
};

struct store_put {
    struct store *store;
    struct heap heap; /* of its own, over the store's */
    struct slice key; /* behind the struct, the descriptor too */
    struct slice descriptor;
    size_t size; /* of this allocation */
    struct draft draft;
    struct schema *schema;
    struct table *base;        /* what is appended to, a reference; NULL: nothing */
    struct store_table totals; /* only rows, batches, body_bytes and, in the end, the etag */
    size_t body_filled;
    struct digest digest;
    bool is_digesting; /* the last message isn't in digest.value yet */
};

/* put.c: what store_put_message does for the digest and the totals. */
void put_begin_digest(struct store_put *put, uint64_t index, size_t body_bytes);
void put_end_digest(struct store_put *put);
enum fkv_status put_check_filled(const struct store_put *put, struct fkv_error *error);
void put_free(struct store_put *put);

/* The table of the put's messages, behind those of its base. The draft's memory is the table's once
 * table_own was called; before, the table may be dropped again. RESOURCE_EXHAUSTED. */
enum fkv_status table_new(struct store_put *put, struct table **ret, struct fkv_error *error);
void table_own(struct table *table, struct store_put *put);

/* Puts the table, and the caller's reference on it, under its key. */
void store_publish(struct store *store, struct table *table);

/* The same if what is under the key now is `base` (NULL: nothing). Says whether it was. */
bool store_publish_behind(struct store *store, struct table *table, const struct table *base);

/* Appends to one key are committed one after the other: a large one, which takes its time to be
 * digested again behind what others appended, would else lose every race against small ones. */
pthread_mutex_t *store_append_lock(struct store *store, struct slice key);

static inline struct table *table_of(const struct store_table *public)
{
    return (struct table *)public;
}

#endif
