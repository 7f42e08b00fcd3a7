/* SPDX-License-Identifier: Apache-2.0 */
/* From the schema a plan is made once: the columns that a record batch has, in the order of its
 * nodes, and after them those of each dictionary's values. A message is then checked in one walk
 * over its part of the plan, side by side with its nodes and buffers.
 *
 *     schema     a: struct<x: int32, y: dictionary 7 of utf8>    b: float64
 *     plan       a (struct)  x (int32)  y (indices)  b (float64)  |  y (utf8)
 *                batch: 0 to 3                                       dictionary 7: 4
 *
 * Official writers lay buffers out in the order of the list ("end-to-end", says the format), so
 * that "none overlaps" needs no more than that each begins at or behind the end of the one before.
 *
 * A null_count of -1 is refused, though Arrow C++ in memory calls that "not counted yet": the
 * format knows only the number counted, no official stream or Flight writer writes it (arrow-java
 * does when a caller turns counting off), and arrow-rs would take the column for one without nulls.
 */
#include "ipc/verify.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/status.h"
#include "ipc/layout.h"
#include "ipc/schema_internal.h"

/* What a column's length depends on. */
enum length_rule {
    LENGTH_ROWS,       /* the message's rows, exactly */
    LENGTH_ANY,        /* nothing: the parent's offsets say what is used */
    LENGTH_PARENT,     /* at least the parent's */
    LENGTH_LISTS,      /* at least list_size for each of the parent's */
    LENGTH_RUN_ENDS,   /* 1 at least if the parent has rows; never null */
    LENGTH_RUN_VALUES, /* at least the run ends', which are the column before */
};

struct column {
    const struct ipc_field *field;
    struct ipc_layout layout;
    enum length_rule rule;
    uint32_t parent; /* index in the plan; without meaning for LENGTH_ROWS */
};

/* A part of the plan, for one kind of message. */
struct part {
    uint32_t first;
    uint32_t count;
};

struct dictionary {
    int64_t id;
    struct part part;
    bool is_seen;
};

struct ipc_verifier {
    const struct alloc *alloc;
    struct ipc_limits limits;
    struct ipc_schema *schema; /* once has_schema; before, what the stream before had */
    bool has_schema;
    struct column *columns;
    uint32_t column_count;
    struct part batch;
    struct dictionary *dictionaries; /* by id, rising */
    uint32_t dictionary_count;
    uint32_t seen_count;
    int64_t *lengths; /* of the message in hand, by index in the plan */
};

struct ipc_verifier *ipc_verifier_new(const struct alloc *alloc, const struct ipc_limits *limits)
{
    struct ipc_verifier *verifier = alloc_zero(alloc, sizeof *verifier);
    if (verifier == NULL)
        return NULL;
    verifier->alloc = alloc;
    verifier->limits = *limits;
    return verifier;
}

static void forget_schema(struct ipc_verifier *verifier)
{
    const struct alloc *alloc = verifier->alloc;
    ipc_schema_free(verifier->schema);
    alloc_free(alloc, verifier->columns);
    alloc_free(alloc, verifier->dictionaries);
    alloc_free(alloc, verifier->lengths);
    *verifier = (struct ipc_verifier){.alloc = alloc, .limits = verifier->limits};
}

void ipc_verifier_free(struct ipc_verifier *verifier)
{
    if (verifier == NULL)
        return;
    forget_schema(verifier);
    alloc_free(verifier->alloc, verifier);
}

bool ipc_verifier_restart(struct ipc_verifier *verifier)
{
    if (verifier->schema != NULL && verifier->schema->bytes->size > ipc_verifier_kept_bytes_max)
        return false;
    verifier->has_schema = false;
    verifier->seen_count = 0;
    for (uint32_t i = 0; i < verifier->dictionary_count; i++)
        verifier->dictionaries[i].is_seen = false;
    return true;
}

const struct ipc_schema *ipc_verifier_schema(const struct ipc_verifier *verifier)
{
    return verifier->has_schema ? verifier->schema : NULL;
}

/* --- the plan --- */

static enum length_rule child_rule(const struct ipc_field *parent, uint32_t index)
{
    switch (parent->type) {
    case IPC_TYPE_STRUCT:
        return LENGTH_PARENT;
    case IPC_TYPE_UNION:
        return parent->union_mode == IPC_SPARSE ? LENGTH_PARENT : LENGTH_ANY;
    case IPC_TYPE_FIXED_SIZE_LIST:
        return LENGTH_LISTS;
    case IPC_TYPE_RUN_END_ENCODED:
        return index == 0 ? LENGTH_RUN_ENDS : LENGTH_RUN_VALUES;
    default:
        return LENGTH_ANY;
    }
}

