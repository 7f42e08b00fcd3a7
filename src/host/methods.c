/* SPDX-License-Identifier: Apache-2.0 */
/* A table says for each method what its request is and which row of the service takes it. */
#include "base/status.h"
#include "host/call.h"

static enum fkv_status run_list_flights(const struct host_service *service, struct host_call *call,
                                        struct fkv_error *error)
{
    struct slice expression;
    enum fkv_status status =
        flight_bytes_decode(&call->memory, buf_slice(&call->request), &expression, error);
    if (status == FKV_OK)
        service->list_flights(service->context, call, expression);
    return status;
}

static enum fkv_status decode_descriptor(struct host_call *call, struct flight_descriptor *ret,
                                         struct fkv_error *error)
{
    return flight_descriptor_decode(&call->memory, buf_slice(&call->request), ret, error);
}

static enum fkv_status run_get_flight_info(const struct host_service *service,
                                           struct host_call *call, struct fkv_error *error)
{
    struct flight_descriptor descriptor;
    enum fkv_status status = decode_descriptor(call, &descriptor, error);
    if (status == FKV_OK)
        service->get_flight_info(service->context, call, &descriptor);
    return status;
}

static enum fkv_status run_poll_flight_info(const struct host_service *service,
                                            struct host_call *call, struct fkv_error *error)
{
    struct flight_descriptor descriptor;
    enum fkv_status status = decode_descriptor(call, &descriptor, error);
    if (status == FKV_OK)
        service->poll_flight_info(service->context, call, &descriptor);
    return status;
}

static enum fkv_status run_get_schema(const struct host_service *service, struct host_call *call,
                                      struct fkv_error *error)
{
    struct flight_descriptor descriptor;
    enum fkv_status status = decode_descriptor(call, &descriptor, error);
    if (status == FKV_OK)
        service->get_schema(service->context, call, &descriptor);
    return status;
}

static enum fkv_status run_do_get(const struct host_service *service, struct host_call *call,
                                  struct fkv_error *error)
{
    struct slice ticket;
    enum fkv_status status =
        flight_bytes_decode(&call->memory, buf_slice(&call->request), &ticket, error);
    if (status == FKV_OK)
        service->do_get(service->context, call, ticket);
    return status;
}

static enum fkv_status run_do_action(const struct host_service *service, struct host_call *call,
                                     struct fkv_error *error)
{
    struct flight_action action;
    enum fkv_status status =
        flight_action_decode(&call->memory, buf_slice(&call->request), &action, error);
    if (status == FKV_OK)
        service->do_action(service->context, call, &action);
    return status;
}

static enum fkv_status run_list_actions(const struct host_service *service, struct host_call *call,
                                        struct fkv_error *error)
{
    (void)error;
    service->list_actions(service->context, call);
    return FKV_OK;
}

static enum fkv_status run_do_put(const struct host_service *service, struct host_call *call,
                                  struct fkv_error *error)
{
    (void)error;
    service->do_put(service->context, call);
    return FKV_OK;
}

static enum fkv_status run_do_exchange(const struct host_service *service, struct host_call *call,
                                       struct fkv_error *error)
{
    (void)error;
    service->do_exchange(service->context, call);
    return FKV_OK;
}

static enum fkv_status run_handshake(const struct host_service *service, struct host_call *call,
                                     struct fkv_error *error)
{
    (void)error;
    service->handshake(service->context, call);
    return FKV_OK;
}

/* gRPC's health protocol: a request names a service, or nothing for the server as a whole. */
static enum fkv_status run_health_check(const struct host_service *service, struct host_call *call,
                                        struct fkv_error *error)
{
    enum { serving = 1 };
    (void)service;
    struct slice name;
    struct buf reply;
    enum fkv_status status =
        flight_bytes_decode(&call->memory, buf_slice(&call->request), &name, error);
    if (status != FKV_OK)
        return status;
    if (name.size > 0 && !slice_is(name, "arrow.flight.protocol.FlightService"))
        return status_set(error, FKV_NOT_FOUND,
                          "there is no such service here, expected "
                          "'arrow.flight.protocol.FlightService' or none");
    buf_init(&reply, call->worker->alloc, SIZE_MAX);
    status = flight_status_result_encode(serving, &reply, error);
    if (status == FKV_OK)
        host_call_reply(call, buf_slice(&reply));
    buf_done(&reply);
    return status;
}

#define FLIGHT_PATH "/arrow.flight.protocol.FlightService/"

static const struct method methods[] = {
    {FLIGHT_PATH "DoGet", REQUEST_GATHERED, run_do_get, offsetof(struct host_service, do_get)},
    {FLIGHT_PATH "DoPut", REQUEST_FLIGHT_DATA, run_do_put, offsetof(struct host_service, do_put)},
    {FLIGHT_PATH "GetFlightInfo", REQUEST_GATHERED, run_get_flight_info,
     offsetof(struct host_service, get_flight_info)},
    {FLIGHT_PATH "GetSchema", REQUEST_GATHERED, run_get_schema,
     offsetof(struct host_service, get_schema)},
    {FLIGHT_PATH "ListFlights", REQUEST_GATHERED, run_list_flights,
     offsetof(struct host_service, list_flights)},
    {FLIGHT_PATH "DoAction", REQUEST_GATHERED, run_do_action,
     offsetof(struct host_service, do_action)},
    {FLIGHT_PATH "ListActions", REQUEST_GATHERED, run_list_actions,
     offsetof(struct host_service, list_actions)},
    {FLIGHT_PATH "PollFlightInfo", REQUEST_GATHERED, run_poll_flight_info,
     offsetof(struct host_service, poll_flight_info)},
    {FLIGHT_PATH "DoExchange", REQUEST_FLIGHT_DATA, run_do_exchange,
     offsetof(struct host_service, do_exchange)},
    {FLIGHT_PATH "Handshake", REQUEST_MESSAGES, run_handshake,
     offsetof(struct host_service, handshake)},
    {"/grpc.health.v1.Health/Check", REQUEST_GATHERED, run_health_check, METHOD_NO_ROW},
};

const struct method *host_method_find(const struct host_service *service, struct slice path)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (!slice_is(path, methods[i].path))
            continue;
        if (methods[i].row == METHOD_NO_ROW)
            return &methods[i];
        void (*row)(void);
        memcpy(&row, (const char *)service + methods[i].row, sizeof row);
        return row == NULL ? NULL : &methods[i];
    }
    return NULL;
}

bool host_method_is_open(const struct method *method)
{
    return method->row == METHOD_NO_ROW || method->row == offsetof(struct host_service, handshake);
}
