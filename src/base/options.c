/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"

#include <stdbool.h>
#include <string.h>

#include "base/status.h"

static bool is_zero(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

enum fkv_status options_read(const void *given, const char *name, void *ret, size_t size,
                             struct fkv_error *error)
{
    const unsigned char *bytes = given;
    size_t given_size = 0;
    if (given != NULL) {
        memcpy(&given_size, given, sizeof given_size);
        if (given_size < sizeof given_size || given_size > options_bytes_max)
            return status_set(error, FKV_INVALID_ARGUMENT,
                              "struct %s has the size %zu, expected sizeof the struct (%zu)", name,
                              given_size, size);
        if (given_size > size && !is_zero(bytes + size, given_size - size))
            return status_set(error, FKV_INVALID_ARGUMENT,
                              "struct %s of %zu bytes asks for what this version, with %zu bytes, "
                              "does not know",
                              name, given_size, size);
    }
    size_t common = given_size < size ? given_size : size;
    memset(ret, 0, size);
    if (common > 0)
        memcpy(ret, given, common);
    return FKV_OK;
}
