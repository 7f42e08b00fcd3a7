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

enum fkv_status status_set(struct fkv_error *error, enum fkv_status status, const char *format, ...)
{
    if (error == NULL)
        return status;
    error->status = status;
    va_list args;
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
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
