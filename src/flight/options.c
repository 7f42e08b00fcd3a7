/* SPDX-License-Identifier: Apache-2.0 */
/* The options of sessions, and what was wrong with some of them. On the wire both are maps. */
#include "base/status.h"
#include "flight/pb.h"

/* ---- options in ---- */

_Static_assert((int)FLIGHT_OPTION_NONE == PB__SESSION_VALUE__VALUE__NOT_SET &&
                   (int)FLIGHT_OPTION_STRING == PB__SESSION_VALUE__VALUE_STRING_VALUE &&
                   (int)FLIGHT_OPTION_BOOL == PB__SESSION_VALUE__VALUE_BOOL_VALUE &&
                   (int)FLIGHT_OPTION_INT64 == PB__SESSION_VALUE__VALUE_INT64_VALUE &&
                   (int)FLIGHT_OPTION_DOUBLE == PB__SESSION_VALUE__VALUE_DOUBLE_VALUE &&
                   (int)FLIGHT_OPTION_STRINGS == PB__SESSION_VALUE__VALUE_STRING_LIST_VALUE,
               "a value's type is the number of its member");

static enum fkv_status strings_from(struct flight_memory *memory, const Pb__StringList *pb,
                                    struct flight_option *ret, struct fkv_error *error)
{
    struct slice *strings = flight_memory_get(memory, pb->n_values * sizeof *strings);
    if (strings == NULL)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "a session option of %zu strings is too large", pb->n_values);
    for (size_t i = 0; i < pb->n_values; i++) {
        strings[i] = pb_slice(pb->values[i]);
        enum fkv_status status = pb_check_utf8(strings[i], "a string of a session option", error);
        if (status != FKV_OK)
            return status;
    }
    ret->strings = strings;
    ret->string_count = pb->n_values;
    return FKV_OK;
}

static enum fkv_status value_from(struct flight_memory *memory, const Pb__SessionValue *pb,
                                  struct flight_option *ret, struct fkv_error *error)
{
    ret->type = (enum flight_option_type)pb->value_case;
    switch (ret->type) {
    case FLIGHT_OPTION_NONE:
        return FKV_OK;
    case FLIGHT_OPTION_STRING:
        ret->string = pb_slice(pb->string_value);
        return pb_check_utf8(ret->string, "a session option's value", error);
    case FLIGHT_OPTION_BOOL:
        ret->boolean = pb->bool_value;
        return FKV_OK;
    case FLIGHT_OPTION_INT64:
        ret->int64 = pb->int64_value;
        return FKV_OK;
    case FLIGHT_OPTION_DOUBLE:
        ret->real = pb->double_value;
        return FKV_OK;
    case FLIGHT_OPTION_STRINGS:
        return strings_from(memory, pb->string_list_value, ret, error);
    }
    return status_set(error, FKV_INVALID_ARGUMENT, "a session option's value has no known type");
}

enum fkv_status flight_options_decode(struct flight_memory *memory, struct slice bytes,
                                      const struct flight_option **ret, size_t *ret_count,
                                      struct fkv_error *error)
{
    Pb__SessionOptions *pb;
    enum fkv_status status = pb_unpack(memory, &pb__session_options__descriptor, bytes, &pb, error);
    if (status != FKV_OK)
        return status;
    struct flight_option *options =
        flight_memory_get(memory, pb->n_session_options * sizeof *options);
    if (options == NULL)
        return status_set(error, FKV_RESOURCE_EXHAUSTED, "%zu session options are too many",
                          pb->n_session_options);
    for (size_t i = 0; i < pb->n_session_options && status == FKV_OK; i++) {
        const Pb__SessionOption *option = pb->session_options[i];
        options[i] = (struct flight_option){.name = pb_slice(option->key)};
        status = pb_check_utf8(options[i].name, "a session option's name", error);
        if (status == FKV_OK && option->value != NULL)
            status = value_from(memory, option->value, &options[i], error);
    }
    if (status != FKV_OK)
        return status;
    *ret = options;
    *ret_count = pb->n_session_options;
    return FKV_OK;
}

/* ---- options out ---- */

/* An option and what hangs on it. */
struct option_parts {
    Pb__SessionOption option;
    Pb__SessionValue value;
    Pb__StringList strings;
};

static bool strings_to(struct flight_memory *memory, const struct flight_option *option,
                       Pb__StringList *ret)
{
    pb__string_list__init(ret);
    ret->values = flight_memory_get(memory, option->string_count * sizeof *ret->values);
    if (ret->values == NULL)
        return false;
    ret->n_values = option->string_count;
    for (size_t i = 0; i < option->string_count; i++)
        ret->values[i] = pb_bytes(option->strings[i]);
    return true;
}

