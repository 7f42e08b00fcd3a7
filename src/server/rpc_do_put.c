/* SPDX-License-Identifier: Apache-2.0 */
/* DoPut: FlightData in, verified message by message, its bodies copied once from the read buffer to
 * the table's own memory; committed when the client has ended its side.
 *
 * PutResults are a cursor over the batches received, never a queue: a client that doesn't read them
 * costs nothing and is never waited for. */
#include "base/status.h"
#include "ipc/verify.h"
#include "server/append.h"
#include "server/cache.h"

struct put {
    struct cache *cache;
    struct ipc_verifier *verifier;
    struct store_put *store;
    struct store_table *table; /* once committed */
    struct buf key;
    struct ipc_message message; /* the current one; kind 0 when it has no header */
    uint8_t *body;
    uint64_t messages;
    uint64_t next_ack; /* index of the next message that may want a PutResult */
    uint64_t first;    /* once committed: index in the table of the put's first message */
    bool is_append;
    struct append append;
};

static void put_free(void *context, struct host_call *call)
{
    struct put *put = context;
    store_put_abort(put->store);
    if (put->table != NULL)
        store_table_unref(put->table);
    append_done(&put->append);
    ipc_verifier_free(put->verifier);
    buf_done(&put->key);
    alloc_free(host_call_alloc(call), put);
}

/* Names the key in an error; for what goes wrong once it is known. */
static enum fkv_status name_key(const struct put *put, enum fkv_status status,
                                struct fkv_error *error)
{
    char shown[key_shown_size];
    if (status == FKV_OK || put->store == NULL)
        return status;
    return status_prefix(error, status, "put of key '%s'", key_shown(shown, buf_slice(&put->key)));
}

/* A CMD's descriptor can be made again from the key; a PATH's segments can't. */
static enum fkv_status begin_table(struct put *put, struct host_call *call,
                                   const struct flight_data_reader *data, struct fkv_error *error)
{
    if (!data->has_descriptor)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the first message of a put has no flight descriptor");
    struct flight_memory memory;
    flight_memory_init(&memory, host_call_alloc(call), SIZE_MAX);
    struct flight_descriptor descriptor;
    enum fkv_status status =
        flight_descriptor_decode(&memory, buf_slice(&data->descriptor), &descriptor, error);
    if (status == FKV_OK)
        status = key_from_descriptor(&descriptor, &put->key, error);
    bool is_path = status == FKV_OK && descriptor.type == FLIGHT_DESCRIPTOR_PATH;
    if (status == FKV_OK)
        status = store_put_begin(put->cache->store, buf_slice(&put->key),
                                 is_path ? buf_slice(&data->descriptor) : slice_of(NULL, 0),
                                 &put->store, error);
    flight_memory_done(&memory);
    return status;
}

static enum fkv_status put_metadata(struct put *put, const struct flight_data_reader *data,
                                    struct fkv_error *error)
{
    const struct store_message message = {.kind = STORE_METADATA,
                                          .app_metadata = buf_slice(&data->app_metadata),
                                          .has_app_metadata = true};
    return store_put_message(put->store, &message, 0, &put->body, error);
}

/* Where there is a table, *ret_done: of the schema message, only app_metadata is left to put. */
static enum fkv_status begin_append(struct put *put, const struct flight_data_reader *data,
                                    bool *ret_done, struct fkv_error *error)
{
    enum fkv_status status = append_begin(&put->append, put->cache->store, buf_slice(&put->key),
                                          put->store, ipc_verifier_schema(put->verifier), error);
    *ret_done = store_put_base(put->store) != NULL;
    if (status != FKV_OK || !*ret_done || !data->has_app_metadata)
        return status;
    return put_metadata(put, data, error);
}

