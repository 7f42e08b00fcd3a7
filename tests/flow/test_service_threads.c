/* SPDX-License-Identifier: Apache-2.0 */
/* A service with several workers and clients at once, over sockets. */
#include <pthread.h>

#include "flow/service_calls.h"

enum { clients = 3, rounds = 5 };

static void *run_client(void *context)
{
    const char *uri = context;
    struct fkv_error error;
    for (unsigned i = 0; i < rounds; i++) {
        struct fkv_client *client;
        assert_ok(fkv_client_open(uri, NULL, &client, &error));
        for (size_t k = 0; k < service_call_count; k++)
            service_calls[k](client);
        fkv_client_close(client);
    }
    return NULL;
}

static void several_clients_at_once(void **state)
{
    (void)state;
    struct fkv_error error;
    struct fkv_flight_server *server;
    pthread_t threads[clients];
    struct fkv_server_config *config = fkv_server_config_new();
    assert_non_null(config);
    assert_ok(fkv_server_config_set(config, "listen", "grpc+tcp://127.0.0.1:0", &error));
    assert_ok(fkv_server_config_set(config, "workers", "2", &error));
    assert_ok(fkv_flight_server_start(&service_whole, config, &server, &error));
    assert_null(fkv_flight_server_uri(server, 1));
    void *uri = (void *)(uintptr_t)fkv_flight_server_uri(server, 0);
    for (int i = 0; i < clients; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_client, uri), 0);
    for (int i = 0; i < clients; i++)
        pthread_join(threads[i], NULL);
    fkv_flight_server_stop(server);
    fkv_server_config_free(config);
}

static void what_is_no_service_is_refused(void **state)
{
    (void)state;
    const struct fkv_flight_service unset = {.size = 0};
    struct fkv_flight_server *server = NULL;
    struct fkv_error error;
    assert_int_equal(fkv_flight_server_start(&unset, NULL, &server, &error), FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "fkv_flight_service"));
    assert_null(server);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(several_clients_at_once),
              cmocka_unit_test(what_is_no_service_is_refused));
}
