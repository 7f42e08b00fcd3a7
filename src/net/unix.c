/* SPDX-License-Identifier: Apache-2.0 */
/* A server that was killed leaves its socket's file behind, and bind(2) refuses a path that exists.
 * So a file on which nobody answers is removed first. Two servers that start at one time must not
 * remove each other's file between these steps: they take turns by a lock on the folder. */
#include "net/unix.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/status.h"
#include "net/socket.h"

_Static_assert(net_path_max == sizeof((struct sockaddr_un *)0)->sun_path - 1,
               "net_uri_parse refuses what doesn't fit");

static struct sockaddr_un address_of(const struct net_uri *uri)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, uri->path, strlen(uri->path));
    return address;
}

static int connect_path(const struct net_uri *uri, uint64_t deadline_ns)
{
    const struct sockaddr_un address = address_of(uri);
    return net_socket_connect((const struct sockaddr *)&address, sizeof address, deadline_ns);
}

/* ---- connecting ---- */

/* A server with a full queue answers EAGAIN at once, as no TCP server does: it is tried again. */
static int connect_patiently(const struct net_uri *uri, uint64_t deadline_ns)
{
    const struct timespec pause = {.tv_nsec = 5 * NS_PER_MS};
    int fd;
    while ((fd = connect_path(uri, deadline_ns)) == -EAGAIN) {
        if (clock_now_ns(clock_system()) >= deadline_ns)
            return -ETIMEDOUT;
        nanosleep(&pause, NULL);
    }
    return fd;
}

enum fkv_status net_unix_connect(const struct alloc *alloc, const struct net_uri *uri,
                                 uint64_t timeout_ns, struct net_transport **ret,
                                 struct fkv_error *error)
{
    int fd = connect_patiently(uri, net_deadline(timeout_ns));
    if (fd >= 0)
        return net_socket_new(alloc, fd, ret, error);
    bool is_nobody_there = fd == -ECONNREFUSED || fd == -ENOENT;
    return status_set_hint(error, FKV_UNAVAILABLE,
                           is_nobody_there ? FKV_HINT_SERVER : FKV_HINT_NONE,
                           "could not connect to grpc+unix://%s: %s", uri->path, strerror(-fd));
}

/* ---- listening ---- */

static enum fkv_status listen_failed(const struct net_uri *uri, int cause, struct fkv_error *error)
{
    enum fkv_status status = cause == EADDRINUSE                   ? FKV_UNAVAILABLE
                             : cause == EACCES || cause == EPERM   ? FKV_PERMISSION_DENIED
                             : cause == ENOENT || cause == ENOTDIR ? FKV_FAILED_PRECONDITION
                                                                   : FKV_UNKNOWN;
    return status_set(error, status, "could not listen on grpc+unix://%s: %s", uri->path,
                      strerror(cause));
}

enum { lock_attempts = 100, lock_pause_ns = 10 * 1000000 };

/* The folder's lock, to be closed, in *ret_fd; -1 where a folder can't be opened for reading, which
 * is no reason not to listen in it. */
static enum fkv_status lock_folder(const struct net_uri *uri, int *ret_fd, struct fkv_error *error)
{
    const struct timespec pause = {.tv_nsec = lock_pause_ns};
    char folder[net_path_max + 1];
    memcpy(folder, uri->path, sizeof folder);
    char *slash = strrchr(folder, '/');
    slash[slash == folder ? 1 : 0] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK; i++) {
        if (i == lock_attempts) {
            close(fd);
            return status_set(error, FKV_UNAVAILABLE,
                              "could not listen on grpc+unix://%s: the folder %s stays locked by "
                              "another process",
                              uri->path, folder);
        }
        nanosleep(&pause, NULL);
    }
    *ret_fd = fd;
    return FKV_OK;
}

static enum fkv_status remove_stale(const struct net_uri *uri, struct fkv_error *error)
{
    struct stat file;
    if (lstat(uri->path, &file) != 0)
        return errno == ENOENT ? FKV_OK : listen_failed(uri, errno, error);
    if (!S_ISSOCK(file.st_mode))
        return status_set(error, FKV_FAILED_PRECONDITION,
                          "could not listen on grpc+unix://%s: there is a file that is no socket",
                          uri->path);
    int fd = connect_path(uri, 0);
    if (fd >= 0)
        close(fd);
    if (fd != -ECONNREFUSED)
        return listen_failed(uri, fd >= 0 || fd == -EAGAIN ? EADDRINUSE : -fd, error);
    return unlink(uri->path) == 0 || errno == ENOENT ? FKV_OK : listen_failed(uri, errno, error);
}

/* Binds `fd` and listens. The permissions of a socket bound to a path are those of the descriptor
 * less the umask's, so that there is no moment at which the file has more than it should; then what
 * the umask took is given. Answers 0 or an errno. */
static int bind_path(int fd, const struct net_uri *uri, mode_t mode, int backlog)
{
    const struct sockaddr_un address = address_of(uri);
    if (fchmod(fd, mode) != 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return errno;
    if (chmod(uri->path, mode) == 0 && listen(fd, backlog) == 0)
        return 0;
    int cause = errno;
    unlink(uri->path);
    return cause;
}

static enum fkv_status listen_at(const struct net_uri *uri, mode_t mode, int backlog,
                                 struct net_listen *ret, struct fkv_error *error)
{
    struct stat file;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int cause = fd < 0 ? errno : bind_path(fd, uri, mode, backlog);
    if (cause == 0 && lstat(uri->path, &file) != 0)
        cause = errno;
    if (cause != 0) {
        if (fd >= 0)
            close(fd);
        return listen_failed(uri, cause, error);
    }
    *ret = (struct net_listen){.fds = {fd},
                               .count = 1,
                               .uri = *uri,
                               .file_device = file.st_dev,
                               .file_number = file.st_ino};
    return FKV_OK;
}

enum fkv_status net_unix_listen(const struct net_uri *uri, mode_t mode, int backlog,
                                struct net_listen *ret, struct fkv_error *error)
{
    int lock_fd = -1;
    enum fkv_status status = lock_folder(uri, &lock_fd, error);
    if (status == FKV_OK)
        status = remove_stale(uri, error);
    if (status == FKV_OK)
        status = listen_at(uri, mode, backlog, ret, error);
    if (lock_fd >= 0)
        close(lock_fd);
    return status;
}

void net_unix_remove(const struct net_listen *listen)
{
    struct stat file;
    if (lstat(listen->uri.path, &file) == 0 && file.st_dev == listen->file_device &&
        file.st_ino == listen->file_number)
        unlink(listen->uri.path);
}
