/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/options.h"
#include "base/status.h"
#include "client/flight_stream.h"

/* Small reads stay in the cache, large writes keep the server busy (docs/design/004-turns.md). */
enum { scratch_bytes = 64 << 10 };
static const size_t turn_bytes = 1 << 20;

enum { connect_timeout_ms_default = 10000, busy_poll_us_max = 1000000 };

enum { keep_on_interval_ns = 100 * 1000000 };

static enum fkv_status connect_socket(void *context, const struct alloc *alloc,
                                      const struct net_uri *uri,
                                      const struct net_connect_options *options,
                                      struct net_transport **ret, struct fkv_error *error)
{
    (void)context;
    return net_connect(alloc, uri, options, ret, error);
}

/* ---- the connection ---- */

static void on_connection_closed(void *context, struct wire_pump *pump,
                                 const struct fkv_error *error)
{
    (void)error; /* its calls have heard of it */
    struct fkv_client *client = context;
    client->pump = NULL;
    wire_pump_free(pump);
}

static enum fkv_status connect_client(struct fkv_client *client, struct fkv_error *error)
{
    struct net_transport *transport = NULL;
    struct wire_session *session = NULL;
    enum fkv_status status =
        client->connector.connect(client->connector.context, client->alloc, &client->uri,
                                  &client->connect, &transport, error);
    if (status != FKV_OK)
        return status;
    status = wire_session_new(client->alloc, WIRE_CLIENT, &wire_limits_default, NULL,
                              client->authority, &session, error);
    if (status != FKV_OK) {
        net_close(transport);
        return status;
    }
    const struct wire_pump_options options = {
        .scratch = client->scratch,
        .scratch_bytes = scratch_bytes,
        .turn_bytes = &turn_bytes,
        .on_closed = on_connection_closed,
        .context = client,
    };
    client->login.renew_ns = 0; /* it may be another server's process */
    client_same_host_forget(client);
    return wire_pump_new(client->alloc, transport, session, &options, &client->pump, error);
}

/* More than a server says between two calls: SETTINGS, PING, GOAWAY, then the end of the stream. */
enum { turns_between_calls_max = 16 };

/* A connection that was lost or is being drained since the last call is made again. */
static enum fkv_status ensure_connection(struct fkv_client *client, struct fkv_error *error)
{
    for (int i = 0; i < turns_between_calls_max && client->pump != NULL; i++) {
        if (net_wait(wire_pump_transport(client->pump), NET_READABLE, 0) == 0)
            break;
        wire_pump_turn(client->pump, 0);
    }
    if (client->pump != NULL && !wire_session_takes_calls(wire_pump_session(client->pump))) {
        wire_pump_free(client->pump);
        client->pump = NULL;
    }
    return client->pump != NULL ? FKV_OK : connect_client(client, error);
}

/* ---- opening and closing ---- */

/* Saturates: callers say "for ever" by all kinds of large numbers. */
static uint64_t ns_of_ms(uint64_t ms)
{
    return ms > UINT64_MAX / NS_PER_MS ? UINT64_MAX : ms * NS_PER_MS;
}

#ifndef FKV_VERSION
#error "FKV_VERSION is set by the build"
#endif

const char *fkv_version(void)
{
    return FKV_VERSION;
}

/* A path is no authority: over Unix sockets, it is "localhost". */
static void set_names(struct fkv_client *client)
{
    const struct net_uri *uri = &client->uri;
    bool is_v6 = strchr(uri->host, ':') != NULL;
    if (uri->scheme == NET_UNIX)
        snprintf(client->authority, sizeof client->authority, "localhost");
    else
        snprintf(client->authority, sizeof client->authority, is_v6 ? "[%s]:%u" : "%s:%u",
                 uri->host, uri->port);
    client->name = uri->scheme == NET_UNIX ? uri->path : client->authority;
}

