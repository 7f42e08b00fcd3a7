/* SPDX-License-Identifier: Apache-2.0 */
#include "client/flight_ask.h"

#include "base/options.h"
#include "base/status.h"

/* ---- decoding ---- */

/* Room for a message of `size`, and a copy of the bytes beside it. */
static void *begin_decoding(const struct alloc *alloc, size_t size, struct slice *bytes,
                            struct fkv_error *error)
{
    void *message = client_owned_new(alloc, size);
    struct slice copy = message != NULL ? client_owned_copy(message, *bytes) : slice_of(NULL, 0);
    if (copy.data == NULL) {
        status_no_memory(error, size + bytes->size);
        fkv_flight_free(message);
        return NULL;
    }
    *bytes = copy;
    return message;
}

static enum fkv_status end_decoding(enum fkv_status status, void *message, void **ret)
{
    if (status == FKV_OK)
        *ret = message;
    else
        fkv_flight_free(message);
    return status;
}

enum fkv_status client_decode_info(const struct alloc *alloc, struct slice bytes, void **ret,
                                   struct fkv_error *error)
{
    struct exchange_info *message = begin_decoding(alloc, sizeof *message, &bytes, error);
    struct flight_info info;
    if (message == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    struct flight_memory *memory = client_owned_memory(message);
    client_owned_has(message, message);
    enum fkv_status status = flight_info_decode(memory, bytes, &info, error);
    if (status == FKV_OK)
        status = exchange_info_from(memory, &info, message, error);
    return end_decoding(status, message, ret);
}

enum fkv_status client_decode_poll(const struct alloc *alloc, struct slice bytes, void **ret,
                                   struct fkv_error *error)
{
    struct exchange_poll *message = begin_decoding(alloc, sizeof *message, &bytes, error);
    struct flight_poll_info poll;
    if (message == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    struct flight_memory *memory = client_owned_memory(message);
    client_owned_has(message, &message->info);
    enum fkv_status status = flight_poll_info_decode(memory, bytes, &poll, error);
    if (status == FKV_OK)
        status = exchange_poll_from(memory, &poll, message, error);
    return end_decoding(status, message, ret);
}

enum fkv_status client_decode_endpoint(const struct alloc *alloc, struct slice bytes, void **ret,
                                       struct fkv_error *error)
{
    struct fkv_flight_endpoint *message = begin_decoding(alloc, sizeof *message, &bytes, error);
    struct flight_endpoint endpoint;
    if (message == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    struct flight_memory *memory = client_owned_memory(message);
    enum fkv_status status = flight_endpoint_decode(memory, bytes, &endpoint, error);
    if (status == FKV_OK)
        status = exchange_endpoint_from(memory, &endpoint, message, error);
    return end_decoding(status, message, ret);
}

enum fkv_status client_decode_options(const struct alloc *alloc, struct slice bytes, void **ret,
                                      struct fkv_error *error)
{
    struct fkv_flight_options *message = begin_decoding(alloc, sizeof *message, &bytes, error);
    const struct flight_option *options;
    struct fkv_flight_option *shown;
    if (message == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    struct flight_memory *memory = client_owned_memory(message);
    enum fkv_status status = flight_options_decode(memory, bytes, &options, &message->count, error);
    if (status == FKV_OK)
        status =
            exchange_options_from(memory, options, message->count, &shown, &message->count, error);
    if (status == FKV_OK)
        message->options = shown;
    return end_decoding(status, message, ret);
}

enum fkv_status client_decode_option_errors(const struct alloc *alloc, struct slice bytes,
                                            void **ret, struct fkv_error *error)
{
    struct fkv_flight_option_errors *message =
        begin_decoding(alloc, sizeof *message, &bytes, error);
    const struct flight_option_error *errors;
    if (message == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    struct flight_memory *memory = client_owned_memory(message);
    enum fkv_status status =
        flight_option_errors_decode(memory, bytes, &errors, &message->count, error);
    struct fkv_flight_option_error *shown =
        status == FKV_OK ? flight_memory_get(memory, message->count * sizeof *shown) : NULL;
    if (status == FKV_OK && shown == NULL)
        status = status_no_memory(error, message->count * sizeof *shown);
    for (size_t i = 0; status == FKV_OK && i < message->count; i++)
        shown[i] = (struct fkv_flight_option_error){
            exchange_bytes(errors[i].name), (enum fkv_flight_option_problem)errors[i].value};
    message->errors = shown;
    return end_decoding(status, message, ret);
}

enum fkv_status client_decode_status(const struct alloc *alloc, struct slice bytes, void **ret,
                                     struct fkv_error *error)
{
    int32_t *message = begin_decoding(alloc, sizeof *message, &bytes, error);
    if (message == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    return end_decoding(
        flight_status_result_decode(client_owned_memory(message), bytes, message, error), message,
        ret);
}

enum fkv_status client_decode_bytes(const struct alloc *alloc, struct slice bytes, void **ret,
                                    struct fkv_error *error)
{
    struct fkv_bytes *message = begin_decoding(alloc, sizeof *message, &bytes, error);
    struct slice value;
    if (message == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    enum fkv_status status =
        flight_bytes_decode(client_owned_memory(message), bytes, &value, error);
    if (status == FKV_OK)
        *message = exchange_bytes(value);
    return end_decoding(status, message, ret);
}

enum fkv_status client_decode_payload(const struct alloc *alloc, struct slice bytes, void **ret,
                                      struct fkv_error *error)
{
    struct fkv_bytes *message = begin_decoding(alloc, sizeof *message, &bytes, error);
    struct flight_handshake handshake;
    if (message == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    enum fkv_status status =
        flight_handshake_decode(client_owned_memory(message), bytes, &handshake, error);
    if (status == FKV_OK)
        *message = exchange_bytes(handshake.payload);
    return end_decoding(status, message, ret);
}

enum fkv_status client_decode_action_type(const struct alloc *alloc, struct slice bytes, void **ret,
                                          struct fkv_error *error)
{
    struct fkv_bytes *message = begin_decoding(alloc, 2 * sizeof *message, &bytes, error);
    struct flight_action_type type;
    if (message == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    enum fkv_status status =
        flight_action_type_decode(client_owned_memory(message), bytes, &type, error);
    if (status == FKV_OK) {
        message[0] = exchange_bytes(type.type);
        message[1] = exchange_bytes(type.description);
    }
    return end_decoding(status, message, ret);
}

/* ---- asking ---- */

enum fkv_status client_request_init(struct client_request *request, struct fkv_client *client,
                                    const struct fkv_flight_call_options *options,
                                    struct fkv_error *error)
{
    *request = (struct client_request){.client = client};
    flight_memory_init(&request->memory, client->alloc, SIZE_MAX);
    buf_init(&request->bytes, client->alloc, UINT32_MAX);
    return options_read(options, "fkv_flight_call_options", &request->options,
                        sizeof request->options, error);
}

void client_request_done(struct client_request *request)
{
    flight_memory_done(&request->memory);
    buf_done(&request->bytes);
}

static enum fkv_status decode_answer(const struct client_answers *answers, struct slice bytes,
                                     void **ret, struct fkv_error *error)
{
    if (!answers->is_result)
        return answers->decode(answers->alloc, bytes, ret, error);
    void *body;
    enum fkv_status status = client_decode_bytes(answers->alloc, bytes, &body, error);
    if (status != FKV_OK)
        return status;
    status = answers->decode(answers->alloc, exchange_slice(*(struct fkv_bytes *)body), ret, error);
    fkv_flight_free(body);
    return status;
}

static enum fkv_status on_answer(void *context, struct slice bytes, bool *ret_more,
                                 struct fkv_error *error)
{
    struct client_answers *answers = context;
    void *message;
    if (answers->first != NULL)
        return status_set(error, FKV_INTERNAL, "the server sent several answers, expected one");
    enum fkv_status status = decode_answer(answers, bytes, &message, error);
    if (status != FKV_OK)
        return status;
    if (answers->on_message == NULL) {
        answers->first = message;
        return FKV_OK;
    }
    *ret_more = answers->on_message(answers->context, message);
    fkv_flight_free(message);
    return FKV_OK;
}

enum fkv_status client_request_all(struct client_request *request, const char *path,
                                   struct client_answers *answers, struct fkv_error *error)
{
    answers->alloc = request->client->alloc;
    const struct client_call_options options = {
        .path = path, .timeout_ms = request->options.timeout_ms, .flight = &request->options};
    return client_ask_with(request->client, &options, buf_slice(&request->bytes), on_answer,
                           answers, error);
}

enum fkv_status client_request_one(struct client_request *request, const char *path,
                                   struct client_answers *answers, bool may_miss, void **ret,
                                   struct fkv_error *error)
{
    enum fkv_status status = client_request_all(request, path, answers, error);
    if (status == FKV_OK && answers->first == NULL && !may_miss)
        status = status_set(error, FKV_INTERNAL, "the server sent no answer, expected one");
    if (status == FKV_OK)
        *ret = answers->first;
    else
        fkv_flight_free(answers->first);
    return status;
}
