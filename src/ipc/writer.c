/* SPDX-License-Identifier: Apache-2.0 */
/* ipc_writer_push takes an array apart (import.h) and queues its messages ready to be sent, so that
 * ipc_writer_next can't fail. The last values sent of each dictionary are kept as a batch:
 * comparing that with the new values taken apart tells whether the dictionary changed, mostly by
 * comparing addresses. Keeping them keeps the array that they came with. */
#include "ipc/writer.h"

#include "base/list.h"
#include "base/status.h"
#include "ipc/compress.h"
#include "ipc/encode.h"
#include "ipc/import.h"

enum { alignment_usual = 64, alignment_least = 8 };

struct dictionary {
    bool is_sent;
    struct ipc_batch values;
};

struct message {
    struct list node;
    struct ipc_out out;
    struct ipc_encoding encoding;
};

struct ipc_writer {
    const struct alloc *alloc;
    struct ipc_schema *schema;
    struct buf schema_header;
    struct ipc_writer_options options;
    struct ipc_compression *compression;
    struct dictionary *dictionaries; /* by id */
    struct list queue;               /* of struct message */
    struct message *current;         /* what ipc_writer_next gave last */
};

/* The array taken over: freed when neither pieces nor dictionaries refer to it any more. */
struct taken {
    struct block block;
    struct ArrowArray array;
};

static void free_taken(struct block *block)
{
    struct taken *taken = (struct taken *)((char *)block - offsetof(struct taken, block));
    if (taken->array.release != NULL)
        taken->array.release(&taken->array);
    alloc_free(block->alloc, taken);
}

static struct taken *take_array(const struct alloc *alloc, struct ArrowArray *array)
{
    struct taken *taken = alloc_get(alloc, sizeof *taken);
    if (taken == NULL) {
        if (array->release != NULL)
            array->release(array);
        return NULL;
    }
    block_init(&taken->block, NULL, 0, free_taken);
    taken->block.alloc = alloc;
    taken->array = *array;
    array->release = NULL;
    return taken;
}

/* --- one message --- */

static void message_free(const struct alloc *alloc, struct message *message)
{
    if (message == NULL)
        return;
    ipc_encoding_done(&message->encoding);
    alloc_free(alloc, message);
}

static void queue_free(struct ipc_writer *writer, struct list *queue)
{
    while (!list_empty(queue))
        message_free(writer->alloc, list_entry(list_shift(queue), struct message, node));
}

