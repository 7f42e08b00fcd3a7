/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: its pump, and one timer that looks about once a second whether a patience has run
 * out: the handshake's, that for a socket which takes nothing of what is to be written, or that for
 * a connection without calls. Calls have clocks of their own (call.c). */
#include <stdio.h>

#include "base/status.h"
#include "base/text.h"
#include "host/internal.h"

struct host_conn {
    struct list link; /* in worker->conns */
    struct host_worker *worker;
    struct wire_pump *pump;
    struct timer timer;
    uint64_t opened_ns;
    uint64_t written_ns; /* when the timer last saw bytes taken, or none waiting */
    uint64_t called_ns;  /* when it last saw a call */
    struct wire_session_stats seen;
    bool is_drained; /* idle for too long: a GOAWAY is on its way */
    char peer[64];
};

/* The connection preface (24 bytes) and an empty SETTINGS frame. */
enum { handshake_bytes = 24 + 9 };

/* How much a connection writes in a turn when it is the worker's only one, and when there are
 * others, which wait for it meanwhile. */
enum { turn_bytes_alone = 1 << 20, turn_bytes_shared = 256 << 10 };

static void count_conn(struct host_worker *worker, struct list *link, bool is_opened)
{
    if (is_opened)
        list_push(&worker->conns, link);
    else
        list_unlink(link);
    worker->conn_count += is_opened ? 1 : -1;
    worker->turn_bytes = worker->conn_count > 1 ? turn_bytes_shared : turn_bytes_alone;
}

static void conn_free(struct host_conn *conn)
{
    struct host_worker *worker = conn->worker;
    timers_stop(&worker->timers, &conn->timer);
    count_conn(worker, &conn->link, false);
    wire_pump_free(conn->pump);
    alloc_free(worker->alloc, conn);
    atomic_fetch_sub(&worker->host->counters.connections_open, 1);
    host_worker_conn_gone(worker);
}

/* The line names the peer already. */
static const char *reason_of(const struct host_conn *conn, const struct fkv_error *error)
{
    size_t size = strlen(conn->peer);
    bool is_named = strncmp(error->message, conn->peer, size) == 0 &&
                    strncmp(error->message + size, ": ", 2) == 0;
    return error->message + (is_named ? size + 2 : 0);
}

/* The operator of a server that asks for certificates wants to know who has no good one; but
 * strangers can cause any number of these. */
static void log_untrusted(struct host_conn *conn, const struct fkv_error *error)
{
    struct host *host = conn->worker->host;
    uint64_t kept_back;
    if (!log_limit_pass(&host->untrusted, clock_now_ns(conn->worker->clock), &kept_back))
        return;
    char count[text_figure_size];
    snprintf(count, sizeof count, "%llu", (unsigned long long)kept_back);
    log_event(host->options.log, LOG_WARN, "connection-untrusted", "peer", conn->peer, "reason",
              reason_of(conn, error), kept_back > 0 ? "not_logged" : NULL, count, NULL);
}

static void on_conn_closed(void *context, struct wire_pump *pump, const struct fkv_error *error)
{
    (void)pump;
    struct host_conn *conn = context;
    if (error->status == FKV_UNAUTHENTICATED)
        log_untrusted(conn, error);
    else if (error->status != FKV_OK)
        log_event(conn->worker->host->options.log, LOG_DEBUG, "connection-closed", "peer",
                  conn->peer, "reason", reason_of(conn, error), NULL);
    conn_free(conn);
}

