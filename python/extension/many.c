/* SPDX-License-Identifier: Apache-2.0 */
/* Many keys at a time, by a pipeline that lives as long as the function. The first failure ends it:
 * what was put by then stays. */
#include <stdlib.h>

#include "arrow.h"
#include "client.h"
#include "transfer.h"

/* Which key has failed, and how. */
struct failure {
    bool is_there;
    size_t index;
    struct fkv_error error;
};

static void fail(struct failure *failure, uint64_t index, const struct fkv_error *error)
{
    if (failure->is_there)
        return;
    failure->is_there = true;
    failure->index = (size_t)index;
    failure->error = *error;
}

/* None, or (index, status, message, hint). */
static PyObject *failure_tuple(const struct failure *failure)
{
    const struct fkv_error *error = &failure->error;
    if (!failure->is_there)
        return Py_BuildValue("");
    PyObject *text =
        PyUnicode_DecodeUTF8(error->message, (Py_ssize_t)strlen(error->message), "replace");
    return Py_BuildValue("niNi", (Py_ssize_t)failure->index, (int)error->status, text,
                         (int)error->hint);
}

/* The end of both: (results, failure); takes `results` over. */
static PyObject *end(struct client *client, enum fkv_status status, const struct fkv_error *error,
                     PyObject *results, const struct failure *failure)
{
    PyObject *ret = results != NULL ? Py_BuildValue("NN", results, failure_tuple(failure)) : NULL;
    return client_end(client, status, error, ret);
}

/* ---- get ---- */

struct wanted {
    const char *key;
    Py_ssize_t key_size;
    struct table *table; /* NULL: there is none */
};

/* NULL: raised. */
static struct wanted *read_keys(PyObject *keys, size_t *ret_count)
{
    Py_ssize_t count = PyList_Size(keys);
    struct wanted *wanted = calloc((size_t)count + 1, sizeof *wanted);
    if (wanted == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        char *key;
        if (PyBytes_AsStringAndSize(PyList_GetItem(keys, i), &key, &wanted[i].key_size) != 0) {
            free(wanted);
            return NULL;
        }
        wanted[i].key = key;
    }
    *ret_count = (size_t)count;
    return wanted;
}

/* The next result; false: there was none. */
static bool take_table(struct fkv_pipeline *pipeline, struct wanted *wanted,
                       struct failure *failure)
{
    struct fkv_pipeline_result result;
    struct fkv_error error;
    bool more = false;
    if (fkv_pipeline_next(pipeline, &result, &more, &error) != FKV_OK || !more)
        return false;
    enum fkv_status status = result.status;
    if (status == FKV_OK) {
        status = transfer_gather(&result.table, SIZE_MAX, &wanted[result.tag].table, &result.error);
        result.table.release(&result.table);
    }
    if (status != FKV_OK && status != FKV_NOT_FOUND)
        fail(failure, result.tag, &result.error);
    return true;
}

static enum fkv_status run_gets(struct client *client, const struct fkv_pipeline_options *options,
                                const struct fkv_get_options *get, struct wanted *wanted,
                                size_t count, struct failure *failure, struct fkv_error *error)
{
    struct fkv_pipeline *pipeline;
    size_t begun = 0;
    enum fkv_status status = fkv_pipeline_open(client->fkv, options, &pipeline, error);
    if (status != FKV_OK)
        return status;
    do {
        for (; begun < count && fkv_pipeline_room(pipeline) > 0 && !failure->is_there; begun++)
            if (fkv_pipeline_get(pipeline, wanted[begun].key, (size_t)wanted[begun].key_size, get,
                                 begun, error) != FKV_OK)
                fail(failure, begun, error);
    } while (!failure->is_there && take_table(pipeline, wanted, failure));
    fkv_pipeline_close(pipeline);
    return FKV_OK;
}

/* [table or None, ...]; takes the tables over. */
static PyObject *tables_list(struct wanted *wanted, size_t count)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; i < count; i++) {
        PyObject *item =
            wanted[i].table != NULL ? arrow_table_capsule(wanted[i].table) : Py_BuildValue("");
        if (item == NULL || list == NULL || PyList_Append(list, item) != 0) {
            Py_XDECREF(list);
            list = NULL;
        }
        Py_XDECREF(item);
    }
    return list;
}

PyDoc_STRVAR(get_many_doc,
             "get_many(client, [key, ...], columns, rows, check, timeout_ms, depth) -> "
             "([table or None where there is no such key, ...], None or (index, "
             "status, message, hint) of what has failed)");
