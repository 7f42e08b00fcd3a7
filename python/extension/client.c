/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "arrow.h"

/* ---- beginning and end of each call ---- */

/* The client, which may be busy. */
static struct client *open_one(PyObject *capsule)
{
    struct client *client = PyCapsule_GetPointer(capsule, CLIENT);
    if (client == NULL)
        return NULL;
    if (client->fkv == NULL)
        glue_raise(FKV_FAILED_PRECONDITION, "the client is closed");
    else if (!glue_is_own(client->pid))
        glue_raise_forked("client");
    else
        return client;
    return NULL;
}

struct client *client_begin(PyObject *capsule)
{
    struct client *client = open_one(capsule);
    if (client == NULL)
        return NULL;
    if (client->is_busy) {
        glue_raise(FKV_FAILED_PRECONDITION,
                   "the client was called from a callback of its own call, expected another client "
                   "there");
        return NULL;
    }
    client->is_busy = true;
    return client;
}

PyObject *client_end(struct client *client, enum fkv_status status, const struct fkv_error *error,
                     PyObject *result)
{
    client->is_busy = false;
    client->progress = NULL;
    if (!glue_raise_again(&client->exception)) {
        if (status == FKV_OK)
            return result;
        glue_raise_error(error);
    }
    Py_XDECREF(result);
    return NULL;
}

static bool keep_on(void *context)
{
    struct client *client = context;
    if (glue_check_signals(&client->exception))
        return true;
    if (client->is_reader)
        glue_hand_on(&client->exception);
    return false;
}

/* ---- opening and closing ---- */

struct home {
    atomic_size_t refs;
    _Atomic(struct client *) idle;
};

static void free_client(struct client *client);

static struct home *home_new(void)
{
    struct home *home = calloc(1, sizeof *home);
    if (home != NULL)
        atomic_init(&home->refs, 1);
    return home;
}

static struct home *home_ref(struct home *home)
{
    atomic_fetch_add(&home->refs, 1);
    return home;
}

static void home_unref(struct home *home)
{
    if (home == NULL || atomic_fetch_sub(&home->refs, 1) > 1)
        return;
    free_client(atomic_load(&home->idle));
    free(home);
}

/* `parent` NULL: it is to have readers. NULL: out of memory. */
static struct client *client_new(const struct client *parent)
{
    struct client *client = calloc(1, sizeof *client);
    struct home *home = parent != NULL ? home_ref(parent->home) : home_new();
    if (client == NULL || home == NULL) {
        home_unref(home);
        free(client);
        return NULL;
    }
    client->pid = getpid();
    client->home = home;
    return client;
}

/* What was there before a fork is left to the process that it belongs to: closing it would say
 * goodbye on that one's connection. */
static void close_client(struct client *client)
{
    if (glue_is_own(client->pid))
        fkv_client_close(client->fkv);
    client->fkv = NULL;
    home_unref(client->home);
    client->home = NULL;
}

static void free_client(struct client *client)
{
    if (client == NULL)
        return;
    close_client(client);
    free(client);
}

void client_give_back(struct client *client)
{
    struct home *home = client->home;
    if (!glue_is_own(client->pid)) {
        free_client(client);
        return;
    }
    client->home = NULL;
    client->is_busy = false;
    client->is_reader = false;
    free_client(atomic_exchange(&home->idle, client));
    home_unref(home);
}

/* It frees memory, which may be gigabytes, and the GIL isn't needed for that. A reader's client is
 * closed without this: its stream may be released by a thread that doesn't hold the GIL. */
static void close_released(struct client *client)
{
    struct client closing = *client;
    client->fkv = NULL;
    client->home = NULL;
    Py_BEGIN_ALLOW_THREADS close_client(&closing);
    Py_END_ALLOW_THREADS
}

static void destroy_client(PyObject *capsule)
{
    struct client *client = PyCapsule_GetPointer(capsule, CLIENT);
    close_released(client);
    free(client);
}

struct client *client_take(PyObject *capsule)
{
    struct client *client = client_begin(capsule);
    if (client == NULL)
        return NULL;
    PyCapsule_SetDestructor(capsule, NULL);
    PyCapsule_SetName(capsule, CLIENT " (taken)");
    return client;
}

PyDoc_STRVAR(open_doc, "client_open(uri, connect_timeout_ms, call_timeout_ms, tls_ca, tls_cert, "
                       "tls_key, tls_insecure, user, password, transport, whose) -> client, "
                       "whose home is with the client of `whose`, or with itself: None");
