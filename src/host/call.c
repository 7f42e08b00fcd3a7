/* SPDX-License-Identifier: Apache-2.0 */
/* One RPC: its request, its clocks, its answer. What the methods are: methods.c. */
#include "host/call.h"

#include <stdio.h>

#include "base/counter.h"
#include "base/status.h"
#include "base/text.h"

/* Extra memory that decoding a request may take, as a multiple of its size: a repeated field of two
 * bytes on the wire becomes a struct of about 100. */
enum { decoded_bytes_per_byte = 64, decoded_bytes_least = 64 << 10 };

/* ---- time-outs ---- */

static const char no_memory_for_timers[] = "out of memory for the call's timers";

static uint64_t now_ns(const struct host_call *call)
{
    return clock_now_ns(call->worker->clock);
}

/* What is queued of an answer would wait for a window that a client which has given up doesn't open
 * any more, and hold its table meanwhile. */
static void time_out(struct host_call *call, const char *message)
{
    wire_call_abort(call->wire, FKV_DEADLINE_EXCEEDED, message);
    wire_pump_wake(call->pump);
}

static void on_deadline(struct timer *timer, uint64_t now)
{
    (void)now;
    struct host_call *call = list_entry(timer, struct host_call, deadline);
    time_out(call, "the call's own deadline has passed");
}

static void time_out_after(struct host_call *call, const char *what, uint64_t patience,
                           const char *limit)
{
    char message[128], shown[text_figure_size];
    snprintf(message, sizeof message, "nothing of the %s for %s (%s)", what,
             text_duration(shown, patience), limit);
    time_out(call, message);
}

static void on_request_watch(struct timer *timer, uint64_t now)
{
    struct host_call *call = list_entry(timer, struct host_call, watch);
    uint64_t patience = call->worker->host->options.timeouts.upload_ns;
    if (now - call->moved_ns >= patience)
        time_out_after(call, "request came", patience, "upload-timeout");
    else
        timers_start(&call->worker->timers, timer, call->moved_ns + patience);
}

/* A window may be closed on a connection that is alive, so each call has its own clock. It isn't
 * moved by every frame; it looks a few times. */
enum { answer_looks = 4 };

static void on_answer_watch(struct timer *timer, uint64_t now)
{
    struct host_call *call = list_entry(timer, struct host_call, watch);
    struct wire_call_progress progress = wire_call_progress(call->wire);
    uint64_t patience = call->worker->host->options.timeouts.stall_ns;
    if (progress.framed_bytes != call->framed_bytes || !progress.is_blocked) {
        call->framed_bytes = progress.framed_bytes;
        call->moved_ns = now;
    }
    if (now - call->moved_ns >= patience)
        time_out_after(call, "answer was taken", patience, "stall-timeout");
    else
        timers_start(&call->worker->timers, timer, now + patience / answer_looks + 1);
}

static bool watch(struct host_call *call, void (*fire)(struct timer *timer, uint64_t now),
                  uint64_t patience, unsigned looks)
{
    struct timers *timers = &call->worker->timers;
    timers_stop(timers, &call->watch);
    call->watch.fire = fire;
    call->moved_ns = now_ns(call);
    return patience == 0 || timers_start(timers, &call->watch, call->moved_ns + patience / looks);
}

static void watch_answer(struct host_call *call)
{
    if (!watch(call, on_answer_watch, call->worker->host->options.timeouts.stall_ns, answer_looks))
        wire_call_finish(call->wire, FKV_RESOURCE_EXHAUSTED, no_memory_for_timers);
}

static bool start_timers(struct host_call *call)
{
    const struct host_timeouts *timeouts = &call->worker->host->options.timeouts;
    uint64_t timeout = wire_call_timeout_ns(call->wire), now = now_ns(call);
    call->deadline.fire = on_deadline;
    if (timeout < UINT64_MAX - now &&
        !timers_start(&call->worker->timers, &call->deadline, now + timeout))
        return false;
    return watch(call, on_request_watch, timeouts->upload_ns, 1);
}

/* ---- the request arrives ---- */

static enum fkv_status check_message_size(const struct host_call *call, uint64_t size,
                                          struct fkv_error *error)
{
    if (size <= call->request.limit_bytes)
        return FKV_OK;
    return status_set(error, FKV_RESOURCE_EXHAUSTED,
                      "a request message of %llu bytes is over the limit of %zu",
                      (unsigned long long)size, call->request.limit_bytes);
}