static Pb__SessionOption *option_to(struct flight_memory *memory,
                                    const struct flight_option *option)
{
    struct option_parts *parts = flight_memory_get(memory, sizeof *parts);
    if (parts == NULL || !strings_to(memory, option, &parts->strings))
        return NULL;
    pb__session_option__init(&parts->option);
    pb__session_value__init(&parts->value);
    parts->option.key = pb_bytes(option->name);
    parts->option.value = &parts->value;
    parts->value.value_case = (Pb__SessionValue__ValueCase)option->type;
    if (option->type == FLIGHT_OPTION_STRING)
        parts->value.string_value = pb_bytes(option->string);
    else if (option->type == FLIGHT_OPTION_BOOL)
        parts->value.bool_value = option->boolean;
    else if (option->type == FLIGHT_OPTION_INT64)
        parts->value.int64_value = option->int64;
    else if (option->type == FLIGHT_OPTION_DOUBLE)
        parts->value.double_value = option->real;
    else if (option->type == FLIGHT_OPTION_STRINGS)
        parts->value.string_list_value = &parts->strings;
    return &parts->option;
}

static bool options_to(struct flight_memory *memory, const struct flight_option *options,
                       size_t count, Pb__SessionOptions *ret)
{
    pb__session_options__init(ret);
    ret->session_options = flight_memory_get(memory, count * sizeof *ret->session_options);
    if (ret->session_options == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        ret->session_options[i] = option_to(memory, &options[i]);
        if (ret->session_options[i] == NULL)
            return false;
    }
    ret->n_session_options = count;
    return true;
}

enum fkv_status flight_options_encode(const struct flight_option *options, size_t count,
                                      struct buf *buf, struct fkv_error *error)
{
    struct flight_memory memory;
    flight_memory_init(&memory, buf->alloc, SIZE_MAX);
    Pb__SessionOptions pb;
    enum fkv_status status = options_to(&memory, options, count, &pb)
                                 ? pb_pack(&pb.base, buf, error)
                                 : status_no_memory(error, memory.used_bytes);
    flight_memory_done(&memory);
    return status;
}

/* ---- errors ---- */

enum fkv_status flight_option_errors_decode(struct flight_memory *memory, struct slice bytes,
                                            const struct flight_option_error **ret,
                                            size_t *ret_count, struct fkv_error *error)
{
    Pb__SessionErrors *pb;
    enum fkv_status status = pb_unpack(memory, &pb__session_errors__descriptor, bytes, &pb, error);
    if (status != FKV_OK)
        return status;
    struct flight_option_error *errors = flight_memory_get(memory, pb->n_errors * sizeof *errors);
    if (errors == NULL)
        return status_set(error, FKV_RESOURCE_EXHAUSTED, "errors of %zu options are too many",
                          pb->n_errors);
    for (size_t i = 0; i < pb->n_errors; i++) {
        const Pb__SessionErrorValue *value = pb->errors[i]->value;
        errors[i] = (struct flight_option_error){pb_slice(pb->errors[i]->key),
                                                 value != NULL ? value->value : 0};
        status = pb_check_utf8(errors[i].name, "a session option's name", error);
        if (status != FKV_OK)
            return status;
    }
    *ret = errors;
    *ret_count = pb->n_errors;
    return FKV_OK;
}

/* An error and what hangs on it. */
struct error_parts {
    Pb__SessionError error;
    Pb__SessionErrorValue value;
};

static bool errors_to(struct flight_memory *memory, const struct flight_option_error *errors,
                      size_t count, Pb__SessionErrors *ret)
{
    pb__session_errors__init(ret);
    ret->errors = flight_memory_get(memory, count * sizeof *ret->errors);
    struct error_parts *parts = flight_memory_get(memory, count * sizeof *parts);
    if (ret->errors == NULL || parts == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        pb__session_error__init(&parts[i].error);
        pb__session_error_value__init(&parts[i].value);
        parts[i].error.key = pb_bytes(errors[i].name);
        parts[i].error.value = &parts[i].value;
        parts[i].value.value = errors[i].value;
        ret->errors[i] = &parts[i].error;
    }
    ret->n_errors = count;
    return true;
}

enum fkv_status flight_option_errors_encode(const struct flight_option_error *errors, size_t count,
                                            struct buf *buf, struct fkv_error *error)
{
    struct flight_memory memory;
    flight_memory_init(&memory, buf->alloc, SIZE_MAX);
    Pb__SessionErrors pb;
    enum fkv_status status = errors_to(&memory, errors, count, &pb)
                                 ? pb_pack(&pb.base, buf, error)
                                 : status_no_memory(error, memory.used_bytes);
    flight_memory_done(&memory);
    return status;
}
