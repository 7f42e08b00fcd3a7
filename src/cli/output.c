/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/status.h"

static enum fkv_status cannot(const char *what, const char *path, struct fkv_error *error)
{
    enum fkv_status status =
        errno == EACCES || errno == EROFS ? FKV_PERMISSION_DENIED : FKV_UNKNOWN;
    if (errno == ENOSPC || errno == EDQUOT)
        status = FKV_RESOURCE_EXHAUSTED;
    const char *slash = strrchr(path, '/');
    if (errno == ENOENT && slash != NULL)
        return status_set(error, status,
                          "cannot %s '%s': there is no such folder; \"mkdir -p %.*s\" makes it",
                          what, path, (int)(slash - path), path);
    return status_set(error, status, "cannot %s '%s': %s", what, path, strerror(errno));
}

static void output_done(struct output *output)
{
    alloc_free(alloc_system(), output->path);
    alloc_free(alloc_system(), output->temporary);
    *output = (struct output){.fd = -1};
}

/* The permissions that open(2) would have given; mkostemp gives none to others. */
static void give_usual_mode(int fd)
{
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask);
}

/* ".NAME.XXXXXX" in the folder of `path`, so that renaming stays within a file system. */
static enum fkv_status open_temporary(struct output *output, struct fkv_error *error)
{
    const char *slash = strrchr(output->path, '/');
    const char *name = slash != NULL ? slash + 1 : output->path;
    size_t size = strlen(output->path) + sizeof "..XXXXXX";
    output->temporary = alloc_get(alloc_system(), size);
    if (output->temporary == NULL)
        return status_no_memory(error, size);
    snprintf(output->temporary, size, "%.*s.%s.XXXXXX", (int)(name - output->path), output->path,
             name);
    output->fd = mkostemp(output->temporary, O_CLOEXEC);
    if (output->fd < 0) {
        enum fkv_status status = cannot("write", output->path, error);
        alloc_free(alloc_system(), output->temporary);
        output->temporary = NULL;
        return status;
    }
    give_usual_mode(output->fd);
    return FKV_OK;
}

static enum fkv_status open_as_is(struct output *output, struct fkv_error *error)
{
    output->fd = open(output->path, O_WRONLY | O_CLOEXEC);
    return output->fd >= 0 ? FKV_OK : cannot("write", output->path, error);
}

enum fkv_status output_open(const char *path, struct output *ret, struct fkv_error *error)
{
    struct output output = {.fd = -1};
    char resolved[PATH_MAX];
    struct stat about;
    bool is_there = stat(path, &about) == 0;
    if (is_there && S_ISDIR(about.st_mode))
        return status_set(error, FKV_INVALID_ARGUMENT, "cannot write '%s': it is a folder", path);
    if (is_there && realpath(path, resolved) != NULL)
        path = resolved;
    output.path = alloc_text(alloc_system(), path, strlen(path));
    if (output.path == NULL)
        return status_no_memory(error, strlen(path));
    enum fkv_status status = is_there && !S_ISREG(about.st_mode) ? open_as_is(&output, error)
                                                                 : open_temporary(&output, error);
    if (status == FKV_OK)
        *ret = output;
    else
        output_done(&output);
    return status;
}

enum fkv_status output_commit(struct output *output, struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    int closed = close(output->fd); /* a full disk may show itself only now */
    output->fd = -1;
    if (closed != 0)
        status = cannot("write", output->path, error);
    else if (output->temporary != NULL && rename(output->temporary, output->path) != 0)
        status = cannot("write", output->path, error);
    if (status != FKV_OK)
        output_abort(output);
    else
        output_done(output);
    return status;
}

void output_abort(struct output *output)
{
    if (output->fd >= 0)
        close(output->fd);
    if (output->temporary != NULL)
        unlink(output->temporary);
    output_done(output);
}
