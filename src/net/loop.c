/* SPDX-License-Identifier: Apache-2.0 */
/* A turn of libuv's loop, and where ours hooks in:
 *
 *     timers -> prepare: on_turn, then the timer is set to what it answered
 *            -> poll: watches, signals, posted messages, finished work -> closed handles -> again
 *
 * The prepare phase comes right before the loop may sleep, thus after all events of the turn before
 * and also once at the start. The timer's own callback has nothing to do: it only ends the sleep.
 */
#include "net/loop.h"

#include <pthread.h>
#include <uv.h>

#include "base/list.h"
#include "base/status.h"
#include "net/transport.h"

/* libuv gives a handle back some time after it was told to close it. */
struct net_watch {
    uv_poll_t handle;
    struct net_loop *loop;
    const struct alloc *alloc;
    void (*on_ready)(void *context, int events);
    void *context;
    int events;
};

struct net_signal {
    uv_signal_t handle;
    const struct alloc *alloc;
    void (*on_signal)(void *context, int number);
    void *context;
};

struct net_loop {
    const struct alloc *alloc;
    struct net_loop_events events;
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_timer_t timer;
    uv_async_t async;
    uint64_t timer_due_ms;
    uv_idle_t idle;         /* as long as it runs, polling doesn't sleep */
    bool has_events;        /* a watch was ready in the last turn */
    uint64_t busy_until_ns; /* 0: it sleeps */

    pthread_mutex_t mutex; /* for what follows */
    struct list messages;
    bool is_stopping;
};

struct message {
    struct list link;
    void (*call)(void *context);
    void *context;
};

struct work {
    uv_work_t request;
    const struct alloc *alloc;
    void (*work)(void *context);
    void (*done)(void *context);
    void *context;
};

static enum fkv_status uv_failed(struct fkv_error *error, const char *what, int code)
{
    return status_set(error, FKV_RESOURCE_EXHAUSTED, "%s: %s", what, uv_strerror(code));
}

/* ---- the loop ---- */

static void on_timer(uv_timer_t *timer)
{
    struct net_loop *loop = timer->data;
    loop->timer_due_ms = UINT64_MAX;
}

