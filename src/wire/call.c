/* SPDX-License-Identifier: Apache-2.0 */
/* A call's life, and what both roles do with what comes in. */
#include <stdio.h>

#include "base/status.h"
#include "wire/internal.h"

/* ---- life ---- */

/* A small call takes about as long to get its memory from the heap, and to give it back, as for all
 * else that is done for it here. A spare one has about 5 KiB. */
enum { spare_calls_max = 8, spare_pieces_max = 32 };

static struct wire_call *take_spare(struct wire_session *session)
{
    struct list *node = list_shift(&session->spares);
    if (node == NULL)
        return NULL;
    session->spare_count--;
    return list_entry(node, struct wire_call, link);
}

static struct wire_call *make_call(struct wire_session *session)
{
    struct wire_call *call = alloc_zero(session->alloc, sizeof *call);
    if (call == NULL)
        return NULL;
    wire_fields_init(&call->fields, session->alloc);
    wire_headers_init(&call->headers, session->alloc);
    wire_headers_init(&call->trailers, session->alloc);
    wire_out_init(&call->out, session->alloc, &session->copier);
    return call;
}

struct wire_call *wire_call_new(struct wire_session *session)
{
    struct wire_call *call = take_spare(session);
    if (call == NULL)
        call = make_call(session);
    if (call == NULL)
        return NULL;
    call->session = session;
    list_init(&call->attention);
    list_init(&call->link);
    list_push(&session->calls, &call->link);
    session->stats.calls_open++;
    session->stats.calls_total++;
    return call;
}

void wire_call_close(struct wire_call *call, enum fkv_status status, const char *message)
{
    if (call->is_closed)
        return;
    struct wire_session *session = call->session;
    call->is_closed = call->is_deaf = call->is_finished = true;
    session->stats.calls_open--;
    wire_h2_forget(call);
    list_unlink(&call->attention);
    list_unlink(&call->link);
    list_push(&session->closed, &call->link);
    if (call->receiver != NULL && call->receiver->on_closed != NULL)
        call->receiver->on_closed(call->context, call, status, message);
    wire_pieces_clear(&call->out.pieces);
    call->out.prefix = NULL;
}

static void free_for_good(const struct alloc *alloc, struct wire_call *call)
{
    wire_fields_done(&call->fields);
    wire_headers_done(&call->headers);
    wire_headers_done(&call->trailers);
    wire_out_done(&call->out);
    alloc_free(alloc, call);
}

/* As a new one, but for the memory that its lists and pieces have. */
static void make_spare(struct wire_session *session, struct wire_call *call)
{
    wire_fields_clear(&call->fields);
    wire_headers_clear(&call->headers);
    wire_headers_clear(&call->trailers);
    wire_out_clear(&call->out);
    *call = (struct wire_call){.fields = call->fields,
                               .headers = call->headers,
                               .trailers = call->trailers,
                               .out = call->out};
    list_init(&call->link);
    list_push(&session->spares, &call->link);
    session->spare_count++;
}

void wire_call_free(struct wire_call *call)
{
    struct wire_session *session = call->session;
    list_unlink(&call->link);
    list_unlink(&call->attention);
    alloc_free(session->alloc, call->message);
    if (session->spare_count < spare_calls_max && call->out.pieces.capacity <= spare_pieces_max)
        make_spare(session, call);
    else
        free_for_good(session->alloc, call);
}

void wire_call_free_spares(struct wire_session *session)
{
    struct wire_call *call;
    while ((call = take_spare(session)) != NULL)
        free_for_good(session->alloc, call);
}

void wire_call_fail(struct wire_call *call, enum fkv_status status, const char *message)
{
    if (call->is_closed)
        return;
    if (call->session->role == WIRE_SERVER) {
        wire_call_finish(call, status, message);
    } else {
        wire_h2_reset(call, WIRE_RESET_CANCEL);
        wire_call_close(call, status, message);
    }
}

void wire_call_cancel(struct wire_call *call)
{
    if (call->is_closed)
        return;
    wire_h2_reset(call, WIRE_RESET_CANCEL);
    wire_call_close(call, FKV_CANCELLED, "the call was cancelled");
}

void wire_call_ask_attention(struct wire_call *call)
{
    if (!call->is_closed && list_empty(&call->attention))
        list_push(&call->session->attention, &call->attention);
}

/* ---- header blocks ---- */

void wire_call_on_block_begin(struct wire_call *call)
{
    /* Trailers of a request have no meaning in gRPC; the metadata lives on. */
    if (call->session->role == WIRE_CLIENT)
        wire_fields_clear(&call->fields);
}

/* A list over the limit is read to its end, so that the call can be answered; but a peer may name a
 * long field of HPACK's table by one byte, and checking a megabyte of such bytes takes seconds. */
enum { hopeless_list_factor = 4 };

