/* SPDX-License-Identifier: Apache-2.0 */
/* One RPC of a service: what rows.c opens, answers.c sends on and receive.c feeds. */
#ifndef SERVICE_CALL_H
#define SERVICE_CALL_H

#include "exchange/convert.h"
#include "exchange/incoming.h"
#include "exchange/outgoing.h"
#include "host/host.h"

/* How many messages the answer has. */
enum service_answer {
    SERVICE_ANY,
    SERVICE_ONE,    /* exactly one */
    SERVICE_SCHEMA, /* one, of whose info only the schema is sent */
};

struct fkv_flight_call {
    struct host_call *host;
    const struct fkv_flight_service *service;
    const struct alloc *alloc;
    struct flight_memory memory; /* of what the row was given */
    enum service_answer answer;
    bool is_action; /* answers go inside a Result */
    bool is_handshake;
    bool has_ended; /* or failed: nothing more is sent */
    uint64_t sent;  /* messages */
    struct exchange_outgoing outgoing;

    struct exchange_incoming incoming;
    void (*on_descriptor)(void *context, struct fkv_flight_call *call,
                          const struct fkv_flight_descriptor *descriptor);
    bool has_begun; /* the first message is there */
    const struct fkv_flight_receiver *receiver;
    const struct fkv_flight_payload_receiver *payloads;
    void *receiver_context;

    void (*on_closed)(void *context);
    void *closed_context;
};

/* NULL after having failed the call. It lives until the host's call is closed. */
struct fkv_flight_call *service_call_new(const struct fkv_flight_service *service,
                                         struct host_call *host, enum service_answer answer);

/* The row has run. One that neither answered nor waits for what the client sends never would. */
void service_call_ran(struct fkv_flight_call *call);

void service_call_fail(struct fkv_flight_call *call, enum fkv_status status,
                       const struct fkv_error *error);

/* Something was queued, or the end. */
void service_call_wake(struct fkv_flight_call *call);

/* receive.c: members of the host_stream. */
enum fkv_status service_on_body(void *context, struct host_call *host,
                                const struct flight_data_reader *data, uint64_t size,
                                struct fkv_error *error);
uint8_t *service_body_target(void *context, size_t *size);
enum fkv_status service_on_body_bytes(void *context, struct host_call *host, struct slice bytes,
                                      struct fkv_error *error);
enum fkv_status service_on_message_end(void *context, struct host_call *host,
                                       struct fkv_error *error);
enum fkv_status service_on_message(void *context, struct host_call *host, struct slice message,
                                   struct fkv_error *error);
enum fkv_status service_on_end(void *context, struct host_call *host, struct fkv_error *error);

#endif
