/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "wire/out.h"

struct fixture {
    struct test_alloc memory;
    struct wire_copier copier;
    struct wire_out out;
};

static void begin(struct fixture *f, size_t fail_at)
{
    test_alloc_init(&f->memory, fail_at);
    wire_copier_init(&f->copier, &f->memory.alloc);
    wire_out_init(&f->out, &f->memory.alloc, &f->copier);
}

static void end(struct fixture *f)
{
    wire_out_done(&f->out);
    wire_copier_done(&f->copier);
    assert_int_equal(f->memory.live, 0);
}

static void expect_bytes(struct fixture *f, const void *expected, size_t size)
{
    struct iovec iov[32];
    uint8_t all[256];
    size_t used = 0;
    size_t count = wire_pieces_iov(&f->out.pieces, iov, 32, sizeof all);
    for (size_t i = 0; i < count; i++) {
        memcpy(all + used, iov[i].iov_base, iov[i].iov_len);
        used += iov[i].iov_len;
    }
    assert_int_equal(used, size);
    assert_memory_equal(all, expected, size);
}

static void frames_messages(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 0);
    struct block *block = block_new(&f.memory.alloc, 3);
    memcpy(block->data, "xyz", 3);
    wire_out_begin(&f.out);
    wire_out_copy(&f.out, slice_text("ab"));
    wire_out_copy(&f.out, slice_text(""));
    wire_out_ref(&f.out, block_slice(block), block);
    wire_out_ref(&f.out, slice_text(""), block);
    wire_out_ref(&f.out, slice_text("st"), NULL);
    memcpy(wire_out_space(&f.out, 1), "!", 1);
    wire_out_end(&f.out);
    wire_out_begin(&f.out);
    wire_out_end(&f.out);
    assert_int_equal(f.out.messages, 2);
    assert_int_equal(f.out.pieces.count, 5); /* prefix and "ab" are one */
    expect_bytes(&f,
                 "\0\0\0\0\x08"
                 "abxyzst!"
                 "\0\0\0\0\0",
                 18);
    block_unref(block);
    end(&f);
}

static void drops_what_was_not_ended(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 0);
    wire_out_begin(&f.out);
    wire_out_copy(&f.out, slice_text("one"));
    wire_out_end(&f.out);
    wire_out_begin(&f.out);
    wire_out_copy(&f.out, slice_text("two"));
    wire_out_abort(&f.out);
    wire_out_abort(&f.out);
    wire_out_begin(&f.out);
    wire_out_copy(&f.out, slice_text("three"));
    wire_out_begin(&f.out);
    wire_out_copy(&f.out, slice_text("4"));
    wire_out_end(&f.out);
    expect_bytes(&f,
                 "\0\0\0\0\3"
                 "one"
                 "\0\0\0\0\1"
                 "4",
                 14);
    assert_int_equal(f.out.messages, 2);
    end(&f);
}

static void refuses_more_than_grpc_can_frame(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 0);
    struct block block;
    static uint8_t byte;
    block_init(&block, &byte, 1, NULL);
    wire_out_begin(&f.out);
    wire_out_ref(&f.out, slice_of(&byte, UINT32_MAX), &block); /* never read here */
    wire_out_end(&f.out);
    assert_false(f.out.has_failed);
    assert_int_equal(f.out.prefix == NULL, 1);
    wire_out_begin(&f.out);
    wire_out_ref(&f.out, slice_of(&byte, UINT32_MAX), &block);
    wire_out_ref(&f.out, slice_of(&byte, 1), &block);
    wire_out_end(&f.out);
    assert_true(f.out.has_failed);
    assert_int_equal(f.out.messages, 1);
    assert_int_equal(f.out.pieces.bytes, (uint64_t)UINT32_MAX + wire_prefix_bytes);
    end(&f);
    assert_true(block_is_mine(&block));
}

static void remembers_a_failure(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 4; n++) {
        struct fixture f;
        begin(&f, n);
        f.memory.fail_forever = true;
        wire_out_begin(&f.out);
        wire_out_copy(&f.out, slice_text("ab"));
        struct block *block = block_new(alloc_system(), 20000);
        for (int i = 0; i < 40; i++)
            wire_out_ref(&f.out, block_slice(block), block);
        wire_out_copy(&f.out, block_slice(block));
        wire_out_end(&f.out);
        assert_true(f.out.has_failed);
        assert_int_equal(f.out.messages, 0);
        assert_int_equal(f.out.pieces.bytes, 0);
        assert_true(block_is_mine(block));
        block_unref(block);
        end(&f);
    }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(frames_messages), cmocka_unit_test(drops_what_was_not_ended),
              cmocka_unit_test(refuses_more_than_grpc_can_frame),
              cmocka_unit_test(remembers_a_failure));
}
