/* SPDX-License-Identifier: Apache-2.0 */
/* Stored record batches given out in part: some of the columns, some of the rows, in messages of
 * bounded size.
 *
 *     ipc_cutter_begin(batch, rows)
 *     ipc_cutter_next -> PART* END          (MORE: call again, others may be served meanwhile)
 *
 * A batch of which all rows are wanted and that fits goes as one part whose buffers are the stored
 * ones, compressed as they are. Else it is decompressed, and cut (slice.h) into as few parts as the
 * limits allow. How many rows fit is found by trying: from an estimate, halved while too large,
 * more when there was room; an attempt stops at the limit, so that it never costs much more than a
 * part. Each call makes one attempt or decompresses some MiB at most, whatever the batch is like.
 *
 * The messages cut are trusted to have been verified (verify.h), their values aren't. One cutter,
 * one thread. */
#ifndef IPC_CUTTER_H
#define IPC_CUTTER_H

#include "ipc/batch.h"

struct ipc_cutter;

struct ipc_part {
    int64_t rows;
    bool is_first;       /* of its batch */
    struct slice header; /* valid, as are the pieces, until the next call on the cutter */
    const struct ipc_piece *pieces;
    size_t piece_count;
    uint64_t body_length;
};

enum ipc_cut { IPC_CUT_PART, IPC_CUT_MORE, IPC_CUT_END, IPC_CUT_FAIL };

/* `schema`: the table's Schema message, a verified one. `paths` as in project.h. */
enum fkv_status ipc_cutter_new(const struct alloc *alloc, const struct ipc_limits *limits,
                               struct slice schema, const struct slice *paths,
                               struct ipc_cutter **ret, struct fkv_error *error);
void ipc_cutter_free(struct ipc_cutter *cutter); /* NULL is allowed */

/* The Schema message of the projected columns. Valid as long as the cutter. */
struct slice ipc_cutter_schema(const struct ipc_cutter *cutter);

/* The dictionaries that the projected columns need: how many, and which of them `header`, a
 * dictionary batch's message, is for; false when it is for none. */
uint32_t ipc_cutter_dictionary_count(const struct ipc_cutter *cutter);
bool ipc_cutter_dictionary(const struct ipc_cutter *cutter, struct slice header,
                           uint32_t *ret_index, bool *ret_is_delta);

/* The rows [start, stop) of a record batch; start <= stop <= the batch's. `header` and the body,
 * kept alive by `owner`, must stay until the end of the batch. UNIMPLEMENTED when a big-endian
 * batch is to be cut. */
enum fkv_status ipc_cutter_begin(struct ipc_cutter *cutter, struct slice header, struct slice body,
                                 struct block *owner, int64_t start, int64_t stop,
                                 struct fkv_error *error);

/* The next part, of `bytes_max` bytes of header and body at most. INVALID_ARGUMENT for values that
 * lead out of their buffers, naming column and rows; RESOURCE_EXHAUSTED, naming the row, for one
 * that doesn't fit by itself. After IPC_CUT_FAIL the batch is over. */
enum ipc_cut ipc_cutter_next(struct ipc_cutter *cutter, uint64_t bytes_max, struct ipc_part *ret,
                             struct fkv_error *error);

#endif
