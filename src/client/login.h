/* SPDX-License-Identifier: Apache-2.0 */
/* The user that a client was opened for: its password is exchanged for a token on each connection
 * (those of one get share it), before the token's time is over, and when a server doesn't know it
 * any more. */
#ifndef CLIENT_LOGIN_H
#define CLIENT_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "flightkv/status.h"

struct fkv_client;
struct fkv_client_options;

struct client_login {
    char *user; /* NULL: none, and nothing is done */
    char *password;
    uint64_t renew_ns; /* when the next login is due; 0: at once */
    bool is_running;
};

/* Takes copies. INVALID_ARGUMENT for one without the other, or a ':' in the name. */
enum fkv_status client_login_init(struct client_login *login, const struct alloc *alloc,
                                  const struct fkv_client_options *options,
                                  struct fkv_error *error);
void client_login_done(struct client_login *login, const struct alloc *alloc);

bool client_login_is_due(const struct fkv_client *client);

/* Logs in where it is due; ahead of every call. */
enum fkv_status client_log_in(struct fkv_client *client, struct fkv_error *error);

/* The server doesn't know the token: whether the call is to be made again, with a new one. */
bool client_login_again(struct fkv_client *client, enum fkv_status status);

#endif