static void plan_column(struct ipc_verifier *verifier, const struct ipc_field *field,
                        bool as_values, enum length_rule rule, uint32_t parent)
{
    uint32_t index = verifier->column_count++;
    struct ipc_layout layout = ipc_layout_of(field, verifier->schema->version, as_values);
    verifier->columns[index] =
        (struct column){.field = field, .layout = layout, .rule = rule, .parent = parent};
    const struct ipc_field *child = field + 1;
    for (uint32_t i = 0; layout.has_children && i < field->child_count; i++) {
        plan_column(verifier, child, false, child_rule(field, i), index);
        child = ipc_field_after(child);
    }
}

static void plan_batch(struct ipc_verifier *verifier)
{
    const struct ipc_field *field = verifier->schema->fields;
    for (uint32_t i = 0; i < verifier->schema->column_count; i++) {
        plan_column(verifier, field, false, LENGTH_ROWS, 0);
        field = ipc_field_after(field);
    }
    verifier->batch.count = verifier->column_count;
}

/* `fields` are by id. */
static void plan_dictionaries(struct ipc_verifier *verifier, const struct ipc_field *const *fields,
                              uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        int64_t id = fields[i]->dictionary.id;
        if (i > 0 && fields[i - 1]->dictionary.id == id)
            continue;
        uint32_t first = verifier->column_count;
        plan_column(verifier, fields[i], true, LENGTH_ROWS, 0);
        verifier->dictionaries[verifier->dictionary_count++] = (struct dictionary){
            .id = id, .part = {.first = first, .count = verifier->column_count - first}};
    }
}

static enum fkv_status make_plan(struct ipc_verifier *verifier, struct fkv_error *error)
{
    const struct ipc_schema *schema = verifier->schema;
    const struct ipc_field **fields;
    uint32_t count;
    /* Every field is a column once, and a dictionary's once more as values. */
    size_t columns = (size_t)schema->field_count + schema->dictionary_count;
    if (!ipc_schema_dictionaries(verifier->alloc, schema, &fields, &count))
        return status_no_memory(error, schema->field_count * sizeof *fields);
    verifier->columns = alloc_array(verifier->alloc, columns, sizeof *verifier->columns);
    verifier->lengths = alloc_array(verifier->alloc, columns, sizeof *verifier->lengths);
    verifier->dictionaries =
        alloc_array(verifier->alloc, schema->dictionary_count, sizeof *verifier->dictionaries);
    enum fkv_status status = FKV_OK;
    if (verifier->columns == NULL || verifier->lengths == NULL || verifier->dictionaries == NULL) {
        status = status_no_memory(error, columns * sizeof *verifier->columns);
    } else {
        plan_batch(verifier);
        plan_dictionaries(verifier, fields, count);
        assert(verifier->column_count <= columns);
    }
    alloc_free(verifier->alloc, fields);
    return status;
}

