/* SPDX-License-Identifier: Apache-2.0 */
/* DoGet: replays what a put verified. Nothing is decoded; bodies are sent from where they are
 * stored, and the table stays alive until the socket has taken the last of them. */
#include "base/status.h"
#include "server/cache.h"

struct get {
    struct store_table *table;
    uint64_t next;
    bool skips_bare; /* messages that carry only app_metadata */
};

static void get_free(void *context, struct host_call *call)
{
    struct get *get = context;
    store_table_unref(get->table);
    alloc_free(host_call_alloc(call), get);
}

static enum wire_pull next_message(void *context, struct host_call *call, struct wire_out *out,
                                   struct fkv_error *error)
{
    (void)call;
    (void)error;
    struct get *get = context;
    struct store_message message = {0};
    do {
        if (get->next == get->table->messages)
            return WIRE_PULL_END;
        message = store_table_message(get->table, get->next++);
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

static enum fkv_status find_table(struct cache *cache, struct slice ticket,
                                  struct store_table **ret, struct fkv_error *error)
{
    if (ticket.size > 0 && ticket.data[0] == 0)
        return status_set(error, FKV_INVALID_ARGUMENT, "the ticket is not one of this server");
    enum fkv_status status = store_key_check(ticket, error);
    if (status != FKV_OK)
        return status_prefix(error, status, "ticket");
    *ret = store_get(cache->store, ticket);
    return *ret != NULL ? FKV_OK : key_not_found(ticket, error);
}

void rpc_do_get(void *context, struct host_call *call, struct slice ticket)
{
    struct store_table *table = NULL;
    struct fkv_error error;
    enum fkv_status status = check_call_options(call, NULL, &error);
    if (status == FKV_OK)
        status = find_table(context, ticket, &table, &error);
    struct get *get = NULL;
    if (status == FKV_OK && (get = alloc_zero(host_call_alloc(call), sizeof *get)) == NULL) {
        store_table_unref(table);
        status = status_no_memory(&error, sizeof *get);
    }
    if (status != FKV_OK) {
        host_call_fail(call, status, &error);
        return;
    }
    *get = (struct get){.table = table, .skips_bare = client_needs_headers(call)};
    host_call_header(call, "flightkv-etag", slice_text(table->etag));
    host_call_stream(call, &get_stream, get);
}
