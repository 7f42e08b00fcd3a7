/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/headers.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/status.h"
#include "base/text.h"

/* Text is cut from blocks of this size, or has its own when longer: most calls need one. */
enum { text_block_bytes = 1000, first_pairs = 8 };

struct wire_text {
    struct wire_text *next;
    size_t size;
    size_t used;
    uint8_t bytes[];
};

void wire_headers_init(struct wire_headers *headers, const struct alloc *alloc)
{
    *headers = (struct wire_headers){.alloc = alloc};
}

static void free_texts(struct wire_headers *headers, struct wire_text *text)
{
    while (text != NULL) {
        struct wire_text *next = text->next;
        alloc_free(headers->alloc, text);
        text = next;
    }
}

void wire_headers_done(struct wire_headers *headers)
{
    if (headers->alloc == NULL)
        return;
    free_texts(headers, headers->texts);
    alloc_free(headers->alloc, headers->pairs);
    *headers = (struct wire_headers){.alloc = headers->alloc};
}

/* The memory of a usual list stays for the next one. */
void wire_headers_clear(struct wire_headers *headers)
{
    struct wire_text *kept = headers->texts;
    if (kept != NULL && (kept->next != NULL || kept->size > text_block_bytes)) {
        free_texts(headers, kept);
        kept = NULL;
    }
    if (kept != NULL)
        kept->used = 0;
    headers->texts = kept;
    if (headers->capacity > first_pairs) {
        alloc_free(headers->alloc, headers->pairs);
        headers->pairs = NULL;
        headers->capacity = 0;
    }
    headers->count = headers->list_bytes = 0;
}

static uint8_t *text_space(struct wire_headers *headers, size_t size)
{
    struct wire_text *text = headers->texts;
    if (text == NULL || size > text->size - text->used) {
        size_t room = size > text_block_bytes ? size : text_block_bytes;
        text = alloc_get(headers->alloc, sizeof *text + room);
        if (text == NULL)
            return NULL;
        *text = (struct wire_text){headers->texts, room, 0};
        headers->texts = text;
    }
    uint8_t *space = text->bytes + text->used;
    text->used += size;
    return space;
}

struct slice wire_headers_text(struct wire_headers *headers, struct slice bytes)
{
    uint8_t *space = text_space(headers, bytes.size);
    if (space != NULL && bytes.size > 0)
        memcpy(space, bytes.data, bytes.size);
    return slice_of(space, space == NULL ? 0 : bytes.size);
}

bool wire_headers_refer(struct wire_headers *headers, struct slice name, struct slice value)
{
    if (headers->count == headers->capacity) {
        size_t capacity = headers->capacity == 0 ? first_pairs : headers->capacity * 2;
        struct wire_pair *pairs =
            alloc_resize(headers->alloc, headers->pairs, capacity * sizeof *pairs);
        if (pairs == NULL)
            return false;
        headers->pairs = pairs;
        headers->capacity = capacity;
    }
    headers->pairs[headers->count++] = (struct wire_pair){name, value};
    headers->list_bytes += name.size + value.size + wire_field_overhead_bytes;
    return true;
}

bool wire_headers_add(struct wire_headers *headers, struct slice name, struct slice value)
{
    struct slice own_name = wire_headers_text(headers, name);
    struct slice own_value = wire_headers_text(headers, value);
    return own_name.data != NULL && own_value.data != NULL &&
           wire_headers_refer(headers, own_name, own_value);
}

static bool is_binary_name(struct slice name)
{
    return name.size >= 4 && memcmp(name.data + name.size - 4, "-bin", 4) == 0;
}

size_t wire_headers_field_bytes(struct slice name, struct slice value)
{
    size_t fields = 1;
    for (size_t i = 0; i < value.size && is_binary_name(name); i++)
        fields += value.data[i] == ',';
    return value.size + fields * (name.size + wire_field_overhead_bytes);
}

/* gRPC's Header-Name: digits, lower-case letters, '_', '-', '.'; letters are made lower here. */
static bool is_name_byte(uint8_t c)
{
    return isalnum(c) || c == '_' || c == '-' || c == '.';
}

static bool is_value_byte(uint8_t c)
{
    return c >= 0x20 && c <= 0x7e;
}

static bool all_bytes(struct slice bytes, bool (*is_good)(uint8_t c))
{
    for (size_t i = 0; i < bytes.size; i++)
        if (!is_good(bytes.data[i]))
            return false;
    return true;
}

/* Base64 in either direction, into the headers' own memory. False when out of memory or, decoding,
 * for what isn't base64. */
static bool recode(struct wire_headers *headers, struct slice bytes, bool decode, struct slice *ret)
{
    struct buf buf;
    buf_init(&buf, headers->alloc, bytes.size * 2 + 4);
    bool done = decode ? text_unbase64(&buf, bytes) : text_base64(&buf, bytes, false);
    if (done)
        *ret = wire_headers_text(headers, buf_slice(&buf));
    buf_done(&buf);
    return done && ret->data != NULL;
}

