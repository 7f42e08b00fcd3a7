/* SPDX-License-Identifier: Apache-2.0 */
/* Flight's messages as plain structs of slices, and their way from and to bytes. messages.c is the
 * only file that knows the generated protobuf code.
 *
 * Decoding takes its memory from a struct flight_memory: slices point into the bytes given, arrays
 * into that memory; both must stay until the struct is no longer used. INVALID_ARGUMENT when the
 * bytes aren't the message; RESOURCE_EXHAUSTED when they would need more than the memory's limit.
 * Encoding appends to a buf; it fails only as a buf does (RESOURCE_EXHAUSTED). */
#ifndef FLIGHT_MESSAGES_H
#define FLIGHT_MESSAGES_H

#include "base/buf.h"
#include "base/slice.h"
#include "flightkv/status.h"

/* Memory that is given back all at once. */
struct flight_memory {
    const struct alloc *alloc;
    struct flight_chunk *chunks;
    size_t used_bytes;
    size_t limit_bytes;
    bool failed; /* a request was refused: over the limit, or out of memory */
};

void flight_memory_init(struct flight_memory *memory, const struct alloc *alloc,
                        size_t limit_bytes);
void flight_memory_done(struct flight_memory *memory);
void *flight_memory_get(struct flight_memory *memory, size_t size); /* 16-byte aligned; NULL */

enum flight_descriptor_type {
    FLIGHT_DESCRIPTOR_UNKNOWN = 0,
    FLIGHT_DESCRIPTOR_PATH = 1,
    FLIGHT_DESCRIPTOR_CMD = 2,
};

struct flight_descriptor {
    enum flight_descriptor_type type;
    struct slice cmd;
    const struct slice *path;
    size_t path_count;
};

struct flight_endpoint {
    struct slice ticket;
    const struct slice *locations;
    size_t location_count;
    bool has_expiration;
    int64_t expiration_s; /* since 1970 */
    int32_t expiration_ns;
    struct slice app_metadata;
};

struct flight_info {
    struct slice schema; /* an encapsulated IPC message */
    struct flight_descriptor descriptor;
    const struct flight_endpoint *endpoints;
    size_t endpoint_count;
    int64_t total_records; /* -1: not known */
    int64_t total_bytes;
    bool ordered;
    struct slice app_metadata;
};

struct flight_action {
    struct slice type;
    struct slice body;
};

struct flight_action_type {
    struct slice type;
    struct slice description;
};

enum fkv_status flight_descriptor_decode(struct flight_memory *memory, struct slice bytes,
                                         struct flight_descriptor *ret, struct fkv_error *error);
enum fkv_status flight_descriptor_encode(const struct flight_descriptor *descriptor,
                                         struct buf *buf, struct fkv_error *error);

enum fkv_status flight_info_decode(struct flight_memory *memory, struct slice bytes,
                                   struct flight_info *ret, struct fkv_error *error);
enum fkv_status flight_info_encode(const struct flight_info *info, struct buf *buf,
                                   struct fkv_error *error);

enum fkv_status flight_action_decode(struct flight_memory *memory, struct slice bytes,
                                     struct flight_action *ret, struct fkv_error *error);
enum fkv_status flight_action_encode(const struct flight_action *action, struct buf *buf,
                                     struct fkv_error *error);

enum fkv_status flight_action_type_decode(struct flight_memory *memory, struct slice bytes,
                                          struct flight_action_type *ret, struct fkv_error *error);
enum fkv_status flight_action_type_encode(const struct flight_action_type *type, struct buf *buf,
                                          struct fkv_error *error);

/* Messages with one field of bytes: Ticket, Criteria, SchemaResult, Result and PutResult look alike
 * on the wire (field 1). */
enum fkv_status flight_bytes_decode(struct flight_memory *memory, struct slice bytes,
                                    struct slice *ret, struct fkv_error *error);
enum fkv_status flight_bytes_encode(struct slice value, struct buf *buf, struct fkv_error *error);

/* The schema message inside what FlightInfo and SchemaResult carry: an encapsulated message, that
 * is one behind the continuation marker and its length. flight_data.h writes it. */
enum fkv_status flight_schema_message(struct slice encapsulated, struct slice *ret,
                                      struct fkv_error *error);

#endif
