/* SPDX-License-Identifier: Apache-2.0 */
/* GetFlightInfo, PollFlightInfo, GetSchema, ListFlights: what is known of a table without its data.
 */
#include "base/glob.h"
#include "base/status.h"
#include "base/text.h"
#include "server/call_options.h"
#include "server/tickets.h"

/* Schemas are sent from where they are stored, so that replies which nobody reads cost no memory
 * but their few other bytes; the table is held until they are gone. */
static void write_with_schema(struct store_table *table, struct slice rest, struct wire_out *out)
{
    wire_out_begin(out);
    flight_schema_write(out, table->schema, &table->block);
    wire_out_copy(out, rest);
    wire_out_end(out);
}

enum { figures_bytes_max = 512 };

/* What clients that list tables would else ask for one by one: the rest of flightkv.stat. */
static bool write_figures(const struct store_table *table, struct buf *ret)
{
    /* Not as a double: a locale may put a comma into that. */
    unsigned long long created_us = table->created_us > 0 ? (uint64_t)table->created_us : 0;
    return buf_printf(ret,
                      "{\"batches\":%llu,\"memory_bytes\":%llu,\"etag\":\"%s\",\"version\":%llu,"
                      "\"created\":%llu.%06llu}",
                      (unsigned long long)table->batches, (unsigned long long)table->memory_bytes,
                      table->etag, (unsigned long long)table->version,
                      created_us / 1000000, created_us % 1000000);
}

/* A FlightInfo, to which the locations of its endpoints and the table's figures are added; without
 * its schema. */
static enum fkv_status encode_info(const struct cache *cache, const struct store_table *table,
                                   const struct flight_info *info,
                                   struct flight_endpoint *endpoints, const struct alloc *alloc,
                                   struct buf *ret, struct fkv_error *error)
{
    struct buf figures;
    const struct slice location = slice_text(cache->config->advertise);
    for (size_t i = 0; i < info->endpoint_count; i++) {
        endpoints[i].locations = &location;
        endpoints[i].location_count = location.size > 0;
    }
    struct flight_info with_endpoints = *info;
    with_endpoints.endpoints = endpoints;
    buf_init(&figures, alloc, figures_bytes_max);
    enum fkv_status status =
        write_figures(table, &figures) ? FKV_OK : status_no_memory(error, figures_bytes_max);
    with_endpoints.app_metadata = buf_slice(&figures);
    if (status == FKV_OK)
        status = flight_info_encode(&with_endpoints, ret, error);
    buf_done(&figures);
    return status;
}

static enum fkv_status encode_rest(const struct cache *cache, const struct store_table *table,
                                   const struct flight_descriptor *descriptor,
                                   const struct alloc *alloc, struct buf *ret,
                                   struct fkv_error *error)
{
    struct flight_endpoint endpoint = {.ticket = table->key};
    const struct flight_info info = {.descriptor = *descriptor,
                                     .endpoint_count = 1,
                                     .total_records = (int64_t)table->rows,
                                     .total_bytes = (int64_t)table->body_bytes};
    return encode_info(cache, table, &info, &endpoint, alloc, ret, error);
}

/* The same with endpoints for parts of the table, or of some of its rows. */
static enum fkv_status encode_parts(const struct cache *cache, const struct store_table *table,
                                    const struct flight_descriptor *descriptor,
                                    const struct call_options *options, const struct alloc *alloc,
                                    struct buf *ret, struct fkv_error *error)
{
    const struct ticket_rows rows = {options->get.rows_start, options->get.rows_stop};
    struct flight_endpoint endpoints[endpoints_max];
    struct ticket_cut cut;
    struct buf tickets;
    ticket_cut(table, options->endpoints > 0 ? options->endpoints : 1, rows, &cut);
    const struct flight_info info = {.descriptor = *descriptor,
                                     .endpoint_count = cut.count,
                                     .total_records = (int64_t)cut.rows,
                                     .total_bytes = (int64_t)cut.bytes,
                                     .ordered = true};
    buf_init(&tickets, alloc, SIZE_MAX);
    for (size_t i = 0; i < cut.count; i++)
        ticket_encode(&cut.parts[i], &tickets);
    size_t ticket_bytes = tickets.size / cut.count; /* all are as long */
    for (size_t i = 0; i < cut.count; i++)
        endpoints[i] = (struct flight_endpoint){
            .ticket = slice_part(buf_slice(&tickets), i * ticket_bytes, ticket_bytes)};
    enum fkv_status status = tickets.failed
                                 ? status_no_memory(error, tickets.size)
                                 : encode_info(cache, table, &info, endpoints, alloc, ret, error);
    buf_done(&tickets);
    return status;
}

/* ---- GetFlightInfo, PollFlightInfo, GetSchema ---- */

/* The table that a descriptor names; a peek, since nothing of it is read. */
static enum fkv_status find_described(struct cache *cache, const struct host_call *call,
                                      const struct flight_descriptor *descriptor,
                                      struct store_table **ret, struct fkv_error *error)
{
    struct buf key;
    buf_init(&key, host_call_alloc(call), store_key_bytes_max);
    enum fkv_status status = key_from_descriptor(descriptor, &key, error);
    if (status == FKV_OK) {
        *ret = store_peek(cache->store, buf_slice(&key));
        status = *ret != NULL ? FKV_OK : key_not_found(buf_slice(&key), error);
    }
    buf_done(&key);
    return status;
}