enum fkv_status wire_headers_encode(struct wire_headers *headers, struct slice name,
                                    struct slice value, struct fkv_error *error)
{
    if (name.size == 0 || !all_bytes(name, is_name_byte))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "'%.*s' can't be the name of a header; expected letters, digits, '-', "
                          "'_' and '.'",
                          (int)(name.size < 100 ? name.size : 100), (const char *)name.data);
    struct slice own_name = wire_headers_text(headers, name);
    struct slice own_value = {0};
    if (own_name.data == NULL)
        return status_no_memory(error, name.size);
    for (size_t i = 0; i < own_name.size; i++)
        ((uint8_t *)own_name.data)[i] = (uint8_t)tolower(own_name.data[i]);
    if (is_binary_name(own_name)) {
        if (!recode(headers, value, false, &own_value))
            return status_no_memory(error, value.size);
    } else if (!all_bytes(value, is_value_byte)) {
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the value of the header '%.*s' has a byte that isn't printable ASCII; "
                          "a name ending in -bin may carry any bytes",
                          (int)(name.size < 100 ? name.size : 100), (const char *)name.data);
    } else {
        own_value = wire_headers_text(headers, value);
    }
    if (own_value.data == NULL || !wire_headers_refer(headers, own_name, own_value))
        return status_no_memory(error, value.size);
    return FKV_OK;
}

static struct slice trim(struct slice value)
{
    while (value.size > 0 && (value.data[0] == ' ' || value.data[0] == '\t'))
        slice_take(&value, 1);
    while (value.size > 0 &&
           (value.data[value.size - 1] == ' ' || value.data[value.size - 1] == '\t'))
        value.size--;
    return value;
}

static struct slice take_until_comma(struct slice *rest)
{
    const uint8_t *comma = rest->size == 0 ? NULL : memchr(rest->data, ',', rest->size);
    struct slice part = slice_take(rest, comma == NULL ? rest->size : (size_t)(comma - rest->data));
    slice_take(rest, 1);
    return trim(part);
}

static enum fkv_status decode_binary(struct wire_headers *headers, struct slice own_name,
                                     struct slice value, struct fkv_error *error)
{
    bool is_more = true;
    while (is_more) {
        is_more = value.size > 0 && memchr(value.data, ',', value.size) != NULL;
        struct slice part = take_until_comma(&value), bytes = {0};
        if (!recode(headers, part, true, &bytes))
            return status_set(error, FKV_INTERNAL, "the value of the header '%.*s' isn't base64",
                              (int)(own_name.size < 100 ? own_name.size : 100),
                              (const char *)own_name.data);
        if (!wire_headers_refer(headers, own_name, bytes))
            return status_no_memory(error, sizeof(struct wire_pair));
    }
    return FKV_OK;
}

enum fkv_status wire_headers_decode(struct wire_headers *headers, struct slice name,
                                    struct slice value, struct fkv_error *error)
{
    value = trim(value);
    struct slice own_name = wire_headers_text(headers, name);
    if (own_name.data == NULL)
        return status_no_memory(error, name.size);
    if (is_binary_name(name))
        return decode_binary(headers, own_name, value, error);
    struct slice own_value = wire_headers_text(headers, value);
    if (own_value.data == NULL || !wire_headers_refer(headers, own_name, own_value))
        return status_no_memory(error, value.size);
    return FKV_OK;
}

struct slice wire_metadata_get(struct wire_metadata metadata, const char *name)
{
    for (size_t i = 0; i < metadata.count; i++)
        if (slice_is(metadata.pairs[i].name, name))
            return metadata.pairs[i].value;
    return (struct slice){0};
}

static const struct {
    char letter;
    uint64_t ns;
} timeout_units[] = {
    {'n', 1},
    {'u', UINT64_C(1000)},
    {'m', UINT64_C(1000000)},
    {'S', UINT64_C(1000000000)},
    {'M', UINT64_C(60000000000)},
    {'H', UINT64_C(3600000000000)},
};

enum { timeout_unit_count = sizeof timeout_units / sizeof timeout_units[0] };

/* At most 8 digits, says gRPC. */
enum { timeout_digits_max = 8, timeout_value_max = 99999999 };

bool wire_timeout_parse(struct slice text, uint64_t *ret_ns)
{
    if (text.size < 2 || text.size > timeout_digits_max + 1)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i + 1 < text.size; i++) {
        if (!isdigit(text.data[i]))
            return false;
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    for (size_t i = 0; i < timeout_unit_count; i++) {
        if (text.data[text.size - 1] != (uint8_t)timeout_units[i].letter)
            continue;
        bool fits = value <= UINT64_MAX / timeout_units[i].ns;
        *ret_ns = fits ? value * timeout_units[i].ns : UINT64_MAX;
        return true;
    }
    return false;
}

void wire_timeout_text(uint64_t timeout_ns, char ret[wire_timeout_size])
{
    size_t i = 0;
    uint64_t value = timeout_ns;
    while (value > timeout_value_max && i + 1 < timeout_unit_count) {
        i++;
        value = timeout_ns / timeout_units[i].ns + (timeout_ns % timeout_units[i].ns != 0);
    }
    snprintf(ret, wire_timeout_size, "%" PRIu64 "%c", value, timeout_units[i].letter);
}
