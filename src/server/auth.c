/* SPDX-License-Identifier: Apache-2.0 */
#include "server/auth.h"

#include <pthread.h>
#include <stdio.h>

#include "base/status.h"
#include "base/text.h"

struct auth {
    const struct alloc *alloc;
    const struct clock *clock;
    const struct log *log;
    uint64_t token_lifetime_ns;
    char *path;
    pthread_mutex_t lock; /* of what follows, up to the tokens; while one is issued, too */
    struct users *users;
    uint64_t next_user; /* the number of the next one that comes new */
    struct tokens *tokens;
    atomic_uint logins; /* begun and not ended */
    struct log_limit failures;
};

static enum fkv_status read_users(const struct auth *auth, struct users **ret,
                                  struct fkv_error *error)
{
    bool is_exposed = false;
    enum fkv_status status = users_read(auth->alloc, auth->path, ret, &is_exposed, error);
    if (status != FKV_OK)
        return status_prefix(error, status, "--auth-file");
    if (is_exposed)
        log_event(auth->log, LOG_WARN, "auth-file-exposed", "file", auth->path, "reason",
                  "others than its owner and group may read or change it; chmod 0640 helps", NULL);
    char count[text_figure_size];
    snprintf(count, sizeof count, "%zu", users_count(*ret));
    log_event(auth->log, LOG_INFO, "authentication", "file", auth->path, "users", count, NULL);
    return FKV_OK;
}

static bool is_user(const void *users, uint64_t id)
{
    return users_have(users, id);
}

enum fkv_status auth_reload(struct auth *auth, struct fkv_error *error)
{
    struct users *users = NULL;
    enum fkv_status status = read_users(auth, &users, error);
    if (status != FKV_OK)
        return status;
    pthread_mutex_lock(&auth->lock);
    struct users *before = auth->users;
    users_number(users, before, &auth->next_user);
    auth->users = users;
    tokens_keep(auth->tokens, is_user, users);
    pthread_mutex_unlock(&auth->lock);
    users_free(before);
    return FKV_OK;
}

static enum fkv_status init_auth(struct auth *auth, const char *path, struct fkv_error *error)
{
    pthread_mutex_init(&auth->lock, NULL);
    auth->path = alloc_text(auth->alloc, path, strlen(path));
    if (auth->path == NULL)
        return status_no_memory(error, strlen(path));
    enum fkv_status status = read_users(auth, &auth->users, error);
    if (status != FKV_OK)
        return status;
    users_number(auth->users, NULL, &auth->next_user);
    status = tokens_new(auth->alloc, auth->token_lifetime_ns, &auth->tokens, error);
    return status == FKV_OK ? FKV_OK : status_prefix(error, status, "--auth-file");
}

enum fkv_status auth_new(const struct alloc *alloc, const struct clock *clock,
                         const struct log *log, const char *path, uint64_t token_lifetime_ns,
                         struct auth **ret, struct fkv_error *error)
{
    struct auth *auth = alloc_zero(alloc, sizeof *auth);
    if (auth == NULL)
        return status_no_memory(error, sizeof *auth);
    auth->alloc = alloc;
    auth->clock = clock;
    auth->log = log;
    auth->token_lifetime_ns = token_lifetime_ns;
    auth->next_user = 1;
    enum fkv_status status = init_auth(auth, path, error);
    if (status != FKV_OK) {
        auth_free(auth);
        return status;
    }
    *ret = auth;
    return FKV_OK;
}

void auth_free(struct auth *auth)
{
    if (auth == NULL)
        return;
    users_free(auth->users);
    tokens_free(auth->tokens);
    pthread_mutex_destroy(&auth->lock);
    alloc_free(auth->alloc, auth->path);
    alloc_free(auth->alloc, auth);
}

/* ---- calls ---- */

/* Passwords aren't taken here: each call would cost a hash, and wait for it. */
static const char *why_not(struct wire_metadata metadata)
{
    if (credentials_of_scheme(metadata, "Basic").data != NULL)
        return "passwords are taken by Handshake only; it gives a token for all other calls";
    if (wire_metadata_get(metadata, "authorization").size == 0 &&
        wire_metadata_get(metadata, "auth-token-bin").size == 0)
        return "the call has no token (of Handshake, as 'authorization: Bearer TOKEN' or "
               "'auth-token-bin')";
    return "the call's token is not one of this server, or holds no more; log in by Handshake";
}

bool auth_user(struct auth *auth, struct wire_metadata metadata, uint64_t *ret)
{
    struct slice bearer = credentials_of_scheme(metadata, "Bearer");
    struct slice token = wire_metadata_get(metadata, "auth-token-bin");
    uint64_t now = clock_now_ns(auth->clock);
    return tokens_hold(auth->tokens, bearer, now, ret) ||
           tokens_hold(auth->tokens, token, now, ret);
}

enum fkv_status auth_admit(struct auth *auth, struct wire_metadata metadata,
                           struct fkv_error *error)
{
    uint64_t user;
    if (auth_user(auth, metadata, &user))
        return FKV_OK;
    return status_set(error, FKV_UNAUTHENTICATED, "%s", why_not(metadata));
}

/* ---- logins ---- */

enum fkv_status auth_login_begin(struct auth *auth, struct fkv_error *error)
{
    if (atomic_fetch_add(&auth->logins, 1) < auth_logins_max)
        return FKV_OK;
    auth_login_end(auth);
    return status_set(error, FKV_RESOURCE_EXHAUSTED,
                      "%d logins are being checked already, the limit; try again", auth_logins_max);
}

enum fkv_status auth_login_check(struct auth *auth, const struct credentials *credentials,
                                 uint64_t *ret_user, struct fkv_error *error)
{
    pthread_mutex_lock(&auth->lock);
    struct users *users = users_ref(auth->users);
    pthread_mutex_unlock(&auth->lock);
    enum fkv_status status =
        users_check(users, credentials->name, credentials->password, ret_user, error);
    users_free(users);
    return status;
}

void auth_login_end(struct auth *auth)
{
    atomic_fetch_sub(&auth->logins, 1);
}

enum fkv_status auth_issue(struct auth *auth, uint64_t user, char ret[token_size + 1],
                           struct fkv_error *error)
{
    pthread_mutex_lock(&auth->lock);
    enum fkv_status status =
        users_have(auth->users, user)
            ? tokens_issue(auth->tokens, user, clock_now_ns(auth->clock), ret, error)
            : status_set(error, FKV_UNAUTHENTICATED, "the user's name or the password is wrong");
    pthread_mutex_unlock(&auth->lock);
    return status;
}

uint64_t auth_token_lifetime_ns(const struct auth *auth)
{
    return auth->token_lifetime_ns;
}

void auth_log_failure(struct auth *auth, const struct credentials *credentials, const char *peer,
                      const struct fkv_error *error)
{
    uint64_t kept_back;
    if (!log_limit_pass(&auth->failures, clock_now_ns(auth->clock), &kept_back))
        return;
    char count[text_figure_size];
    snprintf(count, sizeof count, "%llu", (unsigned long long)kept_back);
    log_event(auth->log, LOG_WARN, "login-failed", "user", credentials->name, "peer", peer,
              "reason", error->message, kept_back > 0 ? "not_logged" : NULL, count, NULL);
}
