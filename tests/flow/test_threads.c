/* SPDX-License-Identifier: Apache-2.0 */
/* A server with several workers and clients in threads of their own, over TCP: every reader gets a
 * whole table, whoever replaces it meanwhile. Made for the thread sanitizer. */
#include <pthread.h>

#include "client/client.h"
#include "flightkv/flight.h"
#include "flow/tables.h"
#include "harness/test.h"
#include "server/server.h"

enum { writers = 2, readers = 4, rounds = 30 };

static const struct table_rule rules[writers] = {
    {.seed = 10, .batches = 4, .rows = 3000},
    {.seed = 70000, .batches = 2, .rows = 9000},
};

struct actor {
    const char *uri;
    const struct table_rule *rule; /* NULL: a reader */
    char failure[FKV_ERROR_MESSAGE_SIZE];
};

static bool put_once(struct fkv_client *client, const struct table_rule *rule,
                     struct fkv_error *error)
{
    struct ArrowArrayStream stream;
    table_stream(rule, &stream);
    return fkv_put(client, "k", 1, &stream, NULL, NULL, error) == FKV_OK;
}

/* Reads the table once and compares it with the rule of the writer that its first row names. */
static bool get_once(struct fkv_client *client, struct fkv_error *error)
{
    struct ArrowArrayStream stream;
    if (fkv_get(client, "k", 1, NULL, &stream, error) != FKV_OK)
        return false;
    return table_is_one_of(&stream, rules, writers);
}

static void *act(void *context)
{
    struct actor *actor = context;
    struct fkv_error error = {.message = "the table was neither writer's"};
    struct fkv_client *client = NULL;
    bool is_good = fkv_client_open(actor->uri, NULL, &client, &error) == FKV_OK;
    for (unsigned i = 0; i < rounds && is_good; i++) {
        if (actor->rule != NULL)
            is_good = put_once(client, actor->rule, &error);
        else
            is_good = get_once(client, &error);
    }
    if (!is_good)
        memcpy(actor->failure, error.message, sizeof actor->failure);
    fkv_client_close(client);
    return NULL;
}

static struct fkv_server *start_server(void)
{
    struct fkv_error error;
    struct fkv_server *server;
    struct fkv_server_config *config = fkv_server_config_new();
    static const char *const settings[][2] = {{"listen", "grpc+tcp://localhost:0"},
                                              {"workers", "4"},
                                              {"memory", "64MiB"},
                                              {"log-level", "error"}};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        assert_ok(fkv_server_config_set(config, settings[i][0], settings[i][1], &error));
    assert_ok(fkv_server_start(config, &server, &error));
    fkv_server_config_free(config);
    return server;
}

static void readers_get_whole_tables(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fkv_server *server = start_server();
    struct fkv_client *client;
    assert_ok(fkv_client_open(fkv_server_uri(server, 0), NULL, &client, &error));
    assert_true(put_once(client, &rules[0], &error));
    fkv_client_close(client);

    static struct actor actors[writers + readers];
    pthread_t threads[writers + readers];
    for (unsigned i = 0; i < writers + readers; i++) {
        actors[i] = (struct actor){.uri = fkv_server_uri(server, 0),
                                   .rule = i < writers ? &rules[i] : NULL};
        assert_int_equal(pthread_create(&threads[i], NULL, act, &actors[i]), 0);
    }
    for (unsigned i = 0; i < writers + readers; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < writers + readers; i++)
        assert_string_equal(actors[i].failure, "");
    fkv_server_stop(server);
}

/* Stopping while clients are in the middle of things frees everything. */
static void a_server_stops_under_load(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fkv_server_config *config = fkv_server_config_new();
    assert_ok(fkv_server_config_set(config, "listen", "grpc+tcp://127.0.0.1:0", &error));
    assert_ok(fkv_server_config_set(config, "drain-timeout", "50ms", &error));
    assert_ok(fkv_server_config_set(config, "memory", "64MiB", &error));
    assert_ok(fkv_server_config_set(config, "log-level", "error", &error));
    struct fkv_server *server;
    assert_ok(fkv_server_start(config, &server, &error));
    fkv_server_config_free(config);
    static struct actor actors[writers];
    static char uri[300];
    snprintf(uri, sizeof uri, "%s", fkv_server_uri(server, 0));
    pthread_t threads[writers];
    for (unsigned i = 0; i < writers; i++) {
        actors[i] = (struct actor){.uri = uri, .rule = &rules[i]};
        assert_int_equal(pthread_create(&threads[i], NULL, act, &actors[i]), 0);
    }
    fkv_server_stop(server);
    for (unsigned i = 0; i < writers; i++)
        pthread_join(threads[i], NULL);
}

