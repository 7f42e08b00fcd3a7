/* SPDX-License-Identifier: Apache-2.0 */
/* The store: keys to immutable tables of opaque IPC messages. It knows nothing of sockets or of
 * Arrow: the caller has verified what it appends.
 *
 *     put      store_put_begin -> (store_put_message -> fill the body -> store_put_filled)* ->
 *              store_put_commit | store_put_abort
 *     append   store_put_begin -> store_put_extend -> (as above)* -> store_put_append | ...abort
 *     get      store_get -> store_table_message(0..n) -> store_table_unref
 *
 * A table is visible from commit on, whole, and never changes. Readers hold a counted reference and
 * keep their version whatever happens to the key. Replacing needs room for both; appending makes a
 * new version that shares all messages with the one before, and costs what it adds (part.h).
 *
 * Where the bytes are: bodies of `store_extent_bytes_least` and more in arena extents of their own;
 * everything else (headers, app_metadata, small bodies) packed into a table's chunks, so that
 * 10,000 batches of one row cost their bytes and little else, and a table of 1 KiB one small heap
 * allocation. All of it, keys and heads too, is charged to the arena's budget.
 *
 * etag: chained over the messages, so that appending costs what it adds:
 *     e(0) = XXH3-128(schema header)
 *     e(n) = XXH3-128(e(n-1), lengths, header, app_metadata, body)
 * https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 *
 * Threads: the store, and references on tables, from any thread; one put from one thread at a time.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/block.h"
#include "base/slice.h"
#include "flightkv/status.h"
#include "mem/arena.h"

struct store;
struct store_put;

enum { store_key_bytes_max = 4096 };
enum { store_extent_bytes_least = 64 << 10 };
enum { store_etag_size = 32 }; /* hex digits */

/* What the kind of a message is the caller's business, but for these. */
enum store_kind { STORE_SCHEMA = 1, STORE_DICTIONARY = 2, STORE_BATCH = 3, STORE_METADATA = 4 };

struct store_message {
    uint8_t kind; /* enum store_kind */
    int64_t rows;
    struct slice header;
    struct slice app_metadata;
    bool has_app_metadata; /* present but empty differs from absent */
    struct slice body;     /* 64-byte aligned */
};

/* Immutable. `block` counts the references: hand &table->block to whoever keeps slices of it. */
struct store_table {
    struct block block;
    struct slice key;
    struct slice descriptor; /* the form last put, encoded by the caller; may be empty */
    char etag[store_etag_size + 1];
    uint64_t version;   /* of the store, grows with every commit */
    int64_t created_us; /* wall clock, since 1970 */
    uint64_t rows;
    uint64_t batches;      /* messages of STORE_BATCH */
    uint64_t body_bytes;   /* sum of the bodies */
    uint64_t memory_bytes; /* what it is charged with */
    uint64_t messages;     /* all, the schema's (index 0) too */
    struct slice schema;   /* the schema message's header */
};

struct store_stats {
    uint64_t keys;
    uint64_t tables;      /* alive, also those that only readers hold */
    uint64_t table_bytes; /* body bytes under keys */
    uint64_t puts;        /* committed since the start */
    uint64_t puts_aborted;
    uint64_t puts_open;
    uint64_t hits, misses; /* of store_get */
    uint64_t deletes;
    struct arena_stats memory;
};

/* `arena` must outlive the store. */
enum fkv_status store_new(const struct alloc *alloc, struct arena *arena, const struct clock *clock,
                          struct store **ret, struct fkv_error *error);
void store_free(struct store *store); /* no table or put may be held any more */

/* For messages that are being gathered: what is large counts in the arena's budget as long as it is
 * held (heap.h). Valid as long as the store; everything must be given back before it is freed. */
const struct alloc *store_charging_alloc(struct store *store);

/* 1 to 4,096 bytes, any but a leading NUL. INVALID_ARGUMENT says which rule was broken. */
enum fkv_status store_key_check(struct slice key, struct fkv_error *error);

/* Key and descriptor are copied. INVALID_ARGUMENT, RESOURCE_EXHAUSTED. */
enum fkv_status store_put_begin(struct store *store, struct slice key, struct slice descriptor,
                                struct store_put **ret, struct fkv_error *error);

