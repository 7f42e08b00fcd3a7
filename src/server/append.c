/* SPDX-License-Identifier: Apache-2.0 */
#include "server/append.h"

#include "base/status.h"

void append_init(struct append *append, const struct alloc *alloc, const struct ipc_limits *limits)
{
    *append = (struct append){.alloc = alloc, .limits = limits};
    buf_init(&append->in_force, alloc, SIZE_MAX);
    buf_init(&append->dropped, alloc, SIZE_MAX);
    buf_init(&append->header, alloc, SIZE_MAX);
}

void append_done(struct append *append)
{
    ipc_schema_free(append->table_schema);
    ipc_id_map_done(&append->ids);
    if (append->alloc == NULL)
        return;
    alloc_free(append->alloc, append->is_dropped);
    alloc_free(append->alloc, append->is_kept);
    buf_done(&append->in_force);
    buf_done(&append->dropped);
    buf_done(&append->header);
}

/* ---- the beginning ---- */

static enum fkv_status decode_schema(const struct append *append, const struct store_table *table,
                                     struct ipc_schema **ret, struct fkv_error *error)
{
    return ipc_schema_decode(append->alloc, table->schema, append->limits, ret, error);
}

static enum fkv_status pair_with(struct append *append, const struct store_table *table,
                                 struct fkv_error *error)
{
    enum fkv_status status = decode_schema(append, table, &append->table_schema, error);
    if (status == FKV_OK)
        status = ipc_schema_match(append->table_schema, append->put_schema, error);
    if (status == FKV_OK)
        status = ipc_id_map_init(&append->ids, append->alloc, append->table_schema,
                                 append->put_schema, error);
    if (status != FKV_OK)
        return status;
    append->is_dropped = alloc_array(append->alloc, append->ids.count, sizeof(bool));
    append->is_kept = alloc_array(append->alloc, append->ids.count, sizeof(bool));
    if (append->is_dropped == NULL || append->is_kept == NULL)
        return status_no_memory(error, append->ids.count);
    return FKV_OK;
}

enum fkv_status append_begin(struct append *append, struct store *store, struct slice key,
                             struct store_put *put, const struct ipc_schema *put_schema,
                             struct fkv_error *error)
{
    append->put_schema = put_schema;
    struct store_table *table = store_peek(store, key);
    if (table == NULL)
        return FKV_OK;
    enum fkv_status status = pair_with(append, table, error);
    if (status == FKV_OK)
        store_put_extend(put, table);
    store_table_unref(table);
    return status;
}

/* ---- dictionaries as they come ---- */

enum fkv_status append_header(struct append *append, const struct ipc_message *message,
                              struct slice *ret, struct fkv_error *error)
{
    *ret = message->header;
    if (append->table_schema == NULL || message->kind != IPC_KIND_DICTIONARY)
        return FKV_OK;
    const struct ipc_id_pair *pair = ipc_id_map_find(&append->ids, message->dictionary_id);
    if (pair->put_id == pair->table_id)
        return FKV_OK;
    buf_clear(&append->header);
    enum fkv_status status =
        ipc_message_rename(append->alloc, message, pair->table_id, &append->header, error);
    *ret = buf_slice(&append->header);
    return status;
}

/* The only message that makes the dictionary of this id; NULL when there is none or several do. One
 * that wasn't found within the bound counts as none: it is stored again, and found from then on. */
static const struct table_dictionary *alone_in_force(const struct buf *in_force, int64_t id)
{
    const struct table_dictionary *found = NULL;
    for (size_t i = 0; i < dictionaries_count(in_force); i++) {
        const struct table_dictionary *one = dictionaries_at(in_force, i);
        if (one->id == id && (found != NULL || one->is_delta))
            return NULL;
        if (one->id == id)
            found = one;
    }
    return found;
}

static enum fkv_status find_in_force(struct append *append, const struct store_table *base,
                                     struct fkv_error *error)
{
    if (append->has_in_force)
        return FKV_OK;
    append->has_in_force = true;
    return dictionaries_in_force(base, append->table_schema, append->alloc, append->limits,
                                 &append->in_force, error);
}

static bool inner_are_dropped(const struct append *append, const struct ipc_field *field)
{
    for (uint32_t i = 1; i < field->subtree; i++) {
        if (!field[i].is_dictionary)
            continue;
        const struct ipc_id_pair *pair = ipc_id_map_find(&append->ids, field[i].dictionary.id);
        if (!append->is_dropped[pair - append->ids.pairs])
            return false;
    }
    return true;
}