/* ---- appends, and gets over several connections ---- */

static enum fkv_status get_part(struct fkv_client *client, uint64_t streams, const char *columns,
                                const char *rows, struct ArrowArrayStream *ret,
                                struct fkv_error *error)
{
    const struct fkv_get_options options = {.size = sizeof options,
                                            .flags = FKV_GET_CHECK_VALUES,
                                            .columns = columns,
                                            .rows = rows,
                                            .streams = streams};
    return fkv_get(client, "k", 1, &options, ret, error);
}

static enum fkv_status get_streams(struct fkv_client *client, uint64_t streams,
                                   struct ArrowArrayStream *ret, struct fkv_error *error)
{
    return get_part(client, streams, NULL, NULL, ret, error);
}

/* Appends of 10 rows each: readers see whole ones only, and all are there in the end. */
static void *append_often(void *context)
{
    struct actor *actor = context;
    struct fkv_error error = {.message = "the table isn't whole appends"};
    struct fkv_client *client = NULL;
    bool is_good = fkv_client_open(actor->uri, NULL, &client, &error) == FKV_OK;
    for (unsigned i = 0; i < rounds && is_good; i++) {
        struct ArrowArrayStream stream;
        struct ArrowArray array;
        if (actor->rule != NULL) {
            const struct fkv_put_options options = {.size = sizeof options, .mode = FKV_PUT_APPEND};
            table_stream(actor->rule, &stream);
            is_good = fkv_put(client, "k", 1, &stream, &options, NULL, &error) == FKV_OK;
            continue;
        }
        is_good = fkv_get(client, "k", 1, NULL, &stream, &error) == FKV_OK;
        uint64_t batches = 0;
        while (is_good && stream.get_next(&stream, &array) == 0 && array.release != NULL) {
            array.release(&array);
            batches++;
        }
        is_good = is_good && batches % 2 == 0;
        if (batches > 0)
            stream.release(&stream);
    }
    if (!is_good)
        memcpy(actor->failure, error.message, sizeof actor->failure);
    fkv_client_close(client);
    return NULL;
}

static void appends_at_once_all_land(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fkv_server *server = start_server();
    static struct actor actors[writers + readers];
    static const struct table_rule rule = {.seed = 3, .batches = 2, .rows = 10};
    pthread_t threads[writers + readers];
    struct fkv_client *client;
    assert_ok(fkv_client_open(fkv_server_uri(server, 0), NULL, &client, &error));
    actors[0] = (struct actor){.uri = fkv_server_uri(server, 0), .rule = &rule};
    append_often(&actors[0]);
    for (unsigned i = 0; i < writers + readers; i++) {
        actors[i] =
            (struct actor){.uri = fkv_server_uri(server, 0), .rule = i < writers ? &rule : NULL};
        assert_int_equal(pthread_create(&threads[i], NULL, append_often, &actors[i]), 0);
    }
    for (unsigned i = 0; i < writers + readers; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < writers + readers; i++)
        assert_string_equal(actors[i].failure, "");
    struct fkv_table_info info;
    assert_ok(fkv_info(client, "k", 1, &info, &error));
    assert_int_equal(info.rows, (1 + writers) * rounds * 20);
    fkv_table_info_done(&info);
    fkv_client_close(client);
    fkv_server_stop(server);
}

/* Where memory is shared, a get has no need of several connections. */
static const struct fkv_client_options over_tcp = {.size = sizeof over_tcp,
                                                   .transport = FKV_TRANSPORT_TCP};

static const struct table_rule many = {.seed = 9, .batches = 200, .rows = 500};

