/* SPDX-License-Identifier: Apache-2.0 */
/* A put: the messages of a table one after the other, digested as they come, placed by draft.c.
 * append.c has what only puts that append do. */
#include <assert.h>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"
#include "store/internal.h"

/* ---- begin and end ---- */

enum fkv_status store_key_check(struct slice key, struct fkv_error *error)
{
    if (key.size == 0)
        return status_set(error, FKV_INVALID_ARGUMENT, "the key is empty, expected 1 to %d bytes",
                          store_key_bytes_max);
    if (key.size > store_key_bytes_max)
        return status_set(error, FKV_INVALID_ARGUMENT, "the key has %zu bytes, expected 1 to %d",
                          key.size, store_key_bytes_max);
    if (key.data[0] == 0)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the key begins with a NUL byte, expected any other first byte");
    return FKV_OK;
}

enum fkv_status store_put_begin(struct store *store, struct slice key, struct slice descriptor,
                                struct store_put **ret, struct fkv_error *error)
{
    enum fkv_status status = store_key_check(key, error);
    if (status != FKV_OK)
        return status;
    size_t size = sizeof(struct store_put) + key.size + descriptor.size;
    struct heap heap = heap_begin_own(&store->heap);
    struct store_put *put = heap_get_aligned(&heap, size, error);
    if (put == NULL) {
        heap_end_own(&heap);
        return FKV_RESOURCE_EXHAUSTED;
    }
    memset(put, 0, sizeof *put);
    put->heap = heap;
    uint8_t *bytes = (uint8_t *)(put + 1);
    memcpy(bytes, key.data, key.size);
    if (descriptor.size > 0)
        memcpy(bytes + key.size, descriptor.data, descriptor.size);
    put->store = store;
    put->size = size;
    put->key = slice_of(bytes, key.size);
    put->descriptor = slice_of(bytes + key.size, descriptor.size);
    draft_init(&put->draft, &put->heap);
    atomic_fetch_add(&store->puts_open, 1);
    *ret = put;
    return FKV_OK;
}

void put_free(struct store_put *put)
{
    struct store *store = put->store;
    draft_done(&put->draft);
    schemas_unref(&store->schemas, put->schema);
    if (put->base != NULL)
        store_table_unref(&put->base->public);
    struct heap heap = put->heap;
    heap_free_aligned(&heap, put, put->size);
    heap_end_own(&heap);
    atomic_fetch_sub(&store->puts_open, 1);
}

void store_put_abort(struct store_put *put)
{
    if (put == NULL)
        return;
    atomic_fetch_add(&put->store->puts_aborted, 1);
    put_free(put);
}

/* ---- messages ---- */

static const struct entry *last_entry(const struct store_put *put)
{
    const struct draft *draft = &put->draft;
    return draft->entry_count > 0 ? &draft->entries[draft->entry_count - 1] : NULL;
}

enum fkv_status put_check_filled(const struct store_put *put, struct fkv_error *error)
{
    const struct entry *last = last_entry(put);
    if (last != NULL && put->body_filled < last->body_size)
        return status_set(error, FKV_FAILED_PRECONDITION,
                          "the last message's body has %zu of its %llu bytes, expected all",
                          put->body_filled, (unsigned long long)last->body_size);
    return FKV_OK;
}

static enum fkv_status check_message(const struct store_put *put,
                                     const struct store_message *message, struct fkv_error *error)
{
    if (put->draft.entry_count == 0 && put->base == NULL && message->kind != STORE_SCHEMA)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the first message is of kind %d, expected a schema", message->kind);
    char most[text_figure_size];
    if (message->header.size > UINT32_MAX)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "a message header has %zu bytes, expected at most %s",
                          message->header.size, text_size(most, UINT32_MAX));
    if (message->app_metadata.size > draft_app_size_most)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "app_metadata has %zu bytes, expected at most %s",
                          message->app_metadata.size, text_size(most, draft_app_size_most));
    assert(message->kind <= draft_kind_most);
    return FKV_OK;
}

/* Shares the schema's header with other tables; not where app_metadata has to follow it. */
static enum fkv_status share_schema(struct store_put *put, const struct store_message *message,
                                    const uint8_t **ret, struct fkv_error *error)
{
    *ret = NULL;
    if (put->draft.entry_count > 0 || put->base != NULL || message->app_metadata.size > 0)
        return FKV_OK;
    if (put->schema != NULL) { /* a failed attempt to append was repeated */
        schemas_unref(&put->store->schemas, put->schema);
        put->schema = NULL;
    }
    enum fkv_status status =
        schemas_ref(&put->store->schemas, message->header, &put->schema, error);
    if (status == FKV_OK)
        *ret = put->schema->bytes;
    return status;
}

