/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow.h"

#include <errno.h>
#include <stdlib.h>

#define SCHEMA "arrow_schema"
#define ARRAY "arrow_array"
#define TABLE "flightkv.table"

/* ---- making capsules ---- */

static void destroy_stream(PyObject *capsule)
{
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, ARROW_STREAM);
    if (stream->release != NULL)
        stream->release(stream);
    free(stream);
}

static void destroy_schema(PyObject *capsule)
{
    struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, SCHEMA);
    if (schema->release != NULL)
        schema->release(schema);
    free(schema);
}

static void destroy_table(PyObject *capsule)
{
    table_unref(PyCapsule_GetPointer(capsule, TABLE));
}

PyObject *arrow_stream_capsule(struct ArrowArrayStream *stream)
{
    struct ArrowArrayStream *kept = malloc(sizeof *kept);
    if (kept != NULL)
        *kept = *stream;
    PyObject *capsule =
        kept == NULL ? PyErr_NoMemory() : PyCapsule_New(kept, ARROW_STREAM, destroy_stream);
    if (capsule == NULL) {
        stream->release(stream);
        free(kept);
    }
    return capsule;
}

PyObject *arrow_table_capsule(struct table *table)
{
    PyObject *capsule =
        table == NULL ? PyErr_NoMemory() : PyCapsule_New(table, TABLE, destroy_table);
    if (capsule == NULL)
        table_unref(table);
    return capsule;
}

/* ---- taking capsules ---- */

struct ArrowArrayStream *arrow_stream_of(PyObject *capsule)
{
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, ARROW_STREAM);
    if (stream != NULL && stream->release == NULL) {
        PyErr_SetString(PyExc_ValueError, "the Arrow stream was read already");
        return NULL;
    }
    return stream;
}

bool arrow_take_stream(PyObject *capsule, struct ArrowArrayStream *ret)
{
    struct ArrowArrayStream *stream = arrow_stream_of(capsule);
    if (stream == NULL)
        return false;
    *ret = *stream;
    stream->release = NULL;
    return true;
}

/* ---- a stream of one batch ---- */

struct single {
    struct ArrowSchema schema;
    struct ArrowArray array; /* release NULL: it was given */
};

static int single_get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *ret)
{
    struct single *single = stream->private_data;
    if (single->schema.release == NULL)
        return EINVAL;
    *ret = single->schema; /* asked for once, by fkv_put */
    single->schema.release = NULL;
    return 0;
}

static int single_get_next(struct ArrowArrayStream *stream, struct ArrowArray *ret)
{
    struct single *single = stream->private_data;
    *ret = single->array;
    single->array.release = NULL;
    return 0;
}

static const char *single_get_last_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return NULL;
}

static void single_release(struct ArrowArrayStream *stream)
{
    struct single *single = stream->private_data;
    if (single->schema.release != NULL)
        single->schema.release(&single->schema);
    if (single->array.release != NULL)
        single->array.release(&single->array);
    free(single);
    stream->release = NULL;
}

PyDoc_STRVAR(stream_of_array_doc, "stream_of_array(schema, array) -> stream of that one batch");
static PyObject *stream_of_array(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *schema_capsule, *array_capsule;
    if (!PyArg_ParseTuple(args, "OO", &schema_capsule, &array_capsule))
        return NULL;
    struct ArrowSchema *schema = PyCapsule_GetPointer(schema_capsule, SCHEMA);
    struct ArrowArray *array = schema == NULL ? NULL : PyCapsule_GetPointer(array_capsule, ARRAY);
    if (array == NULL)
        return NULL;
    if (schema->release == NULL || array->release == NULL) {
        PyErr_SetString(PyExc_ValueError, "the Arrow array was read already");
        return NULL;
    }
    struct single *single = malloc(sizeof *single);
    if (single == NULL)
        return PyErr_NoMemory();
    *single = (struct single){*schema, *array};
    schema->release = NULL;
    array->release = NULL;
    struct ArrowArrayStream stream = {single_get_schema, single_get_next, single_get_last_error,
                                      single_release, single};
    return arrow_stream_capsule(&stream);
}

/* ---- what Python asks of a table ---- */

PyDoc_STRVAR(table_counts_doc, "table_counts(table) -> (rows, batches)");
static PyObject *table_counts(PyObject *module, PyObject *capsule)
{
    (void)module;
    const struct table *table = PyCapsule_GetPointer(capsule, TABLE);
    if (table == NULL)
        return NULL;
    return Py_BuildValue("Ln", (long long)table_rows(table), (Py_ssize_t)table_batches(table));
}

PyDoc_STRVAR(table_stream_doc, "table_stream(table, rows) -> stream of the first rows");
static PyObject *table_stream(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *capsule;
    long long rows;
    if (!PyArg_ParseTuple(args, "OL", &capsule, &rows))
        return NULL;
    struct table *table = PyCapsule_GetPointer(capsule, TABLE);
    struct ArrowArrayStream stream;
    if (table == NULL)
        return NULL;
    return table_export(table, rows, &stream) ? arrow_stream_capsule(&stream) : PyErr_NoMemory();
}

PyDoc_STRVAR(table_schema_doc, "table_schema_capsule(table) -> its schema");
static PyObject *table_schema_capsule(PyObject *module, PyObject *capsule)
{
    (void)module;
    const struct table *table = PyCapsule_GetPointer(capsule, TABLE);
    if (table == NULL)
        return NULL;
    struct ArrowSchema *schema = malloc(sizeof *schema);
    if (schema == NULL || !table_export_schema(table, schema)) {
        free(schema);
        return PyErr_NoMemory();
    }
    PyObject *ret = PyCapsule_New(schema, SCHEMA, destroy_schema);
    if (ret == NULL) {
        schema->release(schema);
        free(schema);
    }
    return ret;
}

/* (name, format, flags, children, dictionary); no deeper than a schema may be that was received. */
static PyObject *describe(const struct ArrowSchema *schema)
{
    const char *name = schema->name != NULL ? schema->name : "";
    PyObject *children = PyTuple_New((Py_ssize_t)schema->n_children);
    for (int64_t i = 0; children != NULL && i < schema->n_children; i++) {
        PyObject *child = describe(schema->children[i]);
        if (child == NULL || PyTuple_SetItem(children, (Py_ssize_t)i, child) != 0)
            Py_CLEAR(children);
    }
    if (children == NULL)
        return NULL;
    /* "N" takes references over, also when it fails, and passes a failure on. */
    return Py_BuildValue("NsLNN", PyUnicode_DecodeUTF8(name, (Py_ssize_t)strlen(name), "replace"),
                         schema->format, (long long)schema->flags, children,
                         schema->dictionary != NULL ? describe(schema->dictionary)
                                                    : Py_BuildValue(""));
}

PyDoc_STRVAR(table_fields_doc,
             "table_fields(table) -> its schema as (name, format, flags, children, dictionary)");
static PyObject *table_fields(PyObject *module, PyObject *capsule)
{
    (void)module;
    const struct table *table = PyCapsule_GetPointer(capsule, TABLE);
    return table == NULL ? NULL : describe(table_schema(table));
}

PyMethodDef arrow_functions[] = {
    {"stream_of_array", stream_of_array, METH_VARARGS, stream_of_array_doc},
    {"table_counts", table_counts, METH_O, table_counts_doc},
    {"table_stream", table_stream, METH_VARARGS, table_stream_doc},
    {"table_schema", table_schema_capsule, METH_O, table_schema_doc},
    {"table_fields", table_fields, METH_O, table_fields_doc},
    {NULL, NULL, 0, NULL},
};
