/* SPDX-License-Identifier: Apache-2.0 */
/* A client in its capsule. Used by one call at a time, which client_begin sees to.
 *
 * A reader has a client of its own, one of those whose home is with the client that was asked for
 * it. There one of them stays when its reader is done, with its connection and the memory that it
 * received into, for the next reader:
 *
 *     client <-- counts -- home -- owns --> the idle one, or none
 *                           ^
 *                           +-- counts -- clients of readers, until they are the idle one
 *
 * Readers are given back on any thread, with or without the GIL. */
#ifndef EXTENSION_CLIENT_H
#define EXTENSION_CLIENT_H

#include "glue.h"

#define CLIENT "flightkv.client"

struct home;

struct client {
    struct fkv_client *fkv; /* NULL: closed */
    pid_t pid;
    bool is_busy;
    bool is_reader;     /* its calls are other libraries': they can't raise what a handler raised */
    struct home *home;  /* of its readers' clients; if it is one of those, the same one */
    PyObject *progress; /* borrowed, of the put in progress; NULL: none */
    struct glue_exception exception;
};

/* The client for a call; NULL: raised, as closed, busy or another process's. */
struct client *client_begin(PyObject *capsule);

/* The end of a reader's client: it goes home, or is closed. Not so in another process than that
 * which opened it. */
void client_give_back(struct client *client);

/* Takes the struct out of its capsule. */
struct client *client_take(PyObject *capsule);

/* How the call went: NULL in place of `result` when it didn't, which is raised then. Takes `result`
 * over. */
PyObject *client_end(struct client *client, enum fkv_status status, const struct fkv_error *error,
                     PyObject *result);

#endif
