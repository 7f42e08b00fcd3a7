/* SPDX-License-Identifier: Apache-2.0 */
/* A counter that one thread writes and any may read, at any time and in no order with other things:
 * a load and a store, without a locked instruction. */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

static inline void counter_add(atomic_uint_fast64_t *counter, int64_t more)
{
    uint64_t sum = atomic_load_explicit(counter, memory_order_relaxed) + (uint64_t)more;
    atomic_store_explicit(counter, sum, memory_order_relaxed);
}

#endif
