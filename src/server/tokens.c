/* SPDX-License-Identifier: Apache-2.0 */
/*     digest   bytes 0..7: the hash for the shard's map; byte 8: the shard
 *     shard    map of digests; the same tokens in a list, oldest first
 *
 * All tokens hold equally long, so the oldest expires first. A digest may be compared as memcmp
 * does: what its timing tells of a digest says nothing of a text that has it. */
#include "server/tokens.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdalign.h>

#include "base/list.h"
#include "base/map.h"
#include "base/status.h"
#include "server/secret.h"

enum { shard_count = 16, shard_tokens_max = tokens_max / shard_count };
enum { digest_size = 32 };

struct token {
    struct map_node node;
    struct list link;
    uint64_t expires_ns;
    uint64_t user;
    uint8_t digest[digest_size];
};

struct shard {
    alignas(64) pthread_mutex_t lock; /* in a cache line of its own */
    struct map map;
    struct list oldest_first;
};

struct tokens {
    const struct alloc *alloc;
    uint64_t lifetime_ns;
    EVP_MD *sha256;
    struct shard shards[shard_count];
};

static bool make_digest(const struct tokens *tokens, struct slice text, uint8_t ret[digest_size])
{
    unsigned size = 0;
    return EVP_Digest(text.data, text.size, ret, &size, tokens->sha256, NULL) == 1 &&
           size == digest_size;
}

static struct shard *shard_of(struct tokens *tokens, const uint8_t digest[digest_size])
{
    return &tokens->shards[digest[8] % shard_count];
}

/* ---- making and freeing ---- */

static void drop(const struct tokens *tokens, struct shard *shard, struct token *token)
{
    map_remove(&shard->map, &token->node);
    list_unlink(&token->link);
    alloc_free(tokens->alloc, token);
}

static bool init_shards(struct tokens *tokens)
{
    bool is_made = true;
    for (size_t i = 0; i < shard_count; i++) {
        struct shard *shard = &tokens->shards[i];
        pthread_mutex_init(&shard->lock, NULL);
        list_init(&shard->oldest_first);
        is_made = map_init(&shard->map, tokens->alloc) && is_made;
    }
    return is_made;
}

enum fkv_status tokens_new(const struct alloc *alloc, uint64_t lifetime_ns, struct tokens **ret,
                           struct fkv_error *error)
{
    struct tokens *tokens = alloc_aligned(alloc, alignof(struct tokens), sizeof *tokens);
    if (tokens == NULL)
        return status_no_memory(error, sizeof *tokens);
    *tokens = (struct tokens){.alloc = alloc, .lifetime_ns = lifetime_ns};
    bool is_made = init_shards(tokens);
    tokens->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!is_made || tokens->sha256 == NULL) {
        tokens_free(tokens);
        return is_made ? status_set(error, FKV_INTERNAL, "the OpenSSL library has no SHA-256")
                       : status_no_memory(error, sizeof *tokens);
    }
    *ret = tokens;
    return FKV_OK;
}

static void free_shard(const struct tokens *tokens, struct shard *shard)
{
    list_each(link, &shard->oldest_first) drop(tokens, shard, list_entry(link, struct token, link));
    map_done(&shard->map);
    pthread_mutex_destroy(&shard->lock);
}

void tokens_free(struct tokens *tokens)
{
    if (tokens == NULL)
        return;
    for (size_t i = 0; i < shard_count; i++)
        free_shard(tokens, &tokens->shards[i]);
    EVP_MD_free(tokens->sha256);
    alloc_free(tokens->alloc, tokens);
}

/* ---- issuing ---- */

/* Those that hold no more, and one that does where there would be one too many. */
static void make_room(const struct tokens *tokens, struct shard *shard, uint64_t now_ns)
{
    list_each(link, &shard->oldest_first)
    {
        struct token *token = list_entry(link, struct token, link);
        if (token->expires_ns > now_ns && shard->map.count < shard_tokens_max)
            break;
        drop(tokens, shard, token);
    }
}

static void add(struct tokens *tokens, struct token *token, uint64_t now_ns)
{
    struct shard *shard = shard_of(tokens, token->digest);
    pthread_mutex_lock(&shard->lock);
    make_room(tokens, shard, now_ns);
    list_push(&shard->oldest_first, &token->link);
    map_insert(&shard->map, &token->node, load_le64(token->digest));
    pthread_mutex_unlock(&shard->lock);
}

enum fkv_status tokens_issue(struct tokens *tokens, uint64_t user, uint64_t now_ns,
                             char ret[token_size + 1], struct fkv_error *error)
{
    char text[token_size + 1];
    enum fkv_status status = secret_make(text, token_size, error);
    if (status != FKV_OK)
        return status;
    struct token *token = alloc_zero(tokens->alloc, sizeof *token);
    if (token == NULL)
        return status_no_memory(error, sizeof *token);
    if (!make_digest(tokens, slice_of(text, token_size), token->digest)) {
        alloc_free(tokens->alloc, token);
        return status_set(error, FKV_RESOURCE_EXHAUSTED, "a new token could not be hashed");
    }
    token->user = user;
    token->expires_ns = now_ns + tokens->lifetime_ns;
    add(tokens, token, now_ns);
    memcpy(ret, text, sizeof text);
    return FKV_OK;
}

/* ---- asking ---- */

static bool holds(const struct shard *shard, const uint8_t digest[digest_size], uint64_t now_ns,
                  uint64_t *ret_user)
{
    struct map_node *node = map_first(&shard->map, load_le64(digest));
    for (; node != NULL; node = map_next(node)) {
        const struct token *token = map_entry(node, struct token, node);
        if (memcmp(token->digest, digest, digest_size) != 0)
            continue;
        *ret_user = token->user;
        return token->expires_ns > now_ns;
    }
    return false;
}

bool tokens_hold(struct tokens *tokens, struct slice text, uint64_t now_ns, uint64_t *ret_user)
{
    uint8_t digest[digest_size];
    if (text.size != token_size || !make_digest(tokens, text, digest))
        return false;
    struct shard *shard = shard_of(tokens, digest);
    pthread_mutex_lock(&shard->lock);
    bool is_held = holds(shard, digest, now_ns, ret_user);
    pthread_mutex_unlock(&shard->lock);
    return is_held;
}

void tokens_keep(struct tokens *tokens, bool (*holds_user)(const void *context, uint64_t user),
                 const void *context)
{
    for (size_t i = 0; i < shard_count; i++) {
        struct shard *shard = &tokens->shards[i];
        pthread_mutex_lock(&shard->lock);
        list_each(link, &shard->oldest_first)
        {
            struct token *token = list_entry(link, struct token, link);
            if (!holds_user(context, token->user))
                drop(tokens, shard, token);
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

size_t tokens_count(struct tokens *tokens)
{
    size_t count = 0;
    for (size_t i = 0; i < shard_count; i++) {
        struct shard *shard = &tokens->shards[i];
        pthread_mutex_lock(&shard->lock);
        count += shard->map.count;
        pthread_mutex_unlock(&shard->lock);
    }
    return count;
}
