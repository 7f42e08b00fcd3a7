/* SPDX-License-Identifier: Apache-2.0 */
/* Who maps which table. A session is a client's control connection; a lease is a table that it
 * maps, held by one reference as long as gets of it aren't released, so that its memory isn't
 * handed out to others.
 *
 *     session --*-- lease --1-- table (a block)
 *                   gets: how often it was got and not released yet
 *
 * Bounds: so many bytes and leases a session, so many sessions. What doesn't fit isn't leased, and
 * the get goes over the socket. Any thread; one lock, taken twice a get and once a release. */
#ifndef SHM_LEASES_H
#define SHM_LEASES_H

#include "base/block.h"
#include "flightkv/status.h"
#include "shm/control.h"

struct shm_leases;
struct shm_session;

enum {
    shm_sessions_max = 1 << 14, /* each has a descriptor: fewer are let in (service.h) */
    shm_leases_max = 4096,      /* of a session */
};

struct shm_leases_stats {
    uint64_t sessions;
    uint64_t leases;
    uint64_t leased_bytes; /* a table that several sessions lease counts several times */
    uint64_t gets;         /* since the start */
    uint64_t refused;      /* gets that were over a bound, since the start */
    uint64_t sent_bytes;   /* what gets were given by reference, since the start */
};

/* `bytes_max`: of the tables that one session leases. */
enum fkv_status shm_leases_new(const struct alloc *alloc, uint64_t bytes_max,
                               struct shm_leases **ret, struct fkv_error *error);
void shm_leases_free(struct shm_leases *leases); /* NULL is allowed; all sessions must be closed */

/* A new session with a random token. RESOURCE_EXHAUSTED when there are too many. */
enum fkv_status shm_session_open(struct shm_leases *leases, struct shm_session **ret,
                                 uint8_t ret_token[shm_token_size], struct fkv_error *error);
/* Ends its leases. NULL is allowed. */
void shm_session_close(struct shm_leases *leases, struct shm_session *session);

/* Leases the table to the session whose token, in hex, this is; takes a reference on it when it
 * isn't leased to it already. False when there is no such session, or a bound is reached. */
bool shm_lease(struct shm_leases *leases, struct slice token, struct block *table, uint64_t bytes,
               uint64_t *ret_id);

/* One get is released. False for an id that isn't one of the session's leases. */
bool shm_release(struct shm_leases *leases, struct shm_session *session, uint64_t id);

/* So much of a leased table was given by reference. */
void shm_count_sent(struct shm_leases *leases, uint64_t bytes);

struct shm_leases_stats shm_leases_stats(struct shm_leases *leases);

#endif
