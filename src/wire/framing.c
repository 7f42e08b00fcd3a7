/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/framing.h"

#include <inttypes.h>

#include "base/status.h"

/* Only what grpc-encoding names may be compressed, and no encoding but "identity" gets this far. */
static enum fkv_status check_prefix(uint8_t flag, uint64_t size, uint64_t message_bytes_max,
                                    struct fkv_error *error)
{
    if (flag == 1)
        return status_set(error, FKV_INTERNAL,
                          "a message is marked as compressed, but grpc-encoding names no encoding");
    if (flag != 0)
        return status_set(error, FKV_INTERNAL,
                          "a message begins with the flag byte %u; gRPC knows 0 and 1", flag);
    if (size > message_bytes_max)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "a message of %" PRIu64 " bytes is longer than the limit of %" PRIu64,
                          size, message_bytes_max);
    return FKV_OK;
}

static enum fkv_status take_prefix(struct wire_deframer *d, struct slice *bytes,
                                   uint64_t message_bytes_max,
                                   const struct wire_deframer_events *events, void *context,
                                   struct fkv_error *error)
{
    struct slice part = slice_take(bytes, sizeof d->prefix - d->prefix_bytes);
    memcpy(d->prefix + d->prefix_bytes, part.data, part.size);
    d->prefix_bytes += (unsigned)part.size;
    if (d->prefix_bytes < sizeof d->prefix)
        return FKV_OK;
    const uint8_t *p = d->prefix;
    uint64_t size = (uint64_t)p[1] << 24 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 8 | p[4];
    enum fkv_status status = check_prefix(p[0], size, message_bytes_max, error);
    if (status != FKV_OK)
        return status;
    d->prefix_bytes = 0;
    d->in_message = true;
    d->left = size;
    return events->on_message(context, size, error);
}

enum fkv_status wire_deframe(struct wire_deframer *d, struct slice bytes,
                             uint64_t message_bytes_max, const struct wire_deframer_events *events,
                             void *context, struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    while (status == FKV_OK && (bytes.size > 0 || (d->in_message && d->left == 0))) {
        if (!d->in_message) {
            status = take_prefix(d, &bytes, message_bytes_max, events, context, error);
        } else if (d->left > 0) {
            struct slice part =
                slice_take(&bytes, d->left < bytes.size ? (size_t)d->left : bytes.size);
            d->left -= part.size;
            status = events->on_bytes(context, part, error);
        } else {
            d->in_message = false;
            status = events->on_message_end(context, error);
        }
    }
    return status;
}

bool wire_deframer_is_inside(const struct wire_deframer *deframer)
{
    return deframer->in_message || deframer->prefix_bytes > 0;
}
