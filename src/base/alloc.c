/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *system_resize(void *context, void *pointer, size_t size)
{
    (void)context;
    return pointer == NULL ? malloc(size) : realloc(pointer, size);
}

static void system_free(void *context, void *pointer)
{
    (void)context;
    free(pointer);
}

static void *system_aligned(void *context, size_t alignment, size_t size)
{
    (void)context;
    void *pointer = NULL;
    return posix_memalign(&pointer, alignment, size) == 0 ? pointer : NULL;
}

const struct alloc *alloc_system(void)
{
    static const struct alloc system = {system_resize, system_free, system_aligned, NULL};
    return &system;
}

/* malloc(0) may answer NULL, which would look like a failure. */
static size_t at_least_one(size_t size)
{
    return size == 0 ? 1 : size;
}

void *alloc_get(const struct alloc *alloc, size_t size)
{
    return alloc->resize(alloc->context, NULL, at_least_one(size));
}

void *alloc_zero(const struct alloc *alloc, size_t size)
{
    void *pointer = alloc_get(alloc, size);
    if (pointer != NULL)
        memset(pointer, 0, size);
    return pointer;
}

void *alloc_array(const struct alloc *alloc, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    return alloc_zero(alloc, count * size);
}

void *alloc_resize(const struct alloc *alloc, void *pointer, size_t size)
{
    return alloc->resize(alloc->context, pointer, at_least_one(size));
}

void *alloc_aligned(const struct alloc *alloc, size_t alignment, size_t size)
{
    return alloc->aligned(alloc->context, alignment, at_least_one(size));
}

void alloc_free(const struct alloc *alloc, void *pointer)
{
    if (pointer != NULL)
        alloc->free(alloc->context, pointer);
}

char *alloc_text(const struct alloc *alloc, const char *text, size_t size)
{
    char *copy = size == SIZE_MAX ? NULL : alloc_get(alloc, size + 1);
    if (copy == NULL)
        return NULL;
    if (size > 0)
        memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}
