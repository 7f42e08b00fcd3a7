/* SPDX-License-Identifier: Apache-2.0 */
#include "server/upload.h"

#include "base/status.h"

/* The next upload's schema is likely the same, and then isn't decoded again. */
static struct ipc_verifier *take_verifier(struct cache *cache)
{
    struct ipc_verifier *verifier = atomic_exchange(&cache->verifier, NULL);
    return verifier != NULL ? verifier : ipc_verifier_new(cache->alloc, &cache->ipc_limits);
}

static void give_verifier(struct upload *upload)
{
    struct ipc_verifier *verifier = upload->verifier;
    if (upload->is_verified && ipc_verifier_restart(verifier))
        verifier = atomic_exchange(&upload->cache->verifier, verifier);
    ipc_verifier_free(verifier);
}

enum fkv_status upload_init(struct upload *upload, struct cache *cache, const struct alloc *alloc,
                            bool is_append, struct fkv_error *error)
{
    *upload = (struct upload){.cache = cache, .alloc = alloc, .is_append = is_append};
    append_init(&upload->append, alloc, &cache->ipc_limits);
    buf_init(&upload->key, alloc, store_key_bytes_max);
    upload->verifier = take_verifier(cache);
    return upload->verifier != NULL ? FKV_OK : status_no_memory(error, sizeof(void *));
}

void upload_done(struct upload *upload)
{
    store_put_abort(upload->store);
    store_table_unref(upload->table);
    append_done(&upload->append);
    give_verifier(upload);
    buf_done(&upload->key);
}

enum fkv_status upload_name_key(const struct upload *upload, enum fkv_status status,
                                struct fkv_error *error)
{
    char shown[key_shown_size];
    if (status == FKV_OK || upload->store == NULL)
        return status;
    return status_prefix(error, status, "%s key '%s'",
                         upload->is_exchange ? "exchange with" : "put of",
                         key_shown(shown, buf_slice(&upload->key)));
}

/* A CMD's descriptor can be made again from the key; a PATH's segments can't. */
static enum fkv_status begin_table(struct upload *upload, const struct flight_data_reader *data,
                                   struct fkv_error *error)
{
    if (!data->has_descriptor)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the first message of %s has no flight descriptor",
                          upload->is_exchange ? "an exchange" : "a put");
    struct flight_memory memory;
    flight_memory_init(&memory, upload->alloc, SIZE_MAX);
    struct flight_descriptor descriptor;
    enum fkv_status status =
        flight_descriptor_decode(&memory, buf_slice(&data->descriptor), &descriptor, error);
    if (status == FKV_OK)
        status = key_from_descriptor(&descriptor, &upload->key, error);
    bool is_path = status == FKV_OK && descriptor.type == FLIGHT_DESCRIPTOR_PATH;
    if (status == FKV_OK)
        status = store_put_begin(upload->cache->store, buf_slice(&upload->key),
                                 is_path ? buf_slice(&data->descriptor) : slice_of(NULL, 0),
                                 &upload->store, error);
    flight_memory_done(&memory);
    return status;
}

static enum fkv_status put_metadata(struct upload *upload, const struct flight_data_reader *data,
                                    struct fkv_error *error)
{
    const struct store_message message = {.kind = STORE_METADATA,
                                          .app_metadata = buf_slice(&data->app_metadata),
                                          .has_app_metadata = true};
    return store_put_message(upload->store, &message, 0, &upload->body, error);
}

/* Where there is a table, *ret_done: of the schema message, only app_metadata is left to put. */
static enum fkv_status begin_append(struct upload *upload, const struct flight_data_reader *data,
                                    bool *ret_done, struct fkv_error *error)
{
    enum fkv_status status =
        append_begin(&upload->append, upload->cache->store, buf_slice(&upload->key), upload->store,
                     ipc_verifier_schema(upload->verifier), error);
    *ret_done = store_put_base(upload->store) != NULL;
    if (status != FKV_OK || !*ret_done || !data->has_app_metadata)
        return status;
    return put_metadata(upload, data, error);
}

/* A message without data_header: only app_metadata, or only the descriptor. */
static enum fkv_status take_bare_message(struct upload *upload,
                                         const struct flight_data_reader *data, uint64_t size,
                                         struct fkv_error *error)
{
    if (size > 0)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "a message has %llu bytes of data_body but no data_header",
                          (unsigned long long)size);
    if (!data->has_app_metadata)
        return FKV_OK;
    if (ipc_verifier_schema(upload->verifier) == NULL)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "app_metadata came before the schema, expected the schema first");
    return put_metadata(upload, data, error);
}

