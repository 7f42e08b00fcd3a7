/* SPDX-License-Identifier: Apache-2.0 */
#include "service/call.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/status.h"
#include "service/server.h"

/* A client that sends without reading what comes back is held back while so much waits for it. */
enum { waiting_messages_max = 8 };

/* What a row's request may take, decoded: as the host allows for itself. */
enum { request_memory_max = 64 << 20 };

static enum wire_pull next_message(void *context, struct host_call *host, struct wire_out *out,
                                   struct fkv_error *error)
{
    struct fkv_flight_call *call = context;
    enum wire_pull pull = exchange_next(&call->outgoing, out, error);
    if (call->outgoing.queued < waiting_messages_max)
        host_call_hold(host, false);
    return pull;
}

static void free_call(void *context, struct host_call *host)
{
    (void)host;
    struct fkv_flight_call *call = context;
    if (call->on_closed != NULL)
        call->on_closed(call->closed_context);
    exchange_outgoing_done(&call->outgoing);
    exchange_incoming_done(&call->incoming);
    flight_memory_done(&call->memory);
    alloc_free(call->alloc, call);
}

static const struct host_stream stream = {
    .on_body = service_on_body,
    .on_body_bytes = service_on_body_bytes,
    .body_target = service_body_target,
    .on_message_end = service_on_message_end,
    .on_message = service_on_message,
    .on_end = service_on_end,
    .next = next_message,
    .on_closed = free_call,
};

struct fkv_flight_call *service_call_new(const struct fkv_flight_service *service,
                                         struct host_call *host, enum service_answer answer)
{
    const struct alloc *alloc = host_call_alloc(host);
    struct fkv_flight_call *call = alloc_zero(alloc, sizeof *call);
    struct fkv_error error;
    if (call == NULL) {
        host_call_fail(host, status_no_memory(&error, sizeof *call), &error);
        return NULL;
    }
    call->host = host;
    call->service = service;
    call->alloc = alloc;
    call->answer = answer;
    flight_memory_init(&call->memory, alloc, request_memory_max);
    exchange_outgoing_init(&call->outgoing, alloc);
    const struct fkv_flight_server *server = service_server_of(service);
    struct service_memory *memory = server->memory;
    const struct ipc_limits limits = server_config_ipc_limits(&server->config);
    const struct exchange_memory bodies = service_memory_bodies(memory);
    exchange_incoming_init(&call->incoming, service_memory_alloc(memory), &bodies, &limits,
                           IPC_READER_CHECK_VALUES);
    host_call_stream(host, &stream, call);
    return call;
}

void service_call_ran(struct fkv_flight_call *call)
{
    struct fkv_error error;
    if (!call->has_ended && call->receiver == NULL && call->payloads == NULL)
        service_call_fail(
            call, status_set(&error, FKV_INTERNAL, "the service gave no answer to the call"),
            &error);
}

void service_call_fail(struct fkv_flight_call *call, enum fkv_status status,
                       const struct fkv_error *error)
{
    if (call->has_ended)
        return;
    call->has_ended = true;
    host_call_fail(call->host, status, error);
}

void service_call_wake(struct fkv_flight_call *call)
{
    host_call_hold(call->host, call->outgoing.queued >= waiting_messages_max);
    host_call_resume(call->host);
}

/* ---- asked of a call ---- */

struct fkv_bytes fkv_flight_call_header(const struct fkv_flight_call *call, const char *name)
{
    return exchange_bytes(host_call_metadata(call->host, name));
}

bool fkv_flight_call_header_at(const struct fkv_flight_call *call, size_t index,
                               struct fkv_bytes *ret_name, struct fkv_bytes *ret_value)
{
    struct wire_metadata metadata = host_call_all_metadata(call->host);
    if (index >= metadata.count)
        return false;
    *ret_name = exchange_bytes(metadata.pairs[index].name);
    *ret_value = exchange_bytes(metadata.pairs[index].value);
    return true;
}

uint64_t fkv_flight_call_timeout_ms(const struct fkv_flight_call *call)
{
    uint64_t timeout_ns = host_call_timeout_ns(call->host);
    return timeout_ns == UINT64_MAX ? UINT64_MAX : timeout_ns / NS_PER_MS;
}

void fkv_flight_call_on_closed(struct fkv_flight_call *call, void (*on_closed)(void *context),
                               void *context)
{
    call->on_closed = on_closed;
    call->closed_context = context;
}
