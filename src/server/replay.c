/* SPDX-License-Identifier: Apache-2.0 */
/* Messages go one by one, in the order in which they are stored:
 *
 *     schema        the stored one, or that of the columns asked for
 *     dictionaries  those of the columns asked for, by reference; of what comes before the first
 *                   batch sent, only what is in force there: the last replacement and its deltas
 *     batches       by reference where all of it is asked for and it fits, else by the cutter
 *
 * For the dictionaries in force, the messages before the first row asked for are looked through
 * once before (survey). A get without options comes by here too, and never makes a cutter unless
 * the client's messages are limited and one is larger. */
#include "server/replay.h"

#include "base/status.h"
#include "ipc/cutter.h"

enum {
    /* Messages looked at in one pull: each is a look into an index, or a small header decoded. */
    messages_a_turn = 1024,
    /* FlightData's tags and lengths around header, app_metadata and body. */
    framing_bytes = 32,
    /* Up to this, a copy costs less than a piece of its own. */
    piece_copied_max = 256,
};

struct replay {
    const struct alloc *alloc;
    const struct alloc *message_alloc;
    struct ipc_limits limits;
    struct store_table *table;
    struct get_options options;
    bool skips_bare; /* messages that carry only app_metadata */

    uint64_t next;  /* message */
    uint64_t row;   /* the first of the next batch */
    uint64_t batch; /* the next one's number, for errors */

    struct ipc_cutter *cutter; /* NULL until it is needed */
    bool is_cutting;
    struct store_message cut; /* the batch in the cutter */

    /* The survey: for each dictionary, the message from which on it counts. */
    bool is_surveyed;
    uint64_t survey_next, survey_row;
    uint64_t *bases;
};

static enum fkv_status need_cutter(struct replay *replay, struct fkv_error *error)
{
    if (replay->cutter != NULL)
        return FKV_OK;
    const struct slice *paths =
        replay->options.columns.data != NULL ? &replay->options.columns : NULL;
    return ipc_cutter_new(replay->message_alloc, &replay->limits, replay->table->schema, paths,
                          &replay->cutter, error);
}

enum fkv_status replay_new(const struct alloc *alloc, const struct alloc *message_alloc,
                           const struct ipc_limits *limits, struct store_table *table,
                           const struct get_options *options, bool skips_bare, struct replay **ret,
                           struct fkv_error *error)
{
    struct replay *replay = alloc_zero(alloc, sizeof *replay);
    if (replay == NULL) {
        store_table_unref(table);
        return status_no_memory(error, sizeof *replay);
    }
    replay->alloc = alloc;
    replay->message_alloc = message_alloc;
    replay->limits = *limits;
    replay->table = table;
    replay->options = *options;
    replay->skips_bare = skips_bare || options->has_rows;
    replay->is_surveyed = options->rows_start == 0;
    enum fkv_status status = FKV_OK;
    if (options->columns.data != NULL || options->has_rows)
        status = need_cutter(replay, error);
    if (status == FKV_OK && !replay->is_surveyed) {
        uint32_t count = ipc_cutter_dictionary_count(replay->cutter);
        replay->bases = alloc_array(alloc, count, sizeof *replay->bases);
        if (replay->bases == NULL)
            status = status_no_memory(error, count * sizeof *replay->bases);
    }
    if (status == FKV_OK)
        *ret = replay;
    else
        replay_free(replay);
    return status;
}

void replay_free(struct replay *replay)
{
    if (replay == NULL)
        return;
    ipc_cutter_free(replay->cutter);
    alloc_free(replay->alloc, replay->bases);
    store_table_unref(replay->table);
    alloc_free(replay->alloc, replay);
}

/* --- one message --- */

/* What header and body may have together, beside this app_metadata. */
static uint64_t bytes_left(const struct replay *replay, size_t app_metadata_bytes)
{
    uint64_t most = replay->options.message_bytes_max;
    uint64_t taken = (uint64_t)app_metadata_bytes + framing_bytes;
    if (most == UINT64_MAX)
        return UINT64_MAX;
    return most > taken ? most - taken : 0;
}

static bool fits(const struct replay *replay, const struct store_message *message)
{
    return message->header.size + (uint64_t)message->body.size <=
           bytes_left(replay, message->app_metadata.size);
}

