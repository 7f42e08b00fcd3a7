/* SPDX-License-Identifier: Apache-2.0 */
#include "server/password.h"

#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

#include "base/status.h"

/* By the text that begins it, and how many characters stand behind the last '$': a line that lost
 * its end would lock its user out, and libcrypt looks at what stands before it only. */
static const struct {
    const char *prefix;
    size_t tail_size;
} methods[] = {
    {"$y$", 43}, {"$gy$", 43}, {"$7$", 43}, {"$2b$", 53}, {"$2y$", 53}, {"$2a$", 53}, {"$6$", 86},
};

static bool has_method(const char *text)
{
    const char *tail = strrchr(text, '$');
    for (size_t i = 0; tail != NULL && i < sizeof methods / sizeof methods[0]; i++)
        if (strncmp(text, methods[i].prefix, strlen(methods[i].prefix)) == 0)
            return strlen(tail + 1) == methods[i].tail_size;
    return false;
}

bool password_is_hash(const char *text)
{
    bool has_empty_part = strstr(text, "$$") != NULL; /* no parameters, or no salt */
    return strlen(text) < CRYPT_OUTPUT_SIZE && has_method(text) && !has_empty_part &&
           crypt_checksalt(text) == CRYPT_SALT_OK;
}

static enum fkv_status compare(struct crypt_data *data, const char *hash, const char *password,
                               struct fkv_error *error)
{
    errno = 0;
    const char *made = crypt_r(password, hash, data); /* begins with '*' when it failed */
    if (errno == ENOMEM)
        return status_set(error, FKV_RESOURCE_EXHAUSTED, "out of memory for hashing a password");
    size_t size = strlen(hash);
    if (made != NULL && strlen(made) == size && CRYPTO_memcmp(made, hash, size) == 0)
        return FKV_OK;
    return status_set(error, FKV_UNAUTHENTICATED, "the password is wrong");
}

enum fkv_status password_check(const struct alloc *alloc, const char *hash, const char *password,
                               struct fkv_error *error)
{
    struct crypt_data *data = alloc_zero(alloc, sizeof *data);
    if (data == NULL)
        return status_no_memory(error, sizeof *data);
    enum fkv_status status = compare(data, hash, password, error);
    explicit_bzero(data, sizeof *data);
    alloc_free(alloc, data);
    return status;
}