/* libuv's timers count milliseconds: round up, so as not to wake before the time. */
static void set_timer(struct net_loop *loop, uint64_t now_ns, uint64_t due_ns)
{
    if (due_ns == UINT64_MAX) {
        if (loop->timer_due_ms != UINT64_MAX)
            uv_timer_stop(&loop->timer);
        loop->timer_due_ms = UINT64_MAX;
        return;
    }
    uint64_t due_ms = due_ns / 1000000 + (due_ns % 1000000 != 0);
    uint64_t now_ms = now_ns / 1000000;
    if (due_ms == loop->timer_due_ms)
        return;
    uv_update_time(&loop->uv);
    uv_timer_start(&loop->timer, on_timer, due_ms > now_ms ? due_ms - now_ms : 0, 0);
    loop->timer_due_ms = due_ms;
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void stay_awake(struct net_loop *loop, uint64_t now_ns)
{
    bool was_awake = loop->busy_until_ns != 0;
    if (loop->has_events)
        loop->busy_until_ns = now_ns + loop->events.busy_poll_ns;
    else if (now_ns >= loop->busy_until_ns)
        loop->busy_until_ns = 0;
    loop->has_events = false;
    if (loop->busy_until_ns != 0 && !was_awake)
        uv_idle_start(&loop->idle, on_idle);
    else if (loop->busy_until_ns == 0 && was_awake)
        uv_idle_stop(&loop->idle);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct net_loop *loop = prepare->data;
    if (loop->events.on_turn == NULL)
        return;
    uint64_t now = uv_hrtime(); /* CLOCK_MONOTONIC */
    if (loop->events.busy_poll_ns != 0)
        stay_awake(loop, now);
    set_timer(loop, now, loop->events.on_turn(loop->events.context, now));
}

static struct message *next_message(struct net_loop *loop)
{
    pthread_mutex_lock(&loop->mutex);
    struct list *node = list_shift(&loop->messages);
    pthread_mutex_unlock(&loop->mutex);
    return node == NULL ? NULL : list_entry(node, struct message, link);
}

static void run_messages(struct net_loop *loop)
{
    struct message *message;
    while ((message = next_message(loop)) != NULL) {
        struct message m = *message;
        alloc_free(loop->alloc, message);
        m.call(m.context);
    }
}

static void on_async(uv_async_t *async)
{
    struct net_loop *loop = async->data;
    run_messages(loop);
    pthread_mutex_lock(&loop->mutex);
    bool is_stopping = loop->is_stopping;
    pthread_mutex_unlock(&loop->mutex);
    if (is_stopping)
        uv_stop(&loop->uv);
}

/* Making the handles fails only where the system has no descriptors left for the loop. */
static int init_handles(struct net_loop *loop)
{
    int code = uv_async_init(&loop->uv, &loop->async, on_async);
    if (code != 0)
        return code;
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_timer_init(&loop->uv, &loop->timer);
    uv_idle_init(&loop->uv, &loop->idle);
    loop->async.data = loop->prepare.data = loop->timer.data = loop;
    return uv_prepare_start(&loop->prepare, on_prepare);
}

enum fkv_status net_loop_new(const struct alloc *alloc, const struct net_loop_events *events,
                             struct net_loop **ret, struct fkv_error *error)
{
    struct net_loop *loop = alloc_zero(alloc, sizeof *loop);
    if (loop == NULL)
        return status_no_memory(error, sizeof *loop);
    loop->alloc = alloc;
    loop->events = *events;
    loop->timer_due_ms = UINT64_MAX;
    list_init(&loop->messages);
    int code = uv_loop_init(&loop->uv);
    if (code != 0) {
        alloc_free(alloc, loop);
        return uv_failed(error, "could not make an event loop", code);
    }
    pthread_mutex_init(&loop->mutex, NULL);
    code = init_handles(loop);
    if (code != 0) {
        uv_loop_close(&loop->uv);
        pthread_mutex_destroy(&loop->mutex);
        alloc_free(alloc, loop);
        return uv_failed(error, "could not make an event loop", code);
    }
    *ret = loop;
    return FKV_OK;
}

void net_loop_free(struct net_loop *loop)
{
    if (loop == NULL)
        return;
    run_messages(loop);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->timer, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    uv_close((uv_handle_t *)&loop->async, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT); /* until all that was closed is given back */
    uv_loop_close(&loop->uv);
    pthread_mutex_destroy(&loop->mutex);
    alloc_free(loop->alloc, loop);
}

void net_loop_run(struct net_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    pthread_mutex_lock(&loop->mutex);
    loop->is_stopping = false;
    pthread_mutex_unlock(&loop->mutex);
}

void net_loop_stop(struct net_loop *loop)
{
    pthread_mutex_lock(&loop->mutex);
    loop->is_stopping = true;
    pthread_mutex_unlock(&loop->mutex);
    uv_async_send(&loop->async);
}

bool net_loop_post(struct net_loop *loop, void (*call)(void *context), void *context)
{
    struct message *message = alloc_get(loop->alloc, sizeof *message);
    if (message == NULL)
        return false;
    message->call = call;
    message->context = context;
    pthread_mutex_lock(&loop->mutex);
    list_push(&loop->messages, &message->link);
    pthread_mutex_unlock(&loop->mutex);
    uv_async_send(&loop->async);
    return true;
}

/* ---- watches ---- */

static int uv_events_of(int events)
{
    return ((events & NET_READABLE) != 0 ? UV_READABLE : 0) |
           ((events & NET_WRITABLE) != 0 ? UV_WRITABLE : 0);
}

/* A failed poll (the socket is in error) is everything at once: the read or write will tell. That
 * may not be the next one, when there is more to read before the error; so polling, which libuv has
 * stopped, goes on. */
static void on_poll(uv_poll_t *handle, int status, int uv_events)
{
    struct net_watch *watch = handle->data;
    watch->loop->has_events = true;
    if (status != 0)
        uv_poll_start(handle, uv_events_of(watch->events), on_poll);
    int events = ((uv_events & UV_READABLE) != 0 ? NET_READABLE : 0) |
                 ((uv_events & UV_WRITABLE) != 0 ? NET_WRITABLE : 0);
    watch->on_ready(watch->context, status == 0 ? events : watch->events);
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct net_watch *watch = handle->data;
    alloc_free(watch->alloc, watch);
}

enum fkv_status net_watch_new(struct net_loop *loop, int fd,
                              void (*on_ready)(void *context, int events), void *context,
                              struct net_watch **ret, struct fkv_error *error)
{
    struct net_watch *watch = alloc_zero(loop->alloc, sizeof *watch);
    if (watch == NULL)
        return status_no_memory(error, sizeof *watch);
    int code = uv_poll_init(&loop->uv, &watch->handle, fd);
    if (code != 0) {
        alloc_free(loop->alloc, watch);
        return uv_failed(error, "could not watch a descriptor", code);
    }
    watch->loop = loop;
    watch->alloc = loop->alloc;
    watch->handle.data = watch;
    watch->on_ready = on_ready;
    watch->context = context;
    *ret = watch;
    return FKV_OK;
}

void net_watch_set(struct net_watch *watch, int events)
{
    if (events == watch->events)
        return;
    watch->events = events;
    if (events == 0)
        uv_poll_stop(&watch->handle);
    else
        uv_poll_start(&watch->handle, uv_events_of(events), on_poll);
}

void net_watch_close(struct net_watch *watch)
{
    if (watch != NULL)
        uv_close((uv_handle_t *)&watch->handle, on_watch_closed);
}

/* ---- signals ---- */

static void on_uv_signal(uv_signal_t *handle, int number)
{
    struct net_signal *signal = handle->data;
    signal->on_signal(signal->context, number);
}

static void on_signal_closed(uv_handle_t *handle)
{
    struct net_signal *signal = handle->data;
    alloc_free(signal->alloc, signal);
}

enum fkv_status net_signal_new(struct net_loop *loop, int number,
                               void (*on_signal)(void *context, int number), void *context,
                               struct net_signal **ret, struct fkv_error *error)
{
    struct net_signal *signal = alloc_zero(loop->alloc, sizeof *signal);
    if (signal == NULL)
        return status_no_memory(error, sizeof *signal);
    signal->alloc = loop->alloc;
    signal->on_signal = on_signal;
    signal->context = context;
    int code = uv_signal_init(&loop->uv, &signal->handle);
    if (code != 0) {
        alloc_free(loop->alloc, signal);
        return uv_failed(error, "could not watch a signal", code);
    }
    signal->handle.data = signal;
    code = uv_signal_start(&signal->handle, on_uv_signal, number);
    if (code != 0) {
        net_signal_close(signal);
        return uv_failed(error, "could not watch a signal", code);
    }
    *ret = signal;
    return FKV_OK;
}

void net_signal_close(struct net_signal *signal)
{
    if (signal != NULL)
        uv_close((uv_handle_t *)&signal->handle, on_signal_closed);
}

/* ---- threads ---- */

struct net_thread {
    uv_thread_t id;
    const struct alloc *alloc;
};

enum fkv_status net_thread_start(const struct alloc *alloc, void (*main)(void *context),
                                 void *context, struct net_thread **ret, struct fkv_error *error)
{
    struct net_thread *thread = alloc_zero(alloc, sizeof *thread);
    if (thread == NULL)
        return status_no_memory(error, sizeof *thread);
    thread->alloc = alloc;
    int code = uv_thread_create(&thread->id, main, context);
    if (code != 0) {
        alloc_free(alloc, thread);
        return uv_failed(error, "could not start a thread", code);
    }
    *ret = thread;
    return FKV_OK;
}

void net_thread_join(struct net_thread *thread)
{
    if (thread == NULL)
        return;
    uv_thread_join(&thread->id);
    alloc_free(thread->alloc, thread);
}

static void on_work(uv_work_t *request)
{
    struct work *work = request->data;
    work->work(work->context);
}

static void on_work_done(uv_work_t *request, int status)
{
    (void)status; /* nothing cancels work */
    struct work *work = request->data;
    struct work w = *work;
    alloc_free(w.alloc, work);
    if (w.done != NULL)
        w.done(w.context);
}

bool net_loop_work(struct net_loop *loop, void (*work)(void *context), void (*done)(void *context),
                   void *context)
{
    struct work *w = alloc_zero(loop->alloc, sizeof *w);
    if (w == NULL)
        return false;
    w->alloc = loop->alloc;
    w->work = work;
    w->done = done;
    w->context = context;
    w->request.data = w;
    if (uv_queue_work(&loop->uv, &w->request, on_work, on_work_done) != 0) {
        alloc_free(loop->alloc, w);
        return false;
    }
    return true;
}
