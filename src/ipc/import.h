/* SPDX-License-Identifier: Apache-2.0 */
/* ArrowArray -> ipc_batch: a window of rows of a C Data array, cut down to what those rows need.
 *
 *     array->offset   relative start   length
 *     |---------------|================|------|      the window: w->start = offset + relative start
 *
 * By reference is what can be: values, data, views, offsets that begin at 0 and bitmaps that begin
 * at a byte. Copied are other bitmaps, offsets that must be rebased, and where the window isn't the
 * whole array dense-union and list-view offsets and run ends. Children are cut to the rows that the
 * window refers to. The cost doesn't depend on the number of rows when nothing of this is needed
 * and null counts are known.
 *
 * The C Data interface doesn't say how long buffers are, so that offsets are believed to point into
 * them; counts, pointers and ranges of children are checked. */
#ifndef IPC_IMPORT_H
#define IPC_IMPORT_H

#include "flightkv/arrow_abi.h"
#include "ipc/batch.h"
#include "ipc/integer.h"

/* The rows of `array`, a struct with a child for each column. `owner` keeps the array's memory
 * alive; every buffer takes a reference. Initialises *ret, which is to be given to ipc_batch_done
 * unless the call failed. INVALID_ARGUMENT names the field; top-level nulls are refused, because a
 * record batch can't say them. */
enum fkv_status ipc_import_batch(const struct alloc *alloc, const struct ipc_schema *schema,
                                 const struct ArrowArray *array, struct block *owner,
                                 struct ipc_batch *ret, struct fkv_error *error);

/* Values [start, start + length) of the dictionary of `field`. They are cut tightly, as if they
 * never were the whole array, so that equal values look equal wherever they were cut out; that
 * looks through list views, dense unions and views of binary and text. */
enum fkv_status ipc_import_values(const struct alloc *alloc, const struct ipc_field *field,
                                  const struct ArrowArray *array, int64_t start, int64_t length,
                                  struct block *owner, struct ipc_batch *ret,
                                  struct fkv_error *error);

/* Between import_array.c and import_nested.c. */
struct importer {
    const struct alloc *alloc;
    struct block *owner;
    struct ipc_batch *batch;
    bool is_tight;
    struct fkv_error *error;
};

struct window {
    const struct ipc_field *field;
    const struct ArrowArray *array;
    struct ipc_layout layout;
    int64_t start; /* from the beginning of the buffers */
    int64_t length;
    int64_t first, last; /* what the offsets of these rows span of the child or of the data */
};

/* Whether what offsets may point to anywhere can go as it is. */
static inline bool import_as_it_is(const struct importer *im, const struct window *w)
{
    return !im->is_tight && w->start == 0 && w->length == w->array->length;
}

/* INVALID_ARGUMENT: "column 'name': ArrowArray ..." */
enum fkv_status import_wrong(const struct importer *im, const struct ipc_field *field,
                             const char *what);

/* Opens rows [start, start + length) of `array`, not counting its offset, and checks its shape. */
enum fkv_status import_open(const struct importer *im, const struct ipc_field *field,
                            bool as_values, const struct ArrowArray *array, int64_t start,
                            int64_t length, struct window *ret);
/* Adds the column and its children. */
enum fkv_status import_column(const struct importer *im, const struct ipc_field *field,
                              bool as_values, const struct ArrowArray *array, int64_t start,
                              int64_t length);

/* Adds `count` items of `width` bytes from item `from` of the buffer, by reference. */
enum fkv_status import_items(const struct importer *im, const struct window *w, const void *buffer,
                             int64_t from, int64_t count, uint32_t width);

/* Buffers and children that a cut changes (import_nested.c). */
enum fkv_status import_views(const struct importer *im, struct window *w);
enum fkv_status import_list_view_offsets(const struct importer *im, struct window *w);
enum fkv_status import_dense_union(const struct importer *im, struct window *w);
enum fkv_status import_run_ends(const struct importer *im, struct window *w);

#endif