/* A message without data_header: only app_metadata, or only the descriptor. */
static enum fkv_status take_bare_message(struct put *put, const struct flight_data_reader *data,
                                         uint64_t size, struct fkv_error *error)
{
    if (size > 0)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "a message has %llu bytes of data_body but no data_header",
                          (unsigned long long)size);
    if (!data->has_app_metadata)
        return FKV_OK;
    if (ipc_verifier_schema(put->verifier) == NULL)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "app_metadata came before the schema, expected the schema first");
    return put_metadata(put, data, error);
}

static enum fkv_status take_header(struct put *put, const struct flight_data_reader *data,
                                   uint64_t size, struct fkv_error *error)
{
    struct slice header = buf_slice(&data->header);
    enum fkv_status status = ipc_verifier_header(put->verifier, header, &put->message, error);
    if (status != FKV_OK)
        return status;
    if ((uint64_t)put->message.body_length != size)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "data_body has %llu bytes, but the message's bodyLength is %lld",
                          (unsigned long long)size, (long long)put->message.body_length);
    bool is_appended = false;
    if (put->is_append)
        status = put->message.kind == IPC_KIND_SCHEMA
                     ? begin_append(put, data, &is_appended, error)
                     : append_header(&put->append, &put->message, &header, error);
    if (status != FKV_OK || is_appended)
        return status;
    const struct store_message message = {
        .kind = (uint8_t)put->message.kind,
        .rows = put->message.kind == IPC_KIND_BATCH ? put->message.rows : 0,
        .header = header,
        .app_metadata = buf_slice(&data->app_metadata),
        .has_app_metadata = data->has_app_metadata};
    return store_put_message(put->store, &message, (size_t)size, &put->body, error);
}

static enum fkv_status on_body(void *context, struct host_call *call,
                               const struct flight_data_reader *data, uint64_t size,
                               struct fkv_error *error)
{
    struct put *put = context;
    enum fkv_status status = FKV_OK;
    put->message = (struct ipc_message){0};
    if (put->messages++ == 0)
        status = begin_table(put, call, data, error);
    if (status == FKV_OK)
        status = data->has_header ? take_header(put, data, size, error)
                                  : take_bare_message(put, data, size, error);
    return name_key(put, status, error);
}

/* Digested piece by piece, while the bytes are in the cache. */
static enum fkv_status on_body_bytes(void *context, struct host_call *call, struct slice bytes,
                                     struct fkv_error *error)
{
    (void)call;
    struct put *put = context;
    size_t from = store_put_body(put->store).size, to = from + bytes.size;
    enum fkv_status status = store_put_room(put->store, to, error);
    if (status != FKV_OK)
        return name_key(put, status, error);
    memcpy(put->body + from, bytes.data, bytes.size);
    store_put_filled(put->store, from, to);
    return FKV_OK;
}

/* A message that is taken back leaves its index to the next one. */
static enum fkv_status settle_append(struct put *put, struct fkv_error *error)
{
    enum fkv_status status = append_settle(&put->append, put->store, &put->message, error);
    if (put->next_ack > store_put_count(put->store))
        put->next_ack = store_put_count(put->store);
    return status;
}

static enum fkv_status on_message_end(void *context, struct host_call *call,
                                      struct fkv_error *error)
{
    struct put *put = context;
    enum fkv_status status = FKV_OK;
    if (put->message.kind != 0)
        status = ipc_verifier_body(put->verifier, &put->message, store_put_body(put->store), error);
    if (status == FKV_OK && put->is_append && put->message.kind != 0)
        status = settle_append(put, error);
    if (status == FKV_OK && put->messages == 1)
        host_call_flush_headers(call);
    host_call_resume(call);
    return name_key(put, status, error);
}

static enum fkv_status on_end(void *context, struct host_call *call, struct fkv_error *error)
{
    struct put *put = context;
    if (put->store == NULL)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the put ended before its first message, expected a descriptor and a "
                          "schema");
    enum fkv_status status = ipc_verifier_end(put->verifier, error);
    if (status != FKV_OK)
        return name_key(put, status, error);
    uint64_t count = store_put_count(put->store);
    status = put->is_append ? append_commit(&put->append, put->store, &put->table, error)
                            : store_put_commit(put->store, &put->table, error);
    status = name_key(put, status, error);
    put->store = NULL; /* gone also when the commit failed */
    if (status != FKV_OK)
        return status;
    put->first = put->table->messages - count;
    host_call_trailer(call, "flightkv-etag", slice_text(put->table->etag));
    host_call_resume(call);
    return FKV_OK;
}

