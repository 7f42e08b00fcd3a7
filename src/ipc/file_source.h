/* SPDX-License-Identifier: Apache-2.0 */
/* Exact reads from a descriptor, and one framed message at a time. The bodies of a memfd that is
 * sealed against writing and shrinking are mapped instead of read: its bytes can neither change nor
 * go away. */
#ifndef IPC_FILE_SOURCE_H
#define IPC_FILE_SOURCE_H

#include "base/block.h"
#include "base/buf.h"
#include "ipc/message.h"

struct file_source {
    const struct alloc *alloc;
    struct ipc_limits limits;
    int fd;
    bool is_regular;
    bool is_sealed;
    int64_t base;     /* regular: where the descriptor stood, offset 0 of ours */
    uint64_t size;    /* regular: bytes from there on; else UINT64_MAX */
    uint64_t offset;  /* of the next read */
    uint8_t ahead[8]; /* not regular: bytes looked at, to be read first */
    size_t ahead_size;
    struct buf header;  /* of the message read last */
    struct block *last; /* the body read last, in warm memory: used again when no array needs it */
    size_t last_size;   /* what it has room for */
};

/* One message: its header is valid until the next one, `body` is the caller's reference or NULL. */
struct file_message {
    struct slice header;
    struct block *body;
    uint64_t size; /* of all of it, prefix and padding too */
};

void file_source_init(struct file_source *source, const struct alloc *alloc, int fd,
                      const struct ipc_limits *limits);
void file_source_done(struct file_source *source); /* closes the descriptor */

/* Looks at the next bytes without reading them; gives how many there are, at most `size` <= 8. */
enum fkv_status file_source_peek(struct file_source *source, uint8_t *target, size_t size,
                                 size_t *ret, struct fkv_error *error);

/* Reads exactly `size` bytes; INVALID_ARGUMENT when there are fewer. */
enum fkv_status file_source_read(struct file_source *source, uint8_t *target, size_t size,
                                 struct fkv_error *error);

/* Reads to the end. The last `size` bytes, at most 8, are left in `tail`, zeros where there are
 * less. */
enum fkv_status file_source_drain(struct file_source *source, uint8_t *tail, size_t size,
                                  struct fkv_error *error);

/* The next message; *ret_is_end instead at the end of the stream, marked or not. */
enum fkv_status file_source_message(struct file_source *source, struct file_message *ret,
                                    bool *ret_is_end, struct fkv_error *error);

#endif
