/* SPDX-License-Identifier: Apache-2.0 */
/* A put's two halves, for who has several of them on one connection. */
#ifndef CLIENT_PUT_H
#define CLIENT_PUT_H

#include "client/flight_stream.h"

struct client_put {
    struct fkv_progress progress;
    struct fkv_put_options options;
};

/* Makes a call of the table, which is taken over and read while it is sent; `put` must outlive it.
 * `on_over` as in struct client_stream_options. */
enum fkv_status client_put_new(struct client_put *put, struct fkv_client *client, struct slice key,
                               struct ArrowArrayStream *table,
                               const struct fkv_put_options *options,
                               void (*on_over)(void *context), void *context,
                               struct fkv_flight_stream **ret, struct fkv_error *error);

/* Sends it. `deadline_ns` 0: by its options. */
enum fkv_status client_put_open(struct client_put *put, struct fkv_client *client,
                                struct fkv_flight_stream *batches, uint64_t deadline_ns,
                                struct fkv_error *error);

#endif
