/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/match.h"

#include <assert.h>

#include "base/status.h"
#include "ipc/schema_internal.h"

enum batch_field {
    BATCH_LENGTH,
    BATCH_NODES,
    BATCH_BUFFERS,
    BATCH_COMPRESSION,
    BATCH_VARIADIC_COUNTS,
    batch_fields
};

enum dictionary_batch_field {
    DICTIONARY_BATCH_ID,
    DICTIONARY_BATCH_DATA,
    DICTIONARY_BATCH_IS_DELTA,
    dictionary_batch_fields
};

enum compression_field { COMPRESSION_CODEC, COMPRESSION_METHOD, compression_fields };

enum {
    struct_bytes = 16, /* FieldNode and Buffer: two 64-bit integers each */
    count_bytes = 8,
    body_alignment = 8,
};

/* --- decoding --- */

static enum ipc_codec decode_codec(struct ipc_fb *fb, struct ipc_fb_table batch)
{
    struct ipc_fb_table compression = ipc_fb_child(fb, batch, BATCH_COMPRESSION);
    if (!ipc_fb_has(compression))
        return IPC_CODEC_NONE;
    int64_t codec = ipc_fb_int(fb, compression, COMPRESSION_CODEC, 1, IPC_CODEC_LZ4);
    int64_t method = ipc_fb_int(fb, compression, COMPRESSION_METHOD, 1, 0);
    if (codec != IPC_CODEC_LZ4 && codec != IPC_CODEC_ZSTD)
        ipc_fb_fail(fb, FKV_INVALID_ARGUMENT,
                    "compression codec %d is unknown, expected 0 (LZ4) or 1 (ZSTD)", (int)codec);
    if (method != 0)
        ipc_fb_fail(fb, FKV_INVALID_ARGUMENT,
                    "compression method %d is unknown, expected 0 (buffer by buffer)", (int)method);
    return (enum ipc_codec)codec;
}

static void decode_batch(struct ipc_fb *fb, struct ipc_fb_table batch, struct ipc_message *message)
{
    if (!ipc_fb_has(batch))
        ipc_fb_fail(fb, FKV_INVALID_ARGUMENT, "the message has no record batch in it");
    struct ipc_fb_vector nodes = ipc_fb_vector(fb, batch, BATCH_NODES, struct_bytes);
    struct ipc_fb_vector buffers = ipc_fb_vector(fb, batch, BATCH_BUFFERS, struct_bytes);
    struct ipc_fb_vector counts = ipc_fb_vector(fb, batch, BATCH_VARIADIC_COUNTS, count_bytes);
    message->rows = ipc_fb_int(fb, batch, BATCH_LENGTH, 8, 0);
    message->codec = decode_codec(fb, batch);
    message->nodes = nodes.data;
    message->node_count = nodes.count;
    message->buffers = buffers.data;
    message->buffer_count = buffers.count;
    message->variadic_counts = counts.data;
    message->variadic_count = counts.count;
    if (message->rows < 0)
        ipc_fb_fail(fb, FKV_INVALID_ARGUMENT, "the batch has %lld rows, expected 0 at least",
                    (long long)message->rows);
}

static void decode_dictionary(struct ipc_fb *fb, struct ipc_fb_table dictionary,
                              struct ipc_message *message)
{
    message->dictionary_id = ipc_fb_int(fb, dictionary, DICTIONARY_BATCH_ID, 8, 0);
    message->is_delta = ipc_fb_int(fb, dictionary, DICTIONARY_BATCH_IS_DELTA, 1, 0) != 0;
    decode_batch(fb, ipc_fb_child(fb, dictionary, DICTIONARY_BATCH_DATA), message);
}

static void decode_header(struct ipc_fb *fb, struct ipc_fb_table root, struct ipc_message *message)
{
    unsigned kind = (uint8_t)ipc_fb_int(fb, root, MESSAGE_HEADER_TYPE, 1, 0);
    struct ipc_fb_table header = ipc_fb_child(fb, root, MESSAGE_HEADER);
    message->kind = (enum ipc_kind)kind;
    message->codec = IPC_CODEC_NONE;
    switch (kind) {
    case IPC_KIND_SCHEMA: /* ipc_schema_decode reads it */
        break;
    case IPC_KIND_DICTIONARY:
        decode_dictionary(fb, header, message);
        break;
    case IPC_KIND_BATCH:
        decode_batch(fb, header, message);
        break;
    default:
        ipc_fb_fail(fb, FKV_INVALID_ARGUMENT,
                    "the message is of kind %u, expected a schema (1), dictionary batch (2) or "
                    "record batch (3)",
                    kind);
    }
    if (!ipc_fb_has(header))
        ipc_fb_fail(fb, FKV_INVALID_ARGUMENT, "the message has no header");
}

