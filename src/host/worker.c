/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"
#include "host/internal.h"

/* Slow upkeep, about once a second, from worker 0. */
static void upkeep_work(void *context)
{
    struct host *host = context;
    host->options.upkeep(host->options.upkeep_context);
}

static void upkeep_done(void *context)
{
    struct host *host = context;
    host->upkeep_runs = false;
}

static uint64_t upkeep_turn(struct host_worker *worker, uint64_t now)
{
    struct host *host = worker->host;
    if (host->options.upkeep == NULL || worker != host->workers || worker->draining)
        return UINT64_MAX;
    if (!host->upkeep_runs && now >= host->upkeep_due_ns) {
        host->upkeep_due_ns = now + NS_PER_S;
        host->upkeep_runs = true;
        if (!net_loop_work(worker->loop, upkeep_work, upkeep_done, host))
            host->upkeep_runs = false;
    }
    return host->upkeep_due_ns > now ? host->upkeep_due_ns : now + NS_PER_S;
}

uint64_t host_worker_turn(void *context, uint64_t now)
{
    struct host_worker *worker = context;
    timers_tick(&worker->timers, now);
    uint64_t due = timers_due_ns(&worker->timers);
    if (worker->loop != NULL) {
        uint64_t upkeep_due = upkeep_turn(worker, now);
        due = upkeep_due < due ? upkeep_due : due;
    }
    return due;
}

enum fkv_status host_worker_init(struct host_worker *worker, struct host *host, bool has_loop,
                                 struct fkv_error *error)
{
    worker->host = host;
    worker->alloc = host->options.alloc;
    worker->clock = host->options.clock;
    list_init(&worker->conns);
    timers_init(&worker->timers, worker->alloc);
    worker->scratch = alloc_get(worker->alloc, host_scratch_bytes);
    if (worker->scratch == NULL)
        return status_no_memory(error, host_scratch_bytes);
    const struct net_loop_events events = {host_worker_turn, worker, host->options.busy_poll_ns};
    return has_loop ? net_loop_new(worker->alloc, &events, &worker->loop, error) : FKV_OK;
}

void host_worker_done(struct host_worker *worker)
{
    if (worker->host == NULL)
        return;
    worker->draining = true; /* sockets that were handed over and not taken are closed */
    host_conns_close(worker);
    timers_stop(&worker->timers, &worker->drain_timer);
    if (worker->loop != NULL)
        net_loop_free(worker->loop);
    timers_done(&worker->timers);
    alloc_free(worker->alloc, worker->scratch);
}

/* ---- draining ---- */

static void stop_if_drained(struct host_worker *worker)
{
    if (worker->draining && list_empty(&worker->conns) && worker->loop != NULL)
        net_loop_stop(worker->loop);
}

void host_worker_conn_gone(struct host_worker *worker)
{
    stop_if_drained(worker);
}

static void on_drain_due(struct timer *timer, uint64_t now)
{
    (void)now;
    struct host_worker *worker = list_entry(timer, struct host_worker, drain_timer);
    log_event(worker->host->options.log, LOG_WARN, "drain-timed-out", NULL);
    host_conns_close(worker);
    stop_if_drained(worker);
}

void host_worker_drain(struct host_worker *worker)
{
    if (worker->draining)
        return;
    worker->draining = true;
    worker->drain_timer.fire = on_drain_due;
    uint64_t due = clock_now_ns(worker->clock) + worker->host->options.timeouts.drain_ns;
    if (!timers_start(&worker->timers, &worker->drain_timer, due))
        host_conns_close(worker);
    host_conns_drain(worker);
    stop_if_drained(worker);
}
