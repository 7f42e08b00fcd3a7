/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/reader.h"

#include "base/status.h"
#include "ipc/check.h"
#include "ipc/compress.h"
#include "ipc/dictionary.h"
#include "ipc/export.h"

struct ipc_reader {
    const struct alloc *alloc;
    unsigned flags;
    bool has_failed;
    uint64_t compressed_bytes_max; /* of a body that is copied */
    struct ipc_verifier *verifier;
    struct ipc_compression *compression;
    struct ipc_dictionaries dictionaries; /* in force from the schema message on */
};

struct ipc_reader *ipc_reader_new(const struct alloc *alloc, const struct ipc_limits *limits,
                                  unsigned flags)
{
    struct ipc_reader *reader = alloc_zero(alloc, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader->alloc = alloc;
    reader->flags = flags;
    reader->compressed_bytes_max = limits->decompressed_bytes_max;
    reader->verifier = ipc_verifier_new(alloc, limits);
    reader->compression = ipc_compression_new(alloc);
    if (reader->verifier == NULL || reader->compression == NULL) {
        ipc_reader_free(reader);
        return NULL;
    }
    return reader;
}

void ipc_reader_free(struct ipc_reader *reader)
{
    if (reader == NULL)
        return;
    ipc_dictionaries_done(&reader->dictionaries);
    ipc_compression_free(reader->compression);
    ipc_verifier_free(reader->verifier);
    alloc_free(reader->alloc, reader);
}

bool ipc_reader_restart(struct ipc_reader *reader, unsigned flags)
{
    if (reader->has_failed || !ipc_verifier_restart(reader->verifier))
        return false;
    ipc_dictionaries_done(&reader->dictionaries);
    reader->flags = flags;
    return true;
}

/* --- one message's body taken apart --- */

struct body {
    struct ipc_reader *reader;
    const struct ipc_message *message;
    const struct ipc_body *bytes;
    uint32_t node, buffer, variadic; /* the next of the message's */
    struct ipc_batch *batch;
    struct fkv_error *error;
};

/* What values of a buffer need. The format has no wider ones that are read in one go. */
static size_t alignment_of(enum ipc_buffer_kind kind, uint32_t width)
{
    switch (kind) {
    case IPC_BUFFER_VALUES:
        return width % 8 == 0 ? 8 : width % 4 == 0 ? 4 : width % 2 == 0 ? 2 : 1;
    case IPC_BUFFER_OFFSETS32:
    case IPC_BUFFER_UNION_OFFSETS:
    case IPC_BUFFER_VIEW_OFFSETS32:
    case IPC_BUFFER_SIZES32:
        return 4;
    case IPC_BUFFER_OFFSETS64:
    case IPC_BUFFER_VIEWS:
    case IPC_BUFFER_VIEW_OFFSETS64:
    case IPC_BUFFER_SIZES64:
        return 8;
    default:
        return 1;
    }
}

static struct block *copy_of(struct ipc_reader *reader, struct slice bytes)
{
    struct block *copy = block_new(reader->alloc, bytes.size);
    if (copy != NULL)
        memcpy(copy->data, bytes.data, bytes.size);
    return copy;
}

/* Parts of a body may lie anywhere in another process's memory. */
static void add_aligned(struct body *b, struct slice bytes, struct block *owner, size_t alignment)
{
    if ((uintptr_t)bytes.data % alignment == 0)
        ipc_batch_add_buffer(b->batch, bytes, owner);
    else
        ipc_batch_add_block(b->batch, copy_of(b->reader, bytes));
}

static enum fkv_status add_compressed(struct body *b, struct slice packed, struct block *owner,
                                      size_t alignment)
{
    struct slice bytes;
    struct block *block;
    enum fkv_status status = ipc_decompress_buffer(b->reader->compression, b->message->codec,
                                                   packed, &bytes, &block, b->error);
    if (status != FKV_OK)
        return status;
    if (block != NULL)
        ipc_batch_add_block(b->batch, block);
    else if (bytes.size == 0)
        ipc_batch_add_buffer(b->batch, slice_of(ipc_zeros, 0), NULL);
    else
        add_aligned(b, bytes, owner, alignment);
    return FKV_OK;
}

static enum fkv_status add_buffer(struct body *b, size_t alignment)
{
    struct ipc_buffer place = ipc_message_buffer(b->message, b->buffer++);
    struct slice bytes;
    struct block *owner;
    if (place.length == 0) {
        ipc_batch_add_buffer(b->batch, slice_of(ipc_zeros, 0), NULL);
        return FKV_OK;
    }
    if (!ipc_body_find(b->bytes, (uint64_t)place.offset, (uint64_t)place.length, &bytes, &owner))
        return status_set(b->error, FKV_INVALID_ARGUMENT, "buffer %u doesn't lie in one piece",
                          b->buffer - 1);
    if (b->message->codec != IPC_CODEC_NONE)
        return add_compressed(b, bytes, owner, alignment);
    add_aligned(b, bytes, owner, alignment);
    return FKV_OK;
}

/* Version V4 gave a validity bitmap to types that have none in V5 and in the C Data interface
 * (unions, run-end encoded columns). It is dropped, unless it says that something is null. */
static enum fkv_status check_old_nulls(struct body *b, const struct ipc_field *field,
                                       struct ipc_node node)
{
    if (node.null_count == 0 || ipc_message_buffer(b->message, b->buffer).length == 0)
        return FKV_OK;
    return status_set(b->error, FKV_UNIMPLEMENTED,
                      "column '%.*s' has %lld nulls of its own, which for its type only metadata "
                      "version V4 can say",
                      (int)field->name.size, (const char *)field->name.data,
                      (long long)node.null_count);
}

static enum fkv_status add_column(struct body *b, const struct ipc_field *field, bool as_values)
{
    struct ipc_layout layout = ipc_layout_of(field, b->message->version, as_values);
    struct ipc_node node = ipc_message_node(b->message, b->node++);
    bool drops_validity = layout.count > ipc_layout_of(field, IPC_V5, as_values).count;
    enum fkv_status status = FKV_OK;
    if (drops_validity)
        status = check_old_nulls(b, field, node);
    ipc_batch_add_node(b->batch, node.length, drops_validity ? 0 : node.null_count);
    if (drops_validity)
        b->buffer++;
    for (uint8_t i = drops_validity; i < layout.count && status == FKV_OK; i++)
        status = add_buffer(b, alignment_of(layout.kinds[i], layout.width));
    if (!layout.is_variadic)
        return status;
    int64_t variadic = ipc_message_variadic(b->message, b->variadic++);
    ipc_batch_add_variadic(b->batch, variadic);
    for (int64_t i = 0; i < variadic && status == FKV_OK; i++)
        status = add_buffer(b, 1);
    return status;
}

/* The columns [first, end) in pre-order. */
static enum fkv_status take_apart(struct body *b, const struct ipc_field *first,
                                  const struct ipc_field *end, bool as_values)
{
    ipc_batch_init(b->batch, b->reader->alloc);
    b->batch->rows = b->message->rows;
    enum fkv_status status = FKV_OK;
    for (const struct ipc_field *field = first; field < end && status == FKV_OK;
         as_values = false) {
        struct ipc_layout layout = ipc_layout_of(field, b->message->version, as_values);
        status = add_column(b, field, as_values);
        field = ipc_column_after(field, &layout);
    }
    if (status == FKV_OK)
        status = ipc_batch_status(b->batch, b->error);
    if (status != FKV_OK)
        ipc_batch_done(b->batch);
    return status;
}

/* --- the kinds of messages --- */

static enum fkv_status take_schema(struct ipc_reader *reader, struct fkv_error *error)
{
    const struct ipc_schema *schema = ipc_verifier_schema(reader->verifier);
    if (schema->endianness != IPC_LITTLE_ENDIAN)
        return status_set(error, FKV_UNIMPLEMENTED,
                          "the table is big-endian, and only little-endian ones can be read");
    return ipc_dictionaries_init(&reader->dictionaries, reader->alloc, schema, error);
}

static enum fkv_status take_dictionary(struct body *b)
{
    struct ipc_dictionaries *dictionaries = &b->reader->dictionaries;
    int64_t id = b->message->dictionary_id;
    const struct ipc_dictionary *dictionary = ipc_dictionaries_find(dictionaries, id);
    if (dictionary == NULL)
        return status_set(b->error, FKV_INVALID_ARGUMENT,
                          "dictionary batch of id %lld, which the schema doesn't have",
                          (long long)id);
    const struct ipc_field *field = dictionary->field;
    enum fkv_status status = take_apart(b, field, ipc_field_after(field), true);
    if (status == FKV_OK)
        status = ipc_dictionaries_add(dictionaries, id, b->message->is_delta, b->batch, b->error);
    return status;
}

static enum fkv_status take_batch(struct body *b, struct ArrowArray *ret)
{
    struct ipc_reader *reader = b->reader;
    const struct ipc_schema *schema = ipc_verifier_schema(reader->verifier);
    bool check = (reader->flags & IPC_READER_CHECK_VALUES) != 0;
    enum fkv_status status = ipc_dictionaries_settle(&reader->dictionaries, check, b->error);
    if (status == FKV_OK)
        status = take_apart(b, schema->fields, schema->fields + schema->field_count, false);
    if (status != FKV_OK)
        return status;
    if (check)
        status = ipc_check_batch(schema, b->batch, &reader->dictionaries, b->error);
    if (status != FKV_OK) {
        ipc_batch_done(b->batch);
        return status;
    }
    return ipc_export_batch(reader->alloc, schema, &reader->dictionaries, b->batch, ret, b->error);
}

/* A body that begins at an odd place is copied: values must lie at multiples of their width. */
static enum fkv_status take_message(struct ipc_reader *reader, const struct ipc_message *message,
                                    const struct ipc_body *given, struct ArrowArray *ret_array,
                                    struct fkv_error *error)
{
    if (message->kind == IPC_KIND_SCHEMA)
        return take_schema(reader, error);
    struct ipc_body bytes = *given;
    struct block *copy = NULL;
    if ((uintptr_t)bytes.bytes.data % sizeof(int64_t) != 0) {
        copy = copy_of(reader, bytes.bytes);
        if (copy == NULL)
            return status_no_memory(error, bytes.bytes.size);
        bytes.bytes = block_slice(copy);
        bytes.owner = copy;
    }
    struct ipc_batch batch;
    struct body b = {
        .reader = reader, .message = message, .bytes = &bytes, .batch = &batch, .error = error};
    enum fkv_status status =
        message->kind == IPC_KIND_BATCH ? take_batch(&b, ret_array) : take_dictionary(&b);
    block_unref(copy);
    return status;
}

/* Puts together a body in parts; where there is nothing, zeros. */
static void gather(const struct ipc_body *body, uint8_t *target)
{
    uint64_t at = 0;
    for (size_t i = 0; i <= body->part_count; i++) {
        const struct ipc_body_part *part = i < body->part_count ? &body->parts[i] : NULL;
        size_t gap = (size_t)((part != NULL ? part->offset : body->size) - at);
        if (gap > 0 && body->bytes.size > 0)
            memcpy(target + at, body->bytes.data + at, gap);
        else if (gap > 0)
            memset(target + at, 0, gap);
        at += gap;
        if (part != NULL) {
            memcpy(target + at, part->bytes.data, part->bytes.size);
            at += part->bytes.size;
        }
    }
}

/* Who owns the parts may change them while they are read. Of compressed buffers the lengths that
 * they claim are verified and then used, and decoders count on what they read: so these are copied
 * first. *ret stays NULL where that needn't be. */
static enum fkv_status own_compressed(struct ipc_reader *reader, const struct ipc_message *message,
                                      const struct ipc_body *body, struct block **ret,
                                      struct fkv_error *error)
{
    if (message->codec == IPC_CODEC_NONE || body->part_count == 0)
        return FKV_OK;
    if (body->size > reader->compressed_bytes_max)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "a compressed body of %llu bytes is over the %llu bytes allowed",
                          (unsigned long long)body->size,
                          (unsigned long long)reader->compressed_bytes_max);
    struct block *copy = block_new(reader->alloc, (size_t)body->size);
    if (copy == NULL)
        return status_no_memory(error, (size_t)body->size);
    gather(body, copy->data);
    *ret = copy;
    return FKV_OK;
}

