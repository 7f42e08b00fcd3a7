/* SPDX-License-Identifier: Apache-2.0 */
/* One RPC, as the files see it that make one: call.c runs it, methods.c knows what each is. */
#ifndef HOST_CALL_H
#define HOST_CALL_H

#include "host/internal.h"

enum request {
    REQUEST_GATHERED,    /* one protobuf message, gathered (bounded), decoded; then the handler */
    REQUEST_MESSAGES,    /* any number of them; the handler runs at once */
    REQUEST_FLIGHT_DATA, /* FlightData, read piece by piece; the handler runs at once */
};

struct method {
    const char *path;
    enum request request;
    /* Decodes call->request and calls the row; the row is known not to be NULL. */
    enum fkv_status (*run)(const struct host_service *service, struct host_call *call,
                           struct fkv_error *error);
    size_t row; /* offset in struct host_service; METHOD_NO_ROW: the host's own */
};

#define METHOD_NO_ROW SIZE_MAX

/* NULL: there is no such method, or the service has no row for it. */
const struct method *host_method_find(const struct host_service *service, struct slice path);

/* Whether it is for those too whom the service doesn't admit: who logs in, or looks after the
 * server's health. */
bool host_method_is_open(const struct method *method);

struct host_call {
    struct host_worker *worker;
    struct wire_pump *pump;
    struct wire_call *wire;
    const struct method *method;
    struct buf request; /* gathered; later the reply */
    struct flight_memory memory;
    struct flight_data_reader data;

    const struct host_stream *stream;
    void *context;
    bool has_request; /* all of a gathered one */
    bool has_replied;

    struct timer deadline;
    struct timer watch;    /* over the request, then over the answer */
    struct timer turn;     /* host_call_yield */
    uint64_t moved_ns;     /* when a byte of the request came last, later one of the answer went */
    uint64_t framed_bytes; /* of the answer, as `watch` last saw it */
};

#endif
