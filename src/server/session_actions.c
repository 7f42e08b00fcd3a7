/* SPDX-License-Identifier: Apache-2.0 */
/* SetSessionOptions, GetSessionOptions, CloseSession. The first two begin a session where the call
 * has none. A session's options have the names of call options (call_options.h), which they are the
 * defaults of. */
#include <inttypes.h>
#include <stdio.h>

#include "base/status.h"
#include "server/actions.h"
#include "server/auth.h"
#include "server/call_options.h"

#define COOKIE_IS_OVER "arrow_flight_session_id=over; Max-Age=0"

/* Of flight's enum SetSessionOptionsResult.ErrorValue, and CloseSessionResult.Status. */
enum { INVALID_NAME = 1, INVALID_VALUE = 2, NOT_SET = 3 };
enum { CLOSED = 1 };

/* ---- the session ---- */

static void set_cookie(struct action_call *action, const char *text)
{
    host_call_header(action->call, "set-cookie", slice_text(text));
}

/* Whoever asks about a session that is over may begin another one: without the cookie. */
static enum fkv_status tell(struct action_call *action, enum fkv_status status)
{
    if (status == FKV_NOT_FOUND)
        set_cookie(action, COOKIE_IS_OVER);
    return status;
}

static enum fkv_status begin(struct action_call *action, char name[session_name_size + 1],
                             struct session_key *ret, struct fkv_error *error)
{
    struct cache *cache = action->cache;
    char cookie[session_name_size + 32];
    uint64_t user = 0;
    if (cache->auth != NULL)
        auth_user(cache->auth, host_call_all_metadata(action->call), &user);
    enum fkv_status status =
        sessions_begin(cache->sessions, user, clock_now_ns(cache->clock), name, error);
    if (status != FKV_OK)
        return status;
    snprintf(cookie, sizeof cookie, "arrow_flight_session_id=%s", name);
    set_cookie(action, cookie);
    *ret = (struct session_key){slice_of(name, session_name_size), user};
    return FKV_OK;
}

/* The session of the call, or a new one, whose name goes into `name`. */
static enum fkv_status open_session(struct action_call *action, char name[session_name_size + 1],
                                    struct session_key *ret, struct session_copy *ret_copy,
                                    struct fkv_error *error)
{
    struct cache *cache = action->cache;
    enum fkv_status status = FKV_OK;
    if (!call_session(cache, action->call, ret))
        status = begin(action, name, ret, error);
    if (status == FKV_OK)
        status = sessions_read(cache->sessions, *ret, clock_now_ns(cache->clock), ret_copy, error);
    return tell(action, status);
}

/* ---- SetSessionOptions ---- */

/* False when the value is of a type that the option hasn't. */
static bool value_of(enum call_option option, const struct flight_option *given, char digits[24],
                     struct session_value *ret)
{
    *ret = (struct session_value){0};
    switch (given->type) {
    case FLIGHT_OPTION_NONE:
        return true;
    case FLIGHT_OPTION_STRING:
        ret->text = given->string;
        if (ret->text.data == NULL) /* there, and empty */
            ret->text.data = (const uint8_t *)"";
        return true;
    case FLIGHT_OPTION_INT64:
        snprintf(digits, 24, "%" PRId64, given->int64);
        *ret = (struct session_value){slice_text(digits), true};
        return call_option_is_number(option);
    default:
        return false;
    }
}

/* Gives what was wrong, 0 for nothing; or fails, where all of the call does. */
static enum fkv_status set_option(struct action_call *action, struct session_key session,
                                  enum call_option option, const struct flight_option *given,
                                  int32_t *ret_problem, struct fkv_error *error)
{
    struct cache *cache = action->cache;
    struct session_value value;
    char digits[24];
    bool is_good =
        value_of(option, given, digits, &value) &&
        (value.text.data == NULL || call_option_check(option, value.text, error) == FKV_OK);
    *ret_problem = is_good ? 0 : INVALID_VALUE;
    if (!is_good)
        return FKV_OK;
    enum fkv_status status = sessions_set(cache->sessions, session, clock_now_ns(cache->clock),
                                          (size_t)option, &value, error);
    if (status == FKV_RESOURCE_EXHAUSTED) {
        *ret_problem = NOT_SET;
        return FKV_OK;
    }
    return tell(action, status);
}

