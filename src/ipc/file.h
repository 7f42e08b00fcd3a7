/* SPDX-License-Identifier: Apache-2.0 */
/* Arrow IPC files and streams on a file descriptor, as ArrowArrayStreams.
 * Formats: "IPC Streaming Format" and "IPC File Format", docs/format/Columnar.rst. */
#ifndef IPC_FILE_H
#define IPC_FILE_H

#include "ipc/reader.h"
#include "ipc/writer.h"

enum ipc_file_format { IPC_FILE_STREAM, IPC_FILE_FILE };

/* Reads a stream or a file (told apart by its first bytes, "ARROW1\0\0") from `fd`, from where it
 * stands; the stream takes it over, also on failure, and closes it. The schema is read at once,
 * the rest piecewise: held are one batch, and the dictionaries. A regular file in file format is
 * read as its footer says, all dictionaries first; one that can't be sought is read front to back
 * as the stream that it contains. Lengths are checked against the size of a regular file before
 * memory is asked for. Legacy framing (no continuation marker) is read too. All values are checked
 * (IPC_READER_CHECK_VALUES). */
enum fkv_status ipc_file_read(const struct alloc *alloc, int fd, const struct ipc_limits *limits,
                              struct ArrowArrayStream *ret, struct fkv_error *error);

/* Why the last callback of such a stream failed, in full (get_next only gives an errno code); its
 * status is FKV_OK when nothing failed. NULL when the stream isn't one of ipc_file_read. Valid as
 * long as the stream. */
const struct fkv_error *ipc_stream_error(const struct ArrowArrayStream *stream);

struct ipc_write_result {
    uint64_t rows;
    uint64_t batches;
    uint64_t bytes;
};

/* Takes `stream` over (also on failure), writes all of it to `fd` (not closed; blocking or not).
 * `progress` (may be NULL) is told what was written after every batch; it answers false to cancel
 * (CANCELLED). The file format can't replace a dictionary: a stream in which one changes otherwise
 * than by growing (with `dictionary_deltas`) is UNIMPLEMENTED there. RESOURCE_EXHAUSTED when there
 * is no room left on the device. */
enum fkv_status ipc_file_write(const struct alloc *alloc, struct ArrowArrayStream *stream, int fd,
                               enum ipc_file_format format,
                               const struct ipc_writer_options *options,
                               bool (*progress)(void *context,
                                                const struct ipc_write_result *so_far),
                               void *context, struct ipc_write_result *ret,
                               struct fkv_error *error);

#endif
