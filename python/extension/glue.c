/* SPDX-License-Identifier: Apache-2.0 */
#include "glue.h"

#include <sys/syscall.h>
#include <unistd.h>

static PyObject *raise_hint(enum fkv_status status, enum fkv_hint hint, const char *message)
{
    PyObject *errors = PyImport_ImportModule("flightkv._errors");
    if (errors == NULL)
        return NULL;
    size_t size = strlen(message);
    PyObject *text = PyUnicode_DecodeUTF8(message, (Py_ssize_t)size, "replace");
    PyObject *error =
        text == NULL ? NULL
                     : PyObject_CallMethod(errors, "error_of", "iOi", (int)status, text, (int)hint);
    if (error != NULL)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_XDECREF(error);
    Py_XDECREF(text);
    Py_DECREF(errors);
    return NULL;
}

PyObject *glue_raise(enum fkv_status status, const char *message)
{
    return raise_hint(status, FKV_HINT_NONE, message);
}

PyObject *glue_raise_error(const struct fkv_error *error)
{
    return raise_hint(error->status, error->hint, error->message);
}

void glue_put_aside(struct glue_exception *exception)
{
    if (exception->type != NULL)
        PyErr_Clear();
    else
        PyErr_Fetch(&exception->type, &exception->value, &exception->traceback);
}

bool glue_raise_again(struct glue_exception *exception)
{
    if (exception->type == NULL)
        return false;
    PyErr_Restore(exception->type, exception->value, exception->traceback);
    *exception = (struct glue_exception){0};
    return true;
}

/* Handlers run in the main thread only: others needn't take the GIL. */
static bool is_main_thread(void)
{
    return (pid_t)syscall(SYS_gettid) == getpid();
}

bool glue_check_signals(struct glue_exception *exception)
{
    if (!is_main_thread())
        return true;
    PyGILState_STATE gil = PyGILState_Ensure();
    bool is_quiet = PyErr_CheckSignals() == 0;
    if (!is_quiet)
        glue_put_aside(exception);
    PyGILState_Release(gil);
    return is_quiet;
}

void glue_hand_on(struct glue_exception *exception)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    if (glue_raise_again(exception)) {
        if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
            PyErr_Clear();
            PyErr_SetInterrupt();
        } else {
            PyErr_WriteUnraisable(NULL);
        }
    }
    PyGILState_Release(gil);
}

bool glue_is_own(pid_t pid)
{
    return pid == getpid();
}

PyObject *glue_raise_forked(const char *what)
{
    char message[128];
    snprintf(message, sizeof message, "this %s was made before fork(): make one in this process",
             what);
    return glue_raise(FKV_FAILED_PRECONDITION, message);
}
