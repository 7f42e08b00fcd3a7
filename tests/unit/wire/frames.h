/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 frames made and read by hand, to play a peer that a real one wouldn't be. */
#ifndef TEST_WIRE_FRAMES_H
#define TEST_WIRE_FRAMES_H

#include "harness/test.h"

#include <nghttp2/nghttp2.h>

#include "base/buf.h"
#include "wire/session.h"

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW = 8 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

static inline void add_frame(struct buf *to, int type, int flags, uint32_t stream,
                             const void *payload, size_t size)
{
    const uint8_t head[] = {
        (uint8_t)(size >> 16),   (uint8_t)(size >> 8),   (uint8_t)size,
        (uint8_t)type,           (uint8_t)flags,         (uint8_t)(stream >> 24),
        (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream,
    };
    buf_append(to, head, sizeof head);
    buf_append(to, payload, size);
    assert_false(to->failed);
}

static inline void add_preface(struct buf *to)
{
    buf_text(to, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    add_frame(to, SETTINGS, 0, 0, "", 0);
}

static inline void add_number_frame(struct buf *to, int type, uint32_t stream, uint32_t number)
{
    const uint8_t payload[] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                               (uint8_t)(number >> 8), (uint8_t)number};
    add_frame(to, type, 0, stream, payload, sizeof payload);
}

/* A header field as an HPACK literal; names and values are shorter than 127 bytes. */
static inline void add_field(struct buf *block, const char *name, const char *value)
{
    buf_byte(block, 0);
    buf_byte(block, (uint8_t)strlen(name));
    buf_text(block, name);
    buf_byte(block, (uint8_t)strlen(value));
    buf_text(block, value);
}

/* Pairs of name and value, ended by NULL. */
static inline void add_headers(struct buf *to, int flags, uint32_t stream,
                               const char *const *fields)
{
    struct buf block;
    buf_init(&block, alloc_system(), 1 << 20);
    for (; fields[0] != NULL; fields += 2)
        add_field(&block, fields[0], fields[1]);
    add_frame(to, HEADERS, flags | END_HEADERS, stream, block.data, block.size);
    buf_done(&block);
}

/* Fields of a call as it should be, and those given, each with a comma behind it. */
#define REQUEST(...)                                                                              \
    (const char *const[])                                                                         \
    {                                                                                             \
        ":method", "POST", ":scheme", "http", ":path", "/s/m", ":authority", "x", "content-type", \
            "application/grpc", __VA_ARGS__ NULL                                                  \
    }

/* ---- what a session answers ---- */

struct answer {
    struct buf bytes;
    struct buf text; /* one frame a line: "HEADERS+ 1 :status=200 grpc-status=0", '+': END_STREAM */
    nghttp2_hd_inflater *inflater;
    unsigned data_frames;
    size_t data_bytes, longest_data;
};

static inline void answer_init(struct answer *answer)
{
    *answer = (struct answer){0};
    buf_init(&answer->bytes, alloc_system(), 64 << 20);
    buf_init(&answer->text, alloc_system(), 4 << 20);
    assert_int_equal(nghttp2_hd_inflate_new(&answer->inflater), 0);
}

static inline void answer_done(struct answer *answer)
{
    buf_done(&answer->bytes);
    buf_done(&answer->text);
    nghttp2_hd_inflate_del(answer->inflater);
}

static inline void show_fields(struct answer *answer, const uint8_t *block, size_t size)
{
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(answer->inflater, &nv, &flags, block, size, 1);
        assert_true(used >= 0);
        block += used;
        size -= (size_t)used;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
            buf_printf(&answer->text, " %s=%s", nv.name, nv.value);
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
            nghttp2_hd_inflate_end_headers(answer->inflater);
            return;
        }
    }
}

