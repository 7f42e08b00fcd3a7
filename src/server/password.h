/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of passwords as crypt(3) makes them. Slow on purpose: tens of milliseconds and, by method,
 * megabytes of memory for each. Any thread. */
#ifndef SERVER_PASSWORD_H
#define SERVER_PASSWORD_H

#include <stdbool.h>

#include "base/alloc.h"
#include "flightkv/status.h"

enum { password_bytes_max = 511 }; /* as libcrypt takes */

/* Whether `text` is a whole hash of a method that is still held to be strong: yescrypt, gost-
 * yescrypt, scrypt, bcrypt or sha512crypt. Fast. */
bool password_is_hash(const char *text);

/* OK when the password has this hash, UNAUTHENTICATED when it hasn't; both cost the same.
 * RESOURCE_EXHAUSTED when there is no memory for telling. */
enum fkv_status password_check(const struct alloc *alloc, const char *hash, const char *password,
                               struct fkv_error *error);

#endif
