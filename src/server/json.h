/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON that actions take and give. json.c is the only file of this layer that includes jansson.
 */
#ifndef SERVER_JSON_H
#define SERVER_JSON_H

#include "base/buf.h"
#include "flightkv/status.h"

enum json_member_type { MEMBER_TEXT, MEMBER_KEY, MEMBER_COUNT, MEMBER_BOOL, MEMBER_REAL };

/* One member of an object. MEMBER_KEY writes `key`, or `key_b64` where the bytes aren't UTF-8. */
struct json_member {
    const char *name; /* ignored for MEMBER_KEY */
    enum json_member_type type;
    struct slice text; /* MEMBER_TEXT, MEMBER_KEY */
    uint64_t count;    /* MEMBER_COUNT; MEMBER_BOOL */
    double real;
};

enum fkv_status json_write(const struct json_member *members, size_t count, struct buf *ret,
                           struct fkv_error *error);

/* Reads an action's body: an object (an empty body counts as {}) whose only member may be the key,
 * as `key` or `key_b64`. With `ret_key` NULL no member at all is allowed. INVALID_ARGUMENT names
 * what was wrong; UNIMPLEMENTED a member that isn't known. */
enum fkv_status json_read_key(struct slice body, struct buf *ret_key, struct fkv_error *error);

#endif
