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
#include "store/schemas.h"
#include "store/store.h"

enum { store_shard_bits = 6, store_shard_count = 1 << store_shard_bits };

/* The keys whose hash ends in the shard's number. The lock guards all of it. */
struct shard {
    alignas(64) pthread_mutex_t lock;
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

/* A stored table lies in one allocation, exactly as large as it must be:
 *
 *     struct table | entries | extents | key | descriptor | (to 64) | packed
 *
 * See draft.h about the last one and the extents. */
struct table {
    struct store_table public; /* first */
    struct map_node node;      /* in its shard; guarded by that */
    struct store *store;
    struct schema *schema; /* NULL when the header is among the packed bytes */
    const struct entry *entries;
    struct arena_extent *extents;
    size_t extent_count;
    size_t home_size;
};

/* What a table is made from; the counts and the etag of *totals are taken over. */
struct table_parts {
    struct slice key;
    struct slice descriptor;
    struct draft *draft;
    struct schema *schema;
    const struct store_table *totals;
};

/* Takes extents and schema over from the parts on success. RESOURCE_EXHAUSTED. */
enum fkv_status table_new(struct store *store, const struct table_parts *parts, struct table **ret,
                          struct fkv_error *error);

/* Puts the table, and the caller's reference on it, under its key. */
void store_publish(struct store *store, struct table *table);

static inline struct table *table_of(const struct store_table *public)
{
    return (struct table *)public;
}

#endif
