/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "store/schemas.h"

struct bench {
    struct test_alloc alloc;
    struct heap heap;
    struct schemas schemas;
};

static void open_bench(struct bench *b, size_t fail_at)
{
    struct fkv_error error;
    const struct arena_options options = {.budget_bytes = MIB};
    test_alloc_init(&b->alloc, fail_at);
    b->heap.alloc = &b->alloc.alloc;
    assert_ok(arena_new(alloc_system(), &options, &b->heap.arena, &error));
    assert_true(schemas_init(&b->schemas, &b->heap, 1));
}

static void close_bench(struct bench *b)
{
    schemas_done(&b->schemas);
    assert_int_equal(b->alloc.live, 0);
    assert_int_equal(arena_stats(b->heap.arena).used_bytes, 0);
    arena_free(b->heap.arena);
}

static struct schema *ref(struct bench *b, const char *text)
{
    struct fkv_error error;
    struct schema *schema = NULL;
    assert_ok(schemas_ref(&b->schemas, slice_text(text), &schema, &error));
    assert_true(slice_is(schema_slice(schema), text));
    return schema;
}

static void equal_ones_are_one(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, 0);
    struct schema *first = ref(&b, "one"), *other = ref(&b, "other"), *empty = ref(&b, "");
    uint64_t used = arena_stats(b.heap.arena).used_bytes;
    assert_ptr_equal(ref(&b, "one"), first);
    assert_int_equal(arena_stats(b.heap.arena).used_bytes, used);
    assert_ptr_not_equal(other, first);
    schemas_unref(&b.schemas, first);
    assert_true(slice_is(schema_slice(first), "one"));
    schemas_unref(&b.schemas, first);
    assert_true(arena_stats(b.heap.arena).used_bytes < used);
    schemas_unref(&b.schemas, other);
    schemas_unref(&b.schemas, empty);
    schemas_unref(&b.schemas, NULL);
    close_bench(&b);
}

/* More than the map begins with, so that it grows; coming back after they were gone. */
static void many_come_and_go(void **state)
{
    (void)state;
    enum { many = 300 };
    static struct schema *schemas[many];
    struct bench b;
    open_bench(&b, 0);
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < many; i++) {
            char text[32];
            snprintf(text, sizeof text, "schema %zu", i);
            schemas[i] = ref(&b, text);
        }
        for (size_t i = 0; i < many; i++)
            schemas_unref(&b.schemas, schemas[i]);
    }
    close_bench(&b);
}

static void a_failed_one_leaves_nothing(void **state)
{
    (void)state;
    struct bench b;
    struct fkv_error error;
    struct schema *schema = NULL;
    open_bench(&b, 2); /* the first request is the map's */
    assert_int_equal(schemas_ref(&b.schemas, slice_text("one"), &schema, &error),
                     FKV_RESOURCE_EXHAUSTED);
    assert_null(schema);
    schemas_unref(&b.schemas, ref(&b, "one"));
    close_bench(&b);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(equal_ones_are_one), cmocka_unit_test(many_come_and_go),
              cmocka_unit_test(a_failed_one_leaves_nothing));
}
