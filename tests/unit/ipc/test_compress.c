/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"
#include "ipc/compress.h"

static const enum ipc_codec codecs[] = {IPC_CODEC_LZ4, IPC_CODEC_ZSTD};

/* Text that repeats; enough of it for several LZ4 blocks. */
static struct block *make_text(size_t size)
{
    struct block *block = block_new(alloc_system(), size);
    assert_non_null(block);
    for (size_t i = 0; i < size; i++)
        block->data[i] = (uint8_t)("flightkv "[i % 9] + i / 5000 % 3);
    return block;
}

static struct block *pack(struct ipc_compression *c, enum ipc_codec codec, struct slice raw)
{
    struct fkv_error error;
    struct block *packed = NULL;
    assert_ok(ipc_compress(c, codec, raw, 0, &packed, &error));
    assert_non_null(packed);
    return packed;
}

static void comes_back(void **state)
{
    (void)state;
    struct fkv_error error;
    struct ipc_compression *c = ipc_compression_new(alloc_system());
    static const size_t sizes[] = {100, 5000, 1 << 20, 3000001};
    for (size_t i = 0; i < 8; i++) {
        struct block *text = make_text(sizes[i / 2]), *packed, *back;
        enum ipc_codec codec = codecs[i % 2];
        packed = pack(c, codec, block_slice(text));
        assert_true(packed->size < text->size);
        assert_ok(ipc_decompress(c, codec, block_slice(packed), text->size, &back, &error));
        assert_true(slice_equal(block_slice(back), block_slice(text)));
        block_unref(text);
        block_unref(packed);
        block_unref(back);
    }
    ipc_compression_free(c);
}

static void leaves_room_at_the_head(void **state)
{
    (void)state;
    struct fkv_error error;
    struct ipc_compression *c = ipc_compression_new(alloc_system());
    struct block *text = make_text(1000), *packed, *back;
    assert_ok(ipc_compress(c, IPC_CODEC_ZSTD, block_slice(text), 8, &packed, &error));
    struct slice frame = slice_part(block_slice(packed), 8, packed->size - 8);
    assert_ok(ipc_decompress(c, IPC_CODEC_ZSTD, frame, 1000, &back, &error));
    assert_true(slice_equal(block_slice(back), block_slice(text)));
    block_unref(text);
    block_unref(packed);
    block_unref(back);
    ipc_compression_free(c);
}

static void gives_nothing_when_nothing_is_gained(void **state)
{
    (void)state;
    struct fkv_error error;
    struct ipc_compression *c = ipc_compression_new(alloc_system());
    for (size_t i = 0; i < 2; i++) {
        struct block *packed;
        assert_ok(ipc_compress(c, codecs[i], slice_text("abc"), 8, &packed, &error));
        assert_null(packed);
    }
    ipc_compression_free(c);
}

/* A claim that isn't what the frame holds, frames cut short, and frames with a byte changed. */
static void refuses_broken_frames(void **state)
{
    (void)state;
    struct fkv_error error;
    struct ipc_compression *c = ipc_compression_new(alloc_system());
    struct block *text = make_text(5000), *back;
    for (size_t i = 0; i < 2; i++) {
        struct block *packed = pack(c, codecs[i], block_slice(text));
        static const uint64_t claims[] = {0, 1, 4999, 5001, 100000, UINT64_C(1) << 40, UINT64_MAX};
        for (size_t k = 0; k < sizeof claims / sizeof claims[0]; k++)
            assert_int_equal(
                ipc_decompress(c, codecs[i], block_slice(packed), claims[k], &back, &error),
                FKV_INVALID_ARGUMENT);
        for (size_t size = 0; size < packed->size; size++)
            assert_int_equal(
                ipc_decompress(c, codecs[i], slice_of(packed->data, size), 5000, &back, &error),
                FKV_INVALID_ARGUMENT);
        for (size_t at = 0; at < packed->size; at++) {
            packed->data[at] ^= 0x55;
            if (ipc_decompress(c, codecs[i], block_slice(packed), 5000, &back, NULL) == FKV_OK)
                block_unref(back);
            packed->data[at] ^= 0x55;
        }
        assert_ok(ipc_decompress(c, codecs[i], block_slice(packed), 5000, &back, &error));
        block_unref(back);
        block_unref(packed);
    }
    block_unref(text);
    ipc_compression_free(c);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(comes_back), cmocka_unit_test(leaves_room_at_the_head),
              cmocka_unit_test(gives_nothing_when_nothing_is_gained),
              cmocka_unit_test(refuses_broken_frames));
}
