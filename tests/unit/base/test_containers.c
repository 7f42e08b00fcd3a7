/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "base/block.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/timers.h"

static void buf_keeps_its_limit(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, alloc_system(), 5);
    assert_true(buf_text(&buf, "abc"));
    assert_false(buf_text(&buf, "def"));
    assert_true(buf.failed);
    assert_int_equal(buf.size, 3);
    buf_clear(&buf);
    assert_true(buf_text(&buf, "12345"));
    buf_done(&buf);
}

static void list_keeps_order(void **state)
{
    (void)state;
    struct list list, a, b;
    list_init(&list);
    list_push(&list, &a);
    list_push(&list, &b);
    assert_ptr_equal(list_shift(&list), &a);
    list_unlink(&b);
    list_unlink(&b);
    assert_null(list_shift(&list));
}

static void block_frees_on_last_unref(void **state)
{
    (void)state;
    struct test_alloc t;
    test_alloc_init(&t, 0);
    struct block *block = block_new(&t.alloc, 100);
    assert_int_equal((uintptr_t)block->data % block_alignment, 0);
    assert_true(block_is_mine(block));
    block_ref(block);
    assert_false(block_is_mine(block));
    block_unref(block);
    block_unref(block);
    assert_int_equal(t.live, 0);
    block_unref(NULL);
}

struct item {
    struct map_node node;
    unsigned seen;
};

static void mark(void *context, struct map_node *node)
{
    (void)context;
    map_entry(node, struct item, node)->seen++;
}

/* xorshift64*, so that the test needs no library's random numbers. */
static uint64_t next_random(uint64_t *x)
{
    *x ^= *x >> 12;
    *x ^= *x << 25;
    *x ^= *x >> 27;
    return *x * UINT64_C(0x2545F4914F6CDD1D);
}

static void map_scan_survives_growth(void **state)
{
    (void)state;
    enum { old_count = 1000, new_count = 5000 };
    static struct item items[old_count + new_count];
    struct map map;
    assert_true(map_init(&map, alloc_system()));
    uint64_t seed = 42;
    for (size_t i = 0; i < old_count; i++)
        map_insert(&map, &items[i].node, next_random(&seed));
    uint64_t cursor = 0;
    size_t added = old_count;
    do {
        cursor = map_scan(&map, cursor, mark, NULL);
        for (size_t i = 0; i < 17 && added < old_count + new_count; i++)
            map_insert(&map, &items[added++].node, next_random(&seed));
    } while (cursor != 0);
    for (size_t i = 0; i < old_count; i++)
        assert_int_equal(items[i].seen, 1);
    for (size_t i = old_count; i < added; i++)
        assert_true(items[i].seen <= 1);
    for (size_t i = 0; i < added; i++) {
        assert_non_null(map_first(&map, items[i].node.hash));
        map_remove(&map, &items[i].node);
    }
    assert_int_equal(map.count, 0);
    map_done(&map);
}

static void map_finds_equal_hashes(void **state)
{
    (void)state;
    struct item a = {0}, b = {0}, c = {0};
    struct map map;
    assert_true(map_init(&map, alloc_system()));
    map_insert(&map, &a.node, 7);
    map_insert(&map, &b.node, 7);
    map_insert(&map, &c.node, 8);
    size_t count = 0;
    for (struct map_node *n = map_first(&map, 7); n != NULL; n = map_next(n))
        count++;
    assert_int_equal(count, 2);
    assert_null(map_first(&map, 9));
    map_done(&map);
}

struct fired {
    struct timer timer;
    uint64_t at_ns;
};

static void note_time(struct timer *timer, uint64_t now_ns)
{
    ((struct fired *)timer)->at_ns = now_ns;
}

static void timers_fire_when_due(void **state)
{
    (void)state;
    enum { count = 200 };
    struct fired fired[count] = {0};
    struct timers timers;
    timers_init(&timers, alloc_system());
    uint64_t seed = 7;
    uint64_t due[count];
    for (size_t i = 0; i < count; i++) {
        due[i] = 1 + next_random(&seed) % 1000;
        fired[i].timer.fire = note_time;
        assert_true(timers_start(&timers, &fired[i].timer, due[i]));
    }
    for (size_t i = 0; i < count; i += 3)
        timers_stop(&timers, &fired[i].timer);
    for (uint64_t now = 1; now <= 1000; now++) {
        assert_true(timers_due_ns(&timers) >= now);
        timers_tick(&timers, now);
    }
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fired[i].at_ns, i % 3 == 0 ? 0 : due[i]);
    assert_true(timers_due_ns(&timers) == UINT64_MAX);
    timers_done(&timers);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(buf_keeps_its_limit), cmocka_unit_test(list_keeps_order),
              cmocka_unit_test(block_frees_on_last_unref),
              cmocka_unit_test(map_scan_survives_growth), cmocka_unit_test(map_finds_equal_hashes),
              cmocka_unit_test(timers_fire_when_due));
}
