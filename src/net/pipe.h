/* SPDX-License-Identifier: Apache-2.0 */
/* An in-memory connection: two transports, each reading what the other wrote. Both belong to one
 * thread, which drives them by net_pipe_step. For whole-stack tests without sockets: reads and
 * writes can be cut short to shake the state machines above. */
#ifndef NET_PIPE_H
#define NET_PIPE_H

#include "base/alloc.h"
#include "net/transport.h"

struct net_pipe_options {
    size_t buffer_bytes;   /* of each direction; 0 = 64 KiB */
    size_t read_bytes_max; /* one read gives at most so many; 0 = no limit */
    size_t write_bytes_max;
    bool is_local; /* what the ends' transports say of each other */
    /* What net_wait of an end does until its events are there: lets the test step the other side.
     * False when nothing can ever happen (the wait then answers 0, as at a time-out). */
    bool (*on_wait)(void *context);
    void *context;
};

enum fkv_status net_pipe_new(const struct alloc *alloc, const struct net_pipe_options *options,
                             struct net_transport **ret_a, struct net_transport **ret_b,
                             struct fkv_error *error);

/* Calls on_ready of one end for what it wants and has; false when there was nothing. */
bool net_pipe_step(struct net_transport *end);

/* Keeps both ends' memory, so that an end may be stepped (to no effect) after it was closed. */
void net_pipe_hold(struct net_transport *end);
void net_pipe_release(struct net_transport *end);

/* The connection breaks: both ends then write -ECONNRESET, and read it once; then, as from a
 * socket, the end of the stream. */
void net_pipe_break(struct net_transport *end);

#endif
