/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of a call. Headers go out with the first message, so that an error before it
 * makes a Trailers-Only answer, one header block; some clients see an error only in that form. */
#include <stdio.h>

#include "base/status.h"
#include "wire/internal.h"

/* ---- the request ---- */

/* An answer by HTTP's own means, to a client that doesn't speak gRPC: one that did might take a
 * gRPC error, which comes with the status 200, for a success. */
static void refuse_http(struct wire_call *call, const char *http_status)
{
    call->is_deaf = call->is_finished = call->has_started = call->has_queued_trailers = true;
    if (!wire_h2_refuse(call, http_status))
        wire_h2_reset(call, WIRE_RESET_INTERNAL_ERROR);
}

static void refuse_encoding(struct wire_call *call)
{
    wire_call_header(call, "grpc-accept-encoding", slice_text("identity"));
    wire_call_finish(call, FKV_UNIMPLEMENTED,
                     "the request's grpc-encoding isn't supported; expected identity");
}

static void announce(struct wire_call *call)
{
    struct wire_session *session = call->session;
    if (session->events.on_call != NULL)
        session->events.on_call(session->events.context, call);
    if (call->receiver == NULL && !call->is_finished)
        wire_call_finish(call, FKV_UNIMPLEMENTED, "there is no such method");
}

void wire_serve_on_request(struct wire_call *call)
{
    const struct wire_fields *fields = &call->fields;
    if (fields->status != FKV_OK)
        wire_call_finish(call, fields->status, fields->problem);
    else if (!fields->is_post)
        refuse_http(call, "405");
    else if (!fields->is_grpc)
        refuse_http(call, "415");
    else if (!fields->is_identity)
        refuse_encoding(call);
    else
        announce(call);
}

void wire_call_accept(struct wire_call *call, const struct wire_receiver *receiver, void *context)
{
    call->receiver = receiver;
    call->context = context;
}

/* ---- the response ---- */

static void add_metadata(struct wire_call *call, struct wire_headers *headers, const char *name,
                         struct slice value)
{
    struct fkv_error error;
    if (call->has_queued_trailers || (headers == &call->headers && call->has_started))
        return;
    enum fkv_status status = wire_headers_encode(headers, slice_text(name), value, &error);
    if (status != FKV_OK)
        wire_call_finish(call, status == FKV_INVALID_ARGUMENT ? FKV_INTERNAL : status,
                         error.message);
}

void wire_call_header(struct wire_call *call, const char *name, struct slice value)
{
    add_metadata(call, &call->headers, name, value);
}

void wire_call_trailer(struct wire_call *call, const char *name, struct slice value)
{
    add_metadata(call, &call->trailers, name, value);
}

void wire_call_flush_headers(struct wire_call *call)
{
    call->must_flush_headers = true;
    wire_call_ask_attention(call);
}

void wire_call_send(struct wire_call *call, const struct wire_source *source)
{
    call->source = *source;
    wire_call_ask_attention(call);
}

void wire_call_finish(struct wire_call *call, enum fkv_status status, const char *message)
{
    if (call->is_finished)
        return;
    call->is_finished = call->is_deaf = true;
    call->status = status;
    if (message != NULL) /* without memory the status goes alone */
        call->message = alloc_text(call->session->alloc, message, strlen(message));
    wire_call_ask_attention(call);
}

void wire_call_abort(struct wire_call *call, enum fkv_status status, const char *message)
{
    if (call->is_closed || call->has_queued_trailers)
        return;
    wire_pieces_clear(&call->out.pieces);
    call->out.prefix = NULL;
    alloc_free(call->session->alloc, call->message);
    call->message = NULL;
    call->is_finished = false;
    wire_call_finish(call, status, message);
}

struct wire_call_progress wire_call_progress(const struct wire_call *call)
{
    bool has_more = call->source.next != NULL && !call->is_waiting && !call->is_finished;
    return (struct wire_call_progress){.framed_bytes = call->framed_bytes,
                                       .is_blocked = has_more || call->out.pieces.bytes > 0};
}

bool wire_call_is_finished(const struct wire_call *call)
{
    return call->is_finished;
}

enum fkv_status wire_call_status(const struct wire_call *call)
{
    return call->status;
}

static bool refer_all(struct wire_headers *to, const struct wire_headers *from)
{
    for (size_t i = 0; i < from->count; i++)
        if (!wire_headers_refer(to, from->pairs[i].name, from->pairs[i].value))
            return false;
    return true;
}

static bool respond(struct wire_call *call)
{
    return wire_h2_respond(call, &call->headers, true);
}

/* What :status and content-type take of the list. */
enum {
    response_head_bytes =
        2 * wire_field_overhead_bytes + sizeof ":status200content-typeapplication/grpc" - 1
};

static bool respond_trailers_only(struct wire_call *call)
{
    return wire_trailers_add(&call->trailers, call->status,
                             call->message == NULL ? "" : call->message,
                             call->headers.list_bytes + response_head_bytes) &&
           refer_all(&call->headers, &call->trailers) &&
           wire_h2_respond(call, &call->headers, false);
}

static bool respond_trailers(struct wire_call *call)
{
    return wire_trailers_add(&call->trailers, call->status,
                             call->message == NULL ? "" : call->message, 0) &&
           wire_h2_trailers(call, &call->trailers);
}

/* Without the memory to say more, a reset says something. */
static void reset_unless(struct wire_call *call, bool done)
{
    if (done || call->is_closed)
        return;
    wire_h2_reset(call, WIRE_RESET_INTERNAL_ERROR);
    wire_call_close(call, FKV_RESOURCE_EXHAUSTED, "out of memory for the answer");
}

void wire_serve_send_trailers(struct wire_call *call)
{
    if (call->has_queued_trailers)
        return;
    call->has_queued_trailers = true;
    list_unlink(&call->attention);
    reset_unless(call, respond_trailers(call));
}

void wire_serve_start(struct wire_call *call)
{
    if (!call->is_finished && !call->is_waiting && call->source.next != NULL)
        wire_call_pull(call);
    if (call->is_closed)
        return;
    bool has_message = call->out.pieces.bytes > 0;
    bool is_failed = call->is_finished && call->status != FKV_OK;
    if (has_message || (call->must_flush_headers && !is_failed)) {
        call->has_started = true;
        reset_unless(call, respond(call));
    } else if (call->is_finished) {
        call->has_started = call->has_queued_trailers = true;
        reset_unless(call, respond_trailers_only(call));
    }
}
