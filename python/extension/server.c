/* SPDX-License-Identifier: Apache-2.0 */
/* A server in this process, in threads of its own, which never hold the GIL. */
#include <stdlib.h>
#include <unistd.h>

#include "glue.h"

#define SERVER "flightkv.server"

struct server {
    struct fkv_server *fkv; /* NULL: stopped */
    pid_t pid;
};

static void stop(struct server *server)
{
    struct fkv_server *fkv = server->fkv;
    server->fkv = NULL;
    if (fkv == NULL || !glue_is_own(server->pid)) /* after a fork its threads aren't here */
        return;
    Py_BEGIN_ALLOW_THREADS fkv_server_stop(fkv);
    Py_END_ALLOW_THREADS
}

static void destroy_server(PyObject *capsule)
{
    struct server *server = PyCapsule_GetPointer(capsule, SERVER);
    stop(server);
    free(server);
}

/* `options` is a sequence of (name, value). */
static enum fkv_status set_options(struct fkv_server_config *config, PyObject *options,
                                   struct fkv_error *error)
{
    enum fkv_status status = FKV_OK;
    Py_ssize_t count = PySequence_Size(options);
    for (Py_ssize_t i = 0; i < count && status == FKV_OK; i++) {
        const char *name, *value;
        PyObject *pair = PySequence_GetItem(options, i);
        if (pair != NULL && PyArg_ParseTuple(pair, "sz", &name, &value))
            status = fkv_server_config_set(config, name, value, error);
        Py_XDECREF(pair);
        if (PyErr_Occurred())
            return FKV_UNKNOWN;
    }
    return count < 0 ? FKV_UNKNOWN : status;
}

static PyObject *start_with(const struct fkv_server_config *config)
{
    struct server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return PyErr_NoMemory();
    server->pid = getpid();
    struct fkv_error error;
    enum fkv_status status;
    Py_BEGIN_ALLOW_THREADS status = fkv_server_start(config, &server->fkv, &error);
    Py_END_ALLOW_THREADS PyObject *capsule =
        status == FKV_OK ? PyCapsule_New(server, SERVER, destroy_server) : glue_raise_error(&error);
    if (capsule == NULL) {
        stop(server);
        free(server);
    }
    return capsule;
}

PyDoc_STRVAR(start_doc, "server_start([(name, value), ...]) -> server");
static PyObject *start(PyObject *module, PyObject *options)
{
    (void)module;
    struct fkv_server_config *config = fkv_server_config_new();
    if (config == NULL)
        return PyErr_NoMemory();
    struct fkv_error error;
    enum fkv_status status = set_options(config, options, &error);
    PyObject *capsule = NULL;
    if (status == FKV_OK)
        capsule = start_with(config);
    else if (!PyErr_Occurred())
        glue_raise_error(&error);
    fkv_server_config_free(config);
    return capsule;
}

PyDoc_STRVAR(uris_doc, "server_uris(server) -> [str, ...]; none once it is stopped");
static PyObject *uris(PyObject *module, PyObject *capsule)
{
    (void)module;
    const struct server *server = PyCapsule_GetPointer(capsule, SERVER);
    PyObject *list = server == NULL ? NULL : PyList_New(0);
    if (list == NULL || server->fkv == NULL)
        return list;
    const char *uri;
    for (size_t i = 0; list != NULL && (uri = fkv_server_uri(server->fkv, i)) != NULL; i++) {
        PyObject *text = PyUnicode_FromString(uri);
        if (text == NULL || PyList_Append(list, text) != 0)
            Py_CLEAR(list);
        Py_XDECREF(text);
    }
    return list;
}

PyDoc_STRVAR(stop_doc, "server_stop(server): calls in flight end first; it may be stopped already");
static PyObject *stop_function(PyObject *module, PyObject *capsule)
{
    (void)module;
    struct server *server = PyCapsule_GetPointer(capsule, SERVER);
    if (server == NULL)
        return NULL;
    if (server->fkv != NULL && !glue_is_own(server->pid))
        return glue_raise_forked("server");
    stop(server);
    return Py_BuildValue("");
}

PyDoc_STRVAR(options_doc, "server_options() -> [(name, argument, default, help, group), ...]");
static PyObject *server_options(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    PyObject *list = PyList_New(0);
    const struct fkv_server_option *option;
    for (size_t i = 0; list != NULL && (option = fkv_server_option(i)) != NULL; i++) {
        PyObject *row = Py_BuildValue("zzzzz", option->name, option->argument,
                                      option->default_value, option->help, option->group);
        if (row == NULL || PyList_Append(list, row) != 0)
            Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}

PyMethodDef server_functions[] = {
    {"server_start", start, METH_O, start_doc},
    {"server_uris", uris, METH_O, uris_doc},
    {"server_stop", stop_function, METH_O, stop_doc},
    {"server_options", server_options, METH_NOARGS, options_doc},
    {NULL, NULL, 0, NULL},
};
