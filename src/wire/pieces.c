/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pieces.h"

#include <assert.h>

enum { smallest_capacity = 16 };

void wire_pieces_init(struct wire_pieces *pieces, const struct alloc *alloc)
{
    *pieces = (struct wire_pieces){.alloc = alloc};
}

void wire_pieces_done(struct wire_pieces *pieces)
{
    if (pieces->alloc == NULL)
        return;
    wire_pieces_clear(pieces);
    alloc_free(pieces->alloc, pieces->ring);
    pieces->ring = NULL;
    pieces->capacity = 0;
}

void wire_pieces_clear(struct wire_pieces *pieces)
{
    wire_pieces_cut(pieces, 0);
}

static struct wire_piece *piece_at(const struct wire_pieces *pieces, size_t index)
{
    return &pieces->ring[(pieces->start + index) & (pieces->capacity - 1)];
}

static bool grow(struct wire_pieces *pieces)
{
    size_t capacity = pieces->capacity == 0 ? smallest_capacity : pieces->capacity * 2;
    struct wire_piece *ring = alloc_array(pieces->alloc, capacity, sizeof *ring);
    if (ring == NULL)
        return false;
    for (size_t i = 0; i < pieces->count; i++)
        ring[i] = *piece_at(pieces, i);
    alloc_free(pieces->alloc, pieces->ring);
    pieces->ring = ring;
    pieces->capacity = capacity;
    pieces->start = 0;
    return true;
}

bool wire_pieces_push(struct wire_pieces *pieces, struct slice bytes, struct block *owner)
{
    if (pieces->count == pieces->capacity && !grow(pieces)) {
        block_unref(owner);
        return false;
    }
    pieces->count++;
    pieces->bytes += bytes.size;
    *wire_pieces_last(pieces) = (struct wire_piece){bytes, owner};
    return true;
}

struct wire_piece *wire_pieces_last(struct wire_pieces *pieces)
{
    return pieces->count == 0 ? NULL : piece_at(pieces, pieces->count - 1);
}

void wire_pieces_cut(struct wire_pieces *pieces, size_t count)
{
    while (pieces->count > count) {
        struct wire_piece *last = wire_pieces_last(pieces);
        pieces->bytes -= last->bytes.size;
        block_unref(last->owner);
        pieces->count--;
    }
}

/* Takes the oldest piece out of the ring, with its reference. */
static struct wire_piece shift(struct wire_pieces *pieces)
{
    struct wire_piece piece = *piece_at(pieces, 0);
    pieces->start = (pieces->start + 1) & (pieces->capacity - 1);
    pieces->count--;
    pieces->bytes -= piece.bytes.size;
    return piece;
}

bool wire_pieces_move(struct wire_pieces *from, struct wire_pieces *to, uint64_t bytes)
{
    assert(bytes <= from->bytes);
    while (bytes > 0) {
        struct wire_piece *first = piece_at(from, 0);
        if (first->bytes.size > bytes) {
            struct slice part = slice_take(&first->bytes, (size_t)bytes);
            from->bytes -= bytes;
            return wire_pieces_push(to, part,
                                    first->owner == NULL ? NULL : block_ref(first->owner));
        }
        struct wire_piece whole = shift(from);
        bytes -= whole.bytes.size;
        if (!wire_pieces_push(to, whole.bytes, whole.owner))
            return false;
    }
    return true;
}

void wire_pieces_drop(struct wire_pieces *pieces, uint64_t bytes)
{
    assert(bytes <= pieces->bytes);
    while (bytes > 0) {
        struct wire_piece *first = piece_at(pieces, 0);
        if (first->bytes.size > bytes) {
            slice_take(&first->bytes, (size_t)bytes);
            pieces->bytes -= bytes;
            return;
        }
        struct wire_piece whole = shift(pieces);
        bytes -= whole.bytes.size;
        block_unref(whole.owner);
    }
}

size_t wire_pieces_iov(const struct wire_pieces *pieces, struct iovec *iov, size_t capacity,
                       uint64_t bytes_max)
{
    size_t count = 0;
    for (size_t i = 0; i < pieces->count && count < capacity && bytes_max > 0; i++) {
        struct slice bytes = piece_at(pieces, i)->bytes;
        if (bytes.size > bytes_max)
            bytes.size = (size_t)bytes_max;
        bytes_max -= bytes.size;
        iov[count++] = (struct iovec){(void *)bytes.data, bytes.size};
    }
    return count;
}

void wire_copier_init(struct wire_copier *copier, const struct alloc *alloc)
{
    *copier = (struct wire_copier){.alloc = alloc};
}

void wire_copier_done(struct wire_copier *copier)
{
    for (unsigned i = 0; i < wire_copy_blocks; i++) {
        block_unref(copier->blocks[i]);
        copier->blocks[i] = NULL;
    }
}

/* Makes a block current that nobody reads from any more: the oldest one, or a new one for it. */
static bool next_block(struct wire_copier *copier)
{
    unsigned next = (copier->current + 1) % wire_copy_blocks;
    if (copier->blocks[next] == NULL || !block_is_mine(copier->blocks[next])) {
        struct block *fresh = block_new(copier->alloc, wire_copy_block_bytes);
        if (fresh == NULL)
            return false;
        block_unref(copier->blocks[next]);
        copier->blocks[next] = fresh;
    }
    copier->current = next;
    copier->used = 0;
    return true;
}

uint8_t *wire_copier_take(struct wire_copier *copier, size_t size, struct block **ret_owner)
{
    if (size > wire_copy_block_bytes / 2) {
        struct block *own = block_new(copier->alloc, size);
        if (own == NULL)
            return NULL;
        *ret_owner = own;
        return own->data;
    }
    struct block *block = copier->blocks[copier->current];
    if (block != NULL && block_is_mine(block))
        copier->used = 0;
    if (block == NULL || size > wire_copy_block_bytes - copier->used) {
        if (!next_block(copier))
            return NULL;
        block = copier->blocks[copier->current];
    }
    uint8_t *room = block->data + copier->used;
    copier->used += size;
    *ret_owner = block_ref(block);
    return room;
}