/* "Each compressed buffer begins with its uncompressed length; -1 says that it isn't compressed" */
static enum fkv_status add_compressed(struct ipc_writer *writer, struct ipc_encoding *encoding,
                                      const struct ipc_piece *buffer, struct fkv_error *error)
{
    struct block *packed = NULL;
    enum fkv_status status = ipc_compress(writer->compression, writer->options.codec, buffer->bytes,
                                          sizeof(int64_t), &packed, error);
    if (status != FKV_OK)
        return status;
    if (packed != NULL) {
        store_le64(packed->data, buffer->bytes.size);
        ipc_encoding_add(encoding, block_slice(packed), packed);
        block_unref(packed);
        return FKV_OK;
    }
    static const uint8_t not_compressed[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    ipc_encoding_add(encoding, slice_of(not_compressed, sizeof not_compressed), NULL);
    ipc_encoding_add(encoding, buffer->bytes, buffer->owner);
    return FKV_OK;
}

static enum fkv_status add_body(struct ipc_writer *writer, struct ipc_encoding *encoding,
                                const struct ipc_batch *batch, struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    if (writer->options.codec == IPC_CODEC_NONE) {
        ipc_encoding_add_batch(encoding, batch, writer->options.alignment);
        return FKV_OK;
    }
    for (uint32_t i = 0; i < ipc_batch_buffer_count(batch) && status == FKV_OK; i++) {
        const struct ipc_piece *buffer = &ipc_batch_buffers(batch)[i];
        if (buffer->bytes.size > 0)
            status = add_compressed(writer, encoding, buffer, error);
        ipc_encoding_end_buffer(encoding, writer->options.alignment);
    }
    return status;
}

/* Queues the batch as a message; of dictionary `dictionary_id` for IPC_KIND_DICTIONARY. */
static enum fkv_status queue_batch(struct ipc_writer *writer, enum ipc_kind kind,
                                   const struct ipc_batch *batch, int64_t dictionary_id,
                                   bool is_delta, struct fkv_error *error)
{
    struct message *message = alloc_zero(writer->alloc, sizeof *message);
    if (message == NULL)
        return status_no_memory(error, sizeof *message);
    message->out = (struct ipc_out){
        .kind = kind, .rows = batch->rows, .dictionary_id = dictionary_id, .is_delta = is_delta};
    const struct ipc_message_parts parts = {.kind = kind,
                                            .version = IPC_V5,
                                            .codec = writer->options.codec,
                                            .dictionary_id = dictionary_id,
                                            .is_delta = is_delta};
    ipc_encoding_init(&message->encoding, writer->alloc);
    enum fkv_status status = add_body(writer, &message->encoding, batch, error);
    if (status == FKV_OK)
        status = ipc_encoding_finish(&message->encoding, batch, &parts, error);
    if (status == FKV_OK)
        list_push(&writer->queue, &message->node);
    else
        message_free(writer->alloc, message);
    return status;
}

/* --- dictionaries --- */

/* Whether `values` is longer than what was sent, and begins with all of it. */
static enum fkv_status has_grown(struct ipc_writer *writer, const struct ipc_field *field,
                                 const struct ArrowArray *values, struct block *owner,
                                 const struct ipc_batch *sent, bool *ret, struct fkv_error *error)
{
    *ret = false;
    if (values->length <= sent->rows)
        return FKV_OK;
    struct ipc_batch head;
    enum fkv_status status =
        ipc_import_values(writer->alloc, field, values, 0, sent->rows, owner, &head, error);
    if (status != FKV_OK)
        return status;
    *ret = ipc_batch_equal(&head, sent, field, true);
    ipc_batch_done(&head);
    return FKV_OK;
}

static enum fkv_status queue_delta(struct ipc_writer *writer, const struct ipc_field *field,
                                   const struct ArrowArray *values, struct block *owner,
                                   int64_t from, struct fkv_error *error)
{
    struct ipc_batch tail;
    enum fkv_status status = ipc_import_values(writer->alloc, field, values, from,
                                               values->length - from, owner, &tail, error);
    if (status != FKV_OK)
        return status;
    status = queue_batch(writer, IPC_KIND_DICTIONARY, &tail, field->dictionary.id, true, error);
    ipc_batch_done(&tail);
    return status;
}

/* Queues `batch`, all of `values`, or only what they have more than what was sent. */
static enum fkv_status queue_changed(struct ipc_writer *writer, const struct ipc_field *field,
                                     const struct ArrowArray *values, struct block *owner,
                                     const struct ipc_batch *batch, bool *ret_replaced,
                                     struct fkv_error *error)
{
    const struct dictionary *dictionary = &writer->dictionaries[field->dictionary.id];
    bool grown = false;
    enum fkv_status status = FKV_OK;
    if (writer->options.dictionary_deltas && dictionary->is_sent && !*ret_replaced)
        status = has_grown(writer, field, values, owner, &dictionary->values, &grown, error);
    if (status != FKV_OK)
        return status;
    if (grown)
        return queue_delta(writer, field, values, owner, dictionary->values.rows, error);
    *ret_replaced = true;
    return queue_batch(writer, IPC_KIND_DICTIONARY, batch, field->dictionary.id, false, error);
}

/* Queues the dictionary if it must be sent. *ret_replaced (also on input: a dictionary inside this
 * one was) says that what was sent before no longer holds. */
static enum fkv_status queue_dictionary(struct ipc_writer *writer, const struct ipc_field *field,
                                        const struct ArrowArray *values, struct block *owner,
                                        bool *ret_replaced, struct fkv_error *error)
{
    struct dictionary *dictionary = &writer->dictionaries[field->dictionary.id];
    struct ipc_batch batch;
    enum fkv_status status =
        ipc_import_values(writer->alloc, field, values, 0, values->length, owner, &batch, error);
    if (status != FKV_OK)
        return status;
    bool is_known = dictionary->is_sent && !*ret_replaced &&
                    ipc_batch_equal(&batch, &dictionary->values, field, true);
    if (!is_known)
        status = queue_changed(writer, field, values, owner, &batch, ret_replaced, error);
    if (is_known || status != FKV_OK) {
        ipc_batch_done(&batch);
        return status;
    }
    if (dictionary->is_sent)
        ipc_batch_done(&dictionary->values);
    dictionary->values = batch;
    dictionary->is_sent = true;
    return FKV_OK;
}

static enum fkv_status queue_column_dictionaries(struct ipc_writer *writer,
                                                 const struct ipc_field *field,
                                                 const struct ArrowArray *array,
                                                 struct block *owner, bool *ret_replaced,
                                                 struct fkv_error *error);

static enum fkv_status queue_child_dictionaries(struct ipc_writer *writer,
                                                const struct ipc_field *first, uint32_t count,
                                                const struct ArrowArray *array, struct block *owner,
                                                bool *ret_replaced, struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    for (uint32_t i = 0; i < count && status == FKV_OK; i++, first = ipc_field_after(first))
        status = queue_column_dictionaries(writer, first, array->children[i], owner, ret_replaced,
                                           error);
    return status;
}

/* The dictionaries of a column, inner ones first: readers may resolve them as they come. The array
 * was imported before, so that its shape is known to be right; its dictionaries' isn't. */
static enum fkv_status queue_column_dictionaries(struct ipc_writer *writer,
                                                 const struct ipc_field *field,
                                                 const struct ArrowArray *array,
                                                 struct block *owner, bool *ret_replaced,
                                                 struct fkv_error *error)
{
    if (!field->is_dictionary)
        return queue_child_dictionaries(writer, field + 1, field->child_count, array, owner,
                                        ret_replaced, error);
    bool replaced = false;
    const struct ArrowArray *values = array->dictionary;
    if (values == NULL)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "ArrowArray of column '%.*s' has no dictionary", (int)field->name.size,
                          (const char *)field->name.data);
    struct ipc_batch probe;
    enum fkv_status status =
        ipc_import_values(writer->alloc, field, values, 0, 0, owner, &probe, error);
    if (status != FKV_OK)
        return status;
    ipc_batch_done(&probe);
    status = queue_child_dictionaries(writer, field + 1, field->child_count, values, owner,
                                      &replaced, error);
    if (status == FKV_OK)
        status = queue_dictionary(writer, field, values, owner, &replaced, error);
    *ret_replaced |= replaced;
    return status;
}

