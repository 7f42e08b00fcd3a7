/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of handshakes, polls and the standard actions. Bytes that are written out here are
 * those of protoc's own encoder. */
#include "flight/messages.h"
#include "harness/test.h"

struct fixture {
    struct flight_memory memory;
    struct buf buf;
    struct fkv_error error;
};

static int set_up(void **state)
{
    static struct fixture f;
    flight_memory_init(&f.memory, alloc_system(), 64 << 10);
    buf_init(&f.buf, alloc_system(), 1 << 20);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    flight_memory_done(&f->memory);
    buf_done(&f->buf);
    return 0;
}

#define error (f->error)
#define TEXT(text) slice_text(text)

static void handshakes_round_trip(void **state)
{
    struct fixture *f = *state;
    const struct flight_handshake given = {7, TEXT("token")};
    struct flight_handshake back;
    assert_ok(flight_handshake_encode(&given, &f->buf, &error));
    assert_true(slice_is(buf_slice(&f->buf), "\x08\x07\x12\x05token"));
    assert_ok(flight_handshake_decode(&f->memory, buf_slice(&f->buf), &back, &error));
    assert_int_equal(back.protocol_version, 7);
    assert_true(slice_is(back.payload, "token"));
    assert_ok(flight_handshake_decode(&f->memory, slice_of(NULL, 0), &back, &error));
    assert_int_equal(back.payload.size, 0);
}

static void basic_auth_begins_with_field_2(void **state)
{
    struct fixture *f = *state;
    const struct flight_basic_auth given = {TEXT("arrow"), TEXT("flight")};
    struct flight_basic_auth back;
    assert_ok(flight_basic_auth_encode(&given, &f->buf, &error));
    assert_true(slice_is(buf_slice(&f->buf), "\x12\x05"
                                             "arrow\x1a\x06"
                                             "flight"));
    assert_ok(flight_basic_auth_decode(&f->memory, buf_slice(&f->buf), &back, &error));
    assert_true(slice_is(back.username, "arrow") && slice_is(back.password, "flight"));
    assert_int_equal(flight_basic_auth_decode(&f->memory, TEXT("\x12\x01\xff"), &back, &error),
                     FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "user name"));
}

static const struct flight_endpoint endpoint = {.ticket = {(const uint8_t *)"t", 1},
                                                .has_expiration = true,
                                                .expiration_s = -1,
                                                .expiration_ns = 999999999};
static const struct flight_info info = {
    .schema = {(const uint8_t *)"s", 1},
    .descriptor = {.type = FLIGHT_DESCRIPTOR_CMD, .cmd = {(const uint8_t *)"q", 1}},
    .endpoints = &endpoint,
    .endpoint_count = 1,
    .total_records = 3,
    .total_bytes = -1,
    .ordered = true,
    .app_metadata = {(const uint8_t *)"m", 1}};

static void polls_round_trip(void **state)
{
    struct fixture *f = *state;
    const struct flight_poll_info given = {
        .has_info = true,
        .info = info,
        .has_descriptor = true,
        .descriptor = {.type = FLIGHT_DESCRIPTOR_CMD, .cmd = TEXT("again")},
        .has_progress = true,
        .progress = 0.25,
        .has_expiration = true,
        .expiration = {1700000000, 5}};
    struct flight_poll_info back;
    assert_ok(flight_poll_info_encode(&given, &f->buf, &error));
    assert_ok(flight_poll_info_decode(&f->memory, buf_slice(&f->buf), &back, &error));
    assert_true(back.has_info && back.info.ordered && back.info.total_records == 3);
    assert_true(slice_is(back.info.app_metadata, "m"));
    assert_true(back.has_descriptor && slice_is(back.descriptor.cmd, "again"));
    assert_true(back.has_progress && back.progress == 0.25);
    assert_true(back.has_expiration);
    assert_int_equal(back.expiration.seconds, 1700000000);
    assert_int_equal(back.expiration.nanos, 5);
}

