/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json.h"

#include <jansson.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"

enum { nested_name_size = 256, nesting_max = 32 };

struct doc {
    json_t *value;
    bool has_failed;
};

static struct doc *wrap(json_t *value)
{
    struct doc *doc = value != NULL ? alloc_zero(alloc_system(), sizeof *doc) : NULL;
    if (doc == NULL)
        json_decref(value);
    else
        doc->value = value;
    return doc;
}

struct doc *doc_object(void)
{
    return wrap(json_object());
}

struct doc *doc_array(void)
{
    return wrap(json_array());
}

void doc_free(struct doc *doc)
{
    if (doc == NULL)
        return;
    json_decref(doc->value);
    alloc_free(alloc_system(), doc);
}

/* Takes `value` over; NULL there is a failure. */
static void set(struct doc *object, const char *name, json_t *value)
{
    if (object == NULL)
        json_decref(value);
    else if (json_object_set_new(object->value, name, value) != 0)
        object->has_failed = true;
}

void doc_set_text(struct doc *object, const char *name, const char *text)
{
    set(object, name, json_string(text));
}

void doc_set_count(struct doc *object, const char *name, uint64_t count)
{
    set(object, name,
        count <= INT64_MAX ? json_integer((json_int_t)count) : json_real((double)count));
}

void doc_set_number(struct doc *object, const char *name, double number)
{
    set(object, name, json_real(number));
}

void doc_set_bool(struct doc *object, const char *name, bool value)
{
    set(object, name, json_boolean(value));
}

/* Gives what `doc` holds and frees the rest of it. */
static json_t *unwrap(struct doc *doc, bool *ret_has_failed)
{
    *ret_has_failed = doc == NULL || doc->has_failed;
    if (doc == NULL)
        return NULL;
    json_t *value = json_incref(doc->value);
    doc_free(doc);
    return value;
}

void doc_set(struct doc *object, const char *name, struct doc *value)
{
    bool has_failed;
    set(object, name, unwrap(value, &has_failed));
    if (object != NULL && has_failed)
        object->has_failed = true;
}

void doc_set_key(struct doc *object, const void *key, size_t key_size)
{
    if (text_is_utf8(slice_of(key, key_size))) {
        set(object, "key", json_stringn(key, key_size));
        return;
    }
    struct buf base64;
    buf_init(&base64, alloc_system(), 2 * key_size + 4);
    text_base64(&base64, slice_of(key, key_size), true);
    set(object, "key_b64", base64.failed ? NULL : json_stringn((char *)base64.data, base64.size));
    buf_done(&base64);
}

void doc_append(struct doc *array, struct doc *value)
{
    bool has_failed;
    json_t *inner = unwrap(value, &has_failed);
    if (array == NULL)
        json_decref(inner);
    else if (json_array_append_new(array->value, inner) != 0 || has_failed)
        array->has_failed = true;
}

void doc_append_number(struct doc *array, double number)
{
    if (array != NULL && json_array_append_new(array->value, json_real(number)) != 0)
        array->has_failed = true;
}

void doc_append_key(struct doc *array, const void *key, size_t key_size)
{
    struct doc *object = doc_object();
    doc_set_key(object, key, key_size);
    doc_append(array, object);
}

void doc_merge(struct doc *object, const struct doc *from)
{
    if (object == NULL || from == NULL)
        return;
    if (json_object_update_missing(object->value, from->value) != 0)
        object->has_failed = true;
}

enum fkv_status doc_parse_object(const void *text, size_t size, struct doc **ret,
                                 struct fkv_error *error)
{
    json_error_t why;
    json_t *value = json_loadb(text, size, JSON_ALLOW_NUL, &why);
    if (value == NULL)
        return status_set(error, FKV_INVALID_ARGUMENT, "not JSON at byte %d: %s", why.position,
                          why.text);
    if (!json_is_object(value)) {
        json_decref(value);
        return status_set(error, FKV_INVALID_ARGUMENT, "not a JSON object");
    }
    struct doc *doc = wrap(value);
    if (doc == NULL)
        return status_no_memory(error, sizeof *doc);
    *ret = doc;
    return FKV_OK;
}

struct walk {
    void (*visit)(void *context, const struct doc_member *member);
    void *context;
};

static void visit_value(const struct walk *walk, const char *name, const json_t *value)
{
    struct doc_member member = {
        .name = name, .is_integer = json_is_integer(value), .is_number = json_is_number(value)};
    if (member.is_number)
        member.number = json_number_value(value);
    if (member.is_integer)
        member.integer = json_integer_value(value);
    char *owned = json_is_string(value)
                      ? NULL
                      : json_dumps(value, JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY | JSON_COMPACT);
    member.text = json_is_string(value) ? json_string_value(value) : owned;
    if (member.text != NULL)
        walk->visit(walk->context, &member);
    free(owned);
}

static void visit_members(const struct walk *walk, const char *prefix, json_t *object,
                          unsigned depth)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        char full[nested_name_size];
        snprintf(full, sizeof full, "%s%s%s", prefix, *prefix != '\0' ? "." : "", name);
        if (json_is_object(value) && depth < nesting_max)
            visit_members(walk, full, value, depth + 1);
        else
            visit_value(walk, full, value);
    }
}

void doc_each(const struct doc *object,
              void (*visit)(void *context, const struct doc_member *member), void *context)
{
    struct walk walk = {visit, context};
    if (object != NULL)
        visit_members(&walk, "", object->value, 0);
}

char *doc_text(const struct doc *doc)
{
    if (doc == NULL || doc->has_failed)
        return NULL;
    return json_dumps(doc->value, JSON_REAL_PRECISION(15) | JSON_COMPACT);
}

void doc_text_free(char *text)
{
    free(text);
}

bool doc_print(const struct doc *doc, FILE *out)
{
    if (doc == NULL || doc->has_failed)
        return false;
    char *text = json_dumps(doc->value, JSON_REAL_PRECISION(15));
    if (text == NULL)
        return false;
    fprintf(out, "%s\n", text);
    free(text);
    return true;
}
