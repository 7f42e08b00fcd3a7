/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this layer share. */
#ifndef HOST_INTERNAL_H
#define HOST_INTERNAL_H

#include <stdalign.h>
#include <stdatomic.h>

#include "base/list.h"
#include "base/timers.h"
#include "host/host.h"
#include "net/listen.h"
#include "net/loop.h"
#include "wire/pump.h"

enum { host_line_bytes = 64 };

/* All workers'. */
struct host_counters {
    atomic_uint_fast64_t connections_open;
    atomic_uint_fast64_t connections_total;
    atomic_uint_fast64_t connections_refused;
};

/* Only their worker writes them, on a cache line that it shares with no other; host_stats adds them
 * up from any thread. */
struct host_worker_counters {
    alignas(host_line_bytes) atomic_uint_fast64_t calls_open;
    atomic_uint_fast64_t calls_total;
    atomic_uint_fast64_t calls_failed;
    struct wire_traffic traffic;
};

/* Belongs to its thread; `host` is read-only but for its counters. */
struct host_worker {
    struct host_worker_counters counters;
    struct host *host;
    const struct alloc *alloc;
    const struct clock *clock;
    struct net_loop *loop; /* NULL when stepped */
    struct net_thread *thread;
    struct timers timers;
    struct list conns;
    uint8_t *scratch;
    size_t conn_count;
    size_t turn_bytes; /* what a connection may write in a turn: less when there are others */
    bool draining;
    struct timer drain_timer;
};

struct host_listener {
    struct host *host;
    int fd; /* of one of host->listens */
    bool is_tls;
    struct net_watch *watch; /* in worker 0's loop */
    struct timer rest;       /* worker 0's: until it looks for connections again */
};

enum { host_listen_fds_max = host_listeners_max * net_listen_max };

/* One read into it at most. Reads of 64 KiB and writes of 1 MiB were twice as fast as 256 KiB both
 * ways (docs/design/004-turns.md). */
enum { host_scratch_bytes = 64 << 10 };

struct host {
    struct host_options options;
    struct host_counters counters;
    struct log_limit refused;   /* connections */
    struct log_limit untrusted; /* connections whose TLS handshake failed */
    struct host_worker *workers;
    unsigned worker_count;
    unsigned next_worker; /* worker 0's thread */
    struct net_listen listens[host_listeners_max];
    size_t listen_count;
    struct host_listener listeners[host_listen_fds_max];
    size_t listener_count;
    uint64_t upkeep_due_ns; /* worker 0's thread, as the next one */
    bool upkeep_runs;
};

/* conn.c */
enum fkv_status host_conn_open(struct host_worker *worker, struct net_transport *transport,
                               struct fkv_error *error);
void host_conns_drain(struct host_worker *worker); /* closes those without calls */
void host_conns_close(struct host_worker *worker); /* all, at once */

/* call.c: `pump` is woken when the call ends by a time-out, outside of its turns. */
void host_call_begin(struct host_worker *worker, struct wire_pump *pump, struct wire_call *wire);

/* worker.c */
enum fkv_status host_worker_init(struct host_worker *worker, struct host *host, bool has_loop,
                                 struct fkv_error *error);
void host_worker_done(struct host_worker *worker);
void host_worker_drain(struct host_worker *worker);
void host_worker_conn_gone(struct host_worker *worker); /* a connection was closed */
uint64_t host_worker_turn(void *worker, uint64_t now_ns);

#endif
