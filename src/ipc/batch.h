/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of one record batch or dictionary batch taken apart: nodes and buffers in pre-order,
 * as metadata version V5 lists them, each buffer with an owner that keeps its bytes alive. It is
 * what lies in the middle of everything here:
 *
 *     message --reader--> batch --export--> ArrowArray
 *     ArrowArray --import--> batch --writer--> message
 *     batch + batch --dictionary_concat--> batch        (deltas)
 *     batch --check--> do its values stay inside its buffers?
 */
#ifndef IPC_BATCH_H
#define IPC_BATCH_H

#include "base/block.h"
#include "base/buf.h"
#include "ipc/layout.h"
#include "ipc/message.h"

struct ipc_piece {
    struct slice bytes;
    struct block *owner; /* keeps the bytes alive; NULL for static ones (padding) */
};

/* Additions may be made in a run and checked once at its end by ipc_batch_status. */
struct ipc_batch {
    int64_t rows;
    struct buf nodes;    /* of struct ipc_node */
    struct buf buffers;  /* of struct ipc_piece; one reference on each owner is the batch's */
    struct buf variadic; /* of int64_t: one count for each column of views */
};

void ipc_batch_init(struct ipc_batch *batch, const struct alloc *alloc);
void ipc_batch_done(struct ipc_batch *batch);

void ipc_batch_add_node(struct ipc_batch *batch, int64_t length, int64_t null_count);
/* Takes a reference of its own on `owner`, which may be NULL. */
void ipc_batch_add_buffer(struct ipc_batch *batch, struct slice bytes, struct block *owner);
/* Takes the caller's only reference on `block` (also on failure; NULL counts as no memory). */
void ipc_batch_add_block(struct ipc_batch *batch, struct block *block);
void ipc_batch_add_variadic(struct ipc_batch *batch, int64_t count);
enum fkv_status ipc_batch_status(const struct ipc_batch *batch, struct fkv_error *error);

/* 64 zero bytes, for padding and for buffers that must be there and are empty. */
extern const uint8_t ipc_zeros[64];

static inline uint32_t ipc_batch_node_count(const struct ipc_batch *batch)
{
    return (uint32_t)(batch->nodes.size / sizeof(struct ipc_node));
}

static inline uint32_t ipc_batch_buffer_count(const struct ipc_batch *batch)
{
    return (uint32_t)(batch->buffers.size / sizeof(struct ipc_piece));
}

static inline uint32_t ipc_batch_variadic_count(const struct ipc_batch *batch)
{
    return (uint32_t)(batch->variadic.size / sizeof(int64_t));
}

static inline const struct ipc_node *ipc_batch_nodes(const struct ipc_batch *batch)
{
    return (const void *)batch->nodes.data;
}

static inline const struct ipc_piece *ipc_batch_buffers(const struct ipc_batch *batch)
{
    return (const void *)batch->buffers.data;
}

static inline const int64_t *ipc_batch_variadic(const struct ipc_batch *batch)
{
    return (const void *)batch->variadic.data;
}

/* One column's share of a batch, without its children. */
struct ipc_column {
    const struct ipc_field *field;
    struct ipc_layout layout;
    struct ipc_node node;
    const struct ipc_piece *buffers; /* layout.count of them, then the variadic ones */
    int64_t variadic_count;
};

/* A place in a batch that was made for the fields which the caller now walks in pre-order. */
struct ipc_cursor {
    const struct ipc_batch *batch;
    uint32_t node;
    uint32_t buffer;
    uint32_t variadic;
};

/* The next column; `as_values` as in layout.h. */
struct ipc_column ipc_cursor_next(struct ipc_cursor *cursor, const struct ipc_field *field,
                                  bool as_values);

/* Whether two batches of one column hold the same nodes and bytes: then the same values, and only
 * seldom the other way round (what lies under nulls is compared too). */
bool ipc_batch_equal(const struct ipc_batch *a, const struct ipc_batch *b,
                     const struct ipc_field *field, bool as_values);

/* The field of the column that follows this one's in pre-order, children first where they are in
 * the batch. */
static inline const struct ipc_field *ipc_column_after(const struct ipc_field *field,
                                                       const struct ipc_layout *layout)
{
    return layout->has_children ? field + 1 : ipc_field_after(field);
}

/* Bits [from, from + count) of a bitmap. */
static inline bool ipc_bit(const uint8_t *bits, int64_t index)
{
    return bits[index >> 3] >> (index & 7) & 1;
}
int64_t ipc_bits_count(const uint8_t *bits, int64_t from, int64_t count);
/* Copies them to bit `to` on of `target`, whose bits from there on are zero. */
void ipc_bits_copy(uint8_t *target, int64_t to, const uint8_t *bits, int64_t from, int64_t count);

#endif
