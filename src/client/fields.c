/* SPDX-License-Identifier: Apache-2.0 */
#include "client/fields.h"

#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "base/status.h"
#include "client/client.h"

/* A server may not make a client grow for ever; a browser keeps as many of a site. */
enum { cookies_max = 50, cookie_bytes_max = 4096 };

enum { max_age_s = 400 * 24 * 3600 }; /* more is cut to it, as browsers do */

struct field {
    struct list link;
    struct buf name;
    struct buf value;
    time_t expires; /* 0: with the client */
};

static void field_free(const struct alloc *alloc, struct field *field)
{
    list_unlink(&field->link);
    buf_done(&field->name);
    buf_done(&field->value);
    alloc_free(alloc, field);
}

static struct field *find(const struct list *list, struct slice name)
{
    list_each(node, list)
    {
        struct field *field = list_entry(node, struct field, link);
        if (slice_equal(buf_slice(&field->name), name))
            return field;
    }
    return NULL;
}

/* NULL when out of memory. */
static struct field *add(const struct alloc *alloc, struct list *list, struct slice name,
                         struct slice value)
{
    struct field *field = alloc_zero(alloc, sizeof *field);
    if (field == NULL)
        return NULL;
    buf_init(&field->name, alloc, SIZE_MAX);
    buf_init(&field->value, alloc, SIZE_MAX);
    list_push(list, &field->link);
    if (buf_append(&field->name, name.data, name.size) &&
        buf_append(&field->value, value.data, value.size))
        return field;
    field_free(alloc, field);
    return NULL;
}

void client_fields_init(struct client_fields *fields, const struct alloc *alloc)
{
    *fields = (struct client_fields){.alloc = alloc};
    list_init(&fields->fields);
    list_init(&fields->cookies);
}

static void free_all(const struct alloc *alloc, struct list *list)
{
    list_each(node, list) field_free(alloc, list_entry(node, struct field, link));
}

void client_fields_done(struct client_fields *fields)
{
    if (fields->alloc == NULL)
        return;
    free_all(fields->alloc, &fields->fields);
    free_all(fields->alloc, &fields->cookies);
}

static bool copy_all(const struct alloc *alloc, struct list *to, const struct list *from)
{
    list_each(node, from)
    {
        const struct field *field = list_entry(node, struct field, link);
        struct field *copy = add(alloc, to, buf_slice(&field->name), buf_slice(&field->value));
        if (copy == NULL)
            return false;
        copy->expires = field->expires;
    }
    return true;
}

enum fkv_status client_fields_copy(struct client_fields *ret, const struct client_fields *from,
                                   struct fkv_error *error)
{
    ret->cookie_count = from->cookie_count;
    if (copy_all(ret->alloc, &ret->fields, &from->fields) &&
        copy_all(ret->alloc, &ret->cookies, &from->cookies))
        return FKV_OK;
    return status_no_memory(error, sizeof(struct field));
}

bool client_fields_are_empty(const struct client_fields *fields)
{
    return list_empty(&fields->fields) && list_empty(&fields->cookies);
}

/* ---- set by the user ---- */

static enum fkv_status check_field(const char *name, struct slice value, struct fkv_error *error)
{
    size_t size = strlen(name);
    if (size == 0 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != size)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "'%s' is no name of a header, expected lower-case letters, digits, '-', "
                          "'_' or '.'",
                          name);
    bool is_binary = size > 4 && strcmp(name + size - 4, "-bin") == 0;
    for (size_t i = 0; i < value.size && !is_binary; i++)
        if (value.data[i] < 0x20 || value.data[i] > 0x7e)
            return status_set(error, FKV_INVALID_ARGUMENT,
                              "the value of header '%s' has byte 0x%02x, expected printable ASCII "
                              "where the name doesn't end in \"-bin\"",
                              name, value.data[i]);
    return FKV_OK;
}

enum fkv_status client_fields_set(struct client_fields *fields, const char *name,
                                  struct slice value, struct fkv_error *error)
{
    enum fkv_status status = check_field(name, value, error);
    if (status != FKV_OK)
        return status;
    struct field *old = find(&fields->fields, slice_text(name));
    if (value.data != NULL && add(fields->alloc, &fields->fields, slice_text(name), value) == NULL)
        return status_no_memory(error, value.size);
    if (old != NULL)
        field_free(fields->alloc, old);
    return FKV_OK;
}

enum fkv_status fkv_flight_client_header(struct fkv_client *client, const char *name,
                                         struct fkv_bytes value, struct fkv_error *error)
{
    return client_fields_set(&client->fields, name, slice_of(value.data, value.size), error);
}

/* ---- cookies ---- */

