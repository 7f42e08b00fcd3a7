/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets, sizes and run ends: signed little-endian integers of 2, 4 or 8 bytes, wherever they lie
 * (neither the C Data interface nor a message's body promises alignment). */
#ifndef IPC_INTEGER_H
#define IPC_INTEGER_H

#include "base/slice.h"

static inline int64_t ipc_integer(const void *values, uint32_t width, int64_t index)
{
    const uint8_t *at = (const uint8_t *)values + index * width;
    switch (width) {
    case 2:
        return (int16_t)load_le16(at);
    case 4:
        return (int32_t)load_le32(at);
    default:
        return (int64_t)load_le64(at);
    }
}

static inline void ipc_integer_set(void *values, uint32_t width, int64_t index, int64_t value)
{
    uint8_t *at = (uint8_t *)values + index * width;
    switch (width) {
    case 2:
        store_le16(at, (uint16_t)value);
        break;
    case 4:
        store_le32(at, (uint32_t)value);
        break;
    default:
        store_le64(at, (uint64_t)value);
    }
}

#endif
