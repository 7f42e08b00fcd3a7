/* SPDX-License-Identifier: Apache-2.0 */
/* A header may have 64 MiB, and every put takes the lock: so headers are hashed, copied and
 * compared with the lock open. Under it only hash and size are looked at; a reference keeps what
 * was found while its bytes are compared. No two of the map have the same hash and size: should two
 * headers collide, the later one is listed under the next number that is free. */
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

static struct schema *find(const struct schemas *schemas, uint64_t hash, size_t size)
{
    for (struct map_node *n = map_first(&schemas->map, hash); n != NULL; n = map_next(n)) {
        struct schema *schema = map_entry(n, struct schema, node);
        if (schema->size == size)
            return schema;
    }
    return NULL;
}

/* A reference on the schema of that hash and size; on `made`, which is then listed, where there is
 * none. Both may be NULL. */
static struct schema *ref_listed(struct schemas *schemas, uint64_t hash, size_t size,
                                 struct schema *made)
{
    pthread_mutex_lock(&schemas->lock);
    struct schema *schema = find(schemas, hash, size);
    if (schema == NULL && made != NULL) {
        map_insert(&schemas->map, &made->node, hash);
        schema = made;
    }
    if (schema != NULL)
        schema->refs++;
    pthread_mutex_unlock(&schemas->lock);
    return schema;
}

static struct schema *make(struct schemas *schemas, struct slice bytes, struct fkv_error *error)
{
    struct schema *schema = heap_resize(schemas->heap, NULL, 0, sizeof *schema + bytes.size, error);
    if (schema == NULL)
        return NULL;
    schema->refs = 0;
    schema->size = bytes.size;
    if (bytes.size > 0)
        memcpy(schema->bytes, bytes.data, bytes.size);
    return schema;
}

static void destroy(struct schemas *schemas, struct schema *schema)
{
    if (schema != NULL)
        heap_free(schemas->heap, schema, sizeof *schema + schema->size);
}

enum fkv_status schemas_ref(struct schemas *schemas, struct slice bytes, struct schema **ret,
                            struct fkv_error *error)
{
    struct schema *schema, *made = NULL;
    for (uint64_t hash = digest_key(bytes, schemas->seed);; hash++) {
        schema = ref_listed(schemas, hash, bytes.size, made);
        if (schema == NULL) {
            made = make(schemas, bytes, error);
            if (made == NULL)
                return FKV_RESOURCE_EXHAUSTED;
            schema = ref_listed(schemas, hash, bytes.size, made);
        }
        if (schema == made || slice_equal(schema_slice(schema), bytes))
            break;
        schemas_unref(schemas, schema);
    }
    if (schema != made) /* somebody else's; it may have come while ours was made */
        destroy(schemas, made);
    *ret = schema;
    return FKV_OK;
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
        destroy(schemas, schema);
}
