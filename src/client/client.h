/* SPDX-License-Identifier: Apache-2.0 */
/* libflightkv's client half. A client owns one connection, made again when it was lost between two
 * calls, and drives it only while one of its calls waits: there is no thread behind it. What a
 * consumer doesn't ask for isn't read from the socket, and so holds the server back. */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include <stdatomic.h>

#include "base/clock.h"
#include "client/fields.h"
#include "client/login.h"
#include "client/pool.h"
#include "client/same_host.h"
#include "flight/messages.h"
#include "flightkv/flight.h"
#include "net/connect.h"
#include "net/transport.h"
#include "net/uri.h"
#include "wire/pump.h"

/* What connects; the second implementation is a test's, over a pipe. */
struct client_connector {
    enum fkv_status (*connect)(void *context, const struct alloc *alloc, const struct net_uri *uri,
                               const struct net_connect_options *options,
                               struct net_transport **ret, struct fkv_error *error);
    void *context;
    struct client_control control; /* all 0: no server is on this host */
};

struct streams;

struct fkv_client {
    const struct alloc *alloc;
    const struct clock *clock;
    struct client_connector connector;
    struct net_uri uri;
    char authority[net_host_max + 16]; /* what HTTP/2 calls the server */
    const char *name;                  /* what messages call it */
    struct net_connect_options connect;
    uint64_t call_timeout_ns; /* 0: none */
    bool (*keep_on)(void *context);
    void *keep_on_context;
    uint64_t keep_on_ns; /* when it was asked last */

    struct wire_pump *pump; /* NULL when there is no connection */
    bool is_running;        /* in client_call_run, whose callbacks mustn't come back */
    uint8_t *scratch;
    struct client_pool *pool;
    struct client_fields fields; /* that go with every call */
    struct client_login login;
    struct client_same_host same_host;
    struct fkv_flight_stream *stream; /* the get or other call of batches in progress */
    struct streams *streams;          /* a get over several connections */
    struct fkv_pipeline *pipeline;    /* whose the connection is; NULL while it uses it itself */
    atomic_bool is_cancelled;
};

/* A stream or pipeline has the client, or it was called from a callback of its own call. */
bool client_is_busy(const struct fkv_client *client);
/* Then, FAILED_PRECONDITION. */
enum fkv_status client_check_free(const struct fkv_client *client, struct fkv_error *error);

/* Whether the call in progress is to end: fkv_client_cancel was called, or `keep_on` says so. In
 * the thread that called. Says it once. */
bool client_is_cancelled(struct fkv_client *client, uint64_t now_ns);

enum fkv_status client_open(const struct alloc *alloc, const struct clock *clock,
                            const struct client_connector *connector, const char *uri,
                            const struct fkv_client_options *options, struct fkv_client **ret,
                            struct fkv_error *error);

/* Another client at that address, with the time-outs and, where both are grpc+tls, the TLS options
 * of `other`. Its user, fields and cookies go along only to `other`'s own address: who names
 * another one in an answer mustn't learn a password or token so. */
enum fkv_status client_open_at(const struct fkv_client *other, const char *uri,
                               struct fkv_client **ret, struct fkv_error *error);

/* Another client of the same server and user, for another thread; `other`, whose pool it shares,
 * must outlive it. It sends a copy of `fields` with its calls. Where the user's token is among
 * these, and holds until `renew_ns`, it logs in by itself only then, or when the server doesn't
 * know the token; 0: at once. */
enum fkv_status client_open_like(const struct fkv_client *other, const struct client_fields *fields,
                                 uint64_t renew_ns, struct fkv_client **ret,
                                 struct fkv_error *error);

/* ---- one call ---- */

/* Embedded in whatever runs a call. */
struct client_call {
    struct fkv_client *client;
    struct wire_call *wire;        /* NULL when it is over */
    uint64_t deadline_ns;          /* UINT64_MAX: none */
    uint64_t greeting_deadline_ns; /* for a server that hasn't said a word yet */
    enum fkv_status status;        /* once it is over */
    struct fkv_error error;
    void (*on_header)(void *context, struct fkv_bytes name, struct fkv_bytes value);
    void *header_context;
};

struct client_call_options {
    const char *path;
    uint64_t timeout_ms;  /* 0: the client's */
    uint64_t deadline_ns; /* 0: by timeout_ms; else of all that the caller does */
    /* Its on_headers must call client_call_headers, its on_closed client_call_closed. */
    const struct wire_receiver *receiver;
    void *context;
    struct wire_source source;
    struct wire_metadata metadata;
    const struct fkv_flight_call_options *flight; /* headers, and who is told of them; NULL: none */
};

