/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/test.h"

#include "flight/flight_data.h"

struct seen {
    struct flight_data_reader reader;
    struct buf body;
    uint64_t body_size;
    unsigned bodies;
    bool header_at_body; /* the header was there when the body began */
    uint8_t target[1];
    size_t target_size; /* asked for last */
};

static enum fkv_status on_body(void *context, uint64_t size, struct fkv_error *error)
{
    (void)error;
    struct seen *seen = context;
    seen->bodies++;
    seen->body_size = size;
    seen->header_at_body = seen->reader.has_header;
    return FKV_OK;
}

static enum fkv_status on_body_bytes(void *context, struct slice bytes, struct fkv_error *error)
{
    (void)error;
    struct seen *seen = context;
    assert_true(buf_append(&seen->body, bytes.data, bytes.size));
    return FKV_OK;
}

static uint8_t *body_target(void *context, size_t *size)
{
    struct seen *seen = context;
    seen->target_size = *size;
    return seen->target;
}

static const struct flight_data_handler handler = {on_body, on_body_bytes, body_target};
static const struct flight_data_limits limits = {100, 100, 100, 100};

static void seen_init(struct seen *seen)
{
    *seen = (struct seen){0};
    flight_data_reader_init(&seen->reader, alloc_system(), &limits, &handler, seen);
    buf_init(&seen->body, alloc_system(), SIZE_MAX);
}

static void seen_done(struct seen *seen)
{
    flight_data_reader_done(&seen->reader);
    buf_done(&seen->body);
}

/* Feeds the message in pieces of `piece` bytes. */
static enum fkv_status read_message(struct seen *seen, struct slice message, size_t piece,
                                    struct fkv_error *error)
{
    seen->bodies = 0;
    buf_clear(&seen->body);
    flight_data_begin(&seen->reader, message.size);
    enum fkv_status status = FKV_OK;
    while (message.size > 0 && status == FKV_OK)
        status = flight_data_feed(&seen->reader, slice_take(&message, piece), error);
    return status == FKV_OK ? flight_data_end(&seen->reader, error) : status;
}

/* descriptor "dd", header "hhh", app_metadata "", unknown varint 9, body "bbbb" */
static const uint8_t whole[] = {0x0a, 2,    'd',  'd',  0x12, 3, 'h', 'h', 'h', 0x1a, 0,
                                0x48, 0xac, 0x02, 0xc2, 0x3e, 4, 'b', 'b', 'b', 'b'};

static void reads_in_pieces_of_any_size(void **state)
{
    (void)state;
    struct fkv_error error;
    struct seen seen;
    seen_init(&seen);
    for (size_t piece = 1; piece <= sizeof whole; piece++) {
        assert_ok(read_message(&seen, slice_of(whole, sizeof whole), piece, &error));
        assert_true(slice_is(buf_slice(&seen.reader.descriptor), "dd"));
        assert_true(slice_is(buf_slice(&seen.reader.header), "hhh"));
        assert_true(seen.reader.has_app_metadata);
        assert_int_equal(seen.reader.app_metadata.size, 0);
        assert_int_equal(seen.bodies, 1);
        assert_int_equal(seen.body_size, 4);
        assert_true(seen.header_at_body);
        assert_true(slice_is(buf_slice(&seen.body), "bbbb"));
    }
    seen_done(&seen);
}

/* Inside the body, and no further than its end, though the message goes on behind it. */
static void wants_the_body_at_its_target(void **state)
{
    (void)state;
    struct fkv_error error;
    struct seen seen;
    static const uint8_t bytes[] = {0x12, 1, 'h', 0xc2, 0x3e, 4, 'b', 'b', 'b', 'b', 0x48, 0};
    static const size_t left[] = {0, 0, 0, 0, 0, 0, 4, 3, 2, 1, 0, 0};
    seen_init(&seen);
    flight_data_begin(&seen.reader, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        size_t size = 100;
        uint8_t *target = flight_data_target(&seen.reader, &size);
        assert_ptr_equal(target, left[i] > 0 ? seen.target : NULL);
        if (left[i] > 0) {
            assert_int_equal(size, left[i]);
            assert_int_equal(seen.target_size, left[i]);
        }
        assert_ok(flight_data_feed(&seen.reader, slice_of(bytes + i, 1), &error));
    }
    assert_ok(flight_data_end(&seen.reader, &error));
    seen_done(&seen);
}

