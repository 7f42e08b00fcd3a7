/* SPDX-License-Identifier: Apache-2.0 */
/* Logins over TCP, checked in helper threads, while clients call, give up and the server stops.
 * Made for the thread sanitizer. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "flightkv/flightkv.h"
#include "flow/tables.h"
#include "harness/hashes.h"
#include "harness/test.h"
#include "server/server.h"

enum { clients = 6, rounds = 15 };

static char users_file[] = "/tmp/flightkv-users-XXXXXX";

static int write_users(void **state)
{
    (void)state;
    return users_file_write(users_file, "ann:" HASH_OF_SECRET "\n");
}

static int remove_users(void **state)
{
    (void)state;
    return unlink(users_file);
}

static struct fkv_server *start_for(const char *drain_timeout, const char *users)
{
    struct fkv_error error;
    struct fkv_server_config *config = fkv_server_config_new();
    const char *const settings[][2] = {
        {"listen", "grpc+tcp://127.0.0.1:0"}, {"workers", "3"},       {"memory", "64MiB"},
        {"drain-timeout", drain_timeout},     {"log-level", "error"}, {"auth-file", users},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (settings[i][1] != NULL)
            assert_ok(fkv_server_config_set(config, settings[i][0], settings[i][1], &error));
    struct fkv_server *server;
    assert_ok(fkv_server_start(config, &server, &error));
    fkv_server_config_free(config);
    return server;
}

static struct fkv_server *start(const char *drain_timeout)
{
    return start_for(drain_timeout, users_file);
}

struct actor {
    const char *uri;
    const char *password;
    uint64_t timeout_ms;
    enum fkv_status expected[3];
    char failure[FKV_ERROR_MESSAGE_SIZE];
};

struct reloader {
    struct fkv_server *server;
    atomic_bool is_over;
    unsigned failures;
};

static enum fkv_status log_in_and_ask(const struct actor *actor, struct fkv_error *error)
{
    const struct fkv_client_options options = {.size = sizeof options,
                                               .call_timeout_ms = actor->timeout_ms,
                                               .user = "ann",
                                               .password = actor->password};
    struct fkv_client *client = NULL;
    enum fkv_status status = fkv_client_open(actor->uri, &options, &client, error);
    for (int i = 0; i < 3 && status == FKV_OK; i++)
        status = fkv_action(client, "flightkv.ping", NULL, 0, NULL, NULL, error);
    fkv_client_close(client);
    return status;
}

static void *act(void *context)
{
    struct actor *actor = context;
    for (unsigned i = 0; i < rounds && actor->failure[0] == '\0'; i++) {
        struct fkv_error error = {.message = "let in"};
        enum fkv_status status = log_in_and_ask(actor, &error);
        bool is_expected = false;
        for (size_t k = 0; k < 3; k++)
            is_expected = is_expected || status == actor->expected[k];
        if (!is_expected)
            memcpy(actor->failure, error.message, sizeof actor->failure);
    }
    return NULL;
}

static void run(struct actor *actors, pthread_t *threads)
{
    for (unsigned i = 0; i < clients; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, act, &actors[i]), 0);
}

static void join(struct actor *actors, pthread_t *threads)
{
    for (unsigned i = 0; i < clients; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < clients; i++)
        assert_string_equal(actors[i].failure, "");
}

/* Some give up within a millisecond, and so most often while their password is checked. */
static void clients_log_in_side_by_side(void **state)
{
    (void)state;
    static struct actor actors[clients];
    pthread_t threads[clients];
    struct fkv_server *server = start("10s");
    for (unsigned i = 0; i < clients; i++) {
        bool is_right = i % 3 != 0, is_hasty = i % 3 == 2;
        actors[i] = (struct actor){
            .uri = fkv_server_uri(server, 0),
            .password = is_right ? "secret" : "guess",
            .timeout_ms = is_hasty ? 1 : 0,
            .expected = {is_right ? FKV_OK : FKV_UNAUTHENTICATED,
                         is_hasty ? FKV_DEADLINE_EXCEEDED : FKV_UNAUTHENTICATED,
                         is_hasty ? FKV_CANCELLED : FKV_UNAUTHENTICATED},
        };
        if (is_right && !is_hasty)
            actors[i].expected[1] = actors[i].expected[2] = FKV_OK;
    }
    run(actors, threads);
    join(actors, threads);
    fkv_server_stop(server);
}