static enum fkv_status init_tls(struct fkv_client *client, const struct fkv_client_options *given,
                                struct fkv_error *error)
{
    const struct net_tls_client_options options = {given->tls_ca_file, given->tls_cert_file,
                                                   given->tls_key_file, given->tls_insecure};
    bool is_asked_for = options.ca_file != NULL || options.cert_file != NULL ||
                        options.key_file != NULL || options.is_insecure;
    if (client->uri.scheme == NET_TLS)
        return net_tls_new_client(client->alloc, &options, &client->connect.tls, error);
    if (is_asked_for)
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "TLS options are given, but %s is without TLS, expected grpc+tls://",
                          client->name);
    return FKV_OK;
}

/* `renew_ns`: when the next login is due, of a client that has a token among its fields; else 0. */
static enum fkv_status start_client(struct fkv_client *client, uint64_t renew_ns,
                                    struct fkv_error *error)
{
    client->scratch = alloc_get(client->alloc, scratch_bytes);
    if (client->pool == NULL)
        client->pool = client_pool_new(client->alloc);
    if (client->scratch == NULL || client->pool == NULL)
        return status_no_memory(error, scratch_bytes);
    struct shm_map *map;
    enum fkv_status status = connect_client(client, error);
    client->login.renew_ns = renew_ns;
    if (status == FKV_OK)
        status = client_log_in(client, error);
    if (status == FKV_OK && client->same_host.transport == FKV_TRANSPORT_SHM)
        status = client_same_host_map(client, client_deadline(client, 0), &map, error);
    return status;
}

static enum fkv_status check_transport(const struct fkv_client *client, struct fkv_error *error)
{
    static const char *const names[] = {
        [FKV_TRANSPORT_AUTO] = "auto",
        [FKV_TRANSPORT_SHM] = "shm",
        [FKV_TRANSPORT_UNIX] = "unix",
        [FKV_TRANSPORT_TCP] = "tcp",
    };
    unsigned transport = client->same_host.transport;
    bool is_unix = client->uri.scheme == NET_UNIX;
    if (transport > FKV_TRANSPORT_TCP)
        return status_set(error, FKV_INVALID_ARGUMENT, "there is no transport %u", transport);
    if ((transport == FKV_TRANSPORT_UNIX && !is_unix) ||
        (transport == FKV_TRANSPORT_TCP && is_unix))
        return status_set(error, FKV_INVALID_ARGUMENT,
                          "the transport is to be %s, but %s isn't reached so, expected a URI that "
                          "begins with %s",
                          names[transport], client->name,
                          is_unix ? "grpc+tcp:// or grpc+tls://" : "grpc+unix://");
    return FKV_OK;
}

static uint64_t busy_poll_ns(uint64_t us)
{
    if (us == FKV_BUSY_POLL_NEVER)
        return UINT64_MAX;
    return (us < busy_poll_us_max ? us : busy_poll_us_max) * 1000;
}

static enum fkv_status init_client(struct fkv_client *client, const char *uri,
                                   const struct fkv_client_options *options,
                                   struct fkv_error *error)
{
    struct fkv_client_options given;
    enum fkv_status status =
        options_read(options, "fkv_client_options", &given, sizeof given, error);
    if (status != FKV_OK)
        return status;
    client->connect.busy_poll_ns = busy_poll_ns(given.busy_poll_us);
    client->connect.timeout_ns = ns_of_ms(
        given.connect_timeout_ms != 0 ? given.connect_timeout_ms : connect_timeout_ms_default);
    client->call_timeout_ns = ns_of_ms(given.call_timeout_ms);
    client->keep_on = given.keep_on;
    client->keep_on_context = given.keep_on_context;
    const char *from_environment = getenv("FLIGHTKV_SERVER");
    if (uri == NULL)
        uri = from_environment != NULL && *from_environment != '\0' ? from_environment
                                                                    : FKV_DEFAULT_URI;
    status = net_uri_parse(uri, &client->uri, error);
    if (status != FKV_OK && uri == from_environment)
        status_prefix(error, status, "FLIGHTKV_SERVER");
    if (status != FKV_OK)
        return status;
    set_names(client);
    client_fields_init(&client->fields, client->alloc);
    client->same_host.transport = given.transport;
    client->same_host.control = client->connector.control;
    status = check_transport(client, error);
    if (status == FKV_OK)
        status = init_tls(client, &given, error);
    if (status == FKV_OK)
        status = client_login_init(&client->login, client->alloc, &given, error);
    return status == FKV_OK ? start_client(client, 0, error) : status;
}

