/* SPDX-License-Identifier: Apache-2.0 */
/* Columns by name: which fields of a table a client asked for, the schema that it then sees, and
 * their share of each stored batch, by reference.
 *
 *     table      a: struct<x: int32, y: utf8>   b: float64   c: bool
 *     asked      c, a.y
 *     projected  c: bool   a: struct<y: utf8>
 *     sources    5         0         2            index in the table's fields
 *
 * A column is named by its path: names joined by '.', which go down through structs; in a name,
 * %XX stands for a byte (%2E for a dot, %2C for a comma). Where several columns have the name, all
 * are meant. Columns, and fields of one struct, come in the order in which they are first asked
 * for, each once; a struct of which only fields are asked for keeps its name, its metadata and its
 * nulls. */
#ifndef IPC_PROJECT_H
#define IPC_PROJECT_H

#include "ipc/batch.h"
#include "ipc/compress.h"

/* Where a field's share of the message in hand begins. */
struct ipc_place {
    uint32_t node;
    uint32_t buffer;
    uint32_t variadic;
};

struct ipc_projection {
    const struct alloc *alloc;
    const struct ipc_schema *table;
    struct ipc_schema schema; /* its slices, pairs and type ids are the table's */
    uint32_t *sources;        /* for each field of `schema`, the index of the table's */
    struct ipc_place *places; /* by index in the table's fields */
    int64_t *dictionaries;    /* ids that the projected columns need, rising */
    uint32_t dictionary_count;
};

/* `paths` NULL: all columns as they are. Else what a client wrote: paths separated by commas.
 * INVALID_ARGUMENT names the column that isn't there, and the nearest one that is. `table` must
 * live as long as the projection. On failure there is nothing to be done with. */
enum fkv_status ipc_projection_init(struct ipc_projection *projection, const struct alloc *alloc,
                                    const struct ipc_schema *table, const struct slice *paths,
                                    struct fkv_error *error);
void ipc_projection_done(struct ipc_projection *projection); /* zeroed ones are allowed */

/* Whether the projected columns need the dictionary; *ret_index: its place among them. */
bool ipc_projection_dictionary(const struct ipc_projection *projection, int64_t id,
                               uint32_t *ret_index);

/* A batch being taken apart. One at a time for each projection. */
struct ipc_taking {
    struct ipc_projection *projection;
    const struct ipc_message *message; /* verified against the table's schema (verify.h) */
    struct slice body;
    struct block *owner; /* keeps the body's bytes; every buffer takes a reference */
    struct ipc_compression *compression; /* NULL: compressed buffers stay as they are */
    uint32_t next;                       /* index in the projected fields */
};

/* Fills in `projection`'s places for the taking's message, and initialises *ret. */
void ipc_taking_begin(struct ipc_taking *taking, struct ipc_batch *ret);

/* Adds columns to `batch` until there is none left (*ret_is_done), or `bytes_max` bytes at least
 * were decompressed: who has others to serve goes on later. The layout of the buffers is that of
 * the message's metadata version. INVALID_ARGUMENT for buffers that can't be decompressed. */
enum fkv_status ipc_taking_step(struct ipc_taking *taking, struct ipc_batch *batch,
                                uint64_t bytes_max, bool *ret_is_done, struct fkv_error *error);

/* project_names.c: writes the projected fields and their sources, for which there is room for all
 * of the table's, and the counts. */
enum fkv_status ipc_projection_choose(struct ipc_projection *projection, struct slice paths,
                                      struct fkv_error *error);

#endif
