/* SPDX-License-Identifier: Apache-2.0 */
/* What one side of a call sends: encoded messages and record batches, in order, until its end. They
 * wait in a queue and are made into messages of the call when these are pulled:
 *
 *     message, schema, batch ... -> queue -> ipc_writer -> FlightData -> wire_out
 *     a whole ArrowArrayStream  -----------^               asked for the next batch when pulled
 *
 * Batches are sent from where they are; queued is only the array. Used in one thread. */
#ifndef EXCHANGE_OUTGOING_H
#define EXCHANGE_OUTGOING_H

#include "base/buf.h"
#include "base/list.h"
#include "flightkv/flight.h"
#include "ipc/writer.h"
#include "wire/session.h"

struct exchange_outgoing {
    const struct alloc *alloc;
    struct list queue;
    size_t queued;         /* messages */
    struct buf descriptor; /* goes with the first FlightData */
    struct ipc_writer *writer;
    bool is_writing;           /* the writer has messages of the last batch */
    struct outgoing_item *now; /* that batch; NULL: of the stream */
    struct ArrowArrayStream stream;
    enum fkv_status unreadable; /* the status when the stream fails */
    bool has_ended;

    /* Of each dictionary and batch when it was written; NULL: nobody. What isn't FKV_OK ends the
     * call. */
    enum fkv_status (*on_written)(void *context, const struct ipc_out *message,
                                  struct fkv_error *error);
    void *context;
};

void exchange_outgoing_init(struct exchange_outgoing *outgoing, const struct alloc *alloc);
void exchange_outgoing_done(struct exchange_outgoing *outgoing);

/* Goes with the first schema or batch: an encoded FlightDescriptor. */
enum fkv_status exchange_send_descriptor(struct exchange_outgoing *outgoing, struct slice encoded,
                                         struct fkv_error *error);
/* A whole message of the call, copied. */
enum fkv_status exchange_send_message(struct exchange_outgoing *outgoing, struct slice message,
                                      struct fkv_error *error);
/* FAILED_PRECONDITION for a second one. */
enum fkv_status exchange_send_schema(struct exchange_outgoing *outgoing,
                                     const struct ArrowSchema *schema, struct fkv_error *error);
/* Takes batch->array over, also on failure; FAILED_PRECONDITION for one without a schema ahead. */
enum fkv_status exchange_send_batch(struct exchange_outgoing *outgoing,
                                    struct fkv_flight_batch *batch, struct fkv_error *error);
/* Takes the stream over, also on failure. `unreadable` says whose fault it is when it fails, other
 * than for want of memory. */
enum fkv_status exchange_send_stream(struct exchange_outgoing *outgoing,
                                     struct ArrowArrayStream *stream, enum fkv_status unreadable,
                                     struct fkv_error *error);
void exchange_send_end(struct exchange_outgoing *outgoing);

/* Nothing is left to pull, but more may be sent. */
bool exchange_outgoing_is_idle(const struct exchange_outgoing *outgoing);

/* For a wire_source. */
enum wire_pull exchange_next(struct exchange_outgoing *outgoing, struct wire_out *out,
                             struct fkv_error *error);

#endif
