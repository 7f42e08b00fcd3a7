/* SPDX-License-Identifier: Apache-2.0 */
/* A server with users. The forms of Handshake are played by hand, as the official clients send
 * them; their answers are compared frame by frame, whatever the pieces in which bytes come. */
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "flow/peer.h"
#include "flow/tables.h"
#include "harness/hashes.h"
#include "server/tokens.h"

static struct fkv_error error;
static char users_file[] = "/tmp/flightkv-users-XXXXXX";

static int write_users(void **state)
{
    (void)state;
    return users_file_write(users_file, "ann:" HASH_OF_SECRET "\nbob:" HASH_OF_OTHER "\n");
}

static int remove_users(void **state)
{
    (void)state;
    return unlink(users_file);
}

static void start(struct flow *flow, size_t piece_bytes)
{
    flow_init(flow, alloc_system(),
              (const char *const[]){"auth-file", users_file, "token-lifetime", "1h", NULL});
    flow->pipe = (struct net_pipe_options){.read_bytes_max = piece_bytes};
}

/* ---- a peer by hand ---- */

static void open_peer(struct peer *peer, struct flow *flow)
{
    peer_open(peer, flow);
    add_preface(&peer->answer.bytes);
}

/* Sends what was added; gives the answer to that alone. */
static const char *answer_of(struct peer *peer)
{
    assert_true(peer_send(peer));
    buf_clear(&peer->answer.text);
    return peer_read(peer);
}

/* A HandshakeRequest with a BasicAuth. */
static void message_of(struct peer *peer, int flags, const char *name, const char *password)
{
    size_t n = strlen(name), p = strlen(password), size = 0;
    uint8_t bytes[256];
    bytes[size++] = 0x12; /* payload */
    bytes[size++] = (uint8_t)(n + p + 4);
    bytes[size++] = 0x12; /* username */
    bytes[size++] = (uint8_t)n;
    memcpy(bytes + size, name, n);
    size += n;
    bytes[size++] = 0x1a; /* password */
    bytes[size++] = (uint8_t)p;
    memcpy(bytes + size, password, p);
    peer_message(peer, flags, bytes, size + p);
}

static void expect(struct peer *peer, const char *part)
{
    answer_of(peer);
    peer_expect(peer, part);
}

/* "authorization=Bearer TOKEN" of the answer. */
static void take_bearer(const char *text, char ret[token_size + 1])
{
    static const char before[] = "authorization=Bearer ";
    const char *at = strstr(text, before);
    if (at == NULL)
        fail_msg("expected '%s' in\n%s", before, text);
    memcpy(ret, at + sizeof before - 1, token_size);
    ret[token_size] = '\0';
}

static void log_in(struct peer *peer, char ret[token_size + 1])
{
    peer_call(peer, "Handshake", END_STREAM, "authorization", "Basic YW5uOnNlY3JldA==");
    take_bearer(answer_of(peer), ret);
}

/* A ListActions with such credentials: whether it is answered. */
static bool is_admitted(struct peer *peer, const char *name, const char *value)
{
    peer_call(peer, "ListActions", 0, name, value);
    peer_message(peer, END_STREAM, "", 0);
    const char *text = answer_of(peer);
    bool is_ok = strstr(text, "grpc-status=0") != NULL;
    if (!is_ok && strstr(text, "HEADERS+") == NULL)
        fail_msg("not a Trailers-Only answer:\n%s", text);
    assert_true(is_ok || strstr(text, "grpc-status=16") != NULL);
    return is_ok;
}

static bool bears(struct peer *peer, const char *token)
{
    char value[token_size + 16];
    snprintf(value, sizeof value, "Bearer %s", token);
    return is_admitted(peer, "authorization", value);
}

static const size_t pieces[] = {0, 1, 7};
#define each_piece(i) for (size_t i = 0; (i) < sizeof pieces / sizeof pieces[0]; (i)++)

/* ---- handshakes ---- */

