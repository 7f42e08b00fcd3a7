/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *text;
    int arrow_code;
} status_rows[] = {
#define STATUS_ROW(name, grpc, arrow, text) [grpc] = {text, arrow},
    FKV_STATUS_MAP(STATUS_ROW)
#undef STATUS_ROW
};

enum { status_count = sizeof status_rows / sizeof status_rows[0] };

const char *fkv_status_text(enum fkv_status status)
{
    if ((unsigned)status >= status_count)
        return "unknown error";
    return status_rows[status].text;
}

const char *fkv_hint_text(enum fkv_hint hint)
{
    static const char *const texts[] = {
        [FKV_HINT_SERVER] = "start a server with \"flightkv serve\", or name another by its URI",
        [FKV_HINT_AUTHORITY] = "name a file with its authority's certificate as tls_ca_file",
        [FKV_HINT_CERTIFICATE] = "name tls_cert_file and tls_key_file",
        [FKV_HINT_USER] = "where the server has users, give user and password",
    };
    return (unsigned)hint < sizeof texts / sizeof texts[0] ? texts[hint] : NULL;
}

int status_arrow_code(enum fkv_status status)
{
    if ((unsigned)status >= status_count)
        status = FKV_UNKNOWN;
    return status_rows[status].arrow_code;
}

enum fkv_status status_from_grpc(long code)
{
    return code >= 0 && code < status_count ? (enum fkv_status)code : FKV_UNKNOWN;
}

static enum fkv_status set(struct fkv_error *error, enum fkv_status status, enum fkv_hint hint,
                           const char *format, va_list args) FKV_PRINTF(4, 0);

static enum fkv_status set(struct fkv_error *error, enum fkv_status status, enum fkv_hint hint,
                           const char *format, va_list args)
{
    if (error == NULL)
        return status;
    error->status = status;
    error->hint = hint;
    vsnprintf(error->message, sizeof error->message, format, args);
    return status;
}

enum fkv_status status_set(struct fkv_error *error, enum fkv_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set(error, status, FKV_HINT_NONE, format, args);
    va_end(args);
    return status;
}

enum fkv_status status_set_hint(struct fkv_error *error, enum fkv_status status, enum fkv_hint hint,
                                const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set(error, status, hint, format, args);
    va_end(args);
    return status;
}

enum fkv_status status_prefix(struct fkv_error *error, enum fkv_status status, const char *format,
                              ...)
{
    if (error == NULL)
        return status;
    char rest[FKV_ERROR_MESSAGE_SIZE];
    memcpy(rest, error->message, sizeof rest);
    error->status = status;
    va_list args;
    va_start(args, format);
    int used = vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof error->message)
        snprintf(error->message + used, sizeof error->message - (size_t)used, ": %s", rest);
    return status;
}

enum fkv_status status_no_memory(struct fkv_error *error, size_t wanted_bytes)
{
    return status_set(error, FKV_RESOURCE_EXHAUSTED, "out of memory: could not allocate %zu bytes",
                      wanted_bytes);
}
