/* SPDX-License-Identifier: Apache-2.0 */
/* A server's session against clients that do everything wrong, or unusually. */
#include "unit/wire/frames.h"

struct fixture {
    struct tested t;
    struct wire_call *call; /* the last one */
    unsigned calls, messages, ends, closes;
    enum fkv_status status;
    uint64_t timeout_ns;
    unsigned to_send; /* messages of 10 bytes */
    bool waits_then;
    bool finishes_at_once;
    bool drains_at_once;
    bool ignores_calls;
    bool gives_nothing; /* the source claims a message that it didn't put */
    bool had_ended_when_closed;
};

static enum fkv_status on_message_end(void *context, struct wire_call *call,
                                      struct fkv_error *error)
{
    (void)call;
    (void)error;
    ((struct fixture *)context)->messages++;
    return FKV_OK;
}

static enum wire_pull next_message(void *context, struct wire_call *call, struct wire_out *out,
                                   struct fkv_error *error)
{
    (void)call;
    (void)error;
    struct fixture *f = context;
    if (f->gives_nothing)
        return WIRE_PULL_MESSAGE;
    if (f->to_send == 0)
        return f->waits_then ? WIRE_PULL_WAIT : WIRE_PULL_END;
    f->to_send--;
    wire_out_begin(out);
    wire_out_copy(out, slice_text("0123456789"));
    wire_out_end(out);
    return WIRE_PULL_MESSAGE;
}

static void on_end(void *context, struct wire_call *call)
{
    struct fixture *f = context;
    f->ends++;
    const struct wire_source source = {next_message, f};
    wire_call_send(call, &source);
}

static void on_closed(void *context, struct wire_call *call, enum fkv_status status,
                      const char *message)
{
    (void)call;
    assert_non_null(message);
    struct fixture *f = context;
    f->closes++;
    f->status = status;
    f->call = NULL;
    f->had_ended_when_closed = f->ends > 0;
}

static const struct wire_receiver receiver = {
    .on_message_end = on_message_end, .on_end = on_end, .on_closed = on_closed};

static void on_call(void *context, struct wire_call *call)
{
    struct fixture *f = context;
    f->calls++;
    if (f->ignores_calls)
        return;
    f->call = call;
    f->timeout_ns = wire_call_timeout_ns(call);
    wire_call_accept(call, &receiver, f);
    if (f->drains_at_once)
        wire_session_drain(f->t.session);
    if (f->finishes_at_once)
        wire_call_finish(call, FKV_UNIMPLEMENTED, "no");
}

static void begin(struct fixture *f, const struct wire_limits *limits)
{
    *f = (struct fixture){0};
    const struct wire_events events = {on_call, f};
    tested_begin(&f->t, limits, &events, NULL);
}

static void end(struct fixture *f)
{
    tested_end(&f->t);
}

/* Feeds all that was added, well, and gives the answer as text. */
static const char *answer_to_all(struct fixture *f)
{
    tested_feed_well(&f->t);
    return take_answer(&f->t.answer, f->t.session);
}

static void begin_with_short_lists(struct fixture *f)
{
    struct wire_limits limits = wire_limits_default;
    limits.header_bytes_max = 1000;
    begin(f, &limits);
}

/* The call of that stream has ended so; a message may follow a failure. */
static void assert_ended(const char *text, unsigned stream, int grpc_status)
{
    char expected[100];
    snprintf(expected, sizeof expected,
             "HEADERS+ %u :status=200 content-type=application/grpc grpc-status=%d%s", stream,
             grpc_status, grpc_status == 0 ? "\n" : "");
    assert_non_null(strstr(text, expected));
}

static void closes_on_other_protocols(void **state)
{
    (void)state;
    static const char *const openings[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                           "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello....",
                                           "PRI * HTTP/2.0\r\n\r\nSM\r\n\rx", "\n"};
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        for (size_t step = 1; step < 100; step += 98) {
            struct fixture f;
            begin(&f, &wire_limits_default);
            struct fkv_error error;
            enum fkv_status status = FKV_OK;
            struct slice rest = slice_text(openings[i]);
            while (rest.size > 0)
                status = wire_session_feed(f.t.session, slice_take(&rest, step), &error);
            assert_int_equal(status, FKV_UNAVAILABLE);
            assert_non_null(strstr(error.message, "doesn't speak HTTP/2"));
            take_answer(&f.t.answer, f.t.session);
            assert_int_equal(wire_session_state(f.t.session), WIRE_OVER);
            end(&f);
        }
    }
}

