/* SPDX-License-Identifier: Apache-2.0 */
#include "server/secret.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "base/status.h"

enum fkv_status secret_make(char *ret, size_t digits, struct fkv_error *error)
{
    uint8_t secret[secret_digits_max / 2];
    size_t size = digits / 2;
    if (getrandom(secret, size, 0) != (ssize_t)size)
        return status_set(error, FKV_INTERNAL, "could not get random bytes: %s", strerror(errno));
    for (size_t i = 0; i < size; i++) {
        ret[2 * i] = "0123456789abcdef"[secret[i] >> 4];
        ret[2 * i + 1] = "0123456789abcdef"[secret[i] & 15];
    }
    ret[digits] = '\0';
    explicit_bzero(secret, sizeof secret);
    return FKV_OK;
}
