/* SPDX-License-Identifier: Apache-2.0 */
/* The client's use of the same-host path: asked for at the first get of each connection where the
 * server is on this host, and again later where that was busy; without it gets go over that
 * connection. */
#ifndef CLIENT_SAME_HOST_H
#define CLIENT_SAME_HOST_H

#include "flightkv/flightkv.h"
#include "shm/map.h"

struct fkv_client;

/* What connects to a control socket; the second implementation is a test's, over a socket pair. */
struct client_control {
    int (*connect)(void *context, const char *path); /* as shm_control_connect */
    /* Until there is something to read, at most for `timeout_ms`. */
    void (*wait)(void *context, int fd, int timeout_ms);
    void *context;
};

extern const struct client_control client_control_system;

struct client_same_host {
    enum fkv_transport transport;
    struct client_control control; /* connect NULL: there is none */
    struct shm_map *map;           /* NULL: there is none */
    uint64_t next_try_ns;          /* to have one over this connection; UINT64_MAX: none */
    uint64_t pause_ns;             /* before it; 0: it is the first */
    bool is_used;                  /* by the last get */
    struct fkv_error why_not;      /* message "": not tried yet */
};

/* The connection is another one, or none: what was mapped is the server's of before. Arrays keep
 * what they have. */
void client_same_host_forget(struct fkv_client *client);

/* Whether client_same_host_map would make calls now. */
bool client_same_host_is_due(const struct fkv_client *client);

/* What the next get is to offer; *ret is the client's, NULL: nothing. Fails where shm is demanded
 * and can't be had, and when the client's call was cancelled or ran out of time. */
enum fkv_status client_same_host_map(struct fkv_client *client, uint64_t deadline_ns,
                                     struct shm_map **ret, struct fkv_error *error);

/* A get ended with `status` before the server said whether it leased the table. If it may have, the
 * lease can't be released by itself: so the next get takes another control connection, and this one
 * ends with the arrays that hold it. */
void client_same_host_unsure(struct fkv_client *client, enum fkv_status status);

/* How a get's batches come. */
void client_same_host_got(struct fkv_client *client, bool is_mapped);

#endif
