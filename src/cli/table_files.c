/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table_files.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/status.h"
#include "cli/schema_diff.h"

enum { sentence_max = 1 << 16 };

/* ---- names ---- */

static enum fkv_status add_path(struct table_files *files, const char *path,
                                struct fkv_error *error)
{
    size_t size = (files->count + 1) * sizeof *files->paths;
    char **paths = alloc_resize(alloc_system(), files->paths, size);
    if (paths == NULL)
        return status_no_memory(error, size);
    files->paths = paths;
    paths[files->count] = alloc_text(alloc_system(), path, strlen(path));
    if (paths[files->count] == NULL)
        return status_no_memory(error, strlen(path));
    files->count++;
    return FKV_OK;
}

/* What the pattern fits, in the order of the names; glob(3) leaves hidden files out. */
static enum fkv_status add_glob(struct table_files *files, const char *pattern, bool only_parquet,
                                struct fkv_error *error)
{
    glob_t found;
    int failed = glob(pattern, 0, NULL, &found);
    if (failed == GLOB_NOMATCH)
        return FKV_OK;
    if (failed != 0)
        return status_set(error, FKV_UNKNOWN, "cannot look for '%s': %s", pattern,
                          failed == GLOB_NOSPACE ? "out of memory" : strerror(errno));
    enum fkv_status status = FKV_OK;
    for (size_t i = 0; i < found.gl_pathc && status == FKV_OK; i++) {
        if (!only_parquet || table_format_of(found.gl_pathv[i]) == TABLE_PARQUET)
            status = add_path(files, found.gl_pathv[i], error);
    }
    globfree(&found);
    return status;
}

/* The folder's name may have what a glob means something by. */
static enum fkv_status add_folder(struct table_files *files, const char *folder,
                                  struct fkv_error *error)
{
    struct buf pattern;
    size_t before = files->count;
    buf_init(&pattern, alloc_system(), 2 * PATH_MAX + 4);
    for (const char *at = folder; *at != '\0'; at++) {
        if (strchr("*?[\\", *at) != NULL)
            buf_byte(&pattern, '\\');
        buf_byte(&pattern, (uint8_t)*at);
    }
    buf_text(&pattern, "/*");
    enum fkv_status status = pattern.failed ? status_set(error, FKV_INVALID_ARGUMENT,
                                                         "the name '%s' is too long", folder)
                                            : add_glob(files, buf_c_text(&pattern), true, error);
    buf_done(&pattern);
    if (status == FKV_OK && files->count == before)
        status = status_set(error, FKV_NOT_FOUND, "no Parquet file in the folder '%s'", folder);
    return status;
}

static enum fkv_status add_name(struct table_files *files, const char *name,
                                struct fkv_error *error)
{
    struct stat about;
    size_t before = files->count;
    bool is_there = stat(name, &about) == 0;
    if (is_there && S_ISDIR(about.st_mode))
        return add_folder(files, name, error);
    if (is_there || strpbrk(name, "*?[") == NULL)
        return add_path(files, name, error);
    enum fkv_status status = add_glob(files, name, false, error);
    if (status == FKV_OK && files->count == before)
        status = status_set(error, FKV_NOT_FOUND, "no file fits '%s'", name);
    return status;
}

/* ---- the stream ---- */

static enum fkv_status check_schema(struct table_files *files, struct fkv_error *error)
{
    struct ArrowSchema schema;
    struct ArrowArrayStream *stream = &files->source.stream;
    if (stream->get_schema(stream, &schema) != 0)
        return status_set(error, FKV_UNKNOWN, "%s", stream->get_last_error(stream));
    struct buf why;
    buf_init(&why, alloc_system(), sentence_max);
    struct schema_side here = {&schema, "it"}, first = {&files->schema, "the first file"};
    enum fkv_status status = FKV_OK;
    if (schema_diff(&why, &here, &first))
        status = status_set(error, FKV_INVALID_ARGUMENT, "another schema than '%s': %s",
                            files->paths[0], buf_c_text(&why));
    buf_done(&why);
    schema.release(&schema);
    return status;
}

static enum fkv_status open_next(struct table_files *files, struct fkv_error *error)
{
    table_source_done(&files->source);
    files->at++;
    enum fkv_status status =
        table_source_open(files->paths[files->at], &files->options, &files->source, error);
    if (status != FKV_OK)
        return status; /* which names the file */
    status = check_schema(files, error);
    return status == FKV_OK ? status : table_source_blame(files->paths[files->at], status, error);
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *ret)
{
    struct table_files *files = stream->private_data;
    struct ArrowArrayStream *inner = &files->source.stream;
    return inner->get_schema(inner, ret);
}

/* Keeps what the file's own stream says, with the file's name before it. */
static int fail_reading(struct table_files *files, int code)
{
    struct ArrowArrayStream *inner = &files->source.stream;
    if (fkv_stream_error(inner, &files->failure) == FKV_UNKNOWN) {
        const char *message = inner->get_last_error(inner);
        status_set(&files->failure, FKV_UNKNOWN, "%s", message != NULL ? message : "can't be read");
    }
    table_source_blame(files->paths[files->at], files->failure.status, &files->failure);
    return code;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *ret)
{
    struct table_files *files = stream->private_data;
    for (;;) {
        struct ArrowArrayStream *inner = &files->source.stream;
        int code = inner->get_next(inner, ret);
        if (code != 0)
            return fail_reading(files, code);
        if (ret->release != NULL || files->at + 1 == files->count)
            return 0;
        if (open_next(files, &files->failure) != FKV_OK)
            return EINVAL;
    }
}

static const char *get_last_error(struct ArrowArrayStream *stream)
{
    struct table_files *files = stream->private_data;
    return files->failure.status != FKV_OK ? files->failure.message : NULL;
}

static void release(struct ArrowArrayStream *stream)
{
    stream->release = NULL; /* the files are table_files_done's */
}

enum fkv_status table_files_open(const char *const *names, size_t count,
                                 const struct table_source_options *options,
                                 struct table_files *ret, struct fkv_error *error)
{
    *ret = (struct table_files){.options = *options};
    enum fkv_status status = FKV_OK;
    for (size_t i = 0; i < count && status == FKV_OK; i++)
        status = add_name(ret, names[i], error);
    if (status == FKV_OK)
        status = table_source_open(ret->paths[0], options, &ret->source, error);
    struct ArrowArrayStream *first = &ret->source.stream;
    if (status == FKV_OK && ret->count > 1 && first->get_schema(first, &ret->schema) != 0) {
        ret->schema.release = NULL;
        status = status_set(error, FKV_UNKNOWN, "%s", first->get_last_error(first));
        table_source_blame(ret->paths[0], status, error);
    }
    if (status == FKV_OK)
        ret->stream = (struct ArrowArrayStream){get_schema, get_next, get_last_error, release, ret};
    else
        table_files_done(ret);
    return status;
}

void table_files_done(struct table_files *files)
{
    table_source_done(&files->source);
    if (files->schema.release != NULL)
        files->schema.release(&files->schema);
    for (size_t i = 0; i < files->count; i++)
        alloc_free(alloc_system(), files->paths[i]);
    alloc_free(alloc_system(), files->paths);
    *files = (struct table_files){0};
}
