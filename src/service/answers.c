/* SPDX-License-Identifier: Apache-2.0 */
/* What a service answers: each message is encoded and queued at once. */
#include <stdio.h>

#include "base/status.h"
#include "service/call.h"

void fkv_flight_set_header(struct fkv_flight_call *call, const char *name, struct fkv_bytes value)
{
    host_call_header(call->host, name, exchange_slice(value));
}

void fkv_flight_set_trailer(struct fkv_flight_call *call, const char *name, struct fkv_bytes value)
{
    host_call_trailer(call->host, name, exchange_slice(value));
}

/* ---- one message ---- */

/* One answer being made: its parts, and its bytes. */
struct answer {
    struct fkv_flight_call *call;
    struct flight_memory memory;
    struct buf bytes;
    struct fkv_error error;
};

static bool answer_begin(struct answer *answer, struct fkv_flight_call *call)
{
    if (call->has_ended)
        return false;
    *answer = (struct answer){.call = call};
    flight_memory_init(&answer->memory, call->alloc, SIZE_MAX);
    buf_init(&answer->bytes, call->alloc, UINT32_MAX);
    return true;
}

/* An action's answer is the body of a Result. */
static enum fkv_status wrap(struct answer *answer)
{
    struct buf wrapped;
    buf_init(&wrapped, answer->call->alloc, UINT32_MAX);
    enum fkv_status status =
        flight_bytes_encode(buf_slice(&answer->bytes), &wrapped, &answer->error);
    buf_done(&answer->bytes);
    answer->bytes = wrapped;
    return status;
}

static void answer_end(struct answer *answer, enum fkv_status status)
{
    struct fkv_flight_call *call = answer->call;
    if (status == FKV_OK && call->is_action)
        status = wrap(answer);
    if (status == FKV_OK)
        status = exchange_send_message(&call->outgoing, buf_slice(&answer->bytes), &answer->error);
    buf_done(&answer->bytes);
    flight_memory_done(&answer->memory);
    call->sent++;
    if (status == FKV_OK)
        service_call_wake(call);
    else
        service_call_fail(call, status, &answer->error);
}

void fkv_flight_send_info(struct fkv_flight_call *call, const struct fkv_flight_info *info)
{
    struct answer answer;
    struct flight_info encoded;
    if (call->answer == SERVICE_SCHEMA) {
        fkv_flight_send_schema_result(call, info->schema);
        return;
    }
    if (!answer_begin(&answer, call))
        return;
    enum fkv_status status = exchange_info_to(&answer.memory, info, &encoded, &answer.error);
    if (status == FKV_OK)
        status = flight_info_encode(&encoded, &answer.bytes, &answer.error);
    answer_end(&answer, status);
}

void fkv_flight_send_poll_info(struct fkv_flight_call *call,
                               const struct fkv_flight_poll_info *poll)
{
    struct answer answer;
    struct flight_poll_info encoded;
    if (!answer_begin(&answer, call))
        return;
    enum fkv_status status = exchange_poll_to(&answer.memory, poll, &encoded, &answer.error);
    if (status == FKV_OK)
        status = flight_poll_info_encode(&encoded, &answer.bytes, &answer.error);
    answer_end(&answer, status);
}

void fkv_flight_send_endpoint(struct fkv_flight_call *call,
                              const struct fkv_flight_endpoint *endpoint)
{
    struct answer answer;
    struct flight_endpoint encoded;
    if (!answer_begin(&answer, call))
        return;
    enum fkv_status status =
        exchange_endpoint_to(&answer.memory, endpoint, &encoded, &answer.error);
    if (status == FKV_OK)
        status = flight_endpoint_encode(&encoded, &answer.bytes, &answer.error);
    answer_end(&answer, status);
}

void fkv_flight_send_schema_result(struct fkv_flight_call *call, const struct ArrowSchema *schema)
{
    struct answer answer;
    struct slice encapsulated;
    if (!answer_begin(&answer, call))
        return;
    enum fkv_status status =
        exchange_schema_to(&answer.memory, schema, &encapsulated, &answer.error);
    if (status == FKV_OK)
        status = flight_bytes_encode(encapsulated, &answer.bytes, &answer.error);
    answer_end(&answer, status);
}

void fkv_flight_send_action_type(struct fkv_flight_call *call, const char *type,
                                 const char *description)
{
    struct answer answer;
    const struct flight_action_type encoded = {slice_text(type), slice_text(description)};
    if (answer_begin(&answer, call))
        answer_end(&answer, flight_action_type_encode(&encoded, &answer.bytes, &answer.error));
}

