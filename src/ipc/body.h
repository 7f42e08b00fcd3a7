/* SPDX-License-Identifier: Apache-2.0 */
/* A message's body for a reader: bytes that lie together, or, on the same-host path, parts of it
 * that lie in another process's memory, with the other bytes at their places between them.
 *
 *     body    |  part 0  | bytes |   part 1   |  part 2  | bytes |
 *     bytes   |  unused  | bytes |          unused       | bytes |    or none, when parts are all
 *
 * Borrowed; whoever keeps a slice of it takes a reference on the owner that comes with it. */
#ifndef IPC_BODY_H
#define IPC_BODY_H

#include "base/block.h"

struct ipc_body_part {
    uint64_t offset; /* in the body */
    struct slice bytes;
};

struct ipc_body {
    uint64_t size;
    struct slice bytes;                /* `size` ones, or none */
    struct block *owner;               /* of bytes */
    const struct ipc_body_part *parts; /* ascending, not overlapping, inside the body */
    size_t part_count;
    struct block *parts_owner;
};

/* NULL: an empty body. */
struct ipc_body ipc_body_of_block(struct block *block);
struct ipc_body ipc_body_of_slice(struct slice bytes, struct block *owner);

/* The bytes [offset, offset + size) of the body, size > 0, inside it. False when they don't lie in
 * one piece. *ret_owner is borrowed. */
bool ipc_body_find(const struct ipc_body *body, uint64_t offset, uint64_t size, struct slice *ret,
                   struct block **ret_owner);

#endif
