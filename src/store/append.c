/* SPDX-License-Identifier: Apache-2.0 */
/* Puts that append. All is done as if the base, taken when the put began, were still there at its
 * end; the commit looks, and where another version has come, has the caller set the messages right
 * for it, and digests them again. */
#include <assert.h>

#include "base/clock.h"
#include "base/status.h"
#include "store/internal.h"

/* ---- the base ---- */

/* Takes the reference on `base` (may be NULL) over. */
static void set_base(struct store_put *put, struct table *base)
{
    if (put->base != NULL)
        store_table_unref(&put->base->public);
    put->base = base;
    put->is_digesting = false;
    if (base != NULL)
        digest_resume(&put->digest, base->public.etag);
}

void store_put_extend(struct store_put *put, struct store_table *base)
{
    assert(put->draft.entry_count == 0);
    block_ref(&base->block);
    set_base(put, table_of(base));
}

struct store_table *store_put_base(const struct store_put *put)
{
    return put->base != NULL ? &put->base->public : NULL;
}

static void digest_again(struct store_put *put)
{
    for (size_t i = 0; i < put->draft.entry_count; i++) {
        struct slice body = draft_message(&put->draft.entries[i]).body;
        put_begin_digest(put, i, body.size);
        digest_body(&put->digest, body);
    }
}

/* ---- setting messages right ---- */

static enum fkv_status fill_body(struct store_put *put, uint8_t *to, struct slice body,
                                 struct fkv_error *error)
{
    enum fkv_status status = draft_room(&put->draft, body.size, error);
    if (status == FKV_OK && body.size > 0)
        memcpy(to, body.data, body.size);
    return status;
}

enum fkv_status store_put_insert(struct store_put *put, uint64_t index,
                                 const struct store_message *message, struct fkv_error *error)
{
    uint8_t *body = NULL;
    assert(message->kind != STORE_BATCH);
    enum fkv_status status =
        draft_append(&put->draft, message, NULL, message->body.size, &body, error);
    if (status == FKV_OK)
        status = fill_body(put, body, message->body, error);
    if (status != FKV_OK)
        return status;
    put->totals.body_bytes += message->body.size;
    draft_move_last(&put->draft, index);
    return FKV_OK;
}

void store_put_drop_first(struct store_put *put)
{
    const struct entry *first = &put->draft.entries[0];
    assert(first->kind != STORE_BATCH);
    put->totals.body_bytes -= first->body_size;
    draft_drop_first(&put->draft);
}

enum fkv_status store_put_set_header(struct store_put *put, uint64_t index, struct slice header,
                                     struct fkv_error *error)
{
    return draft_set_header(&put->draft, index, header, error);
}

/* ---- commit ---- */

static enum fkv_status follow(struct store_put *put, store_rebase *rebase, void *context,
                              struct fkv_error *error)
{
    struct store_table *current = store_peek(put->store, put->key);
    if (current == store_put_base(put)) {
        store_table_unref(current);
        return FKV_OK;
    }
    enum fkv_status status = rebase(context, put, current, error);
    if (status != FKV_OK) {
        store_table_unref(current);
        return status;
    }
    set_base(put, current != NULL ? table_of(current) : NULL);
    digest_again(put);
    return FKV_OK;
}

/* Makes the table, and puts it under the key if the base is still there. */
static enum fkv_status try_publish(struct store_put *put, struct store_table **ret, bool *ret_done,
                                   struct fkv_error *error)
{
    struct store *store = put->store;
    struct table *table = NULL;
    draft_close(&put->draft);
    put_end_digest(put);
    digest_text(&put->digest, put->totals.etag);
    enum fkv_status status = table_new(put, &table, error);
    if (status != FKV_OK)
        return status;
    block_ref(&table->public.block);
    *ret_done = store_publish_behind(store, table, put->base);
    if (!*ret_done) {
        store_table_unref(&table->public);
        store_table_unref(&table->public);
        return FKV_OK;
    }
    table_own(table, put);
    arena_note_table(store->heap.arena, table->public.memory_bytes, clock_now_ns(store->clock));
    *ret = &table->public;
    return FKV_OK;
}

/* There is nothing to append. */
static enum fkv_status give_base(struct store_put *put, struct store_table **ret,
                                 struct fkv_error *error)
{
    if (put->base == NULL)
        return status_set(error, FKV_FAILED_PRECONDITION,
                          "the put has no message, expected a schema at least");
    block_ref(&put->base->public.block);
    *ret = &put->base->public;
    return FKV_OK;
}

static enum fkv_status append(struct store_put *put, store_rebase *rebase, void *context,
                              struct store_table **ret, struct fkv_error *error)
{
    bool is_done = false;
    enum fkv_status status = put_check_filled(put, error);
    while (status == FKV_OK && !is_done) {
        status = follow(put, rebase, context, error);
        if (status != FKV_OK)
            break;
        is_done = put->draft.entry_count == 0;
        status = is_done ? give_base(put, ret, error) : try_publish(put, ret, &is_done, error);
    }
    return status;
}

enum fkv_status store_put_append(struct store_put *put, store_rebase *rebase, void *context,
                                 struct store_table **ret, struct fkv_error *error)
{
    struct store_table *table = NULL;
    pthread_mutex_t *lock = store_append_lock(put->store, put->key);
    pthread_mutex_lock(lock);
    enum fkv_status status = append(put, rebase, context, &table, error);
    pthread_mutex_unlock(lock);
    if (status != FKV_OK) {
        store_put_abort(put);
        return status;
    }
    put_free(put);
    if (ret != NULL)
        *ret = table;
    else
        store_table_unref(table);
    return FKV_OK;
}
