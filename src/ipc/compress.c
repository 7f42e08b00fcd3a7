/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/compress.h"

#include <lz4frame.h>
#include <zstd.h>

#include "base/status.h"

struct ipc_compression {
    const struct alloc *alloc;
    LZ4F_dctx *lz4_in;
    ZSTD_CCtx *zstd_out;
    ZSTD_DCtx *zstd_in;
};

/* A byte of an LZ4 block stands for 255 bytes at most. */
enum { lz4_ratio_max = 255, zstd_level = 1 };

struct ipc_compression *ipc_compression_new(const struct alloc *alloc)
{
    struct ipc_compression *compression = alloc_zero(alloc, sizeof *compression);
    if (compression != NULL)
        compression->alloc = alloc;
    return compression;
}

void ipc_compression_free(struct ipc_compression *compression)
{
    if (compression == NULL)
        return;
    LZ4F_freeDecompressionContext(compression->lz4_in);
    ZSTD_freeCCtx(compression->zstd_out);
    ZSTD_freeDCtx(compression->zstd_in);
    alloc_free(compression->alloc, compression);
}

static const char *codec_name(enum ipc_codec codec)
{
    return codec == IPC_CODEC_LZ4 ? "LZ4" : "zstd";
}

static enum fkv_status no_context(struct fkv_error *error, enum ipc_codec codec)
{
    return status_set(error, FKV_RESOURCE_EXHAUSTED, "out of memory for a %s context",
                      codec_name(codec));
}

/* One frame; 0 when it doesn't fit into `room`. */
static size_t pack(struct ipc_compression *c, enum ipc_codec codec, struct slice raw,
                   uint8_t *target, size_t room)
{
    size_t size;
    if (codec == IPC_CODEC_ZSTD) {
        size = ZSTD_compressCCtx(c->zstd_out, target, room, raw.data, raw.size, zstd_level);
        return ZSTD_isError(size) ? 0 : size;
    }
    LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
    preferences.frameInfo.blockSizeID = LZ4F_max256KB;
    size = LZ4F_compressFrame(target, room, raw.data, raw.size, &preferences);
    return LZ4F_isError(size) ? 0 : size;
}

static size_t packed_size_max(enum ipc_codec codec, size_t size)
{
    LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
    preferences.frameInfo.blockSizeID = LZ4F_max256KB;
    return codec == IPC_CODEC_ZSTD ? ZSTD_compressBound(size)
                                   : LZ4F_compressFrameBound(size, &preferences);
}

enum fkv_status ipc_compress(struct ipc_compression *c, enum ipc_codec codec, struct slice raw,
                             size_t head, struct block **ret, struct fkv_error *error)
{
    if (codec == IPC_CODEC_ZSTD && c->zstd_out == NULL)
        c->zstd_out = ZSTD_createCCtx();
    if (codec == IPC_CODEC_ZSTD && c->zstd_out == NULL)
        return no_context(error, codec);
    size_t room = packed_size_max(codec, raw.size);
    struct block *block = block_new(c->alloc, head + room);
    if (block == NULL)
        return status_no_memory(error, head + room);
    size_t size = pack(c, codec, raw, block->data + head, room);
    if (size == 0 || size >= raw.size) {
        block_unref(block);
        block = NULL;
    } else {
        block->size = head + size;
    }
    *ret = block;
    return FKV_OK;
}

/* Each of these gives the bytes written, SIZE_MAX when the frame is broken or doesn't fit. */
static size_t unpack_zstd(struct ipc_compression *c, struct slice packed, struct block *target)
{
    size_t size =
        ZSTD_decompressDCtx(c->zstd_in, target->data, target->size, packed.data, packed.size);
    return ZSTD_isError(size) ? SIZE_MAX : size;
}

static size_t unpack_lz4(struct ipc_compression *c, struct slice packed, struct block *target)
{
    LZ4F_resetDecompressionContext(c->lz4_in);
    size_t used = 0, hint = 1;
    while (packed.size > 0 && hint != 0) {
        size_t written = target->size - used, read = packed.size;
        hint = LZ4F_decompress(c->lz4_in, target->data + used, &written, packed.data, &read, NULL);
        if (LZ4F_isError(hint) || (written == 0 && read == 0))
            return SIZE_MAX;
        used += written;
        slice_take(&packed, read);
    }
    return hint == 0 && packed.size == 0 ? used : SIZE_MAX;
}

static enum fkv_status check_claim(enum ipc_codec codec, struct slice packed, uint64_t size,
                                   struct fkv_error *error)
{
    bool possible;
    if (codec == IPC_CODEC_LZ4) {
        possible = size / lz4_ratio_max <= packed.size;
    } else {
        unsigned long long stated = ZSTD_getFrameContentSize(packed.data, packed.size);
        possible = stated == size || stated == ZSTD_CONTENTSIZE_UNKNOWN;
    }
    if (!possible || size > SIZE_MAX)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "a buffer of %zu bytes compressed by %s can't become the %llu bytes that "
                          "it claims",
                          packed.size, codec_name(codec), (unsigned long long)size);
    return FKV_OK;
}

static bool open_input(struct ipc_compression *c, enum ipc_codec codec)
{
    if (codec == IPC_CODEC_LZ4)
        return c->lz4_in != NULL ||
               !LZ4F_isError(LZ4F_createDecompressionContext(&c->lz4_in, LZ4F_VERSION));
    if (c->zstd_in == NULL)
        c->zstd_in = ZSTD_createDCtx();
    return c->zstd_in != NULL;
}

enum fkv_status ipc_decompress(struct ipc_compression *c, enum ipc_codec codec, struct slice packed,
                               uint64_t size, struct block **ret, struct fkv_error *error)
{
    enum fkv_status status = check_claim(codec, packed, size, error);
    if (status != FKV_OK)
        return status;
    if (!open_input(c, codec))
        return no_context(error, codec);
    struct block *block = block_new(c->alloc, (size_t)size);
    if (block == NULL)
        return status_no_memory(error, (size_t)size);
    size_t written =
        codec == IPC_CODEC_LZ4 ? unpack_lz4(c, packed, block) : unpack_zstd(c, packed, block);
    if (written != size) {
        block_unref(block);
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "a buffer compressed by %s is broken or isn't the %llu bytes that it "
                          "claims",
                          codec_name(codec), (unsigned long long)size);
    }
    *ret = block;
    return FKV_OK;
}

enum fkv_status ipc_decompress_buffer(struct ipc_compression *c, enum ipc_codec codec,
                                      struct slice packed, struct slice *ret,
                                      struct block **ret_block, struct fkv_error *error)
{
    if (packed.size > 0 && packed.size < sizeof(int64_t))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "a compressed buffer of %zu bytes has no room for its length",
                          packed.size);
    int64_t size = packed.size == 0 ? 0 : (int64_t)load_le64(packed.data);
    slice_take(&packed, sizeof size);
    struct block *block = NULL;
    /* Arrow Java gives empty buffers a length, and no frame. */
    struct slice bytes = size == -1 ? packed : slice_part(packed, 0, 0);
    if (size != -1 && size != 0) {
        enum fkv_status status = ipc_decompress(c, codec, packed, (uint64_t)size, &block, error);
        if (status != FKV_OK)
            return status;
        bytes = block_slice(block);
    }
    *ret = bytes;
    *ret_block = block;
    return FKV_OK;
}
