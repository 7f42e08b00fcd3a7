/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/cutter.h"

#include "base/status.h"
#include "ipc/encode.h"
#include "ipc/project.h"
#include "ipc/slice.h"

enum {
    buffer_alignment = 8,
    /* What one call decompresses, looks at or copies at most, but for a last buffer and for a row
     * that is larger by itself: some milliseconds. */
    work_bytes_max = 4 << 20,
};

/* A row that is larger by itself is cut all the same, up to this. */
static const uint64_t row_work_bytes_max = UINT64_C(256) << 20;

enum state { STATE_END, STATE_WHOLE, STATE_TAKING, STATE_ROWS };

struct ipc_cutter {
    const struct alloc *alloc;
    struct ipc_limits limits;
    struct ipc_schema *table;
    struct ipc_projection projection;
    struct ipc_compression *compression; /* made when first needed */
    struct buf schema;
    struct ipc_encoding part;

    /* The batch in hand. */
    enum state state;
    struct ipc_message message;
    struct ipc_taking taking;
    struct ipc_batch batch; /* initialised in STATE_TAKING and STATE_ROWS */
    int64_t at, stop;
    int64_t step; /* rows of the next attempt; 0: not estimated yet */
    bool is_first;
};

enum fkv_status ipc_cutter_new(const struct alloc *alloc, const struct ipc_limits *limits,
                               struct slice schema, const struct slice *paths,
                               struct ipc_cutter **ret, struct fkv_error *error)
{
    struct ipc_cutter *cutter = alloc_zero(alloc, sizeof *cutter);
    if (cutter == NULL)
        return status_no_memory(error, sizeof *cutter);
    cutter->alloc = alloc;
    cutter->limits = *limits;
    buf_init(&cutter->schema, alloc, (size_t)limits->header_bytes_max);
    ipc_encoding_init(&cutter->part, alloc);
    enum fkv_status status = ipc_schema_decode(alloc, schema, limits, &cutter->table, error);
    if (status == FKV_OK)
        status = ipc_projection_init(&cutter->projection, alloc, cutter->table, paths, error);
    if (status == FKV_OK)
        status = ipc_schema_encode(&cutter->projection.schema, &cutter->schema, error);
    if (status == FKV_OK)
        *ret = cutter;
    else
        ipc_cutter_free(cutter);
    return status;
}

static void end_batch(struct ipc_cutter *cutter)
{
    if (cutter->state == STATE_TAKING || cutter->state == STATE_ROWS)
        ipc_batch_done(&cutter->batch);
    cutter->state = STATE_END;
}

void ipc_cutter_free(struct ipc_cutter *cutter)
{
    if (cutter == NULL)
        return;
    end_batch(cutter);
    ipc_encoding_done(&cutter->part);
    buf_done(&cutter->schema);
    ipc_compression_free(cutter->compression);
    ipc_projection_done(&cutter->projection);
    ipc_schema_free(cutter->table);
    alloc_free(cutter->alloc, cutter);
}

struct slice ipc_cutter_schema(const struct ipc_cutter *cutter)
{
    return buf_slice(&cutter->schema);
}

uint32_t ipc_cutter_dictionary_count(const struct ipc_cutter *cutter)
{
    return cutter->projection.dictionary_count;
}

bool ipc_cutter_dictionary(const struct ipc_cutter *cutter, struct slice header,
                           uint32_t *ret_index, bool *ret_is_delta)
{
    struct ipc_message message;
    if (ipc_message_decode(header, &cutter->limits, &message, NULL) != FKV_OK ||
        message.kind != IPC_KIND_DICTIONARY)
        return false;
    *ret_is_delta = message.is_delta;
    return ipc_projection_dictionary(&cutter->projection, message.dictionary_id, ret_index);
}

/* --- a batch --- */

static enum fkv_status begin_taking(struct ipc_cutter *cutter, struct fkv_error *error)
{
    if (cutter->table->endianness == IPC_BIG_ENDIAN)
        return status_set(error, FKV_UNIMPLEMENTED,
                          "the table is big-endian: its columns can be chosen, but its batches "
                          "can't be cut into rows");
    if (cutter->compression == NULL &&
        (cutter->compression = ipc_compression_new(cutter->alloc)) == NULL)
        return status_no_memory(error, sizeof(void *));
    cutter->taking.compression = cutter->compression;
    ipc_taking_begin(&cutter->taking, &cutter->batch);
    cutter->state = STATE_TAKING;
    return FKV_OK;
}

