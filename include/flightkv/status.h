/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes and the caller-owned error.
 *
 * The codes are gRPC's canonical ones (https://grpc.io/docs/guides/status-codes/), so that what a
 * C caller sees and what travels to a peer are one list. Every function that can fail returns an
 * enum fkv_status and takes a struct fkv_error last; NULL is always allowed there. On success the
 * error is left as it was; on failure its message is one complete sentence without a final dot,
 * which names what was wrong and what was expected.
 */
#ifndef FLIGHTKV_STATUS_H
#define FLIGHTKV_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FKV_API __attribute__((visibility("default")))
#define FKV_PRINTF(format_index, first_index) \
    __attribute__((format(printf, format_index, first_index)))
#else
#define FKV_API
#define FKV_PRINTF(format_index, first_index)
#endif

/* X(name, gRPC code, Arrow C++ StatusCode, short text) */
#define FKV_STATUS_MAP(X)                               \
    X(OK, 0, 0, "ok")                                   \
    X(CANCELLED, 1, 8, "cancelled")                     \
    X(UNKNOWN, 2, 9, "unknown error")                   \
    X(INVALID_ARGUMENT, 3, 4, "invalid argument")       \
    X(DEADLINE_EXCEEDED, 4, 5, "deadline exceeded")     \
    X(NOT_FOUND, 5, 2, "not found")                     \
    X(ALREADY_EXISTS, 6, 45, "already exists")          \
    X(PERMISSION_DENIED, 7, 5, "permission denied")     \
    X(RESOURCE_EXHAUSTED, 8, 6, "resource exhausted")   \
    X(FAILED_PRECONDITION, 9, 4, "failed precondition") \
    X(ABORTED, 10, 5, "aborted")                        \
    X(OUT_OF_RANGE, 11, 4, "out of range")              \
    X(UNIMPLEMENTED, 12, 10, "unimplemented")           \
    X(INTERNAL, 13, 9, "internal error")                \
    X(UNAVAILABLE, 14, 5, "unavailable")                \
    X(DATA_LOSS, 15, 5, "data loss")                    \
    X(UNAUTHENTICATED, 16, 5, "unauthenticated")

enum fkv_status {
#define FKV_STATUS_ENUM(name, grpc, arrow, text) FKV_##name = grpc,
    FKV_STATUS_MAP(FKV_STATUS_ENUM)
#undef FKV_STATUS_ENUM
};

/* What would likely help. The message doesn't say it: the program, the Python package and others
 * who show it have names of their own for it; those of this library are in fkv_hint_text. */
enum fkv_hint {
    FKV_HINT_NONE = 0,
    FKV_HINT_SERVER,      /* nothing listens there: start a server, or name another */
    FKV_HINT_AUTHORITY,   /* name the authority of the server's certificate */
    FKV_HINT_CERTIFICATE, /* the server demands a client's certificate */
    FKV_HINT_USER,        /* log in, where the server has users */
};

#define FKV_ERROR_MESSAGE_SIZE 1024

/* Owned by the caller, who may keep it on the stack. `message` is NUL-terminated UTF-8. */
struct fkv_error {
    enum fkv_status status;
    enum fkv_hint hint;
    char message[FKV_ERROR_MESSAGE_SIZE];
};

/* The name of a status in lower case ("not found"); never NULL, also for codes out of range. */
FKV_API const char *fkv_status_text(enum fkv_status status);

/* The hint as a sentence for programs in C, to go behind the message and "; "; NULL for none. */
FKV_API const char *fkv_hint_text(enum fkv_hint hint);

#ifdef __cplusplus
}
#endif
#endif
