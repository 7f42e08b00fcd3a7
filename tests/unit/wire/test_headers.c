/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "wire/fields.h"
#include "wire/trailers.h"

static struct wire_headers make(void)
{
    struct wire_headers headers;
    wire_headers_init(&headers, alloc_system());
    return headers;
}

/* Everything that was encoded comes back by decoding, as it would from the wire. */
static void metadata_round_trip(void **state)
{
    (void)state;
    struct wire_headers out = make(), back = make();
    uint8_t bytes[257];
    struct fkv_error error;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (size_t size = 0; size < sizeof bytes; size++)
        assert_ok(
            wire_headers_encode(&out, slice_text("Some-Key-bin"), slice_of(bytes, size), &error));
    assert_ok(wire_headers_encode(&out, slice_text("Plain_1.x"), slice_text(" ~ok% "), &error));
    for (size_t i = 0; i < out.count; i++) {
        const struct wire_pair *pair = &out.pairs[i];
        assert_null(memchr(pair->value.data, '=', pair->value.size)); /* unpadded */
        assert_ok(wire_headers_decode(&back, pair->name, pair->value, &error));
    }
    assert_int_equal(back.count, sizeof bytes + 1);
    for (size_t size = 0; size < sizeof bytes; size++) {
        assert_true(slice_is(back.pairs[size].name, "some-key-bin"));
        assert_true(slice_equal(back.pairs[size].value, slice_of(bytes, size)));
    }
    assert_true(slice_is(back.pairs[sizeof bytes].name, "plain_1.x"));
    assert_true(slice_is(back.pairs[sizeof bytes].value, "~ok%")); /* blanks around don't count */
    wire_headers_done(&out);
    wire_headers_done(&back);
}

