/* SPDX-License-Identifier: Apache-2.0 */
/* Logins over TCP, checked in helper threads, while clients call, give up and the server stops.
 * Made for the thread sanitizer. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "flightkv/flightkv.h"
#include "harness/hashes.h"
#include "harness/test.h"

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

static struct fkv_server *start(const char *drain_timeout)
{
    struct fkv_error error;
    struct fkv_server_config *config = fkv_server_config_new();
    const char *const settings[][2] = {
        {"listen", "grpc+tcp://127.0.0.1:0"}, {"workers", "3"},       {"memory", "64MiB"},
        {"drain-timeout", drain_timeout},     {"log-level", "error"}, {"auth-file", users_file},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        assert_ok(fkv_server_config_set(config, settings[i][0], settings[i][1], &error));
    struct fkv_server *server;
    assert_ok(fkv_server_start(config, &server, &error));
    fkv_server_config_free(config);
    return server;
}

struct actor {
    const char *uri;
    const char *password;
    uint64_t timeout_ms;
    enum fkv_status expected[3];
    char failure[FKV_ERROR_MESSAGE_SIZE];
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_log_in_side_by_side),
        cmocka_unit_test(a_server_stops_while_passwords_are_checked),
    };
    return cmocka_run_group_tests(tests, write_users, remove_users);
}
