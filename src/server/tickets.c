/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tickets.h"

#include "base/status.h"
#include "server/cache.h"

enum {
    form_at = 1,
    first_at = 2,
    end_at = 10,
    start_at = 18,
    stop_at = 26,
    etag_at = 34,
    key_at = etag_at + store_etag_size
};
enum { form_part = 'p' };

void ticket_encode(const struct ticket_part *part, struct buf *ret)
{
    uint8_t head[etag_at] = {0, form_part};
    store_le64(head + first_at, part->first);
    store_le64(head + end_at, part->end);
    store_le64(head + start_at, part->rows_start);
    store_le64(head + stop_at, part->rows_stop);
    buf_append(ret, head, sizeof head);
    buf_append(ret, part->etag.data, part->etag.size);
    buf_append(ret, part->key.data, part->key.size);
}

bool ticket_is_part(struct slice ticket)
{
    return ticket.size > 0 && ticket.data[0] == 0;
}

enum fkv_status ticket_decode(struct slice ticket, struct ticket_part *ret, struct fkv_error *error)
{
    bool is_whole =
        ticket.size > key_at && ticket_is_part(ticket) && ticket.data[form_at] == form_part;
    if (!is_whole || load_le64(ticket.data + start_at) > load_le64(ticket.data + stop_at))
        return status_set(error, FKV_INVALID_ARGUMENT, "the ticket is not one of this server");
    const struct ticket_part part = {
        .key = slice_part(ticket, key_at, ticket.size - key_at),
        .etag = slice_part(ticket, etag_at, store_etag_size),
        .first = load_le64(ticket.data + first_at),
        .end = load_le64(ticket.data + end_at),
        .rows_start = load_le64(ticket.data + start_at),
        .rows_stop = load_le64(ticket.data + stop_at),
    };
    enum fkv_status status = store_key_check(part.key, error);
    if (status != FKV_OK)
        return status_prefix(error, status, "ticket");
    *ret = part;
    return FKV_OK;
}

enum fkv_status ticket_check(const struct ticket_part *part, const struct store_table *table,
                             struct fkv_error *error)
{
    char shown[key_shown_size];
    if (!slice_is(part->etag, table->etag))
        return status_set(error, FKV_NOT_FOUND,
                          "the table under key '%s' has changed, call GetFlightInfo again",
                          key_shown(shown, part->key));
    if (part->first < 1 || part->first > part->end || part->end > table->messages)
        return status_set(
            error, FKV_INVALID_ARGUMENT,
            "the ticket is for messages %llu to %llu of key '%s', which has 1 to %llu",
            (unsigned long long)part->first, (unsigned long long)part->end,
            key_shown(shown, part->key), (unsigned long long)table->messages);
    return FKV_OK;
}

/* What a message counts beside its body, so that batches without bytes are spread too. */
enum { message_weight = 64 };

/* A walk over a table's messages that stops where a part may end: behind a batch. */
struct walk {
    const struct store_table *table;
    struct ticket_rows rows; /* asked for */
    uint64_t index;          /* of the next message */
    uint64_t row;            /* the first of the next batch */
    uint64_t batches;        /* taken */
    uint64_t weight, bytes;  /* of all since the first row asked for */
};

static bool has_all(struct ticket_rows rows)
{
    return rows.start == 0 && rows.stop == UINT64_MAX;
}

/* The number of rows in [start, stop) that are asked for. */
static uint64_t rows_within(struct ticket_rows rows, uint64_t start, uint64_t stop)
{
    start = start > rows.start ? start : rows.start;
    stop = stop < rows.stop ? stop : rows.stop;
    return start < stop ? stop - start : 0;
}

/* Takes the messages up to the next batch, and that; false when there is none. */
static bool take_batch(struct walk *walk)
{
    while (walk->index < walk->table->messages) {
        struct store_message message = store_table_message(walk->table, walk->index++);
        double share = 1; /* of the message that is asked for */
        if (message.kind == STORE_BATCH && !has_all(walk->rows)) {
            uint64_t rows = (uint64_t)message.rows;
            uint64_t wanted = rows_within(walk->rows, walk->row, walk->row + rows);
            share = rows > 0 ? (double)wanted / (double)rows : 0;
        }
        uint64_t bytes = (uint64_t)(share * (double)message.body.size);
        walk->bytes += bytes;
        walk->weight += bytes + (share > 0 ? message_weight : 0);
        if (message.kind == STORE_BATCH) {
            uint64_t left = (uint64_t)INT64_MAX - walk->row; /* as a table counts them */
            walk->row += (uint64_t)message.rows < left ? (uint64_t)message.rows : left;
            walk->batches++;
            return true;
        }
    }
    return false;
}

/* Whether the batches of a walk, of which the last one is taken, reach the first row asked for. */
static bool has_begun(const struct walk *walk)
{
    return has_all(walk->rows) || walk->row > walk->rows.start;
}

/* A walk of which the next batch is the first with rows asked for, or that is at the end. */
static struct walk walk_begin(const struct store_table *table, struct ticket_rows rows)
{
    struct walk walk = {.table = table, .rows = rows, .index = 1}, next = walk;
    while (take_batch(&next) && !has_begun(&next)) {
        next.weight = next.bytes = 0;
        walk = next;
    }
    return walk;
}

/* Whether no batch that follows has any. */
static bool is_over(const struct walk *walk)
{
    return !has_all(walk->rows) && (walk->row >= walk->rows.stop || walk->row >= walk->table->rows);
}

/* What lies between two points of a walk. */
static struct ticket_part part_between(const struct walk *from, const struct walk *to)
{
    struct ticket_part part = {.key = from->table->key,
                               .etag = slice_text(from->table->etag),
                               .first = from->index,
                               .end = to->index,
                               .rows_stop = UINT64_MAX};
    struct ticket_rows rows = from->rows;
    if (has_all(rows))
        return part;
    part.rows_start = rows.start > from->row ? rows.start - from->row : 0;
    part.rows_stop = part.rows_start + rows_within(rows, from->row, to->row);
    return part;
}

/* Whether what lies between has a batch that is asked for. */
static bool has_some(const struct walk *from, const struct walk *to)
{
    if (has_all(from->rows))
        return from->batches < to->batches;
    return rows_within(from->rows, from->row, to->row) > 0;
}

void ticket_cut(const struct store_table *table, size_t wanted, struct ticket_rows rows,
                struct ticket_cut *ret)
{
    const struct walk begin = walk_begin(table, rows);
    struct walk end = begin;
    ret->count = 0;
    ret->rows = has_all(rows) ? table->rows : rows_within(rows, 0, table->rows);
    bool is_empty = !has_all(rows) && ret->rows == 0;
    while (!is_empty && !is_over(&end) && take_batch(&end))
        continue;
    ret->bytes = end.bytes;
    struct walk from = begin, to = begin;
    while (to.index < end.index && ret->count + 1 < wanted) {
        take_batch(&to);
        if (has_some(&from, &to) && has_some(&to, &end) &&
            to.weight * wanted >= end.weight * (ret->count + 1)) {
            ret->parts[ret->count++] = part_between(&from, &to);
            from = to;
        }
    }
    ret->parts[ret->count++] = part_between(&from, &end);
}