/* header "h", body_refs "rr", body "b": taken only where there is a limit for it. */
static void takes_refs_where_asked_to(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x12, 1, 'h', 0xca, 0x3e, 2, 'r', 'r', 0xc2, 0x3e, 1, 'b'};
    static const uint8_t late[] = {0xc2, 0x3e, 1, 'b', 0xca, 0x3e, 2, 'r', 'r'};
    static const uint8_t number[] = {0xc8, 0x3e, 1};
    static const struct flight_data_limits without = {100, 100, 100, 0};
    struct fkv_error error;
    struct seen seen;
    seen_init(&seen);
    for (size_t piece = 1; piece <= sizeof bytes; piece++) {
        assert_ok(read_message(&seen, slice_of(bytes, sizeof bytes), piece, &error));
        assert_true(slice_is(buf_slice(&seen.reader.refs), "rr"));
        assert_true(slice_is(buf_slice(&seen.body), "b"));
    }
    assert_int_equal(read_message(&seen, slice_of(late, sizeof late), 9, &error),
                     FKV_INVALID_ARGUMENT);
    assert_int_equal(read_message(&seen, slice_of(number, sizeof number), 9, &error),
                     FKV_INVALID_ARGUMENT);
    assert_ok(read_message(&seen, slice_of("", 0), 1, &error));
    assert_int_equal(seen.reader.refs.size, 0);
    seen_done(&seen);
    seen_init(&seen);
    flight_data_reader_init(&seen.reader, alloc_system(), &without, &handler, &seen);
    assert_ok(read_message(&seen, slice_of(late, sizeof late), 1, &error));
    assert_ok(read_message(&seen, slice_of(number, sizeof number), 1, &error));
    assert_int_equal(seen.reader.refs.size, 0);
    seen_done(&seen);
}

static void gives_every_message_one_body(void **state)
{
    (void)state;
    struct fkv_error error;
    struct seen seen;
    seen_init(&seen);
    assert_ok(read_message(&seen, slice_of("", 0), 1, &error));
    assert_int_equal(seen.bodies, 1);
    assert_int_equal(seen.body_size, 0);
    assert_false(seen.reader.has_header);
    static const uint8_t empty_body[] = {0x12, 1, 'h', 0xc2, 0x3e, 0};
    assert_ok(read_message(&seen, slice_of(empty_body, sizeof empty_body), 6, &error));
    assert_int_equal(seen.bodies, 1);
    assert_int_equal(seen.body_size, 0);
    seen_done(&seen);
}

static void the_last_of_a_repeated_field_counts(void **state)
{
    (void)state;
    static const uint8_t twice[] = {0x12, 1, 'a', 0x12, 2, 'b', 'c'};
    struct fkv_error error;
    struct seen seen;
    seen_init(&seen);
    assert_ok(read_message(&seen, slice_of(twice, sizeof twice), 1, &error));
    assert_true(slice_is(buf_slice(&seen.reader.header), "bc"));
    seen_done(&seen);
}

