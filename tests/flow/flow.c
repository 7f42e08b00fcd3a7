/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/flow.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flight/flight_data.h"
#include "shm/service.h"

static uint64_t flow_now(void *context)
{
    return ((struct flow *)context)->now_ns;
}

/* Steps the server until a whole round brings nothing; then the clock goes on to what is due. */
static bool on_wait(void *context)
{
    struct flow_link *link = context;
    if (link->flow->is_frozen)
        return false;
    return flow_step(link->flow);
}

static void forget_connection(struct flow_link *link)
{
    if (link->server_end != NULL)
        net_pipe_release(link->server_end);
    link->server_end = NULL;
}

static enum fkv_status connect_pipe(void *context, const struct alloc *alloc,
                                    const struct net_uri *uri,
                                    const struct net_connect_options *connect,
                                    struct net_transport **ret, struct fkv_error *error)
{
    (void)uri;
    (void)connect;
    struct flow_link *link = context;
    struct net_pipe_options options = link->flow->pipe;
    options.on_wait = on_wait;
    options.context = link;
    struct net_transport *client_end, *server_end;
    enum fkv_status status = net_pipe_new(alloc, &options, &client_end, &server_end, error);
    if (status != FKV_OK)
        return status;
    forget_connection(link);
    link->server_end = server_end;
    net_pipe_hold(server_end);
    const struct flow *flow = link->flow;
    if (flow->server_tls != NULL)
        status = net_tls_accept(alloc, flow->server_tls, server_end, &server_end, error);
    if (status == FKV_OK)
        status = host_adopt(flow->host, server_end, error);
    if (status != FKV_OK)
        net_close(client_end);
    else if (flow->client_tls != NULL)
        status = net_tls_connect(alloc, flow->client_tls, "server.test", UINT64_MAX, client_end,
                                 ret, error);
    else
        *ret = client_end;
    return status;
}

static enum fkv_status configure(struct fkv_server_config *config, const char *const *settings,
                                 struct fkv_error *error)
{
    server_config_init(config);
    config->memory_bytes = UINT64_C(1) << 30;
    config->log_level = LOG_ERROR;
    enum fkv_status status = FKV_OK;
    for (; settings != NULL && *settings != NULL && status == FKV_OK; settings += 2)
        status = fkv_server_config_set(config, settings[0], settings[1], error);
    return status;
}

/* The control connection of the same-host path is a real one: descriptors go over it. */
static int connect_control(void *context, const char *path)
{
    (void)path;
    const struct flow_link *link = context;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
        return -errno;
    if (shm_service_adopt(link->flow->server->cache.shm, ends[0]))
        return ends[1];
    close(ends[1]);
    return -ECONNREFUSED;
}

static void wait_control(void *context, int fd, int timeout_ms)
{
    const struct flow_link *link = context;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (!link->flow->is_frozen)
        shm_service_step(link->flow->server->cache.shm);
    if (poll(&p, 1, 0) == 0)
        link->flow->now_ns += (uint64_t)timeout_ms * NS_PER_MS;
}

enum fkv_status flow_try_init(struct flow *flow, const struct alloc *alloc,
                              const char *const *settings, struct fkv_error *error)
{
    *flow = (struct flow){.alloc = alloc, .now_ns = NS_PER_S, .step_ns = 1000};
    flow->clock = (struct clock){flow_now, flow};
    struct fkv_server_config config;
    enum fkv_status status = configure(&config, settings, error);
    if (status == FKV_OK)
        status = server_start_stepped(&config, alloc, &flow->clock, &flow->server, error);
    if (status == FKV_OK)
        flow->host = flow->server->host;
    return status;
}

enum fkv_status flow_try_init_service(struct flow *flow, const struct alloc *alloc,
                                      const struct fkv_flight_service *service,
                                      const char *const *settings, struct fkv_error *error)
{
    *flow = (struct flow){.alloc = alloc, .now_ns = NS_PER_S, .step_ns = 1000};
    flow->clock = (struct clock){flow_now, flow};
    struct fkv_server_config config;
    enum fkv_status status = configure(&config, settings, error);
    if (status == FKV_OK)
        status =
            service_start_stepped(service, &config, alloc, &flow->clock, &flow->service, error);
    if (status == FKV_OK)
        flow->host = flow->service->host;
    return status;
}

