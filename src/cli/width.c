/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/width.h"

#include <wchar.h>

#include "base/text.h"

/* The first character of `text`, which isn't empty: its size in bytes and its width. */
static size_t first_character(struct slice text, size_t *ret_width)
{
    uint32_t code;
    size_t size = text_utf8_length(text, &code);
    int width = size > 0 ? wcwidth((wchar_t)code) : 1;
    *ret_width = width > 0 ? (size_t)width : 0;
    return size > 0 ? size : 1;
}

size_t width_of(struct slice text)
{
    size_t sum = 0, width;
    while (text.size > 0) {
        slice_take(&text, first_character(text, &width));
        sum += width;
    }
    return sum;
}

size_t width_cut(struct slice text, size_t width, size_t *ret_width)
{
    size_t taken = 0, sum = 0, next;
    while (text.size > 0) {
        size_t size = first_character(text, &next);
        if (sum + next > width)
            break;
        sum += next;
        taken += size;
        slice_take(&text, size);
    }
    *ret_width = sum;
    return taken;
}

/* Embeddings, overrides and isolates of the bidirectional algorithm (UAX #9). */
static bool turns_direction(uint32_t code)
{
    return (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
           code == 0x200e || code == 0x200f || code == 0x061c;
}

static void escape_one(struct buf *out, uint32_t code, struct slice bytes, char quote)
{
    if (code == '\n')
        buf_text(out, "\\n");
    else if (code == '\r')
        buf_text(out, "\\r");
    else if (code == '\t')
        buf_text(out, "\\t");
    else if (quote != 0 && (code == (uint32_t)quote || code == '\\'))
        buf_printf(out, "\\%c", (int)code);
    else if (code < 0x20 || code == 0x7f)
        buf_printf(out, "\\x%02X", (unsigned)code);
    else if (turns_direction(code) || wcwidth((wchar_t)code) < 0)
        buf_printf(out, "\\u{%X}", (unsigned)code);
    else
        buf_append(out, bytes.data, bytes.size);
}

void width_escape(struct buf *out, struct slice text, char quote)
{
    while (text.size > 0 && !out->failed) {
        uint32_t code;
        size_t size = text_utf8_length(text, &code);
        if (size > 0)
            escape_one(out, code, slice_part(text, 0, size), quote);
        else
            buf_printf(out, "\\x%02X", text.data[0]);
        slice_take(&text, size > 0 ? size : 1);
    }
}
