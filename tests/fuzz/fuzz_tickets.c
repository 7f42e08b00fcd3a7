/* SPDX-License-Identifier: Apache-2.0 */
/* A ticket for a part of a table, as a client may send it. What is decoded must be inside the
 * ticket, and be the ticket again when it is encoded. */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "server/tickets.h"

static void check(bool is_so)
{
    if (!is_so)
        abort();
}

static bool is_inside(struct slice inner, const uint8_t *data, size_t size)
{
    return inner.data >= data && inner.size <= size &&
           (size_t)(inner.data - data) <= size - inner.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ticket_part part;
    struct buf again;
    struct fkv_error error;
    if (ticket_decode(slice_of(data, size), &part, &error) != FKV_OK)
        return 0;
    check(is_inside(part.key, data, size) && is_inside(part.etag, data, size));
    check(part.rows_start <= part.rows_stop);
    buf_init(&again, alloc_system(), size);
    ticket_encode(&part, &again);
    check(slice_equal(buf_slice(&again), slice_of(data, size)));
    buf_done(&again);
    /* Of a table with this etag, whatever range of messages it is for. */
    struct store_table table = {.messages = part.end > 0 ? part.end - 1 : 0};
    memcpy(table.etag, part.etag.data, part.etag.size);
    check(ticket_check(&part, &table, &error) != FKV_OK);
    table.messages = part.end;
    bool is_of_table = slice_is(part.etag, table.etag); /* not with a NUL in it */
    check((ticket_check(&part, &table, &error) == FKV_OK) ==
          (is_of_table && part.first >= 1 && part.first <= part.end));
    return 0;
}
