/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/value_export.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "cli/value_flat.h"

/* ---- text ---- */

/* What a reader would take apart, strip or leave out. */
static bool needs_quotes(struct slice text)
{
    if (text.size == 0 || text.data[0] == ' ' || text.data[text.size - 1] == ' ')
        return true;
    for (size_t i = 0; i < text.size; i++) {
        if (strchr(",\"\r\n", text.data[i]) != NULL) /* and a zero byte */
            return true;
    }
    return false;
}

/* Quoted, with quotes doubled. */
static void quote_csv(struct buf *out, struct slice text)
{
    buf_byte(out, '"');
    while (text.size > 0) {
        const uint8_t *quote = memchr(text.data, '"', text.size);
        size_t size = quote != NULL ? (size_t)(quote - text.data) + 1 : text.size;
        buf_append(out, text.data, size);
        if (quote != NULL)
            buf_byte(out, '"');
        slice_take(&text, size);
    }
    buf_byte(out, '"');
}

bool value_csv_text(struct buf *out, struct slice text)
{
    if (!text_is_utf8(text))
        return false;
    if (needs_quotes(text))
        quote_csv(out, text);
    else
        buf_append(out, text.data, text.size);
    return true;
}

static bool is_special(uint8_t byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\';
}

static void escape_json(struct buf *out, uint8_t byte)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = byte != 0 ? strchr(from, byte) : NULL;
    if (at != NULL)
        buf_printf(out, "\\%c", to[at - from]);
    else
        buf_printf(out, "\\u%04x", byte);
}

bool value_json_text(struct buf *out, struct slice text)
{
    if (!text_is_utf8(text))
        return false;
    buf_byte(out, '"');
    while (text.size > 0) {
        size_t plain = 0;
        while (plain < text.size && !is_special(text.data[plain]))
            plain++;
        buf_append(out, text.data, plain);
        slice_take(&text, plain);
        if (text.size > 0) {
            escape_json(out, text.data[0]);
            slice_take(&text, 1);
        }
    }
    return buf_byte(out, '"');
}

/* ---- JSON ---- */

static bool is_finite(const struct cell *cell, int64_t position)
{
    uint16_t half;
    float single;
    double wide;
    switch (cell->schema->format[0]) {
    case 'e':
        return !cell_load(cell->array, 1, position, sizeof half, &half) || (~half & 0x7c00) != 0;
    case 'f':
        return !cell_load(cell->array, 1, position, sizeof single, &single) || isfinite(single);
    case 'g':
        return !cell_load(cell->array, 1, position, sizeof wide, &wide) || isfinite(wide);
    default:
        return true;
    }
}

static bool json_number(struct buf *out, const struct cell *cell, int64_t position)
{
    return is_finite(cell, position) ? value_number(out, cell, position) : buf_text(out, "null");
}

static bool json_time(struct buf *out, const struct cell *cell, int64_t position)
{
    bool is_number = cell->schema->format[1] == 'D';
    buf_text(out, is_number ? "" : "\"");
    bool is_done = value_time_cell(out, cell, position, VALUE_FOR_JSON);
    buf_text(out, is_number ? "" : "\"");
    return is_done;
}

static bool json_bytes(struct buf *out, const struct cell *cell, int64_t position)
{
    struct slice bytes;
    if (!cell_bytes(cell, position, &bytes))
        return false;
    if (cell_kind(cell->schema) == CELL_TEXT)
        return value_json_text(out, bytes);
    buf_byte(out, '"');
    text_base64(out, bytes, true);
    return buf_byte(out, '"');
}

static bool json_struct(struct buf *out, const struct cell *cell, int64_t position)
{
    buf_byte(out, '{');
    for (int64_t i = 0; i < cell->schema->n_children; i++) {
        struct cell child;
        const char *name = cell->schema->children[i]->name;
        buf_text(out, i > 0 ? "," : "");
        if (!value_json_text(out, slice_text(name != NULL ? name : "")))
            return false;
        buf_byte(out, ':');
        if (!cell_child(cell, i, position, &child) || !value_json(out, &child))
            return false;
    }
    return buf_byte(out, '}');
}

