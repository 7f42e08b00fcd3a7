/* SPDX-License-Identifier: Apache-2.0 */
/* A store of its own for a test, and tables whose every byte follows from a number. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "harness/test.h"

#include <inttypes.h>

#include "store/store.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

struct fixture {
    const struct alloc *alloc;
    struct arena *arena;
    struct store *store;
};

static inline struct fixture fixture_open(const struct alloc *alloc, uint64_t budget_bytes)
{
    struct fkv_error error;
    struct fixture f = {.alloc = alloc};
    const struct arena_options options = {.budget_bytes = budget_bytes};
    assert_ok(arena_new(alloc_system(), &options, &f.arena, &error));
    assert_ok(store_new(alloc, f.arena, clock_system(), &f.store, &error));
    return f;
}

/* With every table gone nothing may be charged any more. */
static inline void fixture_close(struct fixture *f)
{
    store_free(f->store);
    arena_validate(f->arena);
    assert_int_equal(arena_stats(f->arena).used_bytes, 0);
    arena_free(f->arena);
}

/* xorshift64*, so that the tests need no library's random numbers. */
static inline uint64_t next_random(uint64_t *x)
{
    *x ^= *x >> 12;
    *x ^= *x << 25;
    *x ^= *x >> 27;
    return *x * UINT64_C(0x2545F4914F6CDD1D);
}

static inline uint8_t body_byte(uint64_t seed, size_t at)
{
    return (uint8_t)(seed * 13 + at * 7 + (at >> 8));
}

static inline void fill_body(uint8_t *body, uint64_t seed, size_t from, size_t to)
{
    for (size_t at = from; at < to; at++)
        body[at] = body_byte(seed, at);
}

static inline void assert_body(struct slice body, uint64_t seed, size_t size)
{
    assert_int_equal(body.size, size);
    for (size_t at = 0; at < size; at++)
        if (body.data[at] != body_byte(seed, at))
            fail_msg("body of seed %" PRIu64 ": byte %zu of %zu differs", seed, at, size);
}

/* One message, its body in pieces of at most `piece` bytes. */
static inline enum fkv_status put_message(struct store_put *put,
                                          const struct store_message *message, uint64_t seed,
                                          size_t body_bytes, size_t piece, struct fkv_error *error)
{
    uint8_t *body = NULL;
    enum fkv_status status = store_put_message(put, message, body_bytes, &body, error);
    for (size_t from = 0; status == FKV_OK && from < body_bytes;) {
        size_t to = body_bytes - from > piece ? from + piece : body_bytes;
        status = store_put_room(put, to, error);
        if (status != FKV_OK)
            return status;
        fill_body(body, seed, from, to);
        store_put_filled(put, from, to);
        from = to;
    }
    return status;
}

static inline enum fkv_status put_schema(struct store_put *put, const char *header,
                                         struct fkv_error *error)
{
    const struct store_message schema = {.kind = STORE_SCHEMA, .header = slice_text(header)};
    return put_message(put, &schema, 0, 0, 1, error);
}

/* A table of a schema and `batches` batches of `body_bytes` bytes. The put is gone on failure. */
static inline enum fkv_status put_table(struct store *store, const char *key, uint64_t seed,
                                        size_t batches, size_t body_bytes, struct store_table **ret,
                                        struct fkv_error *error)
{
    struct store_put *put = NULL;
    enum fkv_status status =
        store_put_begin(store, slice_text(key), slice_of(NULL, 0), &put, error);
    if (status != FKV_OK)
        return status;
    status = put_schema(put, "schema", error);
    const struct store_message batch = {
        .kind = STORE_BATCH, .rows = 1, .header = slice_text("header of a batch")};
    for (size_t i = 0; i < batches && status == FKV_OK; i++)
        status = put_message(put, &batch, seed + i, body_bytes, 100 * KIB, error);
    if (status == FKV_OK)
        return store_put_commit(put, ret, error);
    store_put_abort(put);
    return status;
}

static inline void assert_table(const struct store_table *table, uint64_t seed, size_t batches,
                                size_t body_bytes)
{
    assert_int_equal(table->messages, 1 + batches);
    assert_true(slice_is(table->schema, "schema"));
    for (size_t i = 0; i < batches; i++) {
        struct store_message message = store_table_message(table, 1 + i);
        assert_int_equal(message.kind, STORE_BATCH);
        assert_true(slice_is(message.header, "header of a batch"));
        assert_false(message.has_app_metadata);
        assert_int_equal((uintptr_t)message.body.data % 64, 0);
        assert_body(message.body, seed + i, body_bytes);
    }
}

#endif