/* The schema's app_metadata, which few clients send, counts as a message of its own. */
void put_begin_digest(struct store_put *put, uint64_t index, size_t body_bytes)
{
    struct store_message message = draft_message(&put->draft.entries[index]);
    put_end_digest(put);
    put->is_digesting = true;
    if (index == 0 && put->base == NULL) {
        digest_schema(&put->digest, message.header);
        if (!message.has_app_metadata && body_bytes == 0)
            return;
        message.header = slice_of(NULL, 0);
        digest_end(&put->digest);
    }
    digest_begin(&put->digest, &message, body_bytes);
}

void put_end_digest(struct store_put *put)
{
    if (put->is_digesting)
        digest_end(&put->digest);
    put->is_digesting = false;
}

static void count_message(struct store_table *totals, const struct store_message *message,
                          size_t body_bytes)
{
    totals->body_bytes += body_bytes;
    if (message->kind != STORE_BATCH)
        return;
    totals->batches++;
    /* A batch without columns may claim any number of rows. */
    uint64_t rows = message->rows > 0 ? (uint64_t)message->rows : 0;
    totals->rows = rows > INT64_MAX - totals->rows ? INT64_MAX : totals->rows + rows;
}

enum fkv_status store_put_message(struct store_put *put, const struct store_message *message,
                                  size_t body_bytes, uint8_t **ret_body, struct fkv_error *error)
{
    const uint8_t *shared = NULL;
    enum fkv_status status = put_check_filled(put, error);
    if (status == FKV_OK)
        status = check_message(put, message, error);
    if (status == FKV_OK)
        status = share_schema(put, message, &shared, error);
    if (status == FKV_OK)
        status = draft_append(&put->draft, message, shared, body_bytes, ret_body, error);
    if (status != FKV_OK)
        return status;
    put->body_filled = 0;
    put_begin_digest(put, put->draft.entry_count - 1, body_bytes);
    count_message(&put->totals, message, body_bytes);
    return FKV_OK;
}

enum fkv_status store_put_room(struct store_put *put, size_t bytes, struct fkv_error *error)
{
    const struct entry *last = last_entry(put);
    uint64_t size = last != NULL ? last->body_size : 0;
    if (bytes > size)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the body has %zu bytes or more, expected %llu as announced", bytes,
                          (unsigned long long)size);
    return draft_room(&put->draft, bytes, error);
}

void store_put_filled(struct store_put *put, size_t from, size_t to)
{
    const struct entry *last = last_entry(put);
    assert(last != NULL && from == put->body_filled && from <= to && to <= last->body_size);
    digest_body(&put->digest, slice_of(last->body + from, to - from));
    put->body_filled = to;
}

struct slice store_put_body(const struct store_put *put)
{
    const struct entry *last = last_entry(put);
    return slice_of(last != NULL ? last->body : NULL, put->body_filled);
}

uint64_t store_put_count(const struct store_put *put)
{
    return put->draft.entry_count;
}

struct store_message store_put_at(const struct store_put *put, uint64_t index)
{
    return draft_message(&put->draft.entries[index]);
}

void store_put_undo(struct store_put *put)
{
    const struct entry *last = last_entry(put);
    assert(last != NULL && last->kind != STORE_SCHEMA && last->kind != STORE_BATCH);
    put->totals.body_bytes -= last->body_size;
    put->is_digesting = false;
    draft_undo(&put->draft);
    last = last_entry(put);
    put->body_filled = last != NULL ? last->body_size : 0;
}

/* ---- commit ---- */

static enum fkv_status make_table(struct store_put *put, struct table **ret,
                                  struct fkv_error *error)
{
    enum fkv_status status = put_check_filled(put, error);
    if (status != FKV_OK)
        return status;
    if (put->draft.entry_count == 0)
        return status_set(error, FKV_FAILED_PRECONDITION,
                          "the put has no message, expected a schema at least");
    draft_close(&put->draft);
    put_end_digest(put);
    digest_text(&put->digest, put->totals.etag);
    status = table_new(put, ret, error);
    if (status == FKV_OK)
        table_own(*ret, put);
    return status;
}

enum fkv_status store_put_commit(struct store_put *put, struct store_table **ret,
                                 struct fkv_error *error)
{
    struct store *store = put->store;
    struct table *table = NULL;
    assert(put->base == NULL); /* else: store_put_append */
    enum fkv_status status = make_table(put, &table, error);
    if (status != FKV_OK) {
        store_put_abort(put);
        return status;
    }
    put_free(put);
    arena_note_table(store->heap.arena, table->public.memory_bytes, clock_now_ns(store->clock));
    if (ret != NULL) {
        block_ref(&table->public.block);
        *ret = &table->public;
    }
    store_publish(store, table);
    return FKV_OK;
}