static PyObject *open_client(PyObject *module, PyObject *args)
{
    (void)module;
    const char *uri;
    unsigned long long connect_timeout_ms, call_timeout_ms;
    int is_insecure, transport;
    PyObject *whose;
    struct fkv_client_options options = {.size = sizeof options};
    if (!PyArg_ParseTuple(args, "zKKzzzpzziO", &uri, &connect_timeout_ms, &call_timeout_ms,
                          &options.tls_ca_file, &options.tls_cert_file, &options.tls_key_file,
                          &is_insecure, &options.user, &options.password, &transport, &whose))
        return NULL;
    const struct client *parent = whose != Py_None ? open_one(whose) : NULL;
    if (parent == NULL && PyErr_Occurred())
        return NULL;
    struct client *client = client_new(parent);
    if (client == NULL)
        return PyErr_NoMemory();
    options.connect_timeout_ms = connect_timeout_ms;
    options.call_timeout_ms = call_timeout_ms;
    options.tls_insecure = is_insecure;
    options.keep_on = keep_on;
    options.keep_on_context = client;
    options.transport = (enum fkv_transport)transport;
    struct fkv_error error;
    enum fkv_status status;
    Py_BEGIN_ALLOW_THREADS status = fkv_client_open(uri, &options, &client->fkv, &error);
    Py_END_ALLOW_THREADS PyObject *capsule = client_end(client, status, &error, NULL);
    if (!PyErr_Occurred())
        capsule = PyCapsule_New(client, CLIENT, destroy_client);
    if (capsule == NULL)
        free_client(client);
    return capsule;
}

PyDoc_STRVAR(idle_doc, "client_idle(client) -> the client that its last reader left, or None");
static PyObject *idle(PyObject *module, PyObject *capsule)
{
    (void)module;
    const struct client *client = open_one(capsule);
    if (client == NULL)
        return NULL;
    struct client *found = atomic_exchange(&client->home->idle, NULL);
    if (found == NULL)
        return Py_BuildValue("");
    found->home = home_ref(client->home);
    PyObject *ret = PyCapsule_New(found, CLIENT, destroy_client);
    if (ret == NULL)
        free_client(found);
    return ret;
}

PyDoc_STRVAR(close_doc, "client_close(client): it may be closed already");
static PyObject *close_function(PyObject *module, PyObject *capsule)
{
    (void)module;
    struct client *client = PyCapsule_GetPointer(capsule, CLIENT);
    if (client == NULL)
        return NULL;
    if (client->is_busy)
        return glue_raise(FKV_FAILED_PRECONDITION,
                          "the client can't be closed during its own call");
    close_released(client);
    return Py_BuildValue("");
}

PyDoc_STRVAR(cancel_doc, "client_cancel(client): the call in progress ends; from any thread");
static PyObject *cancel(PyObject *module, PyObject *capsule)
{
    (void)module;
    struct client *client = PyCapsule_GetPointer(capsule, CLIENT);
    if (client == NULL)
        return NULL;
    if (client->fkv != NULL && client->is_busy)
        fkv_client_cancel(client->fkv);
    return Py_BuildValue("");
}

PyDoc_STRVAR(transport_doc, "client_transport(client) -> (enum fkv_transport, why not by memory)");
static PyObject *transport(PyObject *module, PyObject *capsule)
{
    (void)module;
    struct client *client = client_begin(capsule);
    if (client == NULL)
        return NULL;
    const char *why;
    int way = fkv_client_transport(client->fkv, &why);
    return client_end(client, FKV_OK, NULL, Py_BuildValue("is", way, why));
}

/* ---- small calls ---- */

/* A small call: what it is about and what it gives. */
struct asked {
    struct client *client;
    const char *text; /* a key, or an action's body */
    Py_ssize_t size;
    const char *name; /* a pattern, or an action */
    Py_ssize_t most;  /* items of the list */
    PyObject *result;
};

typedef enum fkv_status ask(struct asked *asked, struct fkv_error *error);

/* Begins and ends it; `result` is what it gives, or fills, and taken over. */
static PyObject *run(struct asked *asked, PyObject *capsule, ask *function, PyObject *result)
{
    struct client *client = result == NULL ? NULL : client_begin(capsule);
    if (client == NULL) {
        Py_XDECREF(result);
        return NULL;
    }
    asked->client = client;
    asked->result = result;
    struct fkv_error error;
    enum fkv_status status;
    Py_BEGIN_ALLOW_THREADS status = function(asked, &error);
    Py_END_ALLOW_THREADS return client_end(client, status, &error, asked->result);
}

