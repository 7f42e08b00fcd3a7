/* SPDX-License-Identifier: Apache-2.0 */
/* FlatBuffers (https://flatbuffers.dev/internals/), the encoding of Arrow's metadata: a checked
 * reader and a builder. No other file knows how it looks:
 *
 *     buffer   [ offset of the root table ] ...
 *     table    [ how far back its vtable lies ][ fields, in an order of the writer's choice ]
 *     vtable   [ its bytes ][ the table's bytes ][ place of field 0 in the table, 0 = absent ] ...
 *     vector   [ count ][ elements ]              string   [ bytes ][ text ][ NUL ]
 *     union    two fields: the kind, and an offset of that kind's table
 *
 * An offset is 32 bits wide, counts from where it lies and points forward; a vtable's entries are
 * 16 bits wide. All is little-endian and aligned to its width, counted from the buffer's begin;
 * where the buffer lies in memory doesn't matter.
 */
#ifndef IPC_FLATBUF_H
#define IPC_FLATBUF_H

#include "base/buf.h"
#include "base/slice.h"
#include "flightkv/status.h"

/* --- reading --- */

/* A reader is used like a schema is written: field after field, and asked for `status` at the end.
 * After the first failure every read gives what an absent field gives, every vector is empty.
 *
 * Offsets may make tables, vectors and strings shared; so a few bytes could describe a tree too
 * large to walk. What is opened is therefore paid for by its size from a budget of twice the
 * buffer's, which no writer that shares nothing comes near. Depth is the caller's to bound: the
 * reader never follows more than it is asked to. */
struct ipc_fb {
    struct slice bytes;
    uint64_t budget_bytes;
    enum fkv_status status;
    struct fkv_error *error;
};

/* A table opened; all zero for one that is absent, whose fields are all absent. */
struct ipc_fb_table {
    uint32_t at;
    uint32_t vtable_at;
    uint16_t bytes;
    uint16_t vtable_bytes;
};

/* `data` is NULL for a vector that is absent. */
struct ipc_fb_vector {
    const uint8_t *data;
    uint32_t at; /* of the first element */
    uint32_t count;
};

/* Opens the root table of `bytes`, which must live as long. */
struct ipc_fb_table ipc_fb_begin(struct ipc_fb *fb, struct slice bytes, struct fkv_error *error);

/* Records a failure of the caller's own, unless there was one before. */
void ipc_fb_fail(struct ipc_fb *fb, enum fkv_status status, const char *format, ...)
    FKV_PRINTF(3, 4);

static inline bool ipc_fb_has(struct ipc_fb_table table)
{
    return table.vtable_bytes > 0;
}

/* The integer of 1, 2, 4 or 8 bytes in field `id`, as a signed one. */
int64_t ipc_fb_int(struct ipc_fb *fb, struct ipc_fb_table table, unsigned id, unsigned width,
                   int64_t fallback);

struct ipc_fb_table ipc_fb_child(struct ipc_fb *fb, struct ipc_fb_table table, unsigned id);

/* The text without its NUL; `data` is NULL when it is absent. It may hold any bytes. */
struct slice ipc_fb_string(struct ipc_fb *fb, struct ipc_fb_table table, unsigned id);

/* Elements of `width` bytes: scalars of 1, 2, 4 or 8, structs of a multiple of 8, offsets of 4. */
struct ipc_fb_vector ipc_fb_vector(struct ipc_fb *fb, struct ipc_fb_table table, unsigned id,
                                   unsigned width);

/* The table that element `index` of a vector of offsets points to. */
struct ipc_fb_table ipc_fb_element(struct ipc_fb *fb, struct ipc_fb_vector vector, uint32_t index);

/* --- building --- */

/* Builds front to back: first what holds an offset, then what the offset points to, so that `at`
 * below is always the place of an offset already written. Memory runs out silently: all calls may
 * go on, and ipc_fb_end tells. */
struct ipc_fb_builder {
    struct buf *out;
    size_t start; /* places count from here */
};

/* One field of a table. `width` 0 = absent; an offset has width 4 and value 0. */
struct ipc_fb_slot {
    uint8_t width;
    int64_t value;
    size_t at; /* set by ipc_fb_add_table: where the field lies */
};

/* The usual way to write a scalar: absent where it is what a reader assumes. */
static inline struct ipc_fb_slot ipc_fb_scalar(uint8_t width, int64_t value, int64_t fallback)
{
    return (struct ipc_fb_slot){.width = value == fallback ? 0 : width, .value = value};
}

static inline struct ipc_fb_slot ipc_fb_offset(void)
{
    return (struct ipc_fb_slot){.width = 4};
}

/* Begins behind what is in `out`. Gives the place of the root table's offset. */
size_t ipc_fb_build(struct ipc_fb_builder *builder, struct buf *out);

/* Writes a table of `count` fields, slot n being field n, and sets the offset at `at` to it. */
void ipc_fb_add_table(struct ipc_fb_builder *builder, size_t at, struct ipc_fb_slot *slots,
                      unsigned count);
void ipc_fb_add_string(struct ipc_fb_builder *builder, size_t at, struct slice text);

/* Elements of `width` bytes (as for ipc_fb_vector), all zero. Gives the first one's place. */
size_t ipc_fb_add_vector(struct ipc_fb_builder *builder, size_t at, uint32_t count, unsigned width);

/* The bytes at a place, for filling in a vector; valid until the next add. NULL when memory ran
 * out. */
uint8_t *ipc_fb_bytes(const struct ipc_fb_builder *builder, size_t place);

/* Pads to a multiple of 8. RESOURCE_EXHAUSTED when memory or the buffer's limit didn't suffice;
 * `out` is then as it was before. */
enum fkv_status ipc_fb_end(struct ipc_fb_builder *builder, struct fkv_error *error);

#endif
