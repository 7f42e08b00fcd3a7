/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets for a part of one version of a table, as GetFlightInfo hands them out:
 *
 *     1  NUL, which no key begins with
 *     1  'p', the form of what follows
 *     8  index of the part's first message  (little-endian, as the next ones)
 *     8  index behind its last message
 *     8  the first row asked for, counted from the part's first one
 *     8  the row behind the last one; all bits set: all rows
 *    32  the table's etag, which says the version
 *        the key
 *
 * They hold no memory and grant nothing that the key doesn't. A forged one names at worst another
 * part of a table; that the part is inside is checked when it is used. */
#ifndef SERVER_TICKETS_H
#define SERVER_TICKETS_H

#include "base/buf.h"
#include "store/store.h"

enum { endpoints_max = 256 }; /* an info has a key for each of them */

struct ticket_part {
    struct slice key;
    struct slice etag;
    uint64_t first; /* at least 1: the schema goes with every part */
    uint64_t end;
    uint64_t rows_start, rows_stop; /* half-open; UINT64_MAX: to the end */
};

/* Appends; failure is the buf's. */
void ticket_encode(const struct ticket_part *part, struct buf *ret);

/* Whether it is one for a part, and not a key. */
bool ticket_is_part(struct slice ticket);

/* The slices point into the ticket. INVALID_ARGUMENT. */
enum fkv_status ticket_decode(struct slice ticket, struct ticket_part *ret,
                              struct fkv_error *error);

/* Whether the part is one of this table; NOT_FOUND when that is another version, INVALID_ARGUMENT
 * when it has no such messages. */
enum fkv_status ticket_check(const struct ticket_part *part, const struct store_table *table,
                             struct fkv_error *error);

/* What is to be cut: the rows [start, stop) of a table, as far as it has them; 0 and UINT64_MAX are
 * all of it, whatever it has beside batches. */
struct ticket_rows {
    uint64_t start, stop;
};

struct ticket_cut {
    struct ticket_part parts[endpoints_max];
    size_t count;   /* 1 at least */
    uint64_t rows;  /* of all parts */
    uint64_t bytes; /* of their bodies; a batch that is cut counts in proportion to its rows */
};

/* Cuts them into at most `wanted` (1 to endpoints_max) parts of about as many bytes, each a range
 * of batches with the dictionaries before them. The parts point into the table. Looks at every
 * message twice. */
void ticket_cut(const struct store_table *table, size_t wanted, struct ticket_rows rows,
                struct ticket_cut *ret);

#endif
