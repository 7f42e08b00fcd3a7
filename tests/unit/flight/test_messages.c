/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "flight/messages.h"

enum { memory_limit = 64 << 10 };

struct fixture {
    struct flight_memory memory;
    struct buf buf;
    struct fkv_error error;
};

static void fixture_init(struct fixture *f)
{
    flight_memory_init(&f->memory, alloc_system(), memory_limit);
    buf_init(&f->buf, alloc_system(), 1 << 20);
}

static void fixture_done(struct fixture *f)
{
    flight_memory_done(&f->memory);
    buf_done(&f->buf);
}

#define error (f.error)

static void descriptors_round_trip(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    const struct slice path[] = {slice_text("a"), slice_of("b\0c", 3)};
    const struct flight_descriptor by_path = {
        .type = FLIGHT_DESCRIPTOR_PATH, .path = path, .path_count = 2};
    struct flight_descriptor back;
    assert_ok(flight_descriptor_encode(&by_path, &f.buf, &error));
    assert_ok(flight_descriptor_decode(&f.memory, buf_slice(&f.buf), &back, &error));
    assert_int_equal(back.type, FLIGHT_DESCRIPTOR_PATH);
    assert_int_equal(back.path_count, 2);
    assert_true(slice_equal(back.path[0], path[0]));
    assert_true(slice_equal(back.path[1], path[1])); /* a NUL doesn't cut it */

    buf_clear(&f.buf);
    const struct flight_descriptor by_cmd = {.type = FLIGHT_DESCRIPTOR_CMD,
                                             .cmd = slice_of("\xff\0k", 3)};
    assert_ok(flight_descriptor_encode(&by_cmd, &f.buf, &error));
    assert_ok(flight_descriptor_decode(&f.memory, buf_slice(&f.buf), &back, &error));
    assert_int_equal(back.type, FLIGHT_DESCRIPTOR_CMD);
    assert_true(slice_equal(back.cmd, by_cmd.cmd));
    fixture_done(&f);
}

static void infos_round_trip(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    const struct slice locations[] = {slice_text("grpc+tcp://a:1"), slice_text("grpc+tcp://b:2")};
    const struct flight_endpoint endpoints[] = {{.ticket = slice_text("t0")},
                                                {.ticket = slice_text("t1"),
                                                 .locations = locations,
                                                 .location_count = 2,
                                                 .has_expiration = true,
                                                 .expiration_s = 1700000000,
                                                 .expiration_ns = 5,
                                                 .app_metadata = slice_text("meta")}};
    const struct flight_info info = {
        .schema = slice_text("schema"),
        .descriptor = {.type = FLIGHT_DESCRIPTOR_CMD, .cmd = slice_text("k")},
        .endpoints = endpoints,
        .endpoint_count = 2,
        .total_records = -1,
        .total_bytes = INT64_MAX,
        .ordered = true,
        .app_metadata = slice_text("x")};
    struct flight_info back;
    assert_ok(flight_info_encode(&info, &f.buf, &error));
    assert_ok(flight_info_decode(&f.memory, buf_slice(&f.buf), &back, &error));
    assert_true(slice_is(back.schema, "schema"));
    assert_true(slice_is(back.descriptor.cmd, "k"));
    assert_int_equal(back.endpoint_count, 2);
    assert_true(slice_is(back.endpoints[0].ticket, "t0"));
    assert_false(back.endpoints[0].has_expiration);
    assert_int_equal(back.endpoints[0].location_count, 0);
    assert_int_equal(back.endpoints[1].location_count, 2);
    assert_true(slice_is(back.endpoints[1].locations[1], "grpc+tcp://b:2"));
    assert_int_equal(back.endpoints[1].expiration_s, 1700000000);
    assert_int_equal(back.endpoints[1].expiration_ns, 5);
    assert_int_equal(back.total_records, -1);
    assert_true(back.total_bytes == INT64_MAX);
    assert_true(back.ordered);
    fixture_done(&f);
}

static void an_unknown_descriptor_type_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    struct flight_descriptor back;
    assert_int_equal(flight_descriptor_decode(&f.memory, slice_text("\x08\x07"), &back, &error),
                     FKV_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "7"));
    fixture_done(&f);
}

static void decoding_keeps_its_memory_limit(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    enum { segments = 100000 };
    for (size_t i = 0; i < segments; i++)
        buf_append(&f.buf, "\x1a\x00", 2); /* an empty path segment */
    struct flight_descriptor back;
    assert_int_not_equal(flight_descriptor_decode(&f.memory, buf_slice(&f.buf), &back, &error),
                         FKV_OK);
    assert_true(f.memory.used_bytes <= memory_limit);
    fixture_done(&f);
}

static void an_action_type_must_be_utf8(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    const struct flight_action bad = {slice_text("\xff"), slice_text("")};
    struct flight_action back;
    assert_ok(flight_action_encode(&bad, &f.buf, &error));
    assert_int_equal(flight_action_decode(&f.memory, buf_slice(&f.buf), &back, &error),
                     FKV_INVALID_ARGUMENT);
    fixture_done(&f);
}

static void schemas_are_taken_out_of_their_capsule(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    struct slice capsule = slice_of("\xff\xff\xff\xff\x08\0\0\0schema  ", 16), message;
    assert_ok(flight_schema_message(capsule, &message, &error));
    assert_true(slice_is(message, "schema  "));
    assert_ok(
        flight_schema_message(slice_of("\x01\0\0\0x", 5), &message, &error)); /* old framing */
    assert_int_equal(message.size, 1);
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {{"", 0},
               {"\xff\xff\xff\xff", 4},
               {"\xff\xff\xff\xff\x09\0\0\0", 8},
               {"\0\0\0\0", 4},
               {"\x05\0\0\0abcd", 8}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(
            flight_schema_message(slice_of(bad[i].bytes, bad[i].size), &message, &error),
            FKV_INVALID_ARGUMENT);
    fixture_done(&f);
}

/* Whatever the bytes are, decoding ends in a status and gives all memory back. */
static void random_bytes_do_no_harm(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (unsigned round = 0; round < 20000; round++) {
        struct test_alloc t;
        test_alloc_init(&t, 0);
        struct flight_memory memory;
        flight_memory_init(&memory, &t.alloc, memory_limit);
        uint8_t bytes[48];
        size_t size = round % sizeof bytes;
        for (size_t i = 0; i < size; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = (uint8_t)((seed >> 24) & (round % 2 == 0 ? 0xff : 0x1f));
        }
        struct flight_info info;
        struct flight_descriptor descriptor;
        struct flight_action action;
        flight_info_decode(&memory, slice_of(bytes, size), &info, NULL);
        flight_descriptor_decode(&memory, slice_of(bytes, size), &descriptor, NULL);
        flight_action_decode(&memory, slice_of(bytes, size), &action, NULL);
        flight_memory_done(&memory);
        assert_int_equal(t.live, 0);
    }
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(descriptors_round_trip), cmocka_unit_test(infos_round_trip),
              cmocka_unit_test(an_unknown_descriptor_type_is_refused),
              cmocka_unit_test(decoding_keeps_its_memory_limit),
              cmocka_unit_test(an_action_type_must_be_utf8),
              cmocka_unit_test(schemas_are_taken_out_of_their_capsule),
              cmocka_unit_test(random_bytes_do_no_harm));
}
