/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/fields.h"

#include <stdio.h>

#include "base/status.h"
#include "base/text.h"

static void reset(struct wire_fields *fields)
{
    struct wire_headers metadata = fields->metadata;
    *fields = (struct wire_fields){
        .metadata = metadata,
        .timeout_ns = UINT64_MAX,
        .http_status = -1,
        .grpc_status = -1,
        .is_identity = true,
    };
}

void wire_fields_init(struct wire_fields *fields, const struct alloc *alloc)
{
    wire_headers_init(&fields->metadata, alloc);
    reset(fields);
}

void wire_fields_done(struct wire_fields *fields)
{
    wire_headers_done(&fields->metadata);
}

void wire_fields_clear(struct wire_fields *fields)
{
    wire_headers_clear(&fields->metadata);
    reset(fields);
}

/* ---- gRPC's own fields ---- */

static void fail(struct wire_fields *fields, enum fkv_status status, const char *message)
{
    fields->status = status;
    snprintf(fields->problem, sizeof fields->problem, "%s", message);
}

static void take_method(struct wire_fields *fields, struct slice value)
{
    fields->is_post = slice_is(value, "POST");
}

static void take_path(struct wire_fields *fields, struct slice value)
{
    fields->path = wire_headers_text(&fields->metadata, value);
    if (fields->path.data == NULL)
        fail(fields, FKV_RESOURCE_EXHAUSTED, "out of memory for the request's path");
}

/* "application/grpc", or that with a "+format" or a ";parameter". */
static void take_content_type(struct wire_fields *fields, struct slice value)
{
    const size_t size = strlen("application/grpc");
    fields->is_grpc = slice_starts(value, "application/grpc") &&
                      (value.size == size || value.data[size] == '+' || value.data[size] == ';');
}

static void take_encoding(struct wire_fields *fields, struct slice value)
{
    fields->is_identity = slice_is(value, "identity");
}

static void take_timeout(struct wire_fields *fields, struct slice value)
{
    if (!wire_timeout_parse(value, &fields->timeout_ns))
        fail(fields, FKV_INTERNAL,
             "grpc-timeout is malformed; expected 1 to 8 digits and one of "
             "H, M, S, m, u, n");
}

/* A number of at most three digits; -1 for anything else. */
static long short_number(struct slice value)
{
    long number = 0;
    if (value.size < 1 || value.size > 3)
        return -1;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return -1;
        number = number * 10 + (value.data[i] - '0');
    }
    return number;
}

static void take_http_status(struct wire_fields *fields, struct slice value)
{
    fields->http_status = short_number(value);
}

/* Something that isn't a number is a status all the same, though an unknown one. */
static void take_grpc_status(struct wire_fields *fields, struct slice value)
{
    fields->grpc_status = short_number(value);
    if (fields->grpc_status < 0)
        fields->grpc_status = FKV_UNKNOWN;
}

/* What can't be decoded is shown as it came, says gRPC. */
static void take_grpc_message(struct wire_fields *fields, struct slice value)
{
    struct buf buf;
    buf_init(&buf, fields->metadata.alloc, value.size);
    bool is_decoded = text_unescape(&buf, value);
    fields->message = wire_headers_text(&fields->metadata, is_decoded ? buf_slice(&buf) : value);
    buf_done(&buf);
}

static void skip(struct wire_fields *fields, struct slice value)
{
    (void)fields;
    (void)value;
}

/* With their lengths: this is looked through for each field of each call. */
#define NAME(text)                                \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }

static const struct {
    struct slice name;
    void (*take)(struct wire_fields *fields, struct slice value);
} own_fields[] = {
    {NAME(":method"), take_method},
    {NAME(":path"), take_path},
    {NAME(":status"), take_http_status},
    {NAME("content-type"), take_content_type},
    {NAME("te"), skip},
    {NAME("grpc-encoding"), take_encoding},
    {NAME("grpc-timeout"), take_timeout},
    {NAME("grpc-status"), take_grpc_status},
    {NAME("grpc-message"), take_grpc_message},
};

void wire_fields_count(struct wire_fields *fields, struct slice name, struct slice value)
{
    fields->list_bytes += wire_headers_field_bytes(name, value);
}

void wire_fields_add(struct wire_fields *fields, struct slice name, struct slice value,
                     size_t bytes_max)
{
    wire_fields_count(fields, name, value);
    if (fields->status != FKV_OK)
        return;
    if (fields->list_bytes > bytes_max) {
        fail(fields, FKV_RESOURCE_EXHAUSTED, "the list of header fields is too long");
        return;
    }
    for (size_t i = 0; i < sizeof own_fields / sizeof own_fields[0]; i++) {
        if (slice_equal(name, own_fields[i].name)) {
            own_fields[i].take(fields, value);
            return;
        }
    }
    if (slice_starts(name, ":") || slice_starts(name, "grpc-"))
        return;
    struct fkv_error error;
    enum fkv_status status = wire_headers_decode(&fields->metadata, name, value, &error);
    if (status != FKV_OK)
        fail(fields, status, error.message);
}
