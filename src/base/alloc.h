/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator seam: heap memory is asked for through a table, so that a test can count what is
 * held and make the n-th request fail. Whoever creates an object passes the allocator; the object
 * keeps it. Any thread may use one allocator at a time with others; all calls may fail by NULL. */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

struct alloc {
    /* realloc(3)'s contract with size > 0; pointer NULL allocates. */
    void *(*resize)(void *context, void *pointer, size_t size);
    /* free(3)'s contract. */
    void (*free)(void *context, void *pointer);
    /* aligned_alloc(3)'s contract; given back by `free`. */
    void *(*aligned)(void *context, size_t alignment, size_t size);
    void *context;
};

/* malloc(3) and friends. Valid for the life of the process. */
const struct alloc *alloc_system(void);

void *alloc_get(const struct alloc *alloc, size_t size);
void *alloc_zero(const struct alloc *alloc, size_t size);
void *alloc_array(const struct alloc *alloc, size_t count, size_t size); /* zeroed, overflow-safe */
void *alloc_resize(const struct alloc *alloc, void *pointer, size_t size);
void *alloc_aligned(const struct alloc *alloc, size_t alignment, size_t size);
void alloc_free(const struct alloc *alloc, void *pointer);
char *alloc_text(const struct alloc *alloc, const char *text,
                 size_t size); /* NUL-terminated copy */

#endif
