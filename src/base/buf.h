/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer with a limit that must be named when it is made (as curl's dynbuf does).
 * A failed append leaves the bytes as they were and sets `failed`, so that a run of appends can be
 * checked once at its end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/alloc.h"
#include "base/slice.h"
#include "flightkv/status.h"

struct buf {
    const struct alloc *alloc;
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t limit_bytes;
    bool failed;
};

void buf_init(struct buf *buf, const struct alloc *alloc, size_t limit_bytes);
void buf_done(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps the memory, forgets bytes and failure */

bool buf_append(struct buf *buf, const void *data, size_t size);
bool buf_text(struct buf *buf, const char *text);
bool buf_byte(struct buf *buf, uint8_t byte);
bool buf_printf(struct buf *buf, const char *format, ...) FKV_PRINTF(2, 3);

/* Room for `size` more bytes, uninitialised and already counted; NULL on failure. */
uint8_t *buf_extend(struct buf *buf, size_t size);

static inline struct slice buf_slice(const struct buf *buf)
{
    return slice_of(buf->data, buf->size);
}

/* The bytes as a C string, NUL-terminated outside `size`; "" on failure. */
const char *buf_c_text(struct buf *buf);

#endif
