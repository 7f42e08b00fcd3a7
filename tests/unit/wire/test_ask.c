/* SPDX-License-Identifier: Apache-2.0 */
/* A client's session against servers that answer in every way. */
#include "unit/wire/frames.h"

struct fixture {
    struct tested t;
    struct wire_call *call;
    unsigned headers, messages, ends, closes;
    enum fkv_status status;
    char message[300];
    char trailer[50]; /* the value of "t" at the end */
};

static void on_headers(void *context, struct wire_call *call)
{
    struct fixture *f = context;
    f->headers++;
    assert_true(slice_is(wire_metadata_get(wire_call_metadata(call), "h"), "1"));
}

static enum fkv_status on_message_end(void *context, struct wire_call *call,
                                      struct fkv_error *error)
{
    (void)call;
    (void)error;
    ((struct fixture *)context)->messages++;
    return FKV_OK;
}

static void on_end(void *context, struct wire_call *call)
{
    (void)call;
    ((struct fixture *)context)->ends++;
}

static void on_closed(void *context, struct wire_call *call, enum fkv_status status,
                      const char *message)
{
    struct fixture *f = context;
    f->closes++;
    f->status = status;
    snprintf(f->message, sizeof f->message, "%s", message);
    struct slice trailer = wire_metadata_get(wire_call_metadata(call), "t");
    snprintf(f->trailer, sizeof f->trailer, "%.*s", (int)trailer.size, (const char *)trailer.data);
}

static const struct wire_receiver receiver = {.on_headers = on_headers,
                                              .on_message_end = on_message_end,
                                              .on_end = on_end,
                                              .on_closed = on_closed};

static enum wire_pull wait_for_ever(void *context, struct wire_call *call, struct wire_out *out,
                                    struct fkv_error *error)
{
    (void)context;
    (void)call;
    (void)out;
    (void)error;
    return WIRE_PULL_WAIT;
}

static void begin(struct fixture *f, bool has_source)
{
    *f = (struct fixture){0};
    tested_begin(&f->t, &wire_limits_default, NULL, "there:1");
    const struct wire_pair pairs[] = {{slice_text("user-agent"), slice_text("me")},
                                      {slice_text("k-bin"), slice_of("\xff", 1)}};
    const struct wire_request request = {
        .path = "/s/m",
        .metadata = {pairs, 2},
        .timeout_ns = UINT64_C(1500000000),
        .receiver = &receiver,
        .context = f,
        .source = {has_source ? wait_for_ever : NULL, NULL},
    };
    struct fkv_error error;
    assert_ok(wire_call_open(f->t.session, &request, &f->call, &error));
    char expected[300];
    snprintf(expected, sizeof expected,
             "HEADERS%s 1 :method=POST :scheme=http :path=/s/m :authority=there:1 te=trailers "
             "content-type=application/grpc grpc-timeout=1500000u user-agent=me k-bin=/w\n",
             has_source ? "" : "+");
    expect_answer(&f->t.answer, f->t.session, expected);
    add_frame(&f->t.in, SETTINGS, 0, 0, "", 0);
    add_frame(&f->t.in, SETTINGS, ACK, 0, "", 0);
}

static void end(struct fixture *f)
{
    tested_end(&f->t);
    assert_int_equal(f->closes, 1);
}

static const char *const good_headers[] = {
    ":status", "200", "content-type", "application/grpc", "h", "1", NULL};
static const char *const good_trailers[] = {"grpc-status", "0", "t", "2", NULL};

static void takes_an_answer(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, false);
    static const char *const interim[] = {":status", "103", "h", "0", NULL};
    add_headers(&f.t.in, 0, 1, interim);
    add_headers(&f.t.in, 0, 1, good_headers);
    add_frame(&f.t.in, DATA, 0, 1, "\0\0\0\0\1x\0\0\0\0\0", 11);
    add_headers(&f.t.in, END_STREAM, 1, good_trailers);
    tested_feed_well(&f.t);
    assert_int_equal(f.headers, 1);
    assert_int_equal(f.messages, 2);
    assert_int_equal(f.ends, 1);
    assert_int_equal(f.status, FKV_OK);
    assert_string_equal(f.message, "");
    assert_string_equal(f.trailer, "2");
    end(&f);
}

/* The server's answer counts also when the client was still sending. */
static void takes_an_early_answer(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, true);
    static const char *const trailers_only[] = {":status",
                                                "200",
                                                "content-type",
                                                "application/grpc",
                                                "grpc-status",
                                                "9",
                                                "grpc-message",
                                                "a%C3%A9%25",
                                                "t",
                                                "3",
                                                NULL};
    add_headers(&f.t.in, END_STREAM, 1, trailers_only);
    tested_feed_well(&f.t);
    assert_int_equal(f.status, FKV_FAILED_PRECONDITION);
    assert_string_equal(f.message, "a\xc3\xa9%");
    assert_string_equal(f.trailer, "3");
    assert_int_equal(f.headers, 0);
    expect_answer(&f.t.answer, f.t.session, "RST_STREAM 1 0\n");
    end(&f);
}

struct bad_answer {
    const char *const *headers;
    const char *data;
    size_t data_size;
    const char *const *trailers;
    enum fkv_status status;
    const char *message;
};

