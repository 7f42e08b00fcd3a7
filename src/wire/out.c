/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/out.h"

void wire_out_init(struct wire_out *out, const struct alloc *alloc, struct wire_copier *copier)
{
    *out = (struct wire_out){.copier = copier};
    wire_pieces_init(&out->pieces, alloc);
}

void wire_out_done(struct wire_out *out)
{
    wire_pieces_done(&out->pieces);
}

void wire_out_clear(struct wire_out *out)
{
    wire_pieces_clear(&out->pieces);
    *out = (struct wire_out){.pieces = out->pieces, .copier = out->copier};
}

void wire_out_abort(struct wire_out *out)
{
    if (out->prefix != NULL)
        wire_pieces_cut(&out->pieces, out->start_count);
    out->prefix = NULL;
}

/* Small copies one after the other lie side by side and become one piece. */
static bool joins_last(struct wire_out *out, const uint8_t *room, size_t size, struct block *owner)
{
    struct wire_piece *last = wire_pieces_last(&out->pieces);
    if (last == NULL || out->pieces.count == out->start_count || last->owner != owner ||
        last->bytes.data + last->bytes.size != room)
        return false;
    last->bytes.size += size;
    out->pieces.bytes += size;
    block_unref(owner); /* the piece has its own reference */
    return true;
}

uint8_t *wire_out_space(struct wire_out *out, size_t size)
{
    if (out->has_failed)
        return NULL;
    struct block *owner;
    uint8_t *room = wire_copier_take(out->copier, size, &owner);
    if (room != NULL && (joins_last(out, room, size, owner) ||
                         wire_pieces_push(&out->pieces, slice_of(room, size), owner)))
        return room;
    out->has_failed = true;
    return NULL;
}

void wire_out_begin(struct wire_out *out)
{
    wire_out_abort(out);
    out->start_count = out->pieces.count;
    out->start_bytes = out->pieces.bytes;
    out->prefix = wire_out_space(out, wire_prefix_bytes);
}

void wire_out_copy(struct wire_out *out, struct slice bytes)
{
    if (bytes.size == 0)
        return;
    uint8_t *room = wire_out_space(out, bytes.size);
    if (room != NULL)
        memcpy(room, bytes.data, bytes.size);
}

void wire_out_ref(struct wire_out *out, struct slice bytes, struct block *owner)
{
    if (bytes.size == 0 || out->has_failed)
        return;
    if (!wire_pieces_push(&out->pieces, bytes, owner == NULL ? NULL : block_ref(owner)))
        out->has_failed = true;
}

void wire_out_end(struct wire_out *out)
{
    if (out->has_failed || out->prefix == NULL) {
        wire_out_abort(out);
        return;
    }
    uint64_t size = out->pieces.bytes - out->start_bytes - wire_prefix_bytes;
    if (size > UINT32_MAX) { /* more than gRPC can frame */
        out->has_failed = true;
        wire_out_abort(out);
        return;
    }
    out->prefix[0] = 0;
    for (int i = 0; i < 4; i++)
        out->prefix[1 + i] = (uint8_t)(size >> (24 - 8 * i));
    out->prefix = NULL;
    out->messages++;
}
