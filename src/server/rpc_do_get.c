/* SPDX-License-Identifier: Apache-2.0 */
/* DoGet: replays what a put verified (replay.h). Bodies are sent from where they are stored, and
 * the table stays alive until the socket has taken the last of them. */
#include "base/status.h"
#include "server/replay.h"

static void get_closed(void *context, struct host_call *call)
{
    (void)call;
    replay_free(context);
}

static enum wire_pull next_message(void *context, struct host_call *call, struct wire_out *out,
                                   struct fkv_error *error)
{
    return replay_next(context, call, out, error);
}

static const struct host_stream get_stream = {.next = next_message, .on_closed = get_closed};

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
    struct cache *cache = context;
    struct store_table *table = NULL;
    struct get_options options;
    struct replay *replay = NULL;
    struct fkv_error error;
    char etag[store_etag_size + 1];
    enum fkv_status status = get_options_read(call, &options, &error);
    if (status == FKV_OK)
        status = find_table(cache, ticket, &table, &error);
    if (status == FKV_OK) {
        memcpy(etag, table->etag, sizeof etag);
        status = replay_new(host_call_alloc(call), store_charging_alloc(cache->store),
                            &cache->ipc_limits, table, &options, client_needs_headers(call),
                            &replay, &error);
    }
    if (status != FKV_OK) {
        host_call_fail(call, status, &error);
        return;
    }
    host_call_header(call, "flightkv-etag", slice_text(etag));
    host_call_stream(call, &get_stream, replay);
}