static void binary_values_in_all_forms(void **state)
{
    (void)state;
    struct wire_headers headers = make();
    struct fkv_error error;
    assert_ok(wire_headers_decode(&headers, slice_text("a-bin"), slice_text("YQ==, YWI ,YWJj,,"),
                                  &error));
    static const char *const expected[] = {"a", "ab", "abc", "", ""};
    assert_int_equal(headers.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_true(slice_is(headers.pairs[i].value, expected[i]));
    assert_int_equal(wire_headers_decode(&headers, slice_text("a-bin"), slice_text("@@@@"), &error),
                     FKV_INTERNAL);
    assert_non_null(strstr(error.message, "a-bin"));
    struct wire_metadata metadata = wire_headers_metadata(&headers);
    assert_true(slice_is(wire_metadata_get(metadata, "a-bin"), "a"));
    assert_null(wire_metadata_get(metadata, "b").data);
    wire_headers_done(&headers);
}

static void refuses_what_cannot_be_sent(void **state)
{
    (void)state;
    struct wire_headers headers = make();
    struct fkv_error error;
    static const char *const bad_names[] = {"", ":path", "a b", "a\n", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof bad_names / sizeof bad_names[0]; i++)
        assert_int_equal(
            wire_headers_encode(&headers, slice_text(bad_names[i]), slice_text("x"), &error),
            FKV_INVALID_ARGUMENT);
    static const char *const bad_values[] = {"a\nb", "\x7f", "\xc3\xa9", "\t"};
    for (size_t i = 0; i < sizeof bad_values / sizeof bad_values[0]; i++)
        assert_int_equal(
            wire_headers_encode(&headers, slice_text("x"), slice_text(bad_values[i]), &error),
            FKV_INVALID_ARGUMENT);
    assert_int_equal(headers.count, 0);
    wire_headers_done(&headers);
}

static void timeouts_round_trip(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } rows[] = {
        {0, "0n"},
        {99999999, "99999999n"},
        {100000000, "100000u"},
        {100000001, "100001u"}, /* rounded up: never early */
        {UINT64_C(3000000000), "3000000u"},
        {UINT64_C(99999999000) + 1, "100000m"},
        {UINT64_C(3600000000000000), "3600000S"},
        {UINT64_MAX - 1, "5124096H"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[wire_timeout_size];
        uint64_t back;
        wire_timeout_text(rows[i].ns, text);
        assert_true(wire_timeout_parse(slice_text(text), &back));
        assert_true(back >= rows[i].ns);
        if (i + 1 < sizeof rows / sizeof rows[0])
            assert_string_equal(text, rows[i].text);
    }
    uint64_t ns = 7;
    assert_true(wire_timeout_parse(slice_text("3S"), &ns) && ns == UINT64_C(3000000000));
    assert_true(wire_timeout_parse(slice_text("2M"), &ns) && ns == UINT64_C(120000000000));
    assert_true(wire_timeout_parse(slice_text("99999999H"), &ns) && ns == UINT64_MAX);
    ns = 7;
    static const char *const bad[] = {"",    "S",   "1",    "100000000S", "1s",
                                      "-1S", "1 S", "1.5S", "+1S"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(wire_timeout_parse(slice_text(bad[i]), &ns));
    assert_int_equal(ns, 7);
}

static void reads_a_request(void **state)
{
    (void)state;
    struct wire_fields fields;
    wire_fields_init(&fields, alloc_system());
    static const char *const rows[][2] = {
        {":method", "POST"},
        {":scheme", "http"},
        {":path", "/a.B/C"},
        {":authority", "x"},
        {"content-type", "application/grpc+proto"},
        {"te", "trailers"},
        {"grpc-timeout", "3S"},
        {"grpc-accept-encoding", "identity,gzip"},
        {"user-agent", "test/1"},
        {"k-bin", "AAEC"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        wire_fields_add(&fields, slice_text(rows[i][0]), slice_text(rows[i][1]), 10000);
    assert_int_equal(fields.status, FKV_OK);
    assert_true(fields.is_post && fields.is_grpc && fields.is_identity);
    assert_true(slice_is(fields.path, "/a.B/C"));
    assert_int_equal(fields.timeout_ns, UINT64_C(3000000000));
    assert_int_equal(fields.metadata.count, 2); /* gRPC's own are left out, user-agent is not */
    assert_true(slice_is(fields.metadata.pairs[0].value, "test/1"));
    assert_true(slice_equal(fields.metadata.pairs[1].value, slice_of("\0\1\2", 3)));

    wire_fields_clear(&fields);
    assert_int_equal(fields.metadata.count, 0);
    assert_false(fields.is_post);
    wire_fields_add(&fields, slice_text("content-type"), slice_text("application/grpcx"), 10000);
    wire_fields_add(&fields, slice_text("grpc-encoding"), slice_text("gzip"), 10000);
    wire_fields_add(&fields, slice_text("grpc-status"), slice_text("x"), 10000);
    wire_fields_add(&fields, slice_text("grpc-message"), slice_text("a%C3%A9%"), 10000);
    assert_false(fields.is_grpc || fields.is_identity);
    assert_int_equal(fields.grpc_status, FKV_UNKNOWN);
    assert_true(slice_is(fields.message, "a%C3%A9%")); /* a bad escape: as it came */
    wire_fields_done(&fields);
}

static void bounds_a_header_list(void **state)
{
    (void)state;
    struct wire_fields fields;
    wire_fields_init(&fields, alloc_system());
    for (int i = 0; i < 100; i++)
        wire_fields_add(&fields, slice_text("name"), slice_text("value"), 41 * 10 + 40);
    assert_int_equal(fields.status, FKV_RESOURCE_EXHAUSTED);
    assert_int_equal(fields.metadata.count, 10);
    wire_fields_done(&fields);
}

static void check_trailers(const char *message, size_t more_bytes, size_t prefix_least)
{
    struct wire_headers trailers = make();
    struct wire_fields fields;
    wire_fields_init(&fields, alloc_system());
    assert_true(wire_trailers_add(&trailers, FKV_NOT_FOUND, message, more_bytes));
    assert_true(trailers.list_bytes + more_bytes <= wire_trailers_bytes_max);
    for (size_t i = 0; i < trailers.count; i++)
        wire_fields_add(&fields, trailers.pairs[i].name, trailers.pairs[i].value, 100000);
    assert_int_equal(fields.grpc_status, FKV_NOT_FOUND);
    assert_true(fields.message.size >= prefix_least);
    assert_memory_equal(message, fields.message.data, fields.message.size);
    struct wire_metadata metadata = wire_headers_metadata(&fields.metadata);
    assert_true(slice_is(wire_metadata_get(metadata, "x-arrow-status"), "2"));
    assert_true(
        slice_equal(wire_metadata_get(metadata, "x-arrow-status-message-bin"), fields.message));
    wire_fields_done(&fields);
    wire_headers_done(&trailers);
}

static void cuts_long_messages(void **state)
{
    (void)state;
    static char ascii[100001], wide[9001], raw[5001];
    memset(ascii, 'a', sizeof ascii - 1);
    memset(raw, 0x01, sizeof raw - 1);
    for (size_t i = 0; i < sizeof wide - 1; i += 3)
        memcpy(wide + i, "\xe2\x82\xac", 3);
    check_trailers("short", 0, 5);
    check_trailers("100% \xc3\xa9", 0, 7);
    check_trailers(ascii, 0, 1024);
    check_trailers(ascii, 7000, 200);
    check_trailers(wide, 0, 1021);
    check_trailers(wide, 5000, 300);
    check_trailers(raw, 0, 1000);
    check_trailers(ascii, 7900, 0);
}

static void no_words_for_ok(void **state)
{
    (void)state;
    struct wire_headers trailers = make();
    assert_true(wire_trailers_add(&trailers, FKV_OK, "", 0));
    assert_int_equal(trailers.count, 1);
    assert_true(slice_is(trailers.pairs[0].value, "0"));
    wire_headers_done(&trailers);
}

static void maps_foreign_codes(void **state)
{
    (void)state;
    assert_int_equal(wire_status_of_reset(WIRE_RESET_REFUSED_STREAM), FKV_UNAVAILABLE);
    assert_int_equal(wire_status_of_reset(WIRE_RESET_CANCEL), FKV_CANCELLED);
    assert_int_equal(wire_status_of_reset(WIRE_RESET_ENHANCE_YOUR_CALM), FKV_RESOURCE_EXHAUSTED);
    assert_int_equal(wire_status_of_reset(12345), FKV_INTERNAL);
    assert_string_equal(wire_reset_text(WIRE_RESET_CANCEL), "CANCEL");
    assert_string_equal(wire_reset_text(12345), "an unknown error code");
    assert_int_equal(wire_status_of_http(503), FKV_UNAVAILABLE);
    assert_int_equal(wire_status_of_http(404), FKV_UNIMPLEMENTED);
    assert_int_equal(wire_status_of_http(-1), FKV_UNKNOWN);
}

static void out_of_memory(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct test_alloc memory;
        struct wire_headers headers;
        struct fkv_error error;
        test_alloc_init(&memory, n);
        wire_headers_init(&headers, &memory.alloc);
        enum fkv_status status =
            wire_headers_encode(&headers, slice_text("a-bin"), slice_text("bytes"), &error);
        if (status == FKV_OK)
            status = wire_headers_encode(&headers, slice_text("b"), slice_text("v"), &error);
        bool has_trailers = wire_trailers_add(&headers, FKV_ABORTED, "why", 0);
        wire_headers_done(&headers);
        assert_int_equal(memory.live, 0);
        if (memory.requests < n) {
            assert_true(status == FKV_OK && has_trailers);
            break;
        }
        assert_true(status == FKV_RESOURCE_EXHAUSTED || (status == FKV_OK && !has_trailers));
    }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(metadata_round_trip), cmocka_unit_test(binary_values_in_all_forms),
              cmocka_unit_test(refuses_what_cannot_be_sent), cmocka_unit_test(timeouts_round_trip),
              cmocka_unit_test(reads_a_request), cmocka_unit_test(bounds_a_header_list),
              cmocka_unit_test(cuts_long_messages), cmocka_unit_test(no_words_for_ok),
              cmocka_unit_test(maps_foreign_codes), cmocka_unit_test(out_of_memory));
}