static void streams_keep_the_order(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fkv_server *server = start_server();
    struct fkv_client *client;
    struct ArrowArrayStream stream;
    assert_ok(fkv_client_open(fkv_server_uri(server, 0), &over_tcp, &client, &error));
    static const struct table_rule tables[] = {{.seed = 9, .batches = 200, .rows = 500},
                                               {.seed = 1, .batches = 1, .rows = 1},
                                               {.seed = 1}};
    for (size_t t = 0; t < 3; t++) {
        table_stream(&tables[t], &stream);
        assert_ok(fkv_put(client, "k", 1, &stream, NULL, NULL, &error));
        for (uint64_t streams = 0; streams <= 64; streams = streams * 2 + 1) {
            uint64_t before = host_stats(server->host).connections_total;
            assert_ok(get_streams(client, streams, &stream, &error));
            assert_true(table_is(&stream, &tables[t]));
            uint64_t more = host_stats(server->host).connections_total - before;
            if (t == 0) /* of tables without parts, they may be seen later */
                assert_int_equal(more > 0, streams > 1);
        }
    }
    assert_int_equal(get_streams(client, 65, &stream, &error), FKV_INVALID_ARGUMENT);
    assert_ok(fkv_delete(client, "k", 1, &error));
    assert_int_equal(get_streams(client, 3, &stream, &error), FKV_NOT_FOUND);
    fkv_client_close(client);
    fkv_server_stop(server);
}

/* Memory that the last get's arrays were in: its connections are gone, but it is the client's. */
static void streams_recycle_memory(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fkv_server *server = start_server();
    struct fkv_client *client;
    struct ArrowArrayStream stream;
    static const struct table_rule thick = {.seed = 9, .batches = 4, .rows = 50000};
    assert_ok(fkv_client_open(fkv_server_uri(server, 0), &over_tcp, &client, &error));
    table_stream(&thick, &stream);
    assert_ok(fkv_put(client, "k", 1, &stream, NULL, NULL, &error));
    assert_ok(get_streams(client, 2, &stream, &error));
    assert_true(table_is(&stream, &thick));
    struct client_pool_stats stats = client_pool_stats(client->pool);
    assert_true(stats.kept_bytes > 0);
    assert_int_equal(stats.used_bytes, 0);
    assert_ok(get_streams(client, 2, &stream, &error));
    assert_true(table_is(&stream, &thick));
    fkv_client_close(client);
    fkv_server_stop(server);
}

static void streams_of_some_rows(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fkv_server *server = start_server();
    struct fkv_client *client;
    struct ArrowArrayStream stream;
    static const struct {
        const char *rows;
        uint64_t first, count;
    } asked[] = {
        {"0:100000", 0, 100000}, {":", 0, 100000},       {"1:99999", 1, 99998},
        {"499:501", 499, 2},     {"500:1000", 500, 500}, {"33333:66666", 33333, 33333},
        {"99999:", 99999, 1},    {":1", 0, 1},           {"7:7", 7, 0},
        {"0:0", 0, 0},           {"100000:", 100000, 0}, {"999999999999999999999999:", 0, 0},
    };
    assert_ok(fkv_client_open(fkv_server_uri(server, 0), &over_tcp, &client, &error));
    table_stream(&many, &stream);
    assert_ok(fkv_put(client, "k", 1, &stream, NULL, NULL, &error));
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        for (uint64_t streams = 1; streams <= 9; streams += 4) {
            uint64_t batches;
            assert_ok(get_part(client, streams, NULL, asked[i].rows, &stream, &error));
            assert_true(
                table_rows_are(&stream, many.seed + asked[i].first, asked[i].count, &batches));
        }
    }
    assert_int_equal(get_part(client, 3, NULL, "2:1", &stream, &error), FKV_INVALID_ARGUMENT);
    assert_int_equal(get_part(client, 3, NULL, "x", &stream, &error), FKV_INVALID_ARGUMENT);
    assert_int_equal(get_part(client, 3, "z", "1:2", &stream, &error), FKV_INVALID_ARGUMENT);
    fkv_client_close(client);
    fkv_server_stop(server);
}

