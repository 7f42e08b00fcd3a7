/* SPDX-License-Identifier: Apache-2.0 */
/* What a client sends in DoPut, DoExchange and Handshake, on its way to the service. */
#include "base/status.h"
#include "service/call.h"

void fkv_flight_receive(struct fkv_flight_call *call, const struct fkv_flight_receiver *receiver,
                        void *context)
{
    call->receiver = receiver;
    call->receiver_context = context;
}

void fkv_flight_receive_payloads(struct fkv_flight_call *call,
                                 const struct fkv_flight_payload_receiver *receiver, void *context)
{
    call->payloads = receiver;
    call->receiver_context = context;
}

/* ---- batches ---- */

/* The first message names what it is about; only then can the service be asked. */
static enum fkv_status begin(struct fkv_flight_call *call, const struct flight_data_reader *data,
                             struct fkv_error *error)
{
    if (!data->has_descriptor)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the first message of the call has no flight descriptor");
    struct flight_descriptor descriptor;
    struct fkv_flight_descriptor shown;
    enum fkv_status status =
        flight_descriptor_decode(&call->memory, buf_slice(&data->descriptor), &descriptor, error);
    if (status == FKV_OK)
        status = exchange_descriptor_from(&call->memory, &descriptor, &shown, error);
    if (status != FKV_OK)
        return status;
    call->has_begun = true;
    call->on_descriptor(call->service->context, call, &shown);
    service_call_ran(call);
    return FKV_OK;
}

/* What still comes when the service has answered is of no interest. */
static bool is_deaf(const struct fkv_flight_call *call)
{
    return call->receiver == NULL || call->has_ended;
}

enum fkv_status service_on_body(void *context, struct host_call *host,
                                const struct flight_data_reader *data, uint64_t size,
                                struct fkv_error *error)
{
    (void)host;
    struct fkv_flight_call *call = context;
    enum fkv_status status = FKV_OK;
    if (!call->has_begun && !call->has_ended)
        status = begin(call, data, error);
    if (status != FKV_OK || is_deaf(call))
        return status;
    return exchange_incoming_body(&call->incoming, slice_of(NULL, 0), size, error);
}

enum fkv_status service_on_body_bytes(void *context, struct host_call *host, struct slice bytes,
                                      struct fkv_error *error)
{
    (void)host;
    struct fkv_flight_call *call = context;
    if (call->incoming.body == NULL)
        return FKV_OK;
    return exchange_incoming_bytes(&call->incoming, bytes, error);
}

uint8_t *service_body_target(void *context, size_t *size)
{
    struct fkv_flight_call *call = context;
    return exchange_incoming_target(&call->incoming, size);
}

static enum fkv_status hand_on_schema(struct fkv_flight_call *call, struct fkv_error *error)
{
    struct ArrowSchema schema;
    enum fkv_status status = exchange_incoming_schema(&call->incoming, &schema, error);
    if (status != FKV_OK)
        return status;
    if (call->receiver->on_schema != NULL)
        call->receiver->on_schema(call->receiver_context, call, &schema);
    if (schema.release != NULL)
        schema.release(&schema);
    return FKV_OK;
}

static void hand_on_batch(struct fkv_flight_call *call, const struct flight_data_reader *data,
                          struct ArrowArray array)
{
    struct fkv_flight_batch batch = {.array = array,
                                     .has_app_metadata = data->has_app_metadata,
                                     .app_metadata =
                                         exchange_bytes(buf_slice(&data->app_metadata))};
    if (!data->has_app_metadata)
        batch.app_metadata = (struct fkv_bytes){NULL, 0};
    if (call->receiver->on_batch != NULL)
        call->receiver->on_batch(call->receiver_context, call, &batch);
    if (batch.array.release != NULL)
        batch.array.release(&batch.array);
}

enum fkv_status service_on_message_end(void *context, struct host_call *host,
                                       struct fkv_error *error)
{
    struct fkv_flight_call *call = context;
    struct ArrowArray array = {0};
    enum exchange_kind kind = EXCHANGE_NOTHING;
    if (is_deaf(call))
        return FKV_OK;
    host_call_flush_headers(host); /* some clients send nothing more before they have seen them */
    const struct flight_data_reader *data = host_call_data(host);
    enum fkv_status status = exchange_incoming_message(&call->incoming, data, &kind, &array, error);
    if (status == FKV_OK && kind == EXCHANGE_SCHEMA)
        status = hand_on_schema(call, error);
    else if (status == FKV_OK && kind != EXCHANGE_NOTHING)
        hand_on_batch(call, data, array);
    return status;
}

/* ---- payloads ---- */

enum fkv_status service_on_message(void *context, struct host_call *host, struct slice message,
                                   struct fkv_error *error)
{
    (void)host;
    struct fkv_flight_call *call = context;
    struct flight_handshake handshake;
    if (call->has_ended || call->payloads == NULL)
        return FKV_OK;
    struct flight_memory memory;
    flight_memory_init(&memory, call->alloc, SIZE_MAX);
    enum fkv_status status = flight_handshake_decode(&memory, message, &handshake, error);
    if (status == FKV_OK && call->payloads->on_payload != NULL)
        call->payloads->on_payload(call->receiver_context, call, exchange_bytes(handshake.payload));
    flight_memory_done(&memory);
    return status;
}

enum fkv_status fkv_flight_read_basic_auth(struct fkv_flight_call *call, struct fkv_bytes payload,
                                           struct fkv_bytes *ret_user,
                                           struct fkv_bytes *ret_password, struct fkv_error *error)
{
    struct flight_basic_auth auth;
    enum fkv_status status =
        flight_basic_auth_decode(&call->memory, exchange_slice(payload), &auth, error);
    if (status == FKV_OK) {
        *ret_user = exchange_bytes(auth.username);
        *ret_password = exchange_bytes(auth.password);
    }
    return status;
}

/* ---- the end ---- */

enum fkv_status service_on_end(void *context, struct host_call *host, struct fkv_error *error)
{
    (void)host;
    struct fkv_flight_call *call = context;
    if (call->has_ended)
        return FKV_OK;
    if (call->payloads != NULL) {
        if (call->payloads->on_end != NULL)
            call->payloads->on_end(call->receiver_context, call);
        return FKV_OK;
    }
    if (call->on_descriptor == NULL) /* a call of one request, which is there */
        return FKV_OK;
    if (!call->has_begun)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the call ended before its first message, expected a descriptor");
    enum fkv_status status = exchange_incoming_end(&call->incoming, error);
    if (status == FKV_OK && call->receiver != NULL && call->receiver->on_end != NULL)
        call->receiver->on_end(call->receiver_context, call);
    return status;
}
