/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 by nghttp2. Its callbacks come in here, short, and go on to the calls; a stream's user
 * data is its call, or NULL once the call is closed.
 *
 * DATA frames carry no bytes through nghttp2 (NGHTTP2_DATA_FLAG_NO_COPY): on_fill tells their
 * length, on_frame puts head and pieces into the output. Answering NGHTTP2_ERR_PAUSE from on_fill
 * stops the writing as it is, to go on later. */
#include <nghttp2/nghttp2.h>

#include "base/status.h"
#include "wire/internal.h"

/* Streams that a peer may open and reset: so many at once, and again so many a second. A client may
 * drop calls as fast as it makes them (it has what it wanted); nghttp2's own 33 a second would end
 * its connection. One costs us about as much as a call that is refused. */
enum { reset_burst = 10000, reset_rate_per_s = 1000 };

/* CONTINUATION frames of one header block: already with 16 KiB each, a list far above our limit. */
enum { continuations_max = 8 };

static struct wire_call *call_of(nghttp2_session *h2, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(h2, stream);
}

/* ---- what comes in ---- */

static bool begins_request(const struct wire_session *session, const nghttp2_frame *frame)
{
    return session->role == WIRE_SERVER && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int refuse_stream(nghttp2_session *h2, int32_t stream)
{
    int code = nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, stream, NGHTTP2_REFUSED_STREAM);
    return code == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *context)
{
    struct wire_session *session = context;
    if (begins_request(session, frame)) {
        wire_session_free_closed(session); /* a peer may open and reset thousands in one feed */
        if (session->has_drained)          /* the GOAWAY on its way doesn't count this stream */
            return refuse_stream(h2, frame->hd.stream_id);
        struct wire_call *call = wire_call_new(session);
        if (call == NULL) /* nghttp2 resets the stream */
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        call->stream = frame->hd.stream_id;
        nghttp2_session_set_stream_user_data(h2, call->stream, call);
        return 0;
    }
    struct wire_call *call = call_of(h2, frame->hd.stream_id);
    if (call != NULL)
        wire_call_on_block_begin(call);
    return 0;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *context)
{
    (void)flags;
    (void)context;
    struct wire_call *call = call_of(h2, frame->hd.stream_id);
    if (call == NULL ||
        wire_call_on_field(call, slice_of(name, name_size), slice_of(value, value_size)))
        return 0;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* what is left of the block is only unpacked */
}

static int on_begin_frame(nghttp2_session *h2, const nghttp2_frame_hd *head, void *context)
{
    (void)h2;
    struct wire_session *session = context;
    bool is_plain = head->type == NGHTTP2_DATA && (head->flags & NGHTTP2_FLAG_PADDED) == 0;
    session->inflow =
        (struct wire_inflow){.stream = head->stream_id, .left = is_plain ? head->length : 0};
    return 0;
}

static void count_inflow(struct wire_inflow *inflow, const uint8_t *data, size_t size)
{
    inflow->left -= size < inflow->left ? size : inflow->left;
    inflow->end = data + size;
}

static int on_data_chunk(nghttp2_session *h2, uint8_t flags, int32_t stream, const uint8_t *data,
                         size_t size, void *context)
{
    (void)flags;
    struct wire_session *session = context;
    struct wire_call *call = call_of(h2, stream);
    count_inflow(&session->inflow, data, size);
    if (call != NULL)
        wire_call_on_data(call, slice_of(data, size));
    wire_h2_consume_connection(session, size);
    return 0;
}

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *frame, void *context)
{
    struct wire_session *session = context;
    bool is_last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    struct wire_call *call;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if ((call = call_of(h2, frame->hd.stream_id)) != NULL)
            wire_call_on_block_end(call, is_last);
        break;
    case NGHTTP2_DATA:
        break;
    case NGHTTP2_SETTINGS:
        session->is_greeted = true;
        return 0;
    case NGHTTP2_GOAWAY:
        session->refuses_calls = true;
        return 0;
    default:
        return 0;
    }
    /* Asked for again: the call may have been closed meanwhile. */
    if (is_last && (call = call_of(h2, frame->hd.stream_id)) != NULL)
        wire_call_on_end(call);
    return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t stream, uint32_t code, void *context)
{
    (void)context;
    struct wire_call *call = call_of(h2, stream);
    if (call != NULL)
        wire_call_on_reset(call, code);
    return 0;
}

