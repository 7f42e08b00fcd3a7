/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/convert.h"

#include "base/status.h"
#include "ipc/reader.h"
#include "ipc/writer.h"

static enum fkv_status no_memory(struct fkv_error *error)
{
    return status_set(error, FKV_RESOURCE_EXHAUSTED, "no memory for the parts of a message");
}

static enum fkv_status texts_to(struct flight_memory *memory, const struct fkv_bytes *texts,
                                size_t count, const struct slice **ret, struct fkv_error *error)
{
    struct slice *copies = flight_memory_get(memory, count * sizeof *copies);
    if (copies == NULL)
        return no_memory(error);
    for (size_t i = 0; i < count; i++)
        copies[i] = exchange_slice(texts[i]);
    *ret = copies;
    return FKV_OK;
}

static enum fkv_status texts_from(struct flight_memory *memory, const struct slice *texts,
                                  size_t count, const struct fkv_bytes **ret,
                                  struct fkv_error *error)
{
    struct fkv_bytes *copies = flight_memory_get(memory, count * sizeof *copies);
    if (copies == NULL)
        return no_memory(error);
    for (size_t i = 0; i < count; i++)
        copies[i] = exchange_bytes(texts[i]);
    *ret = copies;
    return FKV_OK;
}

/* ---- schemas ---- */

enum { capsule_prefix_bytes = 8 };

static enum fkv_status encapsulate(struct flight_memory *memory, struct slice header,
                                   struct slice *ret, struct fkv_error *error)
{
    uint8_t *capsule = flight_memory_get(memory, capsule_prefix_bytes + header.size);
    if (capsule == NULL)
        return no_memory(error);
    store_le32(capsule, UINT32_MAX); /* the continuation marker */
    store_le32(capsule + 4, (uint32_t)header.size);
    memcpy(capsule + capsule_prefix_bytes, header.data, header.size);
    *ret = slice_of(capsule, capsule_prefix_bytes + header.size);
    return FKV_OK;
}

enum fkv_status exchange_schema_to(struct flight_memory *memory, const struct ArrowSchema *schema,
                                   struct slice *ret, struct fkv_error *error)
{
    if (schema == NULL) {
        *ret = slice_of(NULL, 0);
        return FKV_OK;
    }
    struct ipc_schema *imported = NULL;
    struct buf header;
    buf_init(&header, memory->alloc, UINT32_MAX);
    enum fkv_status status = ipc_import_schema(memory->alloc, schema, &header, &imported, error);
    if (status == FKV_OK)
        status = encapsulate(memory, buf_slice(&header), ret, error);
    buf_done(&header);
    ipc_schema_free(imported);
    return status;
}

enum fkv_status exchange_schema_from(const struct alloc *alloc, struct slice encapsulated,
                                     struct ArrowSchema *ret, struct fkv_error *error)
{
    const struct ipc_limits limits = IPC_LIMITS_DEFAULT;
    struct slice header;
    struct ipc_schema *schema = NULL;
    enum fkv_status status = flight_schema_message(encapsulated, &header, error);
    if (status == FKV_OK)
        status = ipc_schema_decode(alloc, header, &limits, &schema, error);
    if (status == FKV_OK)
        status = ipc_export_schema(alloc, schema, ret, error);
    ipc_schema_free(schema);
    return status;
}

/* ---- descriptors and endpoints ---- */

_Static_assert((int)FKV_FLIGHT_UNKNOWN == FLIGHT_DESCRIPTOR_UNKNOWN &&
                   (int)FKV_FLIGHT_PATH == FLIGHT_DESCRIPTOR_PATH &&
                   (int)FKV_FLIGHT_CMD == FLIGHT_DESCRIPTOR_CMD,
               "descriptor types are taken over as they are");

enum fkv_status exchange_descriptor_to(struct flight_memory *memory,
                                       const struct fkv_flight_descriptor *descriptor,
                                       struct flight_descriptor *ret, struct fkv_error *error)
{
    ret->type = (enum flight_descriptor_type)descriptor->type;
    ret->cmd = exchange_slice(descriptor->cmd);
    ret->path_count = descriptor->path_count;
    return texts_to(memory, descriptor->path, descriptor->path_count, &ret->path, error);
}

