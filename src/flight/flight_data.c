/* SPDX-License-Identifier: Apache-2.0 */
#include "flight/flight_data.h"

#include "base/status.h"
#include "base/text.h"

enum {
    field_descriptor = 1,
    field_header = 2,
    field_app_metadata = 3,
    field_body = 1000,
    field_refs = 1001,
};

/* Protobuf wire types. */
enum { wire_varint = 0, wire_fixed64 = 1, wire_bytes = 2, wire_fixed32 = 5 };

void flight_data_reader_init(struct flight_data_reader *reader, const struct alloc *alloc,
                             const struct flight_data_limits *limits,
                             const struct flight_data_handler *handler, void *context)
{
    *reader = (struct flight_data_reader){.handler = handler, .context = context};
    buf_init(&reader->descriptor, alloc, limits->descriptor_bytes_max);
    buf_init(&reader->header, alloc, limits->header_bytes_max);
    buf_init(&reader->app_metadata, alloc, limits->app_metadata_bytes_max);
    buf_init(&reader->refs, alloc, limits->refs_bytes_max);
}

void flight_data_reader_done(struct flight_data_reader *reader)
{
    buf_done(&reader->descriptor);
    buf_done(&reader->header);
    buf_done(&reader->app_metadata);
    buf_done(&reader->refs);
}

static void expect(struct flight_data_reader *reader, enum flight_data_state state)
{
    reader->state = state;
    reader->varint = 0;
    reader->varint_shift = 0;
}

void flight_data_begin(struct flight_data_reader *reader, uint64_t size)
{
    buf_clear(&reader->descriptor);
    buf_clear(&reader->header);
    buf_clear(&reader->app_metadata);
    buf_clear(&reader->refs);
    reader->has_descriptor = reader->has_header = reader->has_app_metadata = false;
    reader->has_body = false;
    reader->left = size;
    reader->field_left = 0;
    expect(reader, FLIGHT_DATA_TAG);
}

/* Takes bytes of a varint off *bytes; false when it isn't complete yet. */
static bool take_varint(struct flight_data_reader *reader, struct slice *bytes,
                        enum fkv_status *ret_status, struct fkv_error *error)
{
    while (bytes->size > 0) {
        uint8_t byte = *slice_take(bytes, 1).data;
        if (reader->varint_shift > 63 || (reader->varint_shift == 63 && byte > 1)) {
            *ret_status =
                status_set(error, FKV_INVALID_ARGUMENT, "FlightData has a varint of over 64 bits");
            return false;
        }
        reader->varint |= (uint64_t)(byte & 0x7f) << reader->varint_shift;
        reader->varint_shift += 7;
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}

/* The bytes of the message behind the current position, the rest of `bytes` included. */
static uint64_t bytes_ahead(const struct flight_data_reader *reader, struct slice bytes)
{
    return reader->left + bytes.size;
}

static enum fkv_status begin_body(struct flight_data_reader *reader, uint64_t size,
                                  struct fkv_error *error)
{
    if (reader->has_body)
        return status_set(error, FKV_INVALID_ARGUMENT, "FlightData has data_body twice");
    reader->has_body = true;
    reader->state = FLIGHT_DATA_BODY;
    reader->field_left = size;
    return reader->handler->on_body(reader->context, size, error);
}

static bool takes_refs(const struct flight_data_reader *reader)
{
    return reader->refs.limit_bytes > 0;
}

static enum fkv_status begin_gather(struct flight_data_reader *reader, struct buf *buf, bool *has,
                                    uint64_t size, const char *name, struct fkv_error *error)
{
    if (reader->has_body)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "FlightData has %s behind data_body, expected before it", name);
    if (size > buf->limit_bytes)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "FlightData.%s of %llu bytes is over the limit of %zu", name,
                          (unsigned long long)size, buf->limit_bytes);
    buf_clear(buf);
    *has = true;
    reader->gathering = buf;
    reader->gathering_name = name;
    reader->field_left = size;
    reader->state = FLIGHT_DATA_GATHER;
    return FKV_OK;
}