static void write_head(struct wire_out *out, const struct store_message *message,
                       struct slice header, uint64_t body_bytes, bool has_app_metadata)
{
    const struct flight_data_head head = {.header = header,
                                          .app_metadata = has_app_metadata ? message->app_metadata
                                                                           : slice_of(NULL, 0),
                                          .has_app_metadata = has_app_metadata,
                                          .body_bytes = body_bytes};
    flight_data_write_head(out, &head);
}

static enum wire_pull send(const struct replay *replay, const struct store_message *message,
                           struct wire_out *out)
{
    write_head(out, message, message->header, message->body.size, message->has_app_metadata);
    if (message->body.size > 0)
        wire_out_ref(out, message->body, &replay->table->block);
    wire_out_end(out);
    return WIRE_PULL_MESSAGE;
}

/* What can't be split must fit. */
static enum wire_pull send_whole(const struct replay *replay, const struct store_message *message,
                                 const char *what, struct wire_out *out, struct fkv_error *error)
{
    if (fits(replay, message))
        return send(replay, message, out);
    status_set(error, FKV_RESOURCE_EXHAUSTED,
               "%s of the table has %llu bytes in one message, more than the %llu that %s; raise "
               "the client's limit and say so by flightkv-max-message-bytes (0: none)",
               what, (unsigned long long)(message->header.size + (uint64_t)message->body.size),
               (unsigned long long)replay->options.message_bytes_max,
               replay->options.is_limit_asked ? "were asked for"
                                              : "such a client takes by default");
    return WIRE_PULL_FAIL;
}

static enum wire_pull send_schema(const struct replay *replay, const struct store_message *message,
                                  struct wire_out *out, struct fkv_error *error)
{
    struct store_message schema = *message;
    if (replay->options.columns.data != NULL)
        schema.header = ipc_cutter_schema(replay->cutter);
    return send_whole(replay, &schema, "the schema", out, error);
}

/* WIRE_PULL_WAIT where nothing is to be sent. */
static enum wire_pull send_dictionary(const struct replay *replay,
                                      const struct store_message *message, struct wire_out *out,
                                      struct fkv_error *error)
{
    uint32_t index;
    bool is_delta;
    if (replay->options.columns.data != NULL || replay->bases != NULL) {
        if (!ipc_cutter_dictionary(replay->cutter, message->header, &index, &is_delta))
            return WIRE_PULL_WAIT;
        if (replay->bases != NULL && replay->next - 1 < replay->bases[index])
            return WIRE_PULL_WAIT;
    }
    return send_whole(replay, message, "a dictionary", out, error);
}

/* --- batches --- */

static enum wire_pull fail_batch(const struct replay *replay, struct fkv_error *error)
{
    if (error->status == FKV_RESOURCE_EXHAUSTED && replay->options.message_bytes_max != UINT64_MAX)
        status_prefix(error, error->status,
                      "record batch %llu of the table: raise the client's limit and say so by "
                      "flightkv-max-message-bytes (0: none)",
                      (unsigned long long)(replay->batch - 1));
    else
        status_prefix(error, error->status, "record batch %llu of the table",
                      (unsigned long long)(replay->batch - 1));
    return WIRE_PULL_FAIL;
}

/* The next part of the batch in the cutter; WIRE_PULL_END behind its last. */
static enum wire_pull send_part(struct replay *replay, struct host_call *call, struct wire_out *out,
                                struct fkv_error *error)
{
    struct ipc_part part;
    const struct store_message *batch = &replay->cut;
    uint64_t bytes_max = bytes_left(replay, batch->app_metadata.size);
    switch (ipc_cutter_next(replay->cutter, bytes_max, &part, error)) {
    case IPC_CUT_MORE:
        host_call_yield(call);
        return WIRE_PULL_WAIT;
    case IPC_CUT_FAIL:
        return fail_batch(replay, error);
    case IPC_CUT_END:
        replay->is_cutting = false;
        return WIRE_PULL_END;
    case IPC_CUT_PART:
        break;
    }
    write_head(out, batch, part.header, part.body_length, batch->has_app_metadata && part.is_first);
    for (size_t i = 0; i < part.piece_count; i++) {
        const struct ipc_piece *piece = &part.pieces[i];
        if (piece->bytes.size <= piece_copied_max)
            wire_out_copy(out, piece->bytes);
        else
            wire_out_ref(out, piece->bytes, piece->owner);
    }
    wire_out_end(out);
    return WIRE_PULL_MESSAGE;
}

