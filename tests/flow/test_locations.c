/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints that name other servers, over TCP with TLS: what a client takes along to them. */
#include <stdlib.h>
#include <unistd.h>

#include "flightkv/flight.h"
#include "harness/certificates.h"
#include "harness/hashes.h"
#include "harness/test.h"

static struct fkv_error error;

/* With a user where there is a users' file. */
static struct fkv_server *start(const char *users)
{
    char pem[100], key[100];
    struct fkv_server *server;
    struct fkv_server_config *config = fkv_server_config_new();
    const char *const settings[][2] = {
        {"listen", "grpc+tls://localhost:0"},
        {"workers", "1"},
        {"memory", "64MiB"},
        {"log-level", "error"},
        {"tls-cert", certificate_file("local", "pem", pem)},
        {"tls-key", certificate_file("local", "key", key)},
        {"auth-file", users},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0] - (users == NULL); i++)
        assert_ok(fkv_server_config_set(config, settings[i][0], settings[i][1], &error));
    assert_ok(fkv_server_start(config, &server, &error));
    fkv_server_config_free(config);
    return server;
}

static enum fkv_status ping(struct fkv_client *client)
{
    return fkv_action(client, "flightkv.ping", NULL, 0, NULL, NULL, &error);
}

static struct fkv_client *at(struct fkv_client *client, const char *uri)
{
    struct fkv_client *other = NULL;
    const struct fkv_bytes location = {uri, strlen(uri)};
    const struct fkv_flight_endpoint endpoint = {.locations = &location, .location_count = 1};
    assert_ok(fkv_flight_endpoint_client(client, &endpoint, &other, &error));
    assert_ptr_not_equal(other, client);
    return other;
}

static void a_location_gets_tls_but_no_password(void **state)
{
    (void)state;
    char ca[100], path[] = "/tmp/flightkv-users-XXXXXX";
    static const char text[] = "ann:" HASH_OF_SECRET "\n";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    struct fkv_server *own = start(path), *closed = start(path), *open = start(NULL);
    unlink(path);
    struct fkv_client *client, *others[3];
    const struct fkv_client_options options = {.size = sizeof options,
                                               .user = "ann",
                                               .password = "secret",
                                               .tls_ca_file = certificate_file("ca", "pem", ca)};
    assert_ok(fkv_client_open(fkv_server_uri(own, 0), &options, &client, &error));
    assert_ok(ping(client));
    others[0] = at(client, fkv_server_uri(own, 0));
    others[1] = at(client, fkv_server_uri(closed, 0));
    others[2] = at(client, fkv_server_uri(open, 0));
    fkv_client_close(client); /* the others go on */
    assert_ok(ping(others[0]));
    assert_int_equal(ping(others[1]), FKV_UNAUTHENTICATED);
    assert_non_null(strstr(error.message, "has no token"));
    assert_ok(ping(others[2])); /* which also shows that nobody logged in: it has no Handshake */
    for (size_t i = 0; i < 3; i++)
        fkv_client_close(others[i]);
    fkv_server_stop(own);
    fkv_server_stop(closed);
    fkv_server_stop(open);
}

/* Set as a header, a token stays with its server too. */
static void a_header_stays_with_its_server(void **state)
{
    (void)state;
    char ca[100];
    struct fkv_server *own = start(NULL), *other = start(NULL);
    struct fkv_client *client, *there;
    const struct fkv_client_options options = {.size = sizeof options,
                                               .tls_ca_file = certificate_file("ca", "pem", ca)};
    static const struct fkv_bytes cookie = {"arrow_flight_session_id=x", 25};
    assert_ok(fkv_client_open(fkv_server_uri(own, 0), &options, &client, &error));
    assert_ok(fkv_flight_client_header(client, "cookie", cookie, &error));
    assert_int_equal(ping(client), FKV_NOT_FOUND);
    there = at(client, fkv_server_uri(own, 0));
    assert_int_equal(ping(there), FKV_NOT_FOUND);
    fkv_client_close(there);
    there = at(client, fkv_server_uri(other, 0));
    assert_ok(ping(there));
    fkv_client_close(there);
    fkv_client_close(client);
    fkv_server_stop(own);
    fkv_server_stop(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_location_gets_tls_but_no_password),
        cmocka_unit_test(a_header_stays_with_its_server),
    };
    return cmocka_run_group_tests(tests, certificates_make, certificates_remove);
}
