/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tickets.h"

#include "base/status.h"
#include "server/cache.h"

enum { form_at = 1, first_at = 2, end_at = 10, etag_at = 18, key_at = etag_at + store_etag_size };
enum { form_part = 'p' };

void ticket_encode(const struct ticket_part *part, struct buf *ret)
{
    uint8_t head[etag_at] = {0, form_part};
    store_le64(head + first_at, part->first);
    store_le64(head + end_at, part->end);
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
    if (ticket.size <= key_at || ticket.data[form_at] != form_part)
        return status_set(error, FKV_INVALID_ARGUMENT, "the ticket is not one of this server");
    *ret = (struct ticket_part){
        .key = slice_part(ticket, key_at, ticket.size - key_at),
        .etag = slice_part(ticket, etag_at, store_etag_size),
        .first = load_le64(ticket.data + first_at),
        .end = load_le64(ticket.data + end_at),
    };
    enum fkv_status status = store_key_check(ret->key, error);
    return status == FKV_OK ? FKV_OK : status_prefix(error, status, "ticket");
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

size_t ticket_cut(const struct store_table *table, size_t wanted, uint64_t ret[endpoints_max])
{
    uint64_t total = table->body_bytes + (table->messages - 1) * message_weight;
    uint64_t weight = 0, batches = 0;
    size_t count = 0;
    for (uint64_t i = 1; i < table->messages; i++) {
        struct store_message message = store_table_message(table, i);
        weight += message.body.size + message_weight;
        batches += message.kind == STORE_BATCH;
        bool is_cut = message.kind == STORE_BATCH && batches < table->batches &&
                      count + 1 < wanted && weight * wanted >= total * (count + 1);
        if (is_cut)
            ret[count++] = i + 1;
    }
    ret[count++] = table->messages;
    return count;
}
