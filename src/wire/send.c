/* SPDX-License-Identifier: Apache-2.0 */
/* The sending side of a call. Messages are pulled when a DATA frame is to be filled, which is when
 * the windows and the output have room.
 *
 *     source -> out: [prefix head body][prefix head body]...  -> one DATA frame
 *
 * A frame takes all that is there, up to the limits of h2.c. What is there is made up to
 * coalesced_bytes: peers count frames (some end connections that send many tiny ones), and each
 * frame costs them a round through their machinery. */
#include "base/status.h"
#include "wire/internal.h"

/* Messages are pulled ahead until so many bytes are there. Much more would only take memory for
 * messages that are copied, and delay cancelling. */
enum { coalesced_bytes = 64 << 10 };

void wire_call_pull(struct wire_call *call)
{
    struct fkv_error error;
    uint64_t messages = call->out.messages;
    status_clear(&error);
    enum wire_pull pull = call->source.next(call->source.context, call, &call->out, &error);
    wire_out_abort(&call->out); /* a message that was begun and not ended */
    if (call->is_finished)      /* from inside the source */
        return;
    switch (pull) {
    case WIRE_PULL_MESSAGE:
        if (call->out.has_failed)
            wire_call_fail(call, FKV_RESOURCE_EXHAUSTED,
                           "out of memory for a message, or it is longer than 4 GiB");
        else if (call->out.messages == messages)
            wire_call_fail(call, FKV_INTERNAL, "the source of messages gave none");
        break;
    case WIRE_PULL_WAIT:
        /* Unless it was resumed meanwhile. */
        call->is_waiting = list_empty(&call->attention);
        break;
    case WIRE_PULL_END:
        if (call->session->role == WIRE_SERVER)
            wire_call_finish(call, FKV_OK, NULL);
        call->is_finished = true;
        break;
    case WIRE_PULL_FAIL:
        wire_call_fail(call, error.status == FKV_OK ? FKV_INTERNAL : error.status, error.message);
        break;
    }
}

static void pull_ahead(struct wire_call *call, uint64_t bytes)
{
    while (!call->is_finished && !call->is_waiting && call->source.next != NULL &&
           call->out.pieces.bytes < bytes)
        wire_call_pull(call);
}

void wire_call_attend(struct wire_call *call)
{
    if (!call->has_started)
        wire_serve_start(call);
    else if (call->session->role == WIRE_SERVER && call->is_finished && call->out.pieces.bytes == 0)
        wire_serve_send_trailers(call); /* not by a DATA frame: the window may be closed */
    else
        wire_h2_resume(call);
}

size_t wire_call_on_fill(struct wire_call *call, size_t bytes_max, bool *ret_is_last)
{
    pull_ahead(call, bytes_max < coalesced_bytes ? bytes_max : coalesced_bytes);
    if (call->is_closed)
        return 0;
    uint64_t bytes = call->out.pieces.bytes;
    bool is_last = call->is_finished && bytes <= bytes_max;
    if (is_last && call->session->role == WIRE_SERVER)
        wire_serve_send_trailers(call);
    if (call->is_closed)
        return 0;
    if (is_last)
        call->has_ended_request = true;
    *ret_is_last = is_last;
    return bytes < bytes_max ? (size_t)bytes : bytes_max;
}

bool wire_call_on_frame(struct wire_call *call, struct slice head, size_t bytes)
{
    struct wire_session *session = call->session;
    struct block *owner;
    uint8_t *room = wire_copier_take(&session->copier, head.size, &owner);
    if (room == NULL)
        return false;
    memcpy(room, head.data, head.size);
    call->framed_bytes += bytes;
    return wire_pieces_push(&session->output, slice_of(room, head.size), owner) &&
           wire_pieces_move(&call->out.pieces, &session->output, bytes);
}