enum fkv_status exchange_descriptor_from(struct flight_memory *memory,
                                         const struct flight_descriptor *descriptor,
                                         struct fkv_flight_descriptor *ret, struct fkv_error *error)
{
    ret->type = (enum fkv_flight_descriptor_type)descriptor->type;
    ret->cmd = exchange_bytes(descriptor->cmd);
    ret->path_count = descriptor->path_count;
    return texts_from(memory, descriptor->path, descriptor->path_count, &ret->path, error);
}

enum fkv_status exchange_endpoint_to(struct flight_memory *memory,
                                     const struct fkv_flight_endpoint *endpoint,
                                     struct flight_endpoint *ret, struct fkv_error *error)
{
    *ret = (struct flight_endpoint){.ticket = exchange_slice(endpoint->ticket),
                                    .location_count = endpoint->location_count,
                                    .has_expiration = endpoint->has_expiration,
                                    .expiration_s = endpoint->expiration.seconds,
                                    .expiration_ns = endpoint->expiration.nanos,
                                    .app_metadata = exchange_slice(endpoint->app_metadata)};
    return texts_to(memory, endpoint->locations, endpoint->location_count, &ret->locations, error);
}

enum fkv_status exchange_endpoint_from(struct flight_memory *memory,
                                       const struct flight_endpoint *endpoint,
                                       struct fkv_flight_endpoint *ret, struct fkv_error *error)
{
    *ret = (struct fkv_flight_endpoint){.ticket = exchange_bytes(endpoint->ticket),
                                        .location_count = endpoint->location_count,
                                        .has_expiration = endpoint->has_expiration,
                                        .expiration.seconds = endpoint->expiration_s,
                                        .expiration.nanos = endpoint->expiration_ns,
                                        .app_metadata = exchange_bytes(endpoint->app_metadata)};
    return texts_from(memory, endpoint->locations, endpoint->location_count, &ret->locations,
                      error);
}

/* ---- infos and polls ---- */

enum fkv_status exchange_info_to(struct flight_memory *memory, const struct fkv_flight_info *info,
                                 struct flight_info *ret, struct fkv_error *error)
{
    struct flight_endpoint *endpoints =
        flight_memory_get(memory, info->endpoint_count * sizeof *endpoints);
    if (endpoints == NULL)
        return no_memory(error);
    *ret = (struct flight_info){.endpoints = endpoints,
                                .endpoint_count = info->endpoint_count,
                                .total_records = info->total_records,
                                .total_bytes = info->total_bytes,
                                .ordered = info->ordered,
                                .app_metadata = exchange_slice(info->app_metadata)};
    enum fkv_status status = exchange_schema_to(memory, info->schema, &ret->schema, error);
    if (status == FKV_OK)
        status = exchange_descriptor_to(memory, &info->descriptor, &ret->descriptor, error);
    for (size_t i = 0; i < info->endpoint_count && status == FKV_OK; i++)
        status = exchange_endpoint_to(memory, &info->endpoints[i], &endpoints[i], error);
    return status;
}

void exchange_info_done(struct exchange_info *info)
{
    if (info->schema.release != NULL)
        info->schema.release(&info->schema);
}

enum fkv_status exchange_info_from(struct flight_memory *memory, const struct flight_info *info,
                                   struct exchange_info *ret, struct fkv_error *error)
{
    struct fkv_flight_endpoint *endpoints =
        flight_memory_get(memory, info->endpoint_count * sizeof *endpoints);
    *ret = (struct exchange_info){0};
    if (endpoints == NULL)
        return no_memory(error);
    struct fkv_flight_info *to = &ret->info;
    *to = (struct fkv_flight_info){.endpoints = endpoints,
                                   .endpoint_count = info->endpoint_count,
                                   .total_records = info->total_records,
                                   .total_bytes = info->total_bytes,
                                   .ordered = info->ordered,
                                   .app_metadata = exchange_bytes(info->app_metadata)};
    enum fkv_status status =
        exchange_descriptor_from(memory, &info->descriptor, &to->descriptor, error);
    for (size_t i = 0; i < info->endpoint_count && status == FKV_OK; i++)
        status = exchange_endpoint_from(memory, &info->endpoints[i], &endpoints[i], error);
    if (status == FKV_OK && info->schema.size > 0) {
        status = exchange_schema_from(memory->alloc, info->schema, &ret->schema, error);
        to->schema = &ret->schema;
    }
    return status;
}

