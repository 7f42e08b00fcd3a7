/* SPDX-License-Identifier: Apache-2.0 */
#include "server/call_options.h"

#include "base/status.h"
#include "server/auth.h"
#include "server/tickets.h"

/* What stock clients in these languages take before they are told otherwise; pyarrow, C++ and Java
 * (Arrow's) take any size. */
enum { stock_message_bytes_max = 4 << 20 };

static const char *const stock_agents[] = {"grpc-go/", "tonic/", "grpc-dotnet/"};

/* No table has as many rows, nor memory as many bytes; and it isn't UINT64_MAX. */
static const uint64_t count_max = UINT64_C(1) << 62;

/* ---- values ---- */

/* Digits; what is larger is count_max. */
static bool read_count(struct slice text, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        value = value > count_max / 10 - 1 ? count_max : value * 10 + digit;
    }
    *ret = value;
    return text.size > 0;
}

static enum fkv_status refuse(enum call_option option, struct slice value, const char *expected,
                              struct fkv_error *error)
{
    char shown[key_shown_size];
    return status_set(error, FKV_INVALID_ARGUMENT, "%s is '%s', expected %s",
                      call_option_name(option), key_shown(shown, value), expected);
}

static enum fkv_status read_columns(struct slice value, struct call_options *options,
                                    struct fkv_error *error)
{
    (void)error;
    options->get.columns = slice_of(value.size > 0 ? value.data : (const uint8_t *)"", value.size);
    return FKV_OK;
}

static enum fkv_status read_rows(struct slice value, struct call_options *options,
                                 struct fkv_error *error)
{
    const uint8_t *colon = value.size == 0 ? NULL : memchr(value.data, ':', value.size);
    struct slice stop = value;
    struct slice start = slice_take(&stop, colon == NULL ? 0 : (size_t)(colon - value.data));
    slice_take(&stop, 1);
    if (colon == NULL || (start.size > 0 && !read_count(start, &options->get.rows_start)) ||
        (stop.size > 0 && !read_count(stop, &options->get.rows_stop)))
        return refuse(OPTION_ROWS, value,
                      "START:STOP, two whole numbers of which each may be left out", error);
    if (options->get.rows_start > options->get.rows_stop)
        return refuse(OPTION_ROWS, value, "a START that isn't behind STOP", error);
    options->get.has_rows = options->get.rows_start > 0 || options->get.rows_stop < UINT64_MAX;
    return FKV_OK;
}

static enum fkv_status read_message_bytes(struct slice value, struct call_options *options,
                                          struct fkv_error *error)
{
    uint64_t bytes;
    if (!read_count(value, &bytes))
        return refuse(OPTION_MESSAGE_BYTES, value, "a whole number; 0 is no limit", error);
    options->get.message_bytes_max = bytes == 0 ? UINT64_MAX : bytes;
    options->get.is_limit_asked = true;
    return FKV_OK;
}

static enum fkv_status read_mode(struct slice value, struct call_options *options,
                                 struct fkv_error *error)
{
    options->is_append = slice_is(value, "append");
    if (options->is_append || slice_is(value, "replace"))
        return FKV_OK;
    return refuse(OPTION_MODE, value, "'replace' or 'append'", error);
}

_Static_assert(endpoints_max == 256, "the message below says so");

static enum fkv_status read_endpoints(struct slice value, struct call_options *options,
                                      struct fkv_error *error)
{
    uint64_t count;
    if (!read_count(value, &count) || count < 1 || count > endpoints_max)
        return refuse(OPTION_ENDPOINTS, value, "a number from 1 to 256", error);
    options->endpoints = (size_t)count;
    return FKV_OK;
}

/* What it is worth is seen when the table is found. */
static enum fkv_status read_shm_token(struct slice value, struct call_options *options,
                                      struct fkv_error *error)
{
    (void)error;
    options->get.shm = value;
    return FKV_OK;
}

static const struct {
    const char *name;
    enum fkv_status (*read)(struct slice value, struct call_options *options,
                            struct fkv_error *error);
    bool is_number;
} table[call_option_count] = {
    [OPTION_COLUMNS] = {"flightkv-columns", read_columns, false},
    [OPTION_ROWS] = {"flightkv-rows", read_rows, false},
    [OPTION_MESSAGE_BYTES] = {"flightkv-max-message-bytes", read_message_bytes, true},
    [OPTION_MODE] = {"flightkv-mode", read_mode, false},
    [OPTION_ENDPOINTS] = {"flightkv-endpoints", read_endpoints, true},
    [OPTION_SHM_TOKEN] = {"flightkv-shm", read_shm_token, false},
};

_Static_assert((int)call_option_count <= (int)session_values_max, "a session has a slot for each");

enum call_option call_option_find(struct slice name)
{
    int option = 0;
    while (option < call_option_count && !slice_is(name, table[option].name))
        option++;
    return (enum call_option)option;
}

const char *call_option_name(enum call_option option)
{
    return table[option].name;
}

bool call_option_is_number(enum call_option option)
{
    return table[option].is_number;
}