/* When what begins now and may take so long (0: the client's time) must be over; UINT64_MAX: never.
 */
uint64_t client_deadline(const struct fkv_client *client, uint64_t timeout_ms);
uint64_t client_time_left(const struct fkv_client *client, uint64_t deadline_ns); /* in ns */

/* Connects and logs in where needed. FAILED_PRECONDITION while a stream or pipeline is in progress
 * and in a callback of a call. No call may be open. */
enum fkv_status client_prepare(struct fkv_client *client, struct fkv_error *error);

/* Opens the call on the connection that there is. */
enum fkv_status client_call_begin(struct fkv_client *client, struct client_call *call,
                                  const struct client_call_options *options,
                                  struct fkv_error *error);

/* Both. */
enum fkv_status client_call_open(struct fkv_client *client, struct client_call *call,
                                 const struct client_call_options *options,
                                 struct fkv_error *error);

void client_call_headers(struct client_call *call, struct wire_call *wire);
void client_call_closed(struct client_call *call, enum fkv_status status, const char *message);

/* Moves bytes until `is_done(context)` or the call is over; NULL: until it is over. A deadline or
 * fkv_client_cancel ends it. */
void client_call_run(struct client_call *call, bool (*is_done)(const void *context),
                     const void *context);

/* What client_call_run does, for who runs several calls. */
enum { client_turn_ns_max = 50 * 1000000 }; /* before fkv_client_cancel is looked at again */

/* Whether the server hasn't said a word for too long: connecting isn't over before it has. */
bool client_call_is_kept_waiting(const struct client_call *call, uint64_t now_ns);
void client_call_give_connection_up(struct client_call *call);

/* `status` is CANCELLED or DEADLINE_EXCEEDED. */
void client_call_give_up(struct client_call *call, enum fkv_status status);
enum fkv_status client_given_up(const struct fkv_client *client, enum fkv_status status,
                                struct fkv_error *error);

/* Ends a call that isn't over; a turn is to send that. */
void client_call_cancel(struct client_call *call, enum fkv_status status,
                        const struct fkv_error *error);

/* Ends the call if it isn't over; then it is. */
void client_call_end(struct client_call *call);

/* A call with one small request, whose replies are small messages, each handed to `on_reply`; that
 * answers false to end the call early, which is no error. */
typedef enum fkv_status client_on_reply(void *context, struct slice message, bool *ret_more,
                                        struct fkv_error *error);
enum fkv_status client_ask(struct fkv_client *client, const char *path, struct slice request,
                           client_on_reply *on_reply, void *context, struct fkv_error *error);

/* The same with path, metadata and time-out of `options`. */
enum fkv_status client_ask_with(struct fkv_client *client,
                                const struct client_call_options *options, struct slice request,
                                client_on_reply *on_reply, void *context, struct fkv_error *error);

/* fkv_flight_authenticate_basic, which also says how long the token holds (`ret_lifetime_ns`
 * untouched: not told). */
enum fkv_status client_authenticate(struct fkv_client *client, const char *user,
                                    const char *password, uint64_t *ret_lifetime_ns,
                                    struct fkv_error *error);

#define CLIENT_PATH(method) "/arrow.flight.protocol.FlightService/" method

/* Flight requests that name a table. */
enum fkv_status client_encode_key(const void *key, size_t key_size, bool as_path, struct buf *ret,
                                  struct fkv_error *error);

/* The errno that an ArrowArrayStream answers for a status. */
int client_errno(enum fkv_status status);

/* pipeline.c: the client goes away, its pipeline stays. */
void client_pipeline_detach(struct fkv_pipeline *pipeline);

/* get.c: the error of a stream from fkv_get; says whether it is one. */
enum fkv_status client_stream_error(struct ArrowArrayStream *stream, bool *ret_is_ours,
                                    struct fkv_error *error);

enum { client_streams_max = 64 };

/* streams.c: fkv_get over several connections; `options` is complete. */
enum fkv_status client_get_streams(struct fkv_client *client, struct slice key,
                                   const struct fkv_get_options *options,
                                   struct ArrowArrayStream *ret, struct fkv_error *error);
void client_streams_detach(struct streams *streams);
enum fkv_status client_streams_error(struct ArrowArrayStream *stream, bool *ret_is_ours,
                                     struct fkv_error *error);

#endif
