/* SPDX-License-Identifier: Apache-2.0 */
/* The schema headers of all tables and open puts, equal ones kept and charged once. Any thread. */
#ifndef STORE_SCHEMAS_H
#define STORE_SCHEMAS_H

#include <pthread.h>

#include "base/map.h"
#include "base/slice.h"
#include "mem/heap.h"

struct schemas {
    pthread_mutex_t lock;
    struct map map;
    struct heap *heap;
    uint64_t seed;
};

/* Immutable but for `node` and `refs`, which the lock guards. */
struct schema {
    struct map_node node;
    size_t refs;
    size_t size;
    uint8_t bytes[];
};

bool schemas_init(struct schemas *schemas, struct heap *heap, uint64_t seed);
void schemas_done(struct schemas *schemas); /* also zeroed ones */

/* A reference on the schema with these bytes. RESOURCE_EXHAUSTED. */
enum fkv_status schemas_ref(struct schemas *schemas, struct slice bytes, struct schema **ret,
                            struct fkv_error *error);
void schemas_unref(struct schemas *schemas, struct schema *schema); /* NULL is allowed */

static inline struct slice schema_slice(const struct schema *schema)
{
    return slice_of(schema->bytes, schema->size);
}

#endif