/* C++ ends its side at once, Java and Rust send an empty message, Go leaves the padding out. */
static void basic_gets_a_bearer(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool has_message, is_ended;
    } rows[] = {
        {"Basic YW5uOnNlY3JldA==", false, true},  {"Basic YW5uOnNlY3JldA", false, true},
        {"basic YW5uOnNlY3JldA==", true, true},   {"BASIC  Ym9iOm90aGVy", true, false},
        {"Basic YW5uOnNlY3JldA==", false, false},
    };
    each_piece(i)
    {
        struct flow flow;
        struct peer peer;
        start(&flow, pieces[i]);
        open_peer(&peer, &flow);
        for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
            bool at_once = rows[row].is_ended && !rows[row].has_message;
            peer_call(&peer, "Handshake", at_once ? END_STREAM : 0, "authorization",
                      rows[row].value);
            if (rows[row].has_message)
                peer_message(&peer, rows[row].is_ended ? END_STREAM : 0, "", 0);
            const char *text = answer_of(&peer);
            char token[token_size + 1];
            take_bearer(text, token);
            assert_non_null(strstr(text, "HEADERS "));
            assert_non_null(strstr(text, ":status=200"));
            assert_non_null(strstr(text, "flightkv-token-lifetime=3600s"));
            assert_non_null(strstr(text, "grpc-status=0"));
            assert_null(strstr(text, "DATA"));
            assert_true(bears(&peer, token));
        }
        peer_close(&peer);
        flow_done(&flow);
    }
}

/* The token comes in the payload of one message, and then the end, though Go doesn't end its side:
 * the reset with NO_ERROR tells it that nothing more is read. */
static void a_basic_auth_gets_a_token(void **state)
{
    (void)state;
    each_piece(i)
    {
        struct flow flow;
        struct peer peer;
        start(&flow, pieces[i]);
        for (int is_ended = 0; is_ended <= 1; is_ended++) {
            open_peer(&peer, &flow);
            peer_call(&peer, "Handshake", 0, NULL, NULL);
            message_of(&peer, is_ended ? END_STREAM : 0, "bob", "other");
            const char *text = answer_of(&peer);
            assert_null(strstr(text, "authorization="));
            assert_non_null(strstr(text, "grpc-status=0"));
            assert_int_equal(peer.answer.data_bytes, 5 + 2 + token_size);
            assert_int_equal(strstr(text, "RST_STREAM") != NULL, !is_ended);
            peer_close(&peer);
        }
        flow_done(&flow);
    }
}

static void wrong_passwords_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *password;
    } rows[] = {{"ann", "other"}, {"eve", "secret"}, {"", ""}, {"ann", ""}, {"ann", "secret\n"}};
    struct flow flow;
    struct peer peer;
    start(&flow, 0);
    open_peer(&peer, &flow);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        peer_call(&peer, "Handshake", 0, NULL, NULL);
        message_of(&peer, END_STREAM, rows[i].name, rows[i].password);
        expect(&peer, "grpc-status=16 grpc-message=the user's name or the password is wrong");
    }
    peer_call(&peer, "Handshake", END_STREAM, "authorization", "Basic YW5uOm90aGVy");
    expect(&peer, "grpc-status=16 grpc-message=the user's name or the password is wrong");
    peer_close(&peer);
    flow_done(&flow);
}

static void bad_handshakes_are_told(void **state)
{
    (void)state;
    struct flow flow;
    struct peer peer;
    start(&flow, 1);
    open_peer(&peer, &flow);
    peer_call(&peer, "Handshake", END_STREAM, NULL, NULL);
    expect(&peer, "grpc-status=16 grpc-message=the handshake has no credentials");
    peer_call(&peer, "Handshake", END_STREAM, "authorization", "Bearer what");
    expect(&peer, "grpc-status=16 grpc-message=the handshake has no credentials");
    peer_call(&peer, "Handshake", 0, NULL, NULL);
    peer_message(&peer, END_STREAM, "", 0);
    expect(&peer, "grpc-status=16 grpc-message=the handshake has no credentials");
    peer_call(&peer, "Handshake", END_STREAM, "authorization", "Basic secret");
    expect(&peer, "grpc-status=3 grpc-message=what follows 'authorization: Basic'");
    peer_call(&peer, "Handshake", 0, NULL, NULL);
    peer_message(&peer, END_STREAM, "\x12\x06secret", 8);
    expect(&peer, "grpc-status=3 grpc-message=the handshake's payload must be a BasicAuth");
    peer_call(&peer, "Handshake", 0, NULL, NULL);
    peer_message(&peer, END_STREAM, "\xff\xff\xff", 3);
    expect(&peer, "grpc-status=3");
    peer_close(&peer);
    flow_done(&flow);
}

/* ---- other calls ---- */

