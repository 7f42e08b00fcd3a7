/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/encode.h"

#include "base/status.h"
#include "ipc/limits.h"

static const size_t list_bytes_max = (size_t)1 << 32;

void ipc_encoding_init(struct ipc_encoding *encoding, const struct alloc *alloc)
{
    *encoding = (struct ipc_encoding){.body_length = 0};
    buf_init(&encoding->header, alloc, (size_t)IPC_LIMITS_DEFAULT.header_bytes_max);
    buf_init(&encoding->pieces, alloc, list_bytes_max);
    buf_init(&encoding->places, alloc, list_bytes_max);
}

void ipc_encoding_clear(struct ipc_encoding *encoding)
{
    for (size_t i = 0; i < ipc_encoding_piece_count(encoding); i++)
        block_unref(ipc_encoding_pieces(encoding)[i].owner);
    buf_clear(&encoding->header);
    buf_clear(&encoding->pieces);
    buf_clear(&encoding->places);
    encoding->body_length = encoding->buffer_at = 0;
}

void ipc_encoding_done(struct ipc_encoding *encoding)
{
    ipc_encoding_clear(encoding);
    buf_done(&encoding->header);
    buf_done(&encoding->pieces);
    buf_done(&encoding->places);
}

void ipc_encoding_add(struct ipc_encoding *encoding, struct slice bytes, struct block *owner)
{
    struct ipc_piece piece = {.bytes = bytes, .owner = owner};
    if (bytes.size == 0 || !buf_append(&encoding->pieces, &piece, sizeof piece))
        return;
    encoding->body_length += bytes.size;
    if (owner != NULL)
        block_ref(owner);
}

void ipc_encoding_end_buffer(struct ipc_encoding *encoding, uint32_t alignment)
{
    struct ipc_buffer place = {.offset = (int64_t)encoding->buffer_at,
                               .length = (int64_t)(encoding->body_length - encoding->buffer_at)};
    buf_append(&encoding->places, &place, sizeof place);
    size_t over = encoding->body_length % alignment;
    if (over > 0)
        ipc_encoding_add(encoding, slice_of(ipc_zeros, alignment - over), NULL);
    encoding->buffer_at = encoding->body_length;
}

void ipc_encoding_add_batch(struct ipc_encoding *encoding, const struct ipc_batch *batch,
                            uint32_t alignment)
{
    for (uint32_t i = 0; i < ipc_batch_buffer_count(batch); i++) {
        const struct ipc_piece *buffer = &ipc_batch_buffers(batch)[i];
        ipc_encoding_add(encoding, buffer->bytes, buffer->owner);
        ipc_encoding_end_buffer(encoding, alignment);
    }
}

enum fkv_status ipc_encoding_finish(struct ipc_encoding *encoding, const struct ipc_batch *batch,
                                    const struct ipc_message_parts *parts, struct fkv_error *error)
{
    if (encoding->pieces.failed || encoding->places.failed)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "out of memory for a message of %u buffers",
                          (unsigned)ipc_batch_buffer_count(batch));
    struct ipc_message_parts all = *parts;
    all.body_length = (int64_t)encoding->body_length;
    all.rows = batch->rows;
    all.nodes = ipc_batch_nodes(batch);
    all.node_count = ipc_batch_node_count(batch);
    all.buffers = (const void *)encoding->places.data;
    all.buffer_count = (uint32_t)(encoding->places.size / sizeof(struct ipc_buffer));
    all.variadic_counts = ipc_batch_variadic(batch);
    all.variadic_count = ipc_batch_variadic_count(batch);
    return ipc_message_encode(&all, &encoding->header, error);
}