/* All three messages that carry nothing but bytes; a handshake's are in field 2. */
void fkv_flight_send_payload(struct fkv_flight_call *call, struct fkv_bytes payload)
{
    struct answer answer;
    const struct flight_handshake handshake = {.payload = exchange_slice(payload)};
    enum fkv_status status = FKV_OK;
    if (!answer_begin(&answer, call))
        return;
    if (call->is_handshake)
        status = flight_handshake_encode(&handshake, &answer.bytes, &answer.error);
    else if (call->is_action)
        status = buf_append(&answer.bytes, payload.data, payload.size)
                     ? FKV_OK
                     : status_no_memory(&answer.error, payload.size);
    else
        status = flight_bytes_encode(handshake.payload, &answer.bytes, &answer.error);
    answer_end(&answer, status);
}

void fkv_flight_send_status(struct fkv_flight_call *call, int status)
{
    struct answer answer;
    if (answer_begin(&answer, call))
        answer_end(&answer, flight_status_result_encode(status, &answer.bytes, &answer.error));
}

void fkv_flight_send_options(struct fkv_flight_call *call, const struct fkv_flight_option *options,
                             size_t count)
{
    struct answer answer;
    struct flight_option *encoded;
    if (!answer_begin(&answer, call))
        return;
    enum fkv_status status =
        exchange_options_to(&answer.memory, options, count, &encoded, &answer.error);
    if (status == FKV_OK)
        status = flight_options_encode(encoded, count, &answer.bytes, &answer.error);
    answer_end(&answer, status);
}

void fkv_flight_send_option_errors(struct fkv_flight_call *call,
                                   const struct fkv_flight_option_error *errors, size_t count)
{
    struct answer answer;
    if (!answer_begin(&answer, call))
        return;
    struct flight_option_error *encoded =
        flight_memory_get(&answer.memory, count * sizeof *encoded);
    enum fkv_status status =
        encoded != NULL ? FKV_OK : status_no_memory(&answer.error, count * sizeof *encoded);
    for (size_t i = 0; i < count && status == FKV_OK; i++)
        encoded[i] =
            (struct flight_option_error){exchange_slice(errors[i].name), (int)errors[i].problem};
    if (status == FKV_OK)
        status = flight_option_errors_encode(encoded, count, &answer.bytes, &answer.error);
    answer_end(&answer, status);
}

/* ---- batches ---- */

static void sent(struct fkv_flight_call *call, enum fkv_status status,
                 const struct fkv_error *error)
{
    call->sent++;
    if (status == FKV_OK)
        service_call_wake(call);
    else
        service_call_fail(call, status, error);
}

void fkv_flight_send_schema(struct fkv_flight_call *call, const struct ArrowSchema *schema)
{
    struct fkv_error error;
    if (!call->has_ended)
        sent(call, exchange_send_schema(&call->outgoing, schema, &error), &error);
}

void fkv_flight_send_batch(struct fkv_flight_call *call, struct fkv_flight_batch *batch)
{
    struct fkv_error error;
    if (!call->has_ended)
        sent(call, exchange_send_batch(&call->outgoing, batch, &error), &error);
    else if (batch->array.release != NULL)
        batch->array.release(&batch->array);
}

void fkv_flight_send_stream(struct fkv_flight_call *call, struct ArrowArrayStream *table)
{
    struct fkv_error error;
    if (!call->has_ended)
        sent(call, exchange_send_stream(&call->outgoing, table, FKV_INTERNAL, &error), &error);
    else
        table->release(table);
}

/* ---- the end ---- */

void fkv_flight_end(struct fkv_flight_call *call)
{
    struct fkv_error error;
    if (call->has_ended)
        return;
    if (call->answer != SERVICE_ANY && call->sent != 1) {
        service_call_fail(call,
                          status_set(&error, FKV_INTERNAL,
                                     "the service answered with %llu messages, expected one",
                                     (unsigned long long)call->sent),
                          &error);
        return;
    }
    call->has_ended = true;
    exchange_send_end(&call->outgoing);
    service_call_wake(call);
}

void fkv_flight_fail(struct fkv_flight_call *call, enum fkv_status status, const char *message)
{
    struct fkv_error error;
    service_call_fail(call, status_set(&error, status, "%s", message), &error);
}