static void decode_version(struct ipc_fb *fb, struct ipc_fb_table root, struct ipc_message *message)
{
    int64_t version = ipc_fb_int(fb, root, MESSAGE_VERSION, 2, 0);
    if (version != IPC_V4 && version != IPC_V5)
        ipc_fb_fail(fb, FKV_INVALID_ARGUMENT,
                    "the message has metadata version V%lld, expected V4 or V5",
                    (long long)version + 1);
    message->version = (enum ipc_version)version;
}

static void decode_body_length(struct ipc_fb *fb, struct ipc_fb_table root,
                               struct ipc_message *message)
{
    int64_t length = ipc_fb_int(fb, root, MESSAGE_BODY_LENGTH, 8, 0);
    if (length < 0 || length % body_alignment != 0)
        ipc_fb_fail(fb, FKV_INVALID_ARGUMENT,
                    "the message has a bodyLength of %lld, expected a multiple of 8",
                    (long long)length);
    if (message->kind == IPC_KIND_SCHEMA && length != 0)
        ipc_fb_fail(fb, FKV_INVALID_ARGUMENT,
                    "the schema message has a bodyLength of %lld, expected 0", (long long)length);
    message->body_length = length;
}

/* Arrow 0.17 named the codec here, before Message.fbs had a place for it. Such a batch looks
 * uncompressed to everyone else, so it is refused rather than misread. */
static void decode_metadata(struct ipc_fb *fb, struct ipc_fb_table root,
                            struct ipc_message *message)
{
    struct ipc_fb_vector pairs = ipc_fb_vector(fb, root, MESSAGE_METADATA, 4);
    message->metadata_count = pairs.count;
    for (uint32_t i = 0; i < pairs.count && fb->status == FKV_OK; i++)
        if (slice_is(ipc_metadata_decode(fb, pairs, i).key, "ARROW:experimental_compression"))
            ipc_fb_fail(fb, FKV_INVALID_ARGUMENT,
                        "the message is compressed in the experimental way of Arrow 0.17, "
                        "expected RecordBatch.compression");
}

enum fkv_status ipc_message_decode(struct slice header, const struct ipc_limits *limits,
                                   struct ipc_message *ret, struct fkv_error *error)
{
    if (header.size > limits->header_bytes_max)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "the message's header has %zu bytes, %llu are allowed", header.size,
                          (unsigned long long)limits->header_bytes_max);
    struct ipc_fb fb;
    struct ipc_fb_table root = ipc_fb_begin(&fb, header, error);
    struct ipc_message message = {.header = header};
    decode_version(&fb, root, &message);
    decode_header(&fb, root, &message);
    decode_body_length(&fb, root, &message);
    decode_metadata(&fb, root, &message);
    if (fb.status == FKV_OK)
        *ret = message;
    return fb.status;
}

struct ipc_node ipc_message_node(const struct ipc_message *message, uint32_t index)
{
    assert(index < message->node_count);
    const uint8_t *p = message->nodes + (size_t)index * struct_bytes;
    return (struct ipc_node){.length = (int64_t)load_le64(p),
                             .null_count = (int64_t)load_le64(p + 8)};
}

struct ipc_buffer ipc_message_buffer(const struct ipc_message *message, uint32_t index)
{
    assert(index < message->buffer_count);
    const uint8_t *p = message->buffers + (size_t)index * struct_bytes;
    return (struct ipc_buffer){.offset = (int64_t)load_le64(p),
                               .length = (int64_t)load_le64(p + 8)};
}

int64_t ipc_message_variadic(const struct ipc_message *message, uint32_t index)
{
    assert(index < message->variadic_count);
    return (int64_t)load_le64(message->variadic_counts + (size_t)index * count_bytes);
}

/* --- comparing --- */

static bool same_bytes(const uint8_t *a, uint32_t a_count, const uint8_t *b, uint32_t b_count,
                       size_t size)
{
    return slice_equal(slice_of(a, a_count * size), slice_of(b, b_count * size));
}