/* WIRE_PULL_WAIT where nothing is to be sent, or the cutter has got it. */
static enum wire_pull send_batch(struct replay *replay, const struct store_message *message,
                                 struct wire_out *out, struct fkv_error *error)
{
    const struct get_options *options = &replay->options;
    uint64_t first = replay->row, rows = (uint64_t)message->rows, start = 0, stop = rows;
    replay->row += rows;
    replay->batch++;
    if (options->has_rows) {
        start = options->rows_start > first ? options->rows_start - first : 0;
        stop = options->rows_stop > first ? options->rows_stop - first : 0;
        stop = stop < rows ? stop : rows;
        if (start >= stop)
            return WIRE_PULL_WAIT;
    }
    bool is_whole = start == 0 && stop == rows && options->columns.data == NULL;
    if (is_whole && fits(replay, message))
        return send(replay, message, out);
    enum fkv_status status = need_cutter(replay, error);
    if (status == FKV_OK)
        status = ipc_cutter_begin(replay->cutter, message->header, message->body,
                                  &replay->table->block, (int64_t)start, (int64_t)stop, error);
    if (status != FKV_OK)
        return fail_batch(replay, error);
    replay->cut = *message;
    replay->is_cutting = true;
    return WIRE_PULL_WAIT;
}

/* --- the table --- */

/* Looks through some messages before the first row asked for; true when there are no more. */
static bool survey(struct replay *replay)
{
    uint64_t start = replay->options.rows_start;
    for (int i = 0; i < messages_a_turn; i++) {
        if (replay->survey_next == replay->table->messages || replay->survey_row > start)
            return true;
        struct store_message message = store_table_message(replay->table, replay->survey_next);
        uint32_t index;
        bool is_delta;
        if (message.kind == STORE_BATCH) {
            replay->survey_row += (uint64_t)message.rows;
        } else if (message.kind == STORE_DICTIONARY &&
                   ipc_cutter_dictionary(replay->cutter, message.header, &index, &is_delta) &&
                   !is_delta) {
            replay->bases[index] = replay->survey_next;
        }
        replay->survey_next++;
    }
    return false;
}

static bool is_over(const struct replay *replay)
{
    if (replay->next == replay->table->messages)
        return true;
    const struct get_options *options = &replay->options;
    uint64_t rows = replay->table->rows;
    uint64_t stop = options->rows_stop < rows ? options->rows_stop : rows;
    return options->has_rows && replay->next > 0 &&
           (replay->row >= stop || options->rows_start >= stop);
}

static enum wire_pull send_next(struct replay *replay, struct wire_out *out,
                                struct fkv_error *error)
{
    struct store_message message = store_table_message(replay->table, replay->next++);
    switch (message.kind) {
    case STORE_SCHEMA:
        return send_schema(replay, &message, out, error);
    case STORE_DICTIONARY:
        return send_dictionary(replay, &message, out, error);
    case STORE_BATCH:
        return send_batch(replay, &message, out, error);
    default:
        return replay->skips_bare ? WIRE_PULL_WAIT : send(replay, &message, out);
    }
}

enum wire_pull replay_next(struct replay *replay, struct host_call *call, struct wire_out *out,
                           struct fkv_error *error)
{
    bool is_ready = replay->is_surveyed || survey(replay);
    replay->is_surveyed = is_ready;
    for (int i = 0; i < messages_a_turn && is_ready; i++) {
        enum wire_pull pull = WIRE_PULL_END;
        if (replay->is_cutting)
            pull = send_part(replay, call, out, error);
        if (pull != WIRE_PULL_END)
            return pull;
        if (is_over(replay))
            return WIRE_PULL_END;
        pull = send_next(replay, out, error);
        if (pull != WIRE_PULL_WAIT)
            return pull;
    }
    host_call_yield(call);
    return WIRE_PULL_WAIT;
}
