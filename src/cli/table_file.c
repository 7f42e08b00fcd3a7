/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"

/* The part behind the name's last dot, "" without one. */
static const char *ending_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash != NULL ? slash + 1 : path, '.');
    return dot != NULL ? dot + 1 : "";
}

enum table_format table_format_of(const char *path)
{
    static const struct {
        const char *ending;
        enum table_format format;
    } endings[] = {
        {"arrow", TABLE_IPC_FILE},    {"feather", TABLE_IPC_FILE}, {"ipc", TABLE_IPC_FILE},
        {"arrows", TABLE_IPC_STREAM}, {"parquet", TABLE_PARQUET},  {"pq", TABLE_PARQUET},
    };
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (strcasecmp(ending_of(path), endings[i].ending) == 0)
            return endings[i].format;
    }
    return TABLE_UNKNOWN;
}

/* ---- reading ---- */

static enum fkv_status open_input(const char *path, int *ret_fd, struct stat *ret_about,
                                  struct fkv_error *error)
{
    bool is_stdin = strcmp(path, "-") == 0;
    if (is_stdin && isatty(STDIN_FILENO) == 1)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "standard input is a terminal; pipe an Arrow IPC stream into it");
    int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return status_set(error, FKV_NOT_FOUND, "no such file '%s'", path);
    if (fd < 0 || fstat(fd, ret_about) != 0) {
        enum fkv_status status =
            status_set(error, errno == EACCES ? FKV_PERMISSION_DENIED : FKV_UNKNOWN,
                       "cannot read '%s': %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return status;
    }
    if (S_ISDIR(ret_about->st_mode)) {
        close(fd);
        return status_set(error, FKV_INVALID_ARGUMENT, "cannot read '%s': it is a folder", path);
    }
    *ret_fd = fd;
    return FKV_OK;
}

static bool begins_with(int fd, const struct stat *about, const char *magic)
{
    char bytes[8];
    size_t size = strlen(magic);
    return S_ISREG(about->st_mode) && pread(fd, bytes, size, 0) == (ssize_t)size &&
           memcmp(bytes, magic, size) == 0;
}

static enum fkv_status open_parquet(const char *path, struct table_source *source,
                                    struct fkv_error *error)
{
    enum fkv_status status = formats_load(&source->formats, error);
    if (status == FKV_OK)
        status =
            formats_parquet_read(source->formats, path, 0, &source->stream, &source->rows, error);
    return status;
}

/* "PARE" when its footer is encrypted. */
static bool looks_like_parquet(int fd, const struct stat *about)
{
    return begins_with(fd, about, "PAR1") || begins_with(fd, about, "PARE");
}

/* "ARROW1" for a file, a continuation marker for a stream. Streams from before Arrow 0.15 have
 * neither, so this explains a failure and decides nothing. */
static bool looks_like_ipc(int fd, const struct stat *about)
{
    return begins_with(fd, about, "ARROW1") || begins_with(fd, about, "\xff\xff\xff\xff");
}

/* The beginning of a file that is no table, up to the end of its line, and whether it is text. */
enum { beginning_max = 24 };

static bool read_beginning(int fd, char ret[beginning_max + 1])
{
    bool is_text = true;
    ssize_t size = pread(fd, ret, beginning_max, 0), i;
    for (i = 0; i < size && ret[i] != '\r' && ret[i] != '\n'; i++) {
        bool is_plain = ret[i] >= 0x20 && ret[i] < 0x7f;
        is_text = is_text && (is_plain || ret[i] == '\t');
        ret[i] = is_plain ? ret[i] : '.';
    }
    ret[i] = '\0';
    return is_text && i > 0;
}

static enum fkv_status refuse_content(int fd, const struct stat *about, struct fkv_error *error)
{
    char beginning[beginning_max + 1];
    if (about->st_size == 0)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "it is empty; expected Arrow IPC or Parquet");
    bool is_text = read_beginning(fd, beginning);
    return status_set(error, FKV_INVALID_ARGUMENT,
                      "neither Arrow IPC nor Parquet by its content (it begins \"%s\")%s",
                      beginning, is_text ? "; convert it first, e.g. by pyarrow.csv" : "");
}