static inline uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void show_frame(struct answer *answer, const uint8_t *head, const uint8_t *payload,
                              size_t size)
{
    static const char *const names[] = {"DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS",
                                        "PUSH", "PING",    "GOAWAY",   "WINDOW"};
    int type = head[3], flags = head[4];
    if (type == WINDOW)
        return;
    bool is_marked = (flags & END_STREAM) != 0 && type != GOAWAY;
    buf_printf(&answer->text, "%s%s %u", names[type], is_marked ? "+" : "", load_be32(head + 5));
    if (type == HEADERS)
        show_fields(answer, payload, size);
    else if (type == RST_STREAM)
        buf_printf(&answer->text, " %u", load_be32(payload));
    else if (type == GOAWAY)
        buf_printf(&answer->text, " %u", load_be32(payload + 4));
    else if (type == PING)
        buf_printf(&answer->text, " %.*s", (int)size, (const char *)payload);
    else if (type == DATA) {
        answer->data_frames++;
        answer->data_bytes += size;
        if (size > answer->longest_data)
            answer->longest_data = size;
    }
    buf_text(&answer->text, "\n");
}

/* Adds the text of the whole frames at the beginning of `bytes` and gives what is behind them. */
static inline struct slice show_frames(struct answer *answer, struct slice bytes)
{
    while (bytes.size >= 9) {
        size_t size = (size_t)bytes.data[0] << 16 | (size_t)bytes.data[1] << 8 | bytes.data[2];
        if (bytes.size < 9 + size)
            break;
        show_frame(answer, bytes.data, bytes.data + 9, size);
        slice_take(&bytes, 9 + size);
    }
    assert_false(answer->text.failed);
    return bytes;
}

/* Takes all output of the session and gives the text of its frames. */
static inline const char *take_answer(struct answer *answer, struct wire_session *session)
{
    struct iovec iov[16];
    size_t count;
    buf_clear(&answer->bytes);
    buf_clear(&answer->text);
    while ((count = wire_session_next(session, iov, 16, 50000)) > 0) {
        size_t moved = 0;
        for (size_t i = 0; i < count; i++) {
            buf_append(&answer->bytes, iov[i].iov_base, iov[i].iov_len);
            moved += iov[i].iov_len;
        }
        wire_session_sent(session, moved);
    }
    struct slice rest = buf_slice(&answer->bytes);
    if (rest.size >= 24 && memcmp(rest.data, "PRI * HTTP", 10) == 0)
        slice_take(&rest, 24);
    assert_int_equal(show_frames(answer, rest).size, 0);
    assert_false(answer->bytes.failed);
    return buf_c_text(&answer->text);
}

static inline void expect_answer(struct answer *answer, struct wire_session *session,
                                 const char *part)
{
    const char *text = take_answer(answer, session);
    if (strstr(text, part) == NULL)
        fail_msg("expected '%s' in\n%s", part, text);
}

/* ---- the session under test ---- */

/* What every fixture has: frames for the session are gathered in `in`. */
struct tested {
    struct test_alloc memory;
    struct wire_session *session;
    struct answer answer;
    struct buf in;
};

/* `authority` is a client's, else NULL; a server's peer has said its first words. */
static inline void tested_begin(struct tested *t, const struct wire_limits *limits,
                                const struct wire_events *events, const char *authority)
{
    struct fkv_error error;
    *t = (struct tested){0};
    test_alloc_init(&t->memory, 0);
    buf_init(&t->in, alloc_system(), 64 << 20);
    answer_init(&t->answer);
    assert_ok(wire_session_new(&t->memory.alloc, authority != NULL ? WIRE_CLIENT : WIRE_SERVER,
                               limits, events, authority, &t->session, &error));
    if (authority == NULL)
        add_preface(&t->in);
}

static inline void tested_end(struct tested *t)
{
    wire_session_free(t->session);
    assert_int_equal(t->memory.live, 0);
    answer_done(&t->answer);
    buf_done(&t->in);
}

/* Feeds all that was gathered. */
static inline enum fkv_status tested_feed(struct tested *t, struct fkv_error *error)
{
    enum fkv_status status = wire_session_feed(t->session, buf_slice(&t->in), error);
    buf_clear(&t->in);
    return status;
}

static inline void tested_feed_well(struct tested *t)
{
    struct fkv_error error;
    assert_ok(tested_feed(t, &error));
}

#endif
