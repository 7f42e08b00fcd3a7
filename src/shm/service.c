/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/service.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/status.h"
#include "net/loop.h"
#include "net/transport.h"

/* Connections that haven't said a word yet are few, and short-lived. */
enum { greeting_ns = 1000000000, packets_a_turn = 64, rest_ns = 500000000, groups_max = 1024 };

struct offer {
    uint8_t nonce[shm_nonce_size];
    uint64_t until_ns; /* 0: taken */
};

struct shm_service {
    struct shm_service_options options;
    int file; /* the arena's, read-only */
    struct shm_leases *leases;
    struct shm_place place;
    struct log_limit refused;

    pthread_mutex_t lock; /* guards the next two */
    struct offer offers[shm_offers_max];
    unsigned next_offer;

    /* Of the thread. */
    struct net_loop *loop; /* NULL when stepped */
    struct net_thread *thread;
    struct net_watch *watch;
    uint64_t resting_until_ns; /* 0: it accepts */
    struct list peers;
    size_t peer_count;
};

/* A control connection. */
struct peer {
    struct list link;
    struct shm_service *service;
    int fd;
    struct net_watch *watch;
    uint64_t opened_ns;
    struct shm_session *session; /* NULL before its hello */
};

static uint64_t now_ns(const struct shm_service *service)
{
    return clock_now_ns(service->options.clock);
}

/* ---- offers ---- */

bool shm_service_offer(struct shm_service *service, struct shm_offer *ret)
{
    struct offer offer = {.until_ns = now_ns(service) + shm_offer_s * NS_PER_S};
    if (getrandom(offer.nonce, sizeof offer.nonce, 0) != (ssize_t)sizeof offer.nonce)
        return false;
    pthread_mutex_lock(&service->lock);
    service->offers[service->next_offer++ % shm_offers_max] = offer;
    pthread_mutex_unlock(&service->lock);
    ret->path = service->place.path;
    shm_hex(offer.nonce, sizeof offer.nonce, ret->nonce);
    return true;
}

static bool take_offer(struct shm_service *service, const uint8_t nonce[shm_nonce_size])
{
    bool is_good = false;
    uint64_t now = now_ns(service);
    pthread_mutex_lock(&service->lock);
    for (size_t i = 0; i < shm_offers_max && !is_good; i++) {
        struct offer *offer = &service->offers[i];
        is_good = now < offer->until_ns && memcmp(offer->nonce, nonce, shm_nonce_size) == 0;
        if (is_good)
            offer->until_ns = 0;
    }
    pthread_mutex_unlock(&service->lock);
    return is_good;
}

/* ---- who is let in ---- */

static bool is_in_group(int fd, gid_t group)
{
    gid_t groups[groups_max];
    socklen_t size = sizeof groups;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
        return false;
    for (size_t i = 0; i < size / sizeof *groups; i++)
        if (groups[i] == group)
            return true;
    return false;
}

static bool is_allowed(const struct shm_service *service, int fd, struct ucred *ret)
{
    const struct shm_place_options *place = &service->options.place;
    socklen_t size = sizeof *ret;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &size) != 0)
        return false;
    return ret->uid == geteuid() ||
           (place->has_group && (ret->gid == place->group || is_in_group(fd, place->group)));
}

static void log_refused(struct shm_service *service, const struct ucred *peer, const char *why)
{
    uint64_t kept_back;
    char uid[24], pid[24];
    if (!log_limit_pass(&service->refused, now_ns(service), &kept_back))
        return;
    snprintf(uid, sizeof uid, "%ld", (long)(int)peer->uid);
    snprintf(pid, sizeof pid, "%ld", (long)peer->pid);
    log_event(service->options.log, LOG_WARN, "shm-refused", "reason", why, "uid", uid, "pid", pid,
              NULL);
}

/* ---- a control connection ---- */

static void peer_close(struct peer *peer)
{
    struct shm_service *service = peer->service;
    list_unlink(&peer->link);
    service->peer_count--;
    net_watch_close(peer->watch);
    close(peer->fd);
    shm_session_close(service->leases, peer->session);
    alloc_free(service->options.alloc, peer);
}

/* Answers as the functions of control.h. */
static int welcome(struct peer *peer)
{
    struct shm_service *service = peer->service;
    struct shm_welcome answer = {.map_bytes = service->options.map_bytes};
    uint8_t nonce[shm_nonce_size];
    struct ucred who = {.uid = (uid_t)-1};
    struct fkv_error error;
    int result = shm_receive_hello(peer->fd, nonce);
    if (result != 1)
        return result;
    const char *why = NULL;
    if (!is_allowed(service, peer->fd, &who))
        why = "another user";
    else if (!take_offer(service, nonce))
        why = "unknown or old nonce";
    else if (shm_session_open(service->leases, &peer->session, answer.token, &error) != FKV_OK)
        why = error.message;
    if (why != NULL) {
        log_refused(service, &who, why);
        return -EACCES;
    }
    result = shm_send_welcome(peer->fd, &answer, service->file);
    return result == 0 ? 1 : -EPIPE;
}

/* What isn't a lease of the client's ends all of its leases: it is broken, or lies. */
static int hear_release(struct peer *peer)
{
    uint64_t ids[shm_ids_max];
    size_t count = 0;
    int result = shm_receive_release(peer->fd, ids, &count);
    for (size_t i = 0; i < count; i++)
        if (!shm_release(peer->service->leases, peer->session, ids[i]))
            return -EBADMSG;
    return result;
}

