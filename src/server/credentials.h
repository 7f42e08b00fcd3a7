/* SPDX-License-Identifier: Apache-2.0 */
/* What a client shows of itself: the value of `authorization` (RFC 9110, section 11), or Flight's
 * BasicAuth message. */
#ifndef SERVER_CREDENTIALS_H
#define SERVER_CREDENTIALS_H

#include <stdbool.h>

#include "base/slice.h"
#include "flightkv/status.h"
#include "server/password.h"
#include "server/users.h"
#include "wire/session.h"

/* A name and a password as C strings. Those that can't be a user's (too long, with a zero byte) are
 * empty names, which no user has. */
struct credentials {
    char name[user_name_bytes_max + 1];
    char password[password_bytes_max + 1];
};

/* What stands behind the scheme, without regard to its case, in the first `authorization` that has
 * it; data NULL when there is none. */
struct slice credentials_of_scheme(struct wire_metadata metadata, const char *scheme);

/* From what stands behind "Basic": base64 of "name:password", padded or not. INVALID_ARGUMENT. */
enum fkv_status credentials_from_basic(struct slice encoded, struct credentials *ret,
                                       struct fkv_error *error);

/* From a HandshakeRequest whose payload is a BasicAuth. INVALID_ARGUMENT for what isn't one;
 * UNAUTHENTICATED when there is no payload. */
enum fkv_status credentials_from_handshake(struct slice message, struct credentials *ret,
                                           struct fkv_error *error);

#endif
