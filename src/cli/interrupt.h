/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C and SIGTERM in the middle of a transfer: the call in progress is cancelled, so that the
 * command ends by its own way and leaves no half file. A second signal ends the process at once. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "flightkv/flightkv.h"

struct interrupt {
    struct fkv_client *client; /* may be NULL */
    atomic_bool has_come;
    atomic_int number; /* of the signal; 0 before */
    bool is_watching;
    pthread_t watcher;
};

/* Begins to watch. To be called before anything else that starts threads: they inherit that the
 * signals are blocked. If no thread can be had, signals do what they always did. */
void interrupt_begin(struct interrupt *interrupt, struct fkv_client *client);
void interrupt_end(struct interrupt *interrupt);

/* As shells give it for a program that such a signal ended: 130 for Ctrl-C. */
int interrupt_exit_code(struct interrupt *interrupt);

#endif