static enum fkv_status same_as_stored(const struct append *append,
                                      const struct ipc_message *message, struct slice body,
                                      struct store_message stored, bool *ret,
                                      struct fkv_error *error)
{
    struct ipc_message other;
    enum fkv_status status = ipc_message_decode(stored.header, append->limits, &other, error);
    if (status == FKV_OK)
        *ret = ipc_message_same_values(message, body, &other, stored.body);
    return status;
}

/* Whether the put's last message gives nothing new to the reader of the base. */
static enum fkv_status is_in_force(struct append *append, const struct store_put *put,
                                   const struct ipc_message *message,
                                   const struct ipc_id_pair *pair,
                                   const struct table_dictionary **ret, struct fkv_error *error)
{
    const struct store_table *base = store_put_base(put);
    struct store_message last = store_put_at(put, store_put_count(put) - 1);
    enum fkv_status status = find_in_force(append, base, error);
    *ret = NULL;
    if (status != FKV_OK || message->is_delta || last.has_app_metadata ||
        append->is_kept[pair - append->ids.pairs] || !inner_are_dropped(append, pair->field))
        return status;
    const struct table_dictionary *found = alone_in_force(&append->in_force, pair->table_id);
    if (found == NULL)
        return FKV_OK;
    bool is_same = false;
    status = same_as_stored(append, message, last.body, store_table_message(base, found->index),
                            &is_same, error);
    *ret = is_same ? found : NULL;
    return status;
}

enum fkv_status append_settle(struct append *append, struct store_put *put,
                              const struct ipc_message *message, struct fkv_error *error)
{
    if (append->table_schema == NULL || message->kind != IPC_KIND_DICTIONARY)
        return FKV_OK;
    const struct ipc_id_pair *pair = ipc_id_map_find(&append->ids, message->dictionary_id);
    size_t at = (size_t)(pair - append->ids.pairs);
    const struct table_dictionary *found;
    enum fkv_status status = is_in_force(append, put, message, pair, &found, error);
    if (status != FKV_OK)
        return status;
    if (found == NULL) {
        append->is_kept[at] = true;
        return FKV_OK;
    }
    bool is_first = !append->is_dropped[at];
    append->is_dropped[at] = true;
    store_put_undo(put);
    if (is_first && !buf_append(&append->dropped, found, sizeof *found))
        return status_no_memory(error, sizeof *found);
    return FKV_OK;
}

/* ---- another version at the commit ---- */

/* The message of `current` with the same values as what was dropped; *ret NULL: none is in force.
 */
static enum fkv_status find_again(const struct append *append, const struct store_table *base,
                                  const struct table_dictionary *dropped,
                                  const struct store_table *current, const struct buf *in_force,
                                  int64_t id, const struct table_dictionary **ret,
                                  struct fkv_error *error)
{
    struct store_message old = store_table_message(base, dropped->index);
    const struct table_dictionary *now = alone_in_force(in_force, id);
    struct ipc_message message;
    bool is_same = false;
    enum fkv_status status = ipc_message_decode(old.header, append->limits, &message, error);
    if (status == FKV_OK && now != NULL)
        status = same_as_stored(append, &message, old.body,
                                store_table_message(current, now->index), &is_same, error);
    *ret = is_same ? now : NULL;
    return status;
}

/* Whether what was dropped is in force in `current` as well; then it is noted as its messages. */
static enum fkv_status find_dropped(struct append *append, const struct store_table *base,
                                    const struct store_table *current,
                                    const struct ipc_schema *schema, const struct ipc_id_map *ids,
                                    bool *ret_all, struct fkv_error *error)
{
    struct buf in_force, found;
    buf_init(&in_force, append->alloc, SIZE_MAX);
    buf_init(&found, append->alloc, SIZE_MAX);
    size_t count = dictionaries_count(&append->dropped);
    const struct table_dictionary *now = NULL;
    enum fkv_status status = FKV_OK;
    if (count > 0)
        status =
            dictionaries_in_force(current, schema, append->alloc, append->limits, &in_force, error);
    *ret_all = true;
    for (size_t i = 0; i < count && status == FKV_OK && *ret_all; i++) {
        const struct table_dictionary *dropped = dictionaries_at(&append->dropped, i);
        int64_t id = ipc_id_map_find(ids, dropped->id)->table_id;
        status = find_again(append, base, dropped, current, &in_force, id, &now, error);
        *ret_all = now != NULL;
        if (now != NULL && !buf_append(&found, now, sizeof *now))
            status = status_no_memory(error, sizeof *now);
    }
    if (status == FKV_OK && *ret_all && count > 0)
        memcpy(append->dropped.data, found.data, found.size);
    buf_done(&in_force);
    buf_done(&found);
    return status;
}

