/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_run.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/condition.h"
#include "base/status.h"

/* How long the watcher and a client that waits sleep before they look whether it is over. */
static const uint64_t tick_ns = 100 * NS_PER_MS;

/* Calls in progress when it is to end get this long before they are cancelled. */
enum { patience_ticks = 10 };

struct run {
    const struct bench_phase *phase;
    uint64_t begin_ns;
    _Atomic uint64_t next; /* the operation to be begun */
    atomic_bool is_over;   /* nothing more is to be begun */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t working;         /* under the lock, with what follows */
    enum fkv_status status; /* what ended it */
    struct fkv_error error;
};

struct worker {
    struct run *run;
    struct bench_client *client;
    pthread_t thread;
};

uint64_t bench_due_ns(uint64_t begin_ns, uint64_t rate, uint64_t n)
{
    uint64_t seconds = n / rate, rest = n % rate;
    return begin_ns + seconds * NS_PER_S + rest * NS_PER_S / rate;
}

/* ---- a client's thread ---- */

/* False: it is over before. */
static bool wait_until(const struct run *run, uint64_t due_ns)
{
    uint64_t now_ns;
    while (!atomic_load(&run->is_over) && (now_ns = clock_now_ns(clock_system())) < due_ns) {
        uint64_t until_ns = due_ns - now_ns > tick_ns ? now_ns + tick_ns : due_ns;
        const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                                       .tv_nsec = (long)(until_ns % NS_PER_S)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
    return !atomic_load(&run->is_over);
}

/* Takes the next operation. False: there is none any more. */
static bool take_next(struct run *run, uint64_t now_ns, uint64_t *ret_n, uint64_t *ret_due_ns)
{
    const struct bench_phase *phase = run->phase;
    if (atomic_load_explicit(&run->is_over, memory_order_relaxed))
        return false;
    if (phase->duration_ns > 0 && now_ns >= run->begin_ns + phase->duration_ns)
        return false;
    uint64_t n = atomic_fetch_add_explicit(&run->next, 1, memory_order_relaxed);
    if (phase->count > 0 && n >= phase->count)
        return false;
    *ret_n = n;
    *ret_due_ns = phase->rate > 0 ? bench_due_ns(run->begin_ns, phase->rate, n) : 0;
    return phase->duration_ns == 0 || *ret_due_ns < run->begin_ns + phase->duration_ns;
}

/* The same, and waits until it is due. */
static bool begin_next(struct run *run, uint64_t now_ns, uint64_t *ret_n, uint64_t *ret_due_ns)
{
    return take_next(run, now_ns, ret_n, ret_due_ns) &&
           (*ret_due_ns == 0 || wait_until(run, *ret_due_ns));
}

/* The first failure counts; one that comes because it is over doesn't. */
static void fail(struct run *run, enum fkv_status status, const struct fkv_error *error)
{
    pthread_mutex_lock(&run->lock);
    if (run->status == FKV_OK && !atomic_load(&run->is_over)) {
        run->status = status;
        run->error = *error;
    }
    atomic_store(&run->is_over, true);
    pthread_mutex_unlock(&run->lock);
}

static enum fkv_status work_one_by_one(struct run *run, struct bench_client *client,
                                       struct fkv_error *error)
{
    uint64_t n, due_ns;
    enum fkv_status status = FKV_OK;
    while (status == FKV_OK && begin_next(run, client->now_ns, &n, &due_ns))
        status = run->phase->step(client, n, due_ns, error);
    return status;
}

/* Who has nothing else to do waits for what is due; results are taken meanwhile. */
static bool is_next(const struct bench_client *client, uint64_t due_ns)
{
    return bench_pipeline_has_room(client) && (due_ns == 0 || bench_pipeline_is_empty(client) ||
                                               due_ns <= clock_now_ns(clock_system()));
}

static enum fkv_status work_pipelined(struct run *run, struct bench_client *client,
                                      struct fkv_error *error)
{
    uint64_t n, due_ns;
    enum fkv_status status = bench_pipeline_open(client, error);
    bool has_next = status == FKV_OK && take_next(run, client->now_ns, &n, &due_ns);
    while (status == FKV_OK && (has_next || !bench_pipeline_is_empty(client))) {
        if (!has_next || !is_next(client, due_ns)) {
            status = bench_pipeline_end(client, error);
            continue;
        }
        has_next = due_ns == 0 || wait_until(run, due_ns);
        if (has_next) {
            status = bench_pipeline_begin(client, n, due_ns, error);
            has_next = take_next(run, client->now_ns, &n, &due_ns);
        }
    }
    bench_pipeline_close(client);
    return status;
}

static void *work(void *context)
{
    struct worker *worker = context;
    struct run *run = worker->run;
    struct fkv_error error;
    if (run->phase->rate > 0)
        prctl(PR_SET_TIMERSLACK, 1UL); /* wake up in time, not with the next one due */
    worker->client->now_ns = run->begin_ns;
    enum fkv_status status = run->phase->is_pipelined
                                 ? work_pipelined(run, worker->client, &error)
                                 : work_one_by_one(run, worker->client, &error);
    if (status != FKV_OK)
        fail(run, status, &error);
    pthread_mutex_lock(&run->lock);
    run->working--;
    pthread_cond_signal(&run->changed);
    pthread_mutex_unlock(&run->lock);
    return NULL;
}

/* ---- the watcher ---- */

/* Returns when all have ended, or after a tick. */
static bool wait_for_end(struct run *run)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)tick_ns;
    if (until.tv_nsec >= (long)NS_PER_S) {
        until.tv_nsec -= (long)NS_PER_S;
        until.tv_sec++;
    }
    pthread_mutex_lock(&run->lock);
    while (run->working > 0 &&
           pthread_cond_timedwait(&run->changed, &run->lock, &until) != ETIMEDOUT)
        continue;
    bool has_ended = run->working == 0;
    pthread_mutex_unlock(&run->lock);
    return has_ended;
}

