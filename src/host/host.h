/* SPDX-License-Identifier: Apache-2.0 */
/* The host runs a Flight service: listeners, workers, connections, deadlines.
 *
 *     listener (in worker 0's loop) -- accepted sockets, in turn --> worker 0..N-1
 *     worker: one thread, one loop, one read buffer; its connections never leave it
 *     connection: transport + pump + session; call: one RPC (service.h)
 *
 * A host can also be made without threads, for tests (host_new_stepped): host_adopt gives it a
 * connection over any transport, host_tick winds its clock on.
 *
 * Time-outs. A connection that has not spoken HTTP/2, TLS before it included, within `handshake_ns`
 * is closed; so is one whose socket takes nothing of what is to be written for `stall_ns`, and,
 * told by a GOAWAY, one without calls for `idle_ns`. A call ends with DEADLINE_EXCEEDED at the
 * client's own deadline, when its request stops coming for `upload_ns`, or when the client's
 * windows take nothing of its answer for `stall_ns`. PINGs prolong none of these. */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <sys/types.h>

#include "base/clock.h"
#include "base/log.h"
#include "host/service.h"
#include "net/tls.h"
#include "net/transport.h"
#include "net/uri.h"

struct host_timeouts { /* 0: never */
    uint64_t handshake_ns;
    uint64_t upload_ns;
    uint64_t stall_ns;
    uint64_t idle_ns;
    uint64_t drain_ns;
};

enum { host_listeners_max = 16 };

struct host_options {
    const struct alloc *alloc; /* NULL: the system's */
    /* For requests and the fields of FlightData, which are gathered as long as peers make them;
     * outlives the host. NULL: `alloc`. */
    const struct alloc *message_alloc;
    const struct clock *clock; /* NULL: the system's */
    const struct log *log;
    struct host_service service; /* copied; its context outlives the host */
    struct net_uri listen[host_listeners_max];
    size_t listen_count;
    mode_t unix_mode;      /* of the files of Unix sockets */
    uint64_t busy_poll_ns; /* of each worker's loop (net/loop.h); 0: it sleeps at once */
    struct net_tls *tls;   /* for listeners of NET_TLS; outlives the host */
    unsigned workers;      /* at least 1 */
    uint32_t connections_max;
    uint64_t request_bytes_max; /* of a message that isn't FlightData */
    struct flight_data_limits flight_data;
    struct wire_limits wire;
    struct host_timeouts timeouts;
    /* Called about once a second in a helper thread, for slow upkeep; NULL: nothing. */
    void (*upkeep)(void *context);
    void *upkeep_context;
};

struct host_stats {
    uint64_t connections_open;
    uint64_t connections_total;
    uint64_t connections_refused;
    uint64_t calls_open;
    uint64_t calls_total;
    uint64_t calls_failed; /* of calls_total; also what was refused at once */
    /* Of all connections, with what HTTP/2 adds and without what TLS does. */
    uint64_t received_bytes;
    uint64_t sent_bytes;
};

struct host;

/* Listens on every address, then starts the workers. UNAVAILABLE names an address that is taken. */
enum fkv_status host_start(const struct host_options *options, struct host **ret,
                           struct fkv_error *error);

/* The listeners as they are, with their real ports. */
size_t host_uri_count(const struct host *host);
const struct net_uri *host_uri(const struct host *host, size_t index);

struct host_stats host_stats(const struct host *host);

/* No more accepting; calls in flight end, at most for timeouts.drain_ns; then all is freed. */
void host_stop(struct host *host);

/* ---- workers without a loop ---- */

/* A host with one worker that nothing drives, and no listeners. Free it by host_stop. */
enum fkv_status host_new_stepped(const struct host_options *options, struct host **ret,
                                 struct fkv_error *error);

/* A connection over the transport, which is taken over also on failure. */
enum fkv_status host_adopt(struct host *host, struct net_transport *transport,
                           struct fkv_error *error);

/* Fires what is due; gives when it wants to be called again (UINT64_MAX: whenever). */
uint64_t host_tick(struct host *host, uint64_t now_ns);

#endif
