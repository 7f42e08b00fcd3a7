/* SPDX-License-Identifier: Apache-2.0 */
/* What users get for their password: random texts, good for a time. Kept are only their SHA-256
 * digests, in a hash map in shards, each with its lock, held for the time of a look-up. Of more
 * tokens than `tokens_max` the oldest (of their shard) go first. Any thread. */
#ifndef SERVER_TOKENS_H
#define SERVER_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/slice.h"
#include "flightkv/status.h"

enum {
    token_size = 64,        /* 256 random bits as hex digits */
    tokens_max = 64 * 1024, /* some 8 MiB */
};

struct tokens;

enum fkv_status tokens_new(const struct alloc *alloc, uint64_t lifetime_ns, struct tokens **ret,
                           struct fkv_error *error);
void tokens_free(struct tokens *tokens); /* NULL is allowed */

/* A new token, with a NUL behind it; `user` says whose it is. */
enum fkv_status tokens_issue(struct tokens *tokens, uint64_t user, uint64_t now_ns,
                             char ret[token_size + 1], struct fkv_error *error);

/* Whether it was issued, and still holds; then *ret_user is whose it is. */
bool tokens_hold(struct tokens *tokens, struct slice text, uint64_t now_ns, uint64_t *ret_user);

/* Drops those of users whom `holds` doesn't answer for. */
void tokens_keep(struct tokens *tokens, bool (*holds)(const void *context, uint64_t user),
                 const void *context);

size_t tokens_count(struct tokens *tokens);

#endif
