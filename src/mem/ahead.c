/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/ahead.h"

#include <string.h>

void ahead_add(struct ahead *ahead, struct run run)
{
    if (ahead->count < ahead_runs_max)
        ahead->runs[ahead->count++] = run;
}

static void remove_at(struct ahead *ahead, unsigned index)
{
    ahead->count--;
    memmove(&ahead->runs[index], &ahead->runs[index + 1],
            (ahead->count - index) * sizeof ahead->runs[0]);
}

void ahead_forget(struct ahead *ahead, struct run extent)
{
    for (unsigned i = ahead->count; i-- > 0;)
        if (ahead->runs[i].first - extent.first < extent.pages) /* unsigned: not before it either */
            remove_at(ahead, i);
}

struct run ahead_take(struct ahead *ahead, uint32_t pages)
{
    if (ahead->count == 0)
        return (struct run){0, 0};
    struct run first = ahead->runs[0];
    remove_at(ahead, 0);
    pages -= first.first % pages;
    if (first.pages <= pages)
        return first;
    ahead_add(ahead, (struct run){first.first + pages, first.pages - pages});
    return (struct run){first.first, pages};
}
