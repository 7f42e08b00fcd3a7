/* SPDX-License-Identifier: Apache-2.0 */
/* Messages go one by one, in the order in which they are stored:
 *
 *     schema        the stored one, or that of the columns asked for
 *     dictionaries  those of the columns asked for, by reference; of what comes before the first
 *                   batch sent, only what is in force there: the last replacement and its deltas
 *     batches       by reference where all of it is asked for and it fits, else by the cutter
 *
 * Before, the first row asked for is looked for from the front, and from there backwards the
 * dictionaries in force (dictionaries.h). A get without options comes by here too, and never makes
 * a cutter unless the client's messages are limited and one is larger. */
#include "server/replay.h"

#include "base/status.h"
#include "ipc/cutter.h"
#include "server/dictionaries.h"
#include "flight/body_refs.h"

enum {
    /* Messages looked at in one pull: each is a look into an index, or a small header decoded. */
    messages_a_turn = 1024,
    /* FlightData's tags and lengths around header, app_metadata and body. */
    framing_bytes = 32,
    /* Up to this, a copy costs less than a piece, or a reference, of its own. */
    piece_copied_max = 256,
    /* The same of a whole body, whose piece also counts references on the table, which workers
     * share. */
    body_copied_max = 2048,
};

/* A message has some buffers for each of its fields, of which there is a limit. */
static const size_t refs_bytes_max = (size_t)1 << 30;

struct replay {
    const struct alloc *alloc;
    const struct alloc *message_alloc;
    struct ipc_limits limits;
    struct store_table *table;
    struct get_options options;
    bool skips_bare;        /* messages that carry only app_metadata */
    bool is_part;           /* of which batches are counted from its first */
    struct arena_file file; /* size 0: bodies go as bytes */
    struct buf refs;        /* of the message in hand */
    struct shm_leases *leases;
    uint64_t shared_bytes; /* given by reference so far */

    bool is_begun;             /* the schema is sent */
    bool is_first_found;       /* range.first has the first row asked for */
    bool is_prepared;          /* ... and the dictionaries in force before are found */
    struct replay_range range; /* what is left */
    struct ipc_schema *schema; /* the table's, for the search */
    struct dictionary_search in_force;
    size_t in_force_left;

    uint64_t row;   /* the first of the next batch */
    uint64_t batch; /* the next one's number, for errors */

    struct ipc_cutter *cutter; /* NULL until it is needed */
    bool is_cutting;
    struct store_message cut; /* the batch in the cutter */
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
                           struct replay_range range, const struct get_options *options,
                           bool skips_bare, struct replay **ret, struct fkv_error *error)
{
    struct replay *replay = alloc_zero(alloc, sizeof *replay);
    if (replay == NULL) {
        store_table_unref(table);
        return status_no_memory(error, sizeof *replay);
    }
    replay->alloc = alloc;
    replay->message_alloc = message_alloc;
    buf_init(&replay->refs, message_alloc, refs_bytes_max);
    replay->limits = *limits;
    replay->table = table;
    replay->options = *options;
    replay->skips_bare = skips_bare || options->has_rows;
    replay->range = range;
    replay->is_part = range.first > 1;
    replay->is_first_found = options->rows_start == 0;
    enum fkv_status status = FKV_OK;
    if (options->columns.data != NULL || options->has_rows)
        status = need_cutter(replay, error);
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
    if (replay->leases != NULL)
        shm_count_sent(replay->leases, replay->shared_bytes);
    ipc_cutter_free(replay->cutter);
    dictionary_search_done(&replay->in_force);
    ipc_schema_free(replay->schema);
    buf_done(&replay->refs);
    store_table_unref(replay->table);
    alloc_free(replay->alloc, replay);
}

