/* SPDX-License-Identifier: Apache-2.0 */
#include "flight/messages.h"

#include "base/status.h"
#include "flight/pb.h"

/* ---- descriptors ---- */

enum fkv_status pb_descriptor_from(struct flight_memory *memory, const Pb__Descriptor *pb,
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
        path[i] = pb_slice(pb->path[i]);
    *ret = (struct flight_descriptor){.type = (enum flight_descriptor_type)pb->type,
                                      .cmd = pb_slice(pb->cmd),
                                      .path = path,
                                      .path_count = pb->n_path};
    return FKV_OK;
}

enum fkv_status flight_descriptor_decode(struct flight_memory *memory, struct slice bytes,
                                         struct flight_descriptor *ret, struct fkv_error *error)
{
    Pb__Descriptor *pb;
    enum fkv_status status = pb_unpack(memory, &pb__descriptor__descriptor, bytes, &pb, error);
    if (status != FKV_OK)
        return status;
    return pb_descriptor_from(memory, pb, ret, error);
}

bool pb_descriptor_to(struct flight_memory *memory, const struct flight_descriptor *descriptor,
                      Pb__Descriptor *ret)
{
    pb__descriptor__init(ret);
    ret->type = descriptor->type;
    ret->cmd = pb_bytes(descriptor->cmd);
    ret->n_path = descriptor->path_count;
    ret->path = flight_memory_get(memory, descriptor->path_count * sizeof *ret->path);
    if (ret->path == NULL)
        return false;
    for (size_t i = 0; i < descriptor->path_count; i++)
        ret->path[i] = pb_bytes(descriptor->path[i]);
    return true;
}

enum fkv_status flight_descriptor_encode(const struct flight_descriptor *descriptor,
                                         struct buf *buf, struct fkv_error *error)
{
    struct flight_memory memory;
    flight_memory_init(&memory, buf->alloc, SIZE_MAX);
    Pb__Descriptor pb;
    enum fkv_status status = pb_descriptor_to(&memory, descriptor, &pb)
                                 ? pb_pack(&pb.base, buf, error)
                                 : status_no_memory(error, memory.used_bytes);
    flight_memory_done(&memory);
    return status;
}

/* ---- infos ---- */

enum fkv_status pb_endpoint_from(struct flight_memory *memory, const Pb__Endpoint *pb,
                                 struct flight_endpoint *ret, struct fkv_error *error)
{
    struct slice *locations = flight_memory_get(memory, pb->n_location * sizeof *locations);
    if (locations == NULL)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "an endpoint of %zu locations is too large", pb->n_location);
    for (size_t i = 0; i < pb->n_location; i++) {
        locations[i] = pb_slice(pb->location[i]->uri);
        enum fkv_status status = pb_check_utf8(locations[i], "a location's URI", error);
        if (status != FKV_OK)
            return status;
    }
    *ret = (struct flight_endpoint){.locations = locations,
                                    .location_count = pb->n_location,
                                    .app_metadata = pb_slice(pb->app_metadata)};
    if (pb->ticket != NULL)
        ret->ticket = pb_slice(pb->ticket->ticket);
    if (pb->expiration_time != NULL) {
        ret->has_expiration = true;
        ret->expiration_s = pb->expiration_time->seconds;
        ret->expiration_ns = pb->expiration_time->nanos;
    }
    return FKV_OK;
}

enum fkv_status pb_info_from(struct flight_memory *memory, const Pb__Info *pb,
                             struct flight_info *ret, struct fkv_error *error)
{
    struct flight_info info = {.schema = pb_slice(pb->schema),
                               .endpoint_count = pb->n_endpoint,
                               .total_records = pb->total_records,
                               .total_bytes = pb->total_bytes,
                               .ordered = pb->ordered,
                               .app_metadata = pb_slice(pb->app_metadata)};
    struct flight_endpoint *endpoints =
        flight_memory_get(memory, pb->n_endpoint * sizeof *endpoints);
    if (endpoints == NULL)
        return status_set(error, FKV_RESOURCE_EXHAUSTED, "an info of %zu endpoints is too large",
                          pb->n_endpoint);
    enum fkv_status status = FKV_OK;
    for (size_t i = 0; i < pb->n_endpoint && status == FKV_OK; i++)
        status = pb_endpoint_from(memory, pb->endpoint[i], &endpoints[i], error);
    if (status == FKV_OK && pb->flight_descriptor != NULL)
        status = pb_descriptor_from(memory, pb->flight_descriptor, &info.descriptor, error);
    if (status != FKV_OK)
        return status;
    info.endpoints = endpoints;
    *ret = info;
    return FKV_OK;
}

enum fkv_status flight_info_decode(struct flight_memory *memory, struct slice bytes,
                                   struct flight_info *ret, struct fkv_error *error)
{
    Pb__Info *pb;
    enum fkv_status status = pb_unpack(memory, &pb__info__descriptor, bytes, &pb, error);
    return status == FKV_OK ? pb_info_from(memory, pb, ret, error) : status;
}

/* An endpoint and what hangs on it, so that one piece of memory holds them. */
struct endpoint_parts {
    Pb__Endpoint endpoint;
    Pb__Ticket ticket;
    Pb__Timestamp expiration;
};

