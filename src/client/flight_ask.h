/* SPDX-License-Identifier: Apache-2.0 */
/* Flight's calls of one request: it is encoded, asked, and the answers are decoded into messages of
 * the caller's (owned.h). */
#ifndef CLIENT_FLIGHT_ASK_H
#define CLIENT_FLIGHT_ASK_H

#include "client/client.h"
#include "client/owned.h"

/* A message of the caller's from the bytes of an answer. */
typedef enum fkv_status client_decode(const struct alloc *alloc, struct slice bytes, void **ret,
                                      struct fkv_error *error);

/* To the struct that they are named after. */
client_decode client_decode_info;
client_decode client_decode_poll;
client_decode client_decode_endpoint;
client_decode client_decode_options;
client_decode client_decode_option_errors;
/* To an int32_t. */
client_decode client_decode_status;
/* To a struct fkv_bytes: of a Result or SchemaResult; of a handshake. */
client_decode client_decode_bytes;
client_decode client_decode_payload;
/* To two struct fkv_bytes: type and description. */
client_decode client_decode_action_type;

/* A call and its request, being encoded. */
struct client_request {
    struct fkv_client *client;
    struct fkv_flight_call_options options;
    struct flight_memory memory;
    struct buf bytes;
};

/* The request is to be given to done in any case. */
enum fkv_status client_request_init(struct client_request *request, struct fkv_client *client,
                                    const struct fkv_flight_call_options *options,
                                    struct fkv_error *error);
void client_request_done(struct client_request *request);

/* The answers of a call on their way to its user. */
struct client_answers {
    const struct alloc *alloc;
    client_decode *decode;
    bool is_result; /* inside a Result */
    void *first;
    bool (*on_message)(void *context,
                       void *message); /* NULL: the first is kept, there's no other */
    void *context;
};

enum fkv_status client_request_all(struct client_request *request, const char *path,
                                   struct client_answers *answers, struct fkv_error *error);

/* Gives the one answer; NULL for none where it may be missing. */
enum fkv_status client_request_one(struct client_request *request, const char *path,
                                   struct client_answers *answers, bool may_miss, void **ret,
                                   struct fkv_error *error);

#endif
