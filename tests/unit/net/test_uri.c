/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "net/uri.h"

static void takes_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum net_scheme scheme;
        const char *host;
        unsigned port;
        const char *path;
        const char *back;
    } rows[] = {
        {"grpc+tcp://localhost:6666", NET_TCP, "localhost", 6666, "", "grpc+tcp://localhost:6666"},
        {"grpc://127.0.0.1:0", NET_TCP, "127.0.0.1", 0, "", "grpc+tcp://127.0.0.1:0"},
        {"grpc+tcp://cache.example.org", NET_TCP, "cache.example.org", 6666, "",
         "grpc+tcp://cache.example.org:6666"},
        {"grpc+tcp://[::1]:65535/", NET_TCP, "::1", 65535, "", "grpc+tcp://[::1]:65535"},
        {"grpc+tcp://[fe80::1%eth0]", NET_TCP, "fe80::1%eth0", 6666, "",
         "grpc+tcp://[fe80::1%eth0]:6666"},
        {"grpc+tls://h:1", NET_TLS, "h", 1, "", "grpc+tls://h:1"},
        {"grpc+unix:///run/x.sock", NET_UNIX, "", 0, "/run/x.sock", "grpc+unix:///run/x.sock"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct net_uri uri;
        struct fkv_error error;
        char back[net_uri_max];
        assert_ok(net_uri_parse(rows[i].text, &uri, &error));
        assert_int_equal(uri.scheme, rows[i].scheme);
        assert_string_equal(uri.host, rows[i].host);
        assert_int_equal(uri.port, rows[i].port);
        assert_string_equal(uri.path, rows[i].path);
        net_uri_text(&uri, back);
        assert_string_equal(back, rows[i].back);
    }
}

static void refuses_what_is_no_address(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "http://localhost:6666",
        "grpc+tcp:/localhost",
        "grpc+tcp://",
        "grpc+tcp://:6666",
        "grpc+tcp://a:",
        "grpc+tcp://a:65536",
        "grpc+tcp://a:99999999999999999999",
        "grpc+tcp://a:+1",
        "grpc+tcp://a:1x",
        "grpc+tcp://a:1/path",
        "grpc+tcp://user@a:1",
        "grpc+tcp://[::1:6666",
        "grpc+tcp://[]:1",
        "grpc+tcp://a b:1",
        "grpc+tcp://a%0a:1",
        "grpc+unix://",
        "grpc+unix:///",
        "grpc+unix://relative",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct net_uri uri = {.port = 7};
        struct fkv_error error;
        assert_int_equal(net_uri_parse(bad[i], &uri, &error), FKV_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "expected grpc+tcp://HOST:PORT"));
        assert_int_equal(uri.port, 7);
    }
}

static void says_what_an_address_without_a_scheme_would_be(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"7777", "did you mean grpc+tcp://localhost:7777?"},
        {"localhost:7777", "did you mean grpc+tcp://localhost:7777?"},
        {"db1", "did you mean grpc+tcp://db1?"},
        {"[::1]:7", "did you mean grpc+tcp://[::1]:7?"},
        {"77777", "expected grpc+tcp://HOST:PORT"},
        {"", "expected grpc+tcp://HOST:PORT"},
        {"http://a:1", "expected grpc+tcp://HOST:PORT"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct net_uri uri;
        struct fkv_error error;
        assert_int_equal(net_uri_parse(rows[i][0], &uri, &error), FKV_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, rows[i][1]));
    }
}

static void refuses_what_is_too_long(void **state)
{
    (void)state;
    struct net_uri uri;
    char text[600];
    snprintf(text, sizeof text, "grpc+tcp://%0*d:1", net_host_max, 1);
    assert_int_equal(net_uri_parse(text, &uri, NULL), FKV_OK);
    snprintf(text, sizeof text, "grpc+tcp://%0*d:1", net_host_max + 1, 1);
    assert_int_equal(net_uri_parse(text, &uri, NULL), FKV_INVALID_ARGUMENT);
    snprintf(text, sizeof text, "grpc+unix:///%0*d", net_path_max - 1, 1);
    assert_int_equal(net_uri_parse(text, &uri, NULL), FKV_OK);
    snprintf(text, sizeof text, "grpc+unix:///%0*d", net_path_max, 1);
    assert_int_equal(net_uri_parse(text, &uri, NULL), FKV_INVALID_ARGUMENT);
}

static void knows_the_loopback(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_loopback;
    } rows[] = {
        {"grpc+tcp://localhost", true},    {"grpc+tcp://LocalHost", true},
        {"grpc+tcp://127.0.0.1", true},    {"grpc+tcp://127.255.1.2", true},
        {"grpc+tcp://[::1]", true},        {"grpc+unix:///x", true},
        {"grpc+tcp://0.0.0.0", false},     {"grpc+tcp://[::]", false},
        {"grpc+tcp://128.0.0.1", false},   {"grpc+tcp://127.0.0.1.example.org", false},
        {"grpc+tcp://localhost.x", false}, {"grpc+tls://10.0.0.1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct net_uri uri;
        assert_int_equal(net_uri_parse(rows[i].text, &uri, NULL), FKV_OK);
        assert_int_equal(net_uri_is_loopback(&uri), rows[i].is_loopback);
    }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(takes_addresses), cmocka_unit_test(refuses_what_is_no_address),
              cmocka_unit_test(says_what_an_address_without_a_scheme_would_be),
              cmocka_unit_test(refuses_what_is_too_long), cmocka_unit_test(knows_the_loopback));
}
