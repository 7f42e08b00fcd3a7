/* SPDX-License-Identifier: Apache-2.0 */
/* The Arrow C Data interface to IPC messages, by reference: a message is a header (flatbuffer) and
 * a list of pieces of the caller's own buffers with padding between them. Copied are only what a
 * slice makes unavoidable (import.h), and compressed buffers.
 *
 *     ipc_writer_push(w, &array);          takes the array over
 *     while (ipc_writer_next(w, &message)) dictionaries that changed first, then the batch
 *         send it
 *
 * Dictionaries get their ids in the order of their fields. The first batch is preceded by all of
 * them, inner ones first; later ones are sent again (as replacements; a dictionary that only grew:
 * as a delta when asked for) only when they changed, with all that hold a replaced one inside. The
 * writer keeps the array that a dictionary last came with, to compare.
 * Metadata version V5. One writer, one thread; a message's pieces stay valid as long as their
 * owners, whatever happens to the writer. */
#ifndef IPC_WRITER_H
#define IPC_WRITER_H

#include "flightkv/arrow_abi.h"
#include "ipc/batch.h"

struct ipc_writer;

struct ipc_out {
    enum ipc_kind kind;
    int64_t rows;
    struct slice header;            /* valid until the next call on the writer */
    const struct ipc_piece *pieces; /* the array too; references are the writer's until then */
    size_t piece_count;
    uint64_t body_length;  /* the sum of the pieces */
    int64_t dictionary_id; /* IPC_KIND_DICTIONARY */
    bool is_delta;
};

struct ipc_writer_options {
    enum ipc_codec codec; /* IPC_CODEC_NONE, or compress every buffer's body */
    uint32_t alignment;   /* of each buffer in the body: 8 to 64, a power of 2; 0 = 64 */
    bool dictionary_deltas;
};

/* Imports the schema (format "+s"; copied). INVALID_ARGUMENT names the field whose format string
 * or children are wrong. */
enum fkv_status ipc_writer_new(const struct alloc *alloc, const struct ArrowSchema *schema,
                               const struct ipc_writer_options *options, struct ipc_writer **ret,
                               struct fkv_error *error);
void ipc_writer_free(struct ipc_writer *writer);

/* The Schema message's header; its body is empty. Valid as long as the writer. */
struct slice ipc_writer_schema(const struct ipc_writer *writer);

/* Takes `array` over (also on failure; it is released when nothing refers to it any more).
 * Messages not yet taken by ipc_writer_next stay in the queue before the new ones; after a failure
 * there may be dictionaries among them, which the stream needs, but no batch. INVALID_ARGUMENT
 * names the column whose array doesn't fit the schema; nulls at the top level are refused. */
enum fkv_status ipc_writer_push(struct ipc_writer *writer, struct ArrowArray *array,
                                struct fkv_error *error);

/* The next message of what was pushed; false when there is none left. */
bool ipc_writer_next(struct ipc_writer *writer, struct ipc_out *ret);

/* ArrowSchema -> the header of its Schema message, into an empty buffer, and struct ipc_schema; for
 * callers that need only that. */
enum fkv_status ipc_import_schema(const struct alloc *alloc, const struct ArrowSchema *schema,
                                  struct buf *ret_header, struct ipc_schema **ret,
                                  struct fkv_error *error);

#endif
