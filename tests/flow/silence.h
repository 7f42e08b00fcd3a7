/* SPDX-License-Identifier: Apache-2.0 */
/* A listener that accepts and says nothing, while a second passes with each wait. */
#ifndef TESTS_FLOW_SILENCE_H
#define TESTS_FLOW_SILENCE_H

#include "flow/flow.h"

struct silence {
    struct flow *flow;
    struct net_transport *end; /* of the last connection; to be closed */
};

static inline bool wait_a_second(void *context)
{
    struct silence *silence = context;
    silence->flow->now_ns += NS_PER_S;
    return false;
}

static inline enum fkv_status connect_to_silence(void *context, const struct alloc *alloc,
                                                 const struct net_uri *uri,
                                                 const struct net_connect_options *connect,
                                                 struct net_transport **ret, struct fkv_error *why)
{
    (void)uri;
    (void)connect;
    struct silence *silence = context;
    const struct net_pipe_options options = {.on_wait = wait_a_second, .context = silence};
    net_close(silence->end);
    return net_pipe_new(alloc, &options, ret, &silence->end, why);
}

#endif
