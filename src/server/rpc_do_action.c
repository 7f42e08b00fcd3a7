/* SPDX-License-Identifier: Apache-2.0 */
/* DoAction and ListActions: one table gives each action its name, its description and its function
 * (actions.h). */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/status.h"
#include "base/text.h"
#include "server/actions.h"
#include "server/call_options.h"
#include "server/json.h"
#include "server/same_host.h"
#include "server/sessions.h"
#include "server/tickets.h"
#include "shm/service.h"

enum { result_bytes_max = 1 << 20 };

#define TEXT(label, value)                                            \
    {                                                                 \
        .name = label, .type = MEMBER_TEXT, .text = slice_text(value) \
    }
#define COUNT(label, value)                                   \
    {                                                         \
        .name = label, .type = MEMBER_COUNT, .count = (value) \
    }
#define BOOL(label, value)                                   \
    {                                                        \
        .name = label, .type = MEMBER_BOOL, .count = (value) \
    }
#define REAL(label, value)                                  \
    {                                                       \
        .name = label, .type = MEMBER_REAL, .real = (value) \
    }
#define KEY(value)                          \
    {                                       \
        .type = MEMBER_KEY, .text = (value) \
    }
#define WRITE(action, error, ...)                                                              \
    json_write((const struct json_member[]){__VA_ARGS__},                                      \
               sizeof((const struct json_member[]){__VA_ARGS__}) / sizeof(struct json_member), \
               &(action)->result, error)

/* ---- about the server ---- */

static double uptime_s(const struct cache *cache)
{
    return (double)(clock_now_ns(cache->clock) - cache->started_ns) / 1e9;
}

static enum fkv_status run_ping(struct action_call *action, struct fkv_error *error)
{
    enum fkv_status status = json_read_key(action->body, NULL, error);
    if (status != FKV_OK)
        return status;
    return WRITE(action, error, BOOL("ok", true), REAL("uptime_s", uptime_s(action->cache)));
}

static enum fkv_status run_version(struct action_call *action, struct fkv_error *error)
{
    enum fkv_status status = json_read_key(action->body, NULL, error);
    if (status != FKV_OK)
        return status;
    return WRITE(action, error, TEXT("name", "flightkv"), TEXT("version", fkv_version()));
}