void flow_init_service(struct flow *flow, const struct alloc *alloc,
                       const struct fkv_flight_service *service, const char *const *settings)
{
    struct fkv_error error;
    assert_ok(flow_try_init_service(flow, alloc, service, settings, &error));
}

void flow_init(struct flow *flow, const struct alloc *alloc, const char *const *settings)
{
    struct fkv_error error;
    assert_ok(flow_try_init(flow, alloc, settings, &error));
}

void flow_done(struct flow *flow)
{
    for (size_t i = 0; i < flow->link_count; i++)
        fkv_client_close(flow->links[i].client);
    fkv_server_stop(flow->server);
    fkv_flight_server_stop(flow->service);
    for (size_t i = 0; i < flow_clients_max; i++)
        forget_connection(&flow->links[i]);
    flow->link_count = 0;
    flow->server = NULL;
    flow->service = NULL;
    flow->host = NULL;
}

enum fkv_status flow_try_client(struct flow *flow, struct fkv_client **ret, struct fkv_error *error)
{
    assert_true(flow->link_count < flow_clients_max);
    struct flow_link *link = &flow->links[flow->link_count];
    *link = (struct flow_link){.flow = flow};
    const struct client_connector connector = {
        connect_pipe, link, {connect_control, wait_control, link}};
    enum fkv_status status = client_open(flow->alloc, &flow->clock, &connector, "grpc+tcp://pipe:1",
                                         flow->client_options, &link->client, error);
    if (status != FKV_OK) {
        forget_connection(link);
        return status;
    }
    flow->link_count++;
    *ret = link->client;
    return FKV_OK;
}

struct fkv_client *flow_client(struct flow *flow)
{
    struct fkv_error error;
    struct fkv_client *client = NULL;
    assert_ok(flow_try_client(flow, &client, &error));
    return client;
}

struct fkv_client *flow_begin(struct flow *flow, const char *const *settings)
{
    flow_init(flow, alloc_system(), settings);
    return flow_client(flow);
}

static struct flow_link *link_of(struct flow *flow, const struct fkv_client *client)
{
    for (size_t i = 0; i < flow->link_count; i++)
        if (flow->links[i].client == client)
            return &flow->links[i];
    fail_msg("a client that isn't of this flow");
    return NULL;
}

void flow_close_client(struct flow *flow, struct fkv_client *client)
{
    struct flow_link *link = link_of(flow, client);
    fkv_client_close(client);
    link->client = NULL;
    flow_settle(flow);
}

bool flow_step(struct flow *flow)
{
    bool did_something = false;
    flow->now_ns += flow->step_ns;
    /* The link being connected isn't counted yet. */
    for (size_t i = 0; i < flow_clients_max; i++)
        if (flow->links[i].server_end != NULL)
            did_something = net_pipe_step(flow->links[i].server_end) || did_something;
    host_tick(flow->host, flow->now_ns);
    if (flow->server != NULL && flow->server->cache.shm != NULL)
        shm_service_step(flow->server->cache.shm);
    return did_something;
}

void flow_settle(struct flow *flow)
{
    while (flow_step(flow))
        ;
}

void flow_wind(struct flow *flow, uint64_t ns)
{
    uint64_t until = flow->now_ns + ns;
    for (;;) {
        flow_settle(flow);
        uint64_t due = host_tick(flow->host, flow->now_ns);
        if (flow->now_ns >= until)
            break;
        flow->now_ns = due < until && due > flow->now_ns ? due : until;
    }
}

void flow_break(struct flow *flow, struct fkv_client *client)
{
    net_pipe_break(link_of(flow, client)->server_end);
    flow_settle(flow);
}

struct store_stats flow_stats(struct flow *flow)
{
    return store_stats(flow->server->cache.store);
}

/* ---- messages as they are ---- */

struct arena_stats flow_memory(struct flow *flow)
{
    return flow->service != NULL ? service_memory_stats(flow->service->memory)
                                 : flow_stats(flow).memory;
}

