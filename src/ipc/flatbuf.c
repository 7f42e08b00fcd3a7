/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/flatbuf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/status.h"

enum {
    offset_bytes = 4,
    vtable_head_bytes = 4, /* the vtable's bytes and the table's */
    alignment_max = 8,
};

/* Offsets are signed in some readers, so a buffer never passes 2 GiB. */
#define BUFFER_BYTES_MAX ((uint64_t)INT32_MAX)

/* --- reading --- */

void ipc_fb_fail(struct ipc_fb *fb, enum fkv_status status, const char *format, ...)
{
    if (fb->status != FKV_OK)
        return;
    char message[FKV_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    fb->status = status_set(fb->error, status, "%s", message);
}

static void fail_at(struct ipc_fb *fb, const char *what, uint64_t at, const char *wrong)
{
    ipc_fb_fail(fb, FKV_INVALID_ARGUMENT, "flatbuffer of %zu bytes: %s at byte %llu %s",
                fb->bytes.size, what, (unsigned long long)at, wrong);
}

static bool pay(struct ipc_fb *fb, uint64_t bytes)
{
    if (bytes > fb->budget_bytes) {
        ipc_fb_fail(fb, FKV_INVALID_ARGUMENT,
                    "flatbuffer of %zu bytes uses its parts again and again, expected each once",
                    fb->bytes.size);
        return false;
    }
    fb->budget_bytes -= bytes;
    return true;
}

/* Whether [at, at + size) lies inside and `at` is a multiple of `alignment`. */
static bool holds(struct ipc_fb *fb, const char *what, uint64_t at, uint64_t size,
                  unsigned alignment)
{
    if (!slice_holds(fb->bytes, at, size))
        fail_at(fb, what, at, "reaches beyond the end");
    else if (at % alignment != 0)
        fail_at(fb, what, at, "isn't aligned");
    else
        return true;
    return false;
}

/* Where the offset at `at` (which lies inside) points: to something with 4 bytes at least, as all
 * that is pointed to begins with. 0 on failure. */
static uint32_t follow(struct ipc_fb *fb, const char *what, uint32_t at)
{
    uint32_t offset = load_le32(fb->bytes.data + at);
    if (offset == 0) {
        fail_at(fb, what, at, "has an offset of 0");
        return 0;
    }
    uint64_t target = (uint64_t)at + offset;
    return holds(fb, what, target, offset_bytes, offset_bytes) ? (uint32_t)target : 0;
}

static struct ipc_fb_table open_table(struct ipc_fb *fb, uint32_t at)
{
    static const struct ipc_fb_table none = {0};
    int64_t vtable_at = (int64_t)at - (int32_t)load_le32(fb->bytes.data + at);
    if (vtable_at < 0) {
        fail_at(fb, "table", at, "has a vtable before the begin");
        return none;
    }
    if (!holds(fb, "vtable", (uint64_t)vtable_at, vtable_head_bytes, sizeof(uint16_t)))
        return none;
    struct ipc_fb_table table = {
        .at = at,
        .vtable_at = (uint32_t)vtable_at,
        .vtable_bytes = load_le16(fb->bytes.data + vtable_at),
        .bytes = load_le16(fb->bytes.data + vtable_at + sizeof(uint16_t)),
    };
    if (table.vtable_bytes < vtable_head_bytes || table.vtable_bytes % sizeof(uint16_t) != 0)
        fail_at(fb, "vtable", table.vtable_at, "has an impossible size");
    else if (table.bytes < offset_bytes)
        fail_at(fb, "table", at, "has an impossible size");
    else if (holds(fb, "vtable", table.vtable_at, table.vtable_bytes, sizeof(uint16_t)) &&
             holds(fb, "table", at, table.bytes, offset_bytes) &&
             pay(fb, (uint64_t)table.bytes + table.vtable_bytes))
        return table;
    return none;
}

struct ipc_fb_table ipc_fb_begin(struct ipc_fb *fb, struct slice bytes, struct fkv_error *error)
{
    static const struct ipc_fb_table none = {0};
    *fb = (struct ipc_fb){
        .bytes = bytes, .budget_bytes = 2 * (uint64_t)bytes.size, .status = FKV_OK, .error = error};
    if (bytes.size > BUFFER_BYTES_MAX) {
        ipc_fb_fail(fb, FKV_INVALID_ARGUMENT,
                    "flatbuffer of %zu bytes is larger than the %llu possible", bytes.size,
                    (unsigned long long)BUFFER_BYTES_MAX);
        return none;
    }
    if (!holds(fb, "root offset", 0, offset_bytes, offset_bytes))
        return none;
    uint32_t at = follow(fb, "root table", 0);
    return fb->status == FKV_OK ? open_table(fb, at) : none;
}

/* Where a field of `width` bytes lies; 0 when it is absent. */
static uint32_t place_of(struct ipc_fb *fb, struct ipc_fb_table table, unsigned id, unsigned width)
{
    size_t entry = vtable_head_bytes + sizeof(uint16_t) * id;
    if (fb->status != FKV_OK || entry + sizeof(uint16_t) > table.vtable_bytes)
        return 0;
    uint16_t place = load_le16(fb->bytes.data + table.vtable_at + entry);
    if (place == 0)
        return 0;
    uint32_t at = table.at + place;
    if (place < offset_bytes || place + width > table.bytes)
        fail_at(fb, "field", at, "lies outside its table");
    else if (at % width != 0)
        fail_at(fb, "field", at, "isn't aligned");
    else
        return at;
    return 0;
}

int64_t ipc_fb_int(struct ipc_fb *fb, struct ipc_fb_table table, unsigned id, unsigned width,
                   int64_t fallback)
{
    uint32_t at = place_of(fb, table, id, width);
    if (at == 0)
        return fallback;
    const uint8_t *p = fb->bytes.data + at;
    switch (width) {
    case 1:
        return (int8_t)*p;
    case 2:
        return (int16_t)load_le16(p);
    case 4:
        return (int32_t)load_le32(p);
    default:
        return (int64_t)load_le64(p);
    }
}

/* Where the offset in field `id` points; 0 when it is absent or wrong. */
static uint32_t target_of(struct ipc_fb *fb, const char *what, struct ipc_fb_table table,
                          unsigned id)
{
    uint32_t at = place_of(fb, table, id, offset_bytes);
    return at == 0 ? 0 : follow(fb, what, at);
}

struct ipc_fb_table ipc_fb_child(struct ipc_fb *fb, struct ipc_fb_table table, unsigned id)
{
    uint32_t at = target_of(fb, "table", table, id);
    return at == 0 ? (struct ipc_fb_table){0} : open_table(fb, at);
}

struct slice ipc_fb_string(struct ipc_fb *fb, struct ipc_fb_table table, unsigned id)
{
    static const struct slice none = {0};
    uint32_t at = target_of(fb, "string", table, id);
    if (at == 0)
        return none;
    uint32_t size = load_le32(fb->bytes.data + at);
    if (!holds(fb, "string", at, offset_bytes + (uint64_t)size + 1, offset_bytes) ||
        !pay(fb, offset_bytes + (uint64_t)size + 1))
        return none;
    struct slice text = slice_of(fb->bytes.data + at + offset_bytes, size);
    if (text.data[size] == '\0')
        return text;
    fail_at(fb, "string", at, "doesn't end with NUL");
    return none;
}

struct ipc_fb_vector ipc_fb_vector(struct ipc_fb *fb, struct ipc_fb_table table, unsigned id,
                                   unsigned width)
{
    static const struct ipc_fb_vector none = {0};
    uint32_t at = target_of(fb, "vector", table, id);
    if (at == 0)
        return none;
    uint32_t count = load_le32(fb->bytes.data + at);
    uint64_t size = (uint64_t)count * width;
    uint32_t first = at + offset_bytes;
    unsigned alignment = width > alignment_max ? alignment_max : width;
    if (!holds(fb, "vector", first, size, count == 0 ? 1 : alignment) ||
        !pay(fb, offset_bytes + size))
        return none;
    return (struct ipc_fb_vector){.data = fb->bytes.data + first, .at = first, .count = count};
}

struct ipc_fb_table ipc_fb_element(struct ipc_fb *fb, struct ipc_fb_vector vector, uint32_t index)
{
    if (fb->status != FKV_OK || index >= vector.count)
        return (struct ipc_fb_table){0};
    uint32_t at = follow(fb, "table", vector.at + index * offset_bytes);
    return at == 0 ? (struct ipc_fb_table){0} : open_table(fb, at);
}

/* --- building --- */

static size_t here(const struct ipc_fb_builder *builder)
{
    return builder->out->size - builder->start;
}

/* `size` zeros, at a place that is a multiple of `alignment`, a power of two, once `before` is
 * added to it. */
static size_t reserve(struct ipc_fb_builder *builder, size_t before, size_t alignment, size_t size)
{
    size_t padding = (0 - here(builder) - before) & (alignment - 1);
    uint8_t *bytes = buf_extend(builder->out, padding + size);
    if (bytes == NULL)
        return 0;
    memset(bytes, 0, padding + size);
    if (here(builder) > BUFFER_BYTES_MAX)
        builder->out->failed = true;
    return here(builder) - size;
}

uint8_t *ipc_fb_bytes(const struct ipc_fb_builder *builder, size_t place)
{
    return builder->out->failed ? NULL : builder->out->data + builder->start + place;
}

static void point(struct ipc_fb_builder *builder, size_t at, size_t target)
{
    uint8_t *offset = ipc_fb_bytes(builder, at);
    if (offset != NULL)
        store_le32(offset, (uint32_t)(target - at));
}

size_t ipc_fb_build(struct ipc_fb_builder *builder, struct buf *out)
{
    *builder = (struct ipc_fb_builder){.out = out, .start = out->size};
    return reserve(builder, 0, offset_bytes, offset_bytes);
}

static void store_int(uint8_t *p, unsigned width, int64_t value)
{
    for (unsigned i = 0; i < width; i++)
        p[i] = (uint8_t)((uint64_t)value >> (8 * i));
}

/* Fields go behind the table's first 4 bytes, widest first, so that none needs padding. */
void ipc_fb_add_table(struct ipc_fb_builder *builder, size_t at, struct ipc_fb_slot *slots,
                      unsigned count)
{
    while (count > 0 && slots[count - 1].width == 0)
        count--;
    size_t of_width[alignment_max + 1] = {0}, places[alignment_max + 1], bytes = offset_bytes;
    for (unsigned i = 0; i < count; i++)
        of_width[slots[i].width] += slots[i].width;
    for (unsigned width = alignment_max; width > 0; width /= 2) {
        places[width] = bytes;
        bytes += of_width[width];
    }
    size_t vtable_bytes = vtable_head_bytes + sizeof(uint16_t) * count;
    size_t vtable_at = reserve(builder, 0, sizeof(uint16_t), vtable_bytes);
    size_t table_at = reserve(builder, offset_bytes, alignment_max, 0);
    reserve(builder, 0, 1, bytes);
    point(builder, at, table_at);
    if (builder->out->failed)
        return;

    uint8_t *vtable = ipc_fb_bytes(builder, vtable_at), *table = ipc_fb_bytes(builder, table_at);
    store_le16(vtable, (uint16_t)vtable_bytes);
    store_le16(vtable + sizeof(uint16_t), (uint16_t)bytes);
    store_le32(table, (uint32_t)(table_at - vtable_at));
    for (unsigned i = 0; i < count; i++) {
        unsigned width = slots[i].width;
        if (width == 0)
            continue;
        size_t place = places[width];
        places[width] += width;
        store_le16(vtable + vtable_head_bytes + sizeof(uint16_t) * i, (uint16_t)place);
        store_int(table + place, width, slots[i].value);
        slots[i].at = table_at + place;
    }
}

void ipc_fb_add_string(struct ipc_fb_builder *builder, size_t at, struct slice text)
{
    if (text.size > BUFFER_BYTES_MAX)
        builder->out->failed = true;
    size_t first = ipc_fb_add_vector(builder, at, (uint32_t)text.size, 1);
    reserve(builder, 0, 1, 1);
    uint8_t *bytes = ipc_fb_bytes(builder, first);
    if (bytes != NULL && text.size > 0)
        memcpy(bytes, text.data, text.size);
}

size_t ipc_fb_add_vector(struct ipc_fb_builder *builder, size_t at, uint32_t count, unsigned width)
{
    size_t alignment = width > alignment_max ? alignment_max : width;
    if (alignment < offset_bytes)
        alignment = offset_bytes;
    size_t vector_at = reserve(builder, offset_bytes, alignment, offset_bytes);
    size_t first = reserve(builder, 0, 1, (size_t)count * width);
    point(builder, at, vector_at);
    uint8_t *bytes = ipc_fb_bytes(builder, vector_at);
    if (bytes != NULL)
        store_le32(bytes, count);
    return first;
}

enum fkv_status ipc_fb_end(struct ipc_fb_builder *builder, struct fkv_error *error)
{
    struct buf *out = builder->out;
    reserve(builder, 0, alignment_max, 0);
    if (!out->failed)
        return FKV_OK;
    if (out->size > builder->start)
        out->size = builder->start;
    return status_set(error, FKV_RESOURCE_EXHAUSTED,
                      "out of memory for a flatbuffer, or it is larger than the %zu bytes allowed",
                      out->limit_bytes);
}
