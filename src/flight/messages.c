/* SPDX-License-Identifier: Apache-2.0 */
#include "flight/messages.h"

#include <limits.h>

#include "base/status.h"
#include "base/text.h"
#include "flight.pb-c.h"

/* ---- memory ---- */

struct flight_chunk {
    struct flight_chunk *next;
    size_t size;
    size_t used;
    max_align_t data[];
};

enum { chunk_size_least = 4096, memory_alignment = 16 };

void flight_memory_init(struct flight_memory *memory, const struct alloc *alloc, size_t limit_bytes)
{
    *memory = (struct flight_memory){.alloc = alloc, .limit_bytes = limit_bytes};
}

void flight_memory_done(struct flight_memory *memory)
{
    while (memory->chunks != NULL) {
        struct flight_chunk *chunk = memory->chunks;
        memory->chunks = chunk->next;
        alloc_free(memory->alloc, chunk);
    }
    memory->used_bytes = 0;
}

static struct flight_chunk *chunk_with(struct flight_memory *memory, size_t size)
{
    struct flight_chunk *chunk = memory->chunks;
    if (chunk != NULL && chunk->size - chunk->used >= size)
        return chunk;
    size_t chunk_size = size > chunk_size_least ? size : chunk_size_least;
    chunk = alloc_get(memory->alloc, sizeof *chunk + chunk_size);
    if (chunk == NULL)
        return NULL;
    *chunk = (struct flight_chunk){.next = memory->chunks, .size = chunk_size};
    memory->chunks = chunk;
    return chunk;
}

void *flight_memory_get(struct flight_memory *memory, size_t size)
{
    size_t rounded = (size + memory_alignment - 1) / memory_alignment * memory_alignment;
    struct flight_chunk *chunk = NULL;
    if (size <= memory->limit_bytes - memory->used_bytes)
        chunk = chunk_with(memory, rounded);
    if (chunk == NULL) {
        memory->failed = true;
        return NULL;
    }
    memory->used_bytes += size;
    void *pointer = (char *)chunk->data + chunk->used;
    chunk->used += rounded;
    return pointer;
}

static void *pb_alloc(void *context, size_t size)
{
    return flight_memory_get(context, size);
}

/* Everything goes at once with the memory. */
static void pb_free(void *context, void *pointer)
{
    (void)context;
    (void)pointer;
}

/* ---- the generated code's way in and out ---- */

static enum fkv_status unpack(struct flight_memory *memory, const ProtobufCMessageDescriptor *type,
                              struct slice bytes, void *ret_message, struct fkv_error *error)
{
    ProtobufCAllocator allocator = {pb_alloc, pb_free, memory};
    static const uint8_t nothing[1];
    const uint8_t *data = bytes.size == 0 ? nothing : bytes.data;
    void *message = protobuf_c_message_unpack(type, &allocator, bytes.size, data);
    if (message == NULL && memory->failed)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "a Flight %s message of %zu bytes has too many parts", type->short_name,
                          bytes.size);
    if (message == NULL)
        return status_set(error, FKV_INVALID_ARGUMENT, "%zu bytes are not a Flight %s message",
                          bytes.size, type->short_name);
    memcpy(ret_message, &message, sizeof message);
    return FKV_OK;
}

struct buf_sink {
    ProtobufCBuffer base; /* first: protobuf-c hands it back */
    struct buf *buf;
};

static void sink_append(ProtobufCBuffer *base, size_t size, const uint8_t *data)
{
    buf_append(((struct buf_sink *)base)->buf, data, size);
}

static enum fkv_status pack(const ProtobufCMessage *message, struct buf *buf,
                            struct fkv_error *error)
{
    struct buf_sink sink = {{sink_append}, buf};
    protobuf_c_message_pack_to_buffer(message, &sink.base);
    if (buf->failed)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "a Flight %s message does not fit into %zu bytes",
                          message->descriptor->short_name, buf->limit_bytes);
    return FKV_OK;
}