static void put_length(struct buf *buf, uint64_t length)
{
    uint8_t bytes[8];
    store_le64(bytes, length);
    assert_true(buf_append(buf, bytes, sizeof bytes));
}

static void encode_one(struct buf *buf, struct slice header, struct slice app_metadata,
                       bool has_app_metadata, struct slice body)
{
    put_length(buf, header.size);
    put_length(buf, app_metadata.size);
    put_length(buf, body.size);
    assert_true(buf_byte(buf, has_app_metadata));
    assert_true(buf_append(buf, header.data, header.size));
    assert_true(buf_append(buf, app_metadata.data, app_metadata.size));
    assert_true(buf_append(buf, body.data, body.size));
}

void raw_encode(const struct raw_message *messages, size_t count, struct buf *ret)
{
    for (size_t i = 0; i < count; i++)
        encode_one(ret, messages[i].header, messages[i].app_metadata, messages[i].has_app_metadata,
                   messages[i].body);
}

struct raw_message raw_next(struct slice *encoded)
{
    struct slice head = slice_take(encoded, 3 * sizeof(uint64_t) + 1);
    struct raw_message message;
    message.header = slice_take(encoded, load_le64(head.data));
    message.app_metadata = slice_take(encoded, load_le64(head.data + 8));
    message.body = slice_take(encoded, load_le64(head.data + 16));
    message.has_app_metadata = head.data[24] != 0;
    return message;
}

static enum wire_pull next_raw(void *context, struct wire_call *wire, struct wire_out *out,
                               struct fkv_error *error)
{
    (void)wire;
    struct raw_call *raw = context;
    if (raw->next == raw->count)
        return raw->is_endless ? WIRE_PULL_WAIT : WIRE_PULL_END;
    const struct raw_message *message = &raw->messages[raw->next];
    struct buf descriptor;
    buf_init(&descriptor, alloc_system(), SIZE_MAX);
    if (raw->next++ == 0)
        assert_int_equal(client_encode_key(raw->key.data, raw->key.size, false, &descriptor, error),
                         FKV_OK);
    const struct flight_data_head head = {.descriptor = buf_slice(&descriptor),
                                          .header = message->header,
                                          .app_metadata = message->app_metadata,
                                          .has_app_metadata = message->has_app_metadata,
                                          .body_bytes = message->body.size};
    flight_data_write_head(out, &head);
    if (message->body.size > 0)
        wire_out_ref(out, message->body, NULL);
    wire_out_end(out);
    buf_done(&descriptor);
    return WIRE_PULL_MESSAGE;
}

/* A raw_answer begins with its raw_call. */
static void on_raw_closed(void *context, struct wire_call *wire, enum fkv_status status,
                          const char *message)
{
    (void)wire;
    struct raw_call *raw = context;
    client_call_closed(&raw->call, status, message);
}

static enum fkv_status run_raw(struct raw_call *raw, enum fkv_status opened,
                               struct fkv_error *error)
{
    if (opened != FKV_OK)
        return opened;
    client_call_run(&raw->call, NULL, NULL);
    *error = raw->call.error;
    return raw->call.status;
}

enum fkv_status raw_put_open(struct raw_call *put, struct fkv_client *client,
                             struct wire_metadata metadata, struct fkv_error *error)
{
    static const struct wire_receiver receiver = {.on_closed = on_raw_closed};
    const struct client_call_options options = {.path = CLIENT_PATH("DoPut"),
                                                .receiver = &receiver,
                                                .context = put,
                                                .source = {next_raw, put},
                                                .metadata = metadata};
    return client_call_open(client, &put->call, &options, error);
}

static enum fkv_status put_raw(struct fkv_client *client, const char *key,
                               struct wire_metadata metadata, const struct raw_message *messages,
                               size_t count, struct fkv_error *error)
{
    struct raw_call raw = {.key = slice_text(key), .messages = messages, .count = count};
    return run_raw(&raw, raw_put_open(&raw, client, metadata, error), error);
}

enum fkv_status raw_put(struct fkv_client *client, const char *key,
                        const struct raw_message *messages, size_t count, struct fkv_error *error)
{
    return put_raw(client, key, (struct wire_metadata){NULL, 0}, messages, count, error);
}