/* ---- what goes out ---- */

static ssize_t on_read_length(nghttp2_session *h2, uint8_t type, int32_t stream,
                              int32_t connection_window, int32_t stream_window,
                              uint32_t peer_frame_bytes_max, void *context)
{
    (void)h2;
    (void)type;
    (void)stream;
    (void)connection_window; /* nghttp2 sees to the windows */
    (void)stream_window;
    struct wire_session *session = context;
    uint32_t most = session->limits.send_frame_bytes_max;
    return most < peer_frame_bytes_max ? most : peer_frame_bytes_max;
}

static ssize_t on_fill(nghttp2_session *h2, int32_t stream, uint8_t *data, size_t size,
                       uint32_t *flags, nghttp2_data_source *source, void *context)
{
    (void)data;
    (void)source;
    struct wire_session *session = context;
    struct wire_call *call = call_of(h2, stream);
    if (call == NULL)
        return NGHTTP2_ERR_DEFERRED; /* its RST_STREAM is on the way */
    if (session->output.bytes >= session->output_target)
        return NGHTTP2_ERR_PAUSE;
    bool is_last = false;
    size_t bytes = wire_call_on_fill(call, size, &is_last);
    if (bytes == 0 && !is_last)
        return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (is_last)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (is_last && session->role == WIRE_SERVER)
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM; /* the trailers end it */
    return (ssize_t)bytes;
}

enum { frame_head_bytes = 9 };

static int on_frame(nghttp2_session *h2, nghttp2_frame *frame, const uint8_t *head, size_t size,
                    nghttp2_data_source *source, void *context)
{
    (void)source;
    (void)context;
    struct wire_call *call = call_of(h2, frame->hd.stream_id);
    if (call == NULL || !wire_call_on_frame(call, slice_of(head, frame_head_bytes), size))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return 0;
}

/* A server whose first bytes are none of HTTP/2 is another kind of server, not a broken one. */
static bool is_stranger(const struct wire_session *session)
{
    return session->role == WIRE_CLIENT && !session->is_greeted;
}

static const char stranger_text[] =
    "the server doesn't speak HTTP/2, expected its SETTINGS (no Flight server there?)";

static void on_goaway_sent(struct wire_session *session, const nghttp2_goaway *goaway)
{
    if (goaway->error_code == NGHTTP2_NO_ERROR)
        return;
    if (is_stranger(session))
        wire_session_fail(session, FKV_UNAVAILABLE, stranger_text);
    wire_session_fail(session, FKV_UNAVAILABLE, "the peer broke HTTP/2 (%s)%s%.*s",
                      wire_reset_text(goaway->error_code), goaway->opaque_data_len > 0 ? ": " : "",
                      (int)goaway->opaque_data_len,
                      goaway->opaque_data_len > 0 ? (const char *)goaway->opaque_data : "");
}

