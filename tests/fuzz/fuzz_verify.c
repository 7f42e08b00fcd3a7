/* SPDX-License-Identifier: Apache-2.0 */
/* A whole IPC stream through the verifier; what it accepts is then used as its users do. */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "harness/ipc_stream.h"
#include "ipc/verify.h"

static const struct ipc_limits limits = {.depth_max = 64,
                                         .fields_max = 10000,
                                         .header_bytes_max = 1 << 20,
                                         .decompressed_bytes_max = 1 << 24};

static void check(bool is_so)
{
    if (!is_so)
        abort();
}

/* Encoded and decoded again, a schema is the same: its encoding doesn't change any more. */
static void use_schema(const struct ipc_schema *schema)
{
    struct buf once, twice, text;
    struct ipc_schema *again;
    struct fkv_error error;
    buf_init(&once, alloc_system(), 1 << 24);
    buf_init(&twice, alloc_system(), 1 << 24);
    buf_init(&text, alloc_system(), 1 << 20);
    check(ipc_schema_encode(schema, &once, &error) == FKV_OK);
    struct ipc_limits wide = limits;
    wide.header_bytes_max = once.size; /* tables that were shared aren't any more */
    check(ipc_schema_decode(alloc_system(), buf_slice(&once), &wide, &again, &error) == FKV_OK);
    check(ipc_schema_encode(again, &twice, &error) == FKV_OK);
    check(slice_equal(buf_slice(&once), buf_slice(&twice)));
    for (uint32_t i = 0; i < schema->field_count; i++)
        ipc_field_type_text(&schema->fields[i], &text);
    ipc_schema_free(again);
    buf_done(&once);
    buf_done(&twice);
    buf_done(&text);
}

/* Reads both ends of every buffer; the sum is only there so that the reads aren't optimised away.
 */
static void use_batch(const struct ipc_message *message, struct slice body)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < message->buffer_count; i++) {
        struct ipc_buffer place = ipc_message_buffer(message, i);
        if (place.length > 0)
            sum += (uint64_t)body.data[place.offset] + body.data[place.offset + place.length - 1];
    }
    check(sum != UINT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice stream = slice_of(data, size), header;
    struct ipc_verifier *verifier = ipc_verifier_new(alloc_system(), &limits);
    struct fkv_error error;
    enum fkv_status status = verifier == NULL ? FKV_RESOURCE_EXHAUSTED : FKV_OK;
    while (status == FKV_OK && ipc_stream_next(&stream, &header)) {
        struct ipc_message message;
        status = ipc_verifier_header(verifier, header, &message, &error);
        if (status != FKV_OK)
            break;
        struct slice body = slice_take(&stream, (size_t)message.body_length);
        status = ipc_verifier_body(verifier, &message, body, &error);
        if (status == FKV_OK && message.kind == IPC_KIND_SCHEMA)
            use_schema(ipc_verifier_schema(verifier));
        else if (status == FKV_OK)
            use_batch(&message, body);
    }
    if (status == FKV_OK)
        ipc_verifier_end(verifier, &error);
    ipc_verifier_free(verifier);
    return 0;
}
