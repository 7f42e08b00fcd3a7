/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/project.h"

#include <stdlib.h>

#include "base/status.h"

/* --- the projection --- */

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static enum fkv_status find_dictionaries(struct ipc_projection *p, struct fkv_error *error)
{
    const struct ipc_schema *schema = &p->schema;
    p->dictionaries = alloc_array(p->alloc, schema->field_count, sizeof *p->dictionaries);
    if (p->dictionaries == NULL)
        return status_no_memory(error, schema->field_count * sizeof *p->dictionaries);
    uint32_t count = 0;
    for (uint32_t i = 0; i < schema->field_count; i++)
        if (schema->fields[i].is_dictionary)
            p->dictionaries[count++] = schema->fields[i].dictionary.id;
    qsort(p->dictionaries, count, sizeof *p->dictionaries, compare_ids);
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || p->dictionaries[i] != p->dictionaries[i - 1])
            p->dictionaries[p->dictionary_count++] = p->dictionaries[i];
    p->schema.dictionary_count = p->dictionary_count;
    return FKV_OK;
}

static void choose_all(struct ipc_projection *p)
{
    memcpy(p->schema.fields, p->table->fields, p->table->field_count * sizeof *p->schema.fields);
    for (uint32_t i = 0; i < p->table->field_count; i++)
        p->sources[i] = i;
    p->schema.field_count = p->table->field_count;
    p->schema.column_count = p->table->column_count;
}

enum fkv_status ipc_projection_init(struct ipc_projection *projection, const struct alloc *alloc,
                                    const struct ipc_schema *table, const struct slice *paths,
                                    struct fkv_error *error)
{
    size_t count = table->field_count;
    struct ipc_projection p = {
        .alloc = alloc,
        .table = table,
        .schema = {.alloc = alloc,
                   .version = table->version,
                   .endianness = table->endianness,
                   .metadata = table->metadata,
                   .fields = alloc_array(alloc, count, sizeof *p.schema.fields)},
        .sources = alloc_array(alloc, count, sizeof *p.sources),
        .places = alloc_array(alloc, count, sizeof *p.places),
    };
    enum fkv_status status = FKV_OK;
    if (p.schema.fields == NULL || p.sources == NULL || p.places == NULL)
        status = status_no_memory(error, count * sizeof *p.schema.fields);
    else if (paths != NULL)
        status = ipc_projection_choose(&p, *paths, error);
    else if (count > 0)
        choose_all(&p);
    if (status == FKV_OK)
        status = find_dictionaries(&p, error);
    if (status == FKV_OK)
        *projection = p;
    else
        ipc_projection_done(&p);
    return status;
}

void ipc_projection_done(struct ipc_projection *projection)
{
    if (projection->alloc == NULL)
        return;
    alloc_free(projection->alloc, projection->schema.fields);
    alloc_free(projection->alloc, projection->sources);
    alloc_free(projection->alloc, projection->places);
    alloc_free(projection->alloc, projection->dictionaries);
    projection->alloc = NULL;
}

bool ipc_projection_dictionary(const struct ipc_projection *projection, int64_t id,
                               uint32_t *ret_index)
{
    const int64_t *found = projection->dictionary_count == 0
                               ? NULL
                               : bsearch(&id, projection->dictionaries,
                                         projection->dictionary_count, sizeof id, compare_ids);
    if (found == NULL)
        return false;
    *ret_index = (uint32_t)(found - projection->dictionaries);
    return true;
}

/* --- taking a batch apart --- */

void ipc_taking_begin(struct ipc_taking *taking, struct ipc_batch *ret)
{
    struct ipc_projection *p = taking->projection;
    struct ipc_place place = {0};
    for (uint32_t i = 0; i < p->table->field_count;) {
        const struct ipc_field *field = &p->table->fields[i];
        struct ipc_layout layout = ipc_layout_of(field, p->table->version, false);
        p->places[i] = place;
        place.node++;
        place.buffer += layout.count;
        if (layout.is_variadic)
            place.buffer += (uint32_t)ipc_message_variadic(taking->message, place.variadic++);
        i = (uint32_t)(ipc_column_after(field, &layout) - p->table->fields);
    }
    taking->next = 0;
    ipc_batch_init(ret, p->alloc);
    ret->rows = taking->message->rows;
}

/* Gives how many bytes had to be decompressed. */
static enum fkv_status take_buffer(const struct ipc_taking *taking, struct ipc_batch *batch,
                                   uint32_t index, uint64_t *ret_bytes, struct fkv_error *error)
{
    const struct ipc_buffer place = ipc_message_buffer(taking->message, index);
    struct slice bytes = slice_of(ipc_zeros, 0);
    struct block *block = NULL;
    if (place.length > 0)
        bytes = slice_part(taking->body, (size_t)place.offset, (size_t)place.length);
    if (taking->message->codec != IPC_CODEC_NONE && taking->compression != NULL) {
        enum fkv_status status = ipc_decompress_buffer(taking->compression, taking->message->codec,
                                                       bytes, &bytes, &block, error);
        if (status != FKV_OK)
            return status;
    }
    if (block != NULL) {
        *ret_bytes += block->size;
        ipc_batch_add_block(batch, block);
    } else {
        ipc_batch_add_buffer(batch, bytes, bytes.size > 0 ? taking->owner : NULL);
    }
    return FKV_OK;
}

static enum fkv_status take_column(const struct ipc_taking *taking, struct ipc_batch *batch,
                                   const struct ipc_layout *layout, struct ipc_place place,
                                   uint64_t *ret_bytes, struct fkv_error *error)
{
    struct ipc_node node = ipc_message_node(taking->message, place.node);
    int64_t count = layout->count;
    ipc_batch_add_node(batch, node.length, node.null_count);
    if (layout->is_variadic) {
        int64_t variadic = ipc_message_variadic(taking->message, place.variadic);
        ipc_batch_add_variadic(batch, variadic);
        count += variadic;
    }
    enum fkv_status status = FKV_OK;
    for (int64_t i = 0; i < count && status == FKV_OK; i++)
        status = take_buffer(taking, batch, place.buffer + (uint32_t)i, ret_bytes, error);
    return status;
}

enum fkv_status ipc_taking_step(struct ipc_taking *taking, struct ipc_batch *batch,
                                uint64_t bytes_max, bool *ret_is_done, struct fkv_error *error)
{
    const struct ipc_projection *p = taking->projection;
    enum fkv_status status = FKV_OK;
    uint64_t bytes = 0;
    while (taking->next < p->schema.field_count && bytes < bytes_max && status == FKV_OK) {
        const struct ipc_field *field = &p->schema.fields[taking->next];
        struct ipc_layout layout = ipc_layout_of(field, p->table->version, false);
        status =
            take_column(taking, batch, &layout, p->places[p->sources[taking->next]], &bytes, error);
        if (status == FKV_INVALID_ARGUMENT)
            status_prefix(error, status, "column '%.*s'", (int)field->name.size,
                          (const char *)field->name.data);
        taking->next = (uint32_t)(ipc_column_after(field, &layout) - p->schema.fields);
    }
    if (status == FKV_OK)
        status = ipc_batch_status(batch, error);
    if (status == FKV_OK)
        *ret_is_done = taking->next == p->schema.field_count;
    return status;
}