static int on_frame_sent(nghttp2_session *h2, const nghttp2_frame *frame, void *context)
{
    struct wire_session *session = context;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        on_goaway_sent(session, &frame->goaway);
    if (session->role != WIRE_SERVER || frame->hd.type != NGHTTP2_HEADERS ||
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    struct wire_call *call = call_of(h2, frame->hd.stream_id);
    if (call == NULL)
        return 0;
    call->has_sent_trailers = true;
    /* "Early server closure": a client that is still sending learns that nobody listens. */
    if (!call->peer_has_ended)
        nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    return 0;
}

/* A response's header block that nghttp2 couldn't pack: the stream would hang. */
static int on_frame_not_sent(nghttp2_session *h2, const nghttp2_frame *frame, int cause,
                             void *context)
{
    (void)context;
    struct wire_call *call =
        frame->hd.type == NGHTTP2_HEADERS ? call_of(h2, frame->hd.stream_id) : NULL;
    if (call == NULL || call->session->role != WIRE_SERVER)
        return 0;
    wire_h2_reset(call, NGHTTP2_INTERNAL_ERROR);
    wire_call_close(call, FKV_INTERNAL, nghttp2_strerror(cause));
    return 0;
}

/* ---- making a session ---- */

static void *h2_malloc(size_t size, void *alloc)
{
    return alloc_get(alloc, size);
}

static void h2_free(void *pointer, void *alloc)
{
    alloc_free(alloc, pointer);
}

static void *h2_calloc(size_t count, size_t size, void *alloc)
{
    return alloc_array(alloc, count, size);
}

static void *h2_realloc(void *pointer, size_t size, void *alloc)
{
    return alloc_resize(alloc, pointer, size);
}

static void set_callbacks(nghttp2_session_callbacks *c)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
    nghttp2_session_callbacks_set_data_source_read_length_callback(c, on_read_length);
    nghttp2_session_callbacks_set_send_data_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(c, on_frame_not_sent);
}

/* No extension frames are switched on: nghttp2 before 1.68.1 could be made to abort by malformed
 * ones (CVE-2026-27135). */
static void set_options(nghttp2_option *o)
{
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_stream_reset_rate_limit(o, reset_burst, reset_rate_per_s);
    nghttp2_option_set_max_continuations(o, continuations_max);
    /* gRPC: "must not treat leading and trailing whitespace as an error". */
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(o, 1);
}

static int new_session(struct wire_session *session)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    nghttp2_mem mem = {(void *)session->alloc, h2_malloc, h2_free, h2_calloc, h2_realloc};
    int code = nghttp2_session_callbacks_new(&callbacks);
    if (code == 0)
        code = nghttp2_option_new(&option);
    if (code == 0) {
        set_callbacks(callbacks);
        set_options(option);
        code = session->role == WIRE_SERVER
                   ? nghttp2_session_server_new3(&session->h2, callbacks, session, option, &mem)
                   : nghttp2_session_client_new3(&session->h2, callbacks, session, option, &mem);
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return code;
}

static int submit_settings(struct wire_session *session)
{
    const struct wire_limits *limits = &session->limits;
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
         session->role == WIRE_SERVER ? limits->streams_max : 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits->stream_window_bytes},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, limits->frame_bytes_max},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->header_bytes_max},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, /* a client's */
    };
    size_t count = sizeof entries / sizeof entries[0] - (session->role == WIRE_SERVER);
    int code = nghttp2_submit_settings(session->h2, NGHTTP2_FLAG_NONE, entries, count);
    if (code != 0)
        return code;
    return nghttp2_session_set_local_window_size(session->h2, NGHTTP2_FLAG_NONE, 0,
                                                 (int32_t)limits->connection_window_bytes);
}

enum fkv_status wire_h2_new(struct wire_session *session, struct fkv_error *error)
{
    int code = new_session(session);
    if (code == 0)
        code = submit_settings(session);
    if (code == 0)
        return FKV_OK;
    return status_set(error,
                      code == NGHTTP2_ERR_NOMEM ? FKV_RESOURCE_EXHAUSTED : FKV_INVALID_ARGUMENT,
                      "could not begin an HTTP/2 session: %s", nghttp2_strerror(code));
}

void wire_h2_free(struct wire_session *session)
{
    nghttp2_session_del(session->h2);
    session->h2 = NULL;
}

/* ---- reading and writing ---- */

static void fail_code(struct wire_session *session, int code)
{
    if (code == NGHTTP2_ERR_NOMEM || code == NGHTTP2_ERR_CALLBACK_FAILURE)
        wire_session_fail(session, FKV_RESOURCE_EXHAUSTED, "out of memory for an HTTP/2 session");
    else if (is_stranger(session))
        wire_session_fail(session, FKV_UNAVAILABLE, stranger_text);
    else
        wire_session_fail(session, FKV_UNAVAILABLE, "the peer broke HTTP/2: %s",
                          nghttp2_strerror(code));
}

