/* SPDX-License-Identifier: Apache-2.0 */
/* What is said when memory is refused: the numbers, and what helps. */
#ifndef MEM_REFUSAL_H
#define MEM_REFUSAL_H

#include <stdint.h>

#include "flightkv/status.h"

struct refusal {
    const char *what; /* "a body of": its bytes follow */
    uint64_t bytes;
    uint64_t used_bytes;   /* when it was refused */
    uint64_t stored_bytes; /* of used_bytes, those of tables */
    uint64_t budget_bytes;
    const char *holders; /* what holds the memory; NULL: tables and uploads */
};

enum fkv_status refusal_set(const struct refusal *refusal, struct fkv_error *error);

#endif
