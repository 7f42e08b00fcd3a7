/* SPDX-License-Identifier: Apache-2.0 */
#include "client/same_host.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/status.h"
#include "client/client.h"

/* A server on this host answers at once, or has something else to do than to let clients in: then
 * it is asked again later, and less patiently, at the first get behind a pause that doubles. */
enum { welcome_ms = 1000, welcome_again_ms = 100, pause_first_s = 2, pause_most_s = 300 };

/* How long a wait lasts before fkv_client_cancel is looked at again. */
enum { cancel_poll_ms = 50 };

static int connect_system(void *context, const char *path)
{
    (void)context;
    return shm_control_connect(path);
}

static void wait_system(void *context, int fd, int timeout_ms)
{
    (void)context;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint64_t end = clock_now_ns(clock_system()) + (uint64_t)timeout_ms * NS_PER_MS;
    while (poll(&p, 1, timeout_ms) < 0 && errno == EINTR) {
        uint64_t now = clock_now_ns(clock_system());
        timeout_ms = now < end ? (int)((end - now) / NS_PER_MS) : 0;
    }
}

const struct client_control client_control_system = {connect_system, wait_system, NULL};

void client_same_host_forget(struct fkv_client *client)
{
    struct client_same_host *shm = &client->same_host;
    shm_map_unref(shm->map);
    shm->map = NULL;
    shm->next_try_ns = shm->pause_ns = 0;
}

/* ---- the server's offer ---- */

struct offer {
    char path[shm_path_max + 1];
    uint8_t nonce[shm_nonce_size];
    bool is_there;
};

static void take_offer(void *context, struct fkv_bytes name, struct fkv_bytes value)
{
    struct offer *offer = context;
    struct slice nonce = slice_of(value.data, value.size);
    const uint8_t *end = value.size > 0 ? memchr(value.data, ';', value.size) : NULL;
    if (!slice_is(slice_of(name.data, name.size), "flightkv-shm") || end == NULL)
        return;
    struct slice path = slice_take(&nonce, (size_t)(end - nonce.data));
    slice_take(&nonce, 1);
    if (path.size == 0 || path.size > shm_path_max || path.data[0] != '/' ||
        !shm_unhex(nonce, offer->nonce, sizeof offer->nonce))
        return;
    memcpy(offer->path, path.data, path.size);
    offer->path[path.size] = '\0';
    offer->is_there = true;
}

static enum fkv_status ignore_reply(void *context, struct slice message, bool *ret_more,
                                    struct fkv_error *error)
{
    (void)context;
    (void)message;
    (void)error;
    *ret_more = true;
    return FKV_OK;
}

static enum fkv_status ask_for_offer(struct fkv_client *client, uint64_t deadline_ns,
                                     struct offer *ret, struct fkv_error *error)
{
    const struct flight_action action = {.type = slice_text("flightkv.shm")};
    const struct fkv_flight_call_options flight = {
        .size = sizeof flight, .on_header = take_offer, .context = ret};
    const struct client_call_options options = {
        .path = CLIENT_PATH("DoAction"), .deadline_ns = deadline_ns, .flight = &flight};
    struct buf request;
    buf_init(&request, client->alloc, 1024);
    enum fkv_status status = flight_action_encode(&action, &request, error);
    if (status == FKV_OK)
        status = client_ask_with(client, &options, buf_slice(&request), ignore_reply, NULL, error);
    buf_done(&request);
    if (status == FKV_OK && !ret->is_there)
        status = status_set(error, FKV_UNIMPLEMENTED, "the server offers no shared memory");
    return status;
}

/* ---- the control connection ---- */

/* Another user's server may change what is mapped as it likes: that is for who says so. */
static enum fkv_status check_server(const struct client_same_host *shm, int fd,
                                    struct fkv_error *error)
{
    struct ucred server;
    socklen_t size = sizeof server;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &server, &size) != 0)
        return status_set(error, FKV_UNAVAILABLE, "the control socket's owner isn't known: %s",
                          strerror(errno));
    if (server.uid == geteuid() || server.uid == 0 || shm->transport == FKV_TRANSPORT_SHM)
        return FKV_OK;
    return status_set(error, FKV_PERMISSION_DENIED,
                      "the server belongs to another user, whose memory is mapped only where the "
                      "transport shm is asked for");
}

/* Half of the time is the table's. */
static uint64_t patience_ms(const struct fkv_client *client, uint64_t deadline_ns)
{
    uint64_t most = client->same_host.pause_ns == 0 ? welcome_ms : welcome_again_ms;
    uint64_t half = client_time_left(client, deadline_ns) / 2 / NS_PER_MS;
    return half < most ? half : most;
}

/* Cancelled meanwhile, and be it at the end: -ECANCELED, for the get's own call wouldn't know. */
static int await_welcome(struct fkv_client *client, int fd, const uint8_t *nonce,
                         uint64_t deadline_ns, struct shm_welcome *ret, int *ret_file)
{
    const struct client_control *control = &client->same_host.control;
    int result = shm_send_hello(fd, nonce);
    if (result != 0)
        return result;
    uint64_t left_ms = patience_ms(client, deadline_ns);
    uint64_t until = clock_now_ns(client->clock) + left_ms * NS_PER_MS;
    do {
        int part_ms = (int)(left_ms < cancel_poll_ms ? left_ms : cancel_poll_ms);
        control->wait(control->context, fd, part_ms);
        result = shm_receive_welcome(fd, ret, ret_file);
        uint64_t now = clock_now_ns(client->clock);
        if (client_is_cancelled(client, now))
            return -ECANCELED;
        left_ms = now < until ? (until - now + NS_PER_MS - 1) / NS_PER_MS : 0;
    } while (result == -EAGAIN && left_ms > 0);
    return result == 1 ? 0 : result == 0 ? -EACCES : result;
}