enum fkv_status table_source_blame(const char *path, enum fkv_status status,
                                   struct fkv_error *error)
{
    if (strcmp(path, "-") == 0)
        return status_prefix(error, status, "standard input");
    return status_prefix(error, status, "'%s'", path);
}

/* Takes `fd` over. */
static enum fkv_status open_ipc(int fd, const char *path, const struct stat *about,
                                struct table_source *source, struct fkv_error *error)
{
    struct fkv_error refusal = {.status = FKV_OK};
    if (S_ISREG(about->st_mode) && !looks_like_ipc(fd, about))
        refuse_content(fd, about, &refusal);
    source->file_bytes = S_ISREG(about->st_mode) ? about->st_size : 0;
    enum fkv_status status = fkv_ipc_read(fd, &source->stream, error);
    if (status == FKV_OK)
        return FKV_OK;
    if (refusal.status != FKV_OK)
        status = status_set(error, refusal.status, "%s", refusal.message);
    return table_source_blame(path, status, error);
}

/* A regular file is what its bytes are; the name decides for what can't be looked into. */
static bool is_parquet(int fd, const char *path, const struct stat *about)
{
    if (S_ISREG(about->st_mode))
        return looks_like_parquet(fd, about);
    return table_format_of(path) == TABLE_PARQUET;
}

enum fkv_status table_source_open(const char *path, struct table_source *ret,
                                  struct fkv_error *error)
{
    struct table_source source = {0};
    struct stat about;
    int fd = -1;
    enum fkv_status status = open_input(path, &fd, &about, error);
    if (status != FKV_OK)
        return status;
    if (is_parquet(fd, path, &about)) {
        close(fd);
        status = open_parquet(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &source, error);
    } else {
        status = open_ipc(fd, path, &about, &source, error);
    }
    if (status == FKV_OK)
        *ret = source;
    else
        table_source_done(&source);
    return status;
}

void table_source_done(struct table_source *source)
{
    if (source->stream.release != NULL)
        source->stream.release(&source->stream);
    formats_unload(source->formats);
    *source = (struct table_source){0};
}

double table_source_fraction(const struct table_source *source, const struct fkv_progress *so_far)
{
    if (source->rows > 0)
        return (double)so_far->rows / (double)source->rows;
    /* A compressed file gives more bytes than it has, and then there is nothing to go by. */
    if (source->file_bytes == 0 || so_far->bytes > (uint64_t)source->file_bytes)
        return -1;
    return (double)so_far->bytes / (double)source->file_bytes;
}

/* ---- writing ---- */

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

enum fkv_status table_sink_init(const char *path, const char *compression, struct table_sink *ret,
                                struct fkv_error *error)
{
    struct table_sink sink = {.path = path, .compression = compression};
    enum fkv_compression ignored;
    if (path == NULL || strcmp(path, "-") == 0) {
        sink.path = NULL;
        sink.format = TABLE_IPC_STREAM;
    } else {
        sink.format = table_format_of(path);
    }
    enum fkv_status status;
    struct stat about;
    if (sink.format == TABLE_UNKNOWN && stat(path, &about) == 0 && S_ISDIR(about.st_mode))
        status = status_set(error, FKV_INVALID_ARGUMENT,
                            "cannot write '%s': it is a folder, expected a file ending "
                            "in " TABLE_ENDINGS,
                            path);
    else if (sink.format == TABLE_UNKNOWN)
        status = status_set(error, FKV_INVALID_ARGUMENT,
                            "the name '%s' doesn't say which format is wanted; expected one ending "
                            "in " TABLE_ENDINGS,
                            path);
    else if (sink.format == TABLE_PARQUET)
        status = check_parquet_compression(compression, error);
    else
        status = ipc_compression(compression, &ignored, error);
    if (status == FKV_OK && sink.format == TABLE_PARQUET)
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
    if (sink->format == TABLE_PARQUET)
        status = write_parquet(sink, output.fd, stream, progress, progress_context, ret, error);
    else
        status = write_ipc(sink, output.fd, stream, progress, progress_context, ret, error);
    if (sink->path == NULL)
        return status == FKV_OK ? status : status_prefix(error, status, "standard output");
    if (status == FKV_OK)
        return output_commit(&output, error);
    output_abort(&output);
    status_prefix(error, status, "'%s' was not written", sink->path);
    return sink->format == TABLE_PARQUET ? parquet_refusal(status, error) : status;
}
