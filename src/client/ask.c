/* SPDX-License-Identifier: Apache-2.0 */
/* Calls with one small request and small replies. */
#include "base/status.h"
#include "client/client.h"

/* A reply is a FlightInfo at the largest: a schema and its key. */
enum { reply_bytes_max = 128 << 20 };

struct ask {
    struct client_call call;
    struct slice request;
    bool is_asked;
    bool has_reply;
    bool is_enough; /* on_reply wanted no more */
    struct buf reply;
    client_on_reply *on_reply;
    void *context;
};

static enum wire_pull next_request(void *context, struct wire_call *wire, struct wire_out *out,
                                   struct fkv_error *error)
{
    (void)wire;
    (void)error;
    struct ask *ask = context;
    if (ask->is_asked)
        return WIRE_PULL_END;
    ask->is_asked = true;
    wire_out_begin(out);
    wire_out_copy(out, ask->request);
    wire_out_end(out);
    return WIRE_PULL_MESSAGE;
}

static enum fkv_status on_message(void *context, struct wire_call *wire, uint64_t size,
                                  struct fkv_error *error)
{
    (void)wire;
    struct ask *ask = context;
    ask->has_reply = true;
    buf_clear(&ask->reply);
    if (size > ask->reply.limit_bytes)
        return status_set(error, FKV_RESOURCE_EXHAUSTED,
                          "the server's reply of %llu bytes is over the limit of %zu",
                          (unsigned long long)size, ask->reply.limit_bytes);
    return FKV_OK;
}

static enum fkv_status on_bytes(void *context, struct wire_call *wire, struct slice bytes,
                                struct fkv_error *error)
{
    (void)wire;
    struct ask *ask = context;
    return buf_append(&ask->reply, bytes.data, bytes.size) ? FKV_OK
                                                           : status_no_memory(error, bytes.size);
}

static enum fkv_status on_message_end(void *context, struct wire_call *wire,
                                      struct fkv_error *error)
{
    (void)wire;
    struct ask *ask = context;
    bool more = true;
    enum fkv_status status = FKV_OK;
    if (!ask->is_enough)
        status = ask->on_reply(ask->context, buf_slice(&ask->reply), &more, error);
    ask->is_enough = ask->is_enough || !more;
    return status;
}

static void on_headers(void *context, struct wire_call *wire)
{
    struct ask *ask = context;
    client_call_headers(&ask->call, wire);
}

static void on_closed(void *context, struct wire_call *wire, enum fkv_status status,
                      const char *message)
{
    (void)wire;
    struct ask *ask = context;
    client_call_closed(&ask->call, status, message);
}

static const struct wire_receiver ask_receiver = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_bytes = on_bytes,
    .on_message_end = on_message_end,
    .on_closed = on_closed,
};

static bool has_enough(const void *context)
{
    return ((const struct ask *)context)->is_enough;
}

static enum fkv_status ask_once(struct fkv_client *client, const struct client_call_options *given,
                                struct slice request, client_on_reply *on_reply, void *context,
                                bool *ret_has_reply, struct fkv_error *error)
{
    struct ask ask = {.request = request, .on_reply = on_reply, .context = context};
    buf_init(&ask.reply, client->alloc, reply_bytes_max);
    struct client_call_options options = *given;
    options.receiver = &ask_receiver;
    options.context = &ask;
    options.source = (struct wire_source){next_request, &ask};
    enum fkv_status status = client_call_open(client, &ask.call, &options, error);
    if (status == FKV_OK) {
        client_call_run(&ask.call, has_enough, &ask);
        client_call_end(&ask.call);
        status = ask.is_enough ? FKV_OK : ask.call.status;
        if (status != FKV_OK && error != NULL)
            *error = ask.call.error;
    }
    *ret_has_reply = ask.has_reply;
    buf_done(&ask.reply);
    return status;
}

enum fkv_status client_ask_with(struct fkv_client *client, const struct client_call_options *given,
                                struct slice request, client_on_reply *on_reply, void *context,
                                struct fkv_error *error)
{
    bool has_reply;
    enum fkv_status status = ask_once(client, given, request, on_reply, context, &has_reply, error);
    if (!has_reply && client_login_again(client, status))
        status = ask_once(client, given, request, on_reply, context, &has_reply, error);
    return status;
}

enum fkv_status client_ask(struct fkv_client *client, const char *path, struct slice request,
                           client_on_reply *on_reply, void *context, struct fkv_error *error)
{
    const struct client_call_options options = {.path = path};
    return client_ask_with(client, &options, request, on_reply, context, error);
}

enum fkv_status client_encode_key(const void *key, size_t key_size, bool as_path, struct buf *ret,
                                  struct fkv_error *error)
{
    struct slice name = slice_of(key, key_size);
    const struct flight_descriptor by_cmd = {.type = FLIGHT_DESCRIPTOR_CMD, .cmd = name};
    const struct flight_descriptor by_path = {
        .type = FLIGHT_DESCRIPTOR_PATH, .path = &name, .path_count = 1};
    return flight_descriptor_encode(as_path ? &by_path : &by_cmd, ret, error);
}
