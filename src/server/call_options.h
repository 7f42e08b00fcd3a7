/* SPDX-License-Identifier: Apache-2.0 */
/* The options of calls: request metadata named flightkv-*, and behind it what the call's session
 * says (sessions.h). One table (call_options.c) gives each its name and what its value must be. */
#ifndef SERVER_CALL_OPTIONS_H
#define SERVER_CALL_OPTIONS_H

#include "server/cache.h"
#include "server/get_options.h"
#include "server/sessions.h"

enum call_option {
    OPTION_COLUMNS,
    OPTION_ROWS,
    OPTION_MESSAGE_BYTES,
    OPTION_MODE,
    OPTION_ENDPOINTS,
    OPTION_SHM_TOKEN, /* no session has it */
    call_option_count
};

/* Sets of them, of those that a call has. */
enum {
    OPTIONS_OF_DO_GET =
        1 << OPTION_COLUMNS | 1 << OPTION_ROWS | 1 << OPTION_MESSAGE_BYTES | 1 << OPTION_SHM_TOKEN,
    OPTIONS_OF_GET = 1 << OPTION_COLUMNS | 1 << OPTION_ROWS | 1 << OPTION_MESSAGE_BYTES,
    OPTIONS_OF_PUT = 1 << OPTION_MODE,
    OPTIONS_OF_INFO = 1 << OPTION_ENDPOINTS | 1 << OPTION_ROWS,
};

struct call_options {
    struct get_options get;
    bool is_append;
    size_t endpoints; /* 0: one, for the key */
    unsigned own;     /* the set of those that the call itself gave, not its session */
};

/* Reads the options in `known`; slices are valid as long as the call. INVALID_ARGUMENT for values
 * that aren't what they should be, and for an option given twice; UNIMPLEMENTED for other
 * flightkv-* metadata; NOT_FOUND when the call has a session's cookie, and the session is over. */
enum fkv_status call_options_read(struct cache *cache, struct host_call *call, unsigned known,
                                  struct call_options *ret, struct fkv_error *error);

/* Of call metadata alone, refuses all; for calls without options that need no session, or look for
 * it themselves. */
enum fkv_status call_options_refuse(const struct host_call *call, struct fkv_error *error);

/* For all other calls without options. */
enum fkv_status call_options_none(struct cache *cache, struct host_call *call,
                                  struct fkv_error *error);

/* ---- as sessions have them ---- */

/* The option of that name; call_option_count: there is none. */
enum call_option call_option_find(struct slice name);
const char *call_option_name(enum call_option option);

/* Whether its value is a number. */
bool call_option_is_number(enum call_option option);

/* Whether a call would take the value; INVALID_ARGUMENT. */
enum fkv_status call_option_check(enum call_option option, struct slice value,
                                  struct fkv_error *error);

/* The session that the call's cookie names; false when it has none. */
bool call_session(struct cache *cache, const struct host_call *call, struct session_key *ret);

#endif
