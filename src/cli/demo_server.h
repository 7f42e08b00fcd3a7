/* SPDX-License-Identifier: Apache-2.0 */
/* "flightkv serve" as a process of its own, on a free port of the loopback address. It ends with
 * the process that started it, however that ends. */
#ifndef CLI_DEMO_SERVER_H
#define CLI_DEMO_SERVER_H

#include <sys/types.h>

#include "flightkv/status.h"

struct demo_server {
    pid_t pid; /* 0: none */
    int output;
    char uri[256];
};

/* Starts this same program and waits until it is ready. */
enum fkv_status demo_server_start(struct demo_server *ret, struct fkv_error *error);

/* Takes one that isn't there, too. */
void demo_server_stop(struct demo_server *server);

#endif
