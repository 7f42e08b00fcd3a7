/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/status.h"
#include "base/text.h"
#include "host/internal.h"
#include "net/socket.h"

enum { listen_backlog = 511 }; /* Redis' and nginx's default */

/* How long a listener rests when the system has no room for another connection. */
enum { listener_rest_ns = 500 * 1000000 };

/* ---- accepting ---- */

struct accepted {
    struct host_worker *worker;
    int fd;
    bool is_tls;
};

/* Whoever is refused tries again, and many do at once. */
static void log_refused(struct host_worker *worker, const struct fkv_error *error)
{
    struct host *host = worker->host;
    uint64_t kept_back;
    if (!log_limit_pass(&host->refused, clock_now_ns(worker->clock), &kept_back))
        return;
    char count[text_figure_size];
    snprintf(count, sizeof count, "%llu", (unsigned long long)kept_back);
    log_event(host->options.log, LOG_WARN, "connection-refused", "reason", error->message,
              kept_back > 0 ? "not_logged" : NULL, count, NULL);
}

static void open_accepted(struct host_worker *worker, int fd, bool is_tls)
{
    struct fkv_error error;
    struct net_transport *transport;
    if (worker->draining) {
        close(fd);
        return;
    }
    enum fkv_status status =
        net_socket_accepted(worker->alloc, worker->loop, fd, &transport, &error);
    if (status == FKV_OK && is_tls)
        status =
            net_tls_accept(worker->alloc, worker->host->options.tls, transport, &transport, &error);
    if (status == FKV_OK)
        status = host_conn_open(worker, transport, &error);
    if (status != FKV_OK)
        log_refused(worker, &error);
}

/* In the thread of the worker that gets the socket. */
static void on_handed_over(void *context)
{
    struct accepted accepted = *(struct accepted *)context;
    alloc_free(accepted.worker->alloc, context);
    open_accepted(accepted.worker, accepted.fd, accepted.is_tls);
}

static void hand_over(struct host *host, int fd, bool is_tls)
{
    struct host_worker *worker = &host->workers[host->next_worker++ % host->worker_count];
    if (worker == host->workers) { /* this thread's */
        open_accepted(worker, fd, is_tls);
        return;
    }
    struct accepted *accepted = alloc_get(host->options.alloc, sizeof *accepted);
    if (accepted != NULL) {
        *accepted = (struct accepted){worker, fd, is_tls};
        if (net_loop_post(worker->loop, on_handed_over, accepted))
            return;
    }
    alloc_free(host->options.alloc, accepted);
    close(fd);
}

static void on_rested(struct timer *timer, uint64_t now)
{
    (void)now;
    net_watch_set(list_entry(timer, struct host_listener, rest)->watch, NET_READABLE);
}

/* A connection that the system has nothing left for stays in the queue, and so the listener stays
 * readable: without a rest the loop would do nothing but try. */
static void rest(struct host_listener *listener)
{
    struct host_worker *worker = listener->host->workers;
    listener->rest.fire = on_rested;
    if (timers_start(&worker->timers, &listener->rest,
                     clock_now_ns(worker->clock) + listener_rest_ns))
        net_watch_set(listener->watch, 0);
}

static void on_acceptable(void *context, int events)
{
    (void)events;
    struct host_listener *listener = context;
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int cause = fd < 0 ? errno : 0;
    if (fd >= 0)
        hand_over(listener->host, fd, listener->is_tls);
    bool lacks_descriptors = cause == EMFILE || cause == ENFILE;
    if (!lacks_descriptors && cause != ENOBUFS && cause != ENOMEM)
        return;
    log_event(listener->host->options.log, LOG_ERROR, "accept-failed", "reason",
              lacks_descriptors ? "no file descriptors left (ulimit -n)" : strerror(cause), NULL);
    rest(listener);
}

static enum fkv_status listen_on(struct host *host, const struct net_uri *uri,
                                 struct fkv_error *error)
{
    const struct net_listen_options options = {listen_backlog, host->options.unix_mode};
    struct net_listen *listen = &host->listens[host->listen_count];
    enum fkv_status status = net_listen_open(uri, &options, listen, error);
    if (status != FKV_OK)
        return status;
    host->listen_count++;
    for (int i = 0; i < listen->count; i++) {
        struct host_listener *listener = &host->listeners[host->listener_count++];
        *listener = (struct host_listener){
            .host = host, .fd = listen->fds[i], .is_tls = uri->scheme == NET_TLS};
    }
    return FKV_OK;
}

static enum fkv_status watch_listeners(struct host *host, struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    for (size_t i = 0; i < host->listener_count && status == FKV_OK; i++) {
        struct host_listener *listener = &host->listeners[i];
        status = net_watch_new(host->workers[0].loop, listener->fd, on_acceptable, listener,
                               &listener->watch, error);
        if (status == FKV_OK)
            net_watch_set(listener->watch, NET_READABLE);
    }
    return status;
}

