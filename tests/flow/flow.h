/* SPDX-License-Identifier: Apache-2.0 */
/* A whole server and its clients in one thread: real bytes through every layer, no sockets, a clock
 * that the test winds on, reads and writes as short as it wants them.
 *
 * A client's call waits inside net_wait; the pipe then lets the server's side of all connections
 * take a step. So calls look blocking to the test, and everything is deterministic. */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include "client/client.h"
#include "harness/test.h"
#include "net/pipe.h"
#include "server/server.h"
#include "service/server.h"

enum { flow_clients_max = 16 };

struct flow_link {
    struct flow *flow;
    struct fkv_client *client;
    struct net_transport *server_end; /* of the latest connection, held; NULL before the first */
};

struct flow {
    const struct alloc *alloc;
    struct clock clock;
    uint64_t now_ns;
    uint64_t step_ns;             /* by which each step of the server winds the clock on */
    struct net_pipe_options pipe; /* the shape of connections made from now on */
    struct net_tls *server_tls;   /* NULL: connections are without */
    struct net_tls *client_tls;
    const struct fkv_client_options *client_options; /* of clients opened from now on */
    struct fkv_server *server;                       /* the cache, or */
    struct fkv_flight_server *service;               /* a service of the test's */
    struct host *host;                               /* of either */
    struct flow_link links[flow_clients_max];
    size_t link_count;
    bool is_frozen; /* the server takes no steps */
};

/* `settings` are pairs of option name and value, ended by NULL. */
void flow_init(struct flow *flow, const struct alloc *alloc, const char *const *settings);
enum fkv_status flow_try_init(struct flow *flow, const struct alloc *alloc,
                              const char *const *settings, struct fkv_error *error);
void flow_init_service(struct flow *flow, const struct alloc *alloc,
                       const struct fkv_flight_service *service, const char *const *settings);
enum fkv_status flow_try_init_service(struct flow *flow, const struct alloc *alloc,
                                      const struct fkv_flight_service *service,
                                      const char *const *settings, struct fkv_error *error);
void flow_done(struct flow *flow); /* clients too */

struct fkv_client *flow_client(struct flow *flow);
/* flow_init, then a client. */
struct fkv_client *flow_begin(struct flow *flow, const char *const *settings);
enum fkv_status flow_try_client(struct flow *flow, struct fkv_client **ret,
                                struct fkv_error *error);
void flow_close_client(struct flow *flow, struct fkv_client *client);

/* Lets every connection's server side take one step; false when none had anything to do. */
bool flow_step(struct flow *flow);
void flow_settle(struct flow *flow); /* until nothing more happens */

/* Winds the clock on by `ns`, firing what is due on the way. */
void flow_wind(struct flow *flow, uint64_t ns);

/* The connection of a client breaks, as if its process was killed. */
void flow_break(struct flow *flow, struct fkv_client *client);

struct store_stats flow_stats(struct flow *flow);
/* Of the cache, or of what is sent to the service. */
struct arena_stats flow_memory(struct flow *flow);

/* ---- messages as they are ---- */

struct raw_message {
    struct slice header;
    struct slice app_metadata;
    bool has_app_metadata;
    struct slice body;
};

/* A put of messages byte for byte, the first with a CMD descriptor of `key`. */
struct raw_call {
    struct client_call call;
    struct slice key;
    const struct raw_message *messages;
    size_t count;
    bool is_endless; /* it waits behind the last message */
    size_t next;
};
/* To be run and ended by client_call_run and client_call_end. */
enum fkv_status raw_put_open(struct raw_call *put, struct fkv_client *client,
                             struct wire_metadata metadata, struct fkv_error *error);

/* The whole of it. */
enum fkv_status raw_put(struct fkv_client *client, const char *key,
                        const struct raw_message *messages, size_t count, struct fkv_error *error);

/* The same, behind what is there. */
enum fkv_status raw_append(struct fkv_client *client, const char *key,
                           const struct raw_message *messages, size_t count,
                           struct fkv_error *error);

/* Gets what is stored, byte for byte: FlightData messages without descriptors, each as its header,
 * app_metadata and body behind their lengths (three little-endian uint64 and a flag byte). */
enum fkv_status raw_get(struct fkv_client *client, const char *key, struct buf *ret,
                        struct fkv_error *error);

/* The same with request metadata; a user-agent among it counts instead of the client's. */
enum fkv_status raw_get_with(struct fkv_client *client, const char *key,
                             const struct wire_pair *metadata, size_t metadata_count,
                             struct buf *ret, struct fkv_error *error);

/* The same form of messages that were put. */
void raw_encode(const struct raw_message *messages, size_t count, struct buf *ret);
/* Cuts the next message off that form: views of the bytes. */
struct raw_message raw_next(struct slice *encoded);

#endif
