/* SPDX-License-Identifier: Apache-2.0 */
/* Who may call: users with passwords (users.h) log in by Handshake (rpc_handshake.c) and get a
 * token (tokens.h), which every other call must show. The file may be read anew; any thread. */
#ifndef SERVER_AUTH_H
#define SERVER_AUTH_H

#include "base/clock.h"
#include "base/log.h"
#include "server/credentials.h"
#include "server/tokens.h"
#include "wire/session.h"

/* Passwords that wait for a helper thread, or are in one: each takes tens of milliseconds, and some
 * methods 16 MiB. More logins are refused, so that they can't pile up. */
enum { auth_logins_max = 32 };

struct auth;

/* Reads the users. INVALID_ARGUMENT names file and line. `clock` and `log` outlive it. */
enum fkv_status auth_new(const struct alloc *alloc, const struct clock *clock,
                         const struct log *log, const char *path, uint64_t token_lifetime_ns,
                         struct auth **ret, struct fkv_error *error);
void auth_free(struct auth *auth); /* NULL is allowed */

/* Reads the users anew; on failure all stays as it was. Tokens of users who are gone, or have
 * another hash, hold no more; also of such whose password is being checked. */
enum fkv_status auth_reload(struct auth *auth, struct fkv_error *error);

/* Whether a call with this metadata may be made: UNAUTHENTICATED says what is missing. */
enum fkv_status auth_admit(struct auth *auth, struct wire_metadata metadata,
                           struct fkv_error *error);

/* Who makes it: the number that stands for a user with the password of now, 1 at least; false when
 * it may not be made. */
bool auth_user(struct auth *auth, struct wire_metadata metadata, uint64_t *ret);

/* ---- a login, in this order ---- */

/* RESOURCE_EXHAUSTED when there are auth_logins_max; else auth_login_end must follow. */
enum fkv_status auth_login_begin(struct auth *auth, struct fkv_error *error);

/* Slow: for a helper thread. */
enum fkv_status auth_login_check(struct auth *auth, const struct credentials *credentials,
                                 uint64_t *ret_user, struct fkv_error *error);
void auth_login_end(struct auth *auth);

/* UNAUTHENTICATED when the user is gone meanwhile. */
enum fkv_status auth_issue(struct auth *auth, uint64_t user, char ret[token_size + 1],
                           struct fkv_error *error);
uint64_t auth_token_lifetime_ns(const struct auth *auth);

/* Failures are logged with name and peer, at most one a second. */
void auth_log_failure(struct auth *auth, const struct credentials *credentials, const char *peer,
                      const struct fkv_error *error);

#endif
