/* SPDX-License-Identifier: Apache-2.0 */
#include "server/json.h"

#include <jansson.h>

#include "base/status.h"
#include "base/text.h"

enum { json_text_max = 64 << 10 };

static json_t *key_value(struct slice key, const char **ret_name)
{
    if (text_is_utf8(key)) {
        *ret_name = "key";
        return json_stringn((const char *)key.data, key.size);
    }
    struct buf text;
    buf_init(&text, alloc_system(), json_text_max);
    text_base64(&text, key, true);
    *ret_name = "key_b64";
    json_t *value = json_stringn((const char *)text.data, text.size);
    buf_done(&text);
    return value;
}

static json_t *member_value(const struct json_member *member, const char **ret_name)
{
    *ret_name = member->name;
    switch (member->type) {
    case MEMBER_TEXT:
        return json_stringn((const char *)member->text.data, member->text.size);
    case MEMBER_KEY:
        return key_value(member->text, ret_name);
    case MEMBER_COUNT:
        return json_integer((json_int_t)member->count);
    case MEMBER_BOOL:
        return json_boolean(member->count);
    case MEMBER_REAL:
        return json_real(member->real);
    }
    return NULL;
}

enum fkv_status json_write(const struct json_member *members, size_t count, struct buf *ret,
                           struct fkv_error *error)
{
    json_t *object = json_object();
    bool is_whole = object != NULL;
    for (size_t i = 0; i < count && is_whole; i++) {
        const char *name;
        json_t *value = member_value(&members[i], &name);
        is_whole = json_object_set_new(object, name, value) == 0;
    }
    char *text = is_whole ? json_dumps(object, JSON_COMPACT) : NULL;
    if (text != NULL)
        is_whole = buf_text(ret, text);
    free(text);
    json_decref(object);
    return text != NULL && is_whole ? FKV_OK : status_no_memory(error, json_text_max);
}

static enum fkv_status take_member(const char *name, const json_t *value, struct buf *ret_key,
                                   struct fkv_error *error)
{
    bool is_text = strcmp(name, "key") == 0;
    bool is_base64 = strcmp(name, "key_b64") == 0;
    if (ret_key == NULL || (!is_text && !is_base64))
        return status_set(error, FKV_UNIMPLEMENTED, "member '%.100s' is not one this action has",
                          name);
    if (!json_is_string(value))
        return status_set(error, FKV_INVALID_ARGUMENT, "member '%s' is not a string", name);
    if (ret_key->size > 0)
        return status_set(error, FKV_INVALID_ARGUMENT, "the key is given twice");
    struct slice text = slice_of(json_string_value(value), json_string_length(value));
    bool is_good =
        is_text ? buf_append(ret_key, text.data, text.size) : text_unbase64(ret_key, text);
    if (!is_good)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          is_text ? "the key is longer than %zu bytes"
                                  : "member 'key_b64' is not base64 of at most %zu bytes",
                          ret_key->limit_bytes);
    return FKV_OK;
}

static enum fkv_status take_members(json_t *object, struct buf *ret_key, struct fkv_error *error)
{
    if (!json_is_object(object))
        return status_set(error, FKV_INVALID_ARGUMENT, "the action's body is not a JSON object");
    enum fkv_status status = FKV_OK;
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (status == FKV_OK)
            status = take_member(name, value, ret_key, error);
    }
    if (status == FKV_OK && ret_key != NULL && ret_key->size == 0)
        status = status_set(error, FKV_INVALID_ARGUMENT,
                            "the action needs a key, expected {\"key\": \"...\"}");
    return status;
}

enum fkv_status json_read_key(struct slice body, struct buf *ret_key, struct fkv_error *error)
{
    if (body.size == 0)
        body = slice_text("{}");
    json_error_t cause;
    json_t *object = json_loadb((const char *)body.data, body.size,
                                JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &cause);
    if (object == NULL)
        return status_set(error, FKV_INVALID_ARGUMENT, "the action's body is not JSON: %s",
                          cause.text);
    enum fkv_status status = take_members(object, ret_key, error);
    json_decref(object);
    return status;
}
