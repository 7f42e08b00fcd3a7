/* SPDX-License-Identifier: Apache-2.0 */
/* A whole IPC stream as a server has stored it, cut into parts as a client may ask for: columns,
 * rows and sizes come from the input too. Whatever the values are, what is cut must be a stream
 * that verifies, have the rows asked for, and keep the size. */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "harness/ipc_stream.h"
#include "ipc/cutter.h"
#include "ipc/verify.h"

static const struct ipc_limits limits = {.depth_max = 64,
                                         .fields_max = 10000,
                                         .header_bytes_max = 1 << 20,
                                         .decompressed_bytes_max = 1 << 24};

struct fuzz {
    struct ipc_verifier *stored;
    struct ipc_verifier *sent;
    struct ipc_cutter *cutter;
    uint64_t random;
};

static void check(bool is_so)
{
    if (!is_so)
        abort();
}

static uint64_t below(struct fuzz *fuzz, uint64_t bound)
{
    fuzz->random = fuzz->random * 6364136223846793005u + 1442695040888963407u;
    return (fuzz->random >> 33) % bound;
}

/* What is sent must verify; a header of parts may be larger than the one that it was cut from. */
static void send(struct fuzz *fuzz, struct slice header, const struct ipc_piece *pieces,
                 size_t piece_count)
{
    struct ipc_message message;
    struct buf body;
    buf_init(&body, alloc_system(), 1 << 26);
    for (size_t i = 0; i < piece_count; i++)
        check(buf_append(&body, pieces[i].bytes.data, pieces[i].bytes.size));
    check(ipc_verifier_header(fuzz->sent, header, &message, NULL) == FKV_OK);
    check((uint64_t)message.body_length == body.size);
    check(ipc_verifier_body(fuzz->sent, &message, buf_slice(&body), NULL) == FKV_OK);
    buf_done(&body);
}

static void choose_columns(struct fuzz *fuzz, struct slice header)
{
    const struct ipc_schema *schema = ipc_verifier_schema(fuzz->stored);
    struct buf paths;
    buf_init(&paths, alloc_system(), 1 << 20);
    for (uint32_t i = 0; i < schema->field_count && i < 50; i++) {
        struct slice name = schema->fields[i].name;
        if (below(fuzz, 3) == 0)
            buf_printf(&paths, paths.size > 0 ? "," : "");
        else
            buf_printf(&paths, below(fuzz, 3) == 0 ? "." : paths.size > 0 ? "," : "");
        buf_append(&paths, name.data, name.size);
    }
    struct slice text = buf_slice(&paths);
    if (below(fuzz, 2) == 0 ||
        ipc_cutter_new(alloc_system(), &limits, header, &text, &fuzz->cutter, NULL) != FKV_OK)
        check(ipc_cutter_new(alloc_system(), &limits, header, NULL, &fuzz->cutter, NULL) == FKV_OK);
    buf_done(&paths);
    if (ipc_cutter_schema(fuzz->cutter).size <= limits.header_bytes_max)
        send(fuzz, ipc_cutter_schema(fuzz->cutter), NULL, 0);
}

static void cut(struct fuzz *fuzz, const struct ipc_message *message, struct slice body)
{
    /* Bodies are read near their ends: a copy lets a sanitizer see where those are. */
    struct block *block = block_new(alloc_system(), body.size);
    check(block != NULL);
    if (body.size > 0)
        memcpy(block->data, body.data, body.size);
    uint64_t rows = (uint64_t)message->rows, bytes_max = UINT64_MAX;
    int64_t start = 0, stop = message->rows, got = 0;
    if (below(fuzz, 4) > 0) {
        start = (int64_t)below(fuzz, rows + 1);
        stop = start + (int64_t)below(fuzz, rows + 1 - (uint64_t)start);
    }
    if (below(fuzz, 2) == 0)
        bytes_max = 1000 + below(fuzz, 1 << 20);
    enum ipc_cut result = IPC_CUT_FAIL;
    struct ipc_part part;
    if (ipc_cutter_begin(fuzz->cutter, message->header, block_slice(block), block, start, stop,
                         NULL) == FKV_OK)
        result = IPC_CUT_MORE;
    for (int calls = 0; calls < 200 && (result == IPC_CUT_MORE || result == IPC_CUT_PART);
         calls++) {
        result = ipc_cutter_next(fuzz->cutter, bytes_max, &part, NULL);
        if (result != IPC_CUT_PART)
            continue;
        got += part.rows;
        check(part.header.size + part.body_length <= bytes_max);
        send(fuzz, part.header, part.pieces, part.piece_count);
    }
    check(got <= stop - start);
    check(result != IPC_CUT_END || got == stop - start);
    block_unref(block);
}

static enum fkv_status take(struct fuzz *fuzz, struct slice header, struct slice *stream)
{
    struct ipc_message message;
    enum fkv_status status = ipc_verifier_header(fuzz->stored, header, &message, NULL);
    if (status != FKV_OK)
        return status;
    struct slice body = slice_take(stream, (size_t)message.body_length);
    status = ipc_verifier_body(fuzz->stored, &message, body, NULL);
    if (status != FKV_OK)
        return status;
    uint32_t index;
    bool is_delta;
    const struct ipc_piece piece = {.bytes = body};
    if (message.kind == IPC_KIND_SCHEMA)
        choose_columns(fuzz, header);
    else if (ipc_verifier_schema(fuzz->sent) == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    else if (message.kind == IPC_KIND_BATCH)
        cut(fuzz, &message, body);
    else if (ipc_cutter_dictionary(fuzz->cutter, header, &index, &is_delta))
        send(fuzz, header, &piece, 1);
    return FKV_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice stream = slice_of(data, size), header;
    struct ipc_limits wide = limits; /* what is written may be larger than what was shared */
    wide.header_bytes_max = 1 << 26;
    struct fuzz fuzz = {.stored = ipc_verifier_new(alloc_system(), &limits),
                        .sent = ipc_verifier_new(alloc_system(), &wide),
                        .random = size};
    for (size_t i = 0; i < size; i++)
        fuzz.random = fuzz.random * 31 + data[i];
    check(fuzz.stored != NULL && fuzz.sent != NULL);
    while (ipc_stream_next(&stream, &header) && take(&fuzz, header, &stream) == FKV_OK) {
    }
    ipc_cutter_free(fuzz.cutter);
    ipc_verifier_free(fuzz.stored);
    ipc_verifier_free(fuzz.sent);
    return 0;
}