enum fkv_status ipc_cutter_begin(struct ipc_cutter *cutter, struct slice header, struct slice body,
                                 struct block *owner, int64_t start, int64_t stop,
                                 struct fkv_error *error)
{
    end_batch(cutter);
    enum fkv_status status = ipc_message_decode(header, &cutter->limits, &cutter->message, error);
    if (status != FKV_OK)
        return status;
    cutter->taking = (struct ipc_taking){.projection = &cutter->projection,
                                         .message = &cutter->message,
                                         .body = body,
                                         .owner = owner};
    cutter->at = start;
    cutter->stop = stop;
    cutter->step = 0;
    cutter->is_first = true;
    if (start > 0 || stop < cutter->message.rows)
        return begin_taking(cutter, error);
    cutter->state = STATE_WHOLE;
    return FKV_OK;
}

/* Writes `batch` as the part in hand. */
static enum fkv_status encode(struct ipc_cutter *cutter, const struct ipc_batch *batch,
                              enum ipc_codec codec, struct fkv_error *error)
{
    const struct ipc_message_parts parts = {.kind = IPC_KIND_BATCH,
                                            .version = cutter->table->version,
                                            .codec = codec,
                                            .metadata_of = cutter->message.header};
    ipc_encoding_clear(&cutter->part);
    ipc_encoding_add_batch(&cutter->part, batch, buffer_alignment);
    return ipc_encoding_finish(&cutter->part, batch, &parts, error);
}

static uint64_t part_bytes(const struct ipc_cutter *cutter)
{
    return cutter->part.header.size + cutter->part.body_length;
}

static enum ipc_cut give_part(struct ipc_cutter *cutter, int64_t rows, struct ipc_part *ret)
{
    *ret = (struct ipc_part){.rows = rows,
                             .is_first = cutter->is_first,
                             .header = buf_slice(&cutter->part.header),
                             .pieces = ipc_encoding_pieces(&cutter->part),
                             .piece_count = ipc_encoding_piece_count(&cutter->part),
                             .body_length = cutter->part.body_length};
    cutter->is_first = false;
    return IPC_CUT_PART;
}

static enum ipc_cut fail(struct ipc_cutter *cutter)
{
    end_batch(cutter);
    return IPC_CUT_FAIL;
}

static enum ipc_cut fail_row(struct ipc_cutter *cutter, uint64_t bytes_max, struct fkv_error *error)
{
    if (bytes_max == UINT64_MAX)
        status_set(error, FKV_RESOURCE_EXHAUSTED,
                   "row %lld by itself takes more than the %llu bytes that may be copied to cut it",
                   (long long)cutter->at, (unsigned long long)row_work_bytes_max);
    else
        status_set(error, FKV_RESOURCE_EXHAUSTED,
                   "row %lld by itself doesn't fit into the %llu bytes that a message may have",
                   (long long)cutter->at, (unsigned long long)bytes_max);
    return fail(cutter);
}

static enum ipc_cut try_whole(struct ipc_cutter *cutter, uint64_t bytes_max, struct ipc_part *ret,
                              struct fkv_error *error)
{
    struct ipc_batch batch;
    bool is_done;
    ipc_taking_begin(&cutter->taking, &batch);
    enum fkv_status status = ipc_taking_step(&cutter->taking, &batch, UINT64_MAX, &is_done, error);
    if (status == FKV_OK)
        status = encode(cutter, &batch, cutter->message.codec, error);
    ipc_batch_done(&batch);
    if (status != FKV_OK)
        return fail(cutter);
    if (part_bytes(cutter) <= bytes_max) {
        cutter->state = STATE_END;
        return give_part(cutter, cutter->message.rows, ret);
    }
    if (cutter->message.rows == 0)
        return fail_row(cutter, bytes_max, error);
    return begin_taking(cutter, error) == FKV_OK ? IPC_CUT_MORE : fail(cutter);
}

