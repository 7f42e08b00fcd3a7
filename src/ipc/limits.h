/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds on what a peer's Arrow metadata may make us do. */
#ifndef IPC_LIMITS_H
#define IPC_LIMITS_H

#include <stdint.h>

struct ipc_limits {
    uint32_t depth_max;      /* nesting of fields; Arrow C++ reads and writes 64 */
    uint32_t fields_max;     /* fields of a schema, nested ones too */
    uint64_t header_bytes_max; /* one message's flatbuffer */
    uint64_t decompressed_bytes_max; /* what one compressed message may claim to become */
};

#define IPC_LIMITS_DEFAULT                                                      \
    ((struct ipc_limits){.depth_max = 64,                                       \
                         .fields_max = 100000,                                  \
                         .header_bytes_max = UINT64_C(64) << 20,                \
                         .decompressed_bytes_max = UINT64_C(16) << 30})

#endif