/* Sets what can be; `ret` has room for an error an option. */
static enum fkv_status set_options(struct action_call *action, struct session_key session,
                                   const struct flight_option *given, size_t count,
                                   struct flight_option_error *ret, size_t *ret_count,
                                   struct fkv_error *error)
{
    const struct flight_option *last[call_option_count] = {0}; /* of a name given twice it counts */
    enum fkv_status status = FKV_OK;
    size_t errors = 0;
    for (size_t i = 0; i < count; i++) {
        enum call_option option = call_option_find(given[i].name);
        if (option < call_option_count && option != OPTION_SHM_TOKEN)
            last[option] = &given[i];
        else
            ret[errors++] = (struct flight_option_error){given[i].name, INVALID_NAME};
    }
    for (int i = 0; i < call_option_count && status == FKV_OK; i++) {
        int32_t problem = 0;
        if (last[i] != NULL)
            status = set_option(action, session, (enum call_option)i, last[i], &problem, error);
        if (problem != 0)
            ret[errors++] = (struct flight_option_error){last[i]->name, problem};
    }
    *ret_count = errors;
    return status;
}

static enum fkv_status run_set(struct action_call *action, struct flight_memory *memory,
                               struct fkv_error *error)
{
    const struct flight_option *given;
    size_t count, error_count = 0;
    struct session_key session;
    struct session_copy before;
    char name[session_name_size + 1];
    enum fkv_status status = flight_options_decode(memory, action->body, &given, &count, error);
    if (status != FKV_OK)
        return status;
    struct flight_option_error *errors = flight_memory_get(memory, count * sizeof *errors);
    if (errors == NULL)
        return status_no_memory(error, count * sizeof *errors);
    status = open_session(action, name, &session, &before, error);
    if (status == FKV_OK)
        status = set_options(action, session, given, count, errors, &error_count, error);
    if (status == FKV_OK)
        status = flight_option_errors_encode(errors, error_count, &action->result, error);
    return status;
}

enum fkv_status action_set_session_options(struct action_call *action, struct fkv_error *error)
{
    struct flight_memory memory;
    flight_memory_init(&memory, action->cache->alloc, action_memory_max);
    enum fkv_status status = run_set(action, &memory, error);
    flight_memory_done(&memory);
    return status;
}

/* ---- the others ---- */

/* Digits, as value_of wrote them. */
static int64_t number_of(struct slice text)
{
    int64_t number = 0;
    for (size_t i = 0; i < text.size; i++)
        number = 10 * number + (text.data[i] - '0');
    return number;
}

enum fkv_status action_get_session_options(struct action_call *action, struct fkv_error *error)
{
    struct session_key session;
    struct session_copy copy;
    char name[session_name_size + 1];
    struct flight_option options[call_option_count];
    size_t count = 0;
    enum fkv_status status = open_session(action, name, &session, &copy, error);
    if (status != FKV_OK)
        return status;
    for (int i = 0; i < call_option_count; i++) {
        const struct session_value *value = &copy.values[i];
        struct flight_option *option = &options[count];
        count += value->text.data != NULL;
        *option = (struct flight_option){.name = slice_text(call_option_name((enum call_option)i)),
                                         .type = value->is_number ? FLIGHT_OPTION_INT64
                                                                  : FLIGHT_OPTION_STRING,
                                         .string = value->text,
                                         .int64 = value->is_number ? number_of(value->text) : 0};
    }
    return flight_options_encode(options, count, &action->result, error);
}

enum fkv_status action_close_session(struct action_call *action, struct fkv_error *error)
{
    struct cache *cache = action->cache;
    struct session_key session;
    if (!call_session(cache, action->call, &session))
        return status_set(error, FKV_NOT_FOUND,
                          "the call has no session: SetSessionOptions begins one, and gives the "
                          "cookie 'arrow_flight_session_id' for its calls");
    enum fkv_status status =
        sessions_end(cache->sessions, session, clock_now_ns(cache->clock), error);
    if (status != FKV_OK)
        return tell(action, status);
    set_cookie(action, COOKIE_IS_OVER);
    return flight_status_result_encode(CLOSED, &action->result, error);
}
