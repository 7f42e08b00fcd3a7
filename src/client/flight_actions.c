/* SPDX-License-Identifier: Apache-2.0 */
/* Flight's standard actions. */
#include "base/status.h"
#include "client/flight_ask.h"

/* A standard action: what `encode` writes is the body, and the one result is decoded. */
typedef enum fkv_status encode_body(struct flight_memory *memory, const void *given, size_t count,
                                    struct buf *buf, struct fkv_error *error);

static enum fkv_status act(struct fkv_client *client, const char *type, encode_body *encode,
                           const void *given, size_t count,
                           const struct fkv_flight_call_options *options, client_decode *decode,
                           void **ret, struct fkv_error *error)
{
    struct client_request request;
    struct buf body;
    struct client_answers answers = {.decode = decode, .is_result = true};
    buf_init(&body, client->alloc, UINT32_MAX);
    enum fkv_status status = client_request_init(&request, client, options, error);
    if (status == FKV_OK && encode != NULL)
        status = encode(&request.memory, given, count, &body, error);
    const struct flight_action action = {slice_text(type), buf_slice(&body)};
    if (status == FKV_OK)
        status = flight_action_encode(&action, &request.bytes, error);
    if (status == FKV_OK)
        status = client_request_one(&request, CLIENT_PATH("DoAction"), &answers, false, ret, error);
    client_request_done(&request);
    buf_done(&body);
    return status;
}

static enum fkv_status take_status(enum fkv_status status, void *message, int *ret)
{
    if (status != FKV_OK)
        return status;
    *ret = *(int32_t *)message;
    fkv_flight_free(message);
    return FKV_OK;
}

static enum fkv_status encode_cancel(struct flight_memory *memory, const void *given, size_t count,
                                     struct buf *buf, struct fkv_error *error)
{
    (void)count;
    struct flight_info info;
    enum fkv_status status = exchange_info_to(memory, given, &info, error);
    return status == FKV_OK ? flight_cancel_request_encode(&info, buf, error) : status;
}

enum fkv_status fkv_flight_cancel_info(struct fkv_client *client,
                                       const struct fkv_flight_info *info,
                                       const struct fkv_flight_call_options *options,
                                       enum fkv_flight_cancel_status *ret, struct fkv_error *error)
{
    void *message = NULL;
    int value;
    enum fkv_status status = act(client, "CancelFlightInfo", encode_cancel, info, 1, options,
                                 client_decode_status, &message, error);
    status = take_status(status, message, &value);
    if (status == FKV_OK)
        *ret = (enum fkv_flight_cancel_status)value;
    return status;
}

static enum fkv_status encode_renew(struct flight_memory *memory, const void *given, size_t count,
                                    struct buf *buf, struct fkv_error *error)
{
    (void)count;
    struct flight_endpoint endpoint;
    enum fkv_status status = exchange_endpoint_to(memory, given, &endpoint, error);
    return status == FKV_OK ? flight_renew_request_encode(&endpoint, buf, error) : status;
}

enum fkv_status fkv_flight_renew_endpoint(struct fkv_client *client,
                                          const struct fkv_flight_endpoint *endpoint,
                                          const struct fkv_flight_call_options *options,
                                          struct fkv_flight_endpoint **ret, struct fkv_error *error)
{
    void *message;
    enum fkv_status status = act(client, "RenewFlightEndpoint", encode_renew, endpoint, 1, options,
                                 client_decode_endpoint, &message, error);
    if (status == FKV_OK)
        *ret = message;
    return status;
}

static enum fkv_status encode_options(struct flight_memory *memory, const void *given, size_t count,
                                      struct buf *buf, struct fkv_error *error)
{
    struct flight_option *options;
    enum fkv_status status = exchange_options_to(memory, given, count, &options, error);
    return status == FKV_OK ? flight_options_encode(options, count, buf, error) : status;
}

enum fkv_status
fkv_flight_set_session_options(struct fkv_client *client, const struct fkv_flight_option *set,
                               size_t set_count, const struct fkv_flight_call_options *options,
                               struct fkv_flight_option_errors **ret, struct fkv_error *error)
{
    void *message;
    enum fkv_status status = act(client, "SetSessionOptions", encode_options, set, set_count,
                                 options, client_decode_option_errors, &message, error);
    if (status == FKV_OK)
        *ret = message;
    return status;
}

enum fkv_status fkv_flight_get_session_options(struct fkv_client *client,
                                               const struct fkv_flight_call_options *options,
                                               struct fkv_flight_options **ret,
                                               struct fkv_error *error)
{
    void *message;
    enum fkv_status status = act(client, "GetSessionOptions", NULL, NULL, 0, options,
                                 client_decode_options, &message, error);
    if (status == FKV_OK)
        *ret = message;
    return status;
}

enum fkv_status fkv_flight_close_session(struct fkv_client *client,
                                         const struct fkv_flight_call_options *options,
                                         enum fkv_flight_close_status *ret, struct fkv_error *error)
{
    void *message = NULL;
    int value;
    enum fkv_status status =
        act(client, "CloseSession", NULL, NULL, 0, options, client_decode_status, &message, error);
    status = take_status(status, message, &value);
    if (status == FKV_OK)
        *ret = (enum fkv_flight_close_status)value;
    return status;
}
