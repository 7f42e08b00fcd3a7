/* SPDX-License-Identifier: Apache-2.0 */
/* FlightData, read and written piece by piece: a batch body of gigabytes must neither be gathered
 * nor be copied to be framed.
 *
 *     message FlightData {
 *       FlightDescriptor flight_descriptor = 1;   gathered
 *       bytes data_header  = 2;                   gathered: an IPC Message flatbuffer
 *       bytes app_metadata = 3;                   gathered
 *       bytes data_body    = 1000;                handed on as it comes
 *       bytes body_refs    = 1001;                gathered; ours, see flight/body_refs.h
 *     }
 *
 * Writers in use give the fields in this order; the reader takes any order, but data_body only once
 * and only as the last of the fields known here (its place depends on the header). Fields of other
 * numbers are skipped; of a gathered field given twice, the last counts, as protobuf has it. So is
 * body_refs where its limit is 0: only a client that has asked for it may be sent it. */
#ifndef FLIGHT_FLIGHT_DATA_H
#define FLIGHT_FLIGHT_DATA_H

#include "base/buf.h"
#include "base/slice.h"
#include "flightkv/status.h"
#include "wire/session.h"

struct flight_data_limits {
    size_t descriptor_bytes_max;
    size_t header_bytes_max;
    size_t app_metadata_bytes_max;
    size_t refs_bytes_max; /* 0: body_refs is skipped */
};

struct flight_data_handler {
    /* The body of `size` bytes begins; the gathered fields are complete. Also called, at the end,
     * for a message without a body (size 0), so that every message has it once. */
    enum fkv_status (*on_body)(void *context, uint64_t size, struct fkv_error *error);
    enum fkv_status (*on_body_bytes)(void *context, struct slice bytes, struct fkv_error *error);
    /* Where the body's next bytes are wanted; see struct wire_receiver. NULL: no matter. */
    uint8_t *(*body_target)(void *context, size_t *size);
};

enum flight_data_state {
    FLIGHT_DATA_TAG,
    FLIGHT_DATA_LENGTH,
    FLIGHT_DATA_GATHER,
    FLIGHT_DATA_BODY,
    FLIGHT_DATA_SKIP,
    FLIGHT_DATA_SKIP_VARINT
};

/* One reader serves a stream of messages; its buffers are reused. */
struct flight_data_reader {
    const struct flight_data_handler *handler;
    void *context;
    struct buf descriptor;
    struct buf header;
    struct buf app_metadata;
    struct buf refs;
    bool has_descriptor;
    bool has_header;
    bool has_app_metadata;

    enum flight_data_state state;
    bool has_body;
    struct buf *gathering;
    const char *gathering_name;
    uint64_t left;       /* bytes of the message that haven't come yet */
    uint64_t field_left; /* of the current field */
    uint64_t varint;
    unsigned varint_shift;
};

void flight_data_reader_init(struct flight_data_reader *reader, const struct alloc *alloc,
                             const struct flight_data_limits *limits,
                             const struct flight_data_handler *handler, void *context);
void flight_data_reader_done(struct flight_data_reader *reader);

/* A message of `size` bytes begins; its bytes; its end. INVALID_ARGUMENT for what isn't FlightData,
 * RESOURCE_EXHAUSTED for a field over its limit or without memory to gather it, or what the handler
 * answers. */
void flight_data_begin(struct flight_data_reader *reader, uint64_t size);
enum fkv_status flight_data_feed(struct flight_data_reader *reader, struct slice bytes,
                                 struct fkv_error *error);
uint8_t *flight_data_target(struct flight_data_reader *reader, size_t *size);
enum fkv_status flight_data_end(struct flight_data_reader *reader, struct fkv_error *error);

/* What to write ahead of the body. */
struct flight_data_head {
    struct slice descriptor; /* an encoded FlightDescriptor; size 0: none */
    struct slice header;     /* size 0: none (a metadata-only message) */
    struct slice app_metadata;
    bool has_app_metadata;
    struct slice refs; /* size 0: none */
    uint64_t body_bytes;
};

/* Begins a message in `out` and writes the head; the caller adds body_bytes bytes and ends it. */
void flight_data_write_head(struct wire_out *out, const struct flight_data_head *head);

/* Writes field 1 of a FlightInfo or a SchemaResult: the schema message, encapsulated and padded to
 * 8 bytes, by reference. The caller has begun the message, and adds the other fields. */
void flight_schema_write(struct wire_out *out, struct slice header, struct block *owner);

/* Writes a whole PollInfo that is complete: an info of this schema, whose other fields are `rest`,
 * and progress 1. */
void flight_complete_poll_write(struct wire_out *out, struct slice header, struct block *owner,
                                struct slice rest);

#endif
