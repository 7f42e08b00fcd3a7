/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

static bool refuses(struct test_alloc *t)
{
    t->requests++;
    return t->fail_at != 0 &&
           (t->requests == t->fail_at || (t->fail_forever && t->requests > t->fail_at));
}

static void *counting_resize(void *context, void *pointer, size_t size)
{
    struct test_alloc *t = context;
    if (refuses(t))
        return NULL;
    const struct alloc *system = alloc_system();
    void *result = system->resize(system->context, pointer, size);
    if (result != NULL && pointer == NULL)
        t->live++;
    return result;
}

static void *counting_aligned(void *context, size_t alignment, size_t size)
{
    struct test_alloc *t = context;
    if (refuses(t))
        return NULL;
    const struct alloc *system = alloc_system();
    void *result = system->aligned(system->context, alignment, size);
    if (result != NULL)
        t->live++;
    return result;
}

static void counting_free(void *context, void *pointer)
{
    struct test_alloc *t = context;
    assert_true(t->live > 0);
    t->live--;
    const struct alloc *system = alloc_system();
    system->free(system->context, pointer);
}

void test_alloc_init(struct test_alloc *t, size_t fail_at)
{
    *t = (struct test_alloc){.fail_at = fail_at};
    t->alloc = (struct alloc){counting_resize, counting_free, counting_aligned, t};
}

size_t test_sweep(enum fkv_status (*scenario)(const struct alloc *alloc))
{
    for (size_t n = 1;; n++) {
        struct test_alloc t;
        test_alloc_init(&t, n);
        enum fkv_status status = scenario(&t.alloc);
        if (t.live != 0)
            fail_msg("%zu allocations live after number %zu failed", t.live, n);
        if (t.requests >= n)
            continue;
        assert_int_equal(status, FKV_OK);
        return n;
    }
}
