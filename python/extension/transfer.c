/* SPDX-License-Identifier: Apache-2.0 */
/* Tables on their way. A get gathers all batches, in C alone, so that the client is free again when
 * it returns; a reader is a stream with a client of its own. */
#include <errno.h>
#include <stdlib.h>

#include "arrow.h"
#include "client.h"
#include "transfer.h"

/* ---- put ---- */

static bool on_progress(void *context, const struct fkv_progress *progress)
{
    struct client *client = context;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *said = PyObject_CallFunction(client->progress, "KKK", progress->rows,
                                           progress->batches, progress->bytes);
    if (said == NULL)
        glue_put_aside(&client->exception);
    bool is_to_go_on = said != NULL && said != Py_False;
    Py_XDECREF(said);
    PyGILState_Release(gil);
    return is_to_go_on;
}

PyDoc_STRVAR(put_doc, "put(client, key, stream, append, timeout_ms, progress) -> (rows, batches, "
                      "bytes)");
static PyObject *put(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *capsule, *stream_capsule, *progress;
    const char *key;
    Py_ssize_t key_size;
    int is_append;
    unsigned long long timeout_ms;
    if (!PyArg_ParseTuple(args, "Oy#OpKO", &capsule, &key, &key_size, &stream_capsule, &is_append,
                          &timeout_ms, &progress))
        return NULL;
    struct ArrowArrayStream stream;
    struct client *client = client_begin(capsule);
    if (client == NULL)
        return NULL;
    if (!arrow_take_stream(stream_capsule, &stream)) {
        glue_put_aside(&client->exception);
        return client_end(client, FKV_OK, NULL, NULL);
    }
    client->progress = progress;
    const struct fkv_put_options options = {
        .size = sizeof options,
        .timeout_ms = timeout_ms,
        .mode = is_append ? FKV_PUT_APPEND : FKV_PUT_REPLACE,
        .progress = progress != Py_None ? on_progress : NULL,
        .progress_context = client,
    };
    struct fkv_progress sent = {0};
    struct fkv_error error;
    enum fkv_status status;
    Py_BEGIN_ALLOW_THREADS status =
        fkv_put(client->fkv, key, (size_t)key_size, &stream, &options, &sent, &error);
    Py_END_ALLOW_THREADS return client_end(
        client, status, &error, Py_BuildValue("KKK", sent.rows, sent.batches, sent.bytes));
}

/* ---- get ---- */

static enum fkv_status no_memory(struct fkv_error *error)
{
    *error = (struct fkv_error){.status = FKV_RESOURCE_EXHAUSTED,
                                .message = "out of memory for the table that came"};
    return error->status;
}

enum fkv_status transfer_gather(struct ArrowArrayStream *stream, size_t most, struct table **ret,
                                struct fkv_error *error)
{
    struct ArrowSchema schema;
    struct ArrowArray batch;
    if (stream->get_schema(stream, &schema) != 0)
        return fkv_stream_error(stream, error);
    struct table *table = table_new(&schema);
    enum fkv_status status = table != NULL ? FKV_OK : no_memory(error);
    while (status == FKV_OK && table_batches(table) < most) {
        if (stream->get_next(stream, &batch) != 0)
            status = fkv_stream_error(stream, error);
        else if (batch.release == NULL)
            break;
        else if (!table_add(table, &batch))
            status = no_memory(error);
    }
    if (status == FKV_OK)
        *ret = table;
    else
        table_unref(table);
    return status;
}

struct get {
    PyObject *client;
    const char *key;
    Py_ssize_t key_size;
    struct fkv_get_options options;
};

static bool parse_get(PyObject *args, struct get *ret)
{
    unsigned long long streams, max_message_bytes, timeout_ms;
    int is_checked;
    *ret = (struct get){.options = {.size = sizeof ret->options}};
    if (!PyArg_ParseTuple(args, "Oy#zzKKpK", &ret->client, &ret->key, &ret->key_size,
                          &ret->options.columns, &ret->options.rows, &streams, &max_message_bytes,
                          &is_checked, &timeout_ms))
        return false;
    ret->options.streams = streams;
    ret->options.max_message_bytes = max_message_bytes;
    ret->options.timeout_ms = timeout_ms;
    ret->options.flags = is_checked ? FKV_GET_CHECK_VALUES : 0;
    return true;
}

PyDoc_STRVAR(get_doc, "get(client, key, columns, rows, streams, max_message_bytes, check, "
                      "timeout_ms) -> table");
