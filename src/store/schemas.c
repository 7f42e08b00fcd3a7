/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schemas.h"

#include <assert.h>

#include "store/digest.h"

bool schemas_init(struct schemas *schemas, struct heap *heap, uint64_t seed)
{
    *schemas = (struct schemas){.heap = heap, .seed = seed};
    pthread_mutex_init(&schemas->lock, NULL);
    return map_init(&schemas->map, heap->alloc);
}

void schemas_done(struct schemas *schemas)
{
    if (schemas->heap == NULL)
        return;
    assert(schemas->map.count == 0);
    map_done(&schemas->map);
    pthread_mutex_destroy(&schemas->lock);
    schemas->heap = NULL;
}

static struct schema *find(struct schemas *schemas, uint64_t hash, struct slice bytes)
{
    for (struct map_node *n = map_first(&schemas->map, hash); n != NULL; n = map_next(n)) {
        struct schema *schema = map_entry(n, struct schema, node);
        if (slice_equal(schema_slice(schema), bytes))
            return schema;
    }
    return NULL;
}

static struct schema *add(struct schemas *schemas, uint64_t hash, struct slice bytes,
                          struct fkv_error *error)
{
    struct schema *schema = heap_resize(schemas->heap, NULL, 0, sizeof *schema + bytes.size, error);
    if (schema == NULL)
        return NULL;
    schema->refs = 0;
    schema->size = bytes.size;
    if (bytes.size > 0)
        memcpy(schema->bytes, bytes.data, bytes.size);
    map_insert(&schemas->map, &schema->node, hash);
    return schema;
}

enum fkv_status schemas_ref(struct schemas *schemas, struct slice bytes, struct schema **ret,
                            struct fkv_error *error)
{
    uint64_t hash = digest_key(bytes, schemas->seed);
    pthread_mutex_lock(&schemas->lock);
    struct schema *schema = find(schemas, hash, bytes);
    if (schema == NULL)
        schema = add(schemas, hash, bytes, error);
    if (schema != NULL) {
        schema->refs++;
        *ret = schema;
    }
    pthread_mutex_unlock(&schemas->lock);
    return schema != NULL ? FKV_OK : FKV_RESOURCE_EXHAUSTED;
}

void schemas_unref(struct schemas *schemas, struct schema *schema)
{
    if (schema == NULL)
        return;
    pthread_mutex_lock(&schemas->lock);
    bool is_last = --schema->refs == 0;
    if (is_last)
        map_remove(&schemas->map, &schema->node);
    pthread_mutex_unlock(&schemas->lock);
    if (is_last)
        heap_free(schemas->heap, schema, sizeof *schema + schema->size);
}