static void a_call_needs_a_token(void **state)
{
    (void)state;
    each_piece(i)
    {
        struct flow flow;
        struct peer peer;
        char token[token_size + 1], changed[token_size + 1];
        start(&flow, pieces[i]);
        open_peer(&peer, &flow);
        log_in(&peer, token);
        memcpy(changed, token, sizeof token);
        changed[token_size - 1] ^= 1;

        struct buf binary;
        buf_init(&binary, alloc_system(), 1 << 10);
        assert_true(text_base64(&binary, slice_text(token), false));
        assert_true(is_admitted(&peer, "auth-token-bin", buf_c_text(&binary)));
        assert_true(bears(&peer, token));
        assert_false(bears(&peer, changed));
        assert_false(bears(&peer, ""));
        assert_false(is_admitted(&peer, NULL, NULL));
        assert_false(is_admitted(&peer, "auth-token-bin", ""));
        assert_false(is_admitted(&peer, "auth-token-bin", "QUFBQQ"));
        assert_false(is_admitted(&peer, "authorization", token));
        assert_false(is_admitted(&peer, "authorization", "Basic YW5uOnNlY3JldA=="));
        buf_done(&binary);
        peer_close(&peer);
        flow_done(&flow);
    }
}

static void a_token_expires(void **state)
{
    (void)state;
    struct flow flow;
    struct peer peer;
    char token[token_size + 1];
    start(&flow, 0);
    open_peer(&peer, &flow);
    log_in(&peer, token);
    flow_wind(&flow, 3599 * NS_PER_S);
    assert_true(bears(&peer, token));
    flow_wind(&flow, 2 * NS_PER_S);
    assert_false(bears(&peer, token));
    log_in(&peer, token);
    assert_true(bears(&peer, token));
    peer_close(&peer);
    flow_done(&flow);
}

static void a_token_of_another_server_is_none(void **state)
{
    (void)state;
    struct flow flows[2];
    struct peer peers[2];
    char token[token_size + 1];
    for (size_t i = 0; i < 2; i++) {
        start(&flows[i], 0);
        open_peer(&peers[i], &flows[i]);
    }
    log_in(&peers[0], token);
    assert_true(bears(&peers[0], token));
    assert_false(bears(&peers[1], token));
    for (size_t i = 0; i < 2; i++) {
        peer_close(&peers[i]);
        flow_done(&flows[i]);
    }
}

/* Also what there is isn't told: a method that isn't there is refused like one that is. */
static void strangers_reach_nothing_but_health(void **state)
{
    (void)state;
    static const char *const methods[] = {
        "DoGet",       "DoPut",    "GetFlightInfo",         "GetSchema",
        "ListFlights", "DoAction", "ListActions",           "PollFlightInfo",
        "DoExchange",  "Nothing",  "/other.Service/Method",
    };
    struct flow flow;
    struct peer peer;
    start(&flow, 0);
    open_peer(&peer, &flow);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        peer_call(&peer, methods[i], 0, NULL, NULL);
        peer_message(&peer, END_STREAM, "", 0);
        expect(&peer, "grpc-status=16 grpc-message=the call has no token");
    }
    peer_call(&peer, "/grpc.health.v1.Health/Check", 0, NULL, NULL);
    peer_message(&peer, END_STREAM, "", 0);
    expect(&peer, "grpc-status=0");
    assert_int_equal(host_stats(flow.server->host).calls_total, 12);
    assert_int_equal(host_stats(flow.server->host).calls_failed, 11);
    peer_close(&peer);
    flow_done(&flow);
}

static void a_server_without_users_has_no_handshake(void **state)
{
    (void)state;
    struct flow flow;
    struct peer peer;
    flow_init(&flow, alloc_system(), NULL);
    open_peer(&peer, &flow);
    peer_call(&peer, "Handshake", END_STREAM, "authorization", "Basic YW5uOnNlY3JldA==");
    expect(&peer, "grpc-status=12");
    assert_true(is_admitted(&peer, NULL, NULL));
    peer_close(&peer);
    flow_done(&flow);
}

static void a_bad_file_stops_the_start(void **state)
{
    (void)state;
    struct flow flow;
    assert_int_equal(flow_try_init(&flow, alloc_system(),
                                   (const char *const[]){"auth-file", "/nowhere/users", NULL},
                                   &error),
                     FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "--auth-file: /nowhere/users can't be opened"));
}

static enum fkv_status try_start(const struct alloc *alloc)
{
    struct flow flow;
    enum fkv_status status =
        flow_try_init(&flow, alloc, (const char *const[]){"auth-file", users_file, NULL}, &error);
    assert_true(status == FKV_OK || status == FKV_RESOURCE_EXHAUSTED);
    flow_done(&flow);
    return status;
}

static void memory_that_runs_out_is_told(void **state)
{
    (void)state;
    test_sweep(try_start);
}

/* ---- libflightkv's client ---- */

static const struct fkv_client_options as_ann = {
    .size = sizeof as_ann, .user = "ann", .password = "secret"};

static const struct table_rule rule = {.seed = 5, .batches = 2, .rows = 100};