static void answers_requests_that_are_no_grpc(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &wire_limits_default);
    static const char *const get[] = {":method", "GET",        ":scheme", "http", ":path",
                                      "/",       ":authority", "x",       NULL};
    add_headers(&f.t.in, END_STREAM, 1, get);
    static const char *const html[] = {
        ":method", "POST",       ":scheme", "http",         ":path",
        "/",       ":authority", "x",       "content-type", "application/grpcweb",
        NULL};
    add_headers(&f.t.in, 0, 3, html);
    const char *text = answer_to_all(&f);
    assert_non_null(strstr(text, "HEADERS+ 1 :status=405\n"));
    assert_non_null(strstr(text, "HEADERS+ 3 :status=415\nRST_STREAM 3 0\n"));
    assert_int_equal(f.calls, 0);
    end(&f);
}

static void answers_what_grpc_forbids(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *answer;
    } rows[] = {
        {"grpc-encoding", "gzip", "grpc-accept-encoding=identity grpc-status=12"},
        {"grpc-timeout", "5x", "grpc-status=13"},
        {"some-bin", "@", "grpc-status=13"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture f;
        begin(&f, &wire_limits_default);
        add_headers(&f.t.in, END_STREAM, 1, REQUEST(rows[i].name, rows[i].value, ));
        const char *text = answer_to_all(&f);
        assert_non_null(strstr(text, "HEADERS+ 1 :status=200 content-type=application/grpc"));
        assert_non_null(strstr(text, rows[i].answer));
        assert_non_null(strstr(text, "x-arrow-status="));
        assert_int_equal(f.calls, 0);
        end(&f);
    }
}

static void takes_unusual_requests(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &wire_limits_default);
    add_headers(&f.t.in, END_STREAM, 1,
                REQUEST("grpc-encoding", "identity", "grpc-timeout", "100m", "blanks", "  x  ", ));
    tested_feed_well(&f.t);
    assert_int_equal(f.calls, 1);
    assert_int_equal(f.timeout_ns, 100000000);
    assert_true(slice_is(wire_metadata_get(wire_call_metadata(f.call), "blanks"), "x"));
    expect_answer(&f.t.answer, f.t.session,
                  "HEADERS+ 1 :status=200 content-type=application/grpc grpc-status=0\n");
    assert_int_equal(f.status, FKV_OK);
    end(&f);
}

static void bad_messages_end_the_call(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        int flags;
        const char *answer;
    } rows[] = {
        {"\1\0\0\0\1x", 6, 0, "grpc-status=13"},
        {"\0\0\0\7\1x", 6, 0, "grpc-status=8"},
        {"\0\0\0\0\2x", 6, END_STREAM, "grpc-status=13"},
    };
    struct wire_limits limits = wire_limits_default;
    limits.message_bytes_max = 1000;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture f;
        begin(&f, &limits);
        add_headers(&f.t.in, 0, 1, REQUEST());
        add_frame(&f.t.in, DATA, rows[i].flags, 1, rows[i].bytes, rows[i].size);
        add_frame(&f.t.in, PING, 0, 0, "12345678", 8); /* the connection lives on */
        const char *text = answer_to_all(&f);
        assert_non_null(strstr(text, rows[i].answer));
        assert_non_null(strstr(text, "PING+ 0 12345678"));
        assert_int_equal(strstr(text, "RST_STREAM 1 0\n") != NULL, rows[i].flags == 0);
        assert_int_equal(f.messages, 0);
        assert_int_equal(f.ends, 0);
        assert_int_equal(f.closes, 1);
        end(&f);
    }
}

static void long_header_list_ends_only_the_call(void **state)
{
    (void)state;
    struct fixture f;
    begin_with_short_lists(&f);
    static const char value[] = "a value of some length, to fill the list of the header fields up";
    add_headers(&f.t.in, END_STREAM, 1,
                REQUEST("a", value, "b", value, "c", value, "d", value, "e", value, "f", value, "g",
                        value, "h", value, "i", value, "j", value, ));
    add_headers(&f.t.in, END_STREAM, 3, REQUEST());
    const char *text = answer_to_all(&f);
    assert_ended(text, 1, 8);
    assert_ended(text, 3, 0);
    assert_int_equal(f.calls, 1);
    end(&f);
}

