/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include <stdalign.h>

#include "mem/heap.h"

#define MIB ((size_t)1 << 20)

static struct heap open_heap(const struct alloc *alloc)
{
    struct fkv_error error;
    struct heap heap = {.alloc = alloc};
    const struct arena_options options = {.budget_bytes = MIB};
    assert_ok(arena_new(alloc_system(), &options, &heap.arena, &error));
    return heap;
}

static uint64_t used(const struct heap *heap)
{
    return arena_stats(heap->arena).used_bytes;
}

static void close_heap(struct heap *heap)
{
    assert_int_equal(used(heap), 0);
    arena_free(heap->arena);
}

static void aligned_memory_is_aligned(void **state)
{
    (void)state;
    struct fkv_error error;
    struct heap heap = open_heap(alloc_system());
    static void *blocks[200];
    for (size_t i = 0; i < 200; i++) {
        blocks[i] = heap_get_aligned(&heap, i, &error);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 64, 0);
        memset(blocks[i], 1, i);
    }
    for (size_t i = 0; i < 200; i++)
        heap_free_aligned(&heap, blocks[i], i);
    heap_free_aligned(&heap, NULL, 100);
    close_heap(&heap);
}

static void resizing_charges_the_difference(void **state)
{
    (void)state;
    struct fkv_error error;
    struct heap heap = open_heap(alloc_system());
    char *text = heap_resize(&heap, NULL, 0, 100, &error);
    assert_int_equal(used(&heap), heap_cost(100));
    assert_true(heap_cost(100) >= 100 && heap_cost(100) < 150);
    memcpy(text, "text", 5);
    text = heap_resize(&heap, text, 100, 5000, &error);
    assert_string_equal(text, "text");
    assert_int_equal(used(&heap), heap_cost(5000));
    heap_free(&heap, text, 5000);
    heap_free(&heap, NULL, 5000);
    close_heap(&heap);
}

static void refusals_leave_all_as_it_was(void **state)
{
    (void)state;
    struct fkv_error error;
    struct test_alloc t;
    test_alloc_init(&t, 2);
    t.fail_forever = true;
    struct heap heap = open_heap(&t.alloc);
    char *text = heap_resize(&heap, NULL, 0, 100, &error);
    memcpy(text, "text", 5);
    assert_null(heap_resize(&heap, text, 100, 200, &error)); /* the allocator refuses */
    assert_int_equal(error.status, FKV_RESOURCE_EXHAUSTED);
    assert_null(heap_get_aligned(&heap, 200, &error));
    size_t requests = t.requests;
    assert_null(heap_get_aligned(&heap, 2 * MIB, &error)); /* the budget does, before */
    assert_int_equal(error.status, FKV_RESOURCE_EXHAUSTED);
    assert_int_equal(t.requests, requests);
    assert_string_equal(text, "text");
    assert_int_equal(used(&heap), heap_cost(100));
    heap_free(&heap, text, 100);
    assert_int_equal(t.live, 0);
    close_heap(&heap);
}

static void the_charging_allocator_charges_what_is_large(void **state)
{
    (void)state;
    struct heap heap = open_heap(alloc_system());
    const struct alloc alloc = heap_charging_alloc(&heap);
    const size_t least = heap_uncharged_bytes_max + 1;
    char *text = alloc_get(&alloc, heap_uncharged_bytes_max);
    assert_int_equal((uintptr_t)text % alignof(max_align_t), 0);
    memcpy(text, "text", 5);
    assert_int_equal(used(&heap), 0);
    text = alloc_resize(&alloc, text, least);
    assert_int_equal(used(&heap), heap_cost(least + alignof(max_align_t)));
    text = alloc_resize(&alloc, text, 100000);
    assert_int_equal(used(&heap), heap_cost(100000 + alignof(max_align_t)));
    assert_string_equal(text, "text");
    text = alloc_resize(&alloc, text, 100);
    assert_string_equal(text, "text");
    assert_int_equal(used(&heap), 0);
    alloc_free(&alloc, text);
    text = alloc_get(&alloc, least);
    alloc_free(&alloc, text);
    for (size_t alignment = 8; alignment <= 64; alignment *= 2) {
        char *aligned = alloc_aligned(&alloc, alignment, least);
        assert_int_equal((uintptr_t)aligned % alignment, 0);
        assert_true(used(&heap) >= heap_cost(least));
        memset(aligned, 1, least);
        alloc_free(&alloc, aligned);
        assert_int_equal(used(&heap), 0);
    }
    assert_null(alloc_aligned(&alloc, 64, SIZE_MAX));
    close_heap(&heap);
}

