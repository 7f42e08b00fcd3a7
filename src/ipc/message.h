/* SPDX-License-Identifier: Apache-2.0 */
/* The Message flatbuffer (Message.fbs) opened: what kind, which version, how long a body, and for
 * record and dictionary batches the lists of nodes and buffers, still in the message's bytes.
 * A struct ipc_message is a view: valid as long as the header bytes it was made from. */
#ifndef IPC_MESSAGE_H
#define IPC_MESSAGE_H

#include "ipc/schema.h"

/* As MessageHeader in Message.fbs. */
enum ipc_kind { IPC_KIND_SCHEMA = 1, IPC_KIND_DICTIONARY = 2, IPC_KIND_BATCH = 3 };
enum ipc_codec { IPC_CODEC_NONE = -1, IPC_CODEC_LZ4 = 0, IPC_CODEC_ZSTD = 1 };

struct ipc_node {
    int64_t length;
    int64_t null_count;
};

struct ipc_buffer {
    int64_t offset;
    int64_t length;
};

struct ipc_message {
    enum ipc_kind kind;
    enum ipc_version version;
    int64_t body_length;
    struct slice header;     /* the whole flatbuffer */
    uint32_t metadata_count; /* pairs of custom_metadata */

    /* IPC_KIND_BATCH and IPC_KIND_DICTIONARY */
    int64_t rows;
    enum ipc_codec codec;
    const uint8_t *nodes; /* node_count x 16 bytes, little-endian */
    uint32_t node_count;
    const uint8_t *buffers; /* buffer_count x 16 bytes */
    uint32_t buffer_count;
    const uint8_t *variadic_counts; /* variadic_count x 8 bytes */
    uint32_t variadic_count;

    /* IPC_KIND_DICTIONARY */
    int64_t dictionary_id;
    bool is_delta;
};

/* Opens a bare Message flatbuffer and checks its structure: every table, vector and string inside
 * the bytes, aligned, no table deeper or more often used than the limits allow; version V4 or V5;
 * kind one of ours; body_length >= 0 and a multiple of 8, 0 for a schema. INVALID_ARGUMENT. */
enum fkv_status ipc_message_decode(struct slice header, const struct ipc_limits *limits,
                                   struct ipc_message *ret, struct fkv_error *error);

struct ipc_node ipc_message_node(const struct ipc_message *message, uint32_t index);
struct ipc_buffer ipc_message_buffer(const struct ipc_message *message, uint32_t index);
int64_t ipc_message_variadic(const struct ipc_message *message, uint32_t index);

/* What a writer says of a record or dictionary batch. */
struct ipc_message_parts {
    enum ipc_kind kind;
    enum ipc_version version;
    int64_t body_length;
    int64_t rows;
    enum ipc_codec codec;
    const struct ipc_node *nodes;
    uint32_t node_count;
    const struct ipc_buffer *buffers;
    uint32_t buffer_count;
    const int64_t *variadic_counts;
    uint32_t variadic_count;
    int64_t dictionary_id;
    bool is_delta;
    struct slice metadata_of; /* a message whose custom_metadata this one takes over; empty: none */
};

/* Writes the Message flatbuffer (size a multiple of 8) behind what is in `header`. */
struct buf;
enum fkv_status ipc_message_encode(const struct ipc_message_parts *parts, struct buf *header,
                                   struct fkv_error *error);

#endif
