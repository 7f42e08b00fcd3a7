/* SPDX-License-Identifier: Apache-2.0 */
/* The public calls for Arrow IPC files and streams, and for the errors of streams. */
#include "base/options.h"
#include "base/status.h"
#include "client/client.h"
#include "ipc/file.h"

enum fkv_status fkv_ipc_read(int fd, struct ArrowArrayStream *ret, struct fkv_error *error)
{
    const struct ipc_limits limits = IPC_LIMITS_DEFAULT;
    return ipc_file_read(alloc_system(), fd, &limits, ret, error);
}

struct reporting {
    fkv_progress_callback progress;
    void *context;
};

static bool report(void *context, const struct ipc_write_result *so_far)
{
    const struct reporting *reporting = context;
    if (reporting->progress == NULL)
        return true;
    const struct fkv_progress progress = {so_far->rows, so_far->batches, so_far->bytes};
    return reporting->progress(reporting->context, &progress);
}

static enum ipc_codec codec_of(enum fkv_compression compression)
{
    switch (compression) {
    case FKV_LZ4:
        return IPC_CODEC_LZ4;
    case FKV_ZSTD:
        return IPC_CODEC_ZSTD;
    case FKV_UNCOMPRESSED:
        break;
    }
    return IPC_CODEC_NONE;
}

enum fkv_status fkv_ipc_write(struct ArrowArrayStream *stream, int fd,
                              const struct fkv_ipc_write_options *options, struct fkv_progress *ret,
                              struct fkv_error *error)
{
    struct fkv_ipc_write_options given;
    enum fkv_status status =
        options_read(options, "fkv_ipc_write_options", &given, sizeof given, error);
    if (status != FKV_OK) {
        stream->release(stream);
        return status;
    }
    const struct ipc_writer_options writer = {.codec = codec_of(given.compression)};
    struct reporting reporting = {given.progress, given.progress_context};
    struct ipc_write_result written;
    status = ipc_file_write(alloc_system(), stream, fd,
                            given.format == FKV_IPC_FILE ? IPC_FILE_FILE : IPC_FILE_STREAM, &writer,
                            report, &reporting, &written, error);
    if (status == FKV_OK && ret != NULL)
        *ret = (struct fkv_progress){written.rows, written.batches, written.bytes};
    return status;
}

enum fkv_status fkv_stream_error(struct ArrowArrayStream *stream, struct fkv_error *error)
{
    bool is_ours;
    enum fkv_status status = client_stream_error(stream, &is_ours, error);
    if (!is_ours)
        status = client_streams_error(stream, &is_ours, error);
    if (is_ours)
        return status;
    const struct fkv_error *of_file = ipc_stream_error(stream);
    if (of_file == NULL)
        return FKV_UNKNOWN;
    if (of_file->status != FKV_OK && error != NULL)
        *error = *of_file;
    return of_file->status;
}
