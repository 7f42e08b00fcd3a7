/* SPDX-License-Identifier: Apache-2.0 */
/* The memory behind an arena: one memfd, mapped once. A page costs memory only from its first
 * touch, or from being populated, until it is punched. Any thread. */
#ifndef MEM_PAGES_H
#define MEM_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pages {
    int fd; /* -1: none */
    uint8_t *base;
    size_t size;
};

/* Maps `bytes` bytes, whole pages, or as large a part of them as there is address space for, but at
 * least `least`. False, with errno, when not even those. */
bool pages_open(struct pages *pages, uint64_t bytes, uint64_t least);
void pages_close(struct pages *pages);

/* From byte `offset` on; both give whether it was done, else errno says why. */
bool pages_populate(const struct pages *pages, size_t offset, size_t bytes);
bool pages_punch(const struct pages *pages, size_t offset, size_t bytes);

#endif
