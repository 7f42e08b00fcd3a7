/* SPDX-License-Identifier: Apache-2.0 */
/* A get's two halves, for who has several of them on one connection. */
#ifndef CLIENT_GET_H
#define CLIENT_GET_H

#include "client/flight_stream.h"

struct client_get {
    struct slice key;
    const struct fkv_get_options *options; /* complete */
    uint64_t deadline_ns;
    struct shm_map *map;            /* NULL: nothing is shared */
    void (*on_over)(void *context); /* as in struct client_stream_options */
    void *context;
};

/* Sends the request; *ret is the caller's. */
enum fkv_status client_get_open(struct fkv_client *client, const struct client_get *get,
                                struct fkv_flight_stream **ret, struct fkv_error *error);

/* What users read of it; takes `batches` over, but not on failure. */
enum fkv_status client_get_stream(const struct alloc *alloc, struct fkv_flight_stream *batches,
                                  struct ArrowArrayStream *ret, struct fkv_error *error);

#endif