static struct dictionary *find_dictionary(const struct ipc_verifier *verifier, int64_t id)
{
    uint32_t low = 0, high = verifier->dictionary_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (verifier->dictionaries[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_found = low < verifier->dictionary_count && verifier->dictionaries[low].id == id;
    return is_found ? &verifier->dictionaries[low] : NULL;
}

/* --- one message against its part of the plan --- */

struct walk {
    struct ipc_verifier *verifier;
    const struct ipc_message *message;
    const struct ipc_body *body; /* NULL while only the header is there */
    struct fkv_error *error;
    const struct column *column;
    struct ipc_node node;
    uint32_t buffer;   /* the next of the message's */
    uint32_t variadic; /* the same of the counts */
    uint64_t end;      /* of the last buffer that wasn't empty */
    uint64_t decompressed_bytes;
};

static enum fkv_status FKV_PRINTF(2, 3) refuse(const struct walk *walk, const char *format, ...)
{
    char wrong[256];
    va_list args;
    va_start(args, format);
    vsnprintf(wrong, sizeof wrong, format, args);
    va_end(args);
    struct slice name = walk->column->field->name;
    return status_set(walk->error, FKV_INVALID_ARGUMENT, "column '%.*s': %s", ipc_name_shown(name),
                      (const char *)name.data, wrong);
}

/* An optional buffer may be empty. */
static enum fkv_status check_size(const struct walk *walk, uint64_t size, uint64_t least,
                                  bool is_optional)
{
    if (size >= least || (is_optional && size == 0))
        return FKV_OK;
    return refuse(walk, "buffer %u has %llu bytes, %llu needed", walk->buffer,
                  (unsigned long long)size, (unsigned long long)least);
}

/* A compressed buffer begins with the size that it becomes, or with -1 when what follows isn't
 * compressed after all. */
static enum fkv_status check_compressed(struct walk *walk, struct ipc_buffer place, uint64_t least,
                                        bool is_optional)
{
    int64_t claim;
    struct slice bytes;
    struct block *owner;
    if (place.length < (int64_t)sizeof claim)
        return refuse(walk, "buffer %u is compressed but has %lld bytes, 8 needed for its size",
                      walk->buffer, (long long)place.length);
    if (walk->body == NULL)
        return FKV_OK;
    if (!ipc_body_find(walk->body, (uint64_t)place.offset, (uint64_t)place.length, &bytes, &owner))
        return refuse(walk, "buffer %u doesn't lie in one piece", walk->buffer);
    claim = (int64_t)load_le64(bytes.data);
    if (claim < -1)
        return refuse(walk, "buffer %u claims to become %lld bytes", walk->buffer,
                      (long long)claim);
    uint64_t size = claim == -1 ? (uint64_t)place.length - sizeof claim : (uint64_t)claim;
    uint64_t limit = walk->verifier->limits.decompressed_bytes_max;
    if (size > limit - walk->decompressed_bytes)
        return status_set(walk->error, FKV_RESOURCE_EXHAUSTED,
                          "the message claims to become more than the %llu bytes allowed",
                          (unsigned long long)limit);
    walk->decompressed_bytes += size;
    return check_size(walk, size, least, is_optional);
}

static enum fkv_status check_place(struct walk *walk, struct ipc_buffer place)
{
    uint64_t body = (uint64_t)walk->message->body_length;
    if (place.offset < 0 || place.length < 0 || (uint64_t)place.offset > body ||
        (uint64_t)place.length > body - (uint64_t)place.offset)
        return refuse(walk, "buffer %u (%lld bytes at %lld) isn't inside the body of %llu bytes",
                      walk->buffer, (long long)place.length, (long long)place.offset,
                      (unsigned long long)body);
    if (place.offset % 8 != 0)
        return refuse(walk, "buffer %u begins at %lld, expected a multiple of 8", walk->buffer,
                      (long long)place.offset);
    if ((uint64_t)place.offset < walk->end)
        return refuse(walk, "buffer %u begins at %lld, but the one before ends at %llu",
                      walk->buffer, (long long)place.offset, (unsigned long long)walk->end);
    walk->end = (uint64_t)place.offset + (uint64_t)place.length;
    return FKV_OK;
}

/* The next buffer, which must have `least` bytes, or none when it is optional. An empty one may lie
 * anywhere. */
static enum fkv_status check_buffer(struct walk *walk, uint64_t least, bool is_optional)
{
    if (walk->buffer == walk->message->buffer_count)
        return refuse(walk, "the batch's list of %u buffers ends before it", walk->buffer);
    struct ipc_buffer place = ipc_message_buffer(walk->message, walk->buffer);
    enum fkv_status status = place.length == 0 ? FKV_OK : check_place(walk, place);
    if (status != FKV_OK)
        return status;
    if (walk->message->codec == IPC_CODEC_NONE || place.length == 0)
        status = check_size(walk, (uint64_t)place.length, least, is_optional);
    else
        status = check_compressed(walk, place, least, is_optional);
    walk->buffer++;
    return status;
}

static enum fkv_status check_buffers(struct walk *walk)
{
    const struct ipc_layout *layout = &walk->column->layout;
    enum fkv_status status = FKV_OK;
    for (uint8_t i = 0; i < layout->count && status == FKV_OK; i++) {
        uint64_t least = ipc_buffer_least_bytes(layout->kinds[i], layout->width, walk->node.length);
        bool is_optional = layout->kinds[i] == IPC_BUFFER_VALIDITY && walk->node.null_count == 0;
        status = check_buffer(walk, least, is_optional);
    }
    return status;
}

/* The data buffers of a column of views. */
static enum fkv_status check_variadic(struct walk *walk)
{
    if (walk->variadic == walk->message->variadic_count)
        return refuse(walk, "no variadicBufferCounts entry for it, expected one for every view");
    int64_t count = ipc_message_variadic(walk->message, walk->variadic++);
    if (count < 0 || count > walk->message->buffer_count - walk->buffer)
        return refuse(walk, "%lld variadic buffers, but the batch has only %u more",
                      (long long)count, walk->message->buffer_count - walk->buffer);
    enum fkv_status status = FKV_OK;
    for (int64_t i = 0; i < count && status == FKV_OK; i++)
        status = check_buffer(walk, 0, false);
    return status;
}

/* The least length that the column must have by its parent's. */
static uint64_t least_length(const struct walk *walk)
{
    const struct column *column = walk->column;
    const struct column *columns = walk->verifier->columns;
    const int64_t *lengths = walk->verifier->lengths;
    uint64_t parent = (uint64_t)lengths[column->parent], size;
    switch (column->rule) {
    case LENGTH_PARENT:
        return parent;
    case LENGTH_LISTS:
        size = (uint64_t)columns[column->parent].field->list_size;
        return __builtin_mul_overflow(parent, size, &size) ? UINT64_MAX : size;
    case LENGTH_RUN_ENDS:
        return parent > 0 ? 1 : 0;
    case LENGTH_RUN_VALUES:
        return (uint64_t)lengths[column - columns - 1];
    default:
        return 0;
    }
}

static enum fkv_status check_node(struct walk *walk)
{
    struct ipc_node node = walk->node;
    if (node.length < 0 || node.null_count < 0 || node.null_count > node.length)
        return refuse(walk, "length %lld with %lld nulls, expected 0 <= nulls <= length",
                      (long long)node.length, (long long)node.null_count);
    if (walk->column->rule == LENGTH_ROWS && node.length != walk->message->rows)
        return refuse(walk, "length %lld in a batch of %lld rows", (long long)node.length,
                      (long long)walk->message->rows);
    uint64_t least = least_length(walk);
    if ((uint64_t)node.length < least)
        return refuse(walk, "length %lld, its parent needs %llu", (long long)node.length,
                      (unsigned long long)least);
    if (walk->column->rule == LENGTH_RUN_ENDS && node.null_count > 0)
        return refuse(walk, "%lld run ends are null, expected none", (long long)node.null_count);
    return FKV_OK;
}

static enum fkv_status check_column(struct walk *walk)
{
    enum fkv_status status = check_node(walk);
    if (status == FKV_OK)
        status = check_buffers(walk);
    if (status == FKV_OK && walk->column->layout.is_variadic)
        status = check_variadic(walk);
    return status;
}

static enum fkv_status check_counts(const struct walk *walk)
{
    const struct ipc_message *message = walk->message;
    if (walk->buffer != message->buffer_count)
        return status_set(walk->error, FKV_INVALID_ARGUMENT,
                          "the batch has %u buffers, expected %u", message->buffer_count,
                          walk->buffer);
    if (walk->variadic != message->variadic_count)
        return status_set(walk->error, FKV_INVALID_ARGUMENT,
                          "the batch has %u variadicBufferCounts, expected %u",
                          message->variadic_count, walk->variadic);
    return FKV_OK;
}

static enum fkv_status check_part(struct ipc_verifier *verifier, const struct ipc_message *message,
                                  struct part part, const struct ipc_body *body,
                                  struct fkv_error *error)
{
    struct walk walk = {.verifier = verifier, .message = message, .body = body, .error = error};
    if (message->node_count != part.count)
        return status_set(error, FKV_INVALID_ARGUMENT, "the batch has %u nodes, expected %u",
                          message->node_count, part.count);
    enum fkv_status status = FKV_OK;
    for (uint32_t i = 0; i < part.count && status == FKV_OK; i++) {
        walk.column = &verifier->columns[part.first + i];
        walk.node = ipc_message_node(message, i);
        status = check_column(&walk);
        verifier->lengths[part.first + i] = walk.node.length;
    }
    return status == FKV_OK ? check_counts(&walk) : status;
}

/* --- the kinds of messages --- */

static enum fkv_status take_schema(struct ipc_verifier *verifier, struct slice header,
                                   struct fkv_error *error)
{
    if (verifier->has_schema)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "a second schema came, expected only dictionaries and batches after the "
                          "first");
    if (verifier->schema != NULL && slice_equal(block_slice(verifier->schema->bytes), header)) {
        verifier->has_schema = true;
        return FKV_OK;
    }
    forget_schema(verifier);
    enum fkv_status status =
        ipc_schema_decode(verifier->alloc, header, &verifier->limits, &verifier->schema, error);
    verifier->has_schema = status == FKV_OK;
    return status == FKV_OK ? make_plan(verifier, error) : status;
}

static enum fkv_status take_dictionary(struct ipc_verifier *verifier,
                                       const struct ipc_message *message, struct fkv_error *error)
{
    long long id = message->dictionary_id;
    struct dictionary *dictionary = find_dictionary(verifier, message->dictionary_id);
    if (dictionary == NULL)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "dictionary batch of id %lld, which the schema doesn't have", id);
    if (message->is_delta && !dictionary->is_seen)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "dictionary %lld begins with a delta, expected values to append to", id);
    enum fkv_status status = check_part(verifier, message, dictionary->part, NULL, error);
    if (status != FKV_OK)
        return status_prefix(error, status, "dictionary %lld", id);
    verifier->seen_count += !dictionary->is_seen;
    dictionary->is_seen = true;
    return FKV_OK;
}