static enum fkv_status on_gathered_message(void *context, struct wire_call *wire, uint64_t size,
                                           struct fkv_error *error)
{
    (void)wire;
    struct host_call *call = context;
    if (call->has_request)
        return status_set(error, FKV_INVALID_ARGUMENT, "%s takes one request message, not several",
                          call->method->path);
    return check_message_size(call, size, error);
}

static enum fkv_status on_gathered_bytes(void *context, struct wire_call *wire, struct slice bytes,
                                         struct fkv_error *error)
{
    (void)wire;
    struct host_call *call = context;
    call->moved_ns = now_ns(call);
    if (buf_append(&call->request, bytes.data, bytes.size))
        return FKV_OK;
    return status_set(error, FKV_RESOURCE_EXHAUSTED,
                      "no memory for a request of which %zu bytes had come: either --memory or the "
                      "machine's is used up",
                      call->request.size);
}

static enum fkv_status on_gathered_end(void *context, struct wire_call *wire,
                                       struct fkv_error *error)
{
    (void)wire;
    struct host_call *call = context;
    watch_answer(call);
    call->has_request = true;
    return call->method->run(&call->worker->host->options.service, call, error);
}

/* The client ended its side without a message. */
static void on_gathered_half_close(void *context, struct wire_call *wire)
{
    struct host_call *call = context;
    if (!call->has_request && !wire_call_is_finished(wire))
        wire_call_finish(wire, FKV_INVALID_ARGUMENT, "the request has no message");
}

/* ---- or several ---- */

static enum fkv_status on_one_message(void *context, struct wire_call *wire, uint64_t size,
                                      struct fkv_error *error)
{
    (void)wire;
    struct host_call *call = context;
    buf_clear(&call->request);
    return check_message_size(call, size, error);
}

static enum fkv_status on_one_message_end(void *context, struct wire_call *wire,
                                          struct fkv_error *error)
{
    (void)wire;
    struct host_call *call = context;
    if (call->stream == NULL || call->stream->on_message == NULL)
        return FKV_OK;
    return call->stream->on_message(call->context, call, buf_slice(&call->request), error);
}

/* ---- or FlightData ---- */

static enum fkv_status on_stream_message(void *context, struct wire_call *wire, uint64_t size,
                                         struct fkv_error *error)
{
    (void)wire;
    (void)error;
    struct host_call *call = context;
    flight_data_begin(&call->data, size);
    return FKV_OK;
}

static enum fkv_status on_stream_bytes(void *context, struct wire_call *wire, struct slice bytes,
                                       struct fkv_error *error)
{
    (void)wire;
    struct host_call *call = context;
    call->moved_ns = now_ns(call);
    return flight_data_feed(&call->data, bytes, error);
}

static uint8_t *stream_target(void *context, struct wire_call *wire, size_t *size)
{
    (void)wire;
    struct host_call *call = context;
    return flight_data_target(&call->data, size);
}

static enum fkv_status on_stream_message_end(void *context, struct wire_call *wire,
                                             struct fkv_error *error)
{
    (void)wire;
    struct host_call *call = context;
    enum fkv_status status = flight_data_end(&call->data, error);
    if (status == FKV_OK && call->stream != NULL && call->stream->on_message_end != NULL)
        status = call->stream->on_message_end(call->context, call, error);
    return status;
}

static void on_stream_end(void *context, struct wire_call *wire)
{
    struct host_call *call = context;
    watch_answer(call);
    if (call->stream == NULL || call->stream->on_end == NULL || wire_call_is_finished(wire))
        return;
    struct fkv_error error;
    enum fkv_status status = call->stream->on_end(call->context, call, &error);
    if (status != FKV_OK)
        host_call_fail(call, status, &error);
}

static enum fkv_status on_data_body(void *context, uint64_t size, struct fkv_error *error)
{
    struct host_call *call = context;
    if (call->stream == NULL || call->stream->on_body == NULL)
        return FKV_OK;
    return call->stream->on_body(call->context, call, &call->data, size, error);
}

static enum fkv_status on_data_bytes(void *context, struct slice bytes, struct fkv_error *error)
{
    struct host_call *call = context;
    if (call->stream == NULL || call->stream->on_body_bytes == NULL)
        return FKV_OK;
    return call->stream->on_body_bytes(call->context, call, bytes, error);
}

