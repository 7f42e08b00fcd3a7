/* SPDX-License-Identifier: Apache-2.0 */
#include "client/owned.h"

#include "base/list.h"

/* An answer's parts take a multiple of its bytes; its size is limited already. */
static const size_t owned_bytes_max = (size_t)1 << 30;

struct owned {
    struct flight_memory memory;
    struct exchange_info *info;
    max_align_t message[];
};

static struct owned *owned_of(const void *message)
{
    return list_entry((char *)(uintptr_t)message, struct owned, message);
}

void *client_owned_new(const struct alloc *alloc, size_t size)
{
    struct owned *owned = alloc_zero(alloc, sizeof *owned + size);
    if (owned == NULL)
        return NULL;
    flight_memory_init(&owned->memory, alloc, owned_bytes_max);
    return owned->message;
}

struct flight_memory *client_owned_memory(void *message)
{
    return &owned_of(message)->memory;
}

struct slice client_owned_copy(void *message, struct slice bytes)
{
    uint8_t *copy = flight_memory_get(client_owned_memory(message), bytes.size);
    if (copy == NULL)
        return slice_of(NULL, 0);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return slice_of(copy, bytes.size);
}

void client_owned_has(void *message, struct exchange_info *info)
{
    owned_of(message)->info = info;
}

void fkv_flight_free(const void *message)
{
    if (message == NULL)
        return;
    struct owned *owned = owned_of(message);
    if (owned->info != NULL)
        exchange_info_done(owned->info);
    flight_memory_done(&owned->memory);
    alloc_free(owned->memory.alloc, owned);
}
