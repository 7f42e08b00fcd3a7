/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a peer as each of Flight's messages: the first byte says which. What can be decoded
 * can be encoded, and memory keeps its limit. */
#include <stdlib.h>

#include "flight/messages.h"
#include "fuzz/fuzz.h"

enum { memory_limit = 1 << 20 };

static void check(bool is_so)
{
    if (!is_so)
        abort();
}

typedef enum fkv_status run(struct flight_memory *memory, struct slice bytes, struct buf *buf);

/* One function a message with members of the names that all have. */
#define BOTH_WAYS(name, type)                                                           \
    static enum fkv_status run_##name(struct flight_memory *memory, struct slice bytes, \
                                      struct buf *buf)                                  \
    {                                                                                   \
        type message;                                                                   \
        enum fkv_status status = flight_##name##_decode(memory, bytes, &message, NULL); \
        if (status == FKV_OK)                                                           \
            check(flight_##name##_encode(&message, buf, NULL) == FKV_OK);               \
        return status;                                                                  \
    }

BOTH_WAYS(descriptor, struct flight_descriptor)
BOTH_WAYS(info, struct flight_info)
BOTH_WAYS(action, struct flight_action)
BOTH_WAYS(action_type, struct flight_action_type)
BOTH_WAYS(endpoint, struct flight_endpoint)
BOTH_WAYS(handshake, struct flight_handshake)
BOTH_WAYS(basic_auth, struct flight_basic_auth)
BOTH_WAYS(poll_info, struct flight_poll_info)
BOTH_WAYS(cancel_request, struct flight_info)
BOTH_WAYS(renew_request, struct flight_endpoint)

static enum fkv_status run_options(struct flight_memory *memory, struct slice bytes,
                                   struct buf *buf)
{
    const struct flight_option *options;
    size_t count;
    enum fkv_status status = flight_options_decode(memory, bytes, &options, &count, NULL);
    if (status == FKV_OK)
        check(flight_options_encode(options, count, buf, NULL) == FKV_OK);
    return status;
}

static enum fkv_status run_option_errors(struct flight_memory *memory, struct slice bytes,
                                         struct buf *buf)
{
    const struct flight_option_error *errors;
    size_t count;
    enum fkv_status status = flight_option_errors_decode(memory, bytes, &errors, &count, NULL);
    if (status == FKV_OK)
        check(flight_option_errors_encode(errors, count, buf, NULL) == FKV_OK);
    return status;
}

static run *const runs[] = {
    run_descriptor,     run_info,          run_action,     run_action_type,
    run_endpoint,       run_handshake,     run_basic_auth, run_poll_info,
    run_cancel_request, run_renew_request, run_options,    run_option_errors,
};

/* Encoded again, a message is stable: the second encoding is the first one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    run *chosen = runs[data[0] % (sizeof runs / sizeof runs[0])];
    struct flight_memory memory;
    struct buf once, twice;
    flight_memory_init(&memory, alloc_system(), memory_limit);
    buf_init(&once, alloc_system(), SIZE_MAX);
    buf_init(&twice, alloc_system(), SIZE_MAX);
    enum fkv_status status = chosen(&memory, slice_of(data + 1, size - 1), &once);
    check(memory.used_bytes <= memory_limit);
    if (status == FKV_OK && chosen(&memory, buf_slice(&once), &twice) == FKV_OK)
        check(slice_equal(buf_slice(&once), buf_slice(&twice)));
    buf_done(&once);
    buf_done(&twice);
    flight_memory_done(&memory);
    return 0;
}
