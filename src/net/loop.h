/* SPDX-License-Identifier: Apache-2.0 */
/* An event loop: one thread's sockets, timer and posted messages. libuv's loop behind few calls;
 * loop.c is the only file that includes uv.h. Everything but net_loop_post and net_loop_stop is for
 * the loop's own thread (or before it runs). */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "flightkv/status.h"

struct net_loop;
struct net_watch;  /* one descriptor */
struct net_signal; /* one signal */

struct net_loop_events {
    /* Once a turn, after the sockets' events; gives when it wants to be called at the latest. */
    uint64_t (*on_turn)(void *context, uint64_t now_ns); /* UINT64_MAX: whenever */
    void *context;
    /* Looks for events again and again for so long after the last one before it sleeps. */
    uint64_t busy_poll_ns;
};

enum fkv_status net_loop_new(const struct alloc *alloc, const struct net_loop_events *events,
                             struct net_loop **ret, struct fkv_error *error);
/* All watches must be closed. Messages that were posted and haven't run are run first: what they
 * carry is never lost. */
void net_loop_free(struct net_loop *loop);

/* Runs until net_loop_stop. */
void net_loop_run(struct net_loop *loop);
void net_loop_stop(struct net_loop *loop); /* any thread */

/* Runs `call(context)` in the loop's thread, soon. Any thread. False when out of memory. */
bool net_loop_post(struct net_loop *loop, void (*call)(void *context), void *context);

/* Watches a descriptor (level-triggered): events are NET_READABLE | NET_WRITABLE; 0 pauses. */
enum fkv_status net_watch_new(struct net_loop *loop, int fd,
                              void (*on_ready)(void *context, int events), void *context,
                              struct net_watch **ret, struct fkv_error *error);
void net_watch_set(struct net_watch *watch, int events);
void net_watch_close(struct net_watch *watch); /* the descriptor is the caller's; NULL is allowed */

enum fkv_status net_signal_new(struct net_loop *loop, int number,
                               void (*on_signal)(void *context, int number), void *context,
                               struct net_signal **ret, struct fkv_error *error);
void net_signal_close(struct net_signal *signal);

/* A thread. The stack is the system's default. */
struct net_thread;
enum fkv_status net_thread_start(const struct alloc *alloc, void (*main)(void *context),
                                 void *context, struct net_thread **ret, struct fkv_error *error);
void net_thread_join(struct net_thread *thread); /* waits and frees; NULL is allowed */

/* Runs `work(context)` in libuv's thread pool, then `done(context)` in the loop's thread. */
bool net_loop_work(struct net_loop *loop, void (*work)(void *context), void (*done)(void *context),
                   void *context);

#endif
