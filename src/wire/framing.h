/* SPDX-License-Identifier: Apache-2.0 */
/* Taking a call's incoming bytes apart into gRPC messages, without gathering them. */
#ifndef WIRE_FRAMING_H
#define WIRE_FRAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "flightkv/status.h"

struct wire_deframer {
    uint8_t prefix[5];
    unsigned prefix_bytes; /* of them there */
    uint64_t left;         /* of the message's bytes */
    bool in_message;
};

struct wire_deframer_events {
    enum fkv_status (*on_message)(void *context, uint64_t size, struct fkv_error *error);
    enum fkv_status (*on_bytes)(void *context, struct slice bytes, struct fkv_error *error);
    enum fkv_status (*on_message_end)(void *context, struct fkv_error *error);
};

/* INTERNAL for what isn't gRPC framing, RESOURCE_EXHAUSTED for a message over `message_bytes_max`,
 * or the first answer of an event that isn't OK; then the deframer must not be fed again. */
enum fkv_status wire_deframe(struct wire_deframer *deframer, struct slice bytes,
                             uint64_t message_bytes_max, const struct wire_deframer_events *events,
                             void *context, struct fkv_error *error);

/* Whether a message, or its prefix, has begun and not ended. */
bool wire_deframer_is_inside(const struct wire_deframer *deframer);

#endif
