/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"

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
                      beginning, is_text ? "; where it is text, say --format csv or json" : "");
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

static bool is_tsv(const char *path)
{
    size_t size = strlen(path);
    return size > 4 && strcasecmp(path + size - 4, ".tsv") == 0;
}

/* Takes `fd` over. */
static enum fkv_status open_text(int fd, const char *path, enum table_format format,
                                 const struct table_source_options *options,
                                 const struct stat *about, struct table_source *source,
                                 struct fkv_error *error)
{
    struct formats_text_options text = options->text;
    if (text.delimiter == 0 && is_tsv(path))
        text.delimiter = '\t';
    enum fkv_status status = formats_load(&source->formats, error);
    if (status != FKV_OK) {
        close(fd);
        return status;
    }
    source->file_bytes = S_ISREG(about->st_mode) ? about->st_size : 0;
    status = format == TABLE_CSV
                 ? formats_csv_read(source->formats, fd, &text, &source->stream, error)
                 : formats_json_read(source->formats, fd, &text, &source->stream, error);
    return status == FKV_OK ? status : table_source_blame(path, status, error);
}

static bool is_text_format(enum table_format format)
{
    return format == TABLE_CSV || format == TABLE_JSON || format == TABLE_NDJSON;
}

/* Without `format`, a regular file is what its bytes are; the name decides between texts and for
 * what can't be looked into. */
static enum table_format format_of(int fd, const char *path, enum table_format format,
                                   const struct stat *about)
{
    enum table_format named = is_tsv(path) ? TABLE_CSV : table_format_of(path);
    if (format != TABLE_UNKNOWN)
        return format;
    if (S_ISREG(about->st_mode) && looks_like_parquet(fd, about))
        return TABLE_PARQUET;
    if (S_ISREG(about->st_mode) && (looks_like_ipc(fd, about) || !is_text_format(named)))
        return TABLE_IPC_STREAM;
    return named != TABLE_UNKNOWN ? named : TABLE_IPC_STREAM;
}

enum fkv_status table_source_open(const char *path, const struct table_source_options *options,
                                  struct table_source *ret, struct fkv_error *error)
{
    struct table_source source = {0};
    struct stat about;
    int fd = -1;
    enum fkv_status status = open_input(path, &fd, &about, error);
    if (status != FKV_OK)
        return status;
    enum table_format format = format_of(fd, path, options->format, &about);
    if (options->text.type_count > 0 && !is_text_format(format)) {
        close(fd);
        status = status_set(error, FKV_INVALID_ARGUMENT,
                            "has types of its own; --types is for CSV and JSON");
        return table_source_blame(path, status, error);
    }
    if (format == TABLE_PARQUET) {
        close(fd);
        status = open_parquet(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &source, error);
    } else if (is_text_format(format)) {
        status = open_text(fd, path, format, options, &about, &source, error);
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
