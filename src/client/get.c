/* SPDX-License-Identifier: Apache-2.0 */
/* A get: an ArrowArrayStream that reads from the socket when it is asked for the next array. Each
 * body is received into a block of its own, of which the arrays are views (flight_stream.c). */
#include <stdio.h>

#include "base/options.h"
#include "base/status.h"
#include "client/get.h"
#include "ipc/reader.h"

struct get {
    const struct alloc *alloc;
    struct fkv_flight_stream *batches;
    enum fkv_status status; /* of the stream, once it has failed */
    struct fkv_error error;
};

/* ---- the stream ---- */

static int stream_get_schema(struct ArrowArrayStream *arrow, struct ArrowSchema *out)
{
    struct get *get = arrow->private_data;
    enum fkv_status status = fkv_flight_read_schema(get->batches, out, &get->error);
    if (status != FKV_OK)
        get->status = status;
    return client_errno(status);
}

static int stream_get_next(struct ArrowArrayStream *arrow, struct ArrowArray *out)
{
    struct get *get = arrow->private_data;
    struct fkv_flight_batch batch;
    bool is_more = false;
    if (get->status == FKV_OK)
        get->status = fkv_flight_read(get->batches, &batch, &is_more, &get->error);
    if (get->status == FKV_OK)
        *out = is_more ? batch.array : (struct ArrowArray){0};
    return client_errno(get->status);
}

static const char *stream_get_last_error(struct ArrowArrayStream *arrow)
{
    struct get *get = arrow->private_data;
    return get->error.message[0] != '\0' ? get->error.message : NULL;
}

static void stream_release(struct ArrowArrayStream *arrow)
{
    struct get *get = arrow->private_data;
    client_stream_free(get->batches);
    alloc_free(get->alloc, get);
    arrow->release = NULL;
    arrow->private_data = NULL;
}

enum fkv_status client_stream_error(struct ArrowArrayStream *arrow, bool *ret_is_ours,
                                    struct fkv_error *error)
{
    *ret_is_ours = arrow->release == stream_release;
    if (!*ret_is_ours)
        return FKV_UNKNOWN;
    const struct get *get = arrow->private_data;
    if (get->status == FKV_OK)
        return client_stream_status(get->batches, error);
    if (error != NULL)
        *error = get->error;
    return get->status;
}

enum fkv_status client_get_stream(const struct alloc *alloc, struct fkv_flight_stream *batches,
                                  struct ArrowArrayStream *ret, struct fkv_error *error)
{
    struct get *get = alloc_zero(alloc, sizeof *get);
    if (get == NULL)
        return status_no_memory(error, sizeof *get);
    get->alloc = alloc;
    get->batches = batches;
    *ret = (struct ArrowArrayStream){
        .get_schema = stream_get_schema,
        .get_next = stream_get_next,
        .get_last_error = stream_get_last_error,
        .release = stream_release,
        .private_data = get,
    };
    return FKV_OK;
}

/* ---- opening it ---- */

/* Request metadata takes printable ASCII only; the server undoes the escapes. */
static void escape_columns(struct buf *buf, const char *columns)
{
    static const char digits[] = "0123456789ABCDEF";
    for (const char *c = columns; *c != '\0'; c++) {
        uint8_t byte = (uint8_t)*c;
        if (byte > 0x20 && byte < 0x7f) {
            buf_byte(buf, byte);
            continue;
        }
        buf_byte(buf, '%');
        buf_byte(buf, (uint8_t)digits[byte >> 4]);
        buf_byte(buf, (uint8_t)digits[byte & 15]);
    }
}

/* The options as request metadata. Valid as long as what was given. */
struct asked {
    struct wire_pair pairs[4];
    size_t count;
    struct buf columns;
    char bytes[24];
};

static void ask(struct asked *asked, const char *name, struct slice value)
{
    asked->pairs[asked->count++] = (struct wire_pair){slice_text(name), value};
}

static enum fkv_status encode_options(const struct fkv_get_options *given, struct asked *ret,
                                      struct fkv_error *error)
{
    buf_init(&ret->columns, alloc_system(), 1 << 20);
    if (given->columns != NULL) {
        escape_columns(&ret->columns, given->columns);
        ask(ret, "flightkv-columns", buf_slice(&ret->columns));
    }
    if (given->rows != NULL)
        ask(ret, "flightkv-rows", slice_text(given->rows));
    if (given->max_message_bytes > 0) {
        snprintf(ret->bytes, sizeof ret->bytes, "%llu",
                 (unsigned long long)given->max_message_bytes);
        ask(ret, "flightkv-max-message-bytes", slice_text(ret->bytes));
    }
    return ret->columns.failed ? status_no_memory(error, ret->columns.size) : FKV_OK;
}

