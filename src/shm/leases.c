/* SPDX-License-Identifier: Apache-2.0 */
/* A session is found by the first 8 bytes of its token, a lease by its table's address and by its
 * id; tokens are random, and addresses and ids come from here, so that nobody can choose what falls
 * into one chain. References are given back outside the lock: freeing a table takes others. */
#include "shm/leases.h"

#include <pthread.h>
#include <sys/random.h>

#include "base/list.h"
#include "base/map.h"
#include "base/status.h"

struct shm_leases {
    const struct alloc *alloc;
    uint64_t bytes_max;
    pthread_mutex_t lock; /* guards all below, and the sessions */
    struct map sessions;
    uint64_t next_id;
    struct shm_leases_stats stats;
};

struct shm_session {
    struct map_node node;
    uint8_t token[shm_token_size];
    struct map by_table;
    struct map by_id;
    struct list leases;
    uint64_t bytes;
};

struct lease {
    struct map_node by_table;
    struct map_node by_id;
    struct list link;
    struct block *table;
    uint64_t id;
    uint64_t bytes;
    uint64_t gets;
};

enum fkv_status shm_leases_new(const struct alloc *alloc, uint64_t bytes_max,
                               struct shm_leases **ret, struct fkv_error *error)
{
    struct shm_leases *leases = alloc_zero(alloc, sizeof *leases);
    if (leases == NULL || !map_init(&leases->sessions, alloc)) {
        alloc_free(alloc, leases);
        return status_no_memory(error, sizeof *leases);
    }
    leases->alloc = alloc;
    leases->bytes_max = bytes_max;
    leases->next_id = 1;
    pthread_mutex_init(&leases->lock, NULL);
    *ret = leases;
    return FKV_OK;
}

void shm_leases_free(struct shm_leases *leases)
{
    if (leases == NULL)
        return;
    map_done(&leases->sessions);
    pthread_mutex_destroy(&leases->lock);
    alloc_free(leases->alloc, leases);
}

/* ---- sessions ---- */

static uint64_t token_hash(const uint8_t token[shm_token_size])
{
    return load_le64(token);
}

static struct shm_session *find_session(struct shm_leases *leases,
                                        const uint8_t token[shm_token_size])
{
    for (struct map_node *n = map_first(&leases->sessions, token_hash(token)); n != NULL;
         n = map_next(n)) {
        struct shm_session *session = map_entry(n, struct shm_session, node);
        if (memcmp(session->token, token, shm_token_size) == 0)
            return session;
    }
    return NULL;
}

static void session_free(struct shm_leases *leases, struct shm_session *session)
{
    map_done(&session->by_table);
    map_done(&session->by_id);
    alloc_free(leases->alloc, session);
}

static struct shm_session *session_new(struct shm_leases *leases)
{
    struct shm_session *session = alloc_zero(leases->alloc, sizeof *session);
    if (session == NULL)
        return NULL;
    list_init(&session->leases);
    if (map_init(&session->by_table, leases->alloc) && map_init(&session->by_id, leases->alloc))
        return session;
    session_free(leases, session);
    return NULL;
}

enum fkv_status shm_session_open(struct shm_leases *leases, struct shm_session **ret,
                                 uint8_t ret_token[shm_token_size], struct fkv_error *error)
{
    struct shm_session *session = session_new(leases);
    if (session == NULL)
        return status_no_memory(error, sizeof *session);
    bool is_random = getrandom(session->token, shm_token_size, 0) == shm_token_size;
    pthread_mutex_lock(&leases->lock);
    bool is_room = leases->stats.sessions < shm_sessions_max;
    if (is_random && is_room) {
        map_insert(&leases->sessions, &session->node, token_hash(session->token));
        leases->stats.sessions++;
    }
    pthread_mutex_unlock(&leases->lock);
    if (!is_random || !is_room) {
        session_free(leases, session);
        return status_set(error, FKV_RESOURCE_EXHAUSTED, "%s",
                          is_room ? "the system has no random numbers to give"
                                  : "too many clients map the tables already");
    }
    memcpy(ret_token, session->token, shm_token_size);
    *ret = session;
    return FKV_OK;
}

/* With the lock held; the caller gives the reference back, and the memory. */
static void take_out(struct shm_leases *leases, struct shm_session *session, struct lease *lease)
{
    map_remove(&session->by_table, &lease->by_table);
    map_remove(&session->by_id, &lease->by_id);
    list_unlink(&lease->link);
    session->bytes -= lease->bytes;
    leases->stats.leased_bytes -= lease->bytes;
    leases->stats.leases--;
}