static void close_listeners(struct host *host)
{
    for (size_t i = 0; i < host->listener_count; i++) {
        timers_stop(&host->workers->timers, &host->listeners[i].rest);
        net_watch_close(host->listeners[i].watch);
        host->listeners[i].watch = NULL;
    }
    for (size_t i = 0; i < host->listen_count; i++)
        net_listen_close(&host->listens[i]);
}

/* ---- life ---- */

static enum fkv_status host_new(const struct host_options *options, bool has_loops,
                                struct host **ret, struct fkv_error *error)
{
    const struct alloc *alloc = options->alloc != NULL ? options->alloc : alloc_system();
    struct host *host = alloc_zero(alloc, sizeof *host);
    if (host == NULL)
        return status_no_memory(error, sizeof *host);
    host->options = *options;
    host->options.alloc = alloc;
    if (host->options.message_alloc == NULL)
        host->options.message_alloc = alloc;
    if (host->options.clock == NULL)
        host->options.clock = clock_system();
    host->worker_count = options->workers > 0 ? options->workers : 1;
    size_t workers_size = host->worker_count * sizeof *host->workers;
    host->workers = alloc_aligned(alloc, host_line_bytes, workers_size);
    enum fkv_status status = host->workers != NULL ? FKV_OK : status_no_memory(error, workers_size);
    if (status == FKV_OK)
        memset(host->workers, 0, workers_size);
    for (unsigned i = 0; i < host->worker_count && status == FKV_OK; i++)
        status = host_worker_init(&host->workers[i], host, has_loops, error);
    if (status != FKV_OK) {
        host_stop(host);
        return status;
    }
    *ret = host;
    return FKV_OK;
}

static void worker_main(void *context)
{
    struct host_worker *worker = context;
    net_loop_run(worker->loop);
}

enum fkv_status host_start(const struct host_options *options, struct host **ret,
                           struct fkv_error *error)
{
    struct host *host;
    enum fkv_status status = host_new(options, true, &host, error);
    if (status != FKV_OK)
        return status;
    for (size_t i = 0; i < options->listen_count && status == FKV_OK; i++)
        status = listen_on(host, &options->listen[i], error);
    if (status == FKV_OK)
        status = watch_listeners(host, error);
    for (unsigned i = 0; i < host->worker_count && status == FKV_OK; i++)
        status = net_thread_start(host->options.alloc, worker_main, &host->workers[i],
                                  &host->workers[i].thread, error);
    if (status != FKV_OK) {
        host_stop(host);
        return status;
    }
    *ret = host;
    return FKV_OK;
}

static void drain_in_thread(void *context)
{
    struct host_worker *worker = context;
    if (worker == worker->host->workers)
        close_listeners(worker->host);
    host_worker_drain(worker);
}

void host_stop(struct host *host)
{
    if (host == NULL)
        return;
    for (unsigned i = 0; host->workers != NULL && i < host->worker_count; i++) {
        struct host_worker *worker = &host->workers[i];
        if (worker->thread != NULL && !net_loop_post(worker->loop, drain_in_thread, worker))
            net_loop_stop(worker->loop);
    }
    for (unsigned i = 0; host->workers != NULL && i < host->worker_count; i++)
        net_thread_join(host->workers[i].thread);
    close_listeners(host);
    for (unsigned i = 0; host->workers != NULL && i < host->worker_count; i++)
        host_worker_done(&host->workers[i]);
    alloc_free(host->options.alloc, host->workers);
    alloc_free(host->options.alloc, host);
}

size_t host_uri_count(const struct host *host)
{
    return host->listen_count;
}

const struct net_uri *host_uri(const struct host *host, size_t index)
{
    return index < host->listen_count ? &host->listens[index].uri : NULL;
}

struct host_stats host_stats(const struct host *host)
{
    const struct host_counters *counters = &host->counters;
    struct host_stats stats = {
        .connections_open = atomic_load(&counters->connections_open),
        .connections_total = atomic_load(&counters->connections_total),
        .connections_refused = atomic_load(&counters->connections_refused),
    };
    for (unsigned i = 0; i < host->worker_count; i++) {
        const struct host_worker_counters *worker = &host->workers[i].counters;
        stats.calls_open += atomic_load(&worker->calls_open);
        stats.calls_total += atomic_load(&worker->calls_total);
        stats.calls_failed += atomic_load(&worker->calls_failed);
        stats.received_bytes += atomic_load(&worker->traffic.received_bytes);
        stats.sent_bytes += atomic_load(&worker->traffic.sent_bytes);
    }
    return stats;
}

/* ---- stepped ---- */

enum fkv_status host_new_stepped(const struct host_options *options, struct host **ret,
                                 struct fkv_error *error)
{
    return host_new(options, false, ret, error);
}

enum fkv_status host_adopt(struct host *host, struct net_transport *transport,
                           struct fkv_error *error)
{
    return host_conn_open(&host->workers[0], transport, error);
}

uint64_t host_tick(struct host *host, uint64_t now)
{
    return host_worker_turn(&host->workers[0], now);
}
