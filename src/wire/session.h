/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 and gRPC as a machine without I/O: bytes come in by wire_session_feed and go out by
 * wire_session_next; both roles. gRPC over HTTP/2:
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 *
 *     feed -> frames -> calls -> messages -> receiver (on_message, on_bytes, on_message_end,
 * on_end) next <- frames <- window and frame size of the peer <- source (pulled, message by
 * message)
 *
 * Back-pressure is the absence of a call. Incoming: while a call is held (wire_call_hold) the peer
 * gets no more credit for it than its window. Outgoing: a source is asked for its next message only
 * when window and output queue have room, and may answer "wait" until wire_call_resume.
 *
 * A message received is never gathered: its bytes are handed on in the pieces in which they came,
 * pointing into the fed buffer, or where its receiver wants them, if they are read to there and fed
 * from there (wire_session_target). A message sent is a list of slices; those added by reference
 * are written from where they are, and their owner is held until the socket took them.
 *
 * A session and its calls belong to one thread. Everything a peer can make grow has a bound in
 * struct wire_limits. */
#ifndef WIRE_SESSION_H
#define WIRE_SESSION_H

#include <sys/uio.h>

#include "base/block.h"
#include "base/slice.h"
#include "flightkv/status.h"

struct wire_session;
struct wire_call;
struct wire_out;

enum wire_role { WIRE_CLIENT, WIRE_SERVER };

struct wire_limits {
    uint32_t streams_max;          /* MAX_CONCURRENT_STREAMS; more are refused (REFUSED_STREAM) */
    uint32_t header_bytes_max;     /* MAX_HEADER_LIST_SIZE, as RFC 9113 counts; more:
                                      RESOURCE_EXHAUSTED */
    uint32_t frame_bytes_max;      /* MAX_FRAME_SIZE that we take: 16,384 to 16,777,215 */
    uint32_t send_frame_bytes_max; /* longest DATA frame that we send, whatever the peer takes */
    uint32_t stream_window_bytes;  /* receive credit of a stream */
    uint32_t connection_window_bytes; /* receive credit of the connection */
    uint64_t message_bytes_max;       /* a gRPC message received; a receiver may be stricter */
    uint32_t output_bytes_max; /* queued for the socket before sources are no longer pulled */
};

extern const struct wire_limits wire_limits_default;

struct wire_pair {
    struct slice name;  /* lower case */
    struct slice value; /* of a "-bin" name: the raw bytes; base64 is wire's business */
};

struct wire_metadata {
    const struct wire_pair *pairs;
    size_t count;
};

/* The value of the first pair with this name; data NULL when there is none. */
struct slice wire_metadata_get(struct wire_metadata metadata, const char *name);

/* What happens to one call, in this order: on_headers (client only), then per message on_message,
 * on_bytes (none for an empty message), on_message_end; on_end when the peer has sent its last
 * message; on_closed once, last, whatever happened. Members may be NULL. A receiver that answers
 * anything but OK ends the call with that status and error: a server's peer is told so, a client
 * cancels and gets it in on_closed. No receiver is called from inside its own call to wire_*. */
struct wire_receiver {
    void (*on_headers)(void *context, struct wire_call *call); /* wire_call_metadata has them */
    enum fkv_status (*on_message)(void *context, struct wire_call *call, uint64_t size,
                                  struct fkv_error *error);
    enum fkv_status (*on_bytes)(void *context, struct wire_call *call, struct slice bytes,
                                struct fkv_error *error);
    enum fkv_status (*on_message_end)(void *context, struct wire_call *call,
                                      struct fkv_error *error);
    /* Where the message's next *size bytes are wanted, or as many as *size is cut to; NULL: no
     * matter. They may be written there, and then on_bytes has them in that place; but any of them
     * may come from elsewhere, or not at all: nothing counts before on_bytes. */
    uint8_t *(*target)(void *context, struct wire_call *call, size_t *size);
    void (*on_end)(void *context, struct wire_call *call);
    /* Server: OK when trailers were handed to the socket's queue, CANCELLED when the peer reset the
     * stream, UNAVAILABLE when the connection died. Client: the status and message of the server
     * (metadata: the trailers), or of what went wrong on the way. The call is freed behind it. */
    void (*on_closed)(void *context, struct wire_call *call, enum fkv_status status,
                      const char *message);
};

