/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may say about a get, in request metadata. */
#ifndef SERVER_GET_OPTIONS_H
#define SERVER_GET_OPTIONS_H

#include "server/cache.h"

struct get_options {
    struct slice columns; /* as it was written; data NULL: all */
    bool has_rows;
    uint64_t rows_start, rows_stop; /* half-open, start <= stop; UINT64_MAX: to the end */
    uint64_t message_bytes_max;     /* UINT64_MAX: no limit */
    bool is_limit_asked;            /* by the client, not guessed from its user-agent */
};

/* Reads flightkv-columns, flightkv-rows and flightkv-max-message-bytes; slices are valid as long as
 * the call. INVALID_ARGUMENT for values that aren't what they should be, and for an option given
 * twice; UNIMPLEMENTED for other flightkv-* metadata. */
enum fkv_status get_options_read(const struct host_call *call, struct get_options *ret,
                                 struct fkv_error *error);

#endif
