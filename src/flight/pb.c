/* SPDX-License-Identifier: Apache-2.0 */
#include "flight/pb.h"

#include "base/status.h"
#include "base/text.h"

/* ---- memory ---- */

struct flight_chunk {
    struct flight_chunk *next;
    size_t size;
    size_t used;
    max_align_t data[];
};

/* Most requests name a key, and need a few hundred bytes. */
enum { first_chunk_bytes = 512, chunk_bytes = 4096, memory_alignment = 16 };

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
    size_t least = chunk == NULL ? first_chunk_bytes : chunk_bytes;
    size_t chunk_size = size > least ? size : least;
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

enum fkv_status pb_unpack(struct flight_memory *memory, const ProtobufCMessageDescriptor *type,
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

enum fkv_status pb_pack(const ProtobufCMessage *message, struct buf *buf, struct fkv_error *error)
{
    struct buf_sink sink = {{sink_append}, buf};
    protobuf_c_message_pack_to_buffer(message, &sink.base);
    if (buf->failed)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "a Flight %s message does not fit into %zu bytes",
                          message->descriptor->short_name, buf->limit_bytes);
    return FKV_OK;
}

enum fkv_status pb_check_utf8(struct slice text, const char *what, struct fkv_error *error)
{
    if (!text_is_utf8(text))
        return status_set(error, FKV_INVALID_ARGUMENT, "%s is not UTF-8", what);
    return FKV_OK;
}