void replay_by_reference(struct replay *replay, struct arena_file file, struct shm_leases *leases)
{
    replay->file = file;
    replay->leases = leases;
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

/* Whether the client finds these bytes in the memory that it maps. */
static bool is_shared(const struct replay *replay, struct slice bytes)
{
    uintptr_t offset = (uintptr_t)bytes.data - (uintptr_t)replay->file.base;
    return bytes.size > piece_copied_max && offset < replay->file.size;
}

/* Lists what is shared of the body; gives how many bytes aren't. */
static uint64_t list_shared(struct replay *replay, const struct ipc_piece *pieces, size_t count)
{
    uint64_t offset = 0, inline_bytes = 0;
    buf_clear(&replay->refs);
    for (size_t i = 0; i < count; i++) {
        struct slice bytes = pieces[i].bytes;
        const struct flight_ref ref = {offset, (uintptr_t)bytes.data - (uintptr_t)replay->file.base,
                                       bytes.size};
        if (is_shared(replay, bytes))
            flight_refs_add(&replay->refs, &ref);
        else
            inline_bytes += bytes.size;
        offset += bytes.size;
    }
    replay->shared_bytes += offset - inline_bytes;
    return inline_bytes;
}

static enum wire_pull write_message(struct replay *replay, const struct flight_data_head *given,
                                    const struct ipc_piece *pieces, size_t count,
                                    struct wire_out *out, struct fkv_error *error)
{
    struct flight_data_head head = *given;
    head.body_bytes = list_shared(replay, pieces, count);
    head.refs = buf_slice(&replay->refs);
    if (replay->refs.failed) {
        status_no_memory(error, replay->refs.size);
        return WIRE_PULL_FAIL;
    }
    flight_data_write_head(out, &head);
    size_t copied_max = count == 1 ? body_copied_max : piece_copied_max;
    for (size_t i = 0; i < count; i++) {
        struct slice bytes = pieces[i].bytes;
        if (is_shared(replay, bytes))
            continue;
        if (bytes.size <= copied_max)
            wire_out_copy(out, bytes);
        else
            wire_out_ref(out, bytes, pieces[i].owner);
    }
    wire_out_end(out);
    return WIRE_PULL_MESSAGE;
}

static enum wire_pull send(struct replay *replay, const struct store_message *message,
                           struct wire_out *out, struct fkv_error *error)
{
    const struct ipc_piece body = {message->body, &replay->table->block};
    const struct flight_data_head head = {.header = message->header,
                                          .app_metadata = message->app_metadata,
                                          .has_app_metadata = message->has_app_metadata};
    return write_message(replay, &head, &body, 1, out, error);
}

/* What can't be split must fit. */
static enum wire_pull send_whole(struct replay *replay, const struct store_message *message,
                                 const char *what, struct wire_out *out, struct fkv_error *error)
{
    if (fits(replay, message))
        return send(replay, message, out, error);
    status_set(error, FKV_RESOURCE_EXHAUSTED,
               "%s of the table has %llu bytes in one message, more than the %llu that %s; raise "
               "the client's limit and say so by flightkv-max-message-bytes (0: none)",
               what, (unsigned long long)(message->header.size + (uint64_t)message->body.size),
               (unsigned long long)replay->options.message_bytes_max,
               replay->options.is_limit_asked ? "were asked for"
                                              : "such a client takes by default");
    return WIRE_PULL_FAIL;
}

static enum wire_pull send_schema(struct replay *replay, const struct store_message *message,
                                  struct wire_out *out, struct fkv_error *error)
{
    struct store_message schema = *message;
    if (replay->options.columns.data != NULL)
        schema.header = ipc_cutter_schema(replay->cutter);
    return send_whole(replay, &schema, "the schema", out, error);
}

/* WIRE_PULL_WAIT where nothing is to be sent. */
static enum wire_pull send_dictionary(struct replay *replay, const struct store_message *message,
                                      struct wire_out *out, struct fkv_error *error)
{
    uint32_t index;
    bool is_delta;
    if (replay->options.columns.data != NULL &&
        !ipc_cutter_dictionary(replay->cutter, message->header, &index, &is_delta))
        return WIRE_PULL_WAIT;
    return send_whole(replay, message, "a dictionary", out, error);
}

/* --- batches --- */

static enum wire_pull fail_batch(const struct replay *replay, struct fkv_error *error)
{
    const char *of = replay->is_part ? "part" : "table";
    if (error->status == FKV_RESOURCE_EXHAUSTED && replay->options.message_bytes_max != UINT64_MAX)
        status_prefix(error, error->status,
                      "record batch %llu of the %s: raise the client's limit and say so by "
                      "flightkv-max-message-bytes (0: none)",
                      (unsigned long long)(replay->batch - 1), of);
    else
        status_prefix(error, error->status, "record batch %llu of the %s",
                      (unsigned long long)(replay->batch - 1), of);
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
    const struct flight_data_head head = {.header = part.header,
                                          .app_metadata = batch->app_metadata,
                                          .has_app_metadata =
                                              batch->has_app_metadata && part.is_first};
    return write_message(replay, &head, part.pieces, part.piece_count, out, error);
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
        return send(replay, message, out, error);
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

/* Passes over some messages before the first row asked for; true when it, or the end, is there. */
static bool find_first(struct replay *replay)
{
    for (int i = 0; i < messages_a_turn; i++) {
        if (replay->range.first == replay->range.end)
            return true;
        struct store_message message = store_table_message(replay->table, replay->range.first);
        uint64_t rows = message.kind == STORE_BATCH ? (uint64_t)message.rows : 0;
        if (replay->row + rows > replay->options.rows_start)
            return true;
        replay->row += rows;
        replay->batch += message.kind == STORE_BATCH;
        replay->range.first++;
    }
    return false;
}

/* Without a search there is nothing in force before range.first. */
static enum fkv_status begin_search(struct replay *replay, struct fkv_error *error)
{
    uint64_t first = replay->range.first;
    if (replay->schema != NULL || store_table_last_dictionary(replay->table, first) == 0)
        return FKV_OK;
    enum fkv_status status = ipc_schema_decode(replay->message_alloc, replay->table->schema,
                                               &replay->limits, &replay->schema, error);
    if (status == FKV_OK)
        status = dictionary_search_begin(&replay->in_force, replay->table, replay->schema, first,
                                         replay->message_alloc, &replay->limits, error);
    return status;
}

/* Some of what must be known before the first message is sent. */
static enum fkv_status prepare(struct replay *replay, struct fkv_error *error)
{
    if (!replay->is_first_found) {
        replay->is_first_found = find_first(replay);
        return FKV_OK;
    }
    enum fkv_status status = begin_search(replay, error);
    bool is_over = replay->schema == NULL;
    if (status == FKV_OK && !is_over)
        status = dictionary_search_run(&replay->in_force, messages_a_turn, &is_over, error);
    replay->is_prepared = is_over;
    replay->in_force_left = dictionaries_count(&replay->in_force.found);
    return status;
}

/* Whether nothing is to be sent behind the schema. */
static bool is_over(const struct replay *replay)
{
    const struct get_options *options = &replay->options;
    uint64_t rows = replay->table->rows;
    uint64_t stop = options->rows_stop < rows ? options->rows_stop : rows;
    if (options->has_rows && (replay->row >= stop || options->rows_start >= stop))
        return true;
    return replay->in_force_left == 0 && replay->range.first == replay->range.end;
}

static uint64_t next_index(struct replay *replay)
{
    if (!replay->is_begun) {
        replay->is_begun = true;
        return 0;
    }
    if (replay->in_force_left > 0)
        return dictionaries_at(&replay->in_force.found, --replay->in_force_left)->index;
    return replay->range.first++;
}

static enum wire_pull send_next(struct replay *replay, struct wire_out *out,
                                struct fkv_error *error)
{
    struct store_message message = store_table_message(replay->table, next_index(replay));
    switch (message.kind) {
    case STORE_SCHEMA:
        return send_schema(replay, &message, out, error);
    case STORE_DICTIONARY:
        return send_dictionary(replay, &message, out, error);
    case STORE_BATCH:
        return send_batch(replay, &message, out, error);
    default:
        return replay->skips_bare ? WIRE_PULL_WAIT : send(replay, &message, out, error);
    }
}

enum wire_pull replay_next(struct replay *replay, struct host_call *call, struct wire_out *out,
                           struct fkv_error *error)
{
    if (!replay->is_prepared && prepare(replay, error) != FKV_OK)
        return WIRE_PULL_FAIL;
    for (int i = 0; i < messages_a_turn && replay->is_prepared; i++) {
        enum wire_pull pull = WIRE_PULL_END;
        if (replay->is_cutting)
            pull = send_part(replay, call, out, error);
        if (pull != WIRE_PULL_END)
            return pull;
        if (replay->is_begun && is_over(replay))
            return WIRE_PULL_END;
        pull = send_next(replay, out, error);
        if (pull != WIRE_PULL_WAIT)
            return pull;
    }
    host_call_yield(call);
    return WIRE_PULL_WAIT;
}