static void a_server_stops_while_passwords_are_checked(void **state)
{
    (void)state;
    static struct actor actors[clients];
    static char uri[300];
    pthread_t threads[clients];
    struct fkv_server *server = start("1ms");
    snprintf(uri, sizeof uri, "%s", fkv_server_uri(server, 0));
    for (unsigned i = 0; i < clients; i++)
        actors[i] = (struct actor){
            .uri = uri, .password = "secret", .expected = {FKV_OK, FKV_UNAVAILABLE, FKV_CANCELLED}};
    run(actors, threads);
    usleep(2000);
    fkv_server_stop(server);
    join(actors, threads);
}

static bool replace_users(const char *text)
{
    char path[] = "/tmp/flightkv-users-XXXXXX";
    return users_file_write(path, text) == 0 && rename(path, users_file) == 0;
}

/* In turn the users' file is without ann, and with her, behind others too: her tokens come and go.
 */
static void *reload(void *context)
{
    static const char *const texts[] = {"bob:" HASH_OF_OTHER "\n",
                                        "bob:" HASH_OF_OTHER "\nann:" HASH_OF_SECRET "\n",
                                        "ann:" HASH_OF_SECRET "\n"};
    struct reloader *reloader = context;
    do
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
            if (!replace_users(texts[i]) || fkv_server_reload(reloader->server, NULL) != FKV_OK)
                reloader->failures++;
    while (!atomic_load(&reloader->is_over));
    return NULL;
}

static void the_users_change_while_clients_log_in(void **state)
{
    (void)state;
    static struct actor actors[clients];
    pthread_t threads[clients], thread;
    struct reloader reloader = {.server = start("10s")};
    for (unsigned i = 0; i < clients; i++)
        actors[i] = (struct actor){.uri = fkv_server_uri(reloader.server, 0),
                                   .password = "secret",
                                   .expected = {FKV_OK, FKV_UNAUTHENTICATED, FKV_OK}};
    assert_int_equal(pthread_create(&thread, NULL, reload, &reloader), 0);
    run(actors, threads);
    join(actors, threads);
    atomic_store(&reloader.is_over, true);
    pthread_join(thread, NULL);
    assert_int_equal(reloader.failures, 0);
    fkv_server_stop(reloader.server);
}

/* How many calls a get over several connections makes. */
static uint64_t calls_of_streams(struct fkv_server *server, const char *user)
{
    struct fkv_error error;
    struct fkv_client *client;
    struct ArrowArrayStream stream;
    const struct table_rule rule = {.seed = 1, .batches = 40, .rows = 1000};
    const struct fkv_client_options options = {.size = sizeof options,
                                               .user = user,
                                               .password = user == NULL ? NULL : "secret",
                                               .transport = FKV_TRANSPORT_TCP};
    const struct fkv_get_options get = {.size = sizeof get, .columns = "x,y", .streams = 4};
    assert_ok(fkv_client_open(fkv_server_uri(server, 0), &options, &client, &error));
    assert_ok(table_put(client, "k", &rule, &error));
    uint64_t before = host_stats(server->host).calls_total;
    assert_ok(fkv_get(client, "k", 1, &get, &stream, &error));
    assert_true(table_is(&stream, &rule));
    uint64_t calls = host_stats(server->host).calls_total - before;
    fkv_client_close(client);
    return calls;
}

/* A password costs the server a slow hash: it is sent once. */
static void the_connections_of_a_get_share_a_token(void **state)
{
    (void)state;
    struct fkv_server *server = start("10s"), *open = start_for("10s", NULL);
    uint64_t calls = calls_of_streams(server, "ann");
    assert_true(calls > 4);
    assert_int_equal(calls, calls_of_streams(open, NULL));
    fkv_server_stop(server);
    fkv_server_stop(open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_log_in_side_by_side),
        cmocka_unit_test(the_users_change_while_clients_log_in),
        cmocka_unit_test(the_connections_of_a_get_share_a_token),
        cmocka_unit_test(a_server_stops_while_passwords_are_checked),
    };
    return cmocka_run_group_tests(tests, write_users, remove_users);
}
