/* SPDX-License-Identifier: Apache-2.0 */
/* The pump between one transport and one session: the only place where bytes of the two meet, and
 * the only file of this layer that includes net/.
 *
 * A turn reads once and writes once (`turn_bytes`), so that a long stream doesn't hold up its
 * neighbours on the same loop. What is read goes into a buffer shared by all pumps of a thread,
 * sized for the cache, and empty between turns; or to where its receiver wants it, if that has room
 * for more than the buffer (wire_session_target), in pieces of 256 KiB at most. */
#ifndef WIRE_PUMP_H
#define WIRE_PUMP_H

#include <stdatomic.h>

#include "net/transport.h"
#include "wire/session.h"

struct wire_pump;

/* What the pumps of one thread have moved: only that thread writes, others may read. */
struct wire_traffic {
    atomic_uint_fast64_t received_bytes;
    atomic_uint_fast64_t sent_bytes;
};

struct wire_pump_options {
    uint8_t *scratch; /* shared by the thread's pumps; outlives them */
    size_t scratch_bytes;
    const size_t *turn_bytes;     /* written in one turn; the owner may change it between turns */
    struct wire_traffic *traffic; /* NULL: not counted; outlives them */
    /* The connection is over (the session's calls are closed, the pump may be freed from inside).
     * `error` says why; status OK after an orderly end. */
    void (*on_closed)(void *context, struct wire_pump *pump, const struct fkv_error *error);
    void *context;
};

/* Takes transport and session over, also on failure. */
enum fkv_status wire_pump_new(const struct alloc *alloc, struct net_transport *transport,
                              struct wire_session *session, const struct wire_pump_options *options,
                              struct wire_pump **ret, struct fkv_error *error);
void wire_pump_free(struct wire_pump *pump); /* closes both; on_closed isn't called */

struct wire_session *wire_pump_session(struct wire_pump *pump);
struct net_transport *wire_pump_transport(struct wire_pump *pump);

/* Something became sendable outside of a turn (a call was finished or resumed): asks for a turn. */
void wire_pump_wake(struct wire_pump *pump);

/* For a transport without a loop (a client's): one turn of reading and writing, waiting for the
 * socket up to `timeout_ns`; but a turn that has written all there was doesn't wait. CLOSED when
 * the connection is over (on_closed was called), TIMEOUT when nothing happened in time. */
enum wire_turn { WIRE_TURN_PROGRESS, WIRE_TURN_TIMEOUT, WIRE_TURN_CLOSED };
enum wire_turn wire_pump_turn(struct wire_pump *pump, uint64_t timeout_ns);

#endif