bool ipc_message_same_values(const struct ipc_message *a, struct slice a_body,
                             const struct ipc_message *b, struct slice b_body)
{
    return a->rows == b->rows && a->codec == b->codec && a->metadata_count == 0 &&
           b->metadata_count == 0 &&
           same_bytes(a->nodes, a->node_count, b->nodes, b->node_count, struct_bytes) &&
           same_bytes(a->buffers, a->buffer_count, b->buffers, b->buffer_count, struct_bytes) &&
           same_bytes(a->variadic_counts, a->variadic_count, b->variadic_counts, b->variadic_count,
                      count_bytes) &&
           slice_equal(a_body, b_body);
}

/* --- encoding --- */

/* Two 64-bit integers each. */
static void encode_structs(struct ipc_fb_builder *builder, size_t at, const int64_t *pairs,
                           uint32_t count)
{
    size_t place = ipc_fb_add_vector(builder, at, count, struct_bytes);
    uint8_t *p = ipc_fb_bytes(builder, place);
    for (size_t i = 0; p != NULL && i < 2 * (size_t)count; i++)
        store_le64(p + 8 * i, (uint64_t)pairs[i]);
}

static void encode_variadic(struct ipc_fb_builder *builder, size_t at,
                            const struct ipc_message_parts *parts)
{
    size_t place = ipc_fb_add_vector(builder, at, parts->variadic_count, count_bytes);
    uint8_t *p = ipc_fb_bytes(builder, place);
    for (size_t i = 0; p != NULL && i < parts->variadic_count; i++)
        store_le64(p + count_bytes * i, (uint64_t)parts->variadic_counts[i]);
}

static void encode_codec(struct ipc_fb_builder *builder, size_t at, enum ipc_codec codec)
{
    struct ipc_fb_slot slots[compression_fields] = {
        [COMPRESSION_CODEC] = ipc_fb_scalar(1, codec, IPC_CODEC_LZ4),
    };
    ipc_fb_add_table(builder, at, slots, compression_fields);
}

static void encode_batch(struct ipc_fb_builder *builder, size_t at,
                         const struct ipc_message_parts *parts)
{
    struct ipc_fb_slot slots[batch_fields] = {
        [BATCH_LENGTH] = ipc_fb_scalar(8, parts->rows, 0),
        [BATCH_NODES] = ipc_fb_offset(),
        [BATCH_BUFFERS] = ipc_fb_offset(),
    };
    if (parts->codec != IPC_CODEC_NONE)
        slots[BATCH_COMPRESSION] = ipc_fb_offset();
    if (parts->variadic_count > 0)
        slots[BATCH_VARIADIC_COUNTS] = ipc_fb_offset();
    ipc_fb_add_table(builder, at, slots, batch_fields);
    static_assert(sizeof(struct ipc_node) == struct_bytes, "encoded as pairs");
    static_assert(sizeof(struct ipc_buffer) == struct_bytes, "encoded as pairs");
    encode_structs(builder, slots[BATCH_NODES].at, (const int64_t *)parts->nodes,
                   parts->node_count);
    encode_structs(builder, slots[BATCH_BUFFERS].at, (const int64_t *)parts->buffers,
                   parts->buffer_count);
    if (parts->codec != IPC_CODEC_NONE)
        encode_codec(builder, slots[BATCH_COMPRESSION].at, parts->codec);
    if (parts->variadic_count > 0)
        encode_variadic(builder, slots[BATCH_VARIADIC_COUNTS].at, parts);
}

static void encode_dictionary(struct ipc_fb_builder *builder, size_t at,
                              const struct ipc_message_parts *parts)
{
    struct ipc_fb_slot slots[dictionary_batch_fields] = {
        [DICTIONARY_BATCH_ID] = ipc_fb_scalar(8, parts->dictionary_id, 0),
        [DICTIONARY_BATCH_DATA] = ipc_fb_offset(),
        [DICTIONARY_BATCH_IS_DELTA] = ipc_fb_scalar(1, parts->is_delta, 0),
    };
    ipc_fb_add_table(builder, at, slots, dictionary_batch_fields);
    encode_batch(builder, slots[DICTIONARY_BATCH_DATA].at, parts);
}

