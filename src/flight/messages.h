/* SPDX-License-Identifier: Apache-2.0 */
/* Flight's messages as plain structs of slices, and their way from and to bytes. Only the files
 * behind this header (and pb.h) know the generated protobuf code. messages.c has descriptors, infos
 * and actions; requests.c what goes along with them; options.c the options of sessions.
 *
 * Decoding takes its memory from a struct flight_memory: slices and arrays point into it, since
 * protobuf-c copies what it reads; it must stay until the struct is no longer used.
 * INVALID_ARGUMENT when the bytes aren't the message; RESOURCE_EXHAUSTED when they would need more
 * than the memory's limit.
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

/* HandshakeRequest and HandshakeResponse. */
struct flight_handshake {
    uint64_t protocol_version;
    struct slice payload;
};

struct flight_basic_auth {
    struct slice username;
    struct slice password;
};

struct flight_time {
    int64_t seconds; /* since 1970 */
    int32_t nanos;
};

struct flight_poll_info {
    bool has_info;
    struct flight_info info;
    bool has_descriptor; /* to ask again with; without it the query is complete */
    struct flight_descriptor descriptor;
    bool has_progress;
    double progress; /* 0 to 1 */
    bool has_expiration;
    struct flight_time expiration;
};

enum flight_option_type {
    FLIGHT_OPTION_NONE = 0, /* erases the option */
    FLIGHT_OPTION_STRING = 1,
    FLIGHT_OPTION_BOOL = 2,
    FLIGHT_OPTION_INT64 = 3,
    FLIGHT_OPTION_DOUBLE = 4,
    FLIGHT_OPTION_STRINGS = 5,
};

struct flight_option {
    struct slice name;
    enum flight_option_type type;
    struct slice string;
    bool boolean;
    int64_t int64;
    double real;
    const struct slice *strings;
    size_t string_count;
};

struct flight_option_error {
    struct slice name;
    int32_t value; /* 0 unspecified, 1 invalid name, 2 invalid value, 3 error */
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

enum fkv_status flight_endpoint_decode(struct flight_memory *memory, struct slice bytes,
                                       struct flight_endpoint *ret, struct fkv_error *error);
enum fkv_status flight_endpoint_encode(const struct flight_endpoint *endpoint, struct buf *buf,
                                       struct fkv_error *error);

/* ---- requests.c ---- */

enum fkv_status flight_handshake_decode(struct flight_memory *memory, struct slice bytes,
                                        struct flight_handshake *ret, struct fkv_error *error);
enum fkv_status flight_handshake_encode(const struct flight_handshake *handshake, struct buf *buf,
                                        struct fkv_error *error);

enum fkv_status flight_basic_auth_decode(struct flight_memory *memory, struct slice bytes,
                                         struct flight_basic_auth *ret, struct fkv_error *error);
enum fkv_status flight_basic_auth_encode(const struct flight_basic_auth *auth, struct buf *buf,
                                         struct fkv_error *error);

enum fkv_status flight_poll_info_decode(struct flight_memory *memory, struct slice bytes,
                                        struct flight_poll_info *ret, struct fkv_error *error);
enum fkv_status flight_poll_info_encode(const struct flight_poll_info *poll, struct buf *buf,
                                        struct fkv_error *error);

/* CancelFlightInfoRequest. INVALID_ARGUMENT also when the info is missing. */
enum fkv_status flight_cancel_request_decode(struct flight_memory *memory, struct slice bytes,
                                             struct flight_info *ret, struct fkv_error *error);
enum fkv_status flight_cancel_request_encode(const struct flight_info *info, struct buf *buf,
                                             struct fkv_error *error);

/* RenewFlightEndpointRequest. INVALID_ARGUMENT also when the endpoint is missing. */
enum fkv_status flight_renew_request_decode(struct flight_memory *memory, struct slice bytes,
                                            struct flight_endpoint *ret, struct fkv_error *error);
enum fkv_status flight_renew_request_encode(const struct flight_endpoint *endpoint, struct buf *buf,
                                            struct fkv_error *error);

/* CancelFlightInfoResult and CloseSessionResult; HealthCheckResponse looks the same. */
enum fkv_status flight_status_result_decode(struct flight_memory *memory, struct slice bytes,
                                            int32_t *ret, struct fkv_error *error);
enum fkv_status flight_status_result_encode(int32_t value, struct buf *buf,
                                            struct fkv_error *error);

/* ---- options.c ---- */

/* SetSessionOptionsRequest and GetSessionOptionsResult. Of a name given twice the last counts, as
 * in a protobuf map: it is up to the receiver to keep that. */
enum fkv_status flight_options_decode(struct flight_memory *memory, struct slice bytes,
                                      const struct flight_option **ret, size_t *ret_count,
                                      struct fkv_error *error);
enum fkv_status flight_options_encode(const struct flight_option *options, size_t count,
                                      struct buf *buf, struct fkv_error *error);

/* SetSessionOptionsResult. */
enum fkv_status flight_option_errors_decode(struct flight_memory *memory, struct slice bytes,
                                            const struct flight_option_error **ret,
                                            size_t *ret_count, struct fkv_error *error);
enum fkv_status flight_option_errors_encode(const struct flight_option_error *errors, size_t count,
                                            struct buf *buf, struct fkv_error *error);

/* The schema message inside what FlightInfo and SchemaResult carry: an encapsulated message, that
 * is one behind the continuation marker and its length. flight_data.h writes it. */
enum fkv_status flight_schema_message(struct slice encapsulated, struct slice *ret,
                                      struct fkv_error *error);

#endif
