/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies the messages of one table as they arrive: untrusted bytes in, a promise out. What is
 * promised after a whole stream was accepted:
 *   - the first message is a schema (schema.h), and no other one is;
 *   - all messages have the schema's metadata version;
 *   - every record batch has exactly the nodes and buffers that the schema's layout asks for, with
 *     0 <= null_count <= length, lengths of children consistent with their parent where the layout
 *     fixes them, every buffer inside the body, at an offset that is a multiple of 8, not shorter
 *     than its layout needs, buffers in the order of the list and not overlapping (empty ones may
 *     have any offset);
 *   - compressed buffers claim sizes that their layout needs and the limits allow;
 *   - dictionary batches name an id of the schema; a delta has something to append to; a record
 *     batch comes after every dictionary of the schema. Among each other they may come in any
 *     order, since readers resolve inner ones when a record batch needs them.
 * Values inside buffers are never read. One verifier, one thread.
 */
#ifndef IPC_VERIFY_H
#define IPC_VERIFY_H

#include "ipc/body.h"
#include "ipc/message.h"

struct ipc_verifier;

/* NULL when out of memory. `limits` is copied. */
struct ipc_verifier *ipc_verifier_new(const struct alloc *alloc, const struct ipc_limits *limits);
void ipc_verifier_free(struct ipc_verifier *verifier);

/* After a stream without an error, to take another one from its beginning. Its schema, when it has
 * the same bytes, isn't decoded again. False: that schema is too large to be kept. */
enum { ipc_verifier_kept_bytes_max = 64 << 10 };
bool ipc_verifier_restart(struct ipc_verifier *verifier);

/* The next message's header, before its body: `ret` is filled for the caller (a view of `header`).
 * After an error the verifier must not be used any more. INVALID_ARGUMENT; RESOURCE_EXHAUSTED for
 * limits and memory. */
enum fkv_status ipc_verifier_header(struct ipc_verifier *verifier, struct slice header,
                                    struct ipc_message *ret, struct fkv_error *error);

/* The body of the message just accepted (reads only the sizes that compressed buffers claim).
 * body.size must equal the message's body_length; a body that is longer or shorter is refused. */
enum fkv_status ipc_verifier_body(struct ipc_verifier *verifier, const struct ipc_message *message,
                                  struct slice body, struct fkv_error *error);

/* The same for a body in parts: a compressed buffer that doesn't lie in one piece is refused. */
enum fkv_status ipc_verifier_parts(struct ipc_verifier *verifier, const struct ipc_message *message,
                                   const struct ipc_body *body, struct fkv_error *error);

/* At the end of the stream: a schema was seen, and the dictionaries are complete or all absent. */
enum fkv_status ipc_verifier_end(struct ipc_verifier *verifier, struct fkv_error *error);

/* The schema seen; NULL before. Lives as long as the verifier. */
const struct ipc_schema *ipc_verifier_schema(const struct ipc_verifier *verifier);

#endif
