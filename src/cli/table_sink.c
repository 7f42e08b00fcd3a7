/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table_sink.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"
#include "cli/export.h"

static enum fkv_status ipc_compression(const char *name, enum fkv_compression *ret,
                                       struct fkv_error *error)
{
    if (name == NULL || strcmp(name, "none") == 0)
        *ret = FKV_UNCOMPRESSED;
    else if (strcmp(name, "lz4") == 0)
        *ret = FKV_LZ4;
    else if (strcmp(name, "zstd") == 0)
        *ret = FKV_ZSTD;
    else
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "Arrow IPC knows no compression '%s'; expected lz4, zstd or none", name);
    return FKV_OK;
}

static enum fkv_status check_parquet_compression(const char *name, struct fkv_error *error)
{
    static const char *const names[] = {"snappy", "zstd", "gzip", "lz4", "brotli", "none"};
    for (size_t i = 0; name != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0)
            return FKV_OK;
    }
    if (name == NULL)
        return FKV_OK;
    return status_set(error, FKV_INVALID_ARGUMENT,
                      "Parquet knows no compression '%s'; expected snappy, zstd, gzip, lz4, brotli "
                      "or none",
                      name);
}

static enum fkv_status check_compression(enum table_format format, const char *name,
                                         struct fkv_error *error)
{
    enum fkv_compression ignored;
    if (format == TABLE_PARQUET)
        return check_parquet_compression(name, error);
    if (format == TABLE_IPC_FILE || format == TABLE_IPC_STREAM)
        return ipc_compression(name, &ignored, error);
    if (name == NULL || strcmp(name, "none") == 0)
        return FKV_OK;
    return status_set(error, FKV_INVALID_ARGUMENT,
                      "CSV and JSON are written uncompressed; '%s' can be had in Parquet or Arrow "
                      "IPC, or pipe them into a compressor",
                      name);
}

static enum fkv_status refuse_name(const char *path, struct fkv_error *error)
{
    struct stat about;
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "cannot write '%s': it is a folder, expected a file ending "
                          "in " TABLE_ENDINGS,
                          path);
    return status_set(error, FKV_INVALID_ARGUMENT,
                      "the name '%s' doesn't say which format is wanted; expected one ending "
                      "in " TABLE_ENDINGS "; get takes --format, too",
                      path);
}

enum fkv_status table_sink_init(const char *path, enum table_format format, const char *compression,
                                struct table_sink *ret, struct fkv_error *error)
{
    bool is_stdout = path == NULL || strcmp(path, "-") == 0;
    struct table_sink sink = {.path = is_stdout ? NULL : path, .compression = compression};
    if (is_stdout && (format == TABLE_UNKNOWN || format == TABLE_IPC_FILE))
        format = TABLE_IPC_STREAM; /* whoever reads from a pipe can't seek */
    else if (format == TABLE_UNKNOWN)
        format = table_format_of(path);
    if (format == TABLE_UNKNOWN)
        return refuse_name(path, error);
    sink.format = format;
    enum fkv_status status = check_compression(format, compression, error);
    if (status == FKV_OK && format == TABLE_PARQUET)
        status = formats_load(&sink.formats, error);
    if (status == FKV_OK)
        *ret = sink;
    return status;
}

void table_sink_done(struct table_sink *sink)
{
    formats_unload(sink->formats);
    *sink = (struct table_sink){0};
}

static enum fkv_status write_ipc(const struct table_sink *sink, int fd,
                                 struct ArrowArrayStream *stream, fkv_progress_callback progress,
                                 void *progress_context, struct fkv_progress *ret,
                                 struct fkv_error *error)
{
    struct fkv_ipc_write_options options = {
        .size = sizeof options,
        .format = sink->format == TABLE_IPC_FILE ? FKV_IPC_FILE : FKV_IPC_STREAM,
        .progress = progress,
        .progress_context = progress_context,
    };
    ipc_compression(sink->compression, &options.compression, NULL);
    return fkv_ipc_write(stream, fd, &options, ret, error);
}

static enum fkv_status write_parquet(const struct table_sink *sink, int fd,
                                     struct ArrowArrayStream *stream,
                                     fkv_progress_callback progress, void *progress_context,
                                     struct fkv_progress *ret, struct fkv_error *error)
{
    struct formats_parquet_options options = {
        .compression = sink->compression,
        .plain = sink->plain,
        .progress = progress,
        .progress_context = progress_context,
    };
    return formats_parquet_write(sink->formats, stream, fd, &options, ret, error);
}

static enum fkv_status write_to(const struct table_sink *sink, int fd,
                                struct ArrowArrayStream *stream, fkv_progress_callback progress,
                                void *progress_context, struct fkv_progress *ret,
                                struct fkv_error *error)
{
    switch (sink->format) {
    case TABLE_PARQUET:
        return write_parquet(sink, fd, stream, progress, progress_context, ret, error);
    case TABLE_CSV:
        return export_write(stream, fd, EXPORT_CSV, progress, progress_context, ret, error);
    case TABLE_JSON:
        return export_write(stream, fd, EXPORT_JSON, progress, progress_context, ret, error);
    case TABLE_NDJSON:
        return export_write(stream, fd, EXPORT_NDJSON, progress, progress_context, ret, error);
    default:
        return write_ipc(sink, fd, stream, progress, progress_context, ret, error);
    }
}

/* Parquet hasn't every type that Arrow has; Arrow's sentence names the one, and not the way out. */
static enum fkv_status parquet_refusal(enum fkv_status status, struct fkv_error *error)
{
    if (status != FKV_UNIMPLEMENTED && status != FKV_INVALID_ARGUMENT)
        return status;
    size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof error->message - used,
             "; a name ending in .arrow writes Arrow IPC, which has every type");
    return error->status = FKV_INVALID_ARGUMENT;
}

enum fkv_status table_sink_write(struct table_sink *sink, struct ArrowArrayStream *stream,
                                 fkv_progress_callback progress, void *progress_context,
                                 struct fkv_progress *ret, struct fkv_error *error)
{
    struct output output = {.fd = STDOUT_FILENO};
    enum fkv_status status = FKV_OK;
    if (sink->path != NULL)
        status = output_open(sink->path, &output, error);
    if (status != FKV_OK) {
        stream->release(stream);
        return status;
    }
    status = write_to(sink, output.fd, stream, progress, progress_context, ret, error);
    if (sink->path == NULL)
        return status == FKV_OK ? status : status_prefix(error, status, "standard output");
    if (status == FKV_OK)
        return output_commit(&output, error);
    output_abort(&output);
    status_prefix(error, status, "'%s' was not written", sink->path);
    return sink->format == TABLE_PARQUET ? parquet_refusal(status, error) : status;
}
