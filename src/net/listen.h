/* SPDX-License-Identifier: Apache-2.0 */
/* The listening sockets of one URI, whatever its scheme. */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include <sys/types.h>

#include "flightkv/status.h"
#include "net/uri.h"

enum { net_listen_max = 4 };

/* All zero: nothing listens. */
struct net_listen {
    int fds[net_listen_max]; /* non-blocking, close-on-exec */
    int count;
    struct net_uri uri; /* with the real port */
    dev_t file_device;  /* a Unix socket's file, to be removed by nobody else */
    ino_t file_number;
};

struct net_listen_options {
    int backlog;
    mode_t unix_mode; /* of a Unix socket's file */
};

/* UNAVAILABLE when the address is taken; the sentence names it. */
enum fkv_status net_listen_open(const struct net_uri *uri, const struct net_listen_options *options,
                                struct net_listen *ret, struct fkv_error *error);

/* Closes the sockets and removes the file of a Unix socket; the URI stays. May be called again. */
void net_listen_close(struct net_listen *listen);

#endif