static enum fkv_status let_in(struct fkv_client *client, const struct offer *offer,
                              uint64_t deadline_ns, struct shm_map **ret, struct fkv_error *error)
{
    struct client_same_host *shm = &client->same_host;
    struct shm_welcome welcome;
    int file = -1, fd = shm->control.connect(shm->control.context, offer->path);
    if (fd < 0)
        return status_set(error, FKV_UNAVAILABLE, "could not connect to %s: %s", offer->path,
                          strerror(-fd));
    enum fkv_status status = check_server(shm, fd, error);
    int result = 0;
    if (status == FKV_OK)
        result = await_welcome(client, fd, offer->nonce, deadline_ns, &welcome, &file);
    if (result == -ECANCELED)
        status = status_set(error, FKV_CANCELLED, "the call was cancelled");
    else if (result != 0)
        status = status_set(error, FKV_UNAVAILABLE, "not let in by %s: %s", offer->path,
                            result == -EAGAIN ? "no answer in time" : strerror(-result));
    if (status == FKV_OK)
        return shm_map_new(client->alloc, fd, file, &welcome, ret, error);
    if (file >= 0)
        close(file);
    close(fd);
    return status;
}

/* Who is busy, or full, may let clients in later. */
static void plan_next_try(struct fkv_client *client, enum fkv_status status)
{
    struct client_same_host *shm = &client->same_host;
    shm->next_try_ns = UINT64_MAX;
    if (status != FKV_UNAVAILABLE && status != FKV_RESOURCE_EXHAUSTED)
        return;
    shm->pause_ns = shm->pause_ns == 0 ? pause_first_s * NS_PER_S : 2 * shm->pause_ns;
    if (shm->pause_ns > pause_most_s * NS_PER_S)
        shm->pause_ns = pause_most_s * NS_PER_S;
    shm->next_try_ns = clock_now_ns(client->clock) + shm->pause_ns;
}

static bool may_have(const struct fkv_client *client)
{
    return client->same_host.control.connect != NULL && client->pump != NULL &&
           wire_pump_transport(client->pump)->is_local;
}

static enum fkv_status try(struct fkv_client *client, uint64_t deadline_ns, struct fkv_error *error)
{
    struct client_same_host *shm = &client->same_host;
    struct offer offer = {.is_there = false};
    if (!may_have(client))
        return status_set(error, FKV_UNAVAILABLE, "the server isn't on this host");
    enum fkv_status status = ask_for_offer(client, deadline_ns, &offer, error);
    if (status == FKV_OK)
        status = let_in(client, &offer, deadline_ns, &shm->map, error);
    if (status == FKV_OK || status == FKV_CANCELLED || status == FKV_DEADLINE_EXCEEDED)
        return status;
    plan_next_try(client, status);
    return status;
}

static bool is_due(const struct fkv_client *client)
{
    const struct client_same_host *shm = &client->same_host;
    if (shm->transport == FKV_TRANSPORT_SHM) /* without it the get fails */
        return shm->next_try_ns != UINT64_MAX;
    return clock_now_ns(client->clock) >= shm->next_try_ns;
}

static bool is_wanted(const struct client_same_host *shm)
{
    return shm->transport == FKV_TRANSPORT_AUTO || shm->transport == FKV_TRANSPORT_SHM;
}

bool client_same_host_is_due(const struct fkv_client *client)
{
    const struct client_same_host *shm = &client->same_host;
    return shm->map == NULL && is_wanted(shm) && may_have(client) && is_due(client);
}

enum fkv_status client_same_host_map(struct fkv_client *client, uint64_t deadline_ns,
                                     struct shm_map **ret, struct fkv_error *error)
{
    struct client_same_host *shm = &client->same_host;
    enum fkv_status status = FKV_OK;
    *ret = NULL;
    if (!is_wanted(shm) || client_is_busy(client)) /* which the get itself will say */
        return FKV_OK;
    if (shm->map == NULL && is_due(client))
        status = try(client, deadline_ns, &shm->why_not);
    bool is_ended = status == FKV_CANCELLED || status == FKV_DEADLINE_EXCEEDED;
    bool is_demanded = shm->transport == FKV_TRANSPORT_SHM && shm->map == NULL;
    if (is_demanded || is_ended) {
        if (error != NULL)
            *error = shm->why_not;
        return is_ended ? status
                        : status_prefix(error, FKV_FAILED_PRECONDITION,
                                        "transport shm, but %s can't be used so", client->name);
    }
    if (shm->map != NULL)
        shm_map_flush(shm->map);
    *ret = shm->map;
    return FKV_OK;
}

void client_same_host_unsure(struct fkv_client *client, enum fkv_status status)
{
    bool is_unsure = status == FKV_CANCELLED || status == FKV_DEADLINE_EXCEEDED ||
                     status == FKV_UNAVAILABLE || status == FKV_INTERNAL;
    if (client != NULL && is_unsure)
        client_same_host_forget(client);
}

void client_same_host_got(struct fkv_client *client, bool is_mapped)
{
    struct client_same_host *shm = &client->same_host;
    shm->is_used = is_mapped;
    if (!is_mapped && shm->map != NULL)
        status_set(&shm->why_not, FKV_OK,
                   "the table is small, or all that the server lets a client map is mapped");
}

enum fkv_transport fkv_client_transport(const struct fkv_client *client, const char **ret_why)
{
    const struct client_same_host *shm = &client->same_host;
    if (ret_why != NULL)
        *ret_why = shm->is_used ? "" : shm->why_not.message;
    if (shm->is_used)
        return FKV_TRANSPORT_SHM;
    return client->uri.scheme == NET_UNIX ? FKV_TRANSPORT_UNIX : FKV_TRANSPORT_TCP;
}
