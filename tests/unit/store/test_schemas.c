/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <pthread.h>

#include "store/digest.h"
#include "store/schemas.h"

enum { seed = 1 };

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
    b->heap = (struct heap){.alloc = &b->alloc.alloc};
    assert_ok(arena_new(alloc_system(), &options, &b->heap.arena, &error));
    assert_true(schemas_init(&b->schemas, &b->heap, seed));
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

/* Texts made for this seed: XXH3 adds up the halves of 16 bytes and their product, and here one
 * factor is zero. */
static void colliding_ones_are_two(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\xba\x39\x42\xea\x7b\x73\x82\x67\xb1\x25\xf0\x5c\x7f\x8f\x74\xbe",
        "\xab\x1b\x71\xae\x2e\x15\xf5\xef\x39\x52\x96\x09\x3b\xbc\x56\xaf",
    };
    assert_int_equal(digest_key(slice_text(texts[0]), seed),
                     digest_key(slice_text(texts[1]), seed));
    for (size_t i = 0; i < 2; i++) {
        struct bench b;
        open_bench(&b, 0);
        struct schema *first = ref(&b, texts[i]), *second = ref(&b, texts[1 - i]);
        assert_ptr_not_equal(first, second);
        assert_ptr_equal(ref(&b, texts[i]), first);
        assert_ptr_equal(ref(&b, texts[1 - i]), second);
        schemas_unref(&b.schemas, first);
        schemas_unref(&b.schemas, first);
        struct schema *again = ref(&b, texts[i]); /* in the place that has become free */
        schemas_unref(&b.schemas, second);
        schemas_unref(&b.schemas, second);
        schemas_unref(&b.schemas, again);
        close_bench(&b);
    }
}

/* ---- threads ---- */

enum { threads = 4, rounds = 2000, texts = 3 };

struct user {
    struct bench *bench;
    pthread_barrier_t *barrier;
    struct schema *first;
    size_t number;
};

/* At once with the others, so that several make the same schema and one of them is listed; then
 * whatever the others leave. */
static void *use(void *context)
{
    struct user *user = context;
    pthread_barrier_wait(user->barrier);
    user->first = ref(user->bench, "first");
    for (size_t i = 0; i < rounds; i++) {
        char text[16];
        snprintf(text, sizeof text, "schema %zu", (i + user->number) % texts);
        struct schema *schema = ref(user->bench, text);
        schemas_unref(&user->bench->schemas, schema);
    }
    return NULL;
}

static void threads_share_them(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, 0);
    b.heap.alloc = alloc_system(); /* the counting one is for one thread */
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, threads);
    struct user users[threads];
    pthread_t ids[threads];
    for (size_t i = 0; i < threads; i++) {
        users[i] = (struct user){.bench = &b, .barrier = &barrier, .number = i};
        assert_int_equal(pthread_create(&ids[i], NULL, use, &users[i]), 0);
    }
    for (size_t i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        assert_ptr_equal(users[i].first, users[0].first);
    }
    assert_int_equal(b.schemas.map.count, 1);
    for (size_t i = 0; i < threads; i++)
        schemas_unref(&b.schemas, users[i].first);
    pthread_barrier_destroy(&barrier);
    close_bench(&b);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(equal_ones_are_one), cmocka_unit_test(many_come_and_go),
              cmocka_unit_test(a_failed_one_leaves_nothing),
              cmocka_unit_test(colliding_ones_are_two), cmocka_unit_test(threads_share_them));
}