static struct fkv_client *new_client(const struct alloc *alloc, const struct clock *clock,
                                     const struct client_connector *connector)
{
    struct fkv_client *client = alloc_zero(alloc, sizeof *client);
    if (client == NULL)
        return NULL;
    client->alloc = alloc;
    client->clock = clock;
    client->connector = *connector;
    atomic_init(&client->is_cancelled, false);
    return client;
}

enum fkv_status client_open(const struct alloc *alloc, const struct clock *clock,
                            const struct client_connector *connector, const char *uri,
                            const struct fkv_client_options *options, struct fkv_client **ret,
                            struct fkv_error *error)
{
    struct fkv_client *client = new_client(alloc, clock, connector);
    if (client == NULL)
        return status_no_memory(error, sizeof *client);
    enum fkv_status status = init_client(client, uri, options, error);
    if (status != FKV_OK) {
        fkv_client_close(client);
        return status;
    }
    *ret = client;
    return FKV_OK;
}

/* Of addresses as they are written: "localhost" isn't 127.0.0.1 here. */
static bool is_same_address(const struct net_uri *a, const struct net_uri *b)
{
    if (a->scheme != b->scheme)
        return false;
    if (a->scheme == NET_UNIX)
        return strcmp(a->path, b->path) == 0;
    return a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

static enum fkv_status share_tls(struct fkv_client *client, const struct fkv_client *other,
                                 struct fkv_error *error)
{
    const struct fkv_client_options defaults = {.size = sizeof defaults};
    if (client->uri.scheme != NET_TLS || other->connect.tls == NULL)
        return init_tls(client, &defaults, error);
    client->connect.tls = net_tls_ref(other->connect.tls);
    return FKV_OK;
}

/* Without `fields` the other's user isn't taken either. */
static enum fkv_status init_like(struct fkv_client *client, const struct fkv_client *other,
                                 const struct client_fields *fields, uint64_t renew_ns,
                                 struct fkv_error *error)
{
    const struct fkv_client_options login = {.user = other->login.user,
                                             .password = other->login.password};
    client->connect.timeout_ns = other->connect.timeout_ns;
    client->connect.busy_poll_ns = other->connect.busy_poll_ns;
    client->call_timeout_ns = other->call_timeout_ns;
    set_names(client);
    client_fields_init(&client->fields, client->alloc);
    enum fkv_status status = share_tls(client, other, error);
    if (status == FKV_OK && fields != NULL)
        status = client_fields_copy(&client->fields, fields, error);
    if (status == FKV_OK && fields != NULL)
        status = client_login_init(&client->login, client->alloc, &login, error);
    return status == FKV_OK ? start_client(client, renew_ns, error) : status;
}

/* `pool` NULL: one of its own. */
static enum fkv_status open_from(const struct fkv_client *other, const struct net_uri *uri,
                                 const struct client_fields *fields, uint64_t renew_ns,
                                 struct client_pool *pool, struct fkv_client **ret,
                                 struct fkv_error *error)
{
    struct fkv_client *client = new_client(other->alloc, other->clock, &other->connector);
    if (client == NULL)
        return status_no_memory(error, sizeof *client);
    client->uri = *uri;
    client->pool = pool != NULL ? client_pool_share(pool) : NULL;
    client->same_host.transport = FKV_TRANSPORT_TCP; /* over the connection, whichever it is */
    enum fkv_status status = init_like(client, other, fields, renew_ns, error);
    if (status != FKV_OK) {
        fkv_client_close(client);
        return status;
    }
    *ret = client;
    return FKV_OK;
}

enum fkv_status client_open_like(const struct fkv_client *other, const struct client_fields *fields,
                                 uint64_t renew_ns, struct fkv_client **ret,
                                 struct fkv_error *error)
{
    return open_from(other, &other->uri, fields, renew_ns, other->pool, ret, error);
}

enum fkv_status client_open_at(const struct fkv_client *other, const char *uri,
                               struct fkv_client **ret, struct fkv_error *error)
{
    struct net_uri parsed;
    enum fkv_status status = net_uri_parse(uri, &parsed, error);
    if (status != FKV_OK)
        return status_prefix(error, status, "location");
    bool is_same = is_same_address(&parsed, &other->uri);
    return open_from(other, &parsed, is_same ? &other->fields : NULL, 0, NULL, ret, error);
}

enum fkv_status fkv_client_open(const char *uri, const struct fkv_client_options *options,
                                struct fkv_client **ret, struct fkv_error *error)
{
    const struct client_connector connector = {connect_socket, NULL, client_control_system};
    return client_open(alloc_system(), clock_system(), &connector, uri, options, ret, error);
}

void fkv_client_close(struct fkv_client *client)
{
    if (client == NULL)
        return;
    if (client->stream != NULL)
        client_stream_detach(client->stream);
    if (client->streams != NULL)
        client_streams_detach(client->streams);
    if (client->pipeline != NULL)
        client_pipeline_detach(client->pipeline);
    wire_pump_free(client->pump);
    net_tls_free(client->connect.tls);
    client_same_host_forget(client);
    client_pool_close(client->pool);
    client_fields_done(&client->fields);
    client_login_done(&client->login, client->alloc);
    alloc_free(client->alloc, client->scratch);
    alloc_free(client->alloc, client);
}

void fkv_client_cancel(struct fkv_client *client)
{
    atomic_store(&client->is_cancelled, true);
}

bool client_is_cancelled(struct fkv_client *client, uint64_t now_ns)
{
    if (atomic_exchange(&client->is_cancelled, false))
        return true;
    if (client->keep_on == NULL || now_ns - client->keep_on_ns < keep_on_interval_ns)
        return false;
    client->keep_on_ns = now_ns;
    bool was_running = client->is_running; /* it isn't to call the client */
    client->is_running = true;
    bool is_to_go_on = client->keep_on(client->keep_on_context);
    client->is_running = was_running;
    return !is_to_go_on;
}

/* ---- one call ---- */

static uint64_t deadline_in(const struct fkv_client *client, uint64_t timeout_ns)
{
    uint64_t now = clock_now_ns(client->clock);
    return timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX;
}

uint64_t client_deadline(const struct fkv_client *client, uint64_t timeout_ms)
{
    uint64_t timeout_ns = timeout_ms != 0 ? ns_of_ms(timeout_ms) : client->call_timeout_ns;
    return timeout_ns != 0 ? deadline_in(client, timeout_ns) : UINT64_MAX;
}

uint64_t client_time_left(const struct fkv_client *client, uint64_t deadline_ns)
{
    uint64_t now = clock_now_ns(client->clock);
    return deadline_ns == UINT64_MAX ? UINT64_MAX : deadline_ns > now ? deadline_ns - now : 0;
}

static enum fkv_status deadline_passed(const struct fkv_client *client, struct fkv_error *error)
{
    return status_set(error, FKV_DEADLINE_EXCEEDED, "the deadline of the call to %s has passed",
                      client->name);
}

static bool has_stream(const struct fkv_client *client)
{
    return client->stream != NULL || client->streams != NULL || client->pipeline != NULL;
}

bool client_is_busy(const struct fkv_client *client)
{
    return has_stream(client) || client->is_running;
}

enum fkv_status client_check_free(const struct fkv_client *client, struct fkv_error *error)
{
    if (has_stream(client))
        return status_set(error, FKV_FAILED_PRECONDITION,
                          client->pipeline != NULL
                              ? "the client still has a pipeline: close it first"
                              : "the client still has a stream in progress: read it to its end, "
                                "or release or close it first");
    if (client->is_running)
        return status_set(error, FKV_FAILED_PRECONDITION,
                          "the client was called from a callback of its own call, expected "
                          "another client there");
    return FKV_OK;
}

static enum fkv_status open_wire_call(struct fkv_client *client, struct client_call *call,
                                      const struct client_call_options *options,
                                      struct fkv_error *error)
{
    struct client_metadata metadata;
    enum fkv_status status =
        client_fields_collect(&client->fields, "flightkv/" FKV_VERSION, options->metadata,
                              options->flight, &metadata, error);
    const struct wire_request request = {
        .path = options->path,
        .metadata = {metadata.pairs, metadata.count},
        .timeout_ns = client_time_left(client, call->deadline_ns),
        .receiver = options->receiver,
        .context = options->context,
        .source = options->source,
    };
    if (status == FKV_OK)
        status = wire_call_open(wire_pump_session(client->pump), &request, &call->wire, error);
    client_metadata_done(&metadata);
    return status;
}

enum fkv_status client_prepare(struct fkv_client *client, struct fkv_error *error)
{
    enum fkv_status status = client_check_free(client, error);
    if (status != FKV_OK)
        return status;
    atomic_store(&client->is_cancelled, false);
    status = ensure_connection(client, error);
    if (status == FKV_OK)
        status = client_log_in(client, error);
    if (status == FKV_OK && client->pump == NULL)
        status = status_set(error, FKV_UNAVAILABLE, "%s closed the connection after the login",
                            client->name);
    return status;
}

enum fkv_status client_call_begin(struct fkv_client *client, struct client_call *call,
                                  const struct client_call_options *options,
                                  struct fkv_error *error)
{
    *call = (struct client_call){
        .client = client,
        .deadline_ns = options->deadline_ns != 0 ? options->deadline_ns
                                                 : client_deadline(client, options->timeout_ms),
        .greeting_deadline_ns = wire_session_is_greeted(wire_pump_session(client->pump))
                                    ? UINT64_MAX
                                    : deadline_in(client, client->connect.timeout_ns)};
    if (client_time_left(client, call->deadline_ns) == 0)
        return deadline_passed(client, error);
    if (options->flight != NULL) {
        call->on_header = options->flight->on_header;
        call->header_context = options->flight->context;
    }
    return open_wire_call(client, call, options, error);
}

enum fkv_status client_call_open(struct fkv_client *client, struct client_call *call,
                                 const struct client_call_options *options, struct fkv_error *error)
{
    enum fkv_status status = client_prepare(client, error);
    return status == FKV_OK ? client_call_begin(client, call, options, error) : status;
}

void client_call_headers(struct client_call *call, struct wire_call *wire)
{
    struct wire_metadata metadata = wire_call_metadata(wire);
    if (!client_fields_take_cookies(&call->client->fields, metadata) && call->status == FKV_OK)
        call->status =
            status_set(&call->error, FKV_RESOURCE_EXHAUSTED, "out of memory for a cookie");
    for (size_t i = 0; call->on_header != NULL && i < metadata.count; i++)
        call->on_header(
            call->header_context,
            (struct fkv_bytes){metadata.pairs[i].name.data, metadata.pairs[i].name.size},
            (struct fkv_bytes){metadata.pairs[i].value.data, metadata.pairs[i].value.size});
}

/* Of a call that the server or the connection has ended. */
static enum fkv_hint hint_of(const struct fkv_client *client, enum fkv_status status)
{
    const struct fkv_error *trouble =
        client->pump != NULL ? wire_pump_transport(client->pump)->trouble : NULL;
    if (status == FKV_UNAVAILABLE && trouble != NULL)
        return trouble->hint;
    return status == FKV_UNAUTHENTICATED && client->login.user == NULL ? FKV_HINT_USER
                                                                       : FKV_HINT_NONE;
}

void client_call_closed(struct client_call *call, enum fkv_status status, const char *message)
{
    if (call->wire != NULL)
        client_call_headers(call, call->wire); /* the trailers */
    call->wire = NULL;
    if (call->status != FKV_OK) /* the cause is known better here */
        return;
    if (status == FKV_OK)
        return;
    call->status = status_set_hint(&call->error, status, hint_of(call->client, status), "%s",
                                   message == NULL ? "" : message);
    if (status == FKV_UNAVAILABLE)
        status_prefix(&call->error, status, "%s", call->client->name);
}

void client_call_cancel(struct client_call *call, enum fkv_status status,
                        const struct fkv_error *error)
{
    call->status = status;
    call->error = *error;
    wire_call_cancel(call->wire);
}

/* One turn sends the reset: the next call, which would do it, may be a long time away. */
void client_call_end(struct client_call *call)
{
    struct fkv_client *client = call->client;
    if (call->wire == NULL)
        return;
    wire_call_cancel(call->wire);
    if (client->pump != NULL)
        wire_pump_turn(client->pump, 0);
}

enum fkv_status client_given_up(const struct fkv_client *client, enum fkv_status status,
                                struct fkv_error *error)
{
    return status == FKV_CANCELLED ? status_set(error, status, "the call was cancelled")
                                   : deadline_passed(client, error);
}

void client_call_give_up(struct client_call *call, enum fkv_status status)
{
    call->status = client_given_up(call->client, status, &call->error);
    client_call_end(call);
}

/* What accepts and is silent is left. */
bool client_call_is_kept_waiting(const struct client_call *call, uint64_t now_ns)
{
    return now_ns >= call->greeting_deadline_ns &&
           !wire_session_is_greeted(wire_pump_session(call->client->pump));
}

void client_call_give_connection_up(struct client_call *call)
{
    struct fkv_client *client = call->client;
    call->status = status_set(&call->error, FKV_UNAVAILABLE, "%s doesn't answer as a Flight server",
                              client->authority);
    client_call_end(call);
    wire_pump_free(client->pump);
    client->pump = NULL;
}

void client_call_run(struct client_call *call, bool (*is_done)(const void *context),
                     const void *context)
{
    struct fkv_client *client = call->client;
    if (call->wire == NULL)
        return;
    client->is_running = true;
    while (call->wire != NULL && !(is_done != NULL && is_done(context))) {
        uint64_t now = clock_now_ns(client->clock);
        if (client_is_cancelled(client, now)) {
            client_call_give_up(call, FKV_CANCELLED);
            break;
        }
        if (client_call_is_kept_waiting(call, now)) {
            client_call_give_connection_up(call);
            break;
        }
        if (now >= call->deadline_ns) {
            client_call_give_up(call, FKV_DEADLINE_EXCEEDED);
            break;
        }
        uint64_t left = call->deadline_ns - now;
        wire_pump_turn(client->pump, left < client_turn_ns_max ? left : client_turn_ns_max);
    }
    client->is_running = false;
}

int client_errno(enum fkv_status status)
{
    switch (status) {
    case FKV_OK:
        return 0;
    case FKV_CANCELLED:
        return ECANCELED;
    case FKV_INVALID_ARGUMENT:
        return EINVAL;
    case FKV_DEADLINE_EXCEEDED:
        return ETIMEDOUT;
    case FKV_NOT_FOUND:
        return ENOENT;
    case FKV_PERMISSION_DENIED:
    case FKV_UNAUTHENTICATED:
        return EACCES;
    case FKV_RESOURCE_EXHAUSTED:
        return ENOMEM;
    case FKV_UNIMPLEMENTED:
        return ENOSYS;
    case FKV_UNAVAILABLE:
        return ECONNRESET;
    default:
        return EIO;
    }
}