/* Resident memory of this process, shared pages of the arena included; 0 when it can't be read. */
static uint64_t resident_bytes(void)
{
    unsigned long long total, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* What this process has had of the processors, in all its threads. */
static double cpu_s(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* The way is told in the trailing metadata, which clients of all kinds read without a JSON parser.
 */
static enum fkv_status run_shm(struct action_call *action, struct fkv_error *error)
{
    char offer[same_host_offer_size];
    enum fkv_status status = json_read_key(action->body, NULL, error);
    if (status == FKV_OK)
        status = same_host_offer(action->cache, host_call_is_local(action->call), offer, error);
    if (status == FKV_OK)
        host_call_trailer(action->call, "flightkv-shm", slice_text(offer));
    action->has_result = false;
    return status;
}

static struct shm_leases_stats lease_stats(const struct cache *cache)
{
    return cache->shm != NULL ? shm_leases_stats(shm_service_leases(cache->shm))
                              : (struct shm_leases_stats){0};
}

static enum fkv_status run_stats(struct action_call *action, struct fkv_error *error)
{
    enum fkv_status status = json_read_key(action->body, NULL, error);
    if (status != FKV_OK)
        return status;
    struct store_stats store = store_stats(action->cache->store);
    struct host_stats host = host_stats(host_call_host(action->call));
    struct shm_leases_stats shm = lease_stats(action->cache);
    return WRITE(action, error, TEXT("version", fkv_version()),
                 REAL("uptime_s", uptime_s(action->cache)), REAL("cpu_s", cpu_s()),
                 COUNT("workers", action->cache->config->workers), COUNT("keys", store.keys),
                 COUNT("tables", store.tables), COUNT("table_bytes", store.table_bytes),
                 COUNT("memory_limit_bytes", store.memory.budget_bytes),
                 COUNT("memory_used_bytes", store.memory.used_bytes),
                 COUNT("memory_warm_bytes", store.memory.warm_bytes),
                 COUNT("resident_bytes", resident_bytes()), COUNT("puts", store.puts),
                 COUNT("puts_open", store.puts_open), COUNT("puts_aborted", store.puts_aborted),
                 COUNT("hits", store.hits), COUNT("misses", store.misses),
                 COUNT("deletes", store.deletes), COUNT("connections", host.connections_open),
                 COUNT("connections_total", host.connections_total),
                 COUNT("connections_refused", host.connections_refused),
                 COUNT("sessions", sessions_count(action->cache->sessions)),
                 COUNT("calls", host.calls_open), COUNT("calls_total", host.calls_total),
                 COUNT("calls_failed", host.calls_failed),
                 COUNT("received_bytes", host.received_bytes), COUNT("sent_bytes", host.sent_bytes),
                 COUNT("shm_clients", shm.sessions), COUNT("shm_gets", shm.gets),
                 COUNT("shm_gets_refused", shm.refused), COUNT("shm_sent_bytes", shm.sent_bytes),
                 COUNT("shm_leases", shm.leases), COUNT("shm_leased_bytes", shm.leased_bytes));
}

/* ---- about a key ---- */

typedef enum fkv_status with_key(struct action_call *action, struct slice key,
                                 struct fkv_error *error);

static enum fkv_status run_with_key(struct action_call *action, with_key *run,
                                    struct fkv_error *error)
{
    struct buf key;
    buf_init(&key, action->cache->alloc, store_key_bytes_max);
    enum fkv_status status = json_read_key(action->body, &key, error);
    if (status == FKV_OK)
        status = store_key_check(buf_slice(&key), error);
    if (status == FKV_OK)
        status = run(action, buf_slice(&key), error);
    buf_done(&key);
    return status;
}

static enum fkv_status stat_key(struct action_call *action, struct slice key,
                                struct fkv_error *error)
{
    struct store_table *table = store_peek(action->cache->store, key);
    if (table == NULL)
        return key_not_found(key, error);
    enum fkv_status status =
        WRITE(action, error, KEY(key), COUNT("rows", table->rows), COUNT("batches", table->batches),
              COUNT("bytes", table->body_bytes), COUNT("memory_bytes", table->memory_bytes),
              TEXT("etag", table->etag), COUNT("version", table->version),
              REAL("created", (double)table->created_us / 1e6));
    store_table_unref(table);
    return status;
}

static enum fkv_status delete_key(struct action_call *action, struct slice key,
                                  struct fkv_error *error)
{
    bool was_there = store_delete(action->cache->store, key);
    return WRITE(action, error, KEY(key), BOOL("deleted", was_there));
}

static enum fkv_status exists_key(struct action_call *action, struct slice key,
                                  struct fkv_error *error)
{
    struct store_table *table = store_peek(action->cache->store, key);
    bool is_there = table != NULL;
    if (is_there)
        store_table_unref(table);
    return WRITE(action, error, KEY(key), BOOL("exists", is_there));
}

static enum fkv_status run_stat(struct action_call *action, struct fkv_error *error)
{
    return run_with_key(action, stat_key, error);
}

static enum fkv_status run_delete(struct action_call *action, struct fkv_error *error)
{
    return run_with_key(action, delete_key, error);
}

static enum fkv_status run_exists(struct action_call *action, struct fkv_error *error)
{
    return run_with_key(action, exists_key, error);
}

static enum fkv_status run_drop_dataset(struct action_call *action, struct fkv_error *error)
{
    enum fkv_status status = store_key_check(action->body, error);
    if (status == FKV_OK && !store_delete(action->cache->store, action->body))
        status = key_not_found(action->body, error);
    action->has_result = false;
    return status;
}

/* ---- Flight's own ---- */

/* Nothing runs that could be cancelled: an info is an answer that is there. */
static enum fkv_status run_cancel(struct action_call *action, struct fkv_error *error)
{
    enum { not_cancellable = 3 };
    struct flight_memory memory;
    struct flight_info info;
    flight_memory_init(&memory, action->cache->alloc, action_memory_max);
    enum fkv_status status = flight_cancel_request_decode(&memory, action->body, &info, error);
    if (status == FKV_OK)
        status = flight_status_result_encode(not_cancellable, &action->result, error);
    flight_memory_done(&memory);
    return status;
}

/* Endpoints don't expire; one of a table that is gone can't be renewed. */
static enum fkv_status run_renew(struct action_call *action, struct fkv_error *error)
{
    struct flight_memory memory;
    struct flight_endpoint endpoint;
    struct store_table *table = NULL;
    flight_memory_init(&memory, action->cache->alloc, action_memory_max);
    enum fkv_status status = flight_renew_request_decode(&memory, action->body, &endpoint, error);
    struct ticket_part part = {.key = endpoint.ticket};
    bool is_part = status == FKV_OK && ticket_is_part(endpoint.ticket);
    if (status == FKV_OK)
        status = is_part ? ticket_decode(endpoint.ticket, &part, error)
                         : store_key_check(part.key, error);
    if (status == FKV_OK && (table = store_peek(action->cache->store, part.key)) == NULL)
        status = key_not_found(part.key, error);
    if (status == FKV_OK && is_part)
        status = ticket_check(&part, table, error);
    endpoint.has_expiration = false;
    if (status == FKV_OK)
        status = flight_endpoint_encode(&endpoint, &action->result, error);
    if (table != NULL)
        store_table_unref(table);
    flight_memory_done(&memory);
    return status;
}

/* ---- the table ---- */

static const struct action {
    const char *name;
    const char *description;
    enum fkv_status (*run)(struct action_call *action, struct fkv_error *error);
    bool is_of_session; /* and looks for it itself */
} actions[] = {
    {"CancelFlightInfo",
     "Flight's own: nothing can be cancelled here. Body: CancelFlightInfoRequest. Result: "
     "CancelFlightInfoResult.",
     run_cancel, false},
    {"RenewFlightEndpoint",
     "Flight's own: gives the endpoint back, which never expires. Body: "
     "RenewFlightEndpointRequest. Result: FlightEndpoint.",
     run_renew, false},
    {"SetSessionOptions",
     "Flight's own: defaults for the flightkv-* metadata of the session's calls. Body: "
     "SetSessionOptionsRequest. Result: SetSessionOptionsResult.",
     action_set_session_options, true},
    {"GetSessionOptions",
     "Flight's own. Body: GetSessionOptionsRequest. Result: GetSessionOptionsResult.",
     action_get_session_options, true},
    {"CloseSession",
     "Flight's own: end the session. Body: CloseSessionRequest. Result: CloseSessionResult.",
     action_close_session, true},
    {"drop_dataset", "Delete a table. Body: the key. No result.", run_drop_dataset, false},
    {"flightkv.ping", "Say that the server is there. Body: empty. Result: {ok, uptime_s}.",
     run_ping, false},
    {"flightkv.version", "Body: empty. Result: {name, version}.", run_version, false},
    {"flightkv.stats", "Figures of the server. Body: empty. Result: an object of counts.",
     run_stats, false},
    {"flightkv.shm",
     "Ask for the same-host path. Body: empty. No result: the trailing metadata flightkv-shm has "
     "PATH;NONCE.",
     run_shm, false},
    {"flightkv.stat",
     "Figures of a table. Body: {\"key\"} or {\"key_b64\"}. Result: {key, rows, batches, bytes, "
     "memory_bytes, etag, version, created}.",
     run_stat, false},
    {"flightkv.delete", "Delete a table. Body: {\"key\"}. Result: {key, deleted}.", run_delete,
     false},
    {"flightkv.exists", "Whether a table is there. Body: {\"key\"}. Result: {key, exists}.",
     run_exists, false},
};

enum { action_count = sizeof actions / sizeof actions[0] };

static const struct action *find_action(struct slice type)
{
    for (size_t i = 0; i < action_count; i++)
        if (slice_is(type, actions[i].name))
            return &actions[i];
    return NULL;
}

static enum fkv_status run_action(const struct flight_action *request, struct action_call *call,
                                  struct fkv_error *error)
{
    const struct action *action = find_action(request->type);
    if (action == NULL) {
        char shown[key_shown_size];
        return status_set(error, FKV_UNIMPLEMENTED,
                          "there is no action '%s', ListActions names those there are",
                          key_shown(shown, request->type));
    }
    enum fkv_status status = action->is_of_session
                                 ? call_options_refuse(call->call, error)
                                 : call_options_none(call->cache, call->call, error);
    if (status != FKV_OK)
        return status;
    status = action->run(call, error);
    if (status == FKV_OK || status == FKV_NOT_FOUND) /* that names the key, which is enough */
        return status;
    return status_prefix(error, status, "%s", action->name);
}

static enum wire_pull next_of_none(void *context, struct host_call *call, struct wire_out *out,
                                   struct fkv_error *error)
{
    (void)context;
    (void)call;
    (void)out;
    (void)error;
    return WIRE_PULL_END;
}

static const struct host_stream empty_stream = {.next = next_of_none};

void rpc_do_action(void *context, struct host_call *call, const struct flight_action *request)
{
    struct action_call action = {
        .cache = context, .call = call, .body = request->body, .has_result = true};
    struct buf reply;
    struct fkv_error error;
    buf_init(&action.result, host_call_alloc(call), result_bytes_max);
    buf_init(&reply, host_call_alloc(call), result_bytes_max + 16);
    enum fkv_status status = run_action(request, &action, &error);
    if (status == FKV_OK && action.has_result)
        status = flight_bytes_encode(buf_slice(&action.result), &reply, &error);
    if (status != FKV_OK)
        host_call_fail(call, status, &error);
    else if (action.has_result)
        host_call_reply(call, buf_slice(&reply));
    else
        host_call_stream(call, &empty_stream, NULL);
    buf_done(&reply);
    buf_done(&action.result);
}

/* ---- ListActions ---- */

static enum wire_pull next_action_type(void *context, struct host_call *call, struct wire_out *out,
                                       struct fkv_error *error)
{
    size_t *next = context;
    if (*next == action_count)
        return WIRE_PULL_END;
    const struct action *action = &actions[(*next)++];
    const struct flight_action_type type = {slice_text(action->name),
                                            slice_text(action->description)};
    struct buf encoded;
    buf_init(&encoded, host_call_alloc(call), result_bytes_max);
    enum fkv_status status = flight_action_type_encode(&type, &encoded, error);
    wire_out_begin(out);
    wire_out_copy(out, buf_slice(&encoded));
    wire_out_end(out);
    buf_done(&encoded);
    return status == FKV_OK ? WIRE_PULL_MESSAGE : WIRE_PULL_FAIL;
}

static const struct host_stream action_types_stream = {.next = next_action_type};

void rpc_list_actions(void *context, struct host_call *call)
{
    struct fkv_error error;
    enum fkv_status status = call_options_none(context, call, &error);
    size_t *next = host_call_memory(call, sizeof *next);
    if (status == FKV_OK && next == NULL)
        status = status_no_memory(&error, sizeof *next);
    if (status != FKV_OK) {
        host_call_fail(call, status, &error);
        return;
    }
    *next = 0;
    host_call_stream(call, &action_types_stream, next);
}
