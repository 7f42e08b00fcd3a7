/* SPDX-License-Identifier: Apache-2.0 */
/* An intrusive hash map, chained. The caller brings the hash (keyed, where keys come from peers)
 * and compares candidates:
 *
 *     for (n = map_first(&map, hash); n != NULL; n = map_next(n))
 *         if (same key) ...
 *
 * Buckets are chosen by the *top* bits of the hash. So walking the buckets in order walks the nodes
 * in order of their hash, whatever the number of buckets; that makes a cursor for a scan that
 * survives growth: every node present during the whole scan is seen exactly once.
 *
 *     hash      0x0..              0x4..              0x8..            0xc..
 *     buckets   [ 0 ]---------------[ 1 ]--------------[ 2 ]------------[ 3 ]
 *
 * Not thread-safe. Growth doubles the buckets when there are more nodes than buckets; a failed
 * growth only makes chains longer.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"

struct map_node {
    struct map_node *next;
    uint64_t hash;
};

struct map {
    const struct alloc *alloc;
    struct map_node **buckets;
    unsigned bits; /* there are 1 << bits buckets */
    size_t count;
};

#define map_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

bool map_init(struct map *map, const struct alloc *alloc);
void map_done(struct map *map); /* the nodes are the caller's */

void map_insert(struct map *map, struct map_node *node, uint64_t hash);
void map_remove(struct map *map, struct map_node *node); /* must be there */

struct map_node *map_first(const struct map *map, uint64_t hash);
struct map_node *map_next(const struct map_node *node); /* the next with the same hash */

/* Calls `visit` for the nodes of the bucket that `cursor` (0 at first) falls into and gives the
 * cursor to go on with; 0 when the scan is over. `visit` must not change the map. */
uint64_t map_scan(const struct map *map, uint64_t cursor,
                  void (*visit)(void *context, struct map_node *node), void *context);

#endif
