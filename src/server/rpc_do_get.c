/* SPDX-License-Identifier: Apache-2.0 */
/* DoGet: replays what a put verified. Nothing is decoded; bodies are sent from where they are
 * stored, and the table stays alive until the socket has taken the last of them. */
#include "base/status.h"
#include "server/cache.h"
#include "server/dictionaries.h"
#include "server/tickets.h"

/* Sent are the schema, the dictionaries in force before a part, and messages [next, end). */
struct get {
    struct store_table *table;
    bool is_begun;           /* the schema is sent */
    struct buf dictionaries; /* of struct table_dictionary */
    size_t next_dictionary;
    uint64_t next;
    uint64_t end;
    bool skips_bare; /* messages that carry only app_metadata */
};

static void get_free(void *context, struct host_call *call)
{
    struct get *get = context;
    store_table_unref(get->table);
    buf_done(&get->dictionaries);
    alloc_free(host_call_alloc(call), get);
}

/* The index of the next message; false when there is none left. */
static bool next_index(struct get *get, uint64_t *ret)
{
    if (!get->is_begun) {
        get->is_begun = true;
        *ret = 0;
        return true;
    }
    if (get->next_dictionary < dictionaries_count(&get->dictionaries)) {
        *ret = dictionaries_at(&get->dictionaries, get->next_dictionary++)->index;
        return true;
    }
    *ret = get->next;
    get->next += get->next < get->end;
    return *ret < get->end;
}

static enum wire_pull next_message(void *context, struct host_call *call, struct wire_out *out,
                                   struct fkv_error *error)
{
    (void)call;
    (void)error;
    struct get *get = context;
    struct store_message message = {0};
    uint64_t index;
    do {
        if (!next_index(get, &index))
            return WIRE_PULL_END;
        message = store_table_message(get->table, index);
    } while (message.kind == STORE_METADATA && get->skips_bare);
    const struct flight_data_head head = {.header = message.header,
                                          .app_metadata = message.app_metadata,
                                          .has_app_metadata = message.has_app_metadata,
                                          .body_bytes = message.body.size};
    flight_data_write_head(out, &head);
    if (message.body.size > 0)
        wire_out_ref(out, message.body, &get->table->block);
    wire_out_end(out);
    return WIRE_PULL_MESSAGE;
}

static const struct host_stream get_stream = {.next = next_message, .on_closed = get_free};

static enum fkv_status find_table(struct cache *cache, struct slice key, struct store_table **ret,
                                  struct fkv_error *error)
{
    enum fkv_status status = store_key_check(key, error);
    if (status != FKV_OK)
        return status_prefix(error, status, "ticket");
    *ret = store_get(cache->store, key);
    return *ret != NULL ? FKV_OK : key_not_found(key, error);
}

static enum fkv_status begin_part(struct get *get, struct cache *cache, struct slice ticket,
                                  const struct alloc *alloc, struct fkv_error *error)
{
    struct ticket_part part;
    struct ipc_schema *schema = NULL;
    enum fkv_status status = ticket_decode(ticket, &part, error);
    if (status == FKV_OK)
        status = find_table(cache, part.key, &get->table, error);
    if (status == FKV_OK)
        status = ticket_check(&part, get->table, error);
    if (status != FKV_OK)
        return status;
    get->next = part.first;
    get->end = part.end;
    if (store_table_last_dictionary(get->table, part.first) == 0)
        return FKV_OK;
    status = ipc_schema_decode(alloc, get->table->schema, &cache->ipc_limits, &schema, error);
    if (status == FKV_OK)
        status = dictionaries_in_force(get->table, schema, part.first, false, alloc,
                                       &cache->ipc_limits, &get->dictionaries, error);
    ipc_schema_free(schema);
    return status;
}

static enum fkv_status begin(struct get *get, struct cache *cache, struct slice ticket,
                             const struct alloc *alloc, struct fkv_error *error)
{
    if (ticket_is_part(ticket))
        return begin_part(get, cache, ticket, alloc, error);
    enum fkv_status status = find_table(cache, ticket, &get->table, error);
    if (status != FKV_OK)
        return status;
    get->next = 1;
    get->end = get->table->messages;
    return FKV_OK;
}

void rpc_do_get(void *context, struct host_call *call, struct slice ticket)
{
    const struct alloc *alloc = host_call_alloc(call);
    struct cache *cache = context;
    struct fkv_error error;
    enum fkv_status status = check_call_options(call, NULL, &error);
    struct get *get = NULL;
    if (status == FKV_OK && (get = alloc_zero(alloc, sizeof *get)) == NULL)
        status = status_no_memory(&error, sizeof *get);
    if (status != FKV_OK) {
        host_call_fail(call, status, &error);
        return;
    }
    get->skips_bare = client_needs_headers(call);
    buf_init(&get->dictionaries, store_charging_alloc(cache->store), SIZE_MAX);
    status = begin(get, cache, ticket, alloc, &error);
    if (status == FKV_OK)
        host_call_header(call, "flightkv-etag", slice_text(get->table->etag));
    host_call_stream(call, &get_stream, get);
    if (status != FKV_OK)
        host_call_fail(call, status, &error);
}
