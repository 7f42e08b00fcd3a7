/* SPDX-License-Identifier: Apache-2.0 */
/* Arrow IPC files and streams on a file descriptor, as ArrowArrayStreams.
 * Formats: "IPC Streaming Format" and "IPC File Format", docs/format/Columnar.rst. */
#ifndef IPC_FILE_H
#define IPC_FILE_H

#include "ipc/reader.h"
#include "ipc/writer.h"

enum ipc_file_format { IPC_FILE_STREAM, IPC_FILE_FILE };

/* Reads a stream or a file (told apart by its first bytes, "ARROW1\0\0") from `fd`, which the
 * stream takes over and closes. Reads piecewise: holds one batch, and the dictionaries. A file
 * that can't be sought is read front to back as the stream that it contains; the footer is checked
 * against it where it can be. Legacy framing (no continuation marker) is read too. Errors of the
 * stream: ipc_stream_error. */
enum fkv_status ipc_file_read(const struct alloc *alloc, int fd, const struct ipc_limits *limits,
                              struct ArrowArrayStream *ret, struct fkv_error *error);

/* Takes `stream` over, writes all of it to `fd` (not closed). `progress` (may be NULL) is told the
 * bytes written so far after every batch; it answers false to cancel (CANCELLED). */
struct ipc_write_result {
    uint64_t rows;
    uint64_t batches;
    uint64_t bytes;
};

enum fkv_status ipc_file_write(const struct alloc *alloc, struct ArrowArrayStream *stream, int fd,
                               enum ipc_file_format format,
                               const struct ipc_writer_options *options,
                               bool (*progress)(void *context, const struct ipc_write_result *so_far),
                               void *context, struct ipc_write_result *ret,
                               struct fkv_error *error);

#endif