enum fkv_status exchange_poll_to(struct flight_memory *memory,
                                 const struct fkv_flight_poll_info *poll,
                                 struct flight_poll_info *ret, struct fkv_error *error)
{
    *ret =
        (struct flight_poll_info){.has_info = poll->info != NULL,
                                  .has_descriptor = poll->descriptor != NULL,
                                  .has_progress = poll->has_progress,
                                  .progress = poll->progress,
                                  .has_expiration = poll->has_expiration,
                                  .expiration = {poll->expiration.seconds, poll->expiration.nanos}};
    enum fkv_status status = FKV_OK;
    if (ret->has_info)
        status = exchange_info_to(memory, poll->info, &ret->info, error);
    if (ret->has_descriptor && status == FKV_OK)
        status = exchange_descriptor_to(memory, poll->descriptor, &ret->descriptor, error);
    return status;
}

enum fkv_status exchange_poll_from(struct flight_memory *memory,
                                   const struct flight_poll_info *poll, struct exchange_poll *ret,
                                   struct fkv_error *error)
{
    *ret = (struct exchange_poll){
        .poll = {.info = poll->has_info ? &ret->info.info : NULL,
                 .descriptor = poll->has_descriptor ? &ret->descriptor : NULL,
                 .has_progress = poll->has_progress,
                 .progress = poll->progress,
                 .has_expiration = poll->has_expiration,
                 .expiration = {poll->expiration.seconds, poll->expiration.nanos}}};
    enum fkv_status status = FKV_OK;
    if (poll->has_info)
        status = exchange_info_from(memory, &poll->info, &ret->info, error);
    if (poll->has_descriptor && status == FKV_OK)
        status = exchange_descriptor_from(memory, &poll->descriptor, &ret->descriptor, error);
    return status;
}

/* ---- options of sessions ---- */

enum fkv_status exchange_options_to(struct flight_memory *memory,
                                    const struct fkv_flight_option *options, size_t count,
                                    struct flight_option **ret, struct fkv_error *error)
{
    struct flight_option *copies = flight_memory_get(memory, count * sizeof *copies);
    enum fkv_status status = copies != NULL ? FKV_OK : no_memory(error);
    for (size_t i = 0; i < count && status == FKV_OK; i++) {
        const struct fkv_flight_option *option = &options[i];
        copies[i] = (struct flight_option){.name = exchange_slice(option->name),
                                           .type = (enum flight_option_type)option->type,
                                           .string = exchange_slice(option->string),
                                           .boolean = option->boolean,
                                           .int64 = option->int64,
                                           .real = option->real,
                                           .string_count = option->string_count};
        status = texts_to(memory, option->strings, option->string_count, &copies[i].strings, error);
    }
    if (status == FKV_OK)
        *ret = copies;
    return status;
}

static bool is_given_again(const struct flight_option *options, size_t count, size_t index)
{
    for (size_t i = index + 1; i < count; i++)
        if (slice_equal(options[i].name, options[index].name))
            return true;
    return false;
}

/* Looking for each name among all others takes the square of their number. */
enum { options_max = 1024 };

enum fkv_status exchange_options_from(struct flight_memory *memory,
                                      const struct flight_option *options, size_t count,
                                      struct fkv_flight_option **ret, size_t *ret_count,
                                      struct fkv_error *error)
{
    if (count > options_max)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "%zu session options at a time, expected at most %d", count, options_max);
    struct fkv_flight_option *copies = flight_memory_get(memory, count * sizeof *copies);
    enum fkv_status status = copies != NULL ? FKV_OK : no_memory(error);
    size_t kept = 0;
    for (size_t i = 0; i < count && status == FKV_OK; i++) {
        const struct flight_option *option = &options[i];
        if (is_given_again(options, count, i))
            continue;
        struct fkv_flight_option *copy = &copies[kept++];
        *copy = (struct fkv_flight_option){.name = exchange_bytes(option->name),
                                           .type = (enum fkv_flight_option_type)option->type,
                                           .string = exchange_bytes(option->string),
                                           .boolean = option->boolean,
                                           .int64 = option->int64,
                                           .real = option->real,
                                           .string_count = option->string_count};
        status = texts_from(memory, option->strings, option->string_count, &copy->strings, error);
    }
    if (status != FKV_OK)
        return status;
    *ret = copies;
    *ret_count = kept;
    return FKV_OK;
}