static enum fkv_status take_header(struct upload *upload, const struct flight_data_reader *data,
                                   uint64_t size, struct fkv_error *error)
{
    struct slice header = buf_slice(&data->header);
    enum fkv_status status = ipc_verifier_header(upload->verifier, header, &upload->message, error);
    if (status != FKV_OK)
        return status;
    if ((uint64_t)upload->message.body_length != size)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "data_body has %llu bytes, but the message's bodyLength is %lld",
                          (unsigned long long)size, (long long)upload->message.body_length);
    bool is_appended = false;
    if (upload->is_append)
        status = upload->message.kind == IPC_KIND_SCHEMA
                     ? begin_append(upload, data, &is_appended, error)
                     : append_header(&upload->append, &upload->message, &header, error);
    if (status != FKV_OK || is_appended)
        return status;
    const struct store_message message = {
        .kind = (uint8_t)upload->message.kind,
        .rows = upload->message.kind == IPC_KIND_BATCH ? upload->message.rows : 0,
        .header = header,
        .app_metadata = buf_slice(&data->app_metadata),
        .has_app_metadata = data->has_app_metadata};
    return store_put_message(upload->store, &message, (size_t)size, &upload->body, error);
}

enum fkv_status upload_on_body(struct upload *upload, const struct flight_data_reader *data,
                               uint64_t size, struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    upload->message = (struct ipc_message){0};
    if (upload->messages++ == 0)
        status = begin_table(upload, data, error);
    if (status == FKV_OK)
        status = data->has_header ? take_header(upload, data, size, error)
                                  : take_bare_message(upload, data, size, error);
    return upload_name_key(upload, status, error);
}

/* Without memory for them there is no place; on_body_bytes will say so. */
uint8_t *upload_target(struct upload *upload, size_t *size)
{
    size_t from = store_put_body(upload->store).size;
    if (store_put_room(upload->store, from + *size, NULL) != FKV_OK)
        return NULL;
    return upload->body + from;
}

/* Digested piece by piece, while the bytes are in the cache. */
enum fkv_status upload_on_body_bytes(struct upload *upload, struct slice bytes,
                                     struct fkv_error *error)
{
    size_t from = store_put_body(upload->store).size, to = from + bytes.size;
    enum fkv_status status = store_put_room(upload->store, to, error);
    if (status != FKV_OK)
        return upload_name_key(upload, status, error);
    if (bytes.data != upload->body + from)
        memcpy(upload->body + from, bytes.data, bytes.size);
    store_put_filled(upload->store, from, to);
    return FKV_OK;
}

enum fkv_status upload_on_message_end(struct upload *upload, struct fkv_error *error)
{
    if (upload->message.kind == 0)
        return FKV_OK;
    enum fkv_status status =
        ipc_verifier_body(upload->verifier, &upload->message, store_put_body(upload->store), error);
    if (status == FKV_OK && upload->is_append)
        status = append_settle(&upload->append, upload->store, &upload->message, error);
    return upload_name_key(upload, status, error);
}

enum fkv_status upload_commit(struct upload *upload, struct host_call *call,
                              struct fkv_error *error)
{
    enum fkv_status status = ipc_verifier_end(upload->verifier, error);
    if (status != FKV_OK)
        return upload_name_key(upload, status, error);
    upload->is_verified = true;
    uint64_t count = store_put_count(upload->store);
    status = upload->is_append
                 ? append_commit(&upload->append, upload->store, &upload->table, error)
                 : store_put_commit(upload->store, &upload->table, error);
    status = upload_name_key(upload, status, error);
    upload->store = NULL; /* gone also when the commit failed */
    if (status != FKV_OK)
        return status;
    upload->first = upload->table->messages - count;
    host_call_trailer(call, "flightkv-etag", slice_text(upload->table->etag));
    return FKV_OK;
}

struct store_table *upload_take(struct upload *upload)
{
    struct store_table *table = upload->table;
    upload->table = NULL;
    return table;
}

bool upload_has_schema(const struct upload *upload)
{
    return ipc_verifier_schema(upload->verifier) != NULL;
}

uint64_t upload_count(const struct upload *upload)
{
    if (upload->table != NULL)
        return upload->table->messages - upload->first;
    return upload->store != NULL ? store_put_count(upload->store) : 0;
}

struct store_message upload_at(const struct upload *upload, uint64_t index)
{
    return upload->table != NULL ? store_table_message(upload->table, upload->first + index)
                                 : store_put_at(upload->store, index);
}
