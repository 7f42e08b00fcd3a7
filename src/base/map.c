/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <assert.h>

enum { smallest_bits = 4, largest_bits = 30 };

bool map_init(struct map *map, const struct alloc *alloc)
{
    *map = (struct map){.alloc = alloc, .bits = smallest_bits};
    map->buckets = alloc_array(alloc, (size_t)1 << smallest_bits, sizeof *map->buckets);
    return map->buckets != NULL;
}

void map_done(struct map *map)
{
    if (map->alloc != NULL)
        alloc_free(map->alloc, map->buckets);
    map->buckets = NULL;
    map->count = 0;
}

static size_t bucket_of(const struct map *map, uint64_t hash)
{
    return (size_t)(hash >> (64 - map->bits));
}

/* Chains are kept in order of hash, so that a grown map needs no second look at equal hashes and a
 * scan's order doesn't depend on the order of insertion. */
static void link_node(struct map *map, struct map_node *node)
{
    struct map_node **link = &map->buckets[bucket_of(map, node->hash)];
    while (*link != NULL && (*link)->hash < node->hash)
        link = &(*link)->next;
    node->next = *link;
    *link = node;
}

static void map_grow(struct map *map)
{
    if (map->bits >= largest_bits)
        return;
    struct map_node **grown =
        alloc_array(map->alloc, (size_t)1 << (map->bits + 1), sizeof *map->buckets);
    if (grown == NULL)
        return;
    struct map_node **old = map->buckets;
    size_t old_count = (size_t)1 << map->bits;
    map->buckets = grown;
    map->bits++;
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct map_node *node = old[i];
            old[i] = node->next;
            link_node(map, node);
        }
    }
    alloc_free(map->alloc, old);
}

void map_insert(struct map *map, struct map_node *node, uint64_t hash)
{
    if (map->count >> map->bits != 0)
        map_grow(map);
    node->hash = hash;
    link_node(map, node);
    map->count++;
}

void map_remove(struct map *map, struct map_node *node)
{
    struct map_node **link = &map->buckets[bucket_of(map, node->hash)];
    while (*link != NULL && *link != node)
        link = &(*link)->next;
    assert(*link == node);
    if (*link != node)
        return;
    *link = node->next;
    node->next = NULL;
    map->count--;
}

struct map_node *map_first(const struct map *map, uint64_t hash)
{
    struct map_node *node = map->buckets[bucket_of(map, hash)];
    while (node != NULL && node->hash < hash)
        node = node->next;
    return node != NULL && node->hash == hash ? node : NULL;
}

struct map_node *map_next(const struct map_node *node)
{
    return node->next != NULL && node->next->hash == node->hash ? node->next : NULL;
}

uint64_t map_scan(const struct map *map, uint64_t cursor,
                  void (*visit)(void *context, struct map_node *node), void *context)
{
    size_t bucket = bucket_of(map, cursor);
    for (struct map_node *node = map->buckets[bucket]; node != NULL; node = node->next)
        if (node->hash >= cursor) /* a shrunk step after growth must not repeat nodes */
            visit(context, node);
    bucket++;
    return bucket >> map->bits != 0 ? 0 : (uint64_t)bucket << (64 - map->bits);
}