/* --- the interface --- */

static enum fkv_status check_options(struct ipc_writer_options *options, struct fkv_error *error)
{
    if (options->alignment == 0)
        options->alignment = alignment_usual;
    uint32_t alignment = options->alignment;
    if (alignment < alignment_least || alignment > sizeof ipc_zeros ||
        (alignment & (alignment - 1)) != 0)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the alignment of buffers must be 8, 16, 32 or 64, not %u",
                          (unsigned)alignment);
    if (options->codec != IPC_CODEC_NONE && options->codec != IPC_CODEC_LZ4 &&
        options->codec != IPC_CODEC_ZSTD)
        return status_set(error, FKV_INVALID_ARGUMENT, "unknown codec %d", (int)options->codec);
    return FKV_OK;
}

static enum fkv_status open_writer(struct ipc_writer *writer, const struct ArrowSchema *schema,
                                   struct fkv_error *error)
{
    enum fkv_status status = check_options(&writer->options, error);
    if (status == FKV_OK)
        status = ipc_import_schema(writer->alloc, schema, &writer->schema_header, &writer->schema,
                                   error);
    if (status != FKV_OK)
        return status;
    uint32_t count = writer->schema->dictionary_count;
    writer->dictionaries = alloc_array(writer->alloc, count, sizeof *writer->dictionaries);
    writer->compression = ipc_compression_new(writer->alloc);
    if (writer->dictionaries == NULL || writer->compression == NULL)
        return status_no_memory(error, count * sizeof *writer->dictionaries);
    return FKV_OK;
}

