/* SPDX-License-Identifier: Apache-2.0 */
/* What the conformance programs share. They are written as users write them: against the installed
 * package alone, through flightkv/flight.h. */
#ifndef TEST_INTEROP_CONFORMANCE_H
#define TEST_INTEROP_CONFORMANCE_H

#include <flightkv/flight.h>

#define TEXT(text) ((struct fkv_bytes){(text), strlen(text)})

struct arguments {
    const char *host;
    const char *port;
    const char *scenario; /* NULL: JSON mode */
    const char *path;
};

/* -name value, --name value, -name=value; false, and a message, for anything else. */
bool read_arguments(struct arguments *ret, int argc, char **argv);

bool bytes_are(struct fkv_bytes bytes, const char *text);

/* Whole numbers in one column of a record batch, or of a schema: made and read. */
struct column {
    const char *name;
    const char *format; /* "i" int32, "I" uint32 */
};
void schema_make(const struct column *column, bool is_nullable, struct ArrowSchema *ret);
void batch_make(const int32_t *values, int64_t count, struct ArrowArray *ret);
/* Whether the batch has one column of these values of 4 bytes. */
bool batch_is(const struct ArrowArray *batch, const int32_t *values, int64_t count);
bool schema_is(const struct ArrowSchema *schema, const struct column *column);

/* A schema without fields. */
void schema_make_empty(struct ArrowSchema *ret);

#endif
