/* SPDX-License-Identifier: Apache-2.0 */
#include "store/draft.h"

#include "base/status.h"

enum { entries_least = 4, extents_least = 4, header_alignment = 8 };

void draft_init(struct draft *draft, struct heap *heap)
{
    *draft = (struct draft){.heap = heap, .body_extent = draft_in_packed};
}

void draft_done(struct draft *draft)
{
    struct heap *heap = draft->heap;
    for (size_t i = 0; i < draft->extent_count; i++)
        arena_give(heap->arena, &draft->extents[i]);
    heap_free(heap, draft->extents, draft->extent_capacity * sizeof *draft->extents);
    heap_free(heap, draft->entries, draft->entry_capacity * sizeof *draft->entries);
    heap_free_aligned(heap, draft->packed, draft->packed_size);
    draft_init(draft, heap);
}

struct store_message draft_message(const struct entry *entry)
{
    const uint8_t *app = entry->app_size > 0 ? entry->header + entry->header_size : NULL;
    return (struct store_message){.kind = entry->kind,
                                  .rows = entry->rows,
                                  .header = slice_of(entry->header, entry->header_size),
                                  .app_metadata = slice_of(app, entry->app_size),
                                  .has_app_metadata = entry->has_app,
                                  .body = slice_of(entry->body, entry->body_size)};
}

/* ---- growing ---- */

