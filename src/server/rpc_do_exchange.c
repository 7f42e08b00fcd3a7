/* SPDX-License-Identifier: Apache-2.0 */
/* DoExchange: what the client writes is appended to the key's table as by DoPut, and when it has
 * ended its side, the part that it asked for is read back as by DoGet, of the very version that the
 * append made. A client that wrote no schema only reads.
 *
 * Nothing goes back before the commit, so a client may write all it has without reading. What can
 * be known to be wrong with the part asked for is refused before anything is stored: once the
 * commit is made, the trailing metadata has the table's etag, whatever comes then. */
#include "base/status.h"
#include "ipc/cutter.h"
#include "server/call_options.h"
#include "server/replay.h"
#include "server/upload.h"

struct exchange {
    struct upload upload;
    struct get_options options;
    struct replay *replay; /* once the client has ended its side */
    bool is_checked;       /* the columns asked for are in the schema */
};

static void exchange_free(void *context, struct host_call *call)
{
    struct exchange *exchange = context;
    replay_free(exchange->replay);
    upload_done(&exchange->upload);
    alloc_free(host_call_alloc(call), exchange);
}

/* The table's schema means the same, or the append is refused anyway. */
static enum fkv_status check_columns(struct exchange *exchange, struct slice schema,
                                     struct fkv_error *error)
{
    const struct cache *cache = exchange->upload.cache;
    struct ipc_cutter *cutter = NULL;
    exchange->is_checked = true;
    if (exchange->options.columns.data == NULL)
        return FKV_OK;
    enum fkv_status status = ipc_cutter_new(store_charging_alloc(cache->store), &cache->ipc_limits,
                                            schema, &exchange->options.columns, &cutter, error);
    ipc_cutter_free(cutter);
    return upload_name_key(&exchange->upload, status, error);
}

static enum fkv_status on_body(void *context, struct host_call *call,
                               const struct flight_data_reader *data, uint64_t size,
                               struct fkv_error *error)
{
    (void)call;
    struct exchange *exchange = context;
    enum fkv_status status = upload_on_body(&exchange->upload, data, size, error);
    if (status == FKV_OK && !exchange->is_checked && upload_has_schema(&exchange->upload))
        status = check_columns(exchange, buf_slice(&data->header), error);
    return status;
}

static enum fkv_status on_body_bytes(void *context, struct host_call *call, struct slice bytes,
                                     struct fkv_error *error)
{
    (void)call;
    struct exchange *exchange = context;
    return upload_on_body_bytes(&exchange->upload, bytes, error);
}

static uint8_t *body_target(void *context, size_t *size)
{
    struct exchange *exchange = context;
    return upload_target(&exchange->upload, size);
}

static enum fkv_status on_message_end(void *context, struct host_call *call,
                                      struct fkv_error *error)
{
    struct exchange *exchange = context;
    enum fkv_status status = upload_on_message_end(&exchange->upload, error);
    if (status == FKV_OK && exchange->upload.messages == 1)
        host_call_flush_headers(call);
    return status;
}

/* The table as the upload left it; the reference goes to the caller. */
static enum fkv_status settle(struct exchange *exchange, struct host_call *call,
                              struct store_table **ret, struct fkv_error *error)
{
    struct upload *upload = &exchange->upload;
    if (upload->store == NULL)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the exchange ended before its first message, expected a descriptor");
    if (upload_has_schema(upload)) {
        enum fkv_status status = upload_commit(upload, call, error);
        if (status == FKV_OK)
            *ret = upload_take(upload);
        return status;
    }
    struct store_table *table = store_get(upload->cache->store, buf_slice(&upload->key));
    if (table == NULL)
        return key_not_found(buf_slice(&upload->key), error);
    host_call_trailer(call, "flightkv-etag", slice_text(table->etag));
    *ret = table;
    return FKV_OK;
}

static enum fkv_status on_end(void *context, struct host_call *call, struct fkv_error *error)
{
    struct exchange *exchange = context;
    const struct cache *cache = exchange->upload.cache;
    struct store_table *table = NULL;
    enum fkv_status status = settle(exchange, call, &table, error);
    if (status != FKV_OK)
        return status;
    const struct replay_range all = {1, table->messages};
    status = replay_new(host_call_alloc(call), store_charging_alloc(cache->store),
                        &cache->ipc_limits, table, all, &exchange->options,
                        client_needs_headers(call), &exchange->replay, error);
    if (status == FKV_OK)
        host_call_resume(call);
    return status;
}

static enum wire_pull next(void *context, struct host_call *call, struct wire_out *out,
                           struct fkv_error *error)
{
    struct exchange *exchange = context;
    return exchange->replay != NULL ? replay_next(exchange->replay, call, out, error)
                                    : WIRE_PULL_WAIT;
}

static const struct host_stream exchange_stream = {
    .on_body = on_body,
    .on_body_bytes = on_body_bytes,
    .body_target = body_target,
    .on_message_end = on_message_end,
    .on_end = on_end,
    .next = next,
    .on_closed = exchange_free,
};

void rpc_do_exchange(void *context, struct host_call *call)
{
    const struct alloc *alloc = host_call_alloc(call);
    struct fkv_error error;
    struct call_options options;
    struct exchange *exchange = NULL;
    enum fkv_status status = call_options_read(context, call, OPTIONS_OF_GET, &options, &error);
    if (status == FKV_OK && (exchange = alloc_zero(alloc, sizeof *exchange)) == NULL)
        status = status_no_memory(&error, sizeof *exchange);
    if (exchange != NULL) {
        status = upload_init(&exchange->upload, context, alloc, true, &error);
        exchange->upload.is_exchange = true;
        exchange->options = options.get;
        host_call_stream(call, &exchange_stream, exchange);
    }
    if (status != FKV_OK)
        host_call_fail(call, status, &error);
}
