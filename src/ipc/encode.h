/* SPDX-License-Identifier: Apache-2.0 */
/* A message on its way out: the buffers of an ipc_batch laid out one after the other, padded, as a
 * list of pieces that refer to where the bytes are; then the header that says so.
 *
 *     for each buffer of the batch
 *         ipc_encoding_add (once or several times), ipc_encoding_end_buffer
 *     ipc_encoding_finish
 */
#ifndef IPC_ENCODE_H
#define IPC_ENCODE_H

#include "ipc/batch.h"

/* Additions may be made in a run; ipc_encoding_finish tells when memory ran out. */
struct ipc_encoding {
    struct buf header;
    struct buf pieces; /* of struct ipc_piece; one reference on each owner is the encoding's */
    struct buf places; /* of struct ipc_buffer */
    uint64_t body_length;
    uint64_t buffer_at; /* where the buffer in hand begins */
};

void ipc_encoding_init(struct ipc_encoding *encoding, const struct alloc *alloc);
void ipc_encoding_done(struct ipc_encoding *encoding);
void ipc_encoding_clear(struct ipc_encoding *encoding); /* keeps the lists' memory */

/* Adds bytes to the buffer in hand, by reference. `owner` may be NULL for static ones. */
void ipc_encoding_add(struct ipc_encoding *encoding, struct slice bytes, struct block *owner);
/* `alignment`: that of the next buffer, 8 to 64 and a power of 2. */
void ipc_encoding_end_buffer(struct ipc_encoding *encoding, uint32_t alignment);

/* All buffers of the batch as they are. */
void ipc_encoding_add_batch(struct ipc_encoding *encoding, const struct ipc_batch *batch,
                            uint32_t alignment);

/* Writes the header. Of `parts`, what the batch and the body say is filled in here. */
enum fkv_status ipc_encoding_finish(struct ipc_encoding *encoding, const struct ipc_batch *batch,
                                    const struct ipc_message_parts *parts, struct fkv_error *error);

static inline const struct ipc_piece *ipc_encoding_pieces(const struct ipc_encoding *encoding)
{
    return (const void *)encoding->pieces.data;
}

static inline size_t ipc_encoding_piece_count(const struct ipc_encoding *encoding)
{
    return encoding->pieces.size / sizeof(struct ipc_piece);
}

#endif
