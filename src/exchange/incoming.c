/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/incoming.h"

#include "base/block.h"
#include "base/status.h"

void exchange_incoming_init(struct exchange_incoming *incoming, const struct alloc *alloc,
                            const struct exchange_memory *memory, unsigned reader_flags)
{
    *incoming =
        (struct exchange_incoming){.alloc = alloc, .memory = *memory, .reader_flags = reader_flags};
}

void exchange_incoming_done(struct exchange_incoming *incoming)
{
    block_unref(incoming->body);
    ipc_reader_free(incoming->reader);
    incoming->body = NULL;
    incoming->reader = NULL;
}

enum fkv_status exchange_incoming_body(struct exchange_incoming *incoming, uint64_t size,
                                       struct fkv_error *error)
{
    incoming->filled = 0;
    if (size == 0)
        return FKV_OK;
    return incoming->memory.get(incoming->memory.context, (size_t)size, &incoming->body, error);
}

enum fkv_status exchange_incoming_bytes(struct exchange_incoming *incoming, struct slice bytes,
                                        struct fkv_error *error)
{
    const struct exchange_memory *memory = &incoming->memory;
    enum fkv_status status = FKV_OK;
    if (memory->fill != NULL)
        status =
            memory->fill(memory->context, incoming->body, incoming->filled + bytes.size, error);
    if (status != FKV_OK)
        return status;
    memcpy(incoming->body->data + incoming->filled, bytes.data, bytes.size);
    incoming->filled += bytes.size;
    return FKV_OK;
}

static enum fkv_status read_message(struct exchange_incoming *incoming, struct slice header,
                                    bool *ret_is_batch, struct ArrowArray *ret_array,
                                    struct fkv_error *error)
{
    const struct ipc_limits limits = IPC_LIMITS_DEFAULT;
    if (incoming->reader == NULL)
        incoming->reader = ipc_reader_new(incoming->alloc, &limits, incoming->reader_flags);
    if (incoming->reader == NULL)
        return status_no_memory(error, sizeof(void *));
    return ipc_reader_message(incoming->reader, header, incoming->body, ret_is_batch, ret_array,
                              error);
}

static enum fkv_status take_message(struct exchange_incoming *incoming,
                                    const struct flight_data_reader *data, enum exchange_kind *ret,
                                    struct ArrowArray *ret_array, struct fkv_error *error)
{
    if (!data->has_header && incoming->body != NULL)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "a message has %zu bytes of data_body but no data_header",
                          incoming->filled);
    if (!data->has_header) {
        *ret = data->has_app_metadata ? EXCHANGE_METADATA : EXCHANGE_NOTHING;
        return FKV_OK;
    }
    bool is_batch = false;
    enum fkv_status status =
        read_message(incoming, buf_slice(&data->header), &is_batch, ret_array, error);
    if (status != FKV_OK)
        return status;
    *ret = is_batch ? EXCHANGE_BATCH : incoming->has_schema ? EXCHANGE_NOTHING : EXCHANGE_SCHEMA;
    incoming->has_schema = true;
    return FKV_OK;
}

enum fkv_status exchange_incoming_message(struct exchange_incoming *incoming,
                                          const struct flight_data_reader *data,
                                          enum exchange_kind *ret, struct ArrowArray *ret_array,
                                          struct fkv_error *error)
{
    enum fkv_status status = take_message(incoming, data, ret, ret_array, error);
    block_unref(incoming->body);
    incoming->body = NULL;
    return status;
}

enum fkv_status exchange_incoming_schema(const struct exchange_incoming *incoming,
                                         struct ArrowSchema *ret, struct fkv_error *error)
{
    return ipc_reader_schema(incoming->reader, ret, error);
}

enum fkv_status exchange_incoming_end(struct exchange_incoming *incoming, struct fkv_error *error)
{
    return incoming->has_schema ? ipc_reader_end(incoming->reader, error) : FKV_OK;
}