static enum ipc_cut take(struct ipc_cutter *cutter, struct fkv_error *error)
{
    bool is_done;
    if (ipc_taking_step(&cutter->taking, &cutter->batch, work_bytes_max, &is_done, error) != FKV_OK)
        return fail(cutter);
    if (is_done)
        cutter->state = STATE_ROWS;
    return IPC_CUT_MORE;
}

/* How many of the rows left may fit, were they all alike. */
static int64_t estimate(const struct ipc_cutter *cutter, uint64_t bytes_max)
{
    int64_t left = cutter->stop - cutter->at;
    uint64_t bytes = 1;
    for (uint32_t i = 0; i < ipc_batch_buffer_count(&cutter->batch); i++)
        bytes += ipc_batch_buffers(&cutter->batch)[i].bytes.size;
    double rows = (double)cutter->batch.rows * (double)bytes_max / (double)bytes;
    return rows < 1 ? 1 : rows < (double)left ? (int64_t)rows : left;
}

/* The rows of the next attempt, after one that fitted: as many more as there was room for, less
 * some to be safe. What was copied isn't known here, so that without a limit of bytes it's tried
 * out. */
static int64_t next_step(const struct ipc_cutter *cutter, uint64_t bytes_max, int64_t rows)
{
    if (bytes_max == UINT64_MAX)
        return rows > INT64_MAX / 2 ? rows : rows + rows / 8 + 1;
    double room = (double)bytes_max / (double)part_bytes(cutter) * 0.9;
    double step = (double)rows * (room < 2 ? room : 2);
    return step < (double)rows ? rows : step < (double)(INT64_MAX / 4) ? (int64_t)step : rows;
}

static enum ipc_cut give_rows(struct ipc_cutter *cutter, uint64_t bytes_max, int64_t rows,
                              struct ipc_part *ret)
{
    cutter->at += rows;
    cutter->step = next_step(cutter, bytes_max, rows);
    if (cutter->at == cutter->stop)
        end_batch(cutter);
    return give_part(cutter, rows, ret);
}

static enum ipc_cut try_rows(struct ipc_cutter *cutter, uint64_t bytes_max, struct ipc_part *ret,
                             struct fkv_error *error)
{
    if (cutter->step == 0)
        cutter->step = estimate(cutter, bytes_max);
    int64_t left = cutter->stop - cutter->at, rows = cutter->step < left ? cutter->step : left;
    const struct ipc_slice_limits limits = {.body_bytes_max = bytes_max,
                                            .work_bytes_max =
                                                rows == 1 ? row_work_bytes_max : work_bytes_max,
                                            .compacts_views = bytes_max != UINT64_MAX};
    struct ipc_batch batch;
    bool is_too_large;
    enum fkv_status status = ipc_slice(cutter->alloc, &cutter->projection.schema, &cutter->batch,
                                       cutter->at, rows, &limits, &is_too_large, &batch, error);
    if (status == FKV_OK && !is_too_large) {
        status = encode(cutter, &batch, IPC_CODEC_NONE, error);
        ipc_batch_done(&batch);
        is_too_large = part_bytes(cutter) > bytes_max;
    }
    if (status != FKV_OK)
        return fail(cutter);
    if (!is_too_large)
        return give_rows(cutter, bytes_max, rows, ret);
    if (rows <= 1)
        return fail_row(cutter, bytes_max, error);
    cutter->step = rows / 2;
    return IPC_CUT_MORE;
}

enum ipc_cut ipc_cutter_next(struct ipc_cutter *cutter, uint64_t bytes_max, struct ipc_part *ret,
                             struct fkv_error *error)
{
    ipc_encoding_clear(&cutter->part);
    switch (cutter->state) {
    case STATE_WHOLE:
        return try_whole(cutter, bytes_max, ret, error);
    case STATE_TAKING:
        return take(cutter, error);
    case STATE_ROWS:
        if (cutter->at < cutter->stop)
            return try_rows(cutter, bytes_max, ret, error);
        end_batch(cutter);
        return IPC_CUT_END;
    case STATE_END:
        break;
    }
    return IPC_CUT_END;
}