enum fkv_status ipc_reader_parts(struct ipc_reader *reader, struct slice header,
                                 const struct ipc_body *body, bool *ret_is_batch,
                                 struct ArrowArray *ret_array, struct fkv_error *error)
{
    if (reader->has_failed)
        return status_set(error, FKV_FAILED_PRECONDITION,
                          "the reader refused a message before and takes no more");
    struct ipc_message message;
    struct ipc_body whole = *body;
    struct block *copy = NULL;
    enum fkv_status status = ipc_verifier_header(reader->verifier, header, &message, error);
    if (status == FKV_OK)
        status = own_compressed(reader, &message, body, &copy, error);
    if (copy != NULL)
        whole = ipc_body_of_block(copy);
    if (status == FKV_OK)
        status = ipc_verifier_parts(reader->verifier, &message, &whole, error);
    if (status == FKV_OK)
        status = take_message(reader, &message, &whole, ret_array, error);
    block_unref(copy);
    reader->has_failed = status != FKV_OK;
    if (status == FKV_OK)
        *ret_is_batch = message.kind == IPC_KIND_BATCH;
    return status;
}

enum fkv_status ipc_reader_message(struct ipc_reader *reader, struct slice header,
                                   struct block *body, bool *ret_is_batch,
                                   struct ArrowArray *ret_array, struct fkv_error *error)
{
    const struct ipc_body whole = ipc_body_of_block(body);
    return ipc_reader_parts(reader, header, &whole, ret_is_batch, ret_array, error);
}

enum fkv_status ipc_reader_schema(const struct ipc_reader *reader, struct ArrowSchema *ret,
                                  struct fkv_error *error)
{
    const struct ipc_schema *schema = ipc_verifier_schema(reader->verifier);
    if (schema == NULL)
        return status_set(error, FKV_FAILED_PRECONDITION, "the schema message wasn't read yet");
    return ipc_export_schema(reader->alloc, schema, ret, error);
}

enum fkv_status ipc_reader_end(struct ipc_reader *reader, struct fkv_error *error)
{
    return ipc_verifier_end(reader->verifier, error);
}