/* The messages so far, before and after the commit. */
static uint64_t message_count(const struct put *put)
{
    if (put->table != NULL)
        return put->table->messages - put->first;
    return put->store != NULL ? store_put_count(put->store) : 0;
}

static struct store_message message_at(const struct put *put, uint64_t index)
{
    return put->table != NULL ? store_table_message(put->table, put->first + index)
                              : store_put_at(put->store, index);
}

static enum fkv_status write_ack(const struct host_call *call, struct slice app_metadata,
                                 struct wire_out *out, struct fkv_error *error)
{
    struct buf encoded;
    buf_init(&encoded, host_call_alloc(call), SIZE_MAX);
    enum fkv_status status = flight_bytes_encode(app_metadata, &encoded, error);
    wire_out_begin(out);
    wire_out_copy(out, buf_slice(&encoded));
    wire_out_end(out);
    buf_done(&encoded);
    return status;
}

static enum wire_pull next_ack(void *context, struct host_call *call, struct wire_out *out,
                               struct fkv_error *error)
{
    (void)call;
    (void)error;
    struct put *put = context;
    while (put->next_ack < message_count(put)) {
        struct store_message message = message_at(put, put->next_ack++);
        if (message.kind != STORE_BATCH || !message.has_app_metadata)
            continue;
        enum fkv_status status = write_ack(call, message.app_metadata, out, error);
        return status == FKV_OK ? WIRE_PULL_MESSAGE : WIRE_PULL_FAIL;
    }
    return put->table != NULL ? WIRE_PULL_END : WIRE_PULL_WAIT;
}

static const struct host_stream put_stream = {
    .on_body = on_body,
    .on_body_bytes = on_body_bytes,
    .on_message_end = on_message_end,
    .on_end = on_end,
    .next = next_ack,
    .on_closed = put_free,
};

#define MODE "flightkv-mode"

static const char *const options[] = {MODE, NULL};

static enum fkv_status read_mode(const struct host_call *call, bool *ret_is_append,
                                 struct fkv_error *error)
{
    struct slice mode = host_call_metadata(call, MODE);
    char shown[key_shown_size];
    *ret_is_append = slice_is(mode, "append");
    if (mode.data == NULL || *ret_is_append || slice_is(mode, "replace"))
        return FKV_OK;
    return status_set(error, FKV_INVALID_ARGUMENT, "%s is '%s', expected 'replace' or 'append'",
                      MODE, key_shown(shown, mode));
}

void rpc_do_put(void *context, struct host_call *call)
{
    struct cache *cache = context;
    const struct alloc *alloc = host_call_alloc(call);
    struct fkv_error error;
    bool is_append = false;
    enum fkv_status status = check_call_options(call, options, &error);
    if (status == FKV_OK)
        status = read_mode(call, &is_append, &error);
    struct put *put = NULL;
    if (status == FKV_OK && (put = alloc_zero(alloc, sizeof *put)) == NULL)
        status = status_no_memory(&error, sizeof *put);
    if (status != FKV_OK) {
        host_call_fail(call, status, &error);
        return;
    }
    put->cache = cache;
    put->is_append = is_append;
    append_init(&put->append, alloc, &cache->ipc_limits);
    buf_init(&put->key, alloc, store_key_bytes_max);
    put->verifier = ipc_verifier_new(alloc, &cache->ipc_limits);
    host_call_stream(call, &put_stream, put);
    if (put->verifier == NULL) {
        status = status_no_memory(&error, sizeof(void *));
        host_call_fail(call, status, &error);
    }
}
