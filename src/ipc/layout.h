/* SPDX-License-Identifier: Apache-2.0 */
/* Which buffers a column has in a record batch: one table for verify, export, import and slices.
 * Source: "Columnar Format", docs/format/Columnar.rst, "Buffer Listing for Each Layout". */
#ifndef IPC_LAYOUT_H
#define IPC_LAYOUT_H

#include "ipc/schema.h"

enum ipc_buffer_kind {
    IPC_BUFFER_VALIDITY, /* ceil(n / 8) bytes, or 0 when nothing is null */
    IPC_BUFFER_BITS,     /* ceil(n / 8) bytes: booleans */
    IPC_BUFFER_VALUES,   /* n * width bytes (width in ipc_layout) */
    IPC_BUFFER_OFFSETS32, /* (n + 1) * 4 bytes, or 0 when n is 0 */
    IPC_BUFFER_OFFSETS64, /* (n + 1) * 8 bytes, or 0 when n is 0 */
    IPC_BUFFER_DATA,     /* any number of bytes: what offsets point into */
    IPC_BUFFER_VIEWS,    /* n * 16 bytes; then the variadic data buffers */
    IPC_BUFFER_TYPE_IDS, /* n bytes: unions */
    IPC_BUFFER_UNION_OFFSETS, /* n * 4 bytes: dense unions */
    IPC_BUFFER_VIEW_OFFSETS32, /* n * 4 bytes: list view offsets */
    IPC_BUFFER_VIEW_OFFSETS64, /* n * 8 bytes */
    IPC_BUFFER_SIZES32,  /* n * 4 bytes: list view sizes */
    IPC_BUFFER_SIZES64,  /* n * 8 bytes */
};

enum { ipc_layout_buffers_max = 3 };

struct ipc_layout {
    uint8_t count; /* fixed buffers; a view's variadic ones come after them */
    enum ipc_buffer_kind kinds[ipc_layout_buffers_max];
    uint32_t width; /* bytes of a value in a VALUES buffer */
    bool is_variadic;
    bool has_children; /* children follow in the batch; false for a dictionary-encoded field */
};

/* The layout of a column of this field. `as_values` asks for that of a dictionary's values: the
 * field's own type, without its dictionary encoding. In V4 all types but null list a validity
 * buffer, in V5 unions and run-end encoded columns don't. */
struct ipc_layout ipc_layout_of(const struct ipc_field *field, enum ipc_version version,
                                bool as_values);

/* The least size in bytes of a fixed buffer of this kind in a column of `rows` (rows >= 0);
 * UINT64_MAX when it doesn't fit into 64 bits. */
uint64_t ipc_buffer_least_bytes(enum ipc_buffer_kind kind, uint32_t width, int64_t rows);

#endif