static uint64_t rows_of(struct ArrowArrayStream *stream, int64_t columns)
{
    struct ArrowSchema schema;
    struct ArrowArray array;
    uint64_t rows = 0;
    assert_int_equal(stream->get_schema(stream, &schema), 0);
    assert_int_equal(schema.n_children, columns);
    schema.release(&schema);
    while (stream->get_next(stream, &array) == 0 && array.release != NULL) {
        assert_int_equal(array.n_children, columns);
        rows += (uint64_t)array.length;
        array.release(&array);
    }
    stream->release(stream);
    return rows;
}

/* The connections of a get have the client's session, and so the schema is that of what comes. */
static void streams_of_some_columns(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fkv_server *server = start_server();
    struct fkv_client *client;
    struct ArrowArrayStream stream;
    struct fkv_flight_option_errors *errors;
    const struct fkv_flight_option options[] = {
        {.name = {"flightkv-columns", 16}, .type = FKV_FLIGHT_OPTION_STRING, .string = {"y", 1}},
        {.name = {"flightkv-rows", 13}, .type = FKV_FLIGHT_OPTION_STRING, .string = {"20000:", 6}},
    };
    assert_ok(fkv_client_open(fkv_server_uri(server, 0), &over_tcp, &client, &error));
    table_stream(&many, &stream);
    assert_ok(fkv_put(client, "k", 1, &stream, NULL, NULL, &error));
    assert_ok(get_part(client, 4, "y", NULL, &stream, &error));
    assert_int_equal(rows_of(&stream, 1), 100000);
    assert_ok(get_part(client, 4, "y", "10:", &stream, &error));
    assert_int_equal(rows_of(&stream, 1), 99990);
    assert_ok(fkv_flight_set_session_options(client, options, 2, NULL, &errors, &error));
    assert_int_equal(errors->count, 0);
    fkv_flight_free(errors);
    for (uint64_t streams = 1; streams <= 4; streams += 3) {
        assert_ok(get_part(client, streams, NULL, NULL, &stream, &error));
        assert_int_equal(rows_of(&stream, 1), 80000);
        assert_ok(get_part(client, streams, "y,x", "5:10", &stream, &error));
        assert_int_equal(rows_of(&stream, 2), 5);
    }
    fkv_client_close(client);
    fkv_server_stop(server);
}

/* In the middle: released, cancelled, the client closed, the table replaced. */
static void streams_end_early(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fkv_server *server = start_server();
    enum { RELEASED, CANCELLED, CLOSED, REPLACED, endings };
    for (int ending = 0; ending < endings; ending++) {
        struct fkv_client *client, *other;
        struct ArrowArrayStream stream;
        struct ArrowArray array, next = {0};
        assert_ok(fkv_client_open(fkv_server_uri(server, 0), &over_tcp, &client, &error));
        assert_ok(fkv_client_open(fkv_server_uri(server, 0), NULL, &other, &error));
        table_stream(&many, &stream);
        assert_ok(fkv_put(client, "k", 1, &stream, NULL, NULL, &error));
        assert_ok(get_streams(client, 2, &stream, &error));
        assert_int_equal(stream.get_next(&stream, &array), 0);
        enum fkv_status expected = FKV_OK;
        if (ending == CANCELLED) {
            fkv_client_cancel(client);
            expected = FKV_CANCELLED;
        } else if (ending == CLOSED) {
            fkv_client_close(client);
            client = NULL;
            expected = FKV_UNAVAILABLE;
        } else if (ending == REPLACED) {
            assert_true(put_once(other, &rules[0], &error));
            expected = FKV_NOT_FOUND;
        }
        while (expected != FKV_OK && stream.get_next(&stream, &next) == 0 && next.release != NULL)
            next.release(&next);
        enum fkv_status status = fkv_stream_error(&stream, &error);
        assert_true(status == expected || status == FKV_OK);
        stream.release(&stream);
        array.release(&array);
        if (client != NULL)
            assert_true(get_once(client, &error) || ending != REPLACED);
        fkv_client_close(client);
        fkv_client_close(other);
    }
    fkv_server_stop(server);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(appends_at_once_all_land), cmocka_unit_test(streams_keep_the_order),
              cmocka_unit_test(streams_recycle_memory), cmocka_unit_test(streams_of_some_rows),
              cmocka_unit_test(streams_of_some_columns), cmocka_unit_test(streams_end_early),
              cmocka_unit_test(readers_get_whole_tables),
              cmocka_unit_test(a_server_stops_under_load));
}