enum reply { REPLY_INFO, REPLY_POLL, REPLY_SCHEMA };

struct described {
    struct store_table *table;
    enum reply reply;
    struct buf rest; /* of the info, behind its schema; empty for REPLY_SCHEMA */
    bool is_sent;
};

static void described_free(void *context, struct host_call *call)
{
    struct described *described = context;
    store_table_unref(described->table);
    buf_done(&described->rest);
    alloc_free(host_call_alloc(call), described);
}

static enum wire_pull next_described(void *context, struct host_call *call, struct wire_out *out,
                                     struct fkv_error *error)
{
    (void)call;
    (void)error;
    struct described *described = context;
    if (described->is_sent)
        return WIRE_PULL_END;
    described->is_sent = true;
    if (described->reply != REPLY_POLL) {
        write_with_schema(described->table, buf_slice(&described->rest), out);
        return WIRE_PULL_MESSAGE;
    }
    wire_out_begin(out);
    flight_complete_poll_write(out, described->table->schema, &described->table->block,
                               buf_slice(&described->rest));
    wire_out_end(out);
    return WIRE_PULL_MESSAGE;
}

static const struct host_stream described_stream = {.next = next_described,
                                                    .on_closed = described_free};

/* What is asked of the table beside its schema. */
struct question {
    struct cache *cache;
    const struct flight_descriptor *descriptor;
    enum reply reply;
    struct call_options options;
};

static enum fkv_status answer(const struct question *question, const struct store_table *table,
                              const struct alloc *alloc, struct buf *ret, struct fkv_error *error)
{
    if (question->reply == REPLY_SCHEMA)
        return FKV_OK;
    if (question->options.endpoints == 0 && !question->options.get.has_rows)
        return encode_rest(question->cache, table, question->descriptor, alloc, ret, error);
    return encode_parts(question->cache, table, question->descriptor, &question->options, alloc,
                        ret, error);
}

/* Takes the table over. */
static enum fkv_status describe(struct store_table *table, struct host_call *call,
                                const struct question *question, struct fkv_error *error)
{
    struct described *described = alloc_zero(host_call_alloc(call), sizeof *described);
    if (described == NULL) {
        store_table_unref(table);
        return status_no_memory(error, sizeof *described);
    }
    /* About as long as the request, or a key for each endpoint. */
    const struct alloc *alloc = store_charging_alloc(question->cache->store);
    described->table = table;
    described->reply = question->reply;
    buf_init(&described->rest, alloc, SIZE_MAX);
    host_call_stream(call, &described_stream, described);
    return answer(question, table, alloc, &described->rest, error);
}

static void answer_described(struct host_call *call, const struct question *question)
{
    struct store_table *table = NULL;
    struct fkv_error error;
    enum fkv_status status =
        find_described(question->cache, call, question->descriptor, &table, &error);
    if (status == FKV_OK)
        status = describe(table, call, question, &error);
    if (status != FKV_OK)
        host_call_fail(call, status, &error);
}

static void answer_info(struct cache *cache, struct host_call *call,
                        const struct flight_descriptor *descriptor, enum reply reply)
{
    struct question question = {.cache = cache, .descriptor = descriptor, .reply = reply};
    struct fkv_error error;
    enum fkv_status status =
        call_options_read(cache, call, OPTIONS_OF_INFO, &question.options, &error);
    if (status == FKV_OK)
        answer_described(call, &question);
    else
        host_call_fail(call, status, &error);
}

void rpc_get_flight_info(void *context, struct host_call *call,
                         const struct flight_descriptor *descriptor)
{
    answer_info(context, call, descriptor, REPLY_INFO);
}

/* There is nothing to wait for: what is known is known at once. */
void rpc_poll_flight_info(void *context, struct host_call *call,
                          const struct flight_descriptor *descriptor)
{
    answer_info(context, call, descriptor, REPLY_POLL);
}

void rpc_get_schema(void *context, struct host_call *call,
                    const struct flight_descriptor *descriptor)
{
    const struct question question = {
        .cache = context, .descriptor = descriptor, .reply = REPLY_SCHEMA};
    struct fkv_error error;
    enum fkv_status status = call_options_none(context, call, &error);
    if (status == FKV_OK)
        answer_described(call, &question);
    else
        host_call_fail(call, status, &error);
}

/* ---- ListFlights ---- */

enum { list_tables_at_once = 64 };

/* A literal key, all escaped, still fits. */
enum { pattern_bytes_max = 2 * store_key_bytes_max };

/* A pattern that fits few keys looks at many, and at one of the longest up to 0.1 s long. So a turn
 * ends after so many steps of matching, about a millisecond. To read on in the store, at worst over
 * 4,096 empty buckets, counts as a quarter of that. */
enum { list_steps_a_turn = 256 << 10, list_steps_a_read = 64 << 10 };