static PyObject *get(PyObject *module, PyObject *args)
{
    (void)module;
    struct get asked;
    if (!parse_get(args, &asked))
        return NULL;
    struct client *client = client_begin(asked.client);
    if (client == NULL)
        return NULL;
    struct table *table = NULL;
    struct ArrowArrayStream stream;
    struct fkv_error error;
    enum fkv_status status;
    Py_BEGIN_ALLOW_THREADS status =
        fkv_get(client->fkv, asked.key, (size_t)asked.key_size, &asked.options, &stream, &error);
    if (status == FKV_OK) {
        status = transfer_gather(&stream, SIZE_MAX, &table, &error);
        stream.release(&stream);
    }
    Py_END_ALLOW_THREADS return client_end(client, status, &error,
                                           status == FKV_OK ? arrow_table_capsule(table) : NULL);
}

/* ---- reader ---- */

/* The stream of a get, and the client that nobody else uses. Whoever reads it may hold the GIL or
 * not. */
struct reader {
    struct client *client;
    struct ArrowArrayStream inner;
};

static int reader_get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *ret)
{
    struct reader *reader = stream->private_data;
    return reader->inner.get_schema(&reader->inner, ret);
}

static int reader_get_next(struct ArrowArrayStream *stream, struct ArrowArray *ret)
{
    struct reader *reader = stream->private_data;
    return reader->inner.get_next(&reader->inner, ret);
}

static const char *reader_get_last_error(struct ArrowArrayStream *stream)
{
    struct reader *reader = stream->private_data;
    return reader->inner.get_last_error(&reader->inner);
}

static void reader_release(struct ArrowArrayStream *stream)
{
    struct reader *reader = stream->private_data;
    if (glue_is_own(reader->client->pid))
        reader->inner.release(&reader->inner);
    client_give_back(reader->client);
    free(reader);
    stream->release = NULL;
}

PyDoc_STRVAR(reader_doc, "reader(client, ...as get...) -> stream; takes the client over");
static PyObject *reader(PyObject *module, PyObject *args)
{
    (void)module;
    struct get asked;
    if (!parse_get(args, &asked))
        return NULL;
    struct reader *reader = malloc(sizeof *reader);
    if (reader == NULL)
        return PyErr_NoMemory();
    reader->client = client_take(asked.client);
    if (reader->client == NULL) {
        free(reader);
        return NULL;
    }
    struct client *client = reader->client;
    struct fkv_error error;
    enum fkv_status status;
    Py_BEGIN_ALLOW_THREADS status = fkv_get(client->fkv, asked.key, (size_t)asked.key_size,
                                            &asked.options, &reader->inner, &error);
    Py_END_ALLOW_THREADS if (status != FKV_OK)
    {
        client_end(client, status, &error, NULL);
        client_give_back(client);
        free(reader);
        return NULL;
    }
    client->is_reader = true;
    struct ArrowArrayStream stream = {reader_get_schema, reader_get_next, reader_get_last_error,
                                      reader_release, reader};
    return arrow_stream_capsule(&stream);
}

PyDoc_STRVAR(reader_next_doc,
             "reader_next(stream of a reader, batches) -> table of at most so many "
             "batches; of none at the end");
static PyObject *reader_next(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *capsule;
    Py_ssize_t most;
    if (!PyArg_ParseTuple(args, "On", &capsule, &most))
        return NULL;
    struct ArrowArrayStream *stream = arrow_stream_of(capsule);
    if (stream == NULL)
        return NULL;
    if (stream->release != reader_release) {
        PyErr_SetString(PyExc_TypeError, "expected the stream of a reader");
        return NULL;
    }
    struct reader *reader = stream->private_data;
    struct client *client = reader->client;
    if (!glue_is_own(client->pid))
        return glue_raise_forked("reader");
    struct table *table = NULL;
    struct fkv_error error;
    enum fkv_status status;
    client->is_reader = false; /* here an exception can be raised */
    Py_BEGIN_ALLOW_THREADS status = transfer_gather(&reader->inner, (size_t)most, &table, &error);
    Py_END_ALLOW_THREADS client->is_reader = true;
    return client_end(client, status, &error, status == FKV_OK ? arrow_table_capsule(table) : NULL);
}

PyMethodDef transfer_functions[] = {
    {"put", put, METH_VARARGS, put_doc},
    {"get", get, METH_VARARGS, get_doc},
    {"reader", reader, METH_VARARGS, reader_doc},
    {"reader_next", reader_next, METH_VARARGS, reader_next_doc},
    {NULL, NULL, 0, NULL},
};
