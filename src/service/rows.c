/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the host's table, each of which opens a call and asks the service; one that the
 * service doesn't have stays NULL in the host's too, which then answers UNIMPLEMENTED. */
#include "service/rows.h"

#include "base/status.h"
#include "service/call.h"

/* ---- what rows are given ---- */

typedef void on_descriptor(void *context, struct fkv_flight_call *call,
                           const struct fkv_flight_descriptor *descriptor);

static void run_described(const struct fkv_flight_service *service, struct host_call *host,
                          const struct flight_descriptor *descriptor, on_descriptor *row,
                          enum service_answer answer)
{
    struct fkv_flight_call *call = service_call_new(service, host, answer);
    struct fkv_flight_descriptor shown;
    struct fkv_error error;
    if (call == NULL)
        return;
    enum fkv_status status = exchange_descriptor_from(&call->memory, descriptor, &shown, &error);
    if (status != FKV_OK) {
        service_call_fail(call, status, &error);
        return;
    }
    row(service->context, call, &shown);
    service_call_ran(call);
}

static void on_get_flight_info(void *context, struct host_call *host,
                               const struct flight_descriptor *descriptor)
{
    const struct fkv_flight_service *service = context;
    run_described(service, host, descriptor, service->get_flight_info, SERVICE_ONE);
}

static void on_poll_flight_info(void *context, struct host_call *host,
                                const struct flight_descriptor *descriptor)
{
    const struct fkv_flight_service *service = context;
    run_described(service, host, descriptor, service->poll_flight_info, SERVICE_ONE);
}

static void on_get_schema(void *context, struct host_call *host,
                          const struct flight_descriptor *descriptor)
{
    const struct fkv_flight_service *service = context;
    if (service->get_schema != NULL)
        run_described(service, host, descriptor, service->get_schema, SERVICE_ONE);
    else
        run_described(service, host, descriptor, service->get_flight_info, SERVICE_SCHEMA);
}

typedef void on_bytes(void *context, struct fkv_flight_call *call, struct fkv_bytes bytes);

static void run_named(const struct fkv_flight_service *service, struct host_call *host,
                      struct slice bytes, on_bytes *row)
{
    struct fkv_flight_call *call = service_call_new(service, host, SERVICE_ANY);
    if (call == NULL)
        return;
    row(service->context, call, exchange_bytes(bytes));
    service_call_ran(call);
}

static void on_list_flights(void *context, struct host_call *host, struct slice expression)
{
    const struct fkv_flight_service *service = context;
    run_named(service, host, expression, service->list_flights);
}

static void on_do_get(void *context, struct host_call *host, struct slice ticket)
{
    const struct fkv_flight_service *service = context;
    run_named(service, host, ticket, service->do_get);
}

/* ---- rows that wait for what the client sends ---- */

static void on_do_put(void *context, struct host_call *host)
{
    const struct fkv_flight_service *service = context;
    struct fkv_flight_call *call = service_call_new(service, host, SERVICE_ANY);
    if (call != NULL)
        call->on_descriptor = service->do_put;
}

static void on_do_exchange(void *context, struct host_call *host)
{
    const struct fkv_flight_service *service = context;
    struct fkv_flight_call *call = service_call_new(service, host, SERVICE_ANY);
    if (call != NULL)
        call->on_descriptor = service->do_exchange;
}

static void on_handshake(void *context, struct host_call *host)
{
    const struct fkv_flight_service *service = context;
    struct fkv_flight_call *call = service_call_new(service, host, SERVICE_ANY);
    if (call == NULL)
        return;
    call->is_handshake = true;
    service->handshake(service->context, call);
    service_call_ran(call);
}

/* ---- the standard actions ---- */

typedef enum fkv_status run_action(struct fkv_flight_call *call, struct slice body,
                                   struct fkv_error *error);

static enum fkv_status run_cancel(struct fkv_flight_call *call, struct slice body,
                                  struct fkv_error *error)
{
    struct flight_info info;
    struct exchange_info shown;
    enum fkv_status status = flight_cancel_request_decode(&call->memory, body, &info, error);
    if (status != FKV_OK)
        return status;
    status = exchange_info_from(&call->memory, &info, &shown, error);
    if (status == FKV_OK)
        call->service->cancel_flight_info(call->service->context, call, &shown.info);
    exchange_info_done(&shown);
    return status;
}

static enum fkv_status run_renew(struct fkv_flight_call *call, struct slice body,
                                 struct fkv_error *error)
{
    struct flight_endpoint endpoint;
    struct fkv_flight_endpoint shown;
    enum fkv_status status = flight_renew_request_decode(&call->memory, body, &endpoint, error);
    if (status == FKV_OK)
        status = exchange_endpoint_from(&call->memory, &endpoint, &shown, error);
    if (status == FKV_OK)
        call->service->renew_flight_endpoint(call->service->context, call, &shown);
    return status;
}

static enum fkv_status run_set_options(struct fkv_flight_call *call, struct slice body,
                                       struct fkv_error *error)
{
    const struct flight_option *options;
    struct fkv_flight_option *shown;
    size_t count;
    enum fkv_status status = flight_options_decode(&call->memory, body, &options, &count, error);
    if (status == FKV_OK)
        status = exchange_options_from(&call->memory, options, count, &shown, &count, error);
    if (status == FKV_OK)
        call->service->set_session_options(call->service->context, call, shown, count);
    return status;
}