static void show(const struct run *run)
{
    const struct bench_phase *phase = run->phase;
    uint64_t begun = atomic_load(&run->next);
    if (phase->count > 0 && begun > phase->count)
        begun = phase->count;
    if (phase->watch != NULL)
        phase->watch(phase->context, begun, clock_now_ns(clock_system()) - run->begin_ns);
}

/* A cancellation that finds a client between two calls is lost, and so it is said again. */
static void cancel_all(const struct bench_crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++)
        fkv_client_cancel(crowd->clients[i].client);
}

static void watch(const struct bench_crowd *crowd, struct run *run)
{
    unsigned ticks = 0;
    while (!wait_for_end(run)) {
        show(run);
        if (crowd->stop != NULL && atomic_load(crowd->stop))
            fail(run, FKV_CANCELLED,
                 &(struct fkv_error){.status = FKV_CANCELLED, .message = "interrupted"});
        if (atomic_load(&run->is_over) && ++ticks > patience_ticks)
            cancel_all(crowd);
    }
    show(run);
}

/* ---- a phase ---- */

static enum fkv_status start(struct run *run, struct worker *worker, struct fkv_error *error)
{
    pthread_mutex_lock(&run->lock);
    run->working++;
    pthread_mutex_unlock(&run->lock);
    int failure = pthread_create(&worker->thread, NULL, work, worker);
    if (failure == 0)
        return FKV_OK;
    pthread_mutex_lock(&run->lock);
    run->working--;
    pthread_mutex_unlock(&run->lock);
    return status_set(error, FKV_RESOURCE_EXHAUSTED, "no thread for a client: %s",
                      strerror(failure));
}

static void run_init(struct run *run, const struct bench_phase *phase)
{
    *run = (struct run){.phase = phase, .begin_ns = clock_now_ns(clock_system())};
    pthread_mutex_init(&run->lock, NULL);
    condition_init(&run->changed);
}

enum fkv_status bench_run(const struct bench_crowd *crowd, const struct bench_phase *phase,
                          uint64_t *ret_begun, uint64_t *ret_ns, struct fkv_error *error)
{
    struct run run;
    struct fkv_error failure;
    size_t started = 0;
    struct worker *workers = alloc_array(alloc_system(), crowd->count, sizeof *workers);
    if (workers == NULL)
        return status_no_memory(error, crowd->count * sizeof *workers);
    run_init(&run, phase);
    for (enum fkv_status status = FKV_OK; status == FKV_OK && started < crowd->count;) {
        workers[started] = (struct worker){.run = &run, .client = &crowd->clients[started]};
        status = start(&run, &workers[started], &failure);
        if (status == FKV_OK)
            started++;
        else
            fail(&run, status, &failure);
    }
    watch(crowd, &run);
    *ret_ns = clock_now_ns(clock_system()) - run.begin_ns;
    *ret_begun = atomic_load(&run.next);
    if (phase->count > 0 && *ret_begun > phase->count)
        *ret_begun = phase->count;
    for (size_t i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    pthread_cond_destroy(&run.changed);
    pthread_mutex_destroy(&run.lock);
    alloc_free(alloc_system(), workers);
    if (run.status != FKV_OK && error != NULL)
        *error = run.error;
    return run.status;
}