/* The custom_metadata of another message; absent when there is none. */
static struct ipc_fb_vector open_metadata(struct ipc_fb *fb, struct slice header,
                                          struct fkv_error *error)
{
    *fb = (struct ipc_fb){.status = FKV_OK};
    if (header.size == 0)
        return (struct ipc_fb_vector){.data = NULL};
    return ipc_fb_vector(fb, ipc_fb_begin(fb, header, error), MESSAGE_METADATA, 4);
}

static void encode_metadata(struct ipc_fb_builder *builder, size_t at, struct ipc_fb *fb,
                            struct ipc_fb_vector pairs)
{
    size_t place = ipc_fb_add_vector(builder, at, pairs.count, 4);
    for (uint32_t i = 0; i < pairs.count && fb->status == FKV_OK; i++)
        ipc_key_value_encode(builder, place + 4 * (size_t)i, ipc_metadata_decode(fb, pairs, i));
}

enum fkv_status ipc_message_encode(const struct ipc_message_parts *parts, struct buf *header,
                                   struct fkv_error *error)
{
    assert(parts->kind == IPC_KIND_BATCH || parts->kind == IPC_KIND_DICTIONARY);
    struct ipc_fb metadata;
    struct ipc_fb_vector pairs = open_metadata(&metadata, parts->metadata_of, error);
    struct ipc_fb_builder builder;
    size_t root = ipc_fb_build(&builder, header);
    struct ipc_fb_slot slots[message_fields] = {
        [MESSAGE_VERSION] = ipc_fb_scalar(2, parts->version, 0),
        [MESSAGE_HEADER_TYPE] = ipc_fb_scalar(1, parts->kind, 0),
        [MESSAGE_HEADER] = ipc_fb_offset(),
        [MESSAGE_BODY_LENGTH] = ipc_fb_scalar(8, parts->body_length, 0),
    };
    if (pairs.count > 0)
        slots[MESSAGE_METADATA] = ipc_fb_offset();
    ipc_fb_add_table(&builder, root, slots, message_fields);
    if (parts->kind == IPC_KIND_BATCH)
        encode_batch(&builder, slots[MESSAGE_HEADER].at, parts);
    else
        encode_dictionary(&builder, slots[MESSAGE_HEADER].at, parts);
    if (pairs.count > 0)
        encode_metadata(&builder, slots[MESSAGE_METADATA].at, &metadata, pairs);
    return metadata.status == FKV_OK ? ipc_fb_end(&builder, error) : metadata.status;
}

/* What the arrays of a message are copied to: nodes, buffers, variadic counts. */
static enum fkv_status rename_in(uint8_t *memory, const struct ipc_message *message, int64_t id,
                                 struct buf *ret, struct fkv_error *error)
{
    struct ipc_node *nodes = (struct ipc_node *)(void *)memory;
    struct ipc_buffer *buffers = (struct ipc_buffer *)(void *)(nodes + message->node_count);
    int64_t *counts = (int64_t *)(void *)(buffers + message->buffer_count);
    for (uint32_t i = 0; i < message->node_count; i++)
        nodes[i] = ipc_message_node(message, i);
    for (uint32_t i = 0; i < message->buffer_count; i++)
        buffers[i] = ipc_message_buffer(message, i);
    for (uint32_t i = 0; i < message->variadic_count; i++)
        counts[i] = ipc_message_variadic(message, i);
    const struct ipc_message_parts parts = {
        .kind = message->kind,
        .version = message->version,
        .body_length = message->body_length,
        .rows = message->rows,
        .codec = message->codec,
        .nodes = nodes,
        .node_count = message->node_count,
        .buffers = buffers,
        .buffer_count = message->buffer_count,
        .variadic_counts = counts,
        .variadic_count = message->variadic_count,
        .dictionary_id = id,
        .is_delta = message->is_delta,
        .metadata_of = message->header,
    };
    return ipc_message_encode(&parts, ret, error);
}

enum fkv_status ipc_message_rename(const struct alloc *alloc, const struct ipc_message *message,
                                   int64_t id, struct buf *ret, struct fkv_error *error)
{
    size_t size = ((size_t)message->node_count + message->buffer_count) * struct_bytes +
                  (size_t)message->variadic_count * count_bytes;
    uint8_t *memory = alloc_get(alloc, size + 1);
    if (memory == NULL)
        return status_no_memory(error, size);
    enum fkv_status status = rename_in(memory, message, id, ret, error);
    alloc_free(alloc, memory);
    return status;
}