/* Several values joined by commas are as many entries to keep: a list of nothing but commas would
 * become a thousand times as large. */
static void joined_values_count_one_by_one(void **state)
{
    (void)state;
    struct fixture f;
    begin_with_short_lists(&f);
    add_headers(&f.t.in, END_STREAM, 1, REQUEST("x-bin", "AAAA,AAAA,AAAA", ));
    add_headers(&f.t.in, END_STREAM, 3,
                REQUEST("x-bin", ",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,", ));
    const char *text = answer_to_all(&f);
    assert_ended(text, 1, 0);
    assert_ended(text, 3, 8);
    end(&f);
}

/* HEADERS of one block and then of trailers, whose one long field is named a thousand times over:
 * a byte each on the wire, once it is in the table. */
static void add_bomb(struct buf *to, uint32_t stream, bool is_trailer)
{
    static const char *const heads[] = {":method", "POST",     ":scheme",      "http",
                                        ":path",   "/a",       ":authority",   "h",
                                        "te",      "trailers", "content-type", "application/grpc"};
    struct buf block;
    buf_init(&block, alloc_system(), 1 << 20);
    if (is_trailer)
        add_headers(to, 0, stream, REQUEST());
    for (size_t i = 0; i < sizeof heads / sizeof heads[0] && !is_trailer; i += 2)
        add_field(&block, heads[i], heads[i + 1]);
    buf_byte(&block, 0x40); /* kept, as the first of the dynamic table */
    buf_byte(&block, 1);
    buf_text(&block, "x");
    buf_byte(&block, 100);
    for (int i = 0; i < 100; i++)
        buf_byte(&block, 'v');
    for (int i = 0; i < 1000; i++)
        buf_byte(&block, 0x80 | 62);
    add_frame(to, HEADERS, END_STREAM | END_HEADERS, stream, block.data, block.size);
    buf_done(&block);
}

static void hopeless_header_list_is_reset(void **state)
{
    (void)state;
    struct fixture f;
    begin_with_short_lists(&f);
    add_bomb(&f.t.in, 1, false);
    add_bomb(&f.t.in, 3, true);
    add_headers(&f.t.in, END_STREAM, 5, REQUEST());
    const char *text = answer_to_all(&f);
    assert_non_null(strstr(text, "RST_STREAM 1 11\n"));
    assert_non_null(strstr(text, "RST_STREAM 3 11\n"));
    assert_ended(text, 5, 0);
    end(&f);
}

/* What a peer opens and resets in one go holds no more memory than one call. */
static void reset_calls_do_not_pile_up(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &wire_limits_default);
    size_t live[2];
    for (uint32_t round = 0, stream = 1; round < 2; round++) {
        for (unsigned i = 0; i < (round == 0 ? 1 : 500); i++, stream += 2) {
            add_headers(&f.t.in, 0, stream, REQUEST("name", "value", ));
            add_number_frame(&f.t.in, RST_STREAM, stream, 8);
        }
        tested_feed_well(&f.t);
        live[round] = f.t.memory.live;
    }
    assert_int_equal(f.closes, 501);
    assert_true(live[1] < live[0] + 10);
    end(&f);
}

static void early_end_resets_without_error(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &wire_limits_default);
    f.finishes_at_once = true;
    add_headers(&f.t.in, 0, 1, REQUEST());
    const char *text = answer_to_all(&f);
    assert_non_null(strstr(text, "grpc-status=12"));
    assert_non_null(strstr(text, "\nRST_STREAM 1 0\n"));
    assert_int_equal(f.status, FKV_OK);                 /* the answer was sent */
    add_frame(&f.t.in, DATA, END_STREAM, 1, "late", 4); /* was on its way */
    tested_feed_well(&f.t);
    end(&f);
}

/* Rust's client drops a put as soon as it has the answer; what was ended stays ended. */
static void end_before_reset_counts(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &wire_limits_default);
    add_headers(&f.t.in, 0, 1, REQUEST());
    add_frame(&f.t.in, DATA, END_STREAM, 1, "\0\0\0\0\1x", 6);
    add_number_frame(&f.t.in, RST_STREAM, 1, 8);
    tested_feed_well(&f.t);
    assert_int_equal(f.messages, 1);
    assert_int_equal(f.closes, 1);
    assert_true(f.had_ended_when_closed);
    assert_int_equal(f.status, FKV_CANCELLED);
    end(&f);
}