static void lease_free(struct shm_leases *leases, struct lease *lease)
{
    block_unref(lease->table);
    alloc_free(leases->alloc, lease);
}

void shm_session_close(struct shm_leases *leases, struct shm_session *session)
{
    if (session == NULL)
        return;
    struct list ended;
    list_init(&ended);
    pthread_mutex_lock(&leases->lock);
    list_each(node, &session->leases)
    {
        take_out(leases, session, list_entry(node, struct lease, link));
        list_push(&ended, node);
    }
    map_remove(&leases->sessions, &session->node);
    leases->stats.sessions--;
    pthread_mutex_unlock(&leases->lock);
    list_each(node, &ended) lease_free(leases, list_entry(node, struct lease, link));
    session_free(leases, session);
}

/* ---- leases ---- */

/* Spreads what comes one after the other over the buckets, which go by the top bits. */
static uint64_t spread(uint64_t value)
{
    return value * UINT64_C(0x9e3779b97f4a7c15);
}

static struct lease *find_table(const struct shm_session *session, const struct block *table)
{
    for (struct map_node *n = map_first(&session->by_table, spread((uintptr_t)table)); n != NULL;
         n = map_next(n))
        if (map_entry(n, struct lease, by_table)->table == table)
            return map_entry(n, struct lease, by_table);
    return NULL;
}

static struct lease *find_id(const struct shm_session *session, uint64_t id)
{
    for (struct map_node *n = map_first(&session->by_id, spread(id)); n != NULL; n = map_next(n))
        if (map_entry(n, struct lease, by_id)->id == id)
            return map_entry(n, struct lease, by_id);
    return NULL;
}

static struct lease *add_lease(struct shm_leases *leases, struct shm_session *session,
                               struct block *table, uint64_t bytes)
{
    if (leases->bytes_max - session->bytes < bytes || session->by_id.count >= shm_leases_max)
        return NULL;
    struct lease *lease = alloc_zero(leases->alloc, sizeof *lease);
    if (lease == NULL)
        return NULL;
    lease->table = block_ref(table);
    lease->bytes = bytes;
    lease->id = leases->next_id++;
    map_insert(&session->by_table, &lease->by_table, spread((uintptr_t)table));
    map_insert(&session->by_id, &lease->by_id, spread(lease->id));
    list_push(&session->leases, &lease->link);
    session->bytes += bytes;
    leases->stats.leased_bytes += bytes;
    leases->stats.leases++;
    return lease;
}

bool shm_lease(struct shm_leases *leases, struct slice text, struct block *table, uint64_t bytes,
               uint64_t *ret_id)
{
    uint8_t token[shm_token_size];
    if (!shm_unhex(text, token, sizeof token))
        return false;
    struct lease *lease = NULL;
    pthread_mutex_lock(&leases->lock);
    struct shm_session *session = find_session(leases, token);
    if (session != NULL) {
        lease = find_table(session, table);
        if (lease == NULL)
            lease = add_lease(leases, session, table, bytes);
        leases->stats.gets += lease != NULL;
        leases->stats.refused += lease == NULL;
    }
    if (lease != NULL) {
        lease->gets++;
        *ret_id = lease->id;
    }
    pthread_mutex_unlock(&leases->lock);
    return lease != NULL;
}

bool shm_release(struct shm_leases *leases, struct shm_session *session, uint64_t id)
{
    pthread_mutex_lock(&leases->lock);
    struct lease *lease = find_id(session, id);
    bool is_known = lease != NULL;
    bool is_last = is_known && --lease->gets == 0;
    if (is_last)
        take_out(leases, session, lease);
    pthread_mutex_unlock(&leases->lock);
    if (is_last)
        lease_free(leases, lease);
    return is_known;
}

void shm_count_sent(struct shm_leases *leases, uint64_t bytes)
{
    pthread_mutex_lock(&leases->lock);
    leases->stats.sent_bytes += bytes;
    pthread_mutex_unlock(&leases->lock);
}

struct shm_leases_stats shm_leases_stats(struct shm_leases *leases)
{
    pthread_mutex_lock(&leases->lock);
    struct shm_leases_stats stats = leases->stats;
    pthread_mutex_unlock(&leases->lock);
    return stats;
}
