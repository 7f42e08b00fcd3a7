/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/trailers.h"

#include <stdio.h>

#include "base/status.h"
#include "base/text.h"

/* Longer messages help nobody, and would crowd out other trailers. */
enum { message_bytes_max = 1024 };

/* Room for the names, numbers and overheads of the four fields. */
enum { status_fields_bytes = 256 };

static size_t percent_size(struct slice text)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        size += c < 0x20 || c > 0x7e || c == '%' ? 3 : 1;
    }
    return size;
}

/* Shorter by one character of UTF-8. */
static struct slice without_last(struct slice text)
{
    do
        text.size--;
    while (text.size > 0 && (text.data[text.size] & 0xc0) == 0x80);
    return text;
}

static struct slice cut_message(const char *message, size_t room)
{
    struct slice text = slice_text(message);
    while (text.size > message_bytes_max ||
           (text.size > 0 && percent_size(text) + text.size * 4 / 3 + 4 > room))
        text = text.size > 2 * message_bytes_max ? slice_part(text, 0, message_bytes_max + 1)
                                                 : without_last(text);
    return text;
}

static bool add_number(struct wire_headers *trailers, const char *name, int number)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%d", number);
    return wire_headers_add(trailers, slice_text(name), slice_text(digits));
}

static bool add_message(struct wire_headers *trailers, struct slice message)
{
    struct buf buf;
    buf_init(&buf, trailers->alloc, message_bytes_max * 3 + 1); /* and a NUL while it is written */
    bool done = text_percent(&buf, message) &&
                wire_headers_add(trailers, slice_text("grpc-message"), buf_slice(&buf));
    buf_done(&buf);
    return done;
}

bool wire_trailers_add(struct wire_headers *trailers, enum fkv_status status, const char *message,
                       size_t more_bytes)
{
    if (status == FKV_OK) /* nearly always */
        return wire_headers_refer(trailers, slice_text("grpc-status"), slice_text("0"));
    if (!add_number(trailers, "grpc-status", status))
        return false;
    size_t used = trailers->list_bytes + more_bytes + status_fields_bytes;
    size_t room = used < wire_trailers_bytes_max ? wire_trailers_bytes_max - used : 0;
    struct slice text = cut_message(message, room);
    struct fkv_error ignored; /* of the name and value there is nothing to refuse */
    return add_message(trailers, text) &&
           add_number(trailers, "x-arrow-status", status_arrow_code(status)) &&
           wire_headers_encode(trailers, slice_text("x-arrow-status-message-bin"), text,
                               &ignored) == FKV_OK;
}

static const char *const reset_texts[] = {
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
};

const char *wire_reset_text(uint32_t code)
{
    return code < sizeof reset_texts / sizeof reset_texts[0] ? reset_texts[code]
                                                             : "an unknown error code";
}

enum fkv_status wire_status_of_reset(uint32_t code)
{
    switch (code) {
    case WIRE_RESET_REFUSED_STREAM:
        return FKV_UNAVAILABLE;
    case WIRE_RESET_CANCEL:
        return FKV_CANCELLED;
    case WIRE_RESET_ENHANCE_YOUR_CALM:
        return FKV_RESOURCE_EXHAUSTED;
    case WIRE_RESET_INADEQUATE_SECURITY:
        return FKV_PERMISSION_DENIED;
    default:
        return FKV_INTERNAL;
    }
}

/* https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md */
enum fkv_status wire_status_of_http(long http_status)
{
    switch (http_status) {
    case 400:
    case 431:
        return FKV_INTERNAL;
    case 401:
        return FKV_UNAUTHENTICATED;
    case 403:
        return FKV_PERMISSION_DENIED;
    case 404:
        return FKV_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return FKV_UNAVAILABLE;
    default:
        return FKV_UNKNOWN;
    }
}