static bool json_elements(struct buf *out, const struct cell *cell, int64_t position)
{
    int64_t start, end;
    if (!cell_elements(cell, position, &start, &end))
        return false;
    buf_byte(out, '[');
    for (int64_t i = start; i < end; i++) {
        struct cell child;
        buf_text(out, i > start ? "," : "");
        if (out->failed || !cell_child(cell, 0, i, &child) || !value_json(out, &child))
            return false;
    }
    return buf_byte(out, ']');
}

static bool json_map(struct buf *out, const struct cell *cell, int64_t position)
{
    int64_t start, end;
    if (!cell_elements(cell, position, &start, &end))
        return false;
    buf_byte(out, '[');
    for (int64_t i = start; i < end; i++) {
        struct cell key, value;
        buf_text(out, i > start ? ",{\"key\":" : "{\"key\":");
        if (out->failed || !cell_entry(cell, i, &key, &value) || !value_json(out, &key))
            return false;
        buf_text(out, ",\"value\":");
        if (!value_json(out, &value))
            return false;
        buf_byte(out, '}');
    }
    return buf_byte(out, ']');
}

bool value_json(struct buf *out, const struct cell *cell)
{
    struct cell here = *cell;
    int64_t position;
    enum cell_state state = cell_resolve(&here, &position);
    if (state != CELL_VALID)
        return state == CELL_NULL && buf_text(out, "null");
    switch (cell_kind(here.schema)) {
    case CELL_NUMBER:
        return json_number(out, &here, position);
    case CELL_DECIMAL:
        return value_decimal_cell(out, &here, position);
    case CELL_TIME:
        return json_time(out, &here, position);
    case CELL_TEXT:
    case CELL_BINARY:
        return json_bytes(out, &here, position);
    case CELL_STRUCT:
        return json_struct(out, &here, position);
    case CELL_MAP:
        return json_map(out, &here, position);
    case CELL_LIST:
        return json_elements(out, &here, position);
    }
    return false;
}

/* ---- CSV ---- */

static bool csv_bytes(struct buf *out, const struct cell *cell, int64_t position)
{
    struct slice bytes;
    if (!cell_bytes(cell, position, &bytes))
        return false;
    if (cell_kind(cell->schema) == CELL_TEXT)
        return value_csv_text(out, bytes);
    return bytes.size > 0 ? text_base64(out, bytes, true) : buf_text(out, "\"\"");
}

/* The JSON of a nested value, as a text. */
static bool csv_nested(struct buf *out, const struct cell *cell)
{
    struct buf json;
    buf_init(&json, out->alloc, out->limit_bytes);
    bool is_done = value_json(&json, cell);
    if (json.failed)
        out->failed = true;
    else if (is_done && needs_quotes(buf_slice(&json)))
        quote_csv(out, buf_slice(&json));
    else if (is_done)
        buf_append(out, json.data, json.size);
    buf_done(&json);
    return is_done && !out->failed;
}

bool value_csv(struct buf *out, const struct cell *cell)
{
    struct cell here = *cell;
    int64_t position;
    enum cell_state state = cell_resolve(&here, &position);
    if (state != CELL_VALID)
        return state == CELL_NULL;
    switch (cell_kind(here.schema)) {
    case CELL_NUMBER:
        return value_number(out, &here, position);
    case CELL_DECIMAL:
        return value_decimal_cell(out, &here, position);
    case CELL_TIME:
        return value_time_cell(out, &here, position, VALUE_FOR_CSV);
    case CELL_TEXT:
    case CELL_BINARY:
        return csv_bytes(out, &here, position);
    default:
        return csv_nested(out, cell);
    }
}
