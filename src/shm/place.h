/* SPDX-License-Identifier: Apache-2.0 */
/* Where the control socket's file is: in a folder of the server's user that is closed to others: a
 * group may get through it, but see and connect only where it is let in.
 *
 *     $XDG_RUNTIME_DIR/flightkv, else /tmp/flightkv-UID, or the folder given
 *         PID-RANDOM      one for each server; those of servers that are gone are removed
 */
#ifndef SHM_PLACE_H
#define SHM_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "flightkv/status.h"
#include "shm/control.h"

struct shm_place {
    int fd;                      /* listening, non-blocking, close-on-exec */
    char path[shm_path_max + 1]; /* of the socket */
};

struct shm_place_options {
    const char *folder; /* NULL: the default */
    bool has_group;
    gid_t group; /* may enter the folder and connect */
    int backlog;
};

/* PERMISSION_DENIED for a folder that is another user's or that others may enter; INVALID_ARGUMENT
 * for a path that is too long or can't go into a header; else what the system says. */
enum fkv_status shm_place_open(const struct shm_place_options *options, struct shm_place *ret,
                               struct fkv_error *error);
void shm_place_close(struct shm_place *place); /* removes the file; the folder stays */

#endif