enum wire_pull {
    WIRE_PULL_MESSAGE, /* one whole message was put into `out` */
    WIRE_PULL_WAIT,    /* nothing now; wire_call_resume will be called */
    WIRE_PULL_END,     /* no more. Server: the call ends with OK and the trailers set so far.
                          Client: half-close. */
    WIRE_PULL_FAIL,    /* the call ends with *error (client: is cancelled) */
};

struct wire_source {
    enum wire_pull (*next)(void *context, struct wire_call *call, struct wire_out *out,
                           struct fkv_error *error);
    void *context;
};

/* Building one message, between begin and end; the 5-byte prefix is wire's business. A failure is
 * remembered and ends the call with RESOURCE_EXHAUSTED. */
void wire_out_begin(struct wire_out *out);
void wire_out_copy(struct wire_out *out, struct slice bytes);
uint8_t *wire_out_space(struct wire_out *out, size_t size); /* to be filled; NULL on failure */
void wire_out_ref(struct wire_out *out, struct slice bytes,
                  struct block *owner); /* takes a reference; NULL: static bytes */
void wire_out_end(struct wire_out *out);

/* ---- calls, both roles ---- */

/* Server: the request's metadata, valid as long as the call. Client: the response's initial ones
 * from on_headers on, the trailers in on_closed. Pseudo-headers and gRPC's own are left out, but
 * user-agent is kept. */
struct wire_metadata wire_call_metadata(const struct wire_call *call);
struct slice wire_call_path(const struct wire_call *call); /* "/package.Service/Method" */

/* Server: what the client gave as grpc-timeout; UINT64_MAX when it gave none. */
uint64_t wire_call_timeout_ns(const struct wire_call *call);

/* While held, bytes of this call that arrive are handed on but their credit isn't returned, so that
 * the peer stops after a window. Release returns it in one lump. */
void wire_call_hold(struct wire_call *call, bool held);

void wire_call_resume(struct wire_call *call); /* after WIRE_PULL_WAIT; harmless otherwise */

/* RST_STREAM(CANCEL); on_closed follows with CANCELLED before this returns. */
void wire_call_cancel(struct wire_call *call);

/* ---- server ---- */

struct wire_events {
    /* A request's headers are there and are proper gRPC. Gives the receiver's table and context by
     * wire_call_accept, or refuses by wire_call_finish. */
    void (*on_call)(void *context, struct wire_call *call);
    void *context;
};

void wire_call_accept(struct wire_call *call, const struct wire_receiver *receiver, void *context);

/* Initial metadata. Sent with the first message; or at once by wire_call_flush_headers, and then
 * apart from the trailers also when there is no message and no error. Names and values are copied.
 */
void wire_call_header(struct wire_call *call, const char *name, struct slice value);
void wire_call_flush_headers(struct wire_call *call);
void wire_call_trailer(struct wire_call *call, const char *name, struct slice value);

/* From now on messages are pulled from `source` (copied). At most one in a call's life. */
void wire_call_send(struct wire_call *call, const struct wire_source *source);

/* Ends the call: trailers (Trailers-Only when no headers went out), and for an error the Arrow
 * status trailers x-arrow-status and x-arrow-status-message-bin; messages not yet pulled are
 * dropped, what is queued still goes. RST_STREAM(NO_ERROR) follows when the peer hasn't ended its
 * side. The message is cut so that all trailers stay under 8 KiB. */
void wire_call_finish(struct wire_call *call, enum fkv_status status, const char *message);