static uint8_t *data_target(void *context, size_t *size)
{
    struct host_call *call = context;
    if (call->stream == NULL || call->stream->body_target == NULL)
        return NULL;
    return call->stream->body_target(call->context, size);
}

static const struct flight_data_handler data_handler = {on_data_body, on_data_bytes, data_target};

/* ---- its end ---- */

static void on_call_closed(void *context, struct wire_call *wire, enum fkv_status status,
                           const char *message)
{
    (void)message;
    struct host_call *call = context;
    struct host_worker *worker = call->worker;
    timers_stop(&worker->timers, &call->deadline);
    timers_stop(&worker->timers, &call->watch);
    timers_stop(&worker->timers, &call->turn);
    if (call->stream != NULL && call->stream->on_closed != NULL)
        call->stream->on_closed(call->context, call);
    flight_data_reader_done(&call->data);
    flight_memory_done(&call->memory);
    buf_done(&call->request);
    counter_add(&worker->counters.calls_open, -1);
    if (status != FKV_OK || wire_call_status(wire) != FKV_OK)
        counter_add(&worker->counters.calls_failed, 1);
    alloc_free(worker->alloc, call);
}

/* By enum request. */
static const struct wire_receiver *const receivers[] = {
    &(const struct wire_receiver){
        .on_message = on_gathered_message,
        .on_bytes = on_gathered_bytes,
        .on_message_end = on_gathered_end,
        .on_end = on_gathered_half_close,
        .on_closed = on_call_closed,
    },
    &(const struct wire_receiver){
        .on_message = on_one_message,
        .on_bytes = on_gathered_bytes,
        .on_message_end = on_one_message_end,
        .on_end = on_stream_end,
        .on_closed = on_call_closed,
    },
    &(const struct wire_receiver){
        .on_message = on_stream_message,
        .on_bytes = on_stream_bytes,
        .on_message_end = on_stream_message_end,
        .target = stream_target,
        .on_end = on_stream_end,
        .on_closed = on_call_closed,
    },
};

/* ---- beginning ---- */

static void refuse(struct host_worker *worker, struct wire_call *wire, enum fkv_status status,
                   const char *message)
{
    counter_add(&worker->counters.calls_total, 1);
    counter_add(&worker->counters.calls_failed, 1);
    wire_call_finish(wire, status, message);
}

static void refuse_unknown(struct host_worker *worker, struct wire_call *wire)
{
    char message[256];
    struct slice path = wire_call_path(wire);
    snprintf(message, sizeof message, "method %.*s is not implemented by this server",
             (int)(path.size < 160 ? path.size : 160), (const char *)path.data);
    refuse(worker, wire, FKV_UNIMPLEMENTED, message);
}

static bool admit(struct host_worker *worker, const struct method *method, struct wire_call *wire)
{
    const struct host_service *service = &worker->host->options.service;
    struct fkv_error error;
    if (service->admit == NULL || (method != NULL && host_method_is_open(method)))
        return true;
    enum fkv_status status = service->admit(service->context, wire_call_metadata(wire), &error);
    if (status != FKV_OK)
        refuse(worker, wire, status, error.message);
    return status == FKV_OK;
}

void host_call_begin(struct host_worker *worker, struct wire_pump *pump, struct wire_call *wire)
{
    const struct host_options *options = &worker->host->options;
    const struct method *method = host_method_find(&options->service, wire_call_path(wire));
    if (!admit(worker, method, wire))
        return;
    if (method == NULL) {
        refuse_unknown(worker, wire);
        return;
    }
    struct host_call *call = alloc_zero(worker->alloc, sizeof *call);
    if (call == NULL) {
        refuse(worker, wire, FKV_RESOURCE_EXHAUSTED, "out of memory for another call");
        return;
    }
    call->worker = worker;
    call->pump = pump;
    call->wire = wire;
    call->method = method;
    size_t request_max = (size_t)options->request_bytes_max;
    buf_init(&call->request, options->message_alloc, request_max);
    flight_memory_init(&call->memory, options->message_alloc,
                       decoded_bytes_least + request_max * decoded_bytes_per_byte);
    flight_data_reader_init(&call->data, options->message_alloc, &options->flight_data,
                            &data_handler, call);
    counter_add(&worker->counters.calls_open, 1);
    counter_add(&worker->counters.calls_total, 1);

    wire_call_accept(wire, receivers[method->request], call);
    if (!start_timers(call)) {
        wire_call_finish(wire, FKV_RESOURCE_EXHAUSTED, no_memory_for_timers);
        return;
    }
    struct fkv_error error;
    enum fkv_status status = FKV_OK;
    if (method->request != REQUEST_GATHERED)
        status = method->run(&options->service, call, &error);
    if (status != FKV_OK)
        host_call_fail(call, status, &error);
}

