/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "client/pool.h"
#include "ipc/reader.h"

enum { mib = 1 << 20 };

static void recycles_what_was_released(void **state)
{
    (void)state;
    struct client_pool *pool = client_pool_new(alloc_system());
    struct block *first = client_pool_get(pool, 4 * mib);
    void *data = first->data;
    assert_int_equal((uintptr_t)data % block_alignment, 0);
    block_unref(first);
    assert_int_equal(client_pool_stats(pool).kept_bytes, 4 * mib);
    struct block *again = client_pool_get(pool, 4 * mib - 100);
    assert_ptr_equal(again->data, data);
    assert_int_equal(again->size, 4 * mib - 100);
    block_unref(again);
    client_pool_close(pool);
}

static void never_holds_more_than_was_used_at_once(void **state)
{
    (void)state;
    struct client_pool *pool = client_pool_new(alloc_system());
    for (size_t size = mib; size <= 16 * mib; size += mib) {
        block_unref(client_pool_get(pool, size));
        struct client_pool_stats stats = client_pool_stats(pool);
        assert_true(stats.used_bytes + stats.kept_bytes <= stats.most_used_bytes);
        assert_int_equal(stats.most_used_bytes, size);
    }
    client_pool_close(pool);
}

static void a_block_may_outlive_the_pool(void **state)
{
    (void)state;
    struct test_alloc t;
    test_alloc_init(&t, 0);
    struct client_pool *pool = client_pool_new(&t.alloc);
    struct block *block = client_pool_get(pool, mib);
    struct block *small = client_pool_get(pool, 10);
    block_unref(client_pool_get(pool, 2 * mib));
    client_pool_close(pool);
    memset(block->data, 1, block->size);
    block_unref(small);
    block_unref(block);
    assert_int_equal(t.live, 0);
}

static void is_closed_by_its_last_owner(void **state)
{
    (void)state;
    struct test_alloc t;
    test_alloc_init(&t, 0);
    struct client_pool *pool = client_pool_new(&t.alloc);
    struct client_pool *shared = client_pool_share(pool);
    struct block *block = client_pool_get(shared, mib);
    void *data = block->data;
    client_pool_close(shared);
    block_unref(block);
    block = client_pool_get(pool, mib);
    assert_ptr_equal(block->data, data);
    client_pool_close(pool);
    block_unref(block);
    assert_int_equal(t.live, 0);
}

static struct ipc_reader *reader_on(const struct alloc *alloc)
{
    return ipc_reader_new(alloc, &IPC_LIMITS_DEFAULT, 0);
}

/* The latest ones first; one that is out keeps the pool, and is freed when it comes back too late.
 */
static void keeps_some_readers(void **state)
{
    (void)state;
    struct test_alloc t;
    test_alloc_init(&t, 0);
    struct client_pool *pool = client_pool_new(&t.alloc);
    struct ipc_reader *readers[client_pool_readers_max + 1];
    for (int i = 0; i <= client_pool_readers_max; i++)
        assert_null(client_pool_take_reader(pool));
    for (int i = 0; i <= client_pool_readers_max; i++) {
        readers[i] = reader_on(&t.alloc);
        client_pool_give_reader(pool, readers[i]);
    }
    for (int i = client_pool_readers_max - 1; i >= 0; i--)
        assert_ptr_equal(client_pool_take_reader(pool), readers[i]);
    assert_null(client_pool_take_reader(pool));
    for (int i = 0; i < client_pool_readers_max; i++)
        client_pool_give_reader(pool, i < 2 ? readers[i] : NULL);
    for (int i = 2; i < client_pool_readers_max; i++)
        ipc_reader_free(readers[i]);
    client_pool_close(pool);
    client_pool_give_reader(pool, NULL);
    assert_int_equal(t.live, 0);
}

static void survives_every_failed_allocation(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct test_alloc t;
        test_alloc_init(&t, n);
        struct client_pool *pool = client_pool_new(&t.alloc);
        struct block *block = pool == NULL ? NULL : client_pool_get(pool, mib);
        block_unref(block);
        client_pool_close(pool);
        assert_int_equal(t.live, 0);
        if (t.requests < n)
            break;
    }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(recycles_what_was_released),
              cmocka_unit_test(never_holds_more_than_was_used_at_once),
              cmocka_unit_test(a_block_may_outlive_the_pool),
              cmocka_unit_test(is_closed_by_its_last_owner), cmocka_unit_test(keeps_some_readers),
              cmocka_unit_test(survives_every_failed_allocation));
}
