/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/body.h"

struct ipc_body ipc_body_of_slice(struct slice bytes, struct block *owner)
{
    return (struct ipc_body){.size = bytes.size, .bytes = bytes, .owner = owner};
}

struct ipc_body ipc_body_of_block(struct block *block)
{
    struct slice none = {NULL, 0};
    return ipc_body_of_slice(block == NULL ? none : block_slice(block), block);
}

/* How many parts begin at `offset` or before it. */
static size_t parts_until(const struct ipc_body *body, uint64_t offset)
{
    size_t low = 0, high = body->part_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (body->parts[middle].offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool ipc_body_find(const struct ipc_body *body, uint64_t offset, uint64_t size, struct slice *ret,
                   struct block **ret_owner)
{
    size_t next = parts_until(body, offset);
    if (next > 0) {
        const struct ipc_body_part *part = &body->parts[next - 1];
        if (slice_holds(part->bytes, offset - part->offset, size)) {
            *ret = slice_part(part->bytes, (size_t)(offset - part->offset), (size_t)size);
            *ret_owner = body->parts_owner;
            return true;
        }
        if (offset - part->offset < part->bytes.size)
            return false;
    }
    if (next < body->part_count && size > body->parts[next].offset - offset)
        return false;
    if (!slice_holds(body->bytes, offset, size))
        return false;
    *ret = slice_part(body->bytes, (size_t)offset, (size_t)size);
    *ret_owner = body->owner;
    return true;
}