static PyObject *get_many(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *capsule, *keys;
    struct fkv_get_options options = {.size = sizeof options};
    struct fkv_pipeline_options pipeline = {.size = sizeof pipeline};
    struct failure failure = {.is_there = false};
    int is_checked;
    unsigned long long timeout_ms, depth;
    if (!PyArg_ParseTuple(args, "OO!zzpKK", &capsule, &PyList_Type, &keys, &options.columns,
                          &options.rows, &is_checked, &timeout_ms, &depth))
        return NULL;
    options.flags = is_checked ? FKV_GET_CHECK_VALUES : 0;
    options.timeout_ms = timeout_ms;
    pipeline.depth = depth;
    size_t count;
    struct wanted *wanted = read_keys(keys, &count);
    struct client *client = wanted != NULL ? client_begin(capsule) : NULL;
    if (client == NULL) {
        free(wanted);
        return NULL;
    }
    struct fkv_error error;
    enum fkv_status status;
    Py_BEGIN_ALLOW_THREADS status =
        run_gets(client, &pipeline, &options, wanted, count, &failure, &error);
    Py_END_ALLOW_THREADS PyObject *tables = tables_list(wanted, count);
    free(wanted);
    return end(client, status, &error, tables, &failure);
}

/* ---- put ---- */

struct puts {
    struct client *client;
    struct fkv_pipeline *pipeline;
    struct fkv_put_options options;
    PyObject *source; /* NULL: it has given all */
    PyObject *sent;   /* a list, by tag; None where there is no result yet */
    struct failure failure;
};

/* Begins the put of an item; false: raised. */
static bool begin_put(struct puts *puts, PyObject *item)
{
    const char *key;
    Py_ssize_t key_size, tag = PyList_Size(puts->sent);
    PyObject *capsule;
    struct ArrowArrayStream stream;
    struct fkv_error error;
    if (!PyArg_ParseTuple(item, "y#O", &key, &key_size, &capsule) ||
        PyList_Append(puts->sent, Py_None) != 0 || !arrow_take_stream(capsule, &stream))
        return false;
    enum fkv_status status;
    Py_BEGIN_ALLOW_THREADS status = fkv_pipeline_put(puts->pipeline, key, (size_t)key_size, &stream,
                                                     &puts->options, (uint64_t)tag, &error);
    Py_END_ALLOW_THREADS if (status != FKV_OK) fail(&puts->failure, (uint64_t)tag, &error);
    return true;
}

/* False: raised. */
static bool begin_puts(struct puts *puts)
{
    while (puts->source != NULL && fkv_pipeline_room(puts->pipeline) > 0 &&
           !puts->failure.is_there) {
        PyObject *item = PyIter_Next(puts->source);
        bool is_begun = item != NULL && begin_put(puts, item);
        Py_XDECREF(item);
        if (PyErr_Occurred())
            return false;
        if (!is_begun)
            puts->source = NULL;
    }
    return true;
}

/* *ret_more false: all is done. False: raised. */
static bool take_put(struct puts *puts, bool *ret_more)
{
    struct fkv_pipeline_result result;
    struct fkv_error error;
    enum fkv_status status;
    *ret_more = false;
    Py_BEGIN_ALLOW_THREADS status = fkv_pipeline_next(puts->pipeline, &result, ret_more, &error);
    Py_END_ALLOW_THREADS if (status != FKV_OK || !*ret_more) return true;
    if (result.status != FKV_OK) {
        fail(&puts->failure, result.tag, &result.error);
        return true;
    }
    PyObject *progress =
        Py_BuildValue("KKK", result.progress.rows, result.progress.batches, result.progress.bytes);
    return progress != NULL && PyList_SetItem(puts->sent, (Py_ssize_t)result.tag, progress) == 0;
}

PyDoc_STRVAR(put_many_doc, "put_many(client, iterator of (key, stream), append, timeout_ms, depth) "
                           "-> ([(rows, batches, bytes), ...], None or (index, status, message, "
                           "hint) of what has failed)");
static PyObject *put_many(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *capsule;
    int is_append;
    unsigned long long timeout_ms, depth;
    struct puts puts = {.options = {.size = sizeof puts.options}};
    struct fkv_pipeline_options options = {.size = sizeof options};
    if (!PyArg_ParseTuple(args, "OOpKK", &capsule, &puts.source, &is_append, &timeout_ms, &depth))
        return NULL;
    puts.options.mode = is_append ? FKV_PUT_APPEND : FKV_PUT_REPLACE;
    puts.options.timeout_ms = timeout_ms;
    options.depth = depth;
    puts.client = client_begin(capsule);
    if (puts.client == NULL)
        return NULL;
    struct fkv_error error;
    enum fkv_status status = fkv_pipeline_open(puts.client->fkv, &options, &puts.pipeline, &error);
    if (status != FKV_OK)
        return client_end(puts.client, status, &error, NULL);
    puts.sent = PyList_New(0);
    bool is_well = puts.sent != NULL, more = true;
    while (is_well && more && !puts.failure.is_there)
        is_well = begin_puts(&puts) && (puts.failure.is_there || take_put(&puts, &more));
    if (!is_well)
        glue_put_aside(&puts.client->exception);
    Py_BEGIN_ALLOW_THREADS fkv_pipeline_close(puts.pipeline);
    Py_END_ALLOW_THREADS return end(puts.client, FKV_OK, NULL, puts.sent, &puts.failure);
}

PyMethodDef many_functions[] = {
    {"get_many", get_many, METH_VARARGS, get_many_doc},
    {"put_many", put_many, METH_VARARGS, put_many_doc},
    {NULL, NULL, 0, NULL},
};
