/* SPDX-License-Identifier: Apache-2.0 */
/* Flight's calls of one request but the standard actions. */
#include "base/status.h"
#include "client/flight_ask.h"

/* ---- calls about a descriptor ---- */

static enum fkv_status ask_described(struct fkv_client *client, const char *path,
                                     const struct fkv_flight_descriptor *descriptor,
                                     const struct fkv_flight_call_options *options,
                                     client_decode *decode, void **ret, struct fkv_error *error)
{
    struct client_request request;
    struct flight_descriptor encoded;
    struct client_answers answers = {.decode = decode};
    enum fkv_status status = client_request_init(&request, client, options, error);
    if (status == FKV_OK)
        status = exchange_descriptor_to(&request.memory, descriptor, &encoded, error);
    if (status == FKV_OK)
        status = flight_descriptor_encode(&encoded, &request.bytes, error);
    if (status == FKV_OK)
        status = client_request_one(&request, path, &answers, false, ret, error);
    client_request_done(&request);
    return status;
}

enum fkv_status fkv_flight_get_info(struct fkv_client *client,
                                    const struct fkv_flight_descriptor *descriptor,
                                    const struct fkv_flight_call_options *options,
                                    struct fkv_flight_info **ret, struct fkv_error *error)
{
    void *message;
    enum fkv_status status = ask_described(client, CLIENT_PATH("GetFlightInfo"), descriptor,
                                           options, client_decode_info, &message, error);
    if (status == FKV_OK)
        *ret = message;
    return status;
}

enum fkv_status fkv_flight_poll_info(struct fkv_client *client,
                                     const struct fkv_flight_descriptor *descriptor,
                                     const struct fkv_flight_call_options *options,
                                     struct fkv_flight_poll_info **ret, struct fkv_error *error)
{
    void *message;
    enum fkv_status status = ask_described(client, CLIENT_PATH("PollFlightInfo"), descriptor,
                                           options, client_decode_poll, &message, error);
    if (status == FKV_OK)
        *ret = message;
    return status;
}

enum fkv_status fkv_flight_get_schema(struct fkv_client *client,
                                      const struct fkv_flight_descriptor *descriptor,
                                      const struct fkv_flight_call_options *options,
                                      struct ArrowSchema *ret, struct fkv_error *error)
{
    void *message;
    enum fkv_status status = ask_described(client, CLIENT_PATH("GetSchema"), descriptor, options,
                                           client_decode_bytes, &message, error);
    if (status != FKV_OK)
        return status;
    status = exchange_schema_from(client->alloc, exchange_slice(*(struct fkv_bytes *)message), ret,
                                  error);
    fkv_flight_free(message);
    return status;
}

/* ---- calls with several answers ---- */

struct listing {
    bool (*on_info)(void *context, const struct fkv_flight_info *info);
    bool (*on_bytes)(void *context, struct fkv_bytes bytes);
    bool (*on_action)(void *context, struct fkv_bytes type, struct fkv_bytes description);
    void *context;
};

static bool give_info(void *context, void *message)
{
    const struct listing *listing = context;
    return listing->on_info(listing->context, message);
}

static bool give_bytes(void *context, void *message)
{
    const struct listing *listing = context;
    return listing->on_bytes == NULL ||
           listing->on_bytes(listing->context, *(struct fkv_bytes *)message);
}

static bool give_action(void *context, void *message)
{
    const struct listing *listing = context;
    const struct fkv_bytes *texts = message;
    return listing->on_action(listing->context, texts[0], texts[1]);
}

enum fkv_status fkv_flight_list(struct fkv_client *client, struct fkv_bytes criteria,
                                const struct fkv_flight_call_options *options,
                                bool (*on_info)(void *context, const struct fkv_flight_info *info),
                                void *context, struct fkv_error *error)
{
    struct client_request request;
    struct listing listing = {.on_info = on_info, .context = context};
    struct client_answers answers = {
        .decode = client_decode_info, .on_message = give_info, .context = &listing};
    enum fkv_status status = client_request_init(&request, client, options, error);
    if (status == FKV_OK)
        status = flight_bytes_encode(exchange_slice(criteria), &request.bytes, error);
    if (status == FKV_OK)
        status = client_request_all(&request, CLIENT_PATH("ListFlights"), &answers, error);
    client_request_done(&request);
    return status;
}

enum fkv_status fkv_flight_list_actions(struct fkv_client *client,
                                        const struct fkv_flight_call_options *options,
                                        bool (*on_action)(void *context, struct fkv_bytes type,
                                                          struct fkv_bytes description),
                                        void *context, struct fkv_error *error)
{
    struct client_request request;
    struct listing listing = {.on_action = on_action, .context = context};
    struct client_answers answers = {
        .decode = client_decode_action_type, .on_message = give_action, .context = &listing};
    enum fkv_status status = client_request_init(&request, client, options, error);
    if (status == FKV_OK)
        status = client_request_all(&request, CLIENT_PATH("ListActions"), &answers, error);
    client_request_done(&request);
    return status;
}

/* ---- actions ---- */

enum fkv_status fkv_flight_action(struct fkv_client *client, struct fkv_bytes type,
                                  struct fkv_bytes body,
                                  const struct fkv_flight_call_options *options,
                                  bool (*on_result)(void *context, struct fkv_bytes body),
                                  void *context, struct fkv_error *error)
{
    struct client_request request;
    struct listing listing = {.on_bytes = on_result, .context = context};
    struct client_answers answers = {
        .decode = client_decode_bytes, .on_message = give_bytes, .context = &listing};
    enum fkv_status status = client_request_init(&request, client, options, error);
    const struct flight_action action = {exchange_slice(type), exchange_slice(body)};
    if (status == FKV_OK)
        status = flight_action_encode(&action, &request.bytes, error);
    if (status == FKV_OK)
        status = client_request_all(&request, CLIENT_PATH("DoAction"), &answers, error);
    client_request_done(&request);
    return status;
}

/* ---- where the data is ---- */

static enum fkv_status connect_to(const struct fkv_client *client, struct fkv_bytes location,
                                  struct fkv_client **ret, struct fkv_error *error)
{
    struct buf uri;
    buf_init(&uri, client->alloc, net_uri_max);
    enum fkv_status status = buf_append(&uri, location.data, location.size)
                                 ? client_open_at(client, buf_c_text(&uri), ret, error)
                                 : status_set(error, FKV_INVALID_ARGUMENT,
                                              "a location of %zu bytes, expected at most %d",
                                              location.size, net_uri_max);
    buf_done(&uri);
    return status;
}

enum fkv_status fkv_flight_endpoint_client(struct fkv_client *client,
                                           const struct fkv_flight_endpoint *endpoint,
                                           struct fkv_client **ret, struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    for (size_t i = 0; i < endpoint->location_count; i++) {
        if (slice_is(exchange_slice(endpoint->locations[i]), FKV_FLIGHT_REUSE_CONNECTION)) {
            status = FKV_OK;
            break;
        }
        status = connect_to(client, endpoint->locations[i], ret, error);
        if (status == FKV_OK)
            return FKV_OK;
    }
    if (status == FKV_OK)
        *ret = client;
    return status;
}
