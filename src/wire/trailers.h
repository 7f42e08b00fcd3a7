/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses as they travel: trailers, HTTP status codes, RST_STREAM codes. */
#ifndef WIRE_TRAILERS_H
#define WIRE_TRAILERS_H

#include "wire/headers.h"

/* The limit below which every gRPC client takes a header list (gRPC C++ begins to refuse there). */
enum { wire_trailers_bytes_max = 8 << 10 };

/* grpc-status; for an error also grpc-message, and x-arrow-status with x-arrow-status-message-bin,
 * from which Arrow's clients make their own kinds of error. The message is cut so that the list,
 * with what is in it already and `more_bytes`, stays within the limit above. */
bool wire_trailers_add(struct wire_headers *trailers, enum fkv_status status, const char *message,
                       size_t more_bytes);

/* The error codes of RFC 9113 section 7. */
enum wire_reset {
    WIRE_RESET_NO_ERROR = 0,
    WIRE_RESET_PROTOCOL_ERROR = 1,
    WIRE_RESET_INTERNAL_ERROR = 2,
    WIRE_RESET_REFUSED_STREAM = 7,
    WIRE_RESET_CANCEL = 8,
    WIRE_RESET_ENHANCE_YOUR_CALM = 11,
    WIRE_RESET_INADEQUATE_SECURITY = 12,
};

const char *wire_reset_text(uint32_t code);

/* What a client makes of a stream's reset, and of an answer that isn't gRPC. */
enum fkv_status wire_status_of_reset(uint32_t code);
enum fkv_status wire_status_of_http(long http_status);

#endif