static enum fkv_status get(struct fkv_client *client, const char *key)
{
    struct ArrowArrayStream stream;
    enum fkv_status status = fkv_get(client, key, strlen(key), NULL, &stream, &error);
    if (status == FKV_OK)
        stream.release(&stream);
    return status;
}

/* A token that the server doesn't know, as if it had been dropped there. */
static void spoil_token(struct fkv_client *client)
{
    assert_ok(
        client_fields_set(&client->fields, "authorization", slice_text("Bearer spoilt"), &error));
}

static struct fkv_client *begin_as_ann(struct flow *flow, size_t piece_bytes)
{
    start(flow, piece_bytes);
    flow->client_options = &as_ann;
    return flow_client(flow);
}

static void a_client_logs_in(void **state)
{
    (void)state;
    each_piece(i)
    {
        struct flow flow;
        struct fkv_client *client = begin_as_ann(&flow, pieces[i]);
        assert_ok(table_put(client, "k", &rule, &error));
        assert_ok(get(client, "k"));
        assert_ok(fkv_delete(client, "k", 1, &error));
        flow_done(&flow);
    }
}

static void a_client_is_refused_when_it_is_opened(void **state)
{
    (void)state;
    static const struct {
        const char *user, *password, *message;
        enum fkv_status status;
    } rows[] = {
        {"ann", "other", "the password is wrong", FKV_UNAUTHENTICATED},
        {"eve", "secret", "the password is wrong", FKV_UNAUTHENTICATED},
        {"ann", NULL, "a user is given without a password", FKV_INVALID_ARGUMENT},
        {NULL, "secret", "a password is given without a user", FKV_INVALID_ARGUMENT},
        {"a:b", "secret", "'a:b' is no user's name", FKV_INVALID_ARGUMENT},
        {"", "secret", "'' is no user's name", FKV_INVALID_ARGUMENT},
    };
    struct flow flow;
    struct fkv_client *client = NULL;
    start(&flow, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct fkv_client_options options = {
            .size = sizeof options, .user = rows[i].user, .password = rows[i].password};
        flow.client_options = &options;
        assert_int_equal(flow_try_client(&flow, &client, &error), rows[i].status);
        if (strstr(error.message, rows[i].message) == NULL)
            fail_msg("row %zu: %s", i, error.message);
    }
    flow_done(&flow);

    flow_init(&flow, alloc_system(), NULL);
    flow.client_options = &as_ann;
    assert_int_equal(flow_try_client(&flow, &client, &error), FKV_FAILED_PRECONDITION);
    assert_non_null(strstr(error.message, "asks for none"));
    flow_done(&flow);
}

static void refused_calls_change_nothing(void **state)
{
    (void)state;
    struct flow flow;
    start(&flow, 0);
    struct fkv_client *stranger = flow_client(&flow);
    flow.client_options = &as_ann;
    struct fkv_client *client = flow_client(&flow);
    assert_ok(table_put(client, "k", &rule, &error));
    struct store_stats before = flow_stats(&flow);
    assert_int_equal(table_put(stranger, "k", &rule, &error), FKV_UNAUTHENTICATED);
    assert_int_equal(table_put(stranger, "other", &rule, &error), FKV_UNAUTHENTICATED);
    assert_int_equal(get(stranger, "k"), FKV_UNAUTHENTICATED);
    assert_int_equal(error.hint, FKV_HINT_USER);
    assert_int_equal(fkv_delete(stranger, "k", 1, &error), FKV_UNAUTHENTICATED);
    assert_int_equal(flow_stats(&flow).keys, before.keys);
    assert_int_equal(flow_stats(&flow).tables, before.tables);
    assert_int_equal(flow_stats(&flow).memory.used_bytes, before.memory.used_bytes);
    assert_ok(get(client, "k"));
    flow_done(&flow);
}

static void a_wrong_password_gets_no_hint_to_give_one(void **state)
{
    (void)state;
    struct flow flow;
    start(&flow, 0);
    struct fkv_client *client = flow_client(&flow);
    assert_int_equal(fkv_flight_authenticate_basic(client, "ann", "wrong", &error),
                     FKV_UNAUTHENTICATED);
    assert_string_equal(error.message, "the user's name or the password is wrong");
    assert_int_equal(error.hint, FKV_HINT_NONE);
    assert_int_equal(fkv_flight_authenticate(client, "ann", "wrong", &error), FKV_UNAUTHENTICATED);
    assert_int_equal(error.hint, FKV_HINT_NONE);
    assert_int_equal(get(client, "k"), FKV_UNAUTHENTICATED);
    assert_int_equal(error.hint, FKV_HINT_USER);
    flow_done(&flow);
}

