/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

/* Few live long, and most of what they hold fits: moving to twice as much costs more than a call's
 * other allocations together. */
enum { smallest_capacity = 256 };

void buf_init(struct buf *buf, const struct alloc *alloc, size_t limit_bytes)
{
    *buf = (struct buf){.alloc = alloc, .limit_bytes = limit_bytes};
}

void buf_done(struct buf *buf)
{
    if (buf->alloc != NULL)
        alloc_free(buf->alloc, buf->data);
    buf->data = NULL;
    buf->size = buf->capacity = 0;
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
    buf->failed = false;
}

static bool buf_reserve(struct buf *buf, size_t more)
{
    if (more > buf->limit_bytes || buf->size > buf->limit_bytes - more)
        return false;
    size_t wanted = buf->size + more;
    if (wanted <= buf->capacity)
        return true;
    size_t capacity = buf->capacity < smallest_capacity ? smallest_capacity : buf->capacity;
    while (capacity < wanted)
        capacity = capacity > SIZE_MAX / 2 ? wanted : capacity * 2;
    uint8_t *data = alloc_resize(buf->alloc, buf->data, capacity);
    if (data == NULL)
        return false;
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

uint8_t *buf_extend(struct buf *buf, size_t size)
{
    if (buf->failed || !buf_reserve(buf, size == 0 ? 1 : size)) {
        buf->failed = true;
        return NULL;
    }
    uint8_t *start = buf->data + buf->size;
    buf->size += size;
    return start;
}

bool buf_append(struct buf *buf, const void *data, size_t size)
{
    if (size == 0)
        return !buf->failed;
    uint8_t *target = buf_extend(buf, size);
    if (target == NULL)
        return false;
    memcpy(target, data, size);
    return true;
}

bool buf_text(struct buf *buf, const char *text)
{
    return buf_append(buf, text, strlen(text));
}

bool buf_byte(struct buf *buf, uint8_t byte)
{
    return buf_append(buf, &byte, 1);
}

bool buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    /* vsnprintf writes a NUL after the text: it needs the room, and it isn't part of the bytes. */
    uint8_t *target = size < 0 ? NULL : buf_extend(buf, (size_t)size + 1);
    if (target != NULL) {
        vsnprintf((char *)target, (size_t)size + 1, format, again);
        buf->size--;
    } else {
        buf->failed = true;
    }
    va_end(again);
    return target != NULL;
}

const char *buf_c_text(struct buf *buf)
{
    if (!buf_byte(buf, 0))
        return "";
    buf->size--;
    return (const char *)buf->data;
}