static PyObject *run_with_key(PyObject *args, ask *function)
{
    PyObject *capsule;
    struct asked asked = {.most = 1};
    return PyArg_ParseTuple(args, "Oy#", &capsule, &asked.text, &asked.size)
               ? run(&asked, capsule, function, Py_BuildValue(""))
               : NULL;
}

/* (key, rows, bytes, a table without rows); takes the schema. */
static PyObject *info_tuple(struct fkv_table_info *info)
{
    struct ArrowSchema schema = info->schema;
    info->schema.release = NULL;
    return Py_BuildValue("y#LLN", (const char *)info->key, (Py_ssize_t)info->key_size,
                         (long long)info->rows, (long long)info->bytes,
                         arrow_table_capsule(table_new(&schema)));
}

static enum fkv_status ask_info(struct asked *asked, struct fkv_error *error)
{
    struct fkv_table_info found;
    enum fkv_status status =
        fkv_info(asked->client->fkv, asked->text, (size_t)asked->size, &found, error);
    if (status != FKV_OK)
        return status;
    PyGILState_STATE gil = PyGILState_Ensure();
    Py_DECREF(asked->result);
    asked->result = info_tuple(&found);
    if (asked->result == NULL)
        glue_put_aside(&asked->client->exception);
    PyGILState_Release(gil);
    fkv_table_info_done(&found);
    return FKV_OK;
}

PyDoc_STRVAR(info_doc, "client_info(client, key) -> (key, rows, bytes, table without rows)");
static PyObject *info(PyObject *module, PyObject *args)
{
    (void)module;
    return run_with_key(args, ask_info);
}

static enum fkv_status ask_delete(struct asked *asked, struct fkv_error *error)
{
    return fkv_delete(asked->client->fkv, asked->text, (size_t)asked->size, error);
}

PyDoc_STRVAR(delete_doc, "client_delete(client, key)");
static PyObject *delete (PyObject *module, PyObject *args)
{
    (void)module;
    return run_with_key(args, ask_delete);
}

/* ---- lists ---- */

/* Takes the item over; says whether more is wanted. With the GIL held. */
static bool gather(struct asked *asked, PyObject *item)
{
    bool is_kept = item != NULL && PyList_Append(asked->result, item) == 0;
    if (!is_kept)
        glue_put_aside(&asked->client->exception);
    Py_XDECREF(item);
    return is_kept && PyList_Size(asked->result) < asked->most;
}

static bool on_table(void *context, struct fkv_table_info *found)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    bool is_for_more = gather(context, info_tuple(found));
    PyGILState_Release(gil);
    return is_for_more;
}

static enum fkv_status ask_list(struct asked *asked, struct fkv_error *error)
{
    return fkv_list(asked->client->fkv, asked->name, on_table, asked, error);
}

PyDoc_STRVAR(list_doc, "client_list(client, pattern, most) -> [(key, rows, bytes, table), ...]");
static PyObject *list(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *capsule;
    struct asked asked = {.most = 0};
    return PyArg_ParseTuple(args, "Oyn", &capsule, &asked.name, &asked.most)
               ? run(&asked, capsule, ask_list, PyList_New(0))
               : NULL;
}

static bool on_result(void *context, const void *body, size_t size)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    bool is_for_more = gather(context, PyBytes_FromStringAndSize(body, (Py_ssize_t)size));
    PyGILState_Release(gil);
    return is_for_more;
}

static enum fkv_status ask_action(struct asked *asked, struct fkv_error *error)
{
    return fkv_action(asked->client->fkv, asked->name, asked->text, (size_t)asked->size, on_result,
                      asked, error);
}

PyDoc_STRVAR(action_doc, "client_action(client, type, body) -> [bytes, ...]");
static PyObject *action(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *capsule;
    struct asked asked = {.most = PY_SSIZE_T_MAX};
    return PyArg_ParseTuple(args, "Osy#", &capsule, &asked.name, &asked.text, &asked.size)
               ? run(&asked, capsule, ask_action, PyList_New(0))
               : NULL;
}

PyMethodDef client_functions[] = {
    {"client_open", open_client, METH_VARARGS, open_doc},
    {"client_idle", idle, METH_O, idle_doc},
    {"client_close", close_function, METH_O, close_doc},
    {"client_cancel", cancel, METH_O, cancel_doc},
    {"client_transport", transport, METH_O, transport_doc},
    {"client_info", info, METH_VARARGS, info_doc},
    {"client_list", list, METH_VARARGS, list_doc},
    {"client_delete", delete, METH_VARARGS, delete_doc},
    {"client_action", action, METH_VARARGS, action_doc},
    {NULL, NULL, 0, NULL},
};
