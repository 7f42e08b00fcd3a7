/* SPDX-License-Identifier: Apache-2.0 */
/* One row of an Arrow array, and what stands there: for all that prints or compares values.
 *
 * Arrays must have passed the library's checks, or come from a producer that is trusted: a buffer
 * has no size in the C Data interface. What can be checked is, again, at each use: indices against
 * lengths, offsets against child lengths, views against their buffers' sizes, run ends against the
 * row. What fails is CELL_INVALID, or false. */
#ifndef CLI_CELL_H
#define CLI_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "flightkv/arrow_abi.h"

struct cell {
    const struct ArrowSchema *schema;
    const struct ArrowArray *array;
    int64_t row;
    unsigned depth; /* how many levels below are still looked into */
};

struct cell cell_of(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t row);

enum cell_state { CELL_NULL, CELL_VALID, CELL_INVALID };

/* Goes on to the cell that this one stands for, through dictionaries, run ends and unions.
 * CELL_VALID: `ret_position` is the value's place in the buffers of cell->array. */
enum cell_state cell_resolve(struct cell *cell, int64_t *ret_position);

/* What a resolved cell's format holds. */
enum cell_kind {
    CELL_NUMBER,  /* b cCsSiIlL efg */
    CELL_TEXT,    /* u U vu */
    CELL_BINARY,  /* z Z vz w: */
    CELL_DECIMAL, /* d: */
    CELL_TIME,    /* t.. */
    CELL_STRUCT,
    CELL_LIST, /* of any layout */
    CELL_MAP,
};
enum cell_kind cell_kind(const struct ArrowSchema *schema);

/* Copies element `position` of buffer `index` of elements of `size` bytes. */
bool cell_load(const struct ArrowArray *array, int64_t index, int64_t position, size_t size,
               void *ret);

/* 32 or 64 bits of buffer 1. */
bool cell_ticks(const struct cell *cell, int64_t position, bool is_wide, int64_t *ret);

/* cCsSiIlL; an unsigned 64-bit value beyond INT64_MAX is negative. */
bool cell_integer(const struct cell *cell, int64_t position, int64_t *ret);
bool cell_bool(const struct cell *cell, int64_t position, bool *ret);

/* CELL_TEXT and CELL_BINARY; as long as the array. */
bool cell_bytes(const struct cell *cell, int64_t position, struct slice *ret);

/* "d:19,10,256": the little-endian integer, of up to 32 bytes, and its scale. */
enum { cell_decimal_max = 32 };
bool cell_decimal(const struct cell *cell, int64_t position, uint8_t ret[cell_decimal_max],
                  size_t *ret_size, long *ret_scale);

/* CELL_LIST and CELL_MAP: the row's elements as a range of child 0's rows. */
bool cell_elements(const struct cell *cell, int64_t position, int64_t *ret_start, int64_t *ret_end);

/* Row `row` of child `index`, one level deeper. */
bool cell_child(const struct cell *cell, int64_t index, int64_t row, struct cell *ret);

/* Key and value of a map's entry `row`. */
bool cell_entry(const struct cell *map, int64_t row, struct cell *ret_key, struct cell *ret_value);

#endif
