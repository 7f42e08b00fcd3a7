/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/demo_server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/status.h"

static const char ready[] = "Server is running! ";

/* By its own path, so that process lists show its name. */
static void become_server(int output)
{
    char path[PATH_MAX];
    static char *const words[] = {"flightkv", "serve", "--listen", "grpc+tcp://127.0.0.1:0", NULL};
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setpgid(0, 0); /* a terminal's Ctrl-C is for the parent, who may have questions left */
    dup2(output, STDOUT_FILENO);
    if (size > 0) {
        path[size] = '\0';
        execv(path, words);
    }
    execv("/proc/self/exe", words); /* the file was replaced meanwhile */
    _exit(127);
}

/* The first line that it prints; it says nothing and ends when it can't start. */
static enum fkv_status read_uri(struct demo_server *server, struct fkv_error *error)
{
    char line[sizeof ready + sizeof server->uri];
    size_t size = 0;
    while (size + 1 < sizeof line && read(server->output, &line[size], 1) == 1 &&
           line[size] != '\n')
        size++;
    line[size] = '\0';
    size_t prefix = sizeof ready - 1;
    if (size - prefix >= sizeof server->uri || strncmp(line, ready, prefix) != 0)
        return status_set(error, FKV_UNAVAILABLE, "the server process didn't start");
    memcpy(server->uri, line + prefix, size - prefix + 1);
    return FKV_OK;
}

enum fkv_status demo_server_start(struct demo_server *ret, struct fkv_error *error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return status_set(error, FKV_UNKNOWN, "no pipe to a server process: %s", strerror(errno));
    struct demo_server server = {.pid = fork(), .output = ends[0]};
    if (server.pid == 0)
        become_server(ends[1]);
    close(ends[1]);
    enum fkv_status status;
    if (server.pid < 0)
        status = status_set(error, FKV_UNKNOWN, "no server process: %s", strerror(errno));
    else
        status = read_uri(&server, error);
    if (status == FKV_OK)
        *ret = server;
    else
        demo_server_stop(&server);
    return status;
}

void demo_server_stop(struct demo_server *server)
{
    if (server->pid > 0) {
        kill(server->pid, SIGTERM);
        while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    if (server->output > 0)
        close(server->output);
    *server = (struct demo_server){0};
}