static enum fkv_status send_request(struct fkv_flight_stream *batches, struct fkv_client *client,
                                    const struct client_get *get, struct fkv_error *error)
{
    struct asked asked = {.count = 0};
    enum fkv_status status = encode_options(get->options, &asked, error);
    if (get->map != NULL)
        ask(&asked, "flightkv-shm", shm_map_token(get->map));
    const struct client_call_options call = {
        .deadline_ns = get->deadline_ns,
        .metadata = {asked.pairs, asked.count},
    };
    if (status == FKV_OK)
        status = client_stream_ask(batches, get->key, error);
    if (status == FKV_OK)
        status = client_stream_open(batches, client, &call, error);
    buf_done(&asked.columns);
    return status;
}

enum fkv_status client_get_open(struct fkv_client *client, const struct client_get *get,
                                struct fkv_flight_stream **ret, struct fkv_error *error)
{
    bool is_checked = (get->options->flags & FKV_GET_CHECK_VALUES) != 0;
    const struct client_stream_options options = {
        .kind = CLIENT_STREAM_GET,
        .reader_flags = is_checked ? IPC_READER_CHECK_VALUES : 0,
        .only_batches = true,
        .map = get->map,
        .on_over = get->on_over,
        .context = get->context,
    };
    struct fkv_flight_stream *batches = client_stream_new(client, &options, error);
    if (batches == NULL)
        return FKV_RESOURCE_EXHAUSTED;
    enum fkv_status status = send_request(batches, client, get, error);
    if (status == FKV_OK)
        *ret = batches;
    else
        client_stream_free(batches);
    return status;
}

/* The schema is awaited: it says that there is such a table. */
static enum fkv_status open_batches(struct fkv_client *client, const struct client_get *get,
                                    struct fkv_flight_stream **ret, struct fkv_error *error)
{
    bool has_schema = false;
    struct fkv_flight_stream *batches;
    enum fkv_status status = client_get_open(client, get, &batches, error);
    if (status != FKV_OK)
        return status;
    status = client_stream_await_schema(batches, &has_schema, error);
    if (status == FKV_OK && !has_schema)
        status = status_set(error, FKV_INTERNAL, "the server's answer has no schema");
    if (status != FKV_OK) {
        client_stream_free(batches);
        return status;
    }
    client_same_host_got(client, client_stream_is_mapped(batches));
    *ret = batches;
    return FKV_OK;
}

/* Between two tries the connection may have become another one, and the map with it. */
static enum fkv_status try_get(struct fkv_client *client, struct client_get *get,
                               struct fkv_flight_stream **ret, struct fkv_error *error)
{
    struct shm_map *map;
    enum fkv_status status = client_same_host_map(client, get->deadline_ns, &map, error);
    if (status != FKV_OK)
        return status;
    get->map = map != NULL ? shm_map_ref(map) : NULL;
    status = open_batches(client, get, ret, error);
    shm_map_unref(map);
    return status;
}

/* Several connections are slower than none. Too many are refused either way. */
static enum fkv_status wants_streams(struct fkv_client *client, const struct fkv_get_options *given,
                                     uint64_t deadline_ns, bool *ret, struct fkv_error *error)
{
    struct shm_map *map = NULL;
    enum fkv_status status = FKV_OK;
    if (given->streams > 1 && given->streams <= client_streams_max)
        status = client_same_host_map(client, deadline_ns, &map, error);
    *ret = given->streams > 1 && map == NULL;
    return status;
}

enum fkv_status fkv_get(struct fkv_client *client, const void *key, size_t key_size,
                        const struct fkv_get_options *options, struct ArrowArrayStream *ret,
                        struct fkv_error *error)
{
    struct fkv_get_options given;
    struct slice named = slice_of(key, key_size);
    enum fkv_status status = options_read(options, "fkv_get_options", &given, sizeof given, error);
    if (status != FKV_OK)
        return status;
    bool in_streams;
    uint64_t deadline_ns = client_deadline(client, given.timeout_ms);
    status = wants_streams(client, &given, deadline_ns, &in_streams, error);
    if (status != FKV_OK)
        return status;
    if (in_streams) {
        status = client_get_streams(client, named, &given, ret, error);
        if (status == FKV_OK)
            client_same_host_got(client, false);
        return status;
    }
    struct client_get get = {.key = named, .options = &given, .deadline_ns = deadline_ns};
    struct fkv_flight_stream *batches;
    status = try_get(client, &get, &batches, error);
    if (client_login_again(client, status))
        status = try_get(client, &get, &batches, error);
    if (status != FKV_OK)
        return status;
    status = client_get_stream(client->alloc, batches, ret, error);
    if (status != FKV_OK)
        client_stream_free(batches);
    return status;
}