static struct slice from_pb(ProtobufCBinaryData data)
{
    return slice_of(data.data, data.len);
}

static ProtobufCBinaryData to_pb(struct slice bytes)
{
    return (ProtobufCBinaryData){bytes.size, (uint8_t *)(uintptr_t)bytes.data};
}

static enum fkv_status check_utf8(struct slice text, const char *what, struct fkv_error *error)
{
    if (!text_is_utf8(text))
        return status_set(error, FKV_INVALID_ARGUMENT, "%s is not UTF-8", what);
    return FKV_OK;
}

/* ---- descriptors ---- */

static enum fkv_status descriptor_from(struct flight_memory *memory, const Pb__Descriptor *pb,
                                       struct flight_descriptor *ret, struct fkv_error *error)
{
    if (pb->type < FLIGHT_DESCRIPTOR_UNKNOWN || pb->type > FLIGHT_DESCRIPTOR_CMD)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "descriptor type %d is none of PATH (1) and CMD (2)", (int)pb->type);
    struct slice *path = flight_memory_get(memory, pb->n_path * sizeof *path);
    if (path == NULL)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "a descriptor of %zu path segments is too large", pb->n_path);
    for (size_t i = 0; i < pb->n_path; i++)
        path[i] = from_pb(pb->path[i]);
    *ret = (struct flight_descriptor){.type = (enum flight_descriptor_type)pb->type,
                                      .cmd = from_pb(pb->cmd),
                                      .path = path,
                                      .path_count = pb->n_path};
    return FKV_OK;
}

enum fkv_status flight_descriptor_decode(struct flight_memory *memory, struct slice bytes,
                                         struct flight_descriptor *ret, struct fkv_error *error)
{
    Pb__Descriptor *pb;
    enum fkv_status status = unpack(memory, &pb__descriptor__descriptor, bytes, &pb, error);
    if (status != FKV_OK)
        return status;
    return descriptor_from(memory, pb, ret, error);
}

static bool descriptor_to(struct flight_memory *memory, const struct flight_descriptor *descriptor,
                          Pb__Descriptor *ret)
{
    pb__descriptor__init(ret);
    ret->type = descriptor->type;
    ret->cmd = to_pb(descriptor->cmd);
    ret->n_path = descriptor->path_count;
    ret->path = flight_memory_get(memory, descriptor->path_count * sizeof *ret->path);
    if (ret->path == NULL)
        return false;
    for (size_t i = 0; i < descriptor->path_count; i++)
        ret->path[i] = to_pb(descriptor->path[i]);
    return true;
}

enum fkv_status flight_descriptor_encode(const struct flight_descriptor *descriptor,
                                         struct buf *buf, struct fkv_error *error)
{
    struct flight_memory memory;
    flight_memory_init(&memory, buf->alloc, SIZE_MAX);
    Pb__Descriptor pb;
    enum fkv_status status = descriptor_to(&memory, descriptor, &pb)
                                 ? pack(&pb.base, buf, error)
                                 : status_no_memory(error, memory.used_bytes);
    flight_memory_done(&memory);
    return status;
}

/* ---- infos ---- */

static enum fkv_status endpoint_from(struct flight_memory *memory, const Pb__Endpoint *pb,
                                     struct flight_endpoint *ret, struct fkv_error *error)
{
    struct slice *locations = flight_memory_get(memory, pb->n_location * sizeof *locations);
    if (locations == NULL)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "an endpoint of %zu locations is too large", pb->n_location);
    for (size_t i = 0; i < pb->n_location; i++) {
        locations[i] = from_pb(pb->location[i]->uri);
        enum fkv_status status = check_utf8(locations[i], "a location's URI", error);
        if (status != FKV_OK)
            return status;
    }
    *ret = (struct flight_endpoint){.locations = locations,
                                    .location_count = pb->n_location,
                                    .app_metadata = from_pb(pb->app_metadata)};
    if (pb->ticket != NULL)
        ret->ticket = from_pb(pb->ticket->ticket);
    if (pb->expiration_time != NULL) {
        ret->has_expiration = true;
        ret->expiration_s = pb->expiration_time->seconds;
        ret->expiration_ns = pb->expiration_time->nanos;
    }
    return FKV_OK;
}

