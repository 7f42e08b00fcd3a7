/* SPDX-License-Identifier: Apache-2.0 */
/* Capsules: those of the Arrow PyCapsule interface
 * (https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html), and one for a
 * struct table, of which Python asks schema, counts and streams. */
#ifndef EXTENSION_ARROW_H
#define EXTENSION_ARROW_H

#include "glue.h"
#include "table.h"

#define ARROW_STREAM "arrow_array_stream"

/* Takes the reference over, also on failure. */
PyObject *arrow_table_capsule(struct table *table);

/* Takes the stream over, also on failure. */
PyObject *arrow_stream_capsule(struct ArrowArrayStream *stream);

/* Moves the stream out of its capsule; false: raised. */
bool arrow_take_stream(PyObject *capsule, struct ArrowArrayStream *ret);

/* The stream in its capsule, where it stays; NULL: raised. */
struct ArrowArrayStream *arrow_stream_of(PyObject *capsule);

#endif
