/* SPDX-License-Identifier: Apache-2.0 */
/* A Flight service, as a table with one row an RPC, and the calls that its handlers answer.
 *
 * A handler runs in a worker's thread and never blocks. It answers in one of three ways:
 *   - host_call_reply: one message, then OK (GetFlightInfo, GetSchema, one-result actions);
 *   - host_call_stream: a stream of messages in, out or both, by a struct host_stream;
 *   - host_call_fail: an error.
 * A row left NULL answers UNIMPLEMENTED. grpc.health.v1.Health/Check is answered for every service.
 * Several workers call a service at the same time: what its handlers share must be thread-safe; one
 * call stays in one thread. */
#ifndef HOST_SERVICE_H
#define HOST_SERVICE_H

#include "flight/flight_data.h"
#include "flight/messages.h"
#include "wire/session.h"

struct host_call;

/* What a streaming call does. Members may be NULL. The functions that receive are called in the
 * order on_body, on_body_bytes (several), on_message_end for each FlightData message, or on_message
 * for each other one; then on_end when the client has sent its last one. An error from any of them
 * ends the call with it. */
struct host_stream {
    /* A message's body of `size` bytes (0: none) begins; its other fields are in `data`, valid
     * until on_message_end. */
    enum fkv_status (*on_body)(void *context, struct host_call *call,
                               const struct flight_data_reader *data, uint64_t size,
                               struct fkv_error *error);
    enum fkv_status (*on_body_bytes)(void *context, struct host_call *call, struct slice bytes,
                                     struct fkv_error *error);
    enum fkv_status (*on_message_end)(void *context, struct host_call *call,
                                      struct fkv_error *error);
    /* Where the body's next bytes are wanted; see struct wire_receiver. */
    uint8_t *(*body_target)(void *context, size_t *size);
    /* Handshake: a message, whole; valid until this returns. */
    enum fkv_status (*on_message)(void *context, struct host_call *call, struct slice message,
                                  struct fkv_error *error);
    enum fkv_status (*on_end)(void *context, struct host_call *call, struct fkv_error *error);
    /* The next message to the client, pulled when there is room for it; see wire/session.h. After
     * WIRE_PULL_WAIT: host_call_resume. */
    enum wire_pull (*next)(void *context, struct host_call *call, struct wire_out *out,
                           struct fkv_error *error);
    /* The call is over, in whichever way; the last that is heard of it. Releases the context. */
    void (*on_closed)(void *context, struct host_call *call);
};

struct host_service {
    /* Before any call but Handshake and health checks, of which there is only the metadata yet:
     * whether it may be made; an error is its answer. NULL admits all. */
    enum fkv_status (*admit)(void *context, struct wire_metadata metadata, struct fkv_error *error);
    void (*handshake)(void *context, struct host_call *call);
    void (*list_flights)(void *context, struct host_call *call, struct slice expression);
    void (*get_flight_info)(void *context, struct host_call *call,
                            const struct flight_descriptor *descriptor);
    void (*poll_flight_info)(void *context, struct host_call *call,
                             const struct flight_descriptor *descriptor);
    void (*get_schema)(void *context, struct host_call *call,
                       const struct flight_descriptor *descriptor);
    void (*do_get)(void *context, struct host_call *call, struct slice ticket);
    void (*do_put)(void *context, struct host_call *call);
    void (*do_exchange)(void *context, struct host_call *call);
    void (*do_action)(void *context, struct host_call *call, const struct flight_action *action);
    void (*list_actions)(void *context, struct host_call *call);
    void *context;
};

/* Request metadata by lower-case name; data NULL when absent. */
struct slice host_call_metadata(const struct host_call *call, const char *name);
struct wire_metadata host_call_all_metadata(const struct host_call *call);

/* How long the client gave the call; UINT64_MAX: no deadline. */
uint64_t host_call_timeout_ns(const struct host_call *call);

/* The FlightData message that is being received, for on_message_end. */
const struct flight_data_reader *host_call_data(const struct host_call *call);

void host_call_header(struct host_call *call, const char *name, struct slice value);
void host_call_trailer(struct host_call *call, const char *name, struct slice value);

/* Sends the initial metadata now instead of with the first message: some clients (tonic) send
 * nothing more before they have seen it. */
void host_call_flush_headers(struct host_call *call);

/* The message is copied. */
void host_call_reply(struct host_call *call, struct slice message);

/* `context` is given to the stream's functions; on_closed is called also when this fails. */
void host_call_stream(struct host_call *call, const struct host_stream *stream, void *context);

void host_call_resume(struct host_call *call);

/* While held, the client gets no more credit than a window: what was sent still arrives. */
void host_call_hold(struct host_call *call, bool held);

/* From inside `next`, before answering WIRE_PULL_WAIT: asks again in the loop's next turn, so that
 * long work done piece by piece doesn't hold up the worker's other connections. */
void host_call_yield(struct host_call *call);

void host_call_fail(struct host_call *call, enum fkv_status status, const struct fkv_error *error);

/* Runs `work(context)` in a helper thread, where it may take its time, and then `done(context)` in
 * the call's worker: in any case, also when the call is closed meanwhile. False, and neither is
 * run, when out of memory. A host that is stepped runs both before this returns. */
bool host_call_work(struct host_call *call, void (*work)(void *context),
                    void (*done)(void *context), void *context);

/* Behind an answer, or host_call_resume, that is given outside of the host's callbacks. */
void host_call_wake(struct host_call *call);

/* Who calls, as text for logs; valid as long as the call. */
const char *host_call_peer(const struct host_call *call);

/* Whether the client is on this host, as far as addresses tell: a tunnel's end is, too. */
bool host_call_is_local(const struct host_call *call);

/* Memory for things that live as long as the call; NULL when out of it. */
void *host_call_memory(struct host_call *call, size_t size);

/* The allocator of the worker. */
const struct alloc *host_call_alloc(const struct host_call *call);

/* The host that runs the service, for its stats. */
struct host;
const struct host *host_call_host(const struct host_call *call);

#endif