enum fkv_status flight_info_decode(struct flight_memory *memory, struct slice bytes,
                                   struct flight_info *ret, struct fkv_error *error)
{
    Pb__Info *pb;
    enum fkv_status status = unpack(memory, &pb__info__descriptor, bytes, &pb, error);
    if (status != FKV_OK)
        return status;
    struct flight_info info = {.schema = from_pb(pb->schema),
                               .endpoint_count = pb->n_endpoint,
                               .total_records = pb->total_records,
                               .total_bytes = pb->total_bytes,
                               .ordered = pb->ordered,
                               .app_metadata = from_pb(pb->app_metadata)};
    struct flight_endpoint *endpoints =
        flight_memory_get(memory, pb->n_endpoint * sizeof *endpoints);
    if (endpoints == NULL)
        return status_set(error, FKV_RESOURCE_EXHAUSTED, "an info of %zu endpoints is too large",
                          pb->n_endpoint);
    for (size_t i = 0; i < pb->n_endpoint && status == FKV_OK; i++)
        status = endpoint_from(memory, pb->endpoint[i], &endpoints[i], error);
    if (status == FKV_OK && pb->flight_descriptor != NULL)
        status = descriptor_from(memory, pb->flight_descriptor, &info.descriptor, error);
    if (status != FKV_OK)
        return status;
    info.endpoints = endpoints;
    *ret = info;
    return FKV_OK;
}

/* An endpoint and what hangs on it, so that one piece of memory holds them. */
struct endpoint_parts {
    Pb__Endpoint endpoint;
    Pb__Ticket ticket;
    Pb__Timestamp expiration;
};

static Pb__Endpoint *endpoint_to(struct flight_memory *memory,
                                 const struct flight_endpoint *endpoint)
{
    struct endpoint_parts *parts = flight_memory_get(memory, sizeof *parts);
    Pb__Location *locations =
        flight_memory_get(memory, endpoint->location_count * sizeof *locations);
    Pb__Location **list = flight_memory_get(memory, endpoint->location_count * sizeof *list);
    if (parts == NULL || locations == NULL || list == NULL)
        return NULL;
    pb__endpoint__init(&parts->endpoint);
    pb__ticket__init(&parts->ticket);
    pb__timestamp__init(&parts->expiration);
    parts->ticket.ticket = to_pb(endpoint->ticket);
    parts->endpoint.ticket = &parts->ticket;
    parts->endpoint.app_metadata = to_pb(endpoint->app_metadata);
    if (endpoint->has_expiration) {
        parts->expiration.seconds = endpoint->expiration_s;
        parts->expiration.nanos = endpoint->expiration_ns;
        parts->endpoint.expiration_time = &parts->expiration;
    }
    for (size_t i = 0; i < endpoint->location_count; i++) {
        pb__location__init(&locations[i]);
        locations[i].uri = to_pb(endpoint->locations[i]);
        list[i] = &locations[i];
    }
    parts->endpoint.location = list;
    parts->endpoint.n_location = endpoint->location_count;
    return &parts->endpoint;
}

static bool info_to(struct flight_memory *memory, const struct flight_info *info, Pb__Info *ret)
{
    pb__info__init(ret);
    ret->schema = to_pb(info->schema);
    ret->total_records = info->total_records;
    ret->total_bytes = info->total_bytes;
    ret->ordered = info->ordered;
    ret->app_metadata = to_pb(info->app_metadata);
    ret->flight_descriptor = flight_memory_get(memory, sizeof *ret->flight_descriptor);
    ret->endpoint = flight_memory_get(memory, info->endpoint_count * sizeof(Pb__Endpoint *));
    if (ret->flight_descriptor == NULL || ret->endpoint == NULL ||
        !descriptor_to(memory, &info->descriptor, ret->flight_descriptor))
        return false;
    for (size_t i = 0; i < info->endpoint_count; i++) {
        ret->endpoint[i] = endpoint_to(memory, &info->endpoints[i]);
        if (ret->endpoint[i] == NULL)
            return false;
    }
    ret->n_endpoint = info->endpoint_count;
    return true;
}

