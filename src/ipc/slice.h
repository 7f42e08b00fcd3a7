/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a batch as a batch of their own, by reference where that can be.
 *
 *     copied       offsets of lists, text and binary that don't begin at 0, bitmaps that don't
 *                  begin at a byte, run ends, offsets of dense unions and of list views
 *     referred to  all else; children are cut to what the rows span of them
 *
 * The batch's structure was verified (verify.h), its values weren't: every offset and run end that
 * is followed is checked first. Null counts are counted. */
#ifndef IPC_SLICE_H
#define IPC_SLICE_H

#include "ipc/batch.h"

struct ipc_slice_limits {
    uint64_t body_bytes_max; /* what the result may take in a message's body */
    uint64_t work_bytes_max; /* what may be looked at and copied */
    /* Copy the data of views together instead of referring to all of their data buffers, where
     * that makes the result smaller. */
    bool compacts_views;
};

/* Rows [start, start + length), which must be inside. `batch` has the layout of the schema's
 * metadata version, nothing compressed, little-endian. When a limit is passed *ret_is_too_large is
 * set, else *ret initialised. INVALID_ARGUMENT names the column; RESOURCE_EXHAUSTED. */
enum fkv_status ipc_slice(const struct alloc *alloc, const struct ipc_schema *schema,
                          const struct ipc_batch *batch, int64_t start, int64_t length,
                          const struct ipc_slice_limits *limits, bool *ret_is_too_large,
                          struct ipc_batch *ret, struct fkv_error *error);

/* Between slice.c and slice_nested.c. */

struct slicer {
    const struct alloc *alloc;
    enum ipc_version version;
    struct ipc_cursor cursor; /* into the batch that is cut */
    struct ipc_batch *out;
    const struct ipc_slice_limits *limits;
    uint64_t body_bytes, work_bytes; /* so far */
    struct fkv_error *error;
};

struct cut {
    const struct ipc_field *field;
    struct ipc_layout layout;
    struct ipc_node node;
    const struct ipc_piece *buffers;
    int64_t variadic_count;
    const uint8_t *validity; /* NULL: none is null */
    int64_t start, length;
    int64_t first, last; /* what the offsets of these rows span of the child or of the data */
};

/* INVALID_ARGUMENT: "column 'name', rows 10 to 20: what" */
enum fkv_status slice_wrong(const struct slicer *s, const struct cut *cut, const char *what);

/* The next column of the batch, to be cut to these rows. */
enum fkv_status slice_open(struct slicer *s, const struct ipc_field *field, int64_t start,
                           int64_t length, struct cut *ret);
/* Adds the next column and its children. */
enum fkv_status slice_column(struct slicer *s, const struct ipc_field *field, int64_t start,
                             int64_t length);

/* OUT_OF_RANGE, which never leaves ipc_slice: a limit is passed. */
enum fkv_status slice_work(struct slicer *s, uint64_t bytes);

/* Items [from, from + count) of `width` bytes of fixed buffer `index`, which must be there. */
enum fkv_status slice_items(const struct slicer *s, const struct cut *cut, int index, int64_t from,
                            int64_t count, uint32_t width, const uint8_t **ret);
/* Adds them by reference. */
enum fkv_status slice_refer(struct slicer *s, const struct cut *cut, int index, int64_t from,
                            int64_t count, uint32_t width);
/* Adds a buffer of `size` bytes for the caller to fill. */
enum fkv_status slice_copy(struct slicer *s, uint64_t size, uint8_t **ret);
enum fkv_status slice_add(struct slicer *s, struct slice bytes, struct block *owner);

enum fkv_status slice_views(struct slicer *s, const struct cut *cut, int index);
enum fkv_status slice_list_views(struct slicer *s, struct cut *cut, int index, uint32_t width);
enum fkv_status slice_dense_union(struct slicer *s, const struct cut *cut);
enum fkv_status slice_run_ends(struct slicer *s, const struct cut *cut);

#endif