/* Appends a message; header and app_metadata are copied. Gives the place for its body of
 * `body_bytes` bytes (NULL when 0); it is to be filled front to back, store_put_room before each
 * piece. RESOURCE_EXHAUSTED with the numbers when a body of that length doesn't fit now. A message
 * that equals a stored table's schema (the first one of kind STORE_SCHEMA) is shared with it. */
enum fkv_status store_put_message(struct store_put *put, const struct store_message *message,
                                  size_t body_bytes, uint8_t **ret_body, struct fkv_error *error);

/* Makes the first `bytes` bytes of the current body writable (charges them). Cheap when they are.
 */
enum fkv_status store_put_room(struct store_put *put, size_t bytes, struct fkv_error *error);

/* The bytes [from, to) of the current body are written, and still in cache: digests them. */
void store_put_filled(struct store_put *put, size_t from, size_t to);

/* How many bytes have been taken in so far, and the current message's body. */
struct slice store_put_body(const struct store_put *put);

/* The messages appended so far; index < store_put_count. Valid until the next call on the put. */
uint64_t store_put_count(const struct store_put *put);
struct store_message store_put_at(const struct store_put *put, uint64_t index);

/* Ends the put. The current body must be filled, at least one message appended. The key gets the
 * table; *ret (may be NULL) a reference on it. Also on failure the put is gone. */
enum fkv_status store_put_commit(struct store_put *put, struct store_table **ret,
                                 struct fkv_error *error);
void store_put_abort(struct store_put *put); /* NULL is allowed */

/* ---- appending ---- */

/* The put appends to `base`, a table under its key, on which it takes a reference: its messages
 * come behind those, without a schema of their own. Before the first message. */
void store_put_extend(struct store_put *put, struct store_table *base);

/* What the put appends to; NULL: nothing. */
struct store_table *store_put_base(const struct store_put *put);

/* Takes the last message back, which isn't a schema or batch; its memory is free again. Once after
 * a store_put_message. */
void store_put_undo(struct store_put *put);

/* What is under the put's key at its commit isn't its base: `current` (NULL: nothing). Answers
 * FKV_OK when the put's messages may be appended to that, or whatever store_put_append is to fail
 * with. May use the three functions below, and no others on the put. */
typedef enum fkv_status store_rebase(void *context, struct store_put *put,
                                     struct store_table *current, struct fkv_error *error);

/* A copy of the message before the one at `index`; with app_metadata, that isn't shared. */
enum fkv_status store_put_insert(struct store_put *put, uint64_t index,
                                 const struct store_message *message, struct fkv_error *error);
/* Takes the first message out. Its memory stays the table's. */
void store_put_drop_first(struct store_put *put);
enum fkv_status store_put_set_header(struct store_put *put, uint64_t index, struct slice header,
                                     struct fkv_error *error);

/* Ends a put like store_put_commit, but behind what is under the key then. Appends to one key come
 * one after the other. Where the put's base is no longer what is there, `rebase` is asked, and the
 * put's messages are digested another time. A put of nothing to a table gives that table. */
enum fkv_status store_put_append(struct store_put *put, store_rebase *rebase, void *context,
                                 struct store_table **ret, struct fkv_error *error);

/* ---- tables ---- */

/* A reference on the table under the key; NULL when there is none (a miss). */
struct store_table *store_get(struct store *store, struct slice key);
struct store_table *store_peek(struct store *store,
                               struct slice key); /* counts neither hit nor miss */
void store_table_unref(struct store_table *table);

/* index < table->messages. The slices are valid as long as the table is held. Takes as many steps
 * as the number of appends has binary digits. */
struct store_message store_table_message(const struct store_table *table, uint64_t index);

/* The index of the last message of STORE_DICTIONARY before the one at `end` (at most
 * table->messages); 0, the schema's, when there is none. */
uint64_t store_table_last_dictionary(const struct store_table *table, uint64_t end);

/* Whether there was one. Readers keep theirs. */
bool store_delete(struct store *store, struct slice key);

/* Some tables, each with a reference for the caller, at most `capacity`; *cursor is 0 at first and
 * 0 again when the scan is over. Every key present during the whole scan is given exactly once. May
 * give none although there is more; looks through a bounded number of buckets a call. */
size_t store_list(struct store *store, uint64_t *cursor, struct store_table **ret, size_t capacity);

struct store_stats store_stats(struct store *store);

#endif