static void bad_answers_have_a_status(void **state)
{
    (void)state;
    static const char *const unavailable[] = {":status", "503", "content-type", "text/html", NULL};
    static const char *const html[] = {":status", "200", "content-type", "text/html", NULL};
    static const char *const gzip[] = {
        ":status", "200", "content-type", "application/grpc", "grpc-encoding", "gzip", NULL};
    static const char *const no_status[] = {"t", "1", NULL};
    static const char *const odd_status[] = {"grpc-status", "99", NULL};
    static const struct bad_answer rows[] = {
        {unavailable, NULL, 0, NULL, FKV_UNAVAILABLE, "HTTP status 503"},
        {html, NULL, 0, NULL, FKV_UNKNOWN, "content-type"},
        {gzip, NULL, 0, NULL, FKV_INTERNAL, "grpc-encoding"},
        {good_headers, NULL, 0, no_status, FKV_UNKNOWN, "without a grpc-status"},
        {good_headers, NULL, 0, odd_status, FKV_UNKNOWN, ""},
        {good_headers, "\1\0\0\0\0", 5, NULL, FKV_INTERNAL, "compressed"},
        {good_headers, "\0\0\0\0\2x", 6, good_trailers, FKV_INTERNAL, "inside a message"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture f;
        begin(&f, false);
        add_headers(&f.t.in, 0, 1, rows[i].headers);
        if (rows[i].data != NULL)
            add_frame(&f.t.in, DATA, 0, 1, rows[i].data, rows[i].data_size);
        if (rows[i].trailers != NULL)
            add_headers(&f.t.in, END_STREAM, 1, rows[i].trailers);
        tested_feed_well(&f.t);
        assert_int_equal(f.closes, 1);
        assert_int_equal(f.status, rows[i].status);
        assert_non_null(strstr(f.message, rows[i].message));
        assert_int_equal(f.messages, 0);
        end(&f);
    }
}

static void resets_have_a_status(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        enum fkv_status status;
    } rows[] = {{0, FKV_INTERNAL},
                {2, FKV_INTERNAL},
                {7, FKV_UNAVAILABLE},
                {8, FKV_CANCELLED},
                {11, FKV_RESOURCE_EXHAUSTED},
                {12, FKV_PERMISSION_DENIED}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture f;
        begin(&f, true);
        add_number_frame(&f.t.in, RST_STREAM, 1, rows[i].code);
        tested_feed_well(&f.t);
        assert_int_equal(f.status, rows[i].status);
        assert_non_null(strstr(f.message, "reset the stream"));
        end(&f);
    }
}

static void goaway_ends_what_was_not_taken(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, true);
    add_frame(&f.t.in, GOAWAY, 0, 0, "\0\0\0\0\0\0\0\0", 8);
    tested_feed_well(&f.t);
    assert_int_equal(f.status, FKV_UNAVAILABLE);
    struct wire_call *another = NULL;
    struct fkv_error error;
    const struct wire_request request = {
        .path = "/", .timeout_ns = UINT64_MAX, .receiver = &receiver, .context = &f};
    assert_int_equal(wire_call_open(f.t.session, &request, &another, &error), FKV_UNAVAILABLE);
    assert_null(another);
    take_answer(&f.t.answer, f.t.session);
    assert_int_equal(wire_session_state(f.t.session), WIRE_OVER);
    end(&f);
}

static void goaway_lets_taken_calls_end(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, false);
    add_frame(&f.t.in, GOAWAY, 0, 0, "\0\0\0\1\0\0\0\0", 8);
    tested_feed_well(&f.t);
    assert_int_equal(f.closes, 0);
    assert_int_not_equal(wire_session_state(f.t.session), WIRE_OVER);
    add_headers(&f.t.in, 0, 1, good_headers);
    add_headers(&f.t.in, END_STREAM, 1, good_trailers);
    tested_feed_well(&f.t);
    assert_int_equal(f.status, FKV_OK);
    take_answer(&f.t.answer, f.t.session);
    assert_int_equal(wire_session_state(f.t.session), WIRE_OVER);
    end(&f);
}

static void closing_tells_open_calls(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, true);
    tested_feed_well(&f.t);
    wire_session_free(f.t.session);
    f.t.session = NULL;
    assert_int_equal(f.status, FKV_UNAVAILABLE);
    end(&f);
}

static void cancelling_resets(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, true);
    wire_call_cancel(f.call);
    assert_int_equal(f.closes, 1);
    assert_int_equal(f.status, FKV_CANCELLED);
    expect_answer(&f.t.answer, f.t.session, "RST_STREAM 1 8\n");
    add_headers(&f.t.in, END_STREAM, 1, good_headers); /* was on its way */
    tested_feed_well(&f.t);
    end(&f);
}

/* Bytes of a held call give credit back only when it is let go; windows here are 16 MiB. */
static void holding_keeps_the_credit(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, false);
    add_headers(&f.t.in, 0, 1, good_headers);
    tested_feed_well(&f.t);
    wire_call_hold(f.call, true);
    static uint8_t bytes[16384];
    add_frame(&f.t.in, DATA, 0, 1, "\0\x01\0\0\0", 5);
    for (int i = 0; i < 600; i++) {
        add_frame(&f.t.in, DATA, 0, 1, bytes, sizeof bytes);
        tested_feed_well(&f.t);
    }
    take_answer(&f.t.answer, f.t.session);
    assert_int_not_equal(wire_session_state(f.t.session), WIRE_HAS_OUTPUT);
    wire_call_hold(f.call, false);
    assert_int_equal(wire_session_state(f.t.session), WIRE_HAS_OUTPUT);
    take_answer(&f.t.answer, f.t.session);
    assert_int_equal(f.t.answer.bytes.size, 9 + 4); /* one WINDOW_UPDATE for all */
    end(&f);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(takes_an_answer), cmocka_unit_test(takes_an_early_answer),
              cmocka_unit_test(bad_answers_have_a_status), cmocka_unit_test(resets_have_a_status),
              cmocka_unit_test(goaway_ends_what_was_not_taken),
              cmocka_unit_test(goaway_lets_taken_calls_end),
              cmocka_unit_test(closing_tells_open_calls), cmocka_unit_test(cancelling_resets),
              cmocka_unit_test(holding_keeps_the_credit));
}
