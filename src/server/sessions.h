/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: what clients set once for all of their calls, under a random name that they send back
 * as a cookie. A session has a row of values, whose meaning is the caller's (session_options.h),
 * and belongs to the user who began it.
 *
 * One that wasn't used for the idle time is over; where there are as many as there may be, a new
 * one takes the place of that which was used least recently. One lock, held for a look-up and some
 * copying, once for a call that has a session. Any thread. */
#ifndef SERVER_SESSIONS_H
#define SERVER_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/slice.h"
#include "flightkv/status.h"

enum {
    session_name_size = 32,   /* 128 random bits as hex digits */
    session_values_max = 8,   /* a session has a slot for each */
    session_bytes_max = 4096, /* of all its values: 10,000 sessions then hold 40 MB */
};

struct session_value {
    struct slice text; /* data NULL: not set */
    bool is_number;    /* it was given as a number */
};

/* Whose session: its name, as the client gave it, and the user's number, 0 where there are none. */
struct session_key {
    struct slice name;
    uint64_t user;
};

struct sessions;

enum fkv_status sessions_new(const struct alloc *alloc, size_t most, uint64_t idle_ns,
                             struct sessions **ret, struct fkv_error *error);
void sessions_free(struct sessions *sessions); /* NULL is allowed */

/* A new one without values; its name has a NUL behind it. */
enum fkv_status sessions_begin(struct sessions *sessions, uint64_t user, uint64_t now_ns,
                               char ret_name[session_name_size + 1], struct fkv_error *error);

/* NOT_FOUND. */
enum fkv_status sessions_end(struct sessions *sessions, struct session_key key, uint64_t now_ns,
                             struct fkv_error *error);

/* Sets a value, or erases it where text.data is NULL. NOT_FOUND: there is no such session, or no
 * more; RESOURCE_EXHAUSTED: with it, its values would be over session_bytes_max, or no memory. */
enum fkv_status sessions_set(struct sessions *sessions, struct session_key key, uint64_t now_ns,
                             size_t index, const struct session_value *value,
                             struct fkv_error *error);

/* Values as they are, with their texts. */
struct session_copy {
    struct session_value values[session_values_max];
    uint8_t texts[session_bytes_max];
};

/* NOT_FOUND. */
enum fkv_status sessions_read(struct sessions *sessions, struct session_key key, uint64_t now_ns,
                              struct session_copy *ret, struct fkv_error *error);

/* Drops those that are over; a bounded number at a time is done with the lock held. */
void sessions_trim(struct sessions *sessions, uint64_t now_ns);

size_t sessions_count(struct sessions *sessions);

#endif
