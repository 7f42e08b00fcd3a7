/* SPDX-License-Identifier: Apache-2.0 */
/* What flightkv/flight.h doesn't offer of its streams of batches, and fkv_get and fkv_put need. */
#ifndef CLIENT_FLIGHT_STREAM_H
#define CLIENT_FLIGHT_STREAM_H

#include "client/client.h"
#include "exchange/outgoing.h"

enum client_stream_kind { CLIENT_STREAM_GET, CLIENT_STREAM_PUT, CLIENT_STREAM_EXCHANGE };

struct client_stream_options {
    enum client_stream_kind kind;
    unsigned reader_flags; /* as ipc_reader_new takes them */
    bool only_batches;     /* app_metadata and PutResults are dropped as they come */
    struct shm_map *map; /* what bodies may lie in, of which the stream keeps one; NULL: nothing */
    /* One call of several on the connection, all that comes is kept, and this told when it is over;
     * NULL: the client is the stream's alone, and waits when there is much to read. */
    void (*on_over)(void *context);
    void *context;
};

/* To be filled, then opened. NULL: out of memory. */
struct fkv_flight_stream *client_stream_new(struct fkv_client *client,
                                            const struct client_stream_options *options,
                                            struct fkv_error *error);
struct exchange_outgoing *client_stream_outgoing(struct fkv_flight_stream *stream);
/* All that a get sends. */
enum fkv_status client_stream_ask(struct fkv_flight_stream *stream, struct slice ticket,
                                  struct fkv_error *error);

/* `call` has only time-out, metadata and flight. One of several calls needs client_prepare ahead.
 */
enum fkv_status client_stream_open(struct fkv_flight_stream *stream, struct fkv_client *client,
                                   const struct client_call_options *call, struct fkv_error *error);

/* Ends the call if it isn't over, however it went. NULL is allowed. */
void client_stream_free(struct fkv_flight_stream *stream);

/* Of one of several calls. */
struct client_call *client_stream_call(struct fkv_flight_stream *stream);

/* Of a get that is over: its status, and whether something is missing. */
enum fkv_status client_stream_check(struct fkv_flight_stream *stream, struct fkv_error *error);

/* Waits for the schema, or the end: whether there is one. */
enum fkv_status client_stream_await_schema(struct fkv_flight_stream *stream, bool *ret_is_there,
                                           struct fkv_error *error);

/* Whether the server has leased the table, so that bodies may lie in the map. */
bool client_stream_is_mapped(const struct fkv_flight_stream *stream);

/* How the call went, if it is over. */
enum fkv_status client_stream_status(const struct fkv_flight_stream *stream,
                                     struct fkv_error *error);

/* The client goes away, its stream stays. */
void client_stream_detach(struct fkv_flight_stream *stream);

#endif