Pb__Endpoint *pb_endpoint_to(struct flight_memory *memory, const struct flight_endpoint *endpoint)
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
    parts->ticket.ticket = pb_bytes(endpoint->ticket);
    parts->endpoint.ticket = &parts->ticket;
    parts->endpoint.app_metadata = pb_bytes(endpoint->app_metadata);
    if (endpoint->has_expiration) {
        parts->expiration.seconds = endpoint->expiration_s;
        parts->expiration.nanos = endpoint->expiration_ns;
        parts->endpoint.expiration_time = &parts->expiration;
    }
    for (size_t i = 0; i < endpoint->location_count; i++) {
        pb__location__init(&locations[i]);
        locations[i].uri = pb_bytes(endpoint->locations[i]);
        list[i] = &locations[i];
    }
    parts->endpoint.location = list;
    parts->endpoint.n_location = endpoint->location_count;
    return &parts->endpoint;
}

bool pb_info_to(struct flight_memory *memory, const struct flight_info *info, Pb__Info *ret)
{
    pb__info__init(ret);
    ret->schema = pb_bytes(info->schema);
    ret->total_records = info->total_records;
    ret->total_bytes = info->total_bytes;
    ret->ordered = info->ordered;
    ret->app_metadata = pb_bytes(info->app_metadata);
    ret->flight_descriptor = flight_memory_get(memory, sizeof *ret->flight_descriptor);
    ret->endpoint = flight_memory_get(memory, info->endpoint_count * sizeof(Pb__Endpoint *));
    if (ret->flight_descriptor == NULL || ret->endpoint == NULL ||
        !pb_descriptor_to(memory, &info->descriptor, ret->flight_descriptor))
        return false;
    for (size_t i = 0; i < info->endpoint_count; i++) {
        ret->endpoint[i] = pb_endpoint_to(memory, &info->endpoints[i]);
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
    enum fkv_status status = pb_info_to(&memory, info, &pb)
                                 ? pb_pack(&pb.base, buf, error)
                                 : status_no_memory(error, memory.used_bytes);
    flight_memory_done(&memory);
    return status;
}

/* ---- an endpoint by itself ---- */

enum fkv_status flight_endpoint_decode(struct flight_memory *memory, struct slice bytes,
                                       struct flight_endpoint *ret, struct fkv_error *error)
{
    Pb__Endpoint *pb;
    enum fkv_status status = pb_unpack(memory, &pb__endpoint__descriptor, bytes, &pb, error);
    return status == FKV_OK ? pb_endpoint_from(memory, pb, ret, error) : status;
}

enum fkv_status flight_endpoint_encode(const struct flight_endpoint *endpoint, struct buf *buf,
                                       struct fkv_error *error)
{
    struct flight_memory memory;
    flight_memory_init(&memory, buf->alloc, SIZE_MAX);
    Pb__Endpoint *pb = pb_endpoint_to(&memory, endpoint);
    enum fkv_status status =
        pb != NULL ? pb_pack(&pb->base, buf, error) : status_no_memory(error, memory.used_bytes);
    flight_memory_done(&memory);
    return status;
}

/* ---- actions ---- */

enum fkv_status flight_action_decode(struct flight_memory *memory, struct slice bytes,
                                     struct flight_action *ret, struct fkv_error *error)
{
    Pb__Action *pb;
    enum fkv_status status = pb_unpack(memory, &pb__action__descriptor, bytes, &pb, error);
    if (status != FKV_OK)
        return status;
    status = pb_check_utf8(pb_slice(pb->type), "the action's type", error);
    if (status == FKV_OK)
        *ret = (struct flight_action){pb_slice(pb->type), pb_slice(pb->body)};
    return status;
}

enum fkv_status flight_action_encode(const struct flight_action *action, struct buf *buf,
                                     struct fkv_error *error)
{
    Pb__Action pb = PB__ACTION__INIT;
    pb.type = pb_bytes(action->type);
    pb.body = pb_bytes(action->body);
    return pb_pack(&pb.base, buf, error);
}

enum fkv_status flight_action_type_decode(struct flight_memory *memory, struct slice bytes,
                                          struct flight_action_type *ret, struct fkv_error *error)
{
    Pb__ActionType *pb;
    enum fkv_status status = pb_unpack(memory, &pb__action_type__descriptor, bytes, &pb, error);
    if (status != FKV_OK)
        return status;
    *ret = (struct flight_action_type){pb_slice(pb->type), pb_slice(pb->description)};
    return FKV_OK;
}

enum fkv_status flight_action_type_encode(const struct flight_action_type *type, struct buf *buf,
                                          struct fkv_error *error)
{
    Pb__ActionType pb = PB__ACTION_TYPE__INIT;
    pb.type = pb_bytes(type->type);
    pb.description = pb_bytes(type->description);
    return pb_pack(&pb.base, buf, error);
}

/* ---- one field of bytes ---- */

enum fkv_status flight_bytes_decode(struct flight_memory *memory, struct slice bytes,
                                    struct slice *ret, struct fkv_error *error)
{
    Pb__Ticket *pb;
    enum fkv_status status = pb_unpack(memory, &pb__ticket__descriptor, bytes, &pb, error);
    if (status != FKV_OK)
        return status;
    *ret = pb_slice(pb->ticket);
    return FKV_OK;
}

enum fkv_status flight_bytes_encode(struct slice value, struct buf *buf, struct fkv_error *error)
{
    Pb__Ticket pb = PB__TICKET__INIT;
    pb.ticket = pb_bytes(value);
    return pb_pack(&pb.base, buf, error);
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
