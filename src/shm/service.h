/* SPDX-License-Identifier: Apache-2.0 */
/* The server's half of the same-host path: it lets clients in over the control socket (control.h),
 * gives them the arena's file read-only, and hears which leases (leases.h) they give back.
 *
 *     a worker    shm_service_offer: path and nonce, for a client that asked for them
 *     a client    connects, says the nonce, gets the file and a token
 *     a worker    shm_lease, by the token that a get shows
 *     a client    releases, or its connection ends
 *
 * Let in is a peer of the server's own user, or of the group that was configured, by what the
 * kernel says of it. The control connections have a thread of their own; it sleeps but when one of
 * them opens, releases or ends. */
#ifndef SHM_SERVICE_H
#define SHM_SERVICE_H

#include "base/clock.h"
#include "base/log.h"
#include "shm/leases.h"
#include "shm/place.h"

struct shm_service;

struct shm_service_options {
    const struct alloc *alloc;
    const struct clock *clock;
    const struct log *log;
    int file;           /* of the arena; stays the caller's */
    uint64_t map_bytes; /* of it */
    uint64_t leased_bytes_max;
    uint64_t clients_max; /* control connections; at most shm_sessions_max */
    struct shm_place_options place;
    bool is_stepped; /* no thread and no socket: tests bring connections, and step it */
};

enum {
    shm_offers_max = 256, /* of those that nobody has taken yet: then the oldest go */
    shm_offer_s = 10,     /* how long one is good */
};

enum fkv_status shm_service_new(const struct shm_service_options *options, struct shm_service **ret,
                                struct fkv_error *error);
/* Ends all leases. No worker may call any more. NULL is allowed. */
void shm_service_free(struct shm_service *service);

/* Any thread. The path stays valid; the nonce is good once, and not for long. */
struct shm_offer {
    const char *path;
    char nonce[2 * shm_nonce_size + 1]; /* in hex */
};
bool shm_service_offer(struct shm_service *service, struct shm_offer *ret);

/* Any thread. */
struct shm_leases *shm_service_leases(struct shm_service *service);

/* ---- stepped ---- */

/* A control connection, taken over also on failure. */
bool shm_service_adopt(struct shm_service *service, int fd);
void shm_service_step(struct shm_service *service); /* takes what has come */

#endif