/* Copies what was dropped back to the front, in its order. */
static enum fkv_status restore_dropped(struct append *append, struct store_put *put,
                                       struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    for (size_t i = dictionaries_count(&append->dropped); i > 0 && status == FKV_OK; i--) {
        uint64_t index = dictionaries_at(&append->dropped, i - 1)->index;
        struct store_message message = store_table_message(store_put_base(put), index);
        message.has_app_metadata = false;
        message.app_metadata = slice_of(NULL, 0);
        status = store_put_insert(put, 0, &message, error);
    }
    buf_clear(&append->dropped);
    return status;
}

static enum fkv_status rename_one(struct append *append, struct store_put *put, uint64_t index,
                                  const struct ipc_id_map *ids, struct fkv_error *error)
{
    struct ipc_message message;
    enum fkv_status status =
        ipc_message_decode(store_put_at(put, index).header, append->limits, &message, error);
    if (status != FKV_OK)
        return status;
    const struct ipc_id_pair *pair = ipc_id_map_find(ids, message.dictionary_id);
    if (pair->put_id == pair->table_id)
        return FKV_OK;
    buf_clear(&append->header);
    status = ipc_message_rename(append->alloc, &message, pair->table_id, &append->header, error);
    if (status == FKV_OK)
        status = store_put_set_header(put, index, buf_slice(&append->header), error);
    return status;
}

/* The schema came first when there was no table; its app_metadata stays. That lies in memory of the
 * put's that may move while it is inserted. */
static enum fkv_status drop_schema(struct append *append, struct store_put *put,
                                   struct fkv_error *error)
{
    struct store_message schema = store_put_at(put, 0), rest = {.kind = STORE_METADATA};
    enum fkv_status status = FKV_OK;
    buf_clear(&append->header);
    if (!buf_append(&append->header, schema.app_metadata.data, schema.app_metadata.size))
        return status_no_memory(error, schema.app_metadata.size);
    rest.app_metadata = buf_slice(&append->header);
    rest.has_app_metadata = schema.has_app_metadata;
    if (schema.has_app_metadata)
        status = store_put_insert(put, 1, &rest, error);
    if (status == FKV_OK)
        store_put_drop_first(put);
    return status;
}

/* What the put appended to is gone: its schema and dictionaries make a table of the put. */
static enum fkv_status become_whole(struct append *append, struct store_put *put,
                                    struct fkv_error *error)
{
    const struct store_message schema = {.kind = STORE_SCHEMA,
                                         .header = store_put_base(put)->schema};
    enum fkv_status status = restore_dropped(append, put, error);
    return status == FKV_OK ? store_put_insert(put, 0, &schema, error) : status;
}

/* From the ids of `old` to those of `now`, the schema of `current`. */
static enum fkv_status move_to(struct append *append, struct store_put *put,
                               struct store_table *current, const struct ipc_schema *old,
                               const struct ipc_schema *now, struct fkv_error *error)
{
    struct ipc_id_map ids;
    bool has_all = true;
    enum fkv_status status = ipc_id_map_init(&ids, append->alloc, now, old, error);
    if (status == FKV_OK && store_put_base(put) == NULL)
        status = drop_schema(append, put, error);
    else if (status == FKV_OK)
        status = find_dropped(append, store_put_base(put), current, now, &ids, &has_all, error);
    if (status == FKV_OK && !has_all)
        status = restore_dropped(append, put, error);
    for (uint64_t i = 0; i < store_put_count(put) && status == FKV_OK; i++)
        if (store_put_at(put, i).kind == STORE_DICTIONARY)
            status = rename_one(append, put, i, &ids, error);
    ipc_id_map_done(&ids);
    return status;
}

static enum fkv_status rebase(void *context, struct store_put *put, struct store_table *current,
                              struct fkv_error *error)
{
    struct append *append = context;
    struct ipc_schema *schema = NULL;
    if (current == NULL)
        return become_whole(append, put, error);
    enum fkv_status status = decode_schema(append, current, &schema, error);
    if (status == FKV_OK)
        status = ipc_schema_match(schema, append->put_schema, error);
    if (status == FKV_OK)
        status = move_to(append, put, current,
                         append->table_schema != NULL ? append->table_schema : append->put_schema,
                         schema, error);
    if (status != FKV_OK) {
        ipc_schema_free(schema);
        return status;
    }
    ipc_schema_free(append->table_schema);
    append->table_schema = schema;
    return FKV_OK;
}

enum fkv_status append_commit(struct append *append, struct store_put *put,
                              struct store_table **ret, struct fkv_error *error)
{
    return store_put_append(put, rebase, append, ret, error);
}