static size_t round_up(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

/* An array of `*capacity` elements, or its double; NULL, with the array as it was, on failure. */
static void *grow(struct heap *heap, void *array, size_t *capacity, size_t least, size_t size,
                  struct fkv_error *error)
{
    size_t wanted = *capacity == 0 ? least : *capacity * 2;
    if (wanted > SIZE_MAX / 2 / size) {
        status_no_memory(error, SIZE_MAX);
        return NULL;
    }
    void *grown = heap_resize(heap, array, *capacity * size, wanted * size, error);
    if (grown != NULL)
        *capacity = wanted;
    return grown;
}

static enum fkv_status reserve_entry(struct draft *draft, struct fkv_error *error)
{
    if (draft->entry_count < draft->entry_capacity)
        return FKV_OK;
    struct entry *entries = grow(draft->heap, draft->entries, &draft->entry_capacity, entries_least,
                                 sizeof *entries, error);
    if (entries == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    draft->entries = entries;
    return FKV_OK;
}

static enum fkv_status reserve_extent(struct draft *draft, struct fkv_error *error)
{
    if (draft->extent_count < draft->extent_capacity)
        return FKV_OK;
    struct arena_extent *extents = grow(draft->heap, draft->extents, &draft->extent_capacity,
                                        extents_least, sizeof *extents, error);
    if (extents == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    draft->extents = extents;
    return FKV_OK;
}

static const uint8_t *moved(const uint8_t *pointer, const uint8_t *from, size_t size,
                            const uint8_t *to)
{
    uintptr_t offset = (uintptr_t)pointer - (uintptr_t)from;
    return pointer != NULL && offset < size ? to + offset : pointer;
}

void draft_rebase(struct entry *entries, size_t count, const uint8_t *from, size_t size,
                  const uint8_t *to)
{
    for (size_t i = 0; i < count && size > 0; i++) {
        entries[i].header = moved(entries[i].header, from, size, to);
        entries[i].body = moved(entries[i].body, from, size, to);
    }
}

/* Grows `packed` for `more` bytes, unless it may not grow that far. */
static enum fkv_status reserve_packed(struct draft *draft, size_t more, struct fkv_error *error)
{
    if (more > draft_packed_most || draft->packed_used + more > draft_packed_most ||
        draft->packed_used + more <= draft->packed_size)
        return FKV_OK;
    size_t size = draft->packed_size == 0 ? draft_packed_least : draft->packed_size;
    while (size < draft->packed_used + more)
        size *= 2;
    uint8_t *packed = heap_get_aligned(draft->heap, size, error);
    if (packed == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    if (draft->packed_used > 0)
        memcpy(packed, draft->packed, draft->packed_used);
    draft_rebase(draft->entries, draft->entry_count, draft->packed, draft->packed_used, packed);
    heap_free_aligned(draft->heap, draft->packed, draft->packed_size);
    draft->packed = packed;
    draft->packed_size = size;
    return FKV_OK;
}

/* ---- placing ---- */

struct place {
    uint8_t *data;
    size_t extent; /* index, or draft_in_packed */
    size_t offset;
};

static bool place_packed(struct draft *draft, size_t size, size_t alignment, struct place *ret)
{
    size_t offset = round_up(draft->packed_used, alignment);
    if (size >= store_extent_bytes_least || offset > draft->packed_size ||
        size > draft->packed_size - offset)
        return false;
    draft->packed_used = offset + size;
    *ret = (struct place){draft->packed + offset, draft_in_packed, offset};
    return true;
}

static bool place_open(struct draft *draft, size_t size, size_t alignment, struct place *ret)
{
    if (draft->extent_count == 0)
        return false;
    struct arena_extent *extent = &draft->extents[draft->open];
    size_t offset = round_up(draft->open_used, alignment);
    if (offset > extent->size || size > extent->size - offset)
        return false;
    draft->open_used = offset + size;
    *ret = (struct place){extent->data + offset, draft->open, offset};
    return true;
}

/* Takes room for `size` bytes and, if there is as much, for others after them. */
static enum fkv_status take_shared(struct draft *draft, size_t size, struct arena_extent *ret,
                                   struct fkv_error *error)
{
    size_t wanted =
        draft->stored_bytes < draft_extent_most ? (size_t)draft->stored_bytes : draft_extent_most;
    if (wanted > size && arena_take(draft->heap->arena, wanted, ret, NULL) == FKV_OK)
        return FKV_OK;
    return arena_take(draft->heap->arena, size, ret, error);
}

static enum fkv_status place_anew(struct draft *draft, size_t size, struct place *ret,
                                  struct fkv_error *error)
{
    struct arena_extent extent;
    enum fkv_status status = reserve_extent(draft, error);
    if (status == FKV_OK)
        status = take_shared(draft, size, &extent, error);
    if (status != FKV_OK)
        return status;
    size_t index = draft->extent_count++;
    struct arena_extent *open = &draft->extents[draft->open];
    draft->extents[index] = extent;
    if (index == 0 || extent.size - size > open->size - draft->open_used) {
        if (index > 0)
            arena_shrink(draft->heap->arena, open, draft->open_used);
        draft->open = index;
        draft->open_used = size;
    } else {
        arena_shrink(draft->heap->arena, &draft->extents[index], size);
    }
    *ret = (struct place){extent.data, index, 0};
    return FKV_OK;
}

static enum fkv_status place(struct draft *draft, size_t size, size_t alignment, struct place *ret,
                             struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    if (!place_packed(draft, size, alignment, ret) && !place_open(draft, size, alignment, ret))
        status = place_anew(draft, size, ret, error);
    if (status == FKV_OK)
        draft->stored_bytes += size;
    return status;
}

static enum fkv_status commit_place(struct draft *draft, size_t index, size_t bytes,
                                    struct fkv_error *error)
{
    if (index == draft_in_packed || bytes <= draft->extents[index].charged)
        return FKV_OK;
    return arena_commit(draft->heap->arena, &draft->extents[index], bytes, error);
}

static enum fkv_status place_metadata(struct draft *draft, const struct store_message *message,
                                      struct place *ret, struct fkv_error *error)
{
    size_t header = message->header.size, app = message->app_metadata.size;
    enum fkv_status status = place(draft, header + app, header_alignment, ret, error);
    if (status == FKV_OK)
        status = commit_place(draft, ret->extent, ret->offset + header + app, error);
    if (status != FKV_OK)
        return status;
    if (header > 0)
        memcpy(ret->data, message->header.data, header);
    if (app > 0)
        memcpy(ret->data + header, message->app_metadata.data, app);
    return FKV_OK;
}

/* Many small batches of one length have equal headers. One with app_metadata stands alone, because
 * that follows its header. */
static bool equals_last_header(const struct draft *draft, const struct store_message *message)
{
    return draft->entry_count > 0 && message->app_metadata.size == 0 && message->header.size > 0 &&
           slice_equal(draft_message(&draft->entries[draft->entry_count - 1]).header,
                       message->header);
}

static void add_entry(struct draft *draft, const struct store_message *message,
                      const uint8_t *header, const struct place *body, size_t body_bytes)
{
    draft->entries[draft->entry_count++] =
        (struct entry){.header = header,
                       .body = body->data,
                       .body_size = body_bytes,
                       .rows = message->rows,
                       .header_size = (uint32_t)message->header.size,
                       .app_size = (uint32_t)message->app_metadata.size & draft_app_size_most,
                       .kind = message->kind & draft_kind_most,
                       .has_app = message->has_app_metadata};
    draft->body_extent = body->extent;
    draft->body_offset = body->offset;
    if (message->kind == STORE_DICTIONARY)
        draft->dictionary_end = draft->entry_count;
}

static struct draft_mark mark_of(const struct draft *draft)
{
    return (struct draft_mark){.extent_count = draft->extent_count,
                               .open = draft->open,
                               .open_used = draft->open_used,
                               .packed_used = draft->packed_used,
                               .stored_bytes = draft->stored_bytes,
                               .dictionary_end = draft->dictionary_end};
}

enum fkv_status draft_append(struct draft *draft, const struct store_message *message,
                             const uint8_t *shared_header, size_t body_bytes, uint8_t **ret_body,
                             struct fkv_error *error)
{
    bool is_same = shared_header == NULL && equals_last_header(draft, message);
    size_t metadata = message->header.size + message->app_metadata.size;
    if (is_same || shared_header != NULL)
        metadata = 0;
    size_t small_body = body_bytes < store_extent_bytes_least ? body_bytes + block_alignment : 0;
    struct place header = {.data = NULL}, body = {.data = NULL, .extent = draft_in_packed};
    const struct draft_mark before = mark_of(draft);
    enum fkv_status status = reserve_entry(draft, error);
    if (status == FKV_OK) /* once for both: `packed` must not move between the two */
        status = reserve_packed(draft, header_alignment + metadata + small_body, error);
    if (status == FKV_OK)
        status = reserve_packed(draft, header_alignment + metadata, error);
    if (status == FKV_OK && metadata > 0)
        status = place_metadata(draft, message, &header, error);
    if (status == FKV_OK && body_bytes > 0)
        status = place(draft, body_bytes, block_alignment, &body, error);
    if (status != FKV_OK)
        return status;
    const uint8_t *kept = is_same ? draft->entries[draft->entry_count - 1].header : shared_header;
    add_entry(draft, message, kept != NULL ? kept : header.data, &body, body_bytes);
    draft->last = before;
    *ret_body = body.data;
    return FKV_OK;
}

/* The extent that was open before may have been cut to what was used of it; not below. */
void draft_undo(struct draft *draft)
{
    const struct draft_mark before = draft->last;
    while (draft->extent_count > before.extent_count)
        arena_give(draft->heap->arena, &draft->extents[--draft->extent_count]);
    draft->open = before.open;
    draft->open_used = before.open_used;
    draft->packed_used = before.packed_used;
    draft->stored_bytes = before.stored_bytes;
    draft->dictionary_end = before.dictionary_end;
    draft->entry_count--;
}

static void find_dictionary_end(struct draft *draft)
{
    size_t end = draft->entry_count;
    while (end > 0 && draft->entries[end - 1].kind != STORE_DICTIONARY)
        end--;
    draft->dictionary_end = end;
}

void draft_move_last(struct draft *draft, size_t index)
{
    struct entry *entries = draft->entries, last = entries[draft->entry_count - 1];
    memmove(&entries[index + 1], &entries[index],
            (draft->entry_count - 1 - index) * sizeof *entries);
    entries[index] = last;
    find_dictionary_end(draft);
}

void draft_drop_first(struct draft *draft)
{
    draft->entry_count--;
    memmove(&draft->entries[0], &draft->entries[1], draft->entry_count * sizeof *draft->entries);
    find_dictionary_end(draft);
}

enum fkv_status draft_set_header(struct draft *draft, size_t index, struct slice header,
                                 struct fkv_error *error)
{
    struct store_message message = draft_message(&draft->entries[index]);
    struct place place = {.data = NULL};
    message.header = header;
    size_t size = header.size + message.app_metadata.size;
    enum fkv_status status = reserve_packed(draft, header_alignment + size, error);
    message.app_metadata = draft_message(&draft->entries[index]).app_metadata; /* may have moved */
    if (status == FKV_OK && size > 0)
        status = place_metadata(draft, &message, &place, error);
    if (status != FKV_OK)
        return status;
    draft->entries[index].header = place.data;
    draft->entries[index].header_size = (uint32_t)header.size;
    return FKV_OK;
}

enum fkv_status draft_room(struct draft *draft, size_t bytes, struct fkv_error *error)
{
    return commit_place(draft, draft->body_extent, draft->body_offset + bytes, error);
}

void draft_close(struct draft *draft)
{
    if (draft->extent_count > 0)
        arena_shrink(draft->heap->arena, &draft->extents[draft->open], draft->open_used);
}
