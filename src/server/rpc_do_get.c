/* SPDX-License-Identifier: Apache-2.0 */
/* DoGet: replays what a put verified (replay.h), all of a table or the part that a ticket of
 * GetFlightInfo is for. Bodies are sent from where they are stored, and the table stays alive until
 * the socket has taken the last of them. */
#include "base/status.h"
#include "server/call_options.h"
#include "server/replay.h"
#include "server/same_host.h"
#include "server/tickets.h"

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

static enum fkv_status find_table(struct cache *cache, struct slice key, struct store_table **ret,
                                  struct fkv_error *error)
{
    enum fkv_status status = store_key_check(key, error);
    if (status != FKV_OK)
        return status_prefix(error, status, "ticket");
    *ret = store_get(cache->store, key);
    return *ret != NULL ? FKV_OK : key_not_found(key, error);
}

/* Its rows are those that the ticket was made for: a session's aren't asked for again. */
static enum fkv_status find_part(struct cache *cache, struct slice ticket,
                                 struct call_options *options, struct store_table **ret,
                                 struct replay_range *ret_range, struct fkv_error *error)
{
    struct ticket_part part;
    struct store_table *table = NULL;
    if ((options->own >> OPTION_ROWS & 1) != 0)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "flightkv-rows goes together with a ticket that is a key, not with one "
                          "for a part of a table; say it to GetFlightInfo instead");
    enum fkv_status status = ticket_decode(ticket, &part, error);
    if (status == FKV_OK)
        status = find_table(cache, part.key, &table, error);
    if (status == FKV_OK)
        status = ticket_check(&part, table, error);
    if (status != FKV_OK) {
        store_table_unref(table);
        return status;
    }
    *ret = table;
    *ret_range = (struct replay_range){part.first, part.end};
    options->get.rows_start = part.rows_start;
    options->get.rows_stop = part.rows_stop;
    options->get.has_rows = part.rows_start > 0 || part.rows_stop < UINT64_MAX;
    return FKV_OK;
}

/* What a ticket is for, with a reference on the table. */
static enum fkv_status find(struct cache *cache, struct slice ticket, struct call_options *options,
                            struct store_table **ret, struct replay_range *ret_range,
                            struct fkv_error *error)
{
    if (ticket_is_part(ticket))
        return find_part(cache, ticket, options, ret, ret_range, error);
    enum fkv_status status = find_table(cache, ticket, ret, error);
    if (status == FKV_OK)
        *ret_range = (struct replay_range){1, (*ret)->messages};
    return status;
}

void rpc_do_get(void *context, struct host_call *call, struct slice ticket)
{
    struct cache *cache = context;
    struct store_table *table = NULL;
    struct replay_range range;
    struct call_options options;
    struct replay *replay = NULL;
    struct fkv_error error;
    char etag[store_etag_size + 1];
    enum fkv_status status = call_options_read(cache, call, OPTIONS_OF_DO_GET, &options, &error);
    if (status == FKV_OK)
        status = find(cache, ticket, &options, &table, &range, &error);
    if (status == FKV_OK) {
        memcpy(etag, table->etag, sizeof etag);
        status = replay_new(host_call_alloc(call), store_charging_alloc(cache->store),
                            &cache->ipc_limits, table, range, &options.get,
                            client_needs_headers(call), &replay, &error);
    }
    if (status != FKV_OK) {
        host_call_fail(call, status, &error);
        return;
    }
    host_call_header(call, "flightkv-etag", slice_text(etag));
    same_host_get(cache, call, &options.get, table, replay);
    host_call_stream(call, &get_stream, replay);
}
