/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "wire/pieces.h"

static struct slice letters(size_t size)
{
    static const char text[] = "abcdefghijklmnopqrstuvwxyz";
    return slice_of(text, size);
}

static void gives_the_oldest_first(void **state)
{
    (void)state;
    struct test_alloc memory;
    struct wire_pieces pieces;
    struct iovec iov[8];
    test_alloc_init(&memory, 0);
    wire_pieces_init(&pieces, &memory.alloc);
    assert_null(wire_pieces_last(&pieces));
    assert_int_equal(wire_pieces_iov(&pieces, iov, 8, 100), 0);
    struct block *block = block_new(&memory.alloc, 10);
    assert_true(wire_pieces_push(&pieces, letters(4), NULL));
    assert_true(wire_pieces_push(&pieces, block_slice(block), block_ref(block)));
    assert_true(wire_pieces_push(&pieces, letters(3), NULL));
    assert_int_equal(pieces.bytes, 17);

    assert_int_equal(wire_pieces_iov(&pieces, iov, 8, 6), 2);
    assert_int_equal(iov[0].iov_len, 4);
    assert_int_equal(iov[1].iov_len, 2);
    assert_int_equal(wire_pieces_iov(&pieces, iov, 1, 100), 1);

    wire_pieces_drop(&pieces, 5);
    assert_int_equal(wire_pieces_iov(&pieces, iov, 8, 100), 2);
    assert_ptr_equal(iov[0].iov_base, block->data + 1);
    assert_false(block_is_mine(block));
    wire_pieces_drop(&pieces, 9);
    assert_true(block_is_mine(block));
    wire_pieces_drop(&pieces, 3);
    assert_int_equal(pieces.bytes, 0);
    block_unref(block);
    wire_pieces_done(&pieces);
    assert_int_equal(memory.live, 0);
}

static void grows_round_the_ring(void **state)
{
    (void)state;
    struct wire_pieces pieces;
    struct iovec iov[200];
    wire_pieces_init(&pieces, alloc_system());
    unsigned next_in = 0, next_out = 0;
    static const uint8_t bytes[256] = {0};
    for (unsigned round = 0; round < 60; round++) {
        for (unsigned i = 0; i < round % 13; i++)
            assert_true(wire_pieces_push(&pieces, slice_of(bytes + next_in++ % 256, 1), NULL));
        for (unsigned i = 0; i < round % 7 && pieces.bytes > 0; i++) {
            assert_int_equal(wire_pieces_iov(&pieces, iov, 200, 1), 1);
            assert_ptr_equal(iov[0].iov_base, bytes + next_out++ % 256);
            wire_pieces_drop(&pieces, 1);
        }
    }
    assert_int_equal(pieces.bytes, next_in - next_out);
    assert_true(pieces.capacity >= pieces.count && pieces.count > 32);
    wire_pieces_done(&pieces);
}

static void moves_parts_with_their_owner(void **state)
{
    (void)state;
    struct test_alloc memory;
    struct wire_pieces from, to;
    test_alloc_init(&memory, 0);
    wire_pieces_init(&from, &memory.alloc);
    wire_pieces_init(&to, &memory.alloc);
    struct block *block = block_new(&memory.alloc, 10);
    assert_true(wire_pieces_push(&from, block_slice(block), block));
    assert_true(wire_pieces_push(&from, letters(5), NULL));
    assert_true(wire_pieces_move(&from, &to, 3));
    assert_true(wire_pieces_move(&from, &to, 9));
    assert_int_equal(from.bytes, 3);
    assert_int_equal(to.bytes, 12);
    assert_int_equal(to.count, 3);
    wire_pieces_clear(&from);
    wire_pieces_cut(&to, 1);
    assert_int_equal(to.bytes, 3);
    wire_pieces_done(&from);
    wire_pieces_done(&to);
    assert_int_equal(memory.live, 0);
}

static void failed_push_gives_the_owner_back(void **state)
{
    (void)state;
    struct test_alloc memory;
    struct wire_pieces pieces;
    test_alloc_init(&memory, 2);
    wire_pieces_init(&pieces, &memory.alloc);
    struct block *block = block_new(&memory.alloc, 10);
    assert_non_null(block);
    assert_false(wire_pieces_push(&pieces, block_slice(block), block));
    wire_pieces_done(&pieces);
    assert_int_equal(memory.live, 0);
}

static void copier_recycles_its_blocks(void **state)
{
    (void)state;
    struct test_alloc memory;
    struct wire_copier copier;
    test_alloc_init(&memory, 0);
    wire_copier_init(&copier, &memory.alloc);
    for (int i = 0; i < 1000; i++) { /* never two at once: one block serves all */
        struct block *owner;
        uint8_t *room = wire_copier_take(&copier, 1000, &owner);
        memset(room, i, 1000);
        block_unref(owner);
    }
    assert_int_equal(memory.requests, 1);

    struct block *owners[200];
    for (int i = 0; i < 200; i++) {
        uint8_t *room = wire_copier_take(&copier, 1000, &owners[i]);
        memset(room, i, 1000);
        assert_true(slice_holds(block_slice(owners[i]), (uint64_t)(room - owners[i]->data), 1000));
    }
    assert_int_equal(owners[0]->data[0], 0); /* not written over while it is held */
    for (int i = 0; i < 200; i++)
        block_unref(owners[i]);
    assert_int_equal(memory.live, wire_copy_blocks);

    struct block *large; /* has a block of its own */
    assert_non_null(wire_copier_take(&copier, 100000, &large));
    assert_int_equal(large->size, 100000);
    block_unref(large);
    wire_copier_done(&copier);
    assert_int_equal(memory.live, 0);
}

static void copier_runs_out_of_memory(void **state)
{
    (void)state;
    struct test_alloc memory;
    struct wire_copier copier;
    struct block *owner = NULL;
    test_alloc_init(&memory, 1);
    memory.fail_forever = true;
    wire_copier_init(&copier, &memory.alloc);
    assert_null(wire_copier_take(&copier, 10, &owner));
    assert_null(wire_copier_take(&copier, 100000, &owner));
    assert_null(owner);
    wire_copier_done(&copier);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(gives_the_oldest_first), cmocka_unit_test(grows_round_the_ring),
              cmocka_unit_test(moves_parts_with_their_owner),
              cmocka_unit_test(failed_push_gives_the_owner_back),
              cmocka_unit_test(copier_recycles_its_blocks),
              cmocka_unit_test(copier_runs_out_of_memory));
}
