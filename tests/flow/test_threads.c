/* SPDX-License-Identifier: Apache-2.0 */
/* A server with several workers and clients in threads of their own, over TCP: every reader gets a
 * whole table, whoever replaces it meanwhile. Made for the thread sanitizer. */
#include <pthread.h>

#include "flow/tables.h"
#include "harness/test.h"

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

static void readers_get_whole_tables(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fkv_server_config *config = fkv_server_config_new();
    static const char *const settings[][2] = {{"listen", "grpc+tcp://localhost:0"},
                                              {"workers", "4"},
                                              {"memory", "64MiB"},
                                              {"log-level", "error"}};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        assert_ok(fkv_server_config_set(config, settings[i][0], settings[i][1], &error));
    struct fkv_server *server;
    assert_ok(fkv_server_start(config, &server, &error));
    fkv_server_config_free(config);

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

int main(void)
{
    RUN_TESTS(cmocka_unit_test(readers_get_whole_tables),
              cmocka_unit_test(a_server_stops_under_load));
}
