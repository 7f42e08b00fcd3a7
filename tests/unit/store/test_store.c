/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "store/store.h"

static const struct arena_options roomy = {.budget_bytes = UINT64_C(256) << 20};

struct fixture {
    struct test_alloc alloc;
    struct arena *arena;
    struct store *store;
};

static struct fixture open_store(const struct arena_options *options)
{
    static struct fixture f;
    struct fkv_error error;
    test_alloc_init(&f.alloc, 0);
    assert_ok(arena_new(&f.alloc.alloc, options, &f.arena, &error));
    assert_ok(store_new(&f.alloc.alloc, f.arena, clock_system(), &f.store, &error));
    return f;
}

static void smoke(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fixture f = open_store(&roomy);
    struct store_put *put;
    uint8_t *body;
    assert_ok(store_put_begin(f.store, slice_text("a"), slice_text("d"), &put, &error));
    struct store_message m = {.kind = STORE_SCHEMA, .header = slice_text("schema")};
    assert_ok(store_put_message(put, &m, 0, &body, &error));
    m = (struct store_message){.kind = STORE_BATCH, .rows = 3, .header = slice_text("batch")};
    for (int i = 0; i < 1000; i++) {
        size_t n = (size_t)i * 300;
        assert_ok(store_put_message(put, &m, n, &body, &error));
        assert_ok(store_put_room(put, n, &error));
        if (n) {
            memset(body, i, n);
        }
        store_put_filled(put, 0, n);
    }
    struct store_table *t;
    assert_ok(store_put_commit(put, &t, &error));
    for (int i = 0; i < 1000; i++) {
        struct store_message r = store_table_message(t, 1 + i);
        assert_int_equal(r.body.size, i * 300);
        for (size_t k = 0; k < r.body.size; k++)
            assert_true(r.body.data[k] == (uint8_t)i);
        assert_int_equal((uintptr_t)r.body.data % 64, 0);
    }
    printf("%llu body, %llu mem\n", (unsigned long long)t->body_bytes,
           (unsigned long long)t->memory_bytes);
    arena_validate(f.arena);
    store_table_unref(t);
    store_free(f.store);
    arena_free(f.arena);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(smoke));
}