void wire_h2_feed(struct wire_session *session, struct slice bytes)
{
    session->inflow.end = NULL;
    ssize_t taken = nghttp2_session_mem_recv(session->h2, bytes.data, bytes.size);
    if (taken < 0)
        fail_code(session, (int)taken);
    session->inflow.is_open = session->inflow.end == bytes.data + bytes.size;
}

/* What is fed from there comes to the receiver in one piece, behind which nghttp2 reads nothing: so
 * the receiver may free the memory. */
uint8_t *wire_h2_target(struct wire_session *session, size_t *size)
{
    const struct wire_inflow *inflow = &session->inflow;
    if (!inflow->is_open || inflow->left == 0)
        return NULL;
    struct wire_call *call = call_of(session->h2, inflow->stream);
    if (*size > inflow->left)
        *size = inflow->left;
    return call != NULL ? wire_call_target(call, size) : NULL;
}

static bool push_control(struct wire_session *session, const uint8_t *data, size_t size)
{
    struct block *owner;
    uint8_t *room = wire_copier_take(&session->copier, size, &owner);
    if (room == NULL)
        return false;
    memcpy(room, data, size);
    return wire_pieces_push(&session->output, slice_of(room, size), owner);
}

/* Stops where control frames have filled the output: what is left waits in nghttp2, which ends the
 * session when a peer makes it hold too many answers. */
static void write_frames(struct wire_session *session, uint64_t bytes)
{
    while (session->output.bytes < bytes && !session->has_failed) {
        const uint8_t *data;
        ssize_t size = nghttp2_session_mem_send(session->h2, &data);
        if (size == 0)
            return;
        if (size < 0)
            fail_code(session, (int)size);
        else if (!push_control(session, data, (size_t)size))
            fail_code(session, NGHTTP2_ERR_NOMEM);
    }
}

void wire_h2_write(struct wire_session *session, uint64_t bytes)
{
    session->output_target = bytes;
    write_frames(session, bytes);
}

void wire_h2_write_controls(struct wire_session *session)
{
    session->output_target = 0;
    write_frames(session, session->limits.output_bytes_max);
}

bool wire_h2_wants_write(const struct wire_session *session)
{
    return nghttp2_session_want_write(session->h2) != 0;
}

bool wire_h2_wants_read(const struct wire_session *session)
{
    return nghttp2_session_want_read(session->h2) != 0;
}

bool wire_h2_takes_requests(const struct wire_session *session)
{
    return nghttp2_session_check_request_allowed(session->h2) != 0;
}

