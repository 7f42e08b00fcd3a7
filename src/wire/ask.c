/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of a call. */
#include <stdio.h>

#include "base/status.h"
#include "wire/internal.h"

/* ---- the request ---- */

static bool add_request_head(struct wire_session *session, const struct wire_request *request,
                             struct wire_headers *fields)
{
    return wire_headers_refer(fields, slice_text(":method"), slice_text("POST")) &&
           wire_headers_refer(fields, slice_text(":scheme"), slice_text("http")) &&
           wire_headers_refer(fields, slice_text(":path"), slice_text(request->path)) &&
           wire_headers_refer(fields, slice_text(":authority"), slice_text(session->authority)) &&
           wire_headers_refer(fields, slice_text("te"), slice_text("trailers")) &&
           wire_headers_refer(fields, slice_text("content-type"), slice_text("application/grpc"));
}

static bool add_timeout(struct wire_headers *fields, uint64_t timeout_ns)
{
    char text[wire_timeout_size];
    if (timeout_ns == UINT64_MAX)
        return true;
    wire_timeout_text(timeout_ns, text);
    return wire_headers_add(fields, slice_text("grpc-timeout"), slice_text(text));
}

static enum fkv_status send_request(struct wire_call *call, const struct wire_request *request,
                                    struct fkv_error *error)
{
    struct wire_headers *fields = &call->headers;
    if (!add_request_head(call->session, request, fields) ||
        !add_timeout(fields, request->timeout_ns))
        return status_no_memory(error, sizeof(struct wire_pair));
    for (size_t i = 0; i < request->metadata.count; i++) {
        const struct wire_pair *pair = &request->metadata.pairs[i];
        enum fkv_status status = wire_headers_encode(fields, pair->name, pair->value, error);
        if (status != FKV_OK)
            return status;
    }
    if (!wire_h2_request(call, fields, request->source.next != NULL))
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "could not begin a call: out of memory or of stream numbers");
    return FKV_OK;
}

bool wire_session_takes_calls(const struct wire_session *session)
{
    return !session->refuses_calls && wire_h2_takes_requests(session);
}

bool wire_session_is_greeted(const struct wire_session *session)
{
    return session->is_greeted;
}

uint32_t wire_session_calls_max(const struct wire_session *session)
{
    uint32_t most = session->is_greeted ? wire_h2_requests_max(session) : 1;
    return most > 0 ? most : 1;
}

enum fkv_status wire_call_open(struct wire_session *session, const struct wire_request *request,
                               struct wire_call **ret, struct fkv_error *error)
{
    if (session->refuses_calls)
        return status_set(error, FKV_UNAVAILABLE, "%s",
                          session->has_failed ? session->error.message
                                              : "the connection takes no more calls");
    struct wire_call *call = wire_call_new(session);
    if (call == NULL)
        return status_no_memory(error, sizeof *call);
    call->source = request->source;
    call->is_finished = call->has_ended_request = request->source.next == NULL;
    call->has_started = true;
    enum fkv_status status = send_request(call, request, error);
    if (status != FKV_OK) { /* the receiver never hears of this call */
        wire_call_close(call, status, "");
        return status;
    }
    call->receiver = request->receiver;
    call->context = request->context;
    wire_headers_clear(&call->headers);
    *ret = call;
    return FKV_OK;
}

/* ---- the response ---- */

/* Whether these are the headers of a gRPC answer; else the call ends. */
static bool check_headers(struct wire_call *call)
{
    const struct wire_fields *fields = &call->fields;
    char message[200];
    enum fkv_status status = FKV_OK;
    if (fields->http_status != 200) {
        status = wire_status_of_http(fields->http_status);
        snprintf(message, sizeof message, "the server answered with HTTP status %ld instead of 200",
                 fields->http_status);
    } else if (!fields->is_grpc) {
        status = FKV_UNKNOWN;
        snprintf(message, sizeof message,
                 "the server answered with HTTP status 200, but its content-type isn't "
                 "application/grpc");
    } else if (!fields->is_identity) {
        status = FKV_INTERNAL;
        snprintf(message, sizeof message,
                 "the server's grpc-encoding isn't supported; expected identity");
    }
    if (status != FKV_OK)
        wire_call_fail(call, status, message);
    return status == FKV_OK;
}

void wire_ask_on_headers(struct wire_call *call, bool is_last)
{
    const struct wire_fields *fields = &call->fields;
    if (fields->status != FKV_OK) {
        wire_call_fail(call, fields->status, fields->problem);
        return;
    }
    bool is_interim = fields->http_status >= 100 && fields->http_status < 200;
    if (is_interim || call->has_headers)
        return;
    if (is_last && fields->grpc_status >= 0) /* Trailers-Only */
        return;
    if (!check_headers(call))
        return;
    call->has_headers = true;
    if (call->receiver->on_headers != NULL)
        call->receiver->on_headers(call->context, call);
}

/* The server's status counts, whatever the client still wanted to send. */
void wire_ask_on_end(struct wire_call *call)
{
    const struct wire_fields *fields = &call->fields;
    if (fields->grpc_status < 0) {
        wire_call_fail(call, FKV_UNKNOWN, "the server ended the answer without a grpc-status");
        return;
    }
    enum fkv_status status = status_from_grpc(fields->grpc_status);
    if (status == FKV_OK && wire_deframer_is_inside(&call->deframer)) {
        wire_call_fail(call, FKV_INTERNAL, "the server ended the answer inside a message");
        return;
    }
    if (call->receiver->on_end != NULL)
        call->receiver->on_end(call->context, call);
    if (call->is_closed)
        return;
    if (!call->has_ended_request)
        wire_h2_reset(call, WIRE_RESET_NO_ERROR);
    char message[FKV_ERROR_MESSAGE_SIZE];
    size_t size = fields->message.size < sizeof message ? fields->message.size : sizeof message - 1;
    if (size > 0)
        memcpy(message, fields->message.data, size);
    message[size] = '\0';
    wire_call_close(call, status, message);
}
