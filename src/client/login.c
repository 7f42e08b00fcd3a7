/* SPDX-License-Identifier: Apache-2.0 */
#include "client/login.h"

#include "base/status.h"
#include "client/client.h"

enum fkv_status client_login_init(struct client_login *login, const struct alloc *alloc,
                                  const struct fkv_client_options *options, struct fkv_error *error)
{
    const char *user = options->user, *password = options->password;
    if (user == NULL && password == NULL)
        return FKV_OK;
    if (user == NULL || password == NULL)
        return status_set(error, FKV_INVALID_ARGUMENT, "a %s is given without a %s",
                          user != NULL ? "user" : "password", user != NULL ? "password" : "user");
    if (user[0] == '\0' || strchr(user, ':') != NULL)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "'%s' is no user's name, expected one without ':'", user);
    login->user = alloc_text(alloc, user, strlen(user));
    login->password = alloc_text(alloc, password, strlen(password));
    return login->user != NULL && login->password != NULL
               ? FKV_OK
               : status_no_memory(error, strlen(user) + strlen(password));
}

void client_login_done(struct client_login *login, const struct alloc *alloc)
{
    if (login->password != NULL)
        explicit_bzero(login->password, strlen(login->password));
    alloc_free(alloc, login->password);
    alloc_free(alloc, login->user);
    *login = (struct client_login){0};
}

/* Well before the end: a put that is refused can't be made again. */
static uint64_t renewal_ns(uint64_t now, uint64_t lifetime_ns)
{
    uint64_t patience = lifetime_ns - lifetime_ns / 4;
    return patience < UINT64_MAX - now ? now + patience : UINT64_MAX;
}

bool client_login_is_due(const struct fkv_client *client)
{
    const struct client_login *login = &client->login;
    return login->user != NULL && !login->is_running &&
           clock_now_ns(client->clock) >= login->renew_ns;
}

enum fkv_status client_log_in(struct fkv_client *client, struct fkv_error *error)
{
    struct client_login *login = &client->login;
    if (!client_login_is_due(client))
        return FKV_OK;
    uint64_t lifetime_ns = UINT64_MAX, now = clock_now_ns(client->clock);
    login->is_running = true;
    client_fields_set(&client->fields, "authorization", slice_of(NULL, 0), error);
    enum fkv_status status =
        client_authenticate(client, login->user, login->password, &lifetime_ns, error);
    login->is_running = false;
    if (status == FKV_OK)
        login->renew_ns = renewal_ns(now, lifetime_ns);
    if (status == FKV_UNIMPLEMENTED)
        status = status_set(error, FKV_FAILED_PRECONDITION,
                            "a user is given, but %s asks for none: it has no Handshake",
                            client->authority);
    return status;
}

bool client_login_again(struct fkv_client *client, enum fkv_status status)
{
    if (status != FKV_UNAUTHENTICATED || client->login.user == NULL || client->login.is_running)
        return false;
    bool had_token = client->login.renew_ns != 0;
    client->login.renew_ns = 0;
    return had_token;
}
