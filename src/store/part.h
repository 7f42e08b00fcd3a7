/* SPDX-License-Identifier: Apache-2.0 */
/* What tables are made of. A put's messages lie in one leaf; a table that was appended to shares
 * the leaves of the one before and has one more. Joints above them keep the way to a message short.
 *
 *     roots    [ joint, rank 2          ]  [ joint, rank 1 ]  [ leaf ]
 *                 |              |            |        |
 *              [ rank 1 ]     [ rank 1 ]    [ leaf ] [ leaf ]
 *               |      |       |      |
 *             [leaf] [leaf]  [leaf] [leaf]
 *
 * A table has roots of falling ranks, as a binary number has ones; appending is adding one: two
 * roots of equal rank get a joint. So n appends make n joints at most, one append takes references
 * on log n parts, a message is found in log n steps, and no message is ever copied or moved.
 *
 * A leaf lies in one allocation, exactly as large as it must be:
 *
 *     struct part | entries | extents | extra | (to 64) | packed
 *
 * See draft.h about the last one and the extents. `extra` has room for the table itself, where that
 * was made by one put: it stays as long as the leaf.
 *
 * Parts are immutable and counted; any thread. */
#ifndef STORE_PART_H
#define STORE_PART_H

#include "store/draft.h"

struct part {
    struct block block;
    struct store *store;
    uint64_t messages;       /* of all leaves below, as are the next two */
    uint64_t dictionary_end; /* behind the last message of STORE_DICTIONARY; 0: there is none */
    uint64_t memory_bytes;   /* charged */
    unsigned rank;           /* 0: a leaf */
    union {
        struct part *halves[2];
        struct {
            const struct entry *entries;
            struct arena_extent *extents;
            size_t extent_count;
            struct schema *schema; /* NULL when no entry's header is a shared one */
        } leaf;
    };
};

enum { part_roots_max = 64 };

/* A leaf of the draft's messages. Extents and schema stay the draft's until part_own, so that the
 * leaf can be dropped again. `extra_bytes` of room, aligned to 8, are at *ret_extra. */
enum fkv_status part_new(struct store *store, const struct draft *draft, size_t extra_bytes,
                         struct part **ret, void **ret_extra, struct fkv_error *error);
void part_own(struct part *leaf, struct draft *draft, struct schema *schema);
void part_unref(struct part *part); /* NULL is allowed */

/* Adds a leaf behind the roots, and makes joints. Takes the leaf over, also on failure; the roots
 * are then fewer, but all references that were in the array still are. */
enum fkv_status part_add(struct part *roots[part_roots_max], size_t *count, struct part *leaf,
                         struct fkv_error *error);

/* index < part->messages */
const struct entry *part_entry(const struct part *part, uint64_t index);

/* The last dictionary among the messages before `end`, counted from 1; 0 when there is none. */
uint64_t part_last_dictionary(const struct part *part, uint64_t end);

#endif
