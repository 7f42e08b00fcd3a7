/* SPDX-License-Identifier: Apache-2.0 */
/* A slice is a borrowed view of bytes: it owns nothing and is valid as long as what it points into.
 * Reads are checked by the caller (`slice_holds`) and little-endian whatever the machine. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *data;
    size_t size;
};

static inline struct slice slice_of(const void *data, size_t size)
{
    return (struct slice){(const uint8_t *)data, size};
}

static inline struct slice slice_text(const char *text)
{
    return slice_of(text, strlen(text));
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equal(a, slice_text(text));
}

static inline bool slice_starts(struct slice a, const char *text)
{
    size_t size = strlen(text);
    return a.size >= size && memcmp(a.data, text, size) == 0;
}

/* Whether [offset, offset + size) lies inside, without overflow. */
static inline bool slice_holds(struct slice s, uint64_t offset, uint64_t size)
{
    return offset <= s.size && size <= s.size - offset;
}

/* The part [offset, offset + size), which must lie inside. */
static inline struct slice slice_part(struct slice s, size_t offset, size_t size)
{
    return slice_of(size == 0 ? s.data : s.data + offset, size);
}

/* Cuts the first `size` bytes (at most all) off *s and gives them. */
static inline struct slice slice_take(struct slice *s, size_t size)
{
    if (size > s->size)
        size = s->size;
    struct slice head = slice_of(s->data, size);
    if (size > 0)
        s->data += size;
    s->size -= size;
    return head;
}

static inline uint16_t load_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t load_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t load_le64(const uint8_t *p)
{
    return load_le32(p) | (uint64_t)load_le32(p + 4) << 32;
}

static inline void store_le16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void store_le32(uint8_t *p, uint32_t v)
{
    store_le16(p, (uint16_t)v);
    store_le16(p + 2, (uint16_t)(v >> 16));
}

static inline void store_le64(uint8_t *p, uint64_t v)
{
    store_le32(p, (uint32_t)v);
    store_le32(p + 4, (uint32_t)(v >> 32));
}

#endif
