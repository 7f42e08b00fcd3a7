/* SPDX-License-Identifier: Apache-2.0 */
/* A client that is played by hand, frame by frame, since no real one would behave so. */
#ifndef FLOW_PEER_H
#define FLOW_PEER_H

#include "flow/flow.h"
#include "unit/wire/frames.h"

struct peer {
    struct flow *flow;
    struct net_transport *end, *server_end;
    struct answer answer; /* what came, and the bytes to be sent next */
    struct buf unread;
    uint32_t stream; /* of the latest call */
    bool is_closed;  /* by the server */
};

/* Over a pipe of the flow's shape; the preface is the test's. */
void peer_open(struct peer *peer, struct flow *flow);
void peer_close(struct peer *peer);

/* Adds the headers of a call, with one field more, and a message of it. The method may be a whole
 * path. */
void peer_call(struct peer *peer, const char *method, int flags, const char *name,
               const char *value);
void peer_message(struct peer *peer, int flags, const void *bytes, size_t size);

/* Writes what was added, whole, and lets the server answer; false when the connection is closed. */
bool peer_send(struct peer *peer);
void peer_step(struct peer *peer);

/* Adds the frames that came to the answer's text, and gives it. */
const char *peer_read(struct peer *peer);

/* The answer's text, as far as it was read, has this part. */
void peer_expect(struct peer *peer, const char *part);

#endif