enum fkv_status ipc_writer_new(const struct alloc *alloc, const struct ArrowSchema *schema,
                               const struct ipc_writer_options *options, struct ipc_writer **ret,
                               struct fkv_error *error)
{
    struct ipc_writer *writer = alloc_zero(alloc, sizeof *writer);
    if (writer == NULL)
        return status_no_memory(error, sizeof *writer);
    writer->alloc = alloc;
    writer->options = *options;
    list_init(&writer->queue);
    buf_init(&writer->schema_header, alloc, (size_t)IPC_LIMITS_DEFAULT.header_bytes_max);
    enum fkv_status status = open_writer(writer, schema, error);
    if (status != FKV_OK) {
        ipc_writer_free(writer);
        return status;
    }
    *ret = writer;
    return FKV_OK;
}

void ipc_writer_free(struct ipc_writer *writer)
{
    if (writer == NULL)
        return;
    queue_free(writer, &writer->queue);
    message_free(writer->alloc, writer->current);
    for (uint32_t i = 0; writer->dictionaries != NULL && i < writer->schema->dictionary_count; i++)
        if (writer->dictionaries[i].is_sent)
            ipc_batch_done(&writer->dictionaries[i].values);
    alloc_free(writer->alloc, writer->dictionaries);
    ipc_compression_free(writer->compression);
    buf_done(&writer->schema_header);
    ipc_schema_free(writer->schema);
    alloc_free(writer->alloc, writer);
}

struct slice ipc_writer_schema(const struct ipc_writer *writer)
{
    return buf_slice(&writer->schema_header);
}

enum fkv_status ipc_writer_push(struct ipc_writer *writer, struct ArrowArray *array,
                                struct fkv_error *error)
{
    struct taken *taken = take_array(writer->alloc, array);
    if (taken == NULL)
        return status_no_memory(error, sizeof *taken);
    bool replaced = false;
    struct ipc_batch batch;
    enum fkv_status status = ipc_import_batch(writer->alloc, writer->schema, &taken->array,
                                              &taken->block, &batch, error);
    if (status == FKV_OK) {
        status =
            queue_child_dictionaries(writer, writer->schema->fields, writer->schema->column_count,
                                     &taken->array, &taken->block, &replaced, error);
        if (status == FKV_OK)
            status = queue_batch(writer, IPC_KIND_BATCH, &batch, 0, false, error);
        ipc_batch_done(&batch);
    }
    block_unref(&taken->block);
    return status;
}

bool ipc_writer_next(struct ipc_writer *writer, struct ipc_out *ret)
{
    message_free(writer->alloc, writer->current);
    writer->current = NULL;
    if (list_empty(&writer->queue))
        return false;
    struct message *message = list_entry(list_shift(&writer->queue), struct message, node);
    message->out.header = buf_slice(&message->encoding.header);
    message->out.pieces = ipc_encoding_pieces(&message->encoding);
    message->out.piece_count = ipc_encoding_piece_count(&message->encoding);
    message->out.body_length = message->encoding.body_length;
    writer->current = message;
    *ret = message->out;
    return true;
}
