/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/place.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/status.h"

static enum fkv_status failed(const char *what, const char *path, int cause,
                              struct fkv_error *error)
{
    enum fkv_status status =
        cause == EACCES || cause == EPERM ? FKV_PERMISSION_DENIED : FKV_FAILED_PRECONDITION;
    return status_set(error, status, "could not %s %s: %s", what, path, strerror(cause));
}

/* ---- the folder ---- */

static void default_folder(char *ret, size_t size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct stat file;
    bool is_good = runtime != NULL && runtime[0] == '/' && stat(runtime, &file) == 0 &&
                   S_ISDIR(file.st_mode) && file.st_uid == geteuid();
    if (is_good)
        snprintf(ret, size, "%s/flightkv", runtime);
    else
        snprintf(ret, size, "/tmp/flightkv-%lu", (unsigned long)geteuid());
}

/* It goes into a header, before a semicolon. */
static bool is_printable(const char *path)
{
    for (; *path != '\0'; path++)
        if (*path <= ' ' || *path > '~' || *path == ';')
            return false;
    return true;
}

/* In a folder that all may write to, as /tmp, another user can be there first. A server for a group
 * may have left the folder so that its members get through: that alone lets nobody connect, nor see
 * what is there. */
static enum fkv_status check_folder(const char *folder, struct fkv_error *error)
{
    struct stat file;
    if (lstat(folder, &file) != 0)
        return failed("look at", folder, errno, error);
    if (!S_ISDIR(file.st_mode) || file.st_uid != geteuid() || (file.st_mode & 077 & ~S_IXGRP) != 0)
        return status_set(error, FKV_PERMISSION_DENIED,
                          "%s isn't a folder of this user (%lu) that is closed to others, expected "
                          "one of mode 700 or 710, as by chmod",
                          folder, (unsigned long)geteuid());
    return FKV_OK;
}

static enum fkv_status open_folder(const struct shm_place_options *options, const char *folder,
                                   struct fkv_error *error)
{
    mode_t mode = options->has_group ? 0710 : 0700;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return failed("make the folder", folder, errno, error);
    enum fkv_status status = check_folder(folder, error);
    if (status != FKV_OK || !options->has_group)
        return status;
    if (chown(folder, (uid_t)-1, options->group) != 0 || chmod(folder, mode) != 0)
        return failed("give the group", folder, errno, error);
    return FKV_OK;
}

/* ---- files of servers that are gone ---- */

/* Of the process whose socket this would be; 0: it is none of a server's. */
static long pid_of(const char *path, const char *name)
{
    struct stat file;
    uint8_t random[sizeof(uint32_t)];
    char *end;
    long pid = isdigit((unsigned char)name[0]) ? strtol(name, &end, 10) : 0;
    bool is_ours = pid > 0 && pid <= INT_MAX && *end == '-' &&
                   shm_unhex(slice_text(end + 1), random, sizeof random) &&
                   lstat(path, &file) == 0 && S_ISSOCK(file.st_mode);
    return is_ours ? pid : 0;
}

/* A folder that was given may have other files in it, to which nobody can connect either. Process
 * numbers mean little across containers: so one that answers stays in any case. */
static void remove_stale(const char *folder)
{
    DIR *list = opendir(folder);
    if (list == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        long pid = pid_of(path, entry->d_name);
        if (pid == 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
            continue;
        int fd = shm_control_connect(path);
        if (fd >= 0)
            close(fd);
        else if (fd == -ECONNREFUSED)
            unlink(path);
    }
    closedir(list);
}

/* ---- the socket ---- */

static int make_socket(const struct shm_place_options *options, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    mode_t mode = options->has_group ? 0660 : 0600;
    bool is_bound =
        fchmod(fd, mode) == 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    bool is_group_in =
        !options->has_group || (is_bound && chown(path, (uid_t)-1, options->group) == 0);
    if (is_bound && is_group_in && chmod(path, mode) == 0 && listen(fd, options->backlog) == 0)
        return fd;
    int cause = errno;
    if (is_bound)
        unlink(path);
    close(fd);
    return -cause;
}

enum fkv_status shm_place_open(const struct shm_place_options *options, struct shm_place *ret,
                               struct fkv_error *error)
{
    char folder[PATH_MAX], path[PATH_MAX + 64];
    uint32_t random;
    if (options->folder != NULL)
        snprintf(folder, sizeof folder, "%s", options->folder);
    else
        default_folder(folder, sizeof folder);
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return failed("get random numbers for", folder, errno, error);
    int size = snprintf(path, sizeof path, "%s/%ld-%08x", folder, (long)getpid(), random);
    if (size > shm_path_max || !is_printable(folder))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the folder '%.200s' can't be used for the control socket, expected a "
                          "path of at most %d printable characters without ';'",
                          folder, shm_path_max - (size - (int)strlen(folder)));
    enum fkv_status status = open_folder(options, folder, error);
    if (status != FKV_OK)
        return status;
    remove_stale(folder);
    int fd = make_socket(options, path);
    if (fd < 0)
        return failed("listen on", path, -fd, error);
    *ret = (struct shm_place){.fd = fd};
    memcpy(ret->path, path, (size_t)size + 1);
    return FKV_OK;
}

void shm_place_close(struct shm_place *place)
{
    if (place->fd < 0)
        return;
    unlink(place->path);
    close(place->fd);
    place->fd = -1;
}
