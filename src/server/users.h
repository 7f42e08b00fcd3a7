/* SPDX-License-Identifier: Apache-2.0 */
/* Who may use the server: the file of --auth-file. A line is
 *
 *     USER:HASH          HASH as crypt(3) makes it: mkpasswd, openssl passwd -6, flightkv passwd
 *
 * Empty lines, and those that begin with '#', say nothing. USER is UTF-8 without ':' and control
 * characters. Read-only once its users have numbers: any thread. */
#ifndef SERVER_USERS_H
#define SERVER_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/slice.h"
#include "flightkv/status.h"

enum {
    user_name_bytes_max = 255,
    users_file_bytes_max = 1 << 20, /* some 8,000 users */
};

struct users;

/* INVALID_ARGUMENT names the line (and not what it says, which may be a password). */
enum fkv_status users_parse(const struct alloc *alloc, struct slice text, struct users **ret,
                            struct fkv_error *error);

/* The same of a file, named by the error too; says whether anybody may read or change it. */
enum fkv_status users_read(const struct alloc *alloc, const char *path, struct users **ret,
                           bool *ret_is_exposed, struct fkv_error *error);
/* Another owner; each frees it once. */
struct users *users_ref(struct users *users);
void users_free(struct users *users); /* NULL is allowed */

size_t users_count(const struct users *users);

/* Gives each user a number of its own: that of `before` (may be NULL) where it is in there with the
 * same hash, else *next, which is counted up. So a number stands for one password of one user. */
void users_number(struct users *users, const struct users *before, uint64_t *next);
bool users_have(const struct users *users, uint64_t id);

/* OK, and the user's number, or UNAUTHENTICATED, with one message whether the name or the password
 * was wrong, and at one cost: an unknown user's password is compared with the first user's hash.
 * Takes its time: password.h. */
enum fkv_status users_check(const struct users *users, const char *name, const char *password,
                            uint64_t *ret_id, struct fkv_error *error);

#endif