/* Ends the call at once with an error, also one that was finished: what is queued of its answer and
 * isn't in a frame yet is dropped with its references, and the trailers don't wait for a window. */
void wire_call_abort(struct wire_call *call, enum fkv_status status, const char *message);
bool wire_call_is_finished(const struct wire_call *call);

/* How much of the answer has gone into frames, and whether more waits for the peer's windows. */
struct wire_call_progress {
    uint64_t framed_bytes;
    bool is_blocked;
};
struct wire_call_progress wire_call_progress(const struct wire_call *call);

/* Server: how the call was finished; FKV_OK before. */
enum fkv_status wire_call_status(const struct wire_call *call);

/* ---- client ---- */

struct wire_request {
    const char *path;
    struct wire_metadata metadata;
    uint64_t timeout_ns; /* sent as grpc-timeout; UINT64_MAX: none */
    const struct wire_receiver *receiver;
    void *context;
    struct wire_source source; /* next NULL: no message, half-closed at once */
};

/* Whether calls can be opened still; not after a GOAWAY, or when stream numbers have run out. */
bool wire_session_takes_calls(const struct wire_session *session);

/* Whether the server has shown, by its SETTINGS, that it speaks HTTP/2. */
bool wire_session_is_greeted(const struct wire_session *session);

/* How many calls the server takes at a time; 1 until it has said so. Those beyond wait in the
 * session. */
uint32_t wire_session_calls_max(const struct wire_session *session);

enum fkv_status wire_call_open(struct wire_session *session, const struct wire_request *request,
                               struct wire_call **ret, struct fkv_error *error);

/* ---- sessions ---- */

/* `authority` is the client's (":authority"); NULL for a server. `limits` is copied. */
enum fkv_status wire_session_new(const struct alloc *alloc, enum wire_role role,
                                 const struct wire_limits *limits, const struct wire_events *events,
                                 const char *authority, struct wire_session **ret,
                                 struct fkv_error *error);
/* All calls still open get on_closed with UNAVAILABLE. */
void wire_session_free(struct wire_session *session);

/* Takes all of `bytes`. An error means that the peer broke HTTP/2: a GOAWAY is queued, nothing more
 * may be fed. */
enum fkv_status wire_session_feed(struct wire_session *session, struct slice bytes,
                                  struct fkv_error *error);

/* Where the next *size bytes to be fed, or as many as *size is cut to, are best read to: there the
 * receiver of the message whose middle they are wants them. NULL: no matter. Valid until the next
 * call of any function of the session or its calls; bytes may be fed from elsewhere all the same.
 */
uint8_t *wire_session_target(struct wire_session *session, size_t *size);

/* Fills `iov` with bytes to write, at most about `bytes_max`; gives how many entries. They stay
 * valid until wire_session_sent, which says how many bytes the socket took. */
size_t wire_session_next(struct wire_session *session, struct iovec *iov, size_t capacity,
                         size_t bytes_max);
void wire_session_sent(struct wire_session *session, size_t bytes);

enum wire_state {
    WIRE_HAS_OUTPUT,   /* wire_session_next would give something now */
    WIRE_LISTENS,      /* nothing to write */
    WIRE_AWAITS_CLOSE, /* all is said: it can be closed as soon as the client has done so */
    WIRE_OVER,         /* nothing more to read or to write: it can be closed */
};
enum wire_state wire_session_state(struct wire_session *session);

/* GOAWAY: calls in flight go on, new ones are refused. A server with calls in flight is over only
 * when the client has closed: closing first could lose it the ends of these calls. */
void wire_session_drain(struct wire_session *session);

struct wire_session_stats {
    uint64_t bytes_fed;
    uint64_t bytes_sent;
    uint64_t output_bytes; /* in frames, not yet taken by the socket */
    uint32_t calls_open;
    uint64_t calls_total;
};
struct wire_session_stats wire_session_stats(const struct wire_session *session);

#endif