static void refuses_streams_over_the_limit(void **state)
{
    (void)state;
    struct fixture f;
    struct wire_limits limits = wire_limits_default;
    limits.streams_max = 2;
    begin(&f, &limits);
    for (uint32_t stream = 1; stream <= 5; stream += 2)
        add_headers(&f.t.in, 0, stream, REQUEST());
    tested_feed_well(&f.t);
    expect_answer(&f.t.answer, f.t.session, "RST_STREAM 5 7\n");
    assert_int_equal(f.calls, 2);
    /* A client that has acknowledged the limit and goes over it breaks the protocol. */
    add_frame(&f.t.in, SETTINGS, ACK, 0, "", 0);
    add_headers(&f.t.in, 0, 7, REQUEST());
    struct fkv_error error;
    assert_int_equal(tested_feed(&f.t, &error), FKV_UNAVAILABLE);
    expect_answer(&f.t.answer, f.t.session, "GOAWAY 0 1\n");
    end(&f);
}

static void violation_ends_the_session(void **state)
{
    (void)state;
    struct fixture f;
    struct fkv_error error;
    begin(&f, &wire_limits_default);
    add_frame(&f.t.in, DATA, 0, 0, "x", 1);
    assert_int_equal(tested_feed(&f.t, &error), FKV_UNAVAILABLE);
    assert_non_null(strstr(error.message, "PROTOCOL_ERROR"));
    add_frame(&f.t.in, PING, 0, 0, "12345678", 8);
    assert_int_equal(tested_feed(&f.t, &error), FKV_UNAVAILABLE);
    const char *text = take_answer(&f.t.answer, f.t.session);
    assert_non_null(strstr(text, "GOAWAY 0 1\n"));
    assert_null(strstr(text, "PING"));
    assert_int_equal(wire_session_state(f.t.session), WIRE_OVER);
    assert_int_not_equal(wire_session_state(f.t.session), WIRE_HAS_OUTPUT);
    end(&f);
}

/* Answers that nobody reads must not pile up. */
static void bounds_a_flood_of_pings(void **state)
{
    (void)state;
    struct fixture f;
    struct fkv_error error;
    struct wire_limits limits = wire_limits_default;
    limits.output_bytes_max = 20000;
    begin(&f, &limits);
    enum fkv_status status = FKV_OK;
    for (int i = 0; i < 500 && status == FKV_OK; i++) {
        for (int k = 0; k < 100; k++)
            add_frame(&f.t.in, PING, 0, 0, "12345678", 8);
        status = tested_feed(&f.t, &error);
    }
    assert_int_equal(status, FKV_UNAVAILABLE);
    assert_true(take_answer(&f.t.answer, f.t.session) != NULL && f.t.answer.bytes.size < 60000);
    end(&f);
}

/* Streams opened and reset as fast as it goes (CVE-2023-44487). */
static void bounds_a_flood_of_resets(void **state)
{
    (void)state;
    struct fixture f;
    struct fkv_error error;
    begin(&f, &wire_limits_default);
    enum fkv_status status = FKV_OK;
    uint32_t stream = 1;
    for (; stream < 100000 && status == FKV_OK; stream += 2) {
        add_headers(&f.t.in, END_STREAM, stream, REQUEST());
        add_number_frame(&f.t.in, RST_STREAM, stream, 8);
        status = tested_feed(&f.t, &error);
    }
    assert_int_equal(status, FKV_UNAVAILABLE);
    assert_true(stream > 2 * 5000); /* but a busy client may drop thousands of calls */
    assert_int_equal(f.closes, f.calls);
    end(&f);
}

/* With no window the messages wait, but the news of an error doesn't. */
static void error_passes_a_closed_window(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &wire_limits_default);
    f.to_send = 3;
    f.waits_then = true;
    add_frame(&f.t.in, SETTINGS, 0, 0, "\0\4\0\0\0\x14", 6); /* INITIAL_WINDOW_SIZE 20 */
    add_headers(&f.t.in, END_STREAM, 1, REQUEST());
    tested_feed_well(&f.t);
    take_answer(&f.t.answer, f.t.session);
    assert_int_equal(f.t.answer.data_bytes, 20);
    wire_call_finish(f.call, FKV_ABORTED, "enough");
    const char *text = take_answer(&f.t.answer, f.t.session);
    assert_null(strstr(text, "HEADERS")); /* queued messages go first */
    add_number_frame(&f.t.in, WINDOW, 1, 30);
    tested_feed_well(&f.t);
    text = take_answer(&f.t.answer, f.t.session);
    assert_non_null(strstr(text, "grpc-status=10"));
    assert_int_equal(f.t.answer.data_bytes, 30);
    end(&f);

    begin(&f, &wire_limits_default);
    f.to_send = 1;
    f.waits_then = true;
    add_frame(&f.t.in, SETTINGS, 0, 0, "\0\4\0\0\0\x0f", 6);
    add_headers(&f.t.in, END_STREAM, 1, REQUEST());
    tested_feed_well(&f.t);
    take_answer(&f.t.answer, f.t.session);
    wire_call_finish(f.call, FKV_ABORTED, "enough");
    expect_answer(&f.t.answer, f.t.session, "HEADERS+ 1 grpc-status=10");
    assert_int_equal(f.closes, 1);
    end(&f);
}

