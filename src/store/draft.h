/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a table while it grows: where headers, metadata and bodies are put.
 *
 *     packed    one heap allocation that doubles from 512 B to 64 KiB: what is small, until it is
 *               full. All there is of a small table.
 *     extents   of the arena: bodies of store_extent_bytes_least and more, and whatever no longer
 *               fits `packed`. One extent, the open one, has room left; bodies go into it back to
 *               back at multiples of 64 bytes, so that rounding to pages costs once an extent and
 *               not once a body.
 *
 * An extent that is to be shared is as large as the draft is already, 4 MiB at most: a draft never
 * holds much more than it has been given. What is left of the open extent goes back when another
 * one becomes the open one, and in the end.
 *
 * Pointers into `packed` move when it grows; the index is set right each time. One thread. */
#ifndef STORE_DRAFT_H
#define STORE_DRAFT_H

#include "store/schemas.h"
#include "store/store.h"

/* One message of the index. */
struct entry {
    const uint8_t *header; /* the app_metadata follows at once */
    const uint8_t *body;
    uint64_t body_size;
    int64_t rows;
    uint32_t header_size;
    uint32_t app_size : 28;
    uint32_t kind : 3;
    uint32_t has_app : 1;
};

_Static_assert(sizeof(struct entry) == 40, "10,000 small batches are to cost little else");

enum {
    draft_packed_least = 512,
    draft_packed_most = 64 << 10,
    draft_extent_most = 4 << 20, /* of a shared extent */
    draft_app_size_most = (1 << 28) - 1,
    draft_kind_most = 7,
};

/* How far a draft was, for taking the message back that came after. */
struct draft_mark {
    size_t extent_count;
    size_t open, open_used;
    size_t packed_used;
    uint64_t stored_bytes;
    uint64_t dictionary_end;
};

struct draft {
    struct heap *heap;
    struct entry *entries;
    size_t entry_count, entry_capacity;
    struct arena_extent *extents;
    size_t extent_count, extent_capacity;
    size_t open; /* index of the open extent; there is none while extent_count is 0 */
    size_t open_used;
    uint8_t *packed;
    size_t packed_used, packed_size;
    uint64_t stored_bytes;   /* all that has been placed */
    uint64_t dictionary_end; /* behind the last message of STORE_DICTIONARY; 0: there is none */
    struct draft_mark last;  /* before the last message */
    /* Where the last message's body is: an extent's index, draft_in_packed for none. */
    size_t body_extent;
    size_t body_offset;
};

#define draft_in_packed SIZE_MAX

void draft_init(struct draft *draft, struct heap *heap);
void draft_done(struct draft *draft); /* gives back all that is still the draft's */

/* Appends a message with room for its body; not digested, not counted. When `shared_header` isn't
 * NULL the header is there already, and there is no app_metadata. RESOURCE_EXHAUSTED. */
enum fkv_status draft_append(struct draft *draft, const struct store_message *message,
                             const uint8_t *shared_header, size_t body_bytes, uint8_t **ret_body,
                             struct fkv_error *error);

/* Takes the last message back, and what memory it had; once after each append. */
void draft_undo(struct draft *draft);

/* Moves the last message before the one at `index`. */
void draft_move_last(struct draft *draft, size_t index);

/* Takes the first message out of the index; its bytes stay. */
void draft_drop_first(struct draft *draft);

/* Gives a message another header; its app_metadata stays. RESOURCE_EXHAUSTED. */
enum fkv_status draft_set_header(struct draft *draft, size_t index, struct slice header,
                                 struct fkv_error *error);

/* Makes the first `bytes` bytes of the last body writable. */
enum fkv_status draft_room(struct draft *draft, size_t bytes, struct fkv_error *error);

/* Gives unused pages back; nothing may be appended any more. */
void draft_close(struct draft *draft);

/* Moves the entries that point into `from` to the same place in `to`. */
void draft_rebase(struct entry *entries, size_t count, const uint8_t *from, size_t size,
                  const uint8_t *to);

struct store_message draft_message(const struct entry *entry);

#endif
