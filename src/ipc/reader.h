/* SPDX-License-Identifier: Apache-2.0 */
/* IPC messages to the Arrow C Data interface. The reader keeps the dictionary state in force;
 * arrays are views of the message bodies (copied: deltas appended to dictionaries, decompressed
 * buffers, and bodies that don't lie at a multiple of 8). Every array keeps what it points into
 * alive and may outlive the reader; it may be released on any thread, its children too when moved
 * out. One reader, one thread. */
#ifndef IPC_READER_H
#define IPC_READER_H

#include "flightkv/arrow_abi.h"
#include "ipc/verify.h"

struct ipc_reader;

/* Beyond what verify.h promises: follow offsets, indices, run ends, type ids, views and UTF-8 of
 * every value, and refuse what would make a consumer leave its buffers (check.h). Dictionaries that
 * deltas are appended to are checked so without the flag too. */
enum { IPC_READER_CHECK_VALUES = 1 };

struct ipc_reader *ipc_reader_new(const struct alloc *alloc, const struct ipc_limits *limits,
                                  unsigned flags);
void ipc_reader_free(struct ipc_reader *reader);

/* Makes the reader as new, whatever it has read, but it still knows the schema
 * (ipc_verifier_restart). False: it isn't worth keeping, and can only be freed. */
bool ipc_reader_restart(struct ipc_reader *reader, unsigned flags);

/* Takes the next message; verifies as verify.h does. The reader takes its own references on `body`
 * (NULL for an empty one). For a record batch *ret_array is filled and *ret_is_batch true; schema
 * and dictionary messages give false. UNIMPLEMENTED for big-endian tables, and for unions of
 * metadata version V4 that are null by themselves. After a failure (FAILED_PRECONDITION then) the
 * reader takes no more messages. */
enum fkv_status ipc_reader_message(struct ipc_reader *reader, struct slice header,
                                   struct block *body, bool *ret_is_batch,
                                   struct ArrowArray *ret_array, struct fkv_error *error);

/* The same for a body that lies in parts, which the reader takes references on. A buffer must lie
 * in one of them, or between them; one that doesn't lie at a multiple of its values' width (8 bytes
 * at most) is copied. */
enum fkv_status ipc_reader_parts(struct ipc_reader *reader, struct slice header,
                                 const struct ipc_body *body, bool *ret_is_batch,
                                 struct ArrowArray *ret_array, struct fkv_error *error);

/* A copy of the schema as the C Data interface has it (format "+s"); FAILED_PRECONDITION before
 * the schema message was read. */
enum fkv_status ipc_reader_schema(const struct ipc_reader *reader, struct ArrowSchema *ret,
                                  struct fkv_error *error);

/* As ipc_verifier_end. */
enum fkv_status ipc_reader_end(struct ipc_reader *reader, struct fkv_error *error);

/* Schema alone. The result owns its memory. */
enum fkv_status ipc_export_schema(const struct alloc *alloc, const struct ipc_schema *schema,
                                  struct ArrowSchema *ret, struct fkv_error *error);

#endif
