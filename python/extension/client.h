/* SPDX-License-Identifier: Apache-2.0 */
/* A client in its capsule. Used by one call at a time, which client_begin sees to. */
#ifndef EXTENSION_CLIENT_H
#define EXTENSION_CLIENT_H

#include "glue.h"

#define CLIENT "flightkv.client"

struct client {
    struct fkv_client *fkv; /* NULL: closed */
    pid_t pid;
    bool is_busy;
    bool is_reader;     /* its calls are other libraries': they can't raise what a handler raised */
    PyObject *progress; /* borrowed, of the put in progress; NULL: none */
    struct glue_exception exception;
};

/* The client for a call; NULL: raised, as closed, busy or another process's. */
struct client *client_begin(PyObject *capsule);

/* Closes and frees; not in another process than that which opened it. */
void client_free(struct client *client);

/* Takes the struct out of its capsule. */
struct client *client_take(PyObject *capsule);

/* How the call went: NULL in place of `result` when it didn't, which is raised then. Takes `result`
 * over. */
PyObject *client_end(struct client *client, enum fkv_status status, const struct fkv_error *error,
                     PyObject *result);

#endif
