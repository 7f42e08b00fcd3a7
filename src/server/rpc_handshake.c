/* SPDX-License-Identifier: Apache-2.0 */
/* Handshake: a name and a password in, a token out, in one of two forms:
 *
 *     in                                       out
 *     message whose payload is a BasicAuth     message whose payload is the token
 *     `authorization: Basic ...`               `authorization: Bearer TOKEN` in the headers
 *
 * and the call is over, whether or not the client has ended its side. The password is checked in a
 * helper thread; the call may be closed meanwhile, so what the thread works on isn't the call's. */
#include <stdio.h>

#include "base/status.h"
#include "server/auth.h"
#include "server/cache.h"

/* Belongs to the call, and while `is_checking` to the check: the last one frees it. */
struct login {
    struct auth *auth;
    const struct alloc *alloc;
    struct host_call *call; /* NULL: closed */
    struct credentials credentials;
    bool by_header;
    bool has_begun;
    bool is_checking;
    enum fkv_status status; /* of the check */
    uint64_t user;
    struct fkv_error error;
    bool has_token;
    bool has_replied;
    char token[token_size + 1];
};

static void free_login(struct login *login)
{
    const struct alloc *alloc = login->alloc;
    explicit_bzero(login, sizeof *login);
    alloc_free(alloc, login);
}

/* ---- answering ---- */

static void answer(struct login *login)
{
    char text[token_size + 16];
    struct host_call *call = login->call;
    unsigned long long lifetime_s = auth_token_lifetime_ns(login->auth) / NS_PER_S;
    snprintf(text, sizeof text, "%llus", lifetime_s);
    host_call_header(call, "flightkv-token-lifetime", slice_text(text));
    if (login->by_header) {
        snprintf(text, sizeof text, "Bearer %s", login->token);
        host_call_header(call, "authorization", slice_text(text));
        host_call_flush_headers(call);
    }
    login->has_token = true;
    host_call_resume(call);
}

static enum wire_pull next_message(void *context, struct host_call *call, struct wire_out *out,
                                   struct fkv_error *error)
{
    struct login *login = context;
    if (!login->has_token)
        return WIRE_PULL_WAIT;
    if (login->by_header || login->has_replied)
        return WIRE_PULL_END;
    login->has_replied = true;
    const struct flight_handshake response = {.payload = slice_of(login->token, token_size)};
    struct buf message;
    buf_init(&message, host_call_alloc(call), 4 * token_size);
    enum fkv_status status = flight_handshake_encode(&response, &message, error);
    wire_out_begin(out);
    wire_out_copy(out, buf_slice(&message));
    wire_out_end(out);
    buf_done(&message);
    return status == FKV_OK ? WIRE_PULL_MESSAGE : WIRE_PULL_FAIL;
}

/* ---- checking ---- */

static void check(void *context)
{
    struct login *login = context;
    login->status = auth_login_check(login->auth, &login->credentials, &login->user, &login->error);
}

static void finish_check(struct login *login)
{
    if (login->status != FKV_OK)
        auth_log_failure(login->auth, &login->credentials, host_call_peer(login->call),
                         &login->error);
    else
        login->status = auth_issue(login->auth, login->user, login->token, &login->error);
    if (login->status == FKV_OK)
        answer(login);
    else
        host_call_fail(login->call, login->status, &login->error);
    host_call_wake(login->call);
}

static void on_checked(void *context)
{
    struct login *login = context;
    auth_login_end(login->auth);
    login->is_checking = false;
    if (login->call != NULL)
        finish_check(login);
    else
        free_login(login);
}

static enum fkv_status begin(struct login *login, struct fkv_error *error)
{
    login->has_begun = true;
    enum fkv_status status = auth_login_begin(login->auth, error);
    if (status != FKV_OK)
        return status;
    login->is_checking = true;
    if (host_call_work(login->call, check, on_checked, login))
        return FKV_OK;
    login->is_checking = false;
    auth_login_end(login->auth);
    return status_no_memory(error, sizeof *login);
}

/* ---- the call ---- */

static enum fkv_status on_message(void *context, struct host_call *call, struct slice message,
                                  struct fkv_error *error)
{
    (void)call;
    struct login *login = context;
    if (login->by_header) /* some clients send an empty one along */
        return FKV_OK;
    if (login->has_begun)
        return status_set(error, FKV_INVALID_ARGUMENT, "Handshake takes one message, not several");
    enum fkv_status status = credentials_from_handshake(message, &login->credentials, error);
    return status == FKV_OK ? begin(login, error) : status;
}

static enum fkv_status on_end(void *context, struct host_call *call, struct fkv_error *error)
{
    (void)call;
    const struct login *login = context;
    if (login->has_begun)
        return FKV_OK;
    return status_set(error, FKV_UNAUTHENTICATED,
                      "the handshake has no credentials, expected a BasicAuth as its payload or "
                      "'authorization: Basic'");
}

static void on_closed(void *context, struct host_call *call)
{
    (void)call;
    struct login *login = context;
    login->call = NULL;
    if (!login->is_checking)
        free_login(login);
}

static const struct host_stream handshake_stream = {
    .on_message = on_message,
    .on_end = on_end,
    .next = next_message,
    .on_closed = on_closed,
};

void rpc_handshake(void *context, struct host_call *call)
{
    const struct cache *cache = context;
    struct fkv_error error;
    struct login *login = alloc_zero(cache->alloc, sizeof *login);
    if (login == NULL) {
        host_call_fail(call, status_no_memory(&error, sizeof *login), &error);
        return;
    }
    login->auth = cache->auth;
    login->alloc = cache->alloc;
    login->call = call;
    host_call_stream(call, &handshake_stream, login);

    struct slice basic = credentials_of_scheme(host_call_all_metadata(call), "Basic");
    if (basic.data == NULL)
        return;
    login->by_header = true;
    enum fkv_status status = credentials_from_basic(basic, &login->credentials, &error);
    if (status == FKV_OK)
        status = begin(login, &error);
    if (status != FKV_OK)
        host_call_fail(call, status, &error);
}
