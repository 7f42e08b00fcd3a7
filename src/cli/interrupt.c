/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

static void signals_of_interest(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGINT);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, SIGHUP);
}

static void *watch(void *context)
{
    struct interrupt *interrupt = context;
    sigset_t signals;
    int number;
    signals_of_interest(&signals);
    if (sigwait(&signals, &number) != 0)
        return NULL;
    atomic_store(&interrupt->number, number);
    atomic_store(&interrupt->has_come, true);
    if (interrupt->client != NULL)
        fkv_client_cancel(interrupt->client);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    for (;;)
        pause();
}

void interrupt_begin(struct interrupt *interrupt, struct fkv_client *client)
{
    sigset_t signals;
    interrupt->client = client;
    atomic_init(&interrupt->has_come, false);
    atomic_init(&interrupt->number, 0);
    signals_of_interest(&signals);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    interrupt->is_watching = pthread_create(&interrupt->watcher, NULL, watch, interrupt) == 0;
    if (!interrupt->is_watching)
        pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

void interrupt_end(struct interrupt *interrupt)
{
    if (!interrupt->is_watching)
        return;
    pthread_cancel(interrupt->watcher); /* sigwait and pause are cancellation points */
    pthread_join(interrupt->watcher, NULL);
    interrupt->is_watching = false;
    sigset_t signals;
    signals_of_interest(&signals);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

int interrupt_exit_code(struct interrupt *interrupt)
{
    return 128 + atomic_load(&interrupt->number);
}
