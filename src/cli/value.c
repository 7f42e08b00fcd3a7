/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/value.h"

#include "cli/value_flat.h"
#include "cli/width.h"

/* A cell of a list, struct, ... is an inner one: its strings are quoted. */
static void write_cell(struct buf *out, const struct cell *cell, bool is_inner);

static void write_invalid(struct buf *out)
{
    buf_text(out, "<invalid>");
}

/* ---- bytes ---- */

static void write_text(struct buf *out, struct slice text, bool is_inner)
{
    size_t size = text.size;
    if (size > value_bytes_most) {
        size = value_bytes_most;
        while (size > 0 && (text.data[size] & 0xc0) == 0x80) /* not within a character */
            size--;
    }
    buf_text(out, is_inner ? "\"" : "");
    width_escape(out, slice_part(text, 0, size), is_inner ? '"' : 0);
    buf_text(out, size < text.size ? "..." : "");
    buf_text(out, is_inner ? "\"" : "");
}

static void write_binary(struct buf *out, struct slice bytes)
{
    size_t size = bytes.size < value_bytes_most / 2 ? bytes.size : value_bytes_most / 2;
    buf_text(out, "x'");
    for (size_t i = 0; i < size; i++)
        buf_printf(out, "%02x", bytes.data[i]);
    buf_text(out, size < bytes.size ? "...'" : "'");
}

static bool write_bytes(struct buf *out, const struct cell *cell, int64_t position, bool is_inner)
{
    struct slice bytes;
    if (!cell_bytes(cell, position, &bytes))
        return false;
    if (cell_kind(cell->schema) == CELL_TEXT)
        write_text(out, bytes, is_inner);
    else
        write_binary(out, bytes);
    return true;
}

/* ---- nested types ---- */

/* Says "..." once the text is long enough; the rest of the value is left out. */
static bool is_full(struct buf *out)
{
    if (out->failed)
        return true;
    if (out->size < value_bytes_most)
        return false;
    buf_text(out, "...");
    return true;
}

static void write_child(struct buf *out, const struct cell *cell, int64_t index, int64_t row)
{
    struct cell child;
    if (cell_child(cell, index, row, &child))
        write_cell(out, &child, true);
    else
        write_invalid(out);
}

static void write_elements(struct buf *out, const struct cell *cell, int64_t start, int64_t end)
{
    buf_byte(out, '[');
    for (int64_t i = start; i < end; i++) {
        buf_text(out, i > start ? ", " : "");
        if (is_full(out))
            break;
        write_child(out, cell, 0, i);
    }
    buf_byte(out, ']');
}

static void write_entries(struct buf *out, const struct cell *cell, int64_t start, int64_t end)
{
    buf_byte(out, '{');
    for (int64_t i = start; i < end; i++) {
        struct cell key, value;
        buf_text(out, i > start ? ", " : "");
        if (is_full(out))
            break;
        if (!cell_entry(cell, i, &key, &value)) {
            write_invalid(out);
            break;
        }
        write_cell(out, &key, true);
        buf_text(out, ": ");
        write_cell(out, &value, true);
    }
    buf_byte(out, '}');
}

static void write_struct(struct buf *out, const struct cell *cell, int64_t position)
{
    buf_byte(out, '{');
    for (int64_t i = 0; i < cell->schema->n_children; i++) {
        const char *name = cell->schema->children[i]->name;
        buf_text(out, i > 0 ? ", " : "");
        if (is_full(out))
            break;
        width_escape(out, slice_text(name != NULL ? name : ""), 0);
        buf_text(out, ": ");
        write_child(out, cell, i, position);
    }
    buf_byte(out, '}');
}

static bool write_nested(struct buf *out, const struct cell *cell, int64_t position)
{
    int64_t start, end;
    if (cell_kind(cell->schema) == CELL_STRUCT) {
        write_struct(out, cell, position);
        return true;
    }
    if (!cell_elements(cell, position, &start, &end))
        return false;
    if (cell_kind(cell->schema) == CELL_MAP)
        write_entries(out, cell, start, end);
    else
        write_elements(out, cell, start, end);
    return true;
}

/* ---- any type ---- */

static bool write_valid(struct buf *out, const struct cell *cell, int64_t position, bool is_inner)
{
    switch (cell_kind(cell->schema)) {
    case CELL_TEXT:
    case CELL_BINARY:
        return write_bytes(out, cell, position, is_inner);
    case CELL_NUMBER:
        return value_number(out, cell, position);
    case CELL_DECIMAL:
        return value_decimal_cell(out, cell, position);
    case CELL_TIME:
        return value_time_cell(out, cell, position, VALUE_FOR_PEOPLE);
    default:
        return write_nested(out, cell, position);
    }
}

static void write_cell(struct buf *out, const struct cell *cell, bool is_inner)
{
    struct cell here = *cell;
    int64_t position;
    enum cell_state state = cell_resolve(&here, &position);
    if (state == CELL_NULL)
        buf_text(out, "null");
    else if (state == CELL_INVALID || !write_valid(out, &here, position, is_inner))
        write_invalid(out);
}

void value_text(struct buf *out, const struct ArrowSchema *schema, const struct ArrowArray *array,
                int64_t row)
{
    struct cell cell = cell_of(schema, array, row);
    write_cell(out, &cell, false);
}

void value_literal(struct buf *out, const struct cell *cell)
{
    write_cell(out, cell, true);
}

bool value_is_null(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t row)
{
    struct cell cell = cell_of(schema, array, row);
    int64_t position;
    return cell_resolve(&cell, &position) == CELL_NULL;
}