/* Peers count tiny DATA frames. */
static void short_messages_share_frames(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &wire_limits_default);
    f.to_send = 4000;
    add_headers(&f.t.in, END_STREAM, 1, REQUEST());
    tested_feed_well(&f.t);
    take_answer(&f.t.answer, f.t.session);
    assert_int_equal(f.t.answer.data_bytes, 4000 * 15);
    assert_int_equal(f.t.answer.data_frames, 4); /* of at most 16,384 bytes, the peer's limit */
    assert_int_equal(f.t.answer.longest_data, 16384);
    end(&f);
}

static void calls_take_turns(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &wire_limits_default);
    f.to_send = 8000; /* for both together: more than the connection's window */
    add_headers(&f.t.in, END_STREAM, 1, REQUEST());
    add_headers(&f.t.in, END_STREAM, 3, REQUEST());
    tested_feed_well(&f.t);
    expect_answer(&f.t.answer, f.t.session, "DATA 1\nDATA 3\nDATA 1\nDATA 3\n");
    assert_int_equal(f.t.answer.data_bytes, 65535);
    end(&f);
}

static void answers_pings_while_calls_wait(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &wire_limits_default);
    f.waits_then = true;
    add_headers(&f.t.in, END_STREAM, 1, REQUEST());
    tested_feed_well(&f.t);
    take_answer(&f.t.answer, f.t.session);
    add_frame(&f.t.in, PING, 0, 0, "abcdefgh", 8);
    tested_feed_well(&f.t);
    assert_int_equal(wire_session_state(f.t.session), WIRE_HAS_OUTPUT);
    expect_answer(&f.t.answer, f.t.session, "PING+ 0 abcdefgh\n");
    assert_int_not_equal(wire_session_state(f.t.session), WIRE_HAS_OUTPUT);
    wire_call_flush_headers(f.call);
    expect_answer(&f.t.answer, f.t.session,
                  "HEADERS 1 :status=200 content-type=application/grpc\n");
    wire_call_resume(f.call);
    assert_string_equal(take_answer(&f.t.answer, f.t.session), "");
    f.waits_then = false;
    wire_call_resume(f.call);
    expect_answer(&f.t.answer, f.t.session, "HEADERS+ 1 grpc-status=0\n");
    end(&f);
}

static void sends_headers_and_trailers_of_the_call(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &wire_limits_default);
    f.waits_then = true;
    add_headers(&f.t.in, END_STREAM, 1, REQUEST());
    add_headers(&f.t.in, END_STREAM, 3, REQUEST());
    tested_feed_well(&f.t);
    wire_call_header(f.call, "H-bin", slice_of("\0\1", 2));
    wire_call_trailer(f.call, "t", slice_text("v"));
    wire_call_flush_headers(f.call);
    expect_answer(&f.t.answer, f.t.session,
                  "HEADERS 3 :status=200 content-type=application/grpc h-bin=AAE\n");
    wire_call_trailer(f.call, "bad", slice_text("a\nb"));
    assert_true(wire_call_is_finished(f.call));
    expect_answer(&f.t.answer, f.t.session, "HEADERS+ 3 t=v grpc-status=13");
    end(&f);
}

static void sends_many_trailers(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &wire_limits_default);
    f.waits_then = true;
    add_headers(&f.t.in, END_STREAM, 1, REQUEST());
    tested_feed_well(&f.t);
    for (int i = 0; i < 50; i++) {
        char name[10];
        snprintf(name, sizeof name, "t%d", i);
        wire_call_trailer(f.call, name, slice_text("v"));
    }
    wire_call_finish(f.call, FKV_OK, NULL);
    expect_answer(&f.t.answer, f.t.session, " t48=v t49=v grpc-status=0\n");
    end(&f);
}

