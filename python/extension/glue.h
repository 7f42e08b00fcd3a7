/* SPDX-License-Identifier: Apache-2.0 */
/* The extension module flightkv._flightkv: libflightkv for the Python code beside it, which is what
 * users see. Objects of C are capsules, functions are the module's; only the limited API of Python
 * 3.9 is used, so that one build serves all later versions.
 *
 *     glue        errors, signals, capsules
 *     table       received batches, given out as often as asked; no Python in it
 *     arrow       capsules of the Arrow PyCapsule interface
 *     client      opening, and what is small
 *     transfer    put, get, reader
 *     many        puts and gets of many keys at a time
 *     server      a server in this process
 *     module      the list of functions
 *
 * The GIL is released around every call into the library, and held again in its callbacks. */
#ifndef EXTENSION_GLUE_H
#define EXTENSION_GLUE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <sys/types.h>

#include "flightkv/flightkv.h"

/* Raise the exception of flightkv._errors that fits. Return NULL. */
PyObject *glue_raise(enum fkv_status status, const char *message);
PyObject *glue_raise_error(const struct fkv_error *error);

/* An exception put aside while C code is on its way back to Python. */
struct glue_exception {
    PyObject *type, *value, *traceback;
};

/* Puts the current exception aside; one that is there already stays. Needs the GIL. */
void glue_put_aside(struct glue_exception *exception);
/* Raises what was put aside; false when nothing was. */
bool glue_raise_again(struct glue_exception *exception);

/* Runs Python's signal handlers if this is the main thread; takes the GIL for it. False when one
 * raised, and that is put aside. */
bool glue_check_signals(struct glue_exception *exception);

/* For code that can't raise: an interrupt comes once more, to whatever Python code runs next; other
 * exceptions are reported as unraisable. Takes the GIL. */
void glue_hand_on(struct glue_exception *exception);

/* Whether an object made in process `pid` may be used: threads and sockets don't survive fork. */
bool glue_is_own(pid_t pid);
PyObject *glue_raise_forked(const char *what);

/* The functions of each file, for the module's list. */
extern PyMethodDef arrow_functions[];
extern PyMethodDef client_functions[];
extern PyMethodDef transfer_functions[];
extern PyMethodDef many_functions[];
extern PyMethodDef server_functions[];

#endif