static enum fkv_status run_get_options(struct fkv_flight_call *call, struct slice body,
                                       struct fkv_error *error)
{
    (void)body;
    (void)error;
    call->service->get_session_options(call->service->context, call);
    return FKV_OK;
}

static enum fkv_status run_close(struct fkv_flight_call *call, struct slice body,
                                 struct fkv_error *error)
{
    (void)body;
    (void)error;
    call->service->close_session(call->service->context, call);
    return FKV_OK;
}

static const struct standard_action {
    const char *type;
    const char *description;
    size_t row; /* offset in struct fkv_flight_service */
    run_action *run;
} standard_actions[] = {
    {"CancelFlightInfo",
     "Explicitly cancel a running query. Body: CancelFlightInfoRequest. Result: "
     "CancelFlightInfoResult.",
     offsetof(struct fkv_flight_service, cancel_flight_info), run_cancel},
    {"RenewFlightEndpoint",
     "Extend the expiration time of an endpoint. Body: RenewFlightEndpointRequest. Result: "
     "FlightEndpoint.",
     offsetof(struct fkv_flight_service, renew_flight_endpoint), run_renew},
    {"SetSessionOptions",
     "Set options of the session. Body: SetSessionOptionsRequest. Result: SetSessionOptionsResult.",
     offsetof(struct fkv_flight_service, set_session_options), run_set_options},
    {"GetSessionOptions",
     "Get all options of the session. Body: GetSessionOptionsRequest. Result: "
     "GetSessionOptionsResult.",
     offsetof(struct fkv_flight_service, get_session_options), run_get_options},
    {"CloseSession", "Close the session. Body: CloseSessionRequest. Result: CloseSessionResult.",
     offsetof(struct fkv_flight_service, close_session), run_close},
};

enum { standard_action_count = sizeof standard_actions / sizeof standard_actions[0] };

static bool has_row(const struct fkv_flight_service *service, size_t offset)
{
    void (*row)(void);
    memcpy(&row, (const char *)service + offset, sizeof row);
    return row != NULL;
}

static bool has_standard_actions(const struct fkv_flight_service *service)
{
    for (size_t i = 0; i < standard_action_count; i++)
        if (has_row(service, standard_actions[i].row))
            return true;
    return false;
}

static const struct standard_action *find_standard(const struct fkv_flight_service *service,
                                                   struct slice type)
{
    for (size_t i = 0; i < standard_action_count; i++)
        if (slice_is(type, standard_actions[i].type))
            return has_row(service, standard_actions[i].row) ? &standard_actions[i] : NULL;
    return NULL;
}

/* ---- actions ---- */

static enum fkv_status refuse_action(struct slice type, struct fkv_error *error)
{
    enum { shown_max = 100 };
    return status_set(error, FKV_UNIMPLEMENTED, "there is no action '%.*s'",
                      (int)(type.size < shown_max ? type.size : shown_max),
                      type.size > 0 ? (const char *)type.data : "");
}

static void on_do_action(void *context, struct host_call *host, const struct flight_action *action)
{
    const struct fkv_flight_service *service = context;
    const struct standard_action *standard = find_standard(service, action->type);
    struct fkv_flight_call *call =
        service_call_new(service, host, standard != NULL ? SERVICE_ONE : SERVICE_ANY);
    struct fkv_error error;
    enum fkv_status status = FKV_OK;
    if (call == NULL)
        return;
    call->is_action = true;
    if (standard != NULL)
        status = standard->run(call, action->body, &error);
    else if (service->do_action != NULL)
        service->do_action(service->context, call, exchange_bytes(action->type),
                           exchange_bytes(action->body));
    else
        status = refuse_action(action->type, &error);
    if (status != FKV_OK)
        service_call_fail(call, status, &error);
    service_call_ran(call);
}

static void on_list_actions(void *context, struct host_call *host)
{
    const struct fkv_flight_service *service = context;
    struct fkv_flight_call *call = service_call_new(service, host, SERVICE_ANY);
    if (call == NULL)
        return;
    if (service->list_actions != NULL) {
        service->list_actions(service->context, call);
    } else {
        for (size_t i = 0; i < standard_action_count; i++)
            if (has_row(service, standard_actions[i].row))
                fkv_flight_send_action_type(call, standard_actions[i].type,
                                            standard_actions[i].description);
        fkv_flight_end(call);
    }
    service_call_ran(call);
}

/* ---- the table ---- */

#define ROW_IF(condition, function) ((condition) ? (function) : NULL)

struct host_service service_rows(const struct fkv_flight_service *service)
{
    bool has_actions = service->do_action != NULL || has_standard_actions(service);
    bool has_schemas = service->get_schema != NULL || service->get_flight_info != NULL;
    return (struct host_service){
        .handshake = ROW_IF(service->handshake != NULL, on_handshake),
        .list_flights = ROW_IF(service->list_flights != NULL, on_list_flights),
        .get_flight_info = ROW_IF(service->get_flight_info != NULL, on_get_flight_info),
        .poll_flight_info = ROW_IF(service->poll_flight_info != NULL, on_poll_flight_info),
        .get_schema = ROW_IF(has_schemas, on_get_schema),
        .do_get = ROW_IF(service->do_get != NULL, on_do_get),
        .do_put = ROW_IF(service->do_put != NULL, on_do_put),
        .do_exchange = ROW_IF(service->do_exchange != NULL, on_do_exchange),
        .do_action = ROW_IF(has_actions, on_do_action),
        .list_actions = ROW_IF(has_actions || service->list_actions != NULL, on_list_actions),
        .context = (void *)(uintptr_t)service,
    };
}