struct listing {
    struct cache *cache;
    struct buf pattern;
    uint64_t cursor;
    bool is_last;      /* the store has no more behind `tables` */
    size_t steps_left; /* of this turn */
    struct store_table *tables[list_tables_at_once];
    size_t count;
    size_t next;
    struct glob glob; /* matches the next one's key */
};

static void listing_free(void *context, struct host_call *call)
{
    struct listing *listing = context;
    while (listing->next < listing->count)
        store_table_unref(listing->tables[listing->next++]);
    buf_done(&listing->pattern);
    alloc_free(host_call_alloc(call), listing);
}

/* The form last put; a PATH that isn't UTF-8, which clients would choke on, as a CMD. */
static enum fkv_status descriptor_of(const struct store_table *table, struct flight_memory *memory,
                                     struct flight_descriptor *ret, struct fkv_error *error)
{
    if (table->descriptor.size == 0 || !text_is_utf8(table->key)) {
        *ret = (struct flight_descriptor){.type = FLIGHT_DESCRIPTOR_CMD, .cmd = table->key};
        return FKV_OK;
    }
    return flight_descriptor_decode(memory, table->descriptor, ret, error);
}

static enum fkv_status write_info(const struct cache *cache, struct store_table *table,
                                  struct host_call *call, struct wire_out *out,
                                  struct fkv_error *error)
{
    struct flight_memory memory;
    struct buf rest;
    flight_memory_init(&memory, host_call_alloc(call), SIZE_MAX);
    buf_init(&rest, host_call_alloc(call), SIZE_MAX);
    struct flight_descriptor descriptor;
    enum fkv_status status = descriptor_of(table, &memory, &descriptor, error);
    if (status == FKV_OK)
        status = encode_rest(cache, table, &descriptor, host_call_alloc(call), &rest, error);
    if (status == FKV_OK)
        write_with_schema(table, buf_slice(&rest), out);
    buf_done(&rest);
    flight_memory_done(&memory);
    return status;
}

static void match_next(struct listing *listing)
{
    if (listing->next < listing->count)
        glob_init(&listing->glob, buf_slice(&listing->pattern),
                  listing->tables[listing->next]->key);
}

static void read_on(struct listing *listing)
{
    const size_t steps = list_steps_a_read;
    listing->steps_left -= steps < listing->steps_left ? steps : listing->steps_left;
    listing->next = 0;
    listing->count =
        store_list(listing->cache->store, &listing->cursor, listing->tables, list_tables_at_once);
    listing->is_last = listing->cursor == 0;
    match_next(listing);
}

static bool is_over(const struct listing *listing)
{
    return listing->is_last && listing->next == listing->count;
}

/* The next table whose key fits, with its reference; NULL when the turn is, or all are. */
static struct store_table *next_fitting(struct listing *listing)
{
    while (listing->steps_left > 0 && !is_over(listing)) {
        if (listing->next == listing->count) {
            read_on(listing);
            continue;
        }
        enum glob_answer answer = glob_run(&listing->glob, &listing->steps_left);
        if (answer == GLOB_MORE)
            break;
        struct store_table *table = listing->tables[listing->next++];
        match_next(listing);
        if (answer == GLOB_YES)
            return table;
        store_table_unref(table);
    }
    return NULL;
}

static enum wire_pull next_listed(void *context, struct host_call *call, struct wire_out *out,
                                  struct fkv_error *error)
{
    struct listing *listing = context;
    struct store_table *table = next_fitting(listing);
    if (table == NULL && is_over(listing))
        return WIRE_PULL_END;
    if (table == NULL) {
        listing->steps_left = list_steps_a_turn;
        host_call_yield(call);
        return WIRE_PULL_WAIT;
    }
    enum fkv_status status = write_info(listing->cache, table, call, out, error);
    store_table_unref(table);
    return status == FKV_OK ? WIRE_PULL_MESSAGE : WIRE_PULL_FAIL;
}

static const struct host_stream list_stream = {.next = next_listed, .on_closed = listing_free};

void rpc_list_flights(void *context, struct host_call *call, struct slice expression)
{
    const struct alloc *alloc = host_call_alloc(call);
    struct fkv_error error;
    enum fkv_status status = call_options_none(context, call, &error);
    struct listing *listing = NULL;
    if (status == FKV_OK && (listing = alloc_zero(alloc, sizeof *listing)) == NULL)
        status = status_no_memory(&error, sizeof *listing);
    if (status != FKV_OK) {
        host_call_fail(call, status, &error);
        return;
    }
    listing->cache = context;
    buf_init(&listing->pattern, alloc, pattern_bytes_max);
    host_call_stream(call, &list_stream, listing);
    if (expression.size == 0)
        expression = slice_text("*");
    if (expression.size > pattern_bytes_max)
        status =
            status_set(&error, FKV_INVALID_ARGUMENT, "a pattern of %zu bytes, expected at most %d",
                       expression.size, pattern_bytes_max);
    else if (!buf_append(&listing->pattern, expression.data, expression.size))
        status = status_no_memory(&error, expression.size);
    listing->steps_left = list_steps_a_turn;
    if (status != FKV_OK)
        host_call_fail(call, status, &error);
}
