/* SPDX-License-Identifier: Apache-2.0 */
/* Where a server's session wants bytes, in the middle of frames made by hand. */
#include <stdlib.h>

#include "unit/wire/frames.h"
#include "wire/internal.h"

/* Of one call, which wants all bytes of its messages at `places`. */
struct fixture {
    struct tested t;
    struct wire_call *call; /* NULL once closed */
    uint8_t *place;         /* malloced, of `place_size` bytes; freed when they have come */
    size_t place_size;
    size_t in_place; /* bytes that came there */
    size_t bytes, messages;
    enum fkv_status refuses; /* what on_bytes answers */
    bool has_no_place;
};

enum { frame_bytes = 1000, message_bytes = 700, prefix_bytes = 5 };

static uint8_t *target(void *context, struct wire_call *call, size_t *size)
{
    struct fixture *f = context;
    assert_ptr_equal(call, f->call);
    free(f->place);
    f->place = f->has_no_place ? NULL : malloc(*size);
    f->place_size = *size;
    return f->place;
}

/* As a receiver whose memory goes as soon as it has what it wanted. */
static enum fkv_status on_bytes(void *context, struct wire_call *call, struct slice bytes,
                                struct fkv_error *error)
{
    (void)call;
    struct fixture *f = context;
    f->bytes += bytes.size;
    if (bytes.data == f->place) {
        assert_true(bytes.size <= f->place_size);
        f->in_place += bytes.size;
        free(f->place);
        f->place = NULL;
    }
    return f->refuses == FKV_OK ? FKV_OK : status_set(error, f->refuses, "no");
}

static enum fkv_status on_message_end(void *context, struct wire_call *call,
                                      struct fkv_error *error)
{
    (void)call;
    (void)error;
    ((struct fixture *)context)->messages++;
    return FKV_OK;
}

static void on_closed(void *context, struct wire_call *call, enum fkv_status status,
                      const char *message)
{
    (void)call;
    (void)status;
    (void)message;
    ((struct fixture *)context)->call = NULL;
}

static const struct wire_receiver receiver = {.on_bytes = on_bytes,
                                              .on_message_end = on_message_end,
                                              .target = target,
                                              .on_closed = on_closed};

static void on_call(void *context, struct wire_call *call)
{
    struct fixture *f = context;
    f->call = call;
    wire_call_accept(call, &receiver, f);
}

static void feed(struct fixture *f, struct slice bytes)
{
    struct fkv_error error;
    assert_ok(wire_session_feed(f->t.session, bytes, &error));
}

/* The call is there; `field` is one more of its headers, or NULL. Of what the session answers, no
 * more than the SETTINGS at the beginning is written before somebody takes it: so a call that
 * nghttp2 resets is still there. */
static void begin(struct fixture *f, const char *field, const char *value)
{
    struct wire_limits limits = wire_limits_default;
    limits.output_bytes_max = 1;
    *f = (struct fixture){0};
    const struct wire_events events = {on_call, f};
    tested_begin(&f->t, &limits, &events, NULL);
    add_headers(&f->t.in, 0, 1, REQUEST(field, value, ));
    tested_feed_well(&f->t);
    assert_non_null(f->call);
}

static void end(struct fixture *f)
{
    tested_end(&f->t);
    free(f->place);
}

/* A frame with the beginning of a message, or all of it and zeros behind it: not fed yet. */
static void make_frame(struct fixture *f, int flags, size_t message_size)
{
    uint8_t payload[frame_bytes] = {0};
    payload[3] = (uint8_t)(message_size >> 8);
    payload[4] = (uint8_t)message_size;
    buf_clear(&f->t.in);
    add_frame(&f->t.in, DATA, flags, 1, payload, sizeof payload);
}

enum { head_bytes = 9 };

/* Feeds the frame up to its payload's byte `at`, and gives the rest. */
static struct slice feed_until(struct fixture *f, size_t at)
{
    struct slice rest = buf_slice(&f->t.in);
    feed(f, slice_take(&rest, head_bytes + at));
    return rest;
}

static void expect_target(struct fixture *f, size_t asked, size_t size)
{
    size_t cut = asked;
    uint8_t *place = wire_session_target(f->t.session, &cut);
    assert_non_null(place);
    assert_ptr_equal(place, f->place);
    assert_int_equal(cut, size);
}

static void expect_none(struct fixture *f)
{
    size_t size = 100000;
    assert_null(wire_session_target(f->t.session, &size));
}

/* Reads the next bytes into the target, as the pump does. */
static void feed_target(struct fixture *f, struct slice *rest, size_t size)
{
    struct slice bytes = slice_take(rest, size);
    memcpy(f->place, bytes.data, bytes.size);
    feed(f, slice_of(f->place, bytes.size));
}