/* A batch has all columns of the schema, and so needs all dictionaries. */
static enum fkv_status take_batch(struct ipc_verifier *verifier, const struct ipc_message *message,
                                  struct fkv_error *error)
{
    for (uint32_t i = 0; verifier->seen_count < verifier->dictionary_count; i++)
        if (!verifier->dictionaries[i].is_seen)
            return status_set(error, FKV_INVALID_ARGUMENT,
                              "a record batch came before dictionary %lld, which it needs",
                              (long long)verifier->dictionaries[i].id);
    return check_part(verifier, message, verifier->batch, NULL, error);
}

enum fkv_status ipc_verifier_header(struct ipc_verifier *verifier, struct slice header,
                                    struct ipc_message *ret, struct fkv_error *error)
{
    struct ipc_message message;
    enum fkv_status status = ipc_message_decode(header, &verifier->limits, &message, error);
    if (status != FKV_OK)
        return status;
    if (message.kind == IPC_KIND_SCHEMA)
        status = take_schema(verifier, header, error);
    else if (!verifier->has_schema)
        status = status_set(error, FKV_INVALID_ARGUMENT,
                            "a batch came before the schema, expected the schema first");
    else if (message.version != verifier->schema->version)
        status = status_set(error, FKV_INVALID_ARGUMENT,
                            "the message has metadata version V%d, but the schema V%d",
                            (int)message.version + 1, (int)verifier->schema->version + 1);
    else if (message.kind == IPC_KIND_DICTIONARY)
        status = take_dictionary(verifier, &message, error);
    else
        status = take_batch(verifier, &message, error);
    if (status == FKV_OK)
        *ret = message;
    return status;
}

