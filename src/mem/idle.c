/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/idle.h"

#include <stdbool.h>
#include <stddef.h>

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void idle_lower(struct idle *idle, uint64_t left_bytes)
{
    idle->bytes[0] = smaller(idle->bytes[0], left_bytes);
}

void idle_drop(struct idle *idle, uint64_t bytes)
{
    for (size_t i = 0; i <= idle_windows; i++)
        idle->bytes[i] -= smaller(idle->bytes[i], bytes);
}

void idle_turn(struct idle *idle, uint64_t ready_bytes, uint64_t now_ns)
{
    const uint64_t window_ns = idle->ns / (idle_windows + 1);
    uint64_t lasted_ns = now_ns - idle->window_start_ns;
    if (lasted_ns < window_ns)
        return;
    bool is_whole = lasted_ns >= idle->ns; /* it stands for all */
    for (size_t i = idle_windows; i > 0; i--)
        idle->bytes[i] = is_whole ? idle->bytes[0] : idle->bytes[i - 1];
    idle->bytes[0] = ready_bytes;
    /* Looking late doesn't make the next window later. */
    idle->window_start_ns = is_whole ? now_ns : idle->window_start_ns + window_ns;
}

uint64_t idle_bytes(const struct idle *idle)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i <= idle_windows; i++)
        least = smaller(least, idle->bytes[i]);
    return least;
}