enum fkv_status raw_append(struct fkv_client *client, const char *key,
                           const struct raw_message *messages, size_t count,
                           struct fkv_error *error)
{
    const struct wire_pair option = {slice_text("flightkv-mode"), slice_text("append")};
    return put_raw(client, key, (struct wire_metadata){&option, 1}, messages, count, error);
}

struct raw_answer {
    struct raw_call raw; /* of the ticket */
    struct flight_data_reader data;
    struct buf body;
    struct buf *ret;
};

static enum wire_pull next_ticket(void *context, struct wire_call *wire, struct wire_out *out,
                                  struct fkv_error *error)
{
    (void)wire;
    struct raw_call *raw = context;
    if (raw->next++ > 0)
        return WIRE_PULL_END;
    struct buf ticket;
    buf_init(&ticket, alloc_system(), SIZE_MAX);
    assert_int_equal(flight_bytes_encode(raw->key, &ticket, error), FKV_OK);
    wire_out_begin(out);
    wire_out_copy(out, buf_slice(&ticket));
    wire_out_end(out);
    buf_done(&ticket);
    return WIRE_PULL_MESSAGE;
}

static enum fkv_status on_raw_body(void *context, uint64_t size, struct fkv_error *error)
{
    (void)size;
    (void)error;
    buf_clear(&((struct raw_answer *)context)->body);
    return FKV_OK;
}

static enum fkv_status on_raw_body_bytes(void *context, struct slice bytes, struct fkv_error *error)
{
    (void)error;
    assert_true(buf_append(&((struct raw_answer *)context)->body, bytes.data, bytes.size));
    return FKV_OK;
}

static enum fkv_status on_raw_message(void *context, struct wire_call *wire, uint64_t size,
                                      struct fkv_error *error)
{
    (void)wire;
    (void)error;
    flight_data_begin(&((struct raw_answer *)context)->data, size);
    return FKV_OK;
}

static enum fkv_status on_raw_bytes(void *context, struct wire_call *wire, struct slice bytes,
                                    struct fkv_error *error)
{
    (void)wire;
    return flight_data_feed(&((struct raw_answer *)context)->data, bytes, error);
}

static enum fkv_status on_raw_message_end(void *context, struct wire_call *wire,
                                          struct fkv_error *error)
{
    (void)wire;
    struct raw_answer *answer = context;
    enum fkv_status status = flight_data_end(&answer->data, error);
    if (status == FKV_OK)
        encode_one(answer->ret, buf_slice(&answer->data.header),
                   buf_slice(&answer->data.app_metadata), answer->data.has_app_metadata,
                   buf_slice(&answer->body));
    return status;
}

enum fkv_status raw_get(struct fkv_client *client, const char *key, struct buf *ret,
                        struct fkv_error *error)
{
    return raw_get_with(client, key, NULL, 0, ret, error);
}

enum fkv_status raw_get_with(struct fkv_client *client, const char *key,
                             const struct wire_pair *metadata, size_t metadata_count,
                             struct buf *ret, struct fkv_error *error)
{
    static const struct wire_receiver receiver = {.on_message = on_raw_message,
                                                  .on_bytes = on_raw_bytes,
                                                  .on_message_end = on_raw_message_end,
                                                  .on_closed = on_raw_closed};
    static const struct flight_data_handler handler = {.on_body = on_raw_body,
                                                       .on_body_bytes = on_raw_body_bytes};
    static const struct flight_data_limits limits = {1 << 20, 1 << 30, 1 << 30, 0};
    struct raw_answer answer = {.raw.key = slice_text(key), .ret = ret};
    struct raw_call *raw = &answer.raw;
    flight_data_reader_init(&answer.data, alloc_system(), &limits, &handler, &answer);
    buf_init(&answer.body, alloc_system(), SIZE_MAX);
    const struct client_call_options options = {.path = CLIENT_PATH("DoGet"),
                                                .receiver = &receiver,
                                                .context = &answer,
                                                .source = {next_ticket, &answer},
                                                .metadata = {metadata, metadata_count}};
    enum fkv_status status =
        run_raw(raw, client_call_open(client, &raw->call, &options, error), error);
    flight_data_reader_done(&answer.data);
    buf_done(&answer.body);
    return status;
}