/* A limit whose patience has run out; NULL when none has. PINGs don't prolong any of them. */
static const char *limit_passed(const struct host_conn *conn, uint64_t now)
{
    const struct host_timeouts *timeouts = &conn->worker->host->options.timeouts;
    const struct {
        const char *name;
        uint64_t patience, since;
    } limits[] = {
        {"handshake-timeout", timeouts->handshake_ns,
         conn->seen.bytes_fed < handshake_bytes ? conn->opened_ns : now},
        {"stall-timeout", timeouts->stall_ns, conn->written_ns},
        {"idle-timeout", timeouts->idle_ns, conn->called_ns},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (limits[i].patience != 0 && now - limits[i].since >= limits[i].patience)
            return limits[i].name;
    return NULL;
}

static void look(struct host_conn *conn, uint64_t now)
{
    struct wire_session_stats stats = wire_session_stats(wire_pump_session(conn->pump));
    if (stats.bytes_sent != conn->seen.bytes_sent || stats.output_bytes == 0)
        conn->written_ns = now;
    if (stats.calls_open > 0 || stats.calls_total != conn->seen.calls_total)
        conn->called_ns = now;
    conn->seen = stats;
}

/* How often to look: often enough for the shortest patience. */
enum { look_again_ns_at_most = 1000000000, looks = 4 };

static uint64_t next_look_ns(const struct host_timeouts *timeouts)
{
    const uint64_t patiences[] = {timeouts->handshake_ns, timeouts->stall_ns, timeouts->idle_ns};
    uint64_t next = look_again_ns_at_most;
    for (size_t i = 0; i < sizeof patiences / sizeof patiences[0]; i++)
        if (patiences[i] != 0 && patiences[i] / looks < next)
            next = patiences[i] / looks;
    return next;
}

/* A client whose connection is merely idle is told first, so that it loses no call. */
static bool drain_idle(struct host_conn *conn, const char *limit)
{
    if (conn->is_drained || strcmp(limit, "idle-timeout") != 0)
        return false;
    conn->is_drained = true;
    wire_session_drain(wire_pump_session(conn->pump));
    wire_pump_wake(conn->pump);
    return true;
}

static void on_conn_timer(struct timer *timer, uint64_t now)
{
    struct host_conn *conn = list_entry(timer, struct host_conn, timer);
    struct host_worker *worker = conn->worker;
    look(conn, now);
    const char *limit = limit_passed(conn, now);
    if (limit != NULL)
        log_event(worker->host->options.log, LOG_INFO, "connection-timed-out", "peer", conn->peer,
                  "limit", limit, NULL);
    uint64_t due = now + next_look_ns(&worker->host->options.timeouts);
    if ((limit != NULL && !drain_idle(conn, limit)) || !timers_start(&worker->timers, timer, due))
        conn_free(conn);
}

static void on_wire_call(void *context, struct wire_call *wire)
{
    struct host_conn *conn = context;
    host_call_begin(conn->worker, conn->pump, wire);
}

static enum fkv_status conn_init(struct host_conn *conn, struct net_transport *transport,
                                 struct fkv_error *error)
{
    struct host_worker *worker = conn->worker;
    const struct wire_events events = {on_wire_call, conn};
    struct wire_session *session = NULL;
    enum fkv_status status = wire_session_new(
        worker->alloc, WIRE_SERVER, &worker->host->options.wire, &events, NULL, &session, error);
    if (status != FKV_OK) {
        net_close(transport);
        return status;
    }
    const struct wire_pump_options options = {
        .scratch = worker->scratch,
        .scratch_bytes = host_scratch_bytes,
        .turn_bytes = &worker->turn_bytes,
        .traffic = &worker->counters.traffic,
        .on_closed = on_conn_closed,
        .context = conn,
    };
    return wire_pump_new(worker->alloc, transport, session, &options, &conn->pump, error);
}

enum fkv_status host_conn_open(struct host_worker *worker, struct net_transport *transport,
                               struct fkv_error *error)
{
    struct host_counters *counters = &worker->host->counters;
    uint64_t open = atomic_fetch_add(&counters->connections_open, 1);
    struct host_conn *conn = NULL;
    enum fkv_status status = FKV_OK;
    if (open >= worker->host->options.connections_max)
        status = status_set(error, FKV_RESOURCE_EXHAUSTED, "%u connections are open, the limit",
                            worker->host->options.connections_max);
    else if ((conn = alloc_zero(worker->alloc, sizeof *conn)) == NULL)
        status = status_no_memory(error, sizeof *conn);
    if (status != FKV_OK) {
        net_close(transport);
        atomic_fetch_sub(&counters->connections_open, 1);
        atomic_fetch_add(&counters->connections_refused, 1);
        return status;
    }
    conn->worker = worker;
    conn->timer.fire = on_conn_timer;
    conn->opened_ns = conn->written_ns = conn->called_ns = clock_now_ns(worker->clock);
    memcpy(conn->peer, transport->peer, sizeof conn->peer);
    count_conn(worker, &conn->link, true);
    atomic_fetch_add(&counters->connections_total, 1);
    status = conn_init(conn, transport, error);
    if (status == FKV_OK &&
        !timers_start(&worker->timers, &conn->timer,
                      conn->opened_ns + next_look_ns(&worker->host->options.timeouts)))
        status = status_no_memory(error, sizeof(void *));
    if (status != FKV_OK)
        conn_free(conn);
    return status;
}

void host_conns_drain(struct host_worker *worker)
{
    list_each(node, &worker->conns)
    {
        struct host_conn *conn = list_entry(node, struct host_conn, link);
        struct wire_session *session = wire_pump_session(conn->pump);
        wire_session_drain(session);
        wire_pump_wake(conn->pump);
    }
}

void host_conns_close(struct host_worker *worker)
{
    list_each(node, &worker->conns) conn_free(list_entry(node, struct host_conn, link));
}