static void on_peer_ready(void *context, int events)
{
    (void)events;
    struct peer *peer = context;
    int result = 1;
    for (int i = 0; i < packets_a_turn && result == 1; i++)
        result = peer->session == NULL ? welcome(peer) : hear_release(peer);
    if (result != 1 && result != -EAGAIN)
        peer_close(peer);
}

/* A connection that says nothing makes place for others. */
static void drop_silent(struct shm_service *service)
{
    list_each(node, &service->peers)
    {
        struct peer *peer = list_entry(node, struct peer, link);
        if (peer->session == NULL && now_ns(service) - peer->opened_ns > greeting_ns)
            peer_close(peer);
    }
}

bool shm_service_adopt(struct shm_service *service, int fd)
{
    struct ucred who = {.uid = (uid_t)-1};
    drop_silent(service);
    struct peer *peer = NULL;
    if (service->peer_count >= service->options.clients_max) {
        is_allowed(service, fd, &who);
        log_refused(service, &who, "too many clients (--shm-clients)");
    } else {
        peer = alloc_zero(service->options.alloc, sizeof *peer);
    }
    if (peer == NULL) {
        close(fd);
        return false;
    }
    peer->service = service;
    peer->fd = fd;
    peer->opened_ns = now_ns(service);
    list_push(&service->peers, &peer->link);
    service->peer_count++;
    if (service->loop != NULL &&
        net_watch_new(service->loop, fd, on_peer_ready, peer, &peer->watch, NULL) != FKV_OK) {
        peer_close(peer);
        return false;
    }
    if (peer->watch != NULL)
        net_watch_set(peer->watch, NET_READABLE);
    return true;
}

void shm_service_step(struct shm_service *service)
{
    list_each(node, &service->peers) on_peer_ready(list_entry(node, struct peer, link), 0);
}

/* ---- the thread ---- */

/* A connection that the system has nothing left for stays in the queue: without a rest the loop
 * would do nothing but try. */
static void on_acceptable(void *context, int events)
{
    (void)events;
    struct shm_service *service = context;
    int fd = accept4(service->place.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        shm_service_adopt(service, fd);
    if (fd >= 0 || errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
        return;
    service->resting_until_ns = now_ns(service) + rest_ns;
    net_watch_set(service->watch, 0);
}

static uint64_t on_turn(void *context, uint64_t now)
{
    struct shm_service *service = context;
    if (service->resting_until_ns == 0)
        return UINT64_MAX;
    if (now < service->resting_until_ns)
        return service->resting_until_ns;
    service->resting_until_ns = 0;
    net_watch_set(service->watch, NET_READABLE);
    return UINT64_MAX;
}

static void thread_main(void *context)
{
    net_loop_run(((struct shm_service *)context)->loop);
}

static enum fkv_status start(struct shm_service *service, struct fkv_error *error)
{
    const struct alloc *alloc = service->options.alloc;
    const struct net_loop_events events = {.on_turn = on_turn, .context = service};
    enum fkv_status status = shm_place_open(&service->options.place, &service->place, error);
    if (status == FKV_OK)
        status = net_loop_new(alloc, &events, &service->loop, error);
    if (status == FKV_OK)
        status = net_watch_new(service->loop, service->place.fd, on_acceptable, service,
                               &service->watch, error);
    if (status != FKV_OK)
        return status;
    net_watch_set(service->watch, NET_READABLE);
    return net_thread_start(alloc, thread_main, service, &service->thread, error);
}

/* ---- life ---- */

/* A descriptor of its own, that can't be written through, nor mapped so. */
static enum fkv_status reopen(int file, int *ret, struct fkv_error *error)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    *ret = open(path, O_RDONLY | O_CLOEXEC);
    if (*ret >= 0)
        return FKV_OK;
    return status_set(error, FKV_FAILED_PRECONDITION,
                      "could not open the tables' memory read-only by %s: %s", path,
                      strerror(errno));
}

enum fkv_status shm_service_new(const struct shm_service_options *options, struct shm_service **ret,
                                struct fkv_error *error)
{
    struct shm_service *service = alloc_zero(options->alloc, sizeof *service);
    if (service == NULL)
        return status_no_memory(error, sizeof *service);
    service->options = *options;
    service->file = service->place.fd = -1;
    pthread_mutex_init(&service->lock, NULL);
    list_init(&service->peers);
    enum fkv_status status = reopen(options->file, &service->file, error);
    if (status == FKV_OK)
        status = shm_leases_new(options->alloc, options->leased_bytes_max, &service->leases, error);
    if (options->is_stepped)
        snprintf(service->place.path, sizeof service->place.path, "/stepped");
    else if (status == FKV_OK)
        status = start(service, error);
    if (status == FKV_OK)
        *ret = service;
    else
        shm_service_free(service);
    return status;
}

void shm_service_free(struct shm_service *service)
{
    if (service == NULL)
        return;
    if (service->thread != NULL)
        net_loop_stop(service->loop);
    net_thread_join(service->thread);
    list_each(node, &service->peers) peer_close(list_entry(node, struct peer, link));
    net_watch_close(service->watch);
    net_loop_free(service->loop);
    shm_place_close(&service->place);
    shm_leases_free(service->leases);
    if (service->file >= 0)
        close(service->file);
    pthread_mutex_destroy(&service->lock);
    alloc_free(service->options.alloc, service);
}

struct shm_leases *shm_service_leases(struct shm_service *service)
{
    return service->leases;
}