bool wire_call_on_field(struct wire_call *call, struct slice name, struct slice value)
{
    size_t bytes_max = call->session->limits.header_bytes_max;
    if (call->session->role == WIRE_SERVER && call->has_headers)
        wire_fields_count(&call->fields, name, value);
    else
        wire_fields_add(&call->fields, name, value, bytes_max);
    if (call->fields.list_bytes / hopeless_list_factor <= bytes_max)
        return true;
    wire_h2_reset(call, WIRE_RESET_ENHANCE_YOUR_CALM);
    wire_call_close(call, FKV_RESOURCE_EXHAUSTED, "the list of header fields is far too long");
    return false;
}

void wire_call_on_block_end(struct wire_call *call, bool is_last)
{
    if (call->session->role == WIRE_CLIENT) {
        wire_ask_on_headers(call, is_last);
    } else if (!call->has_headers) {
        call->has_headers = true;
        wire_serve_on_request(call);
    }
}

/* ---- messages ---- */

/* A receiver may have ended the call itself: then the deframer stops, and nobody asks why. */
static enum fkv_status go_on_unless_deaf(const struct wire_call *call, enum fkv_status status)
{
    return status == FKV_OK && call->is_deaf ? FKV_CANCELLED : status;
}

static enum fkv_status on_message(void *context, uint64_t size, struct fkv_error *error)
{
    struct wire_call *call = context;
    if (call->receiver->on_message == NULL)
        return FKV_OK;
    return go_on_unless_deaf(call, call->receiver->on_message(call->context, call, size, error));
}

static enum fkv_status on_bytes(void *context, struct slice bytes, struct fkv_error *error)
{
    struct wire_call *call = context;
    if (call->receiver->on_bytes == NULL)
        return FKV_OK;
    return go_on_unless_deaf(call, call->receiver->on_bytes(call->context, call, bytes, error));
}

static enum fkv_status on_message_end(void *context, struct fkv_error *error)
{
    struct wire_call *call = context;
    if (call->receiver->on_message_end == NULL)
        return FKV_OK;
    return go_on_unless_deaf(call, call->receiver->on_message_end(call->context, call, error));
}

static const struct wire_deframer_events deframer_events = {on_message, on_bytes, on_message_end};

/* A held call's bytes keep only the stream's credit back: those of the connection were taken, and
 * other calls live on it. */
void wire_call_on_data(struct wire_call *call, struct slice bytes)
{
    if (!call->is_deaf) {
        struct fkv_error error;
        status_clear(&error);
        enum fkv_status status =
            wire_deframe(&call->deframer, bytes, call->session->limits.message_bytes_max,
                         &deframer_events, call, &error);
        if (status != FKV_OK && !call->is_deaf)
            wire_call_fail(call, status, error.message);
    }
    if (call->is_closed)
        return;
    if (call->is_held)
        call->held_bytes += bytes.size;
    else
        wire_h2_consume_stream(call, bytes.size);
}

uint8_t *wire_call_target(struct wire_call *call, size_t *size)
{
    const struct wire_deframer *d = &call->deframer;
    if (call->is_deaf || !d->in_message || call->receiver->target == NULL)
        return NULL;
    if (*size > d->left)
        *size = (size_t)d->left;
    return call->receiver->target(call->context, call, size);
}

void wire_call_hold(struct wire_call *call, bool held)
{
    call->is_held = held;
    if (held || call->is_closed || call->held_bytes == 0)
        return;
    wire_h2_consume_stream(call, call->held_bytes);
    call->held_bytes = 0;
}

void wire_call_on_end(struct wire_call *call)
{
    call->peer_has_ended = true;
    if (call->session->role == WIRE_CLIENT) {
        wire_ask_on_end(call);
        return;
    }
    if (call->is_deaf)
        return;
    if (wire_deframer_is_inside(&call->deframer))
        wire_call_fail(call, FKV_INTERNAL, "the request ended inside a message");
    else if (call->receiver->on_end != NULL)
        call->receiver->on_end(call->context, call);
}

void wire_call_on_reset(struct wire_call *call, uint32_t code)
{
    char message[100];
    bool is_server = call->session->role == WIRE_SERVER;
    if (is_server && call->has_sent_trailers) {
        wire_call_close(call, FKV_OK, "");
        return;
    }
    snprintf(message, sizeof message, "the %s reset the stream (%s)",
             is_server ? "client" : "server", wire_reset_text(code));
    wire_call_close(call, is_server ? FKV_CANCELLED : wire_status_of_reset(code), message);
}

/* ---- what is asked of a call ---- */

struct wire_metadata wire_call_metadata(const struct wire_call *call)
{
    return wire_headers_metadata(&call->fields.metadata);
}

struct slice wire_call_path(const struct wire_call *call)
{
    return call->fields.path;
}

uint64_t wire_call_timeout_ns(const struct wire_call *call)
{
    return call->fields.timeout_ns;
}

void wire_call_resume(struct wire_call *call)
{
    call->is_waiting = false;
    wire_call_ask_attention(call);
}