uint32_t wire_h2_requests_max(const struct wire_session *session)
{
    return nghttp2_session_get_remote_settings(session->h2,
                                               NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

void wire_h2_goaway(struct wire_session *session)
{
    int32_t last = nghttp2_session_get_last_proc_stream_id(session->h2);
    int code =
        nghttp2_submit_goaway(session->h2, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
    if (code != 0)
        fail_code(session, code);
}

/* ---- streams ---- */

enum { few_fields = 32 };

/* What begins every gRPC response. nghttp2 copies no static text. */
enum { static_text = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE };
static uint8_t status_name[] = ":status", status_200[] = "200";
static uint8_t type_name[] = "content-type", type_grpc[] = "application/grpc";
static const nghttp2_nv response_head[] = {
    {status_name, status_200, sizeof status_name - 1, sizeof status_200 - 1, static_text},
    {type_name, type_grpc, sizeof type_name - 1, sizeof type_grpc - 1, static_text},
};
enum { response_head_count = sizeof response_head / sizeof response_head[0] };

static void fill_fields(nghttp2_nv *nv, const struct wire_headers *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct wire_pair *pair = &fields->pairs[i];
        nv[i] = (nghttp2_nv){(uint8_t *)pair->name.data, (uint8_t *)pair->value.data,
                             pair->name.size, pair->value.size, NGHTTP2_NV_FLAG_NONE};
    }
}

static int submit_request(struct wire_call *call, const nghttp2_nv *nv, size_t count,
                          const nghttp2_data_provider *body)
{
    return nghttp2_submit_request(call->session->h2, NULL, nv, count, body, call);
}

static int submit_response(struct wire_call *call, const nghttp2_nv *nv, size_t count,
                           const nghttp2_data_provider *body)
{
    return nghttp2_submit_response(call->session->h2, call->stream, nv, count, body);
}

static int submit_trailer(struct wire_call *call, const nghttp2_nv *nv, size_t count,
                          const nghttp2_data_provider *body)
{
    (void)body;
    return nghttp2_submit_trailer(call->session->h2, call->stream, nv, count);
}

/* Hands the fields to `submit` in nghttp2's form; it copies them. A response has its head before.
 */
static int submit(struct wire_call *call, const struct wire_headers *fields, bool has_body,
                  int (*submit_fields)(struct wire_call *call, const nghttp2_nv *nv, size_t count,
                                       const nghttp2_data_provider *body))
{
    const nghttp2_data_provider body = {.read_callback = on_fill};
    size_t head_count = submit_fields == submit_response ? response_head_count : 0;
    size_t count = head_count + fields->count;
    nghttp2_nv few[few_fields], *nv = few;
    if (count > few_fields)
        nv = alloc_array(call->session->alloc, count, sizeof *nv);
    if (nv == NULL)
        return NGHTTP2_ERR_NOMEM;
    memcpy(nv, response_head, head_count * sizeof *nv);
    fill_fields(nv + head_count, fields);
    int code = submit_fields(call, nv, count, has_body ? &body : NULL);
    if (nv != few)
        alloc_free(call->session->alloc, nv);
    return code;
}

bool wire_h2_request(struct wire_call *call, const struct wire_headers *fields, bool has_body)
{
    int stream = submit(call, fields, has_body, submit_request);
    if (stream > 0)
        call->stream = stream;
    return stream > 0;
}

bool wire_h2_respond(struct wire_call *call, const struct wire_headers *fields, bool has_body)
{
    return submit(call, fields, has_body, submit_response) == 0;
}

bool wire_h2_refuse(struct wire_call *call, const char *http_status)
{
    const nghttp2_nv status = {status_name, (uint8_t *)http_status, sizeof status_name - 1,
                               strlen(http_status), NGHTTP2_NV_FLAG_NONE};
    return submit_response(call, &status, 1, NULL) == 0;
}

bool wire_h2_trailers(struct wire_call *call, const struct wire_headers *fields)
{
    return submit(call, fields, false, submit_trailer) == 0;
}

/* Fails, harmlessly, for a stream that doesn't wait for us: then it will ask by itself. */
void wire_h2_resume(struct wire_call *call)
{
    nghttp2_session_resume_data(call->session->h2, call->stream);
}

void wire_h2_reset(struct wire_call *call, uint32_t code)
{
    if (nghttp2_submit_rst_stream(call->session->h2, NGHTTP2_FLAG_NONE, call->stream, code) != 0)
        fail_code(call->session, NGHTTP2_ERR_NOMEM);
}

void wire_h2_forget(struct wire_call *call)
{
    if (call->stream > 0)
        nghttp2_session_set_stream_user_data(call->session->h2, call->stream, NULL);
}

void wire_h2_consume_connection(struct wire_session *session, size_t bytes)
{
    int code = nghttp2_session_consume_connection(session->h2, bytes);
    if (code != 0)
        fail_code(session, code);
}

void wire_h2_consume_stream(struct wire_call *call, uint64_t bytes)
{
    int code = nghttp2_session_consume_stream(call->session->h2, call->stream, bytes);
    if (code != 0)
        fail_code(call->session, code);
}
