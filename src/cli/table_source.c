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

/* What a source begins with, which stays to be read; of a regular file or of a pipe. */
struct beginning {
    char bytes[24];
    size_t size; /* 0: empty, or it can't be looked into */
};

static struct beginning look(int fd, const struct stat *about)
{
    struct beginning ret;
    ssize_t size = -1;
    int copy[2];
    if (S_ISREG(about->st_mode)) {
        size = pread(fd, ret.bytes, sizeof ret.bytes, 0);
    } else if (S_ISFIFO(about->st_mode) && pipe2(copy, O_CLOEXEC) == 0) {
        size = tee(fd, copy[1], sizeof ret.bytes, 0);
        if (size > 0)
            size = read(copy[0], ret.bytes, (size_t)size);
        close(copy[0]);
        close(copy[1]);
    }
    ret.size = size > 0 ? (size_t)size : 0;
    return ret;
}

static bool begins_with(const struct beginning *beginning, const char *magic)
{
    size_t size = strlen(magic);
    return beginning->size >= size && memcmp(beginning->bytes, magic, size) == 0;
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
static bool looks_like_parquet(const struct beginning *beginning)
{
    return begins_with(beginning, "PAR1") || begins_with(beginning, "PARE");
}

/* "ARROW1" for a file, a continuation marker for a stream. Streams from before Arrow 0.15 have
 * neither, so this explains a failure and decides nothing. */
static bool looks_like_ipc(const struct beginning *beginning)
{
    return begins_with(beginning, "ARROW1") || begins_with(beginning, "\xff\xff\xff\xff");
}

/* The beginning up to the end of its line, to be shown, and whether it is text. */
static bool show_beginning(const struct beginning *beginning, char ret[sizeof beginning->bytes + 1])
{
    bool is_text = true;
    size_t i;
    for (i = 0; i < beginning->size; i++) {
        char c = beginning->bytes[i];
        if (c == '\r' || c == '\n')
            break;
        bool is_plain = c >= 0x20 && c < 0x7f;
        is_text = is_text && (is_plain || c == '\t');
        ret[i] = is_plain ? c : '.';
    }
    ret[i] = '\0';
    return is_text && i > 0;
}

/* What is to be said of a source that IPC can't be read from. */
static enum fkv_status refuse_content(const struct beginning *beginning, struct fkv_error *error)
{
    char shown[sizeof beginning->bytes + 1];
    if (beginning->size == 0)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "it is empty; expected Arrow IPC or Parquet");
    if (looks_like_parquet(beginning))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "this is Parquet, which can't be read from a pipe; give the file's name");
    bool is_text = show_beginning(beginning, shown);
    return status_set(error, FKV_INVALID_ARGUMENT,
                      "neither Arrow IPC nor Parquet by its content (it begins \"%s\")%s", shown,
                      is_text ? "; where it is text, put takes it with --format csv or json" : "");
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
                                const struct beginning *beginning, struct table_source *source,
                                struct fkv_error *error)
{
    struct fkv_error refusal = {.status = FKV_OK};
    bool is_seen = S_ISREG(about->st_mode) || beginning->size > 0;
    if (is_seen && !looks_like_ipc(beginning))
        refuse_content(beginning, &refusal);
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
static enum table_format format_of(const char *path, enum table_format format,
                                   const struct stat *about, const struct beginning *beginning)
{
    enum table_format named = is_tsv(path) ? TABLE_CSV : table_format_of(path);
    if (format != TABLE_UNKNOWN)
        return format;
    if (S_ISREG(about->st_mode) && looks_like_parquet(beginning))
        return TABLE_PARQUET;
    if (S_ISREG(about->st_mode) && (looks_like_ipc(beginning) || !is_text_format(named)))
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
    const struct beginning beginning = look(fd, &about);
    enum table_format format = format_of(path, options->format, &about, &beginning);
    if (options->text.type_count > 0 && !is_text_format(format)) {
        close(fd);
        status = status_set(error, FKV_INVALID_ARGUMENT,
                            "has types of its own; --types is for CSV and JSON");
        return table_source_blame(path, status, error);
    }
    if (options->text.delimiter != 0 && format != TABLE_CSV) {
        close(fd);
        status = status_set(error, FKV_INVALID_ARGUMENT, "isn't CSV, which --delimiter is for");
        return table_source_blame(path, status, error);
    }
    if (format == TABLE_PARQUET) {
        close(fd);
        status = open_parquet(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &source, error);
    } else if (is_text_format(format)) {
        status = open_text(fd, path, format, options, &about, &source, error);
    } else {
        status = open_ipc(fd, path, &about, &beginning, &source, error);
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