/* Its tag and its length have just been read. */
static enum fkv_status begin_field(struct flight_data_reader *reader, uint64_t field, uint64_t size,
                                   struct slice bytes, struct fkv_error *error)
{
    if (size > bytes_ahead(reader, bytes))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "FlightData field %llu claims %llu bytes, but only %llu are left",
                          (unsigned long long)field, (unsigned long long)size,
                          (unsigned long long)bytes_ahead(reader, bytes));
    switch (field) {
    case field_descriptor:
        return begin_gather(reader, &reader->descriptor, &reader->has_descriptor, size,
                            "flight_descriptor", error);
    case field_header:
        return begin_gather(reader, &reader->header, &reader->has_header, size, "data_header",
                            error);
    case field_app_metadata:
        return begin_gather(reader, &reader->app_metadata, &reader->has_app_metadata, size,
                            "app_metadata", error);
    case field_body:
        return begin_body(reader, size, error);
    case field_refs:
        if (takes_refs(reader))
            return begin_gather(reader, &reader->refs, &(bool){false}, size, "body_refs", error);
        break;
    }
    reader->state = FLIGHT_DATA_SKIP;
    reader->field_left = size;
    return FKV_OK;
}

static enum fkv_status after_tag(struct flight_data_reader *reader, struct slice bytes,
                                 struct fkv_error *error)
{
    uint64_t field = reader->varint >> 3;
    unsigned type = (unsigned)(reader->varint & 7);
    bool known = (field >= field_descriptor && field <= field_app_metadata) ||
                 field == field_body || (field == field_refs && takes_refs(reader));
    if (field == 0 || field > 0x1fffffff || (known && type != wire_bytes))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "FlightData has field %llu with wire type %u, expected bytes (2)",
                          (unsigned long long)field, type);
    switch (type) {
    case wire_bytes:
        reader->field_left = field; /* kept here until the length is known */
        expect(reader, FLIGHT_DATA_LENGTH);
        return FKV_OK;
    case wire_varint:
        expect(reader, FLIGHT_DATA_SKIP_VARINT);
        return FKV_OK;
    case wire_fixed64:
    case wire_fixed32:
        return begin_field(reader, field, type == wire_fixed64 ? 8 : 4, bytes, error);
    default:
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "FlightData has a field of wire type %u, which is not in use", type);
    }
}

static enum fkv_status gather(struct flight_data_reader *reader, struct slice part,
                              struct fkv_error *error)
{
    struct buf *buf = reader->gathering;
    if (buf_append(buf, part.data, part.size))
        return FKV_OK;
    char size[text_figure_size], come[text_figure_size];
    return status_set(error, FKV_RESOURCE_EXHAUSTED,
                      "no memory for FlightData.%s of %s, of which %s had come: either --memory or "
                      "the machine's is used up",
                      reader->gathering_name,
                      text_size(size, buf->size + part.size + reader->field_left),
                      text_size(come, buf->size));
}

/* Moves bytes of the current field; at its end the next tag is expected. */
static enum fkv_status take_field(struct flight_data_reader *reader, struct slice *bytes,
                                  struct fkv_error *error)
{
    struct slice part = slice_take(
        bytes, reader->field_left < bytes->size ? (size_t)reader->field_left : bytes->size);
    reader->field_left -= part.size;
    enum fkv_status status = FKV_OK;
    if (reader->state == FLIGHT_DATA_GATHER)
        status = gather(reader, part, error);
    else if (reader->state == FLIGHT_DATA_BODY && part.size > 0)
        status = reader->handler->on_body_bytes(reader->context, part, error);
    if (reader->field_left == 0)
        expect(reader, FLIGHT_DATA_TAG);
    return status;
}

static enum fkv_status take_some(struct flight_data_reader *reader, struct slice *bytes,
                                 struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    switch (reader->state) {
    case FLIGHT_DATA_TAG:
        if (take_varint(reader, bytes, &status, error))
            status = after_tag(reader, *bytes, error);
        break;
    case FLIGHT_DATA_LENGTH:
        if (take_varint(reader, bytes, &status, error))
            status = begin_field(reader, reader->field_left, reader->varint, *bytes, error);
        break;
    case FLIGHT_DATA_SKIP_VARINT:
        if (take_varint(reader, bytes, &status, error))
            expect(reader, FLIGHT_DATA_TAG);
        break;
    case FLIGHT_DATA_GATHER:
    case FLIGHT_DATA_BODY:
    case FLIGHT_DATA_SKIP:
        return take_field(reader, bytes, error);
    }
    /* A field of no bytes ends where it begins. */
    if (status == FKV_OK && reader->state >= FLIGHT_DATA_GATHER &&
        reader->state <= FLIGHT_DATA_SKIP && reader->field_left == 0)
        expect(reader, FLIGHT_DATA_TAG);
    return status;
}