enum fkv_status flight_info_encode(const struct flight_info *info, struct buf *buf,
                                   struct fkv_error *error)
{
    struct flight_memory memory;
    flight_memory_init(&memory, buf->alloc, SIZE_MAX);
    Pb__Info pb;
    enum fkv_status status = info_to(&memory, info, &pb)
                                 ? pack(&pb.base, buf, error)
                                 : status_no_memory(error, memory.used_bytes);
    flight_memory_done(&memory);
    return status;
}

/* ---- actions ---- */

enum fkv_status flight_action_decode(struct flight_memory *memory, struct slice bytes,
                                     struct flight_action *ret, struct fkv_error *error)
{
    Pb__Action *pb;
    enum fkv_status status = unpack(memory, &pb__action__descriptor, bytes, &pb, error);
    if (status != FKV_OK)
        return status;
    status = check_utf8(from_pb(pb->type), "the action's type", error);
    if (status == FKV_OK)
        *ret = (struct flight_action){from_pb(pb->type), from_pb(pb->body)};
    return status;
}

enum fkv_status flight_action_encode(const struct flight_action *action, struct buf *buf,
                                     struct fkv_error *error)
{
    Pb__Action pb = PB__ACTION__INIT;
    pb.type = to_pb(action->type);
    pb.body = to_pb(action->body);
    return pack(&pb.base, buf, error);
}

enum fkv_status flight_action_type_decode(struct flight_memory *memory, struct slice bytes,
                                          struct flight_action_type *ret, struct fkv_error *error)
{
    Pb__ActionType *pb;
    enum fkv_status status = unpack(memory, &pb__action_type__descriptor, bytes, &pb, error);
    if (status != FKV_OK)
        return status;
    *ret = (struct flight_action_type){from_pb(pb->type), from_pb(pb->description)};
    return FKV_OK;
}

enum fkv_status flight_action_type_encode(const struct flight_action_type *type, struct buf *buf,
                                          struct fkv_error *error)
{
    Pb__ActionType pb = PB__ACTION_TYPE__INIT;
    pb.type = to_pb(type->type);
    pb.description = to_pb(type->description);
    return pack(&pb.base, buf, error);
}

/* ---- one field of bytes ---- */

enum fkv_status flight_bytes_decode(struct flight_memory *memory, struct slice bytes,
                                    struct slice *ret, struct fkv_error *error)
{
    Pb__Ticket *pb;
    enum fkv_status status = unpack(memory, &pb__ticket__descriptor, bytes, &pb, error);
    if (status != FKV_OK)
        return status;
    *ret = from_pb(pb->ticket);
    return FKV_OK;
}

enum fkv_status flight_bytes_encode(struct slice value, struct buf *buf, struct fkv_error *error)
{
    Pb__Ticket pb = PB__TICKET__INIT;
    pb.ticket = to_pb(value);
    return pack(&pb.base, buf, error);
}

/* ---- schemas ---- */

static const uint8_t continuation[4] = {0xff, 0xff, 0xff, 0xff};

enum fkv_status flight_schema_message(struct slice encapsulated, struct slice *ret,
                                      struct fkv_error *error)
{
    struct slice rest = encapsulated;
    if (rest.size >= 4 && memcmp(rest.data, continuation, 4) == 0)
        slice_take(&rest, 4); /* absent before Arrow 0.15 */
    uint32_t length = rest.size >= 4 ? load_le32(rest.data) : 0;
    slice_take(&rest, 4);
    if (length == 0 || length > rest.size)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "%zu bytes are not an encapsulated schema message", encapsulated.size);
    *ret = slice_take(&rest, length);
    return FKV_OK;
}
