/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/batch.h"

#include "base/status.h"

/* 2^32 bytes of nodes or buffers are more than any header within ipc/limits.h can name. */
static const size_t list_bytes_max = (size_t)1 << 32;

_Alignas(64) const uint8_t ipc_zeros[64];

void ipc_batch_init(struct ipc_batch *batch, const struct alloc *alloc)
{
    batch->rows = 0;
    buf_init(&batch->nodes, alloc, list_bytes_max);
    buf_init(&batch->buffers, alloc, list_bytes_max);
    buf_init(&batch->variadic, alloc, list_bytes_max);
}

void ipc_batch_done(struct ipc_batch *batch)
{
    for (uint32_t i = 0; i < ipc_batch_buffer_count(batch); i++)
        block_unref(ipc_batch_buffers(batch)[i].owner);
    buf_done(&batch->nodes);
    buf_done(&batch->buffers);
    buf_done(&batch->variadic);
}

void ipc_batch_add_node(struct ipc_batch *batch, int64_t length, int64_t null_count)
{
    struct ipc_node node = {.length = length, .null_count = null_count};
    buf_append(&batch->nodes, &node, sizeof node);
}

void ipc_batch_add_buffer(struct ipc_batch *batch, struct slice bytes, struct block *owner)
{
    struct ipc_piece piece = {.bytes = bytes, .owner = owner};
    if (buf_append(&batch->buffers, &piece, sizeof piece) && owner != NULL)
        block_ref(owner);
}

void ipc_batch_add_block(struct ipc_batch *batch, struct block *block)
{
    if (block == NULL) {
        batch->buffers.failed = true;
        return;
    }
    ipc_batch_add_buffer(batch, block_slice(block), block);
    block_unref(block);
}

void ipc_batch_add_variadic(struct ipc_batch *batch, int64_t count)
{
    buf_append(&batch->variadic, &count, sizeof count);
}

enum fkv_status ipc_batch_status(const struct ipc_batch *batch, struct fkv_error *error)
{
    if (batch->nodes.failed || batch->buffers.failed || batch->variadic.failed)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "out of memory for the buffers of a batch of %lld rows",
                          (long long)batch->rows);
    return FKV_OK;
}

struct ipc_column ipc_cursor_next(struct ipc_cursor *cursor, const struct ipc_field *field,
                                  bool as_values)
{
    struct ipc_column column = {
        .field = field,
        .layout = ipc_layout_of(field, IPC_V5, as_values),
        .node = ipc_batch_nodes(cursor->batch)[cursor->node++],
        .buffers = ipc_batch_buffers(cursor->batch) + cursor->buffer,
    };
    if (column.layout.is_variadic)
        column.variadic_count = ipc_batch_variadic(cursor->batch)[cursor->variadic++];
    cursor->buffer += column.layout.count + (uint32_t)column.variadic_count;
    return column;
}

static bool bits_equal(struct slice a, struct slice b, int64_t count)
{
    if (a.size == 0 || b.size == 0)
        return a.size == b.size;
    size_t whole = (size_t)(count / 8);
    if (memcmp(a.data, b.data, whole) != 0)
        return false;
    unsigned last = (1u << (count & 7)) - 1;
    return last == 0 || ((a.data[whole] ^ b.data[whole]) & last) == 0;
}

static bool columns_equal(const struct ipc_column *a, const struct ipc_column *b)
{
    if (a->node.length != b->node.length || a->node.null_count != b->node.null_count ||
        a->variadic_count != b->variadic_count)
        return false;
    for (int64_t i = 0; i < a->layout.count + a->variadic_count; i++) {
        struct slice left = a->buffers[i].bytes, right = b->buffers[i].bytes;
        if (left.data == right.data && left.size == right.size)
            continue;
        bool is_bits = i < a->layout.count && (a->layout.kinds[i] == IPC_BUFFER_VALIDITY ||
                                               a->layout.kinds[i] == IPC_BUFFER_BITS);
        if (is_bits ? !bits_equal(left, right, a->node.length) : !slice_equal(left, right))
            return false;
    }
    return true;
}

bool ipc_batch_equal(const struct ipc_batch *a, const struct ipc_batch *b,
                     const struct ipc_field *field, bool as_values)
{
    struct ipc_cursor left = {.batch = a}, right = {.batch = b};
    for (const struct ipc_field *end = ipc_field_after(field); field < end; as_values = false) {
        struct ipc_column l = ipc_cursor_next(&left, field, as_values);
        struct ipc_column r = ipc_cursor_next(&right, field, as_values);
        if (!columns_equal(&l, &r))
            return false;
        field = ipc_column_after(field, &l.layout);
    }
    return true;
}

static unsigned ones_in(uint64_t word)
{
    return (unsigned)__builtin_popcountll(word);
}

int64_t ipc_bits_count(const uint8_t *bits, int64_t from, int64_t count)
{
    int64_t ones = 0, i = from, end = from + count;
    for (; i < end && (i & 7) != 0; i++)
        ones += ipc_bit(bits, i);
    for (; end - i >= 64; i += 64)
        ones += ones_in(load_le64(bits + (i >> 3)));
    for (; i < end; i++)
        ones += ipc_bit(bits, i);
    return ones;
}

/* Eight bits from `from` on; those at and after `end` are 0. */
static uint8_t byte_at(const uint8_t *bits, int64_t from, int64_t end)
{
    unsigned shift = (unsigned)(from & 7), left = end - from < 8 ? (unsigned)(end - from) : 8;
    unsigned byte = bits[from >> 3] >> shift;
    if (shift + left > 8)
        byte |= (unsigned)bits[(from >> 3) + 1] << (8 - shift);
    return (uint8_t)(byte & ((1u << left) - 1));
}

void ipc_bits_copy(uint8_t *target, int64_t to, const uint8_t *bits, int64_t from, int64_t count)
{
    int64_t end = from + count;
    unsigned shift = (unsigned)(to & 7);
    for (uint8_t *p = target + (to >> 3); from < end; from += 8, p++) {
        unsigned byte = (unsigned)byte_at(bits, from, end) << shift;
        p[0] |= (uint8_t)byte;
        if (byte > 0xff)
            p[1] |= (uint8_t)(byte >> 8);
    }
}