static struct slice trim(struct slice text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        slice_take(&text, 1);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* Cuts what is ahead of `mark` off *text, and the mark; all of it where there is none. */
static struct slice cut(struct slice *text, char mark)
{
    const uint8_t *at = text->size > 0 ? memchr(text->data, mark, text->size) : NULL;
    struct slice head = slice_take(text, at != NULL ? (size_t)(at - text->data) : text->size);
    slice_take(text, 1);
    return trim(head);
}

static bool is_attribute(struct slice name, const char *text)
{
    return name.size == strlen(text) && strncasecmp((const char *)name.data, text, name.size) == 0;
}

/* When it goes; 0: with the client. Max-Age wins over Expires, as RFC 6265 has it. */
static time_t expiry(struct slice attributes)
{
    time_t expires = 0, now = time(NULL);
    while (attributes.size > 0) {
        struct slice value = cut(&attributes, ';');
        struct slice name = cut(&value, '=');
        char text[64] = "";
        struct tm date = {0};
        memcpy(text, value.data != NULL ? (const char *)value.data : "",
               value.size < sizeof text ? value.size : 0);
        if (is_attribute(name, "max-age")) {
            long age = strtol(text, NULL, 10);
            return age <= 0 ? 1 : now + (age < max_age_s ? age : max_age_s);
        }
        if (is_attribute(name, "expires") && strptime(text, "%a, %d %b %Y %H:%M:%S", &date) != NULL)
            expires = timegm(&date);
    }
    return expires;
}

static void drop_cookie(struct client_fields *fields, struct field *cookie)
{
    field_free(fields->alloc, cookie);
    fields->cookie_count--;
}

/* False when out of memory for it. */
static bool take_cookie(struct client_fields *fields, struct slice text)
{
    if (text.size > cookie_bytes_max)
        return true;
    struct slice value = cut(&text, ';');
    struct slice name = cut(&value, '=');
    value = trim(value);
    time_t expires = expiry(text);
    struct field *old = find(&fields->cookies, name);
    if (old != NULL)
        drop_cookie(fields, old);
    if (name.size == 0 || (expires != 0 && expires <= time(NULL)) ||
        fields->cookie_count >= cookies_max)
        return true;
    struct field *cookie = add(fields->alloc, &fields->cookies, name, value);
    if (cookie == NULL)
        return false;
    cookie->expires = expires;
    fields->cookie_count++;
    return true;
}

bool client_fields_take_cookies(struct client_fields *fields, struct wire_metadata metadata)
{
    bool are_kept = true;
    for (size_t i = 0; i < metadata.count; i++)
        if (slice_is(metadata.pairs[i].name, "set-cookie"))
            are_kept = take_cookie(fields, metadata.pairs[i].value) && are_kept;
    return are_kept;
}

static void write_cookies(struct client_fields *fields, struct buf *ret)
{
    time_t now = time(NULL);
    list_each(node, &fields->cookies)
    {
        struct field *cookie = list_entry(node, struct field, link);
        if (cookie->expires != 0 && cookie->expires <= now) {
            drop_cookie(fields, cookie);
            continue;
        }
        if (ret->size > 0)
            buf_text(ret, "; ");
        buf_append(ret, cookie->name.data, cookie->name.size);
        buf_byte(ret, '=');
        buf_append(ret, cookie->value.data, cookie->value.size);
    }
}

/* ---- of one call ---- */

static size_t count_fields(const struct client_fields *fields)
{
    size_t count = 0;
    list_each(node, &fields->fields) count++;
    return count;
}

enum fkv_status client_fields_collect(struct client_fields *fields, const char *agent,
                                      struct wire_metadata own,
                                      const struct fkv_flight_call_options *options,
                                      struct client_metadata *ret, struct fkv_error *error)
{
    size_t given = options != NULL ? options->header_count : 0;
    size_t most = own.count + count_fields(fields) + given + 2;
    *ret = (struct client_metadata){.alloc = fields->alloc};
    buf_init(&ret->cookie, fields->alloc, SIZE_MAX);
    ret->pairs = alloc_array(fields->alloc, most, sizeof *ret->pairs);
    write_cookies(fields, &ret->cookie);
    if (ret->pairs == NULL || ret->cookie.failed)
        return status_no_memory(error, most * sizeof *ret->pairs);
    for (size_t i = 0; i < own.count; i++)
        ret->pairs[ret->count++] = own.pairs[i];
    ret->pairs[ret->count++] = (struct wire_pair){slice_text("user-agent"), slice_text(agent)};
    if (ret->cookie.size > 0)
        ret->pairs[ret->count++] =
            (struct wire_pair){slice_text("cookie"), buf_slice(&ret->cookie)};
    list_each(node, &fields->fields)
    {
        const struct field *field = list_entry(node, struct field, link);
        ret->pairs[ret->count++] =
            (struct wire_pair){buf_slice(&field->name), buf_slice(&field->value)};
    }
    for (size_t i = 0; i < given; i++) {
        struct slice value =
            slice_of(options->headers[i].value.data, options->headers[i].value.size);
        enum fkv_status status = check_field(options->headers[i].name, value, error);
        if (status != FKV_OK)
            return status;
        ret->pairs[ret->count++] = (struct wire_pair){slice_text(options->headers[i].name), value};
    }
    return FKV_OK;
}

void client_metadata_done(struct client_metadata *metadata)
{
    alloc_free(metadata->alloc, metadata->pairs);
    buf_done(&metadata->cookie);
}