/* "No progress" and "progress 0" are two things; a descriptor that isn't there means the end. */
static void what_a_poll_lacks_stays_absent(void **state)
{
    struct fixture *f = *state;
    const struct flight_poll_info none = {0}, zero = {.has_progress = true};
    struct flight_poll_info back;
    assert_ok(flight_poll_info_encode(&none, &f->buf, &error));
    assert_int_equal(f->buf.size, 0);
    assert_ok(flight_poll_info_decode(&f->memory, buf_slice(&f->buf), &back, &error));
    assert_false(back.has_info || back.has_descriptor || back.has_progress || back.has_expiration);
    assert_ok(flight_poll_info_encode(&zero, &f->buf, &error));
    assert_true(slice_equal(buf_slice(&f->buf), slice_of("\x19\0\0\0\0\0\0\0\0", 9)));
    assert_ok(flight_poll_info_decode(&f->memory, buf_slice(&f->buf), &back, &error));
    assert_true(back.has_progress && back.progress == 0);
}

static void cancel_requests_round_trip(void **state)
{
    struct fixture *f = *state;
    struct flight_info back;
    assert_ok(flight_cancel_request_encode(&info, &f->buf, &error));
    assert_ok(flight_cancel_request_decode(&f->memory, buf_slice(&f->buf), &back, &error));
    assert_true(slice_is(back.descriptor.cmd, "q"));
    assert_int_equal(back.endpoints[0].expiration_s, -1);
    assert_int_equal(back.endpoints[0].expiration_ns, 999999999);
    assert_int_equal(flight_cancel_request_decode(&f->memory, TEXT(""), &back, &error),
                     FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "no info"));
}

static void renew_requests_round_trip(void **state)
{
    struct fixture *f = *state;
    struct flight_endpoint back;
    assert_ok(flight_renew_request_encode(&endpoint, &f->buf, &error));
    assert_ok(flight_renew_request_decode(&f->memory, buf_slice(&f->buf), &back, &error));
    assert_true(slice_is(back.ticket, "t") && back.has_expiration);
    assert_int_equal(flight_renew_request_decode(&f->memory, TEXT(""), &back, &error),
                     FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "no endpoint"));
    buf_clear(&f->buf);
    assert_ok(flight_endpoint_encode(&endpoint, &f->buf, &error));
    assert_ok(flight_endpoint_decode(&f->memory, buf_slice(&f->buf), &back, &error));
    assert_int_equal(back.expiration_ns, 999999999);
}

static void status_results_round_trip(void **state)
{
    struct fixture *f = *state;
    int32_t back = 0;
    assert_ok(flight_status_result_encode(3, &f->buf, &error));
    assert_true(slice_is(buf_slice(&f->buf), "\x08\x03"));
    assert_ok(flight_status_result_decode(&f->memory, buf_slice(&f->buf), &back, &error));
    assert_int_equal(back, 3);
}

static void session_options_round_trip(void **state)
{
    struct fixture *f = *state;
    const struct slice words[] = {TEXT("a"), TEXT(""), TEXT("\xe3\x81\xa5")};
    const struct flight_option given[] = {
        {.name = TEXT("none")},
        {.name = TEXT("string"), .type = FLIGHT_OPTION_STRING, .string = slice_of("x\0y", 3)},
        {.name = TEXT("bool"), .type = FLIGHT_OPTION_BOOL, .boolean = true},
        {.name = TEXT("int"), .type = FLIGHT_OPTION_INT64, .int64 = INT64_MIN},
        {.name = TEXT("double"), .type = FLIGHT_OPTION_DOUBLE, .real = 456.0},
        {.name = TEXT("list"), .type = FLIGHT_OPTION_STRINGS, .strings = words, .string_count = 3},
    };
    const struct flight_option *back;
    size_t count;
    assert_ok(flight_options_encode(given, 6, &f->buf, &error));
    assert_ok(flight_options_decode(&f->memory, buf_slice(&f->buf), &back, &count, &error));
    assert_int_equal(count, 6);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(back[i].type, given[i].type);
        assert_true(slice_equal(back[i].name, given[i].name));
    }
    assert_true(slice_equal(back[1].string, given[1].string));
    assert_true(back[2].boolean && back[3].int64 == INT64_MIN && back[4].real == 456.0);
    assert_int_equal(back[5].string_count, 3);
    assert_true(slice_equal(back[5].strings[2], words[2]));
}

