/* SPDX-License-Identifier: Apache-2.0 */
/* Filling in a struct fkv_error. The status is returned again, so that the usual line is
 * `return status_set(error, FKV_NOT_FOUND, "no table under key '%s'", text);`. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stddef.h>

#include "flightkv/status.h"

/* No error yet. Initializing the struct would write all of its message, in each call's path. */
static inline void status_clear(struct fkv_error *error)
{
    error->status = FKV_OK;
    error->hint = FKV_HINT_NONE;
    error->message[0] = '\0';
}

enum fkv_status status_set(struct fkv_error *error, enum fkv_status status, const char *format, ...)
    FKV_PRINTF(3, 4);

/* The same with a hint. */
enum fkv_status status_set_hint(struct fkv_error *error, enum fkv_status status, enum fkv_hint hint,
                                const char *format, ...) FKV_PRINTF(4, 5);

/* Puts "context: " before the message that is there; for callers who know more than the callee. */
enum fkv_status status_prefix(struct fkv_error *error, enum fkv_status status, const char *format,
                              ...) FKV_PRINTF(3, 4);

enum fkv_status status_no_memory(struct fkv_error *error, size_t wanted_bytes);

/* The Arrow C++ StatusCode that goes along in `x-arrow-status`. */
int status_arrow_code(enum fkv_status status);

/* A code from a peer; anything unknown is FKV_UNKNOWN, as gRPC says. */
enum fkv_status status_from_grpc(long code);

#endif
