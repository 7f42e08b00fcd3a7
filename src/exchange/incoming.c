/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/incoming.h"

#include "base/block.h"
#include "base/status.h"
#include "flight/body_refs.h"

void exchange_incoming_init(struct exchange_incoming *incoming, const struct alloc *alloc,
                            const struct exchange_memory *memory, const struct ipc_limits *limits,
                            unsigned reader_flags)
{
    *incoming = (struct exchange_incoming){
        .alloc = alloc, .memory = *memory, .limits = *limits, .reader_flags = reader_flags};
    buf_init(&incoming->parts, alloc, SIZE_MAX);
}

void exchange_incoming_done(struct exchange_incoming *incoming)
{
    block_unref(incoming->body);
    block_unref(incoming->shared_owner);
    buf_done(&incoming->parts);
    ipc_reader_free(incoming->reader);
    incoming->body = incoming->shared_owner = NULL;
    incoming->reader = NULL;
}

void exchange_incoming_give_reader(struct exchange_incoming *incoming, struct ipc_reader *reader)
{
    ipc_reader_free(incoming->reader);
    incoming->reader = reader;
}

struct ipc_reader *exchange_incoming_take_reader(struct exchange_incoming *incoming)
{
    struct ipc_reader *reader = incoming->reader;
    incoming->reader = NULL;
    return reader;
}

void exchange_incoming_share(struct exchange_incoming *incoming, struct slice bytes,
                             struct block *owner)
{
    block_unref(incoming->shared_owner);
    incoming->shared = bytes;
    incoming->shared_owner = block_ref(owner);
}

/* ---- a body ---- */

static const struct ipc_body_part *parts_of(const struct exchange_incoming *incoming)
{
    return (const void *)incoming->parts.data;
}

static size_t part_count(const struct exchange_incoming *incoming)
{
    return incoming->parts.size / sizeof(struct ipc_body_part);
}

/* What comes goes to its place among the parts: of a block as long as the body, for which the
 * system gives no memory where nothing is written. */
static enum fkv_status begin_parts(struct exchange_incoming *incoming, struct slice refs,
                                   uint64_t size, struct fkv_error *error)
{
    struct slice shared = incoming->shared;
    if (shared.size == 0)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "a body lies in memory that the server hasn't shared");
    enum fkv_status status =
        flight_refs_check(refs, shared.size, size, &incoming->body_size, error);
    for (size_t i = 0; status == FKV_OK && i < flight_refs_count(refs); i++) {
        struct flight_ref ref = flight_refs_at(refs, i);
        const struct ipc_body_part part = {
            ref.body_offset, slice_part(shared, (size_t)ref.arena_offset, (size_t)ref.size)};
        if (!buf_append(&incoming->parts, &part, sizeof part))
            status = status_no_memory(error, sizeof part);
    }
    if (status != FKV_OK || size == 0)
        return status;
    incoming->body = block_new(incoming->alloc, (size_t)incoming->body_size);
    return incoming->body != NULL ? FKV_OK : status_no_memory(error, (size_t)incoming->body_size);
}

enum fkv_status exchange_incoming_body(struct exchange_incoming *incoming, struct slice refs,
                                       uint64_t size, struct fkv_error *error)
{
    incoming->filled = incoming->next_part = 0;
    incoming->body_size = size;
    buf_clear(&incoming->parts);
    if (refs.size > 0)
        return begin_parts(incoming, refs, size, error);
    if (size == 0)
        return FKV_OK;
    return incoming->memory.get(incoming->memory.context, (size_t)size, &incoming->body, error);
}

/* How many bytes may come until the next part, and `filled` behind the one before. */
static size_t room_ahead(struct exchange_incoming *incoming)
{
    for (; incoming->next_part < part_count(incoming); incoming->next_part++) {
        const struct ipc_body_part *next = &parts_of(incoming)[incoming->next_part];
        if (next->offset > incoming->filled)
            return (size_t)next->offset - incoming->filled;
        incoming->filled = (size_t)next->offset + next->bytes.size;
    }
    return incoming->body->size - incoming->filled;
}

static enum fkv_status make_room(struct exchange_incoming *incoming, size_t size,
                                 struct fkv_error *error)
{
    const struct exchange_memory *memory = &incoming->memory;
    if (memory->fill == NULL)
        return FKV_OK;
    return memory->fill(memory->context, incoming->body, incoming->filled + size, error);
}

uint8_t *exchange_incoming_target(struct exchange_incoming *incoming, size_t *size)
{
    if (incoming->body == NULL)
        return NULL;
    size_t room = room_ahead(incoming);
    if (*size > room)
        *size = room;
    if (make_room(incoming, *size, NULL) != FKV_OK)
        return NULL;
    return incoming->body->data + incoming->filled;
}

enum fkv_status exchange_incoming_bytes(struct exchange_incoming *incoming, struct slice bytes,
                                        struct fkv_error *error)
{
    enum fkv_status status = make_room(incoming, bytes.size, error);
    if (status != FKV_OK)
        return status;
    while (bytes.size > 0) {
        size_t room = room_ahead(incoming);
        struct slice piece = slice_take(&bytes, room);
        uint8_t *target = incoming->body->data + incoming->filled;
        if (piece.data != target)
            memcpy(target, piece.data, piece.size);
        incoming->filled += piece.size;
    }
    return FKV_OK;
}

static struct ipc_body whole_body(const struct exchange_incoming *incoming)
{
    struct ipc_body body = ipc_body_of_block(incoming->body);
    body.size = incoming->body_size;
    body.parts = parts_of(incoming);
    body.part_count = part_count(incoming);
    body.parts_owner = incoming->shared_owner;
    return body;
}

/* ---- a message ---- */

static enum fkv_status read_message(struct exchange_incoming *incoming, struct slice header,
                                    bool *ret_is_batch, struct ArrowArray *ret_array,
                                    struct fkv_error *error)
{
    if (incoming->reader == NULL)
        incoming->reader =
            ipc_reader_new(incoming->alloc, &incoming->limits, incoming->reader_flags);
    if (incoming->reader == NULL)
        return status_no_memory(error, sizeof(void *));
    const struct ipc_body body = whole_body(incoming);
    return ipc_reader_parts(incoming->reader, header, &body, ret_is_batch, ret_array, error);
}

static enum fkv_status take_message(struct exchange_incoming *incoming,
                                    const struct flight_data_reader *data, enum exchange_kind *ret,
                                    struct ArrowArray *ret_array, struct fkv_error *error)
{
    if (!data->has_header && incoming->body_size > 0)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "a message has %llu bytes of data_body but no data_header",
                          (unsigned long long)incoming->body_size);
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