static void no_further_than_frame_and_message(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL, NULL);
    expect_none(&f);
    make_frame(&f, 0, 60000);
    struct slice rest = feed_until(&f, 100);
    expect_target(&f, 50, 50);
    expect_target(&f, 100000, frame_bytes - 100);
    feed_target(&f, &rest, 300);
    expect_target(&f, 100000, frame_bytes - 400);
    feed_target(&f, &rest, frame_bytes - 400);
    expect_none(&f); /* a frame's head comes next */
    assert_int_equal(f.in_place, frame_bytes - 100);
    assert_int_equal(f.bytes, frame_bytes - prefix_bytes);
    end(&f);

    begin(&f, NULL, NULL);
    make_frame(&f, 0, message_bytes);
    rest = feed_until(&f, 100);
    expect_target(&f, 100000, message_bytes + prefix_bytes - 100);
    feed_target(&f, &rest, message_bytes + prefix_bytes - 100);
    assert_int_equal(f.messages, 1);
    expect_none(&f); /* a message's prefix comes next */
    end(&f);
}

/* What wasn't read to the target is handed on all the same, and the target asked for again. */
static void bytes_may_come_from_elsewhere(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL, NULL);
    make_frame(&f, 0, message_bytes);
    struct slice rest = feed_until(&f, 100);
    expect_target(&f, 100000, message_bytes + prefix_bytes - 100);
    feed(&f, slice_take(&rest, 200));
    expect_target(&f, 100000, message_bytes + prefix_bytes - 300);
    feed(&f, rest); /* zeros follow it: messages without bytes */
    assert_int_equal(f.messages, 1 + (frame_bytes - prefix_bytes - message_bytes) / prefix_bytes);
    assert_int_equal(f.in_place, 0);
    assert_int_equal(f.bytes, message_bytes);
    end(&f);
}

/* Nor in a prefix: there must have been some of the message in the last feed. */
static void none_at_a_frames_head(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL, NULL);
    make_frame(&f, 0, 60000);
    struct slice rest = feed_until(&f, 0);
    expect_none(&f);
    feed(&f, slice_take(&rest, prefix_bytes - 1));
    expect_none(&f);
    feed(&f, slice_take(&rest, 2));
    expect_target(&f, 100000, frame_bytes - prefix_bytes - 1);
    f.has_no_place = true;
    expect_none(&f);
    end(&f);
}

static void none_where_there_is_padding(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL, NULL);
    make_frame(&f, 0, 60000);
    f.t.in.data[4] = 8; /* PADDED */
    f.t.in.data[head_bytes] = 100;
    feed_until(&f, 200);
    assert_int_equal(f.bytes, 200 - 1 - prefix_bytes);
    expect_none(&f);
    end(&f);
}

/* The receiver doesn't want the rest, or its call is gone: nobody has a place for it. */
static void none_once_nobody_listens(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct fixture f;
        begin(&f, NULL, NULL);
        make_frame(&f, 0, 60000);
        struct slice rest = feed_until(&f, 100);
        expect_target(&f, 100000, frame_bytes - 100);
        if (how == 0)
            f.refuses = FKV_ABORTED;
        else if (how == 1)
            wire_call_cancel(f.call);
        else
            wire_call_finish(f.call, FKV_ABORTED, "enough");
        feed_target(&f, &rest, 300);
        expect_none(&f);
        take_answer(&f.t.answer, f.t.session);
        expect_none(&f);
        feed(&f, slice_take(&rest, 300));
        expect_none(&f);
        assert_int_equal(f.bytes, 95 + (how == 0 ? 300 : 0));
        end(&f);
    }
}

/* A frame that nghttp2 stops handing on in its middle, as its payload is longer than the request
 * has said: what is left of it counts for nothing, and the next frame is read as ever. */
static void none_in_what_is_ignored(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "content-length", "500");
    make_frame(&f, 0, 60000);
    struct slice rest = feed_until(&f, 100);
    expect_target(&f, 100000, frame_bytes - 100);
    feed_target(&f, &rest, 450);
    assert_int_equal(f.in_place, 0);
    assert_non_null(f.call);
    expect_none(&f);
    feed(&f, slice_take(&rest, 100));
    expect_none(&f);
    feed(&f, rest);
    expect_none(&f);
    buf_clear(&f.t.in);
    add_frame(&f.t.in, PING, 0, 0, "12345678", 8);
    feed(&f, buf_slice(&f.t.in));
    expect_answer(&f.t.answer, f.t.session, "RST_STREAM 1 1");
    end(&f);
}

static void none_when_the_session_has_failed(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL, NULL);
    make_frame(&f, 0, 60000);
    feed_until(&f, 100);
    wire_session_fail(f.t.session, FKV_UNAVAILABLE, "broken");
    expect_none(&f);
    end(&f);
}

int main(void)
{
    RUN_TESTS(cmocka_unit_test(no_further_than_frame_and_message),
              cmocka_unit_test(bytes_may_come_from_elsewhere),
              cmocka_unit_test(none_at_a_frames_head),
              cmocka_unit_test(none_where_there_is_padding),
              cmocka_unit_test(none_once_nobody_listens), cmocka_unit_test(none_in_what_is_ignored),
              cmocka_unit_test(none_when_the_session_has_failed));
}