static void a_client_renews_its_token_in_time(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = begin_as_ann(&flow, 0);
    for (unsigned i = 0; i < 10; i++) {
        assert_ok(table_put(client, "k", &rule, &error));
        flow_wind(&flow, 50 * 60 * NS_PER_S);
    }
    flow_done(&flow);
}

static void a_client_renews_a_token_that_is_refused(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = begin_as_ann(&flow, 0);
    assert_ok(table_put(client, "k", &rule, &error));
    spoil_token(client);
    assert_ok(get(client, "k"));
    spoil_token(client);
    assert_ok(fkv_delete(client, "k", 1, &error));
    spoil_token(client);
    assert_int_equal(table_put(client, "k", &rule, &error), FKV_UNAUTHENTICATED);
    assert_ok(table_put(client, "k", &rule, &error));
    flow_done(&flow);
}

static void a_client_logs_in_on_a_new_connection(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = begin_as_ann(&flow, 0);
    assert_ok(table_put(client, "k", &rule, &error));
    flow_break(&flow, client);
    spoil_token(client);
    assert_ok(table_put(client, "k", &rule, &error));
    flow_done(&flow);
}

struct farewell {
    struct net_transport *end;
    bool is_said;
};

static bool say_farewell(void *context)
{
    struct farewell *farewell = context;
    struct buf bytes;
    if (farewell->is_said)
        return false;
    buf_init(&bytes, alloc_system(), 1 << 20);
    add_frame(&bytes, SETTINGS, 0, 0, "", 0);
    add_headers(&bytes, 0, 1,
                (const char *const[]){":status", "200", "content-type", "application/grpc",
                                      "authorization", "Bearer token", NULL});
    add_headers(&bytes, END_STREAM, 1, (const char *const[]){"grpc-status", "0", NULL});
    add_frame(&bytes, GOAWAY, 0, 0, "\0\0\0\1\0\0\0\0", 8);
    const struct iovec iov = {bytes.data, bytes.size};
    assert_int_equal(net_write(farewell->end, &iov, 1), bytes.size);
    buf_done(&bytes);
    return farewell->is_said = true;
}

static enum fkv_status connect_for_farewell(void *context, const struct alloc *alloc,
                                            const struct net_uri *uri,
                                            const struct net_connect_options *connect,
                                            struct net_transport **ret, struct fkv_error *why)
{
    (void)uri;
    (void)connect;
    struct farewell *farewell = context;
    const struct net_pipe_options options = {.on_wait = say_farewell, .context = farewell};
    return net_pipe_new(alloc, &options, ret, &farewell->end, why);
}

/* A server that is being stopped: the answer to the Handshake is the last that it says. */
static void a_connection_may_end_behind_the_login(void **state)
{
    (void)state;
    struct flow flow;
    struct fkv_client *client = begin_as_ann(&flow, 0);
    const struct client_connector before = client->connector;
    struct farewell farewell = {.is_said = false};
    flow_break(&flow, client);
    client->connector =
        (struct client_connector){.connect = connect_for_farewell, .context = &farewell};
    assert_int_equal(get(client, "k"), FKV_UNAVAILABLE);
    assert_non_null(strstr(error.message, "closed the connection after the login"));
    client->connector = before;
    assert_ok(table_put(client, "k", &rule, &error));
    net_close(farewell.end);
    flow_done(&flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(basic_gets_a_bearer),
        cmocka_unit_test(a_basic_auth_gets_a_token),
        cmocka_unit_test(wrong_passwords_are_refused),
        cmocka_unit_test(bad_handshakes_are_told),
        cmocka_unit_test(a_call_needs_a_token),
        cmocka_unit_test(a_token_expires),
        cmocka_unit_test(a_token_of_another_server_is_none),
        cmocka_unit_test(strangers_reach_nothing_but_health),
        cmocka_unit_test(a_server_without_users_has_no_handshake),
        cmocka_unit_test(a_bad_file_stops_the_start),
        cmocka_unit_test(memory_that_runs_out_is_told),
        cmocka_unit_test(a_client_logs_in),
        cmocka_unit_test(a_client_is_refused_when_it_is_opened),
        cmocka_unit_test(refused_calls_change_nothing),
        cmocka_unit_test(a_wrong_password_gets_no_hint_to_give_one),
        cmocka_unit_test(a_client_renews_its_token_in_time),
        cmocka_unit_test(a_client_renews_a_token_that_is_refused),
        cmocka_unit_test(a_client_logs_in_on_a_new_connection),
        cmocka_unit_test(a_connection_may_end_behind_the_login),
    };
    return cmocka_run_group_tests(tests, write_users, remove_users);
}
