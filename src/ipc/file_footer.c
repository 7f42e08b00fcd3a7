/* SPDX-License-Identifier: Apache-2.0 */
/* The footer's table (File.fbs):
 *
 *     table Footer { version: short; schema: Schema; dictionaries: [Block]; recordBatches: [Block];
 * } struct Block { offset: long; metaDataLength: int; bodyLength: long; }
 *
 * Its schema is the one inside a copy of the Schema message that is put behind the rest: offsets
 * count from where they lie, so that a table stays valid wherever its bytes are copied to.
 */
#include "ipc/file_footer.h"

#include <string.h>

#include "base/status.h"
#include "ipc/batch.h"
#include "ipc/flatbuf.h"

enum { place_size = 24, tail_size = sizeof(int32_t) + file_magic_size };
enum { footer_version, footer_schema, footer_dictionaries, footer_batches, footer_members };
enum { message_header = 2 }; /* of Message */

/* --- reading --- */

static enum fkv_status broken(struct fkv_error *error, const char *what)
{
    return status_set(error, FKV_INVALID_ARGUMENT, "the Arrow file's footer %s", what);
}

struct file_place file_footer_place(const struct file_places *places, uint32_t index)
{
    const uint8_t *at = places->structs + (size_t)index * place_size;
    return (struct file_place){.offset = (int64_t)load_le64(at),
                               .header_length = (int32_t)load_le32(at + 8),
                               .body_length = (int64_t)load_le64(at + 16)};
}

/* Whether all places lie within [head, end); what they name together is taken off *left. */
static bool places_fit(const struct file_places *places, uint64_t end, uint64_t *left)
{
    for (uint32_t i = 0; i < places->count; i++) {
        struct file_place place = file_footer_place(places, i);
        if (place.offset < file_head_size || place.offset % 8 != 0 || place.header_length <= 0 ||
            place.body_length < 0 || (uint64_t)place.offset > end)
            return false;
        uint64_t room = end - (uint64_t)place.offset, size = (uint64_t)place.header_length;
        if ((uint64_t)place.body_length > room || size > room - (uint64_t)place.body_length)
            return false;
        size += (uint64_t)place.body_length;
        if (size > *left) /* named more than once: a small file must not make endless batches */
            return false;
        *left -= size;
    }
    return true;
}

static enum fkv_status read_length(struct file_source *source, uint64_t *ret,
                                   struct fkv_error *error)
{
    uint8_t tail[tail_size];
    if (source->size < file_head_size + tail_size)
        return broken(error, "is missing: the file is too short for one");
    source->offset = source->size - tail_size;
    enum fkv_status status = file_source_read(source, tail, tail_size, error);
    if (status != FKV_OK)
        return status;
    if (memcmp(tail + sizeof(int32_t), FILE_MAGIC, file_magic_size) != 0)
        return broken(error, "is missing: the file doesn't end with " FILE_MAGIC);
    *ret = load_le32(tail);
    if (*ret > source->size - file_head_size - tail_size || *ret > source->limits.header_bytes_max)
        return broken(error, "is longer than the file or than a header may be");
    return FKV_OK;
}

static enum fkv_status decode(struct slice bytes, struct file_footer *ret, struct fkv_error *error)
{
    struct ipc_fb fb;
    struct ipc_fb_table table = ipc_fb_begin(&fb, bytes, error);
    struct ipc_fb_vector dictionaries = ipc_fb_vector(&fb, table, footer_dictionaries, place_size);
    struct ipc_fb_vector batches = ipc_fb_vector(&fb, table, footer_batches, place_size);
    if (fb.status != FKV_OK)
        return status_prefix(error, fb.status, "the Arrow file's footer");
    ret->dictionaries = (struct file_places){dictionaries.data, dictionaries.count};
    ret->batches = (struct file_places){batches.data, batches.count};
    return FKV_OK;
}

enum fkv_status file_footer_read(struct file_source *source, struct buf *bytes,
                                 struct file_footer *ret, struct fkv_error *error)
{
    uint64_t length = 0;
    enum fkv_status status = read_length(source, &length, error);
    if (status != FKV_OK)
        return status;
    buf_clear(bytes);
    uint8_t *target = buf_extend(bytes, (size_t)length);
    if (target == NULL)
        return status_no_memory(error, (size_t)length);
    uint64_t begin = source->size - tail_size - length, left = begin;
    source->offset = begin;
    struct file_footer footer;
    status = file_source_read(source, target, (size_t)length, error);
    if (status == FKV_OK)
        status = decode(buf_slice(bytes), &footer, error);
    if (status != FKV_OK)
        return status;
    if (!places_fit(&footer.dictionaries, begin, &left) ||
        !places_fit(&footer.batches, begin, &left))
        return broken(error, "names messages outside of the file");
    *ret = footer;
    return FKV_OK;
}

/* --- writing --- */

static void add_places(struct ipc_fb_builder *builder, size_t at, const struct buf *places)
{
    const struct file_place *place = (const void *)places->data;
    uint32_t count = (uint32_t)(places->size / sizeof *place);
    uint8_t *target = ipc_fb_bytes(builder, ipc_fb_add_vector(builder, at, count, place_size));
    for (uint32_t i = 0; target != NULL && i < count; i++, target += place_size) {
        store_le64(target, (uint64_t)place[i].offset);
        store_le32(target + 8, (uint32_t)place[i].header_length);
        store_le64(target + 16, (uint64_t)place[i].body_length);
    }
}

/* Copies the Schema message behind the rest and sets the offset at `at` to the Schema inside it. */
static enum fkv_status add_schema(struct ipc_fb_builder *builder, size_t at, struct slice message,
                                  struct fkv_error *error)
{
    struct ipc_fb fb;
    struct ipc_fb_table table = ipc_fb_begin(&fb, message, error);
    struct ipc_fb_table schema = ipc_fb_child(&fb, table, message_header);
    if (fb.status != FKV_OK)
        return fb.status;
    size_t size = builder->out->size - builder->start;
    buf_append(builder->out, ipc_zeros, (8 - size % 8) % 8);
    size_t place = builder->out->size - builder->start;
    buf_append(builder->out, message.data, message.size);
    uint8_t *offset = ipc_fb_bytes(builder, at);
    if (offset != NULL)
        store_le32(offset, (uint32_t)(place + schema.at - at));
    return FKV_OK;
}

enum fkv_status file_footer_append(struct buf *target, struct slice schema,
                                   const struct buf *dictionaries, const struct buf *batches,
                                   struct fkv_error *error)
{
    struct ipc_fb_builder builder;
    struct ipc_fb_slot slots[footer_members] = {
        [footer_version] = ipc_fb_scalar(2, IPC_V5, 0),
        [footer_schema] = ipc_fb_offset(),
        [footer_dictionaries] = ipc_fb_offset(),
        [footer_batches] = ipc_fb_offset(),
    };
    size_t root = ipc_fb_build(&builder, target), begin = builder.start;
    ipc_fb_add_table(&builder, root, slots, footer_members);
    add_places(&builder, slots[footer_dictionaries].at, dictionaries);
    add_places(&builder, slots[footer_batches].at, batches);
    enum fkv_status status = add_schema(&builder, slots[footer_schema].at, schema, error);
    if (status == FKV_OK)
        status = ipc_fb_end(&builder, error);
    if (status != FKV_OK)
        return status;
    uint8_t length[sizeof(int32_t)];
    store_le32(length, (uint32_t)(target->size - begin));
    buf_append(target, length, sizeof length);
    buf_append(target, FILE_MAGIC, file_magic_size);
    return target->failed ? status_no_memory(error, target->size) : FKV_OK;
}