static const struct call_options defaults = {
    .get = {.rows_stop = UINT64_MAX, .message_bytes_max = UINT64_MAX}};

enum fkv_status call_option_check(enum call_option option, struct slice value,
                                  struct fkv_error *error)
{
    struct call_options options = defaults;
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] < ' ' || value.data[i] > '~')
            return refuse(option, value, "printable ASCII", error);
    return table[option].read(value, &options, error);
}

/* ---- of a session ---- */

#define COOKIE "arrow_flight_session_id="

/* "a=1; arrow_flight_session_id=..."; some put the value into quotes, or no space behind the
 * semicolon. */
static bool find_cookie(struct slice cookies, struct slice *ret)
{
    while (cookies.size > 0) {
        const uint8_t *end = memchr(cookies.data, ';', cookies.size);
        struct slice cookie =
            slice_take(&cookies, end != NULL ? (size_t)(end - cookies.data) : cookies.size);
        slice_take(&cookies, 1);
        while (slice_starts(cookie, " "))
            slice_take(&cookie, 1);
        if (!slice_starts(cookie, COOKIE))
            continue;
        slice_take(&cookie, sizeof COOKIE - 1);
        bool is_quoted =
            cookie.size >= 2 && cookie.data[0] == '"' && cookie.data[cookie.size - 1] == '"';
        *ret = is_quoted ? slice_part(cookie, 1, cookie.size - 2) : cookie;
        return true;
    }
    return false;
}

bool call_session(struct cache *cache, const struct host_call *call, struct session_key *ret)
{
    struct wire_metadata metadata = host_call_all_metadata(call);
    bool is_found = false;
    for (size_t i = 0; i < metadata.count && !is_found; i++)
        is_found = slice_is(metadata.pairs[i].name, "cookie") &&
                   find_cookie(metadata.pairs[i].value, &ret->name);
    ret->user = 0;
    if (is_found && cache->auth != NULL)
        auth_user(cache->auth, metadata, &ret->user);
    return is_found;
}

/* *ret is NULL where the call has no session. */
static enum fkv_status read_session(struct cache *cache, struct host_call *call,
                                    struct session_copy **ret, struct fkv_error *error)
{
    struct session_key key;
    *ret = NULL;
    if (!call_session(cache, call, &key))
        return FKV_OK;
    struct session_copy *copy = host_call_memory(call, sizeof *copy);
    if (copy == NULL)
        return status_no_memory(error, sizeof *copy);
    *ret = copy;
    return sessions_read(cache->sessions, key, clock_now_ns(cache->clock), copy, error);
}

/* ---- of a call ---- */

static uint64_t stock_limit(struct slice agent)
{
    for (size_t i = 0; i < sizeof stock_agents / sizeof *stock_agents; i++)
        if (slice_starts(agent, stock_agents[i]))
            return stock_message_bytes_max;
    return UINT64_MAX;
}

/* Those that the call itself gives. */
static enum fkv_status read_own(const struct host_call *call, unsigned known,
                                struct call_options *options, struct fkv_error *error)
{
    struct wire_metadata metadata = host_call_all_metadata(call);
    enum fkv_status status = FKV_OK;
    for (size_t i = 0; i < metadata.count && status == FKV_OK; i++) {
        struct slice name = metadata.pairs[i].name;
        char shown[key_shown_size];
        if (!slice_starts(name, "flightkv-"))
            continue;
        enum call_option option = call_option_find(name);
        if (option == call_option_count || (known >> option & 1) == 0)
            return status_set(error, FKV_UNIMPLEMENTED,
                              "call option '%s' is not one that this call has",
                              key_shown(shown, name));
        if ((options->own >> option & 1) != 0)
            return status_set(error, FKV_INVALID_ARGUMENT, "%s is given twice, expected once",
                              table[option].name);
        options->own |= 1U << option;
        status = table[option].read(metadata.pairs[i].value, options, error);
    }
    return status;
}

enum fkv_status call_options_read(struct cache *cache, struct host_call *call, unsigned known,
                                  struct call_options *ret, struct fkv_error *error)
{
    struct call_options options = defaults;
    struct session_copy *session = NULL;
    options.get.message_bytes_max = stock_limit(host_call_metadata(call, "user-agent"));
    enum fkv_status status = read_own(call, known, &options, error);
    if (status == FKV_OK)
        status = read_session(cache, call, &session, error);
    for (unsigned i = 0; i < call_option_count && status == FKV_OK && session != NULL; i++) {
        const struct slice value = session->values[i].text;
        bool is_wanted = (known >> i & 1) != 0 && (options.own >> i & 1) == 0;
        if (is_wanted && value.data != NULL)
            status = table[i].read(value, &options, error);
    }
    if (status == FKV_OK)
        *ret = options;
    return status;
}

enum fkv_status call_options_refuse(const struct host_call *call, struct fkv_error *error)
{
    struct call_options options = defaults;
    return read_own(call, 0, &options, error);
}

enum fkv_status call_options_none(struct cache *cache, struct host_call *call,
                                  struct fkv_error *error)
{
    struct call_options options;
    return call_options_read(cache, call, 0, &options, error);
}
