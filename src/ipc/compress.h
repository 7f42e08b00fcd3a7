/* SPDX-License-Identifier: Apache-2.0 */
/* Body compression (BodyCompression in Message.fbs): each buffer by itself, as one LZ4 frame or one
 * zstd frame. The one file that knows liblz4 and libzstd; their contexts come from malloc, because
 * neither takes an allocator in its stable interface. One codec, one thread. */
#ifndef IPC_COMPRESS_H
#define IPC_COMPRESS_H

#include "base/block.h"
#include "flightkv/status.h"
#include "ipc/message.h"

struct ipc_compression; /* contexts, made when first needed */

struct ipc_compression *ipc_compression_new(const struct alloc *alloc);
void ipc_compression_free(struct ipc_compression *compression);

/* Compresses `raw` behind `head` bytes left free at the block's beginning. Gives NULL (and FKV_OK)
 * when that would not be smaller than `raw`. */
enum fkv_status ipc_compress(struct ipc_compression *compression, enum ipc_codec codec,
                             struct slice raw, size_t head, struct block **ret,
                             struct fkv_error *error);

/* `size` is what the sender claims; a frame that becomes less or more is refused, as is a claim
 * that no frame of these many bytes can keep (INVALID_ARGUMENT). */
enum fkv_status ipc_decompress(struct ipc_compression *compression, enum ipc_codec codec,
                               struct slice packed, uint64_t size, struct block **ret,
                               struct fkv_error *error);

/* A buffer as it lies in a compressed body, behind the size that it becomes; -1 says that what
 * follows isn't compressed. `ret` is a part of `packed` where it is whole as it is, and then
 * *ret_block NULL; else all of *ret_block. */
enum fkv_status ipc_decompress_buffer(struct ipc_compression *compression, enum ipc_codec codec,
                                      struct slice packed, struct slice *ret,
                                      struct block **ret_block, struct fkv_error *error);

#endif
