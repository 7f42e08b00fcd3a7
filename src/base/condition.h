/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions whose timed waits go by the monotonic clock: setting the time of day changes none. */
#ifndef BASE_CONDITION_H
#define BASE_CONDITION_H

#include <pthread.h>
#include <stdint.h>

void condition_init(pthread_cond_t *condition);

/* Waits for a signal, or about so long; under the lock. */
void condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t ns);

#endif