enum fkv_status ipc_verifier_parts(struct ipc_verifier *verifier, const struct ipc_message *message,
                                   const struct ipc_body *body, struct fkv_error *error)
{
    if (body->size != (uint64_t)message->body_length)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the message's body has %llu bytes, but its bodyLength is %lld",
                          (unsigned long long)body->size, (long long)message->body_length);
    if (message->kind == IPC_KIND_SCHEMA || message->codec == IPC_CODEC_NONE)
        return FKV_OK;
    struct part part = message->kind == IPC_KIND_BATCH
                           ? verifier->batch
                           : find_dictionary(verifier, message->dictionary_id)->part;
    return check_part(verifier, message, part, body, error);
}

enum fkv_status ipc_verifier_body(struct ipc_verifier *verifier, const struct ipc_message *message,
                                  struct slice body, struct fkv_error *error)
{
    const struct ipc_body whole = ipc_body_of_slice(body, NULL);
    return ipc_verifier_parts(verifier, message, &whole, error);
}

enum fkv_status ipc_verifier_end(struct ipc_verifier *verifier, struct fkv_error *error)
{
    if (!verifier->has_schema)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the stream ended before its schema, expected one first");
    if (verifier->seen_count > 0 && verifier->seen_count < verifier->dictionary_count)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the stream ended after %u of its %u dictionaries, expected all or none",
                          verifier->seen_count, verifier->dictionary_count);
    return FKV_OK;
}
