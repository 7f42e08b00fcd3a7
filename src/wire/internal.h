/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this layer share: the session, its calls, and who calls whom.
 *
 *     session.c  feed, next, the list of calls          (above it: session.h's users)
 *        |   \
 *        |    call.c       a call's life, what both roles do with what comes in
 *        |    serve.c      the server's side of a call: request, response
 *        |    ask.c        the client's side of a call
 *        |    send.c       pulling messages, filling DATA frames
 *        |   /
 *     h2.c       frames; the only file that includes nghttp2.h
 */
#ifndef WIRE_INTERNAL_H
#define WIRE_INTERNAL_H

#include "base/list.h"
#include "wire/fields.h"
#include "wire/framing.h"
#include "wire/out.h"
#include "wire/session.h"
#include "wire/trailers.h"

struct nghttp2_session;

/* The frame that is being received, if it is DATA without padding: else `left` is 0. When nghttp2
 * ignores the rest of a frame, it hands nothing more of it on, and `is_open` is false. */
struct wire_inflow {
    int32_t stream;
    size_t left;        /* bytes of the payload that weren't handed on yet */
    const uint8_t *end; /* of what was handed on last, in the current feed */
    bool is_open;       /* that was the end of the last feed, too: the next bytes are the next ones
                           of the payload */
};

struct wire_session {
    const struct alloc *alloc;
    enum wire_role role;
    struct wire_limits limits;
    struct wire_events events;
    char *authority; /* client */
    struct nghttp2_session *h2;

    struct list calls;     /* open */
    struct list attention; /* calls whose sending side has to be looked at */
    struct list closed;    /* to be freed: a function on the stack may still use them */
    struct list spares;    /* closed calls whose memory the next ones take */
    size_t spare_count;

    struct wire_inflow inflow; /* h2.c */
    struct wire_pieces output; /* frames for the socket */
    struct wire_copier copier;
    uint64_t output_target; /* h2.c: no more DATA once the output has so many bytes; 0: none */

    bool is_greeted;    /* the peer's SETTINGS have come: it speaks HTTP/2 */
    bool refuses_calls; /* GOAWAY was sent or received, or the session ends */
    bool is_busy;       /* in feed or next: nghttp2 mustn't be asked to write */
    bool has_drained;
    /* Calls were open then. The peer may still have to read their ends when we are done: closing
     * now would make the system reset the connection on its next write, and that might lose them.
     * It closes when it has seen the GOAWAY, or the end of what we write: gRPC's clients keep a
     * connection after a GOAWAY as long as their user keeps a call, though it is over. */
    bool awaits_peer;
    bool has_failed; /* nothing is fed any more, and only the output that is there goes out */
    struct fkv_error error;
    struct wire_session_stats stats;
};

struct wire_call {
    struct list link;      /* in session->calls, later in session->closed */
    struct list attention; /* in session->attention */
    struct wire_session *session;
    int32_t stream;
    const struct wire_receiver *receiver;
    void *context;

    struct wire_fields fields; /* of the last header block received */
    struct wire_deframer deframer;
    uint64_t held_bytes; /* received, of which the stream's credit was kept back */
    bool is_held;
    bool has_headers;    /* the peer's first header block is complete */
    bool peer_has_ended; /* END_STREAM received */
    bool is_deaf;        /* what comes in is dropped */

    struct wire_headers headers;  /* to send, encoded */
    struct wire_headers trailers; /* the same */
    struct wire_source source;
    struct wire_out out;
    uint64_t framed_bytes;    /* of `out`, so far */
    bool is_waiting;          /* the source said so */
    bool must_flush_headers;  /* server */
    bool has_started;         /* HEADERS were handed to h2.c */
    bool is_finished;         /* server: `status` is decided; client: the source has ended */
    bool has_queued_trailers; /* server: they were handed to h2.c */
    bool has_sent_trailers;   /* server: they are in the output */
    bool has_ended_request;   /* client: END_STREAM is in the output */
    bool is_closed;

    enum fkv_status status; /* server: how to end */
    char *message;          /* the same; NULL when there is none */
};

/* ---- session.c ---- */

/* Remembers why the session is over; the first reason counts. */
void wire_session_fail(struct wire_session *session, enum fkv_status status, const char *format,
                       ...) FKV_PRINTF(3, 4);

/* Frees the closed calls, where no function on the stack can know one any more. */
void wire_session_free_closed(struct wire_session *session);

/* Closes all calls with UNAVAILABLE and this message. */
void wire_session_lose(struct wire_session *session, const char *message);

/* ---- call.c: the life of a call ---- */

/* NULL when out of memory. */
struct wire_call *wire_call_new(struct wire_session *session);

/* on_closed, once. The call is freed when the session is entered or a call begins next. */
void wire_call_close(struct wire_call *call, enum fkv_status status, const char *message);
void wire_call_free(struct wire_call *call); /* kept as a spare, or freed */
void wire_call_free_spares(struct wire_session *session);

/* Something went wrong on our side or in what the peer sent: the server answers with it, the client
 * cancels. */
void wire_call_fail(struct wire_call *call, enum fkv_status status, const char *message);

/* Has the sending side looked at when the session writes next. */
void wire_call_ask_attention(struct wire_call *call);

/* Events from h2.c. */
void wire_call_on_block_begin(struct wire_call *call);
bool wire_call_on_field(struct wire_call *call, struct slice name,
                        struct slice value); /* false: it was the last one */
void wire_call_on_block_end(struct wire_call *call, bool is_last);
void wire_call_on_data(struct wire_call *call, struct slice bytes);
uint8_t *wire_call_target(struct wire_call *call, size_t *size);
void wire_call_on_end(struct wire_call *call);
void wire_call_on_reset(struct wire_call *call, uint32_t code);

/* ---- serve.c, ask.c: what the roles do with it ---- */

void wire_serve_on_request(struct wire_call *call);
void wire_serve_start(struct wire_call *call);
void wire_serve_send_trailers(struct wire_call *call);
void wire_ask_on_headers(struct wire_call *call, bool is_last);
void wire_ask_on_end(struct wire_call *call);

/* ---- send.c ---- */

void wire_call_attend(struct wire_call *call);
void wire_call_pull(struct wire_call *call);

/* Event from h2.c: how long the next DATA frame is, at most `bytes_max`; 0 when there is nothing to
 * send now. *ret_is_last: no DATA frame follows. */
size_t wire_call_on_fill(struct wire_call *call, size_t bytes_max, bool *ret_is_last);

/* Event from h2.c: puts the frame's head and its bytes into the output. */
bool wire_call_on_frame(struct wire_call *call, struct slice head, size_t bytes);

/* ---- h2.c ---- */

enum fkv_status wire_h2_new(struct wire_session *session, struct fkv_error *error);
void wire_h2_free(struct wire_session *session);

/* Fails the session when the peer broke HTTP/2. */
void wire_h2_feed(struct wire_session *session, struct slice bytes);
uint8_t *wire_h2_target(struct wire_session *session, size_t *size);

/* Puts frames into the output until it has about `bytes` bytes. */
void wire_h2_write(struct wire_session *session, uint64_t bytes);
void wire_h2_write_controls(struct wire_session *session); /* no DATA frames */

bool wire_h2_wants_write(const struct wire_session *session);
bool wire_h2_wants_read(const struct wire_session *session);
bool wire_h2_takes_requests(const struct wire_session *session);   /* a client's */
uint32_t wire_h2_requests_max(const struct wire_session *session); /* the same, at a time */
void wire_h2_goaway(struct wire_session *session);

/* These answer false when out of memory. With a body, DATA frames are filled from the call. */
bool wire_h2_request(struct wire_call *call, const struct wire_headers *fields, bool has_body);
bool wire_h2_respond(struct wire_call *call, const struct wire_headers *fields,
                     bool has_body); /* puts :status and content-type before the fields */
bool wire_h2_refuse(struct wire_call *call, const char *http_status); /* by HTTP's status alone */
bool wire_h2_trailers(struct wire_call *call, const struct wire_headers *fields);
void wire_h2_resume(struct wire_call *call);
void wire_h2_reset(struct wire_call *call, uint32_t code);
void wire_h2_forget(struct wire_call *call); /* no more events of its stream */

/* Credit to the peer. */
void wire_h2_consume_connection(struct wire_session *session, size_t bytes);
void wire_h2_consume_stream(struct wire_call *call, uint64_t bytes);

#endif