static void refuses_what_is_not_flight_data(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *bytes;
        size_t size;
        enum fkv_status status;
    } rows[] = {
        {"field 0", "\x02\x00", 2, FKV_INVALID_ARGUMENT},
        {"header as varint", "\x10\x01", 2, FKV_INVALID_ARGUMENT},
        {"group", "\x4b", 1, FKV_INVALID_ARGUMENT},
        {"length past the end",
         "\x12\x05"
         "hh",
         4, FKV_INVALID_ARGUMENT},
        {"cut in a tag", "\xc2", 1, FKV_INVALID_ARGUMENT},
        {"cut in a length", "\x12\x80", 2, FKV_INVALID_ARGUMENT},
        {"varint of 11 bytes", "\x48\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12,
         FKV_INVALID_ARGUMENT},
        {"two bodies",
         "\xc2\x3e\x01"
         "b\xc2\x3e\x01"
         "b",
         8, FKV_INVALID_ARGUMENT},
        {"header behind the body",
         "\xc2\x3e\x01"
         "b\x12\x01h",
         7, FKV_INVALID_ARGUMENT},
        {"length of 2^63", "\x12\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11,
         FKV_INVALID_ARGUMENT},
    };
    struct seen seen;
    seen_init(&seen);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t piece = 1; piece <= rows[i].size; piece++) {
            struct fkv_error error = {0};
            enum fkv_status status =
                read_message(&seen, slice_of(rows[i].bytes, rows[i].size), piece, &error);
            if (status != rows[i].status || error.message[0] == '\0')
                fail_msg("%s: %s '%s'", rows[i].what, fkv_status_text(status), error.message);
        }
    }
    seen_done(&seen);
}

static void a_field_over_its_limit_is_refused(void **state)
{
    (void)state;
    uint8_t message[2 + 101] = {0x12, 101};
    struct fkv_error error;
    struct seen seen;
    seen_init(&seen);
    assert_int_equal(read_message(&seen, slice_of(message, sizeof message), 50, &error),
                     FKV_RESOURCE_EXHAUSTED);
    seen_done(&seen);
}

static void a_field_without_memory_is_named(void **state)
{
    (void)state;
    uint8_t message[3 + 400] = {0x12, 0x90, 0x03};
    struct fkv_error error;
    struct test_alloc t;
    test_alloc_init(&t, 2); /* a buf begins with 256 bytes */
    struct flight_data_limits wide = limits;
    wide.header_bytes_max = 400;
    struct flight_data_reader reader;
    flight_data_reader_init(&reader, &t.alloc, &wide, &handler, NULL);
    flight_data_begin(&reader, sizeof message);
    assert_ok(flight_data_feed(&reader, slice_of(message, 203), &error));
    assert_int_equal(flight_data_feed(&reader, slice_of(message + 203, 200), &error),
                     FKV_RESOURCE_EXHAUSTED);
    assert_string_equal(error.message,
                        "no memory for FlightData.data_header of 400 B, of which 200 B had come: "
                        "either --memory or the machine's is used up");
    flight_data_reader_done(&reader);
    assert_int_equal(t.live, 0);
}

/* Whatever a message looks like, how it is cut must not matter. */
static void mutations_read_the_same_in_any_pieces(void **state)
{
    (void)state;
    struct fkv_error error;
    struct seen seen;
    seen_init(&seen);
    for (size_t at = 0; at < sizeof whole; at++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t message[sizeof whole];
            memcpy(message, whole, sizeof whole);
            message[at] = (uint8_t)value;
            struct slice bytes = slice_of(message, sizeof message);
            enum fkv_status at_once = read_message(&seen, bytes, sizeof message, &error);
            size_t body_size = seen.body.size;
            assert_int_equal(read_message(&seen, bytes, 1, &error), at_once);
            assert_int_equal(seen.body.size, body_size);
        }
    }
    seen_done(&seen);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(reads_in_pieces_of_any_size),
              cmocka_unit_test(wants_the_body_at_its_target),
              cmocka_unit_test(takes_refs_where_asked_to),
              cmocka_unit_test(gives_every_message_one_body),
              cmocka_unit_test(the_last_of_a_repeated_field_counts),
              cmocka_unit_test(refuses_what_is_not_flight_data),
              cmocka_unit_test(a_field_over_its_limit_is_refused),
              cmocka_unit_test(a_field_without_memory_is_named),
              cmocka_unit_test(mutations_read_the_same_in_any_pieces));
}
