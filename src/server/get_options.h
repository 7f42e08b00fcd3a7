/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may say about a get (call_options.h reads it). */
#ifndef SERVER_GET_OPTIONS_H
#define SERVER_GET_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct get_options {
    struct slice columns; /* as it was written; data NULL: all */
    bool has_rows;
    uint64_t rows_start, rows_stop; /* half-open, start <= stop; UINT64_MAX: to the end */
    uint64_t message_bytes_max;     /* UINT64_MAX: no limit */
    bool is_limit_asked;            /* by the client, not guessed from its user-agent */
    struct slice shm;               /* the token of a same-host session; data NULL: none */
};

#endif