/* Closed calls lend their memory to the next ones. */
static void calls_inherit_nothing(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &wire_limits_default);
    f.waits_then = true;
    add_headers(&f.t.in, END_STREAM, 1, REQUEST("grpc-timeout", "5S", "a", "b", ));
    tested_feed_well(&f.t);
    const struct wire_call *first = f.call;
    wire_call_header(f.call, "h", slice_text("v"));
    wire_call_flush_headers(f.call);
    wire_call_trailer(f.call, "t", slice_text("v"));
    wire_call_finish(f.call, FKV_DATA_LOSS, "gone");
    expect_answer(&f.t.answer, f.t.session, "t=v grpc-status=15 grpc-message=gone");
    tested_feed_well(&f.t); /* frees it */
    f.waits_then = false;
    f.to_send = 1;
    add_headers(&f.t.in, END_STREAM, 3, REQUEST());
    tested_feed_well(&f.t);
    assert_ptr_equal(f.call, first);
    assert_int_equal(wire_call_metadata(f.call).count, 0);
    assert_int_equal(f.timeout_ns, UINT64_MAX);
    assert_int_equal(wire_call_progress(f.call).framed_bytes, 0);
    expect_answer(&f.t.answer, f.t.session,
                  "HEADERS 3 :status=200 content-type=application/grpc\n");
    assert_int_equal(f.status, FKV_OK);
    end(&f);
}

static void careless_services_get_an_error(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &wire_limits_default);
    f.ignores_calls = true;
    add_headers(&f.t.in, END_STREAM, 1, REQUEST());
    tested_feed_well(&f.t);
    expect_answer(&f.t.answer, f.t.session, "grpc-status=12");
    f.ignores_calls = false;
    f.gives_nothing = true;
    add_headers(&f.t.in, END_STREAM, 3, REQUEST());
    tested_feed_well(&f.t);
    expect_answer(&f.t.answer, f.t.session, "grpc-status=13");
    end(&f);
}

/* Requests behind the one that made the server drain were never looked at, and say so. */
static void drains_from_inside_a_call(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &wire_limits_default);
    f.drains_at_once = true;
    for (uint32_t stream = 1; stream <= 5; stream += 2)
        add_headers(&f.t.in, END_STREAM, stream, REQUEST());
    const char *text = answer_to_all(&f);
    assert_non_null(strstr(text, "GOAWAY 0 0\n"));
    assert_non_null(strstr(text, "RST_STREAM 3 7\n"));
    assert_non_null(strstr(text, "RST_STREAM 5 7\n"));
    assert_ended(text, 1, 0);
    assert_int_equal(f.calls, 1);
    assert_int_equal(wire_session_state(f.t.session), WIRE_AWAITS_CLOSE); /* it may have to read */
    end(&f);
}

int main(void)
{
    RUN_TESTS(
        cmocka_unit_test(closes_on_other_protocols),
        cmocka_unit_test(answers_requests_that_are_no_grpc),
        cmocka_unit_test(answers_what_grpc_forbids), cmocka_unit_test(takes_unusual_requests),
        cmocka_unit_test(bad_messages_end_the_call),
        cmocka_unit_test(long_header_list_ends_only_the_call),
        cmocka_unit_test(joined_values_count_one_by_one),
        cmocka_unit_test(hopeless_header_list_is_reset),
        cmocka_unit_test(reset_calls_do_not_pile_up),
        cmocka_unit_test(early_end_resets_without_error), cmocka_unit_test(end_before_reset_counts),
        cmocka_unit_test(refuses_streams_over_the_limit),
        cmocka_unit_test(violation_ends_the_session), cmocka_unit_test(bounds_a_flood_of_pings),
        cmocka_unit_test(bounds_a_flood_of_resets), cmocka_unit_test(error_passes_a_closed_window),
        cmocka_unit_test(short_messages_share_frames), cmocka_unit_test(calls_take_turns),
        cmocka_unit_test(answers_pings_while_calls_wait),
        cmocka_unit_test(sends_headers_and_trailers_of_the_call),
        cmocka_unit_test(sends_many_trailers), cmocka_unit_test(calls_inherit_nothing),
        cmocka_unit_test(careless_services_get_an_error),
        cmocka_unit_test(drains_from_inside_a_call));
}
