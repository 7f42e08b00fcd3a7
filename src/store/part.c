/* SPDX-License-Identifier: Apache-2.0 */
#include "store/part.h"

#include <assert.h>

#include "store/internal.h"

/* ---- leaves ---- */

static void leaf_free(struct block *block)
{
    struct part *part = (struct part *)(void *)block;
    struct store *store = part->store;
    arena_forget_stored(store->heap.arena, part->memory_bytes);
    for (size_t i = 0; i < part->leaf.extent_count; i++)
        arena_give(store->heap.arena, &part->leaf.extents[i]);
    schemas_unref(&store->schemas, part->leaf.schema);
    heap_free_aligned(&store->heap, part, part->block.size);
}

_Static_assert(offsetof(struct part, block) == 0, "leaf_free and joint_free cast");
_Static_assert(sizeof(struct part) % 8 == 0 && sizeof(struct entry) % 8 == 0 &&
                   sizeof(struct arena_extent) % 8 == 0 && alignof(struct part) <= 8,
               "entries, extents and extra lie aligned behind the part");

struct layout {
    size_t entries, extents, extra, packed; /* offsets */
    size_t size;
};

static struct layout layout_of(const struct draft *draft, size_t extra_bytes)
{
    struct layout layout = {.entries = sizeof(struct part)};
    layout.extents = layout.entries + draft->entry_count * sizeof *draft->entries;
    layout.extra = layout.extents + draft->extent_count * sizeof *draft->extents;
    layout.packed = layout.extra + extra_bytes;
    layout.packed = (layout.packed + block_alignment - 1) / block_alignment * block_alignment;
    layout.size = layout.packed + draft->packed_used;
    return layout;
}

static void copy(uint8_t *to, const void *from, size_t size)
{
    if (size > 0)
        memcpy(to, from, size);
}

/* The extents are the leaf's only once part_own has counted them. */
static void fill_leaf(struct part *part, const struct draft *draft, struct layout layout)
{
    uint8_t *home = (uint8_t *)part;
    struct entry *entries = (struct entry *)(void *)(home + layout.entries);
    copy((uint8_t *)entries, draft->entries, draft->entry_count * sizeof *entries);
    copy(home + layout.packed, draft->packed, draft->packed_used);
    draft_rebase(entries, draft->entry_count, draft->packed, draft->packed_used,
                 home + layout.packed);
    part->leaf.entries = entries;
    part->leaf.extents = (struct arena_extent *)(void *)(home + layout.extents);
    copy(home + layout.extents, draft->extents, draft->extent_count * sizeof *draft->extents);
    part->messages = draft->entry_count;
    part->dictionary_end = draft->dictionary_end;
    part->memory_bytes = heap_aligned_cost(layout.size);
    for (size_t i = 0; i < draft->extent_count; i++)
        part->memory_bytes += draft->extents[i].charged;
}

enum fkv_status part_new(struct store *store, const struct draft *draft, size_t extra_bytes,
                         struct part **ret, void **ret_extra, struct fkv_error *error)
{
    struct layout layout = layout_of(draft, extra_bytes);
    struct part *part = heap_get_aligned(draft->heap, layout.size, error);
    if (part == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    *part = (struct part){.store = store};
    block_init(&part->block, part, layout.size, leaf_free);
    fill_leaf(part, draft, layout);
    arena_note_stored(store->heap.arena, part->memory_bytes);
    *ret = part;
    *ret_extra = (uint8_t *)part + layout.extra;
    return FKV_OK;
}

void part_own(struct part *leaf, struct draft *draft, struct schema *schema)
{
    leaf->leaf.extent_count = draft->extent_count;
    leaf->leaf.schema = schema;
    draft->extent_count = 0;
}

void part_unref(struct part *part)
{
    if (part != NULL)
        block_unref(&part->block);
}

/* ---- joints ---- */

/* Recursive as deep as its rank, which is the logarithm of the number of appends. */
static void joint_free(struct block *block)
{
    struct part *part = (struct part *)(void *)block;
    part_unref(part->halves[0]);
    part_unref(part->halves[1]);
    arena_forget_stored(part->store->heap.arena, heap_cost(sizeof *part));
    heap_free(&part->store->heap, part, sizeof *part);
}

/* Takes both over; NULL, and they are as they were, when there is no memory. */
static struct part *join(struct part *first, struct part *second, struct fkv_error *error)
{
    struct heap *heap = &first->store->heap;
    struct part *joint = heap_resize(heap, NULL, 0, sizeof *joint, error);
    if (joint == NULL)
        return NULL;
    *joint = (struct part){
        .store = first->store,
        .messages = first->messages + second->messages,
        .dictionary_end = second->dictionary_end > 0 ? first->messages + second->dictionary_end
                                                     : first->dictionary_end,
        .memory_bytes = heap_cost(sizeof *joint) + first->memory_bytes + second->memory_bytes,
        .rank = first->rank + 1,
        .halves = {first, second},
    };
    block_init(&joint->block, joint, sizeof *joint, joint_free);
    arena_note_stored(heap->arena, heap_cost(sizeof *joint));
    return joint;
}

enum fkv_status part_add(struct part *roots[part_roots_max], size_t *count, struct part *leaf,
                         struct fkv_error *error)
{
    assert(*count < part_roots_max); /* 2 to the power of 63 appends later */
    roots[(*count)++] = leaf;
    while (*count > 1 && roots[*count - 2]->rank == roots[*count - 1]->rank) {
        struct part *joint = join(roots[*count - 2], roots[*count - 1], error);
        if (joint == NULL)
            return FKV_RESOURCE_EXHAUSTED;
        roots[*count - 2] = joint;
        --*count;
    }
    return FKV_OK;
}

/* ---- reading ---- */

const struct entry *part_entry(const struct part *part, uint64_t index)
{
    while (part->rank > 0) {
        uint64_t first = part->halves[0]->messages;
        bool is_second = index >= first;
        index -= is_second ? first : 0;
        part = part->halves[is_second];
    }
    return &part->leaf.entries[index];
}

static uint64_t last_in_leaf(const struct part *leaf, uint64_t end)
{
    while (end > 0 && leaf->leaf.entries[end - 1].kind != STORE_DICTIONARY)
        end--;
    return end;
}

uint64_t part_last_dictionary(const struct part *part, uint64_t end)
{
    if (end >= part->dictionary_end)
        return part->dictionary_end;
    if (part->rank == 0)
        return last_in_leaf(part, end);
    uint64_t first = part->halves[0]->messages;
    uint64_t found = end > first ? part_last_dictionary(part->halves[1], end - first) : 0;
    return found > 0 ? first + found : part_last_dictionary(part->halves[0], end);
}