/* ---- answers ---- */

struct slice host_call_metadata(const struct host_call *call, const char *name)
{
    return wire_metadata_get(wire_call_metadata(call->wire), name);
}

struct wire_metadata host_call_all_metadata(const struct host_call *call)
{
    return wire_call_metadata(call->wire);
}

uint64_t host_call_timeout_ns(const struct host_call *call)
{
    return wire_call_timeout_ns(call->wire);
}

const struct flight_data_reader *host_call_data(const struct host_call *call)
{
    return &call->data;
}

void host_call_header(struct host_call *call, const char *name, struct slice value)
{
    wire_call_header(call->wire, name, value);
}

void host_call_trailer(struct host_call *call, const char *name, struct slice value)
{
    wire_call_trailer(call->wire, name, value);
}

void host_call_flush_headers(struct host_call *call)
{
    wire_call_flush_headers(call->wire);
}

static enum wire_pull next_reply(void *context, struct wire_call *wire, struct wire_out *out,
                                 struct fkv_error *error)
{
    (void)wire;
    (void)error;
    struct host_call *call = context;
    if (call->has_replied)
        return WIRE_PULL_END;
    call->has_replied = true;
    wire_out_begin(out);
    wire_out_copy(out, buf_slice(&call->request));
    wire_out_end(out);
    return WIRE_PULL_MESSAGE;
}

void host_call_reply(struct host_call *call, struct slice message)
{
    /* The request may still be what `message` was decoded from: exchanged, not overwritten. */
    struct buf reply;
    buf_init(&reply, call->worker->alloc, SIZE_MAX);
    if (!buf_append(&reply, message.data, message.size)) {
        wire_call_finish(call->wire, FKV_RESOURCE_EXHAUSTED, "out of memory for the reply");
        return;
    }
    buf_done(&call->request);
    call->request = reply;
    struct wire_source source = {next_reply, call};
    wire_call_send(call->wire, &source);
}

static enum wire_pull next_of_stream(void *context, struct wire_call *wire, struct wire_out *out,
                                     struct fkv_error *error)
{
    (void)wire;
    struct host_call *call = context;
    return call->stream->next(call->context, call, out, error);
}

void host_call_stream(struct host_call *call, const struct host_stream *stream, void *context)
{
    call->stream = stream;
    call->context = context;
    struct wire_source source = {next_of_stream, call};
    if (stream->next != NULL)
        wire_call_send(call->wire, &source);
}

void host_call_hold(struct host_call *call, bool held)
{
    wire_call_hold(call->wire, held);
}

void host_call_resume(struct host_call *call)
{
    wire_call_resume(call->wire);
}

static void on_next_turn(struct timer *timer, uint64_t now)
{
    (void)now;
    struct host_call *call = list_entry(timer, struct host_call, turn);
    wire_call_resume(call->wire);
    wire_pump_wake(call->pump);
}

void host_call_yield(struct host_call *call)
{
    call->turn.fire = on_next_turn;
    if (!timers_start(&call->worker->timers, &call->turn, now_ns(call)))
        wire_call_resume(call->wire); /* out of memory: at once, then */
}

void host_call_fail(struct host_call *call, enum fkv_status status, const struct fkv_error *error)
{
    wire_call_finish(call->wire, status, error->message);
}

bool host_call_work(struct host_call *call, void (*work)(void *context),
                    void (*done)(void *context), void *context)
{
    if (call->worker->loop != NULL)
        return net_loop_work(call->worker->loop, work, done, context);
    work(context);
    done(context);
    return true;
}

void host_call_wake(struct host_call *call)
{
    wire_pump_wake(call->pump);
}

const char *host_call_peer(const struct host_call *call)
{
    return wire_pump_transport(call->pump)->peer;
}

bool host_call_is_local(const struct host_call *call)
{
    return wire_pump_transport(call->pump)->is_local;
}

void *host_call_memory(struct host_call *call, size_t size)
{
    return flight_memory_get(&call->memory, size);
}

const struct alloc *host_call_alloc(const struct host_call *call)
{
    return call->worker->alloc;
}

const struct host *host_call_host(const struct host_call *call)
{
    return call->worker->host;
}
