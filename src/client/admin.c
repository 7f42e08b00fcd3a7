/* SPDX-License-Identifier: Apache-2.0 */
/* Calls about tables, without their data. */
#include <stdlib.h>

#include "base/status.h"
#include "client/client.h"
#include "exchange/convert.h"
#include "ipc/reader.h"

/* ---- list and info ---- */

enum { info_memory_max = 256 << 20 };

/* The key that an info's descriptor names; PATH segments are joined by "/". */
static enum fkv_status info_key(const struct flight_info *info, struct buf *ret,
                                struct fkv_error *error)
{
    const struct flight_descriptor *descriptor = &info->descriptor;
    if (descriptor->type == FLIGHT_DESCRIPTOR_CMD)
        buf_append(ret, descriptor->cmd.data, descriptor->cmd.size);
    for (size_t i = 0; descriptor->type == FLIGHT_DESCRIPTOR_PATH && i < descriptor->path_count;
         i++) {
        if (i > 0)
            buf_byte(ret, '/');
        buf_append(ret, descriptor->path[i].data, descriptor->path[i].size);
    }
    return ret->failed ? status_no_memory(error, ret->size) : FKV_OK;
}

/* Fills `ret`; its key and app_metadata point into `bytes`, the key to its beginning. */
static enum fkv_status table_info(const struct alloc *alloc, struct slice message,
                                  struct buf *bytes, struct fkv_table_info *ret,
                                  struct fkv_error *error)
{
    struct flight_memory memory;
    flight_memory_init(&memory, alloc, info_memory_max);
    struct flight_info info;
    struct fkv_table_info filled = {0};
    enum fkv_status status = flight_info_decode(&memory, message, &info, error);
    if (status == FKV_OK)
        status = info_key(&info, bytes, error);
    filled.key_size = bytes->size;
    if (status == FKV_OK && !buf_append(bytes, info.app_metadata.data, info.app_metadata.size))
        status = status_no_memory(error, info.app_metadata.size);
    if (status == FKV_OK)
        status = exchange_schema_from(alloc, info.schema, &filled.schema, error);
    if (status == FKV_OK) {
        filled.key = bytes->data;
        filled.app_metadata = bytes->size > filled.key_size ? bytes->data + filled.key_size : NULL;
        filled.app_metadata_size = bytes->size - filled.key_size;
        filled.rows = info.total_records;
        filled.bytes = info.total_bytes;
        *ret = filled;
    }
    flight_memory_done(&memory);
    return status;
}

struct listing {
    const struct alloc *alloc;
    bool (*on_table)(void *context, struct fkv_table_info *info);
    void *context;
};

static enum fkv_status on_listed(void *context, struct slice message, bool *ret_more,
                                 struct fkv_error *error)
{
    const struct listing *listing = context;
    struct buf bytes;
    buf_init(&bytes, listing->alloc, SIZE_MAX);
    struct fkv_table_info info;
    enum fkv_status status = table_info(listing->alloc, message, &bytes, &info, error);
    if (status == FKV_OK) {
        *ret_more = listing->on_table(listing->context, &info);
        if (info.schema.release != NULL)
            info.schema.release(&info.schema);
    }
    buf_done(&bytes);
    return status;
}

enum fkv_status fkv_list(struct fkv_client *client, const char *pattern,
                         bool (*on_table)(void *context, struct fkv_table_info *info),
                         void *context, struct fkv_error *error)
{
    struct listing listing = {client->alloc, on_table, context};
    struct buf criteria;
    buf_init(&criteria, client->alloc, SIZE_MAX);
    enum fkv_status status =
        flight_bytes_encode(slice_text(pattern != NULL ? pattern : ""), &criteria, error);
    if (status == FKV_OK)
        status = client_ask(client, CLIENT_PATH("ListFlights"), buf_slice(&criteria), on_listed,
                            &listing, error);
    buf_done(&criteria);
    return status;
}

struct informing {
    const struct alloc *alloc;
    struct buf bytes; /* the info's key and app_metadata */
    struct fkv_table_info info;
    bool is_there;
};

static enum fkv_status on_info(void *context, struct slice message, bool *ret_more,
                               struct fkv_error *error)
{
    (void)ret_more;
    struct informing *informing = context;
    if (informing->is_there)
        return status_set(error, FKV_INTERNAL, "the server sent two infos, expected one");
    enum fkv_status status =
        table_info(informing->alloc, message, &informing->bytes, &informing->info, error);
    informing->is_there = status == FKV_OK;
    return status;
}

/* The bytes go over to the caller with the key, who frees them by fkv_table_info_done. */
enum fkv_status fkv_info(struct fkv_client *client, const void *key, size_t key_size,
                         struct fkv_table_info *ret, struct fkv_error *error)
{
    struct informing informing = {.alloc = alloc_system()};
    struct buf descriptor;
    buf_init(&descriptor, client->alloc, SIZE_MAX);
    buf_init(&informing.bytes, alloc_system(), SIZE_MAX);
    enum fkv_status status = client_encode_key(key, key_size, false, &descriptor, error);
    if (status == FKV_OK)
        status = client_ask(client, CLIENT_PATH("GetFlightInfo"), buf_slice(&descriptor), on_info,
                            &informing, error);
    if (status == FKV_OK && !informing.is_there)
        status = status_set(error, FKV_INTERNAL, "the server's answer has no info");
    buf_done(&descriptor);
    if (status == FKV_OK) {
        *ret = informing.info;
        return FKV_OK;
    }
    if (informing.is_there)
        informing.info.schema.release(&informing.info.schema);
    buf_done(&informing.bytes);
    return status;
}

void fkv_table_info_done(struct fkv_table_info *info)
{
    if (info->schema.release != NULL)
        info->schema.release(&info->schema);
    alloc_free(alloc_system(), (void *)(uintptr_t)info->key);
    info->key = info->app_metadata = NULL;
}

/* ---- actions ---- */

struct acting {
    const struct alloc *alloc;
    bool (*on_result)(void *context, const void *body, size_t size);
    void *context;
};

static enum fkv_status on_action_result(void *context, struct slice message, bool *ret_more,
                                        struct fkv_error *error)
{
    const struct acting *acting = context;
    struct flight_memory memory;
    flight_memory_init(&memory, acting->alloc, info_memory_max);
    struct slice body;
    enum fkv_status status = flight_bytes_decode(&memory, message, &body, error);
    if (status == FKV_OK && acting->on_result != NULL)
        *ret_more = acting->on_result(acting->context, body.data, body.size);
    flight_memory_done(&memory);
    return status;
}

enum fkv_status fkv_action(struct fkv_client *client, const char *type, const void *body,
                           size_t body_size,
                           bool (*on_result)(void *context, const void *body, size_t size),
                           void *context, struct fkv_error *error)
{
    struct acting acting = {client->alloc, on_result, context};
    const struct flight_action action = {slice_text(type), slice_of(body, body_size)};
    struct buf request;
    buf_init(&request, client->alloc, SIZE_MAX);
    enum fkv_status status = flight_action_encode(&action, &request, error);
    if (status == FKV_OK)
        status = client_ask(client, CLIENT_PATH("DoAction"), buf_slice(&request), on_action_result,
                            &acting, error);
    buf_done(&request);
    return status;
}

enum fkv_status fkv_delete(struct fkv_client *client, const void *key, size_t key_size,
                           struct fkv_error *error)
{
    return fkv_action(client, "drop_dataset", key, key_size, NULL, NULL, error);
}