/* An int64_value is an sfixed64: eight bytes behind their tag, not a varint. */
static void session_integers_are_of_fixed_size(void **state)
{
    struct fixture *f = *state;
    const struct flight_option given = {
        .name = TEXT("k"), .type = FLIGHT_OPTION_INT64, .int64 = 123};
    assert_ok(flight_options_encode(&given, 1, &f->buf, &error));
    assert_true(slice_equal(buf_slice(&f->buf),
                            slice_of("\x0a\x0e\x0a\x01k\x12\x09\x19\x7b\0\0\0\0\0\0\0", 16)));
}

static void session_texts_must_be_utf8(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"\x0a\x03\x0a\x01\xff", /* a name */
                                      "\x0a\x05\x12\x03\x0a\x01\xff",
                                      "\x0a\x07\x12\x05\x2a\x03\x0a\x01\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct flight_option *back;
        size_t count;
        assert_int_equal(flight_options_decode(&f->memory, TEXT(bad[i]), &back, &count, &error),
                         FKV_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "UTF-8"));
    }
}

static void option_errors_round_trip(void **state)
{
    struct fixture *f = *state;
    const struct flight_option_error given[] = {{TEXT("a"), 1}, {TEXT("b"), 2}};
    const struct flight_option_error *back;
    size_t count;
    assert_ok(flight_option_errors_encode(given, 2, &f->buf, &error));
    assert_ok(flight_option_errors_decode(&f->memory, buf_slice(&f->buf), &back, &count, &error));
    assert_int_equal(count, 2);
    assert_true(slice_is(back[1].name, "b"));
    assert_int_equal(back[1].value, 2);
}

/* Many small parts: the memory's limit stops them, and names them. */
static void too_many_options_are_refused(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 100000; i++)
        buf_append(&f->buf, "\x0a\x00", 2);
    const struct flight_option *back;
    size_t count;
    assert_int_equal(flight_options_decode(&f->memory, buf_slice(&f->buf), &back, &count, &error),
                     FKV_RESOURCE_EXHAUSTED);
    assert_true(f->memory.used_bytes <= 64 << 10);
}

static void decode_all(struct flight_memory *memory, struct slice bytes)
{
    struct flight_handshake handshake;
    struct flight_basic_auth auth;
    struct flight_poll_info poll;
    struct flight_info some_info;
    struct flight_endpoint some_endpoint;
    const struct flight_option *options;
    const struct flight_option_error *errors;
    size_t count;
    int32_t value;
    flight_handshake_decode(memory, bytes, &handshake, NULL);
    flight_basic_auth_decode(memory, bytes, &auth, NULL);
    flight_poll_info_decode(memory, bytes, &poll, NULL);
    flight_cancel_request_decode(memory, bytes, &some_info, NULL);
    flight_renew_request_decode(memory, bytes, &some_endpoint, NULL);
    flight_endpoint_decode(memory, bytes, &some_endpoint, NULL);
    flight_options_decode(memory, bytes, &options, &count, NULL);
    flight_option_errors_decode(memory, bytes, &errors, &count, NULL);
    flight_status_result_decode(memory, bytes, &value, NULL);
}

static void random_bytes_do_no_harm(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (unsigned round = 0; round < 20000; round++) {
        struct test_alloc t;
        test_alloc_init(&t, round % 3 == 0 ? round % 7 : 0);
        struct flight_memory memory;
        flight_memory_init(&memory, &t.alloc, 64 << 10);
        uint8_t bytes[48];
        size_t size = round % sizeof bytes;
        for (size_t i = 0; i < size; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = (uint8_t)((seed >> 24) & (round % 2 == 0 ? 0xff : 0x1f));
        }
        decode_all(&memory, slice_of(bytes, size));
        flight_memory_done(&memory);
        assert_int_equal(t.live, 0);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    RUN_TESTS(TEST(handshakes_round_trip), TEST(basic_auth_begins_with_field_2),
              TEST(polls_round_trip), TEST(what_a_poll_lacks_stays_absent),
              TEST(cancel_requests_round_trip), TEST(renew_requests_round_trip),
              TEST(status_results_round_trip), TEST(session_options_round_trip),
              TEST(session_integers_are_of_fixed_size), TEST(session_texts_must_be_utf8),
              TEST(option_errors_round_trip), TEST(too_many_options_are_refused),
              cmocka_unit_test(random_bytes_do_no_harm));
}