enum fkv_status flight_data_feed(struct flight_data_reader *reader, struct slice bytes,
                                 struct fkv_error *error)
{
    if (bytes.size > reader->left)
        return status_set(error, FKV_INTERNAL, "more bytes than the message has");
    reader->left -= bytes.size;
    enum fkv_status status = FKV_OK;
    while (bytes.size > 0 && status == FKV_OK)
        status = take_some(reader, &bytes, error);
    return status;
}

uint8_t *flight_data_target(struct flight_data_reader *reader, size_t *size)
{
    if (reader->state != FLIGHT_DATA_BODY || reader->handler->body_target == NULL)
        return NULL;
    if (*size > reader->field_left)
        *size = (size_t)reader->field_left;
    return reader->handler->body_target(reader->context, size);
}

enum fkv_status flight_data_end(struct flight_data_reader *reader, struct fkv_error *error)
{
    if (reader->left != 0 || reader->state != FLIGHT_DATA_TAG || reader->varint_shift != 0)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "a FlightData message ends inside one of its fields");
    return reader->has_body ? FKV_OK : begin_body(reader, 0, error);
}

/* ---- writing ---- */

enum { varint_bytes_max = 10, tag_bytes_max = 2 };

static size_t write_varint(uint8_t *target, uint64_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        target[size++] = (uint8_t)(value | 0x80);
    target[size++] = (uint8_t)value;
    return size;
}

static size_t write_tag_at(uint8_t *target, unsigned field, uint64_t size)
{
    size_t used = write_varint(target, (uint64_t)field << 3 | wire_bytes);
    return used + write_varint(target + used, size);
}

static void write_tag(struct wire_out *out, unsigned field, uint64_t size)
{
    uint8_t bytes[tag_bytes_max + varint_bytes_max];
    wire_out_copy(out, slice_of(bytes, write_tag_at(bytes, field, size)));
}

static void write_field(struct wire_out *out, unsigned field, struct slice bytes)
{
    uint8_t tag[tag_bytes_max + varint_bytes_max];
    size_t tag_bytes = write_tag_at(tag, field, bytes.size);
    uint8_t *room = wire_out_space(out, tag_bytes + bytes.size);
    if (room == NULL)
        return;
    memcpy(room, tag, tag_bytes);
    if (bytes.size > 0)
        memcpy(room + tag_bytes, bytes.data, bytes.size);
}

void flight_data_write_head(struct wire_out *out, const struct flight_data_head *head)
{
    wire_out_begin(out);
    if (head->descriptor.size > 0)
        write_field(out, field_descriptor, head->descriptor);
    if (head->header.size > 0)
        write_field(out, field_header, head->header);
    if (head->has_app_metadata)
        write_field(out, field_app_metadata, head->app_metadata);
    if (head->refs.size > 0)
        write_field(out, field_refs, head->refs);
    if (head->body_bytes > 0)
        write_tag(out, field_body, head->body_bytes);
}

enum { field_schema = 1, encapsulation_bytes = 8 };

static size_t padded_bytes(struct slice header)
{
    return (header.size + 7) / 8 * 8;
}

void flight_schema_write(struct wire_out *out, struct slice header, struct block *owner)
{
    static const uint8_t padding[8];
    size_t padded = padded_bytes(header);
    uint8_t prefix[encapsulation_bytes];
    store_le32(prefix, UINT32_MAX); /* the continuation marker */
    store_le32(prefix + 4, (uint32_t)padded);
    write_tag(out, field_schema, encapsulation_bytes + padded);
    wire_out_copy(out, slice_of(prefix, sizeof prefix));
    wire_out_ref(out, header, owner);
    wire_out_copy(out, slice_of(padding, padded - header.size));
}

enum { field_info = 1 };

void flight_complete_poll_write(struct wire_out *out, struct slice header, struct block *owner,
                                struct slice rest)
{
    static const uint8_t progress_1[] = {0x19, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f}; /* field 3, double */
    uint8_t ignored[varint_bytes_max];
    uint64_t schema_bytes = encapsulation_bytes + padded_bytes(header);
    uint64_t field_bytes = 1 + write_varint(ignored, schema_bytes) + schema_bytes;
    write_tag(out, field_info, field_bytes + rest.size);
    flight_schema_write(out, header, owner);
    wire_out_copy(out, rest);
    wire_out_copy(out, slice_of(progress_1, sizeof progress_1));
}