static void the_charging_allocator_refuses_what_does_not_fit(void **state)
{
    (void)state;
    struct test_alloc t;
    test_alloc_init(&t, 2);
    struct heap heap = open_heap(&t.alloc);
    const struct alloc alloc = heap_charging_alloc(&heap);
    char *text = alloc_get(&alloc, 400 << 10);
    memcpy(text, "text", 5);
    uint64_t before = used(&heap);
    assert_null(alloc_resize(&alloc, text, 500 << 10)); /* the allocator refuses */
    assert_int_equal(used(&heap), before);
    assert_null(alloc_resize(&alloc, text, 700 << 10)); /* the budget does: both would exist */
    assert_null(alloc_get(&alloc, SIZE_MAX));
    assert_null(alloc_get(&alloc, SIZE_MAX / 2));
    assert_int_equal(t.requests, 2);
    assert_int_equal(used(&heap), before);
    assert_string_equal(text, "text");
    alloc_free(&alloc, text);
    assert_int_equal(t.live, 0);
    close_heap(&heap);
}

static void a_heap_of_its_own_charges_once(void **state)
{
    (void)state;
    struct fkv_error error;
    struct heap heap = open_heap(alloc_system());
    struct heap own = heap_begin_own(&heap);
    assert_int_equal(used(&heap), heap_ahead_bytes);
    void *kept = heap_get_aligned(&own, 1000, &error);
    void *passing = heap_resize(&own, NULL, 0, 2000, &error);
    assert_int_equal(used(&heap), heap_ahead_bytes);
    void *large = heap_resize(&own, NULL, 0, 100000, &error);
    assert_int_equal(used(&heap), heap_ahead_bytes + heap_cost(100000));
    heap_free(&own, large, 100000);
    heap_free(&own, passing, 2000);
    assert_int_equal(used(&heap), heap_ahead_bytes);
    heap_end_own(&own);
    assert_int_equal(used(&heap), heap_aligned_cost(1000));
    heap_free_aligned(&heap, kept, 1000);
    close_heap(&heap);
}

/* Many small frees don't pile up what is charged ahead. */
static void a_heap_of_its_own_keeps_little(void **state)
{
    (void)state;
    struct fkv_error error;
    void *blocks[20];
    struct heap heap = open_heap(alloc_system());
    struct heap own = heap_begin_own(&heap);
    for (size_t i = 0; i < 20; i++)
        blocks[i] = heap_resize(&own, NULL, 0, 3000, &error);
    for (size_t i = 0; i < 20; i++)
        heap_free(&own, blocks[i], 3000);
    assert_true(used(&heap) <= heap_ahead_bytes);
    heap_end_own(&own);
    close_heap(&heap);
}

static void a_heap_of_its_own_takes_what_room_there_is(void **state)
{
    (void)state;
    struct fkv_error error;
    struct heap heap = open_heap(alloc_system());
    const size_t rest = heap_ahead_bytes / 2;
    assert_ok(arena_charge(heap.arena, MIB - rest, &error));
    struct heap own = heap_begin_own(&heap);
    void *block = heap_resize(&own, NULL, 0, rest / 2, &error);
    assert_non_null(block);
    assert_null(heap_resize(&own, NULL, 0, rest, &error));
    assert_int_equal(error.status, FKV_RESOURCE_EXHAUSTED);
    heap_free(&own, block, rest / 2);
    heap_end_own(&own);
    arena_discharge(heap.arena, MIB - rest);
    close_heap(&heap);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(aligned_memory_is_aligned),
              cmocka_unit_test(resizing_charges_the_difference),
              cmocka_unit_test(refusals_leave_all_as_it_was),
              cmocka_unit_test(the_charging_allocator_charges_what_is_large),
              cmocka_unit_test(a_heap_of_its_own_charges_once),
              cmocka_unit_test(a_heap_of_its_own_keeps_little),
              cmocka_unit_test(a_heap_of_its_own_takes_what_room_there_is),
              cmocka_unit_test(the_charging_allocator_refuses_what_does_not_fit));
}
